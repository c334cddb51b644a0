"""Nobody is asked for the same thing twice: what two forms ask is one fact, is proposed, or stands here with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from casework.law.model import Field, Form, Law

ASKED_ANEW = {
    "reason": "why this act was done, which no other act can say",
    "note": "a remark on this act",
    "number": "each paper has its own number",
    "recipients": "each decision has its own; left open, the list of the papers is printed",
    "conclusion": "a person concludes each time, and a second person apart from the first",
    "to_commune": "the province names a commune after two refusals: the one refused must not be suggested",
    "outcome": "of an activity in words, of the whole case by its kind",
}


def is_begun(one: Field) -> bool:
    return bool(one.offers) or one.default is not None


def asked_twice(law: Law) -> Iterator[str]:
    """Questions of two forms or more with one id or one wording that the case would have to answer again."""
    same: dict[tuple[str, str], list[tuple[Form, Field]]] = defaultdict(list)
    for form in law.forms.values():
        for one in form.fields:
            same["id", one.id].append((form, one))
            same["wording", one.label.vi.strip(" ?:.").casefold()].append((form, one))
    for (how, what), places in same.items():
        open_ones = [(form, one) for form, one in places if not is_begun(one)]
        data = {one.datum for _, one in open_ones}
        if len({form.id for form, _ in open_ones}) < 2 or (len(data) == 1 and None not in data):
            continue
        # A level is what the person sees on that day: an earlier one beside it would be copied.
        if any(one.kind != "level" and one.id not in ASKED_ANEW for _, one in open_ones):
            yield f"{how} {what!r}: " + ", ".join(f"{form.id}.{one.id}" for form, one in open_ones)


def without(form: Form, field_id: str) -> Form:
    """The form with a question that forgot which fact it asks."""
    return replace(
        form,
        sections=tuple(
            replace(
                section,
                fields=tuple(replace(one, datum=None) if one.id == field_id else one for one in section.fields),
            )
            for section in form.sections
        ),
    )


def test_no_datum_is_asked_by_two_forms_without_pre_fill(law: Law) -> None:
    assert list(asked_twice(law)) == []


def test_the_rule_sees_a_question_that_forgot_its_fact(law: Law) -> None:
    forgot = replace(law, forms={**law.forms, "06": without(law.forms["06"], "child_name")})
    assert any("06.child_name" in found for found in asked_twice(forgot))


def test_every_reason_to_ask_anew_is_used(law: Law) -> None:
    asked = [one.id for form in law.forms.values() for one in form.fields]
    assert {name for name in ASKED_ANEW if asked.count(name) < 2} == set()
