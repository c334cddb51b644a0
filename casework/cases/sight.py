"""What of a case's content the person at work may see: its facts and documents, field group by field group.

For pages. What the office itself reasons with (guards, pre-filled forms, packets) reads the whole with `queries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from casework.cases.models import Case, Document
from casework.cases.queries import facts_of_case, find_case, groups_for
from casework.errors import NotFound
from casework.law.forms import datum_fields
from casework.law.model import FIELD_GROUPS, Form
from casework.work import Work

APART = frozenset(("reporter", "restricted"))  # kept from the office itself: no page of the case has them unasked
ATTACHMENTS = "attachments"


def facts_for(work: Work, case: Case) -> Mapping[str, Mapping[str, Any]]:
    """The facts this person may see. Who does not see every group sees none whose group nobody knows."""
    facts = facts_of_case(work, case)
    groups = groups_for(work, case)
    if groups >= set(FIELD_GROUPS) - APART:
        return facts
    owners = datum_fields(work.law_for(case.edition))
    return {datum: entry for datum, entry in facts.items() if datum in owners and owners[datum].group in groups}


def form_for(work: Work, case: Case, form: Form) -> Form:
    """The form with only the questions whose answers this person may see; a section without one is left out."""
    groups = groups_for(work, case)
    sections = (
        replace(one, fields=tuple(field for field in one.fields if field.group in groups)) for one in form.sections
    )
    return replace(form, sections=tuple(one for one in sections if one.fields))


def contents_for(work: Work, case: Case, documents: Sequence[Document]) -> list[dict[str, Any]]:
    """What each document says, as far as this person may see it; one look-up of the key."""
    opened = work.open_all(documents, "content")
    return [_shown(work, case, one, said or {}) for one, said in zip(documents, opened, strict=True)]


def _shown(work: Work, case: Case, document: Document, said: Mapping[str, Any]) -> dict[str, Any]:
    form = work.law_for(document.edition).forms.get(document.form)
    if form is None:
        return {}
    hidden = {one.id for one in form.fields} - {one.id for one in form_for(work, case, form).fields}
    return {name: value for name, value in said.items() if name not in hidden}


def find_whole_case(work: Work, code: str) -> Case:
    """For what shows a file as a whole (papers, scans, exports). Raises NotFound also where this person may see only part."""
    case = find_case(work, code)
    if not groups_for(work, case) >= (set(FIELD_GROUPS) | {ATTACHMENTS}) - APART:
        raise NotFound
    return case
