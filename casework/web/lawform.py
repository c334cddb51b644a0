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
from casework.law.forms import FAULTS, Filled, asked, read, row_up, to_submitted, without_row
from casework.law.model import Field, Form, Law, Section
from casework.law.offers import Prefill
from casework.web.wording import form_number, law_text, short_moment

ADD_ROW, REMOVE_ROW, ROW_UP, DRAFT = "_add", "_remove", "_up", "_draft"


@dataclass(frozen=True)
class SourceNote:
    """Where a pre-filled answer comes from, as the page says it: `Mẫu 01`, `22:14 22/11/2026`. `corrected`: the person has
    since written something else here, which will stand for every later form where the question is one of the case."""

    form: str
    at_text: str
    corrected: bool = False


@dataclass(frozen=True)
class Gap:
    """A question still to be answered before the form can be handed in: its input's name, and a key of FAULTS."""

    name: str
    fault: str


@dataclass(frozen=True)
class Gaps:
    """What a draft still lacks: answers that are needed, answers nobody can read, and how many may stay open."""

    needed: Sequence[Gap]
    open: int


@dataclass(frozen=True)
class Shown:
    """A form as the page shows it: what stands in its boxes, what is wrong, what came from earlier forms, what a draft
    still lacks."""

    form: Form
    typed: Mapping[str, Sequence[str]]
    faults: Mapping[str, str]
    prefilled: Mapping[str, SourceNote]
    saved_at: str | None = None
    gaps: Gaps | None = None

    def for_template(self, law: Law) -> dict[str, Any]:
        return {
            "form": self.form,
            "shown": self.typed,
            "faults": self.faults,
            "prefilled": self.prefilled,
            "fault_texts": FAULTS,
            "articles": law.articles,
            "saved_at": self.saved_at,
            "gaps": self.gaps,
        }


def posted() -> dict[str, list[str]]:
    """What was posted, without the fields that are about the page and not about the child."""
    return {name: request.form.getlist(name) for name in request.form if not name.startswith(("_", "csrf_"))}


@dataclass(frozen=True)
class Rearranged:
    """What was posted by a row's button, with the rows as the button asks."""

    typed: dict[str, list[str]]
    field: str


def row_asked(form: Form) -> Rearranged | None:
    """Where a row's button was pressed: what was posted with that row taken out or moved up. Adding changes nothing in it:
    empty rows always stand after the filled ones."""
    for button, change in ((REMOVE_ROW, without_row), (ROW_UP, row_up)):
        if name := request.form.get(button):
            return Rearranged(change(form, posted(), name), name.rpartition("-")[0])
    name = request.form.get(ADD_ROW)
    return Rearranged(posted(), name) if name else None


def fresh(
    law: Law,
    form: Form,
    found: Mapping[str, Prefill],
    *,
    draft: Mapping[str, Sequence[str]] | None = None,
    saved_at: datetime | None = None,
    defaults: Mapping[str, Any] | None = None,
    gaps: Gaps | None = None,
) -> Shown:
    """The form as it opens: the person's own draft if there is one, else what the case already says, with its source."""
    if draft is not None:
        return Shown(form, draft, {}, notes_of(law, form, found, draft), short_moment(saved_at), gaps)
    values = {**(defaults or {}), **{field: one.value for field, one in found.items()}}
    return Shown(form, to_submitted(form, values), {}, notes_of(law, form, found))


def notes_of(
    law: Law, form: Form, found: Mapping[str, Prefill], typed: Mapping[str, Sequence[str]] | None = None
) -> dict[str, SourceNote]:
    """The source of each answer the case had, also beside one that the person has since corrected in `typed`."""
    return {
        field: SourceNote(
            form_name(law, one.form),
            f"{local(datetime.fromisoformat(one.at)):%H:%M %d/%m/%Y}",
            corrected=typed is not None and not _holds(form.field(field), one.value, typed),
        )
        for field, one in found.items()
    }


def _holds(field: Field, value: Any, typed: Mapping[str, Sequence[str]]) -> bool:
    """Whether the boxes of the question hold this value, and nothing beside it."""
    alone = Form(field.id, field.label, "", "", sections=(Section(field.id, field.label, (field,)),))
    wanted = to_submitted(alone, {field.id: value})
    given = {
        name: list(texts)
        for name, texts in typed.items()
        if (name == field.id or name.startswith(f"{field.id}-")) and any(texts)
    }
    return given == {name: texts for name, texts in wanted.items() if any(texts)}


def gaps_of(form: Form, values: Mapping[str, Any], faults: Mapping[str, str]) -> Gaps:
    """What these answers still lack. Said of a draft, so as a list of what remains and not as errors."""
    needed = [Gap(name, fault) for name, fault in faults.items()]
    left = [one for one in form.fields if one.id not in values and one.id not in faults and asked(one, values)]
    return Gaps(needed, len(left))


def checked(form: Form, typed: Mapping[str, Sequence[str]], now: datetime) -> Filled:
    return read(form, typed, today=local(now).date())


def today(now: datetime) -> date:
    return local(now).date()


def form_name(law: Law, form_id: str) -> str:
    """`Mẫu 01`, or the title of a form without a number."""
    form = law.forms.get(form_id)
    if form is None:
        return form_id
    return (form_number(form) or law_text(form.title)).replace("Mẫu số", "Mẫu")
