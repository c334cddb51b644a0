"""One way to fill in any form of the law: show it pre-filled, keep every keystroke, check it, hand it in.

The page keeps nothing itself: what is typed is a sealed draft from the first save, and the check page reads the draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import request

from casework.clock import local
from casework.law.forms import FAULTS, Filled, prefill, read, to_submitted
from casework.law.model import Form, Law
from casework.web.wording import law_text, short_moment


@dataclass(frozen=True)
class SourceNote:
    """Where a pre-filled answer comes from, as the page says it: `Mẫu 01`, `22/11`."""

    form: str
    at_text: str


@dataclass(frozen=True)
class Shown:
    """A form as the page shows it: what stands in its boxes, what is wrong, what came from earlier forms."""

    form: Form
    typed: Mapping[str, Sequence[str]]
    faults: Mapping[str, str]
    prefilled: Mapping[str, SourceNote]
    saved_at: str | None = None

    def for_template(self, law: Law) -> dict[str, Any]:
        return {
            "form": self.form,
            "shown": self.typed,
            "faults": self.faults,
            "prefilled": self.prefilled,
            "fault_texts": FAULTS,
            "articles": law.articles,
            "saved_at": self.saved_at,
        }


def posted() -> dict[str, list[str]]:
    """What was posted, without the fields that are about the page and not about the child."""
    return {name: request.form.getlist(name) for name in request.form if not name.startswith(("_", "csrf_"))}


def fresh(
    law: Law,
    form: Form,
    facts: Mapping[str, Mapping[str, Any]],
    *,
    draft: Mapping[str, Sequence[str]] | None = None,
    saved_at: datetime | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Shown:
    """The form as it opens: the person's own draft if there is one, else the case's facts with their source."""
    found = prefill(form, facts)
    notes = {field: SourceNote(_form_name(law, one.form), _day(one.at)) for field, one in found.items()}
    if draft is not None:
        return Shown(form, draft, {}, {}, short_moment(saved_at))
    values = {**(defaults or {}), **{field: one.value for field, one in found.items()}}
    return Shown(form, to_submitted(form, values), {}, notes)


def checked(form: Form, typed: Mapping[str, Sequence[str]], now: datetime) -> Filled:
    return read(form, typed, today=local(now).date())


def today(now: datetime) -> date:
    return local(now).date()


def _form_name(law: Law, form_id: str) -> str:
    form = law.forms.get(form_id)
    if form is None:
        return form_id
    return (form.number or law_text(form.title)).replace("Mẫu số", "Mẫu")


def _day(at: str) -> str:
    return local(datetime.fromisoformat(at)).strftime("%d/%m")
