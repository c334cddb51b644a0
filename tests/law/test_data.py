"""The committed edition: whole, sourced, and in the gazette's own words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from casework.errors import LawFault
from casework.law.loader import DATA, law_from, load_law
from casework.law.model import FIELD_GROUPS, Field, Form, Law

GAZETTE: dict[str, Any] = json.loads((Path(__file__).parent / "gazette.json").read_text(encoding="utf-8"))

SLIPS = {"cho biết người lớn biết": "cho người lớn biết"}  # printed twice by mistake; form 03 has it right


def corrected(wording: str) -> str:
    for slip, meant in SLIPS.items():
        wording = wording.replace(slip, meant)
    return wording


def wordings_of(form: Form, law: Law) -> set[str]:
    """Every Vietnamese wording a form shows, options' hints and rows' columns included."""
    found: set[str] = {form.title.vi}

    def add(fields: tuple[Field, ...]) -> None:
        for one in fields:
            found.add(one.label.vi)
            found.update(option.text.vi for option in one.options)
            found.update(text.vi for text in (one.hint, *(option.hint for option in one.options)) if text)
            add(one.columns)

    for section in form.sections:
        found.add(section.title.vi)
        if section.intro:
            found.add(section.intro.vi)
        add(section.fields)
    return found


def expected(number: str) -> Iterator[str]:
    """The strings the form has to show, from the excerpt of the gazette."""
    printed = GAZETTE[f"mau_{number}"]
    for indicator in (*printed.get("harm", ()), *printed.get("ability", ())):
        yield indicator["label"]
        yield from indicator["levels"].values()
    yield from printed.get("conclusion_options", ())
    for key in ("conclusion_high", "conclusion_low"):
        if key in printed:
            yield printed[key].split(": ", 1)[1]
    yield from (question["q"] for question in printed.get("questions", ()))
    for key in ("sections", "head", "needs_columns", "goals", "activities"):
        yield from printed.get(key, ())
    for need in printed.get("needs", ()):
        yield from [need] if isinstance(need, str) else [need["need"], *need["services"]]
    yield from (printed[key] for key in ("date_label", "section_2", "budget", "subtitle") if key in printed)
    yield from printed.get("table_columns", ())[1:]  # without the running number


@pytest.mark.parametrize("number", ["02", "03", "04", "06"])
def test_a_form_speaks_the_gazettes_words(law: Law, number: str) -> None:
    shown = wordings_of(law.forms[number], law)
    missing = [
        wording for wording in expected(number) if not any(text.startswith(corrected(wording)) for text in shown)
    ]
    assert missing == []


@pytest.mark.parametrize("number", ["02", "03", "06"])
def test_indicators_stand_in_the_gazettes_order_with_their_levels(law: Law, number: str) -> None:
    for measure in ("harm", "ability"):
        ours = [
            (one.label.vi, {option.id: option.hint.vi for option in one.options if option.hint})
            for one in law.forms[number].fields
            if one.measure == measure
        ]
        printed = [
            (one["label"], {level: corrected(wording) for level, wording in one["levels"].items()})
            for one in GAZETTE[f"mau_{number}"][measure]
        ]
        assert ours == printed


@pytest.mark.parametrize("number", ["02", "03", "04", "06"])
def test_a_forms_title_is_the_gazettes(law: Law, number: str) -> None:
    assert law.forms[number].title.vi.upper() == GAZETTE[f"mau_{number}"]["title"].upper()


def test_the_gazettes_slips_are_not_copied(law: Law) -> None:
    shown = {wording for form in law.forms.values() for wording in wordings_of(form, law)}
    shown |= {form.signer.vi for form in law.forms.values() if form.signer}
    assert not [wording for wording in shown if "cho biết người lớn biết" in wording or "ỦY BAN NHÂN XÃ" in wording]


def test_the_edition_is_in_force_from_the_day_the_decree_names(law: Law) -> None:
    assert law.edition.in_force == date(2017, 7, 1)


def test_every_decree_form_of_chapter_three_is_there(law: Law) -> None:
    numbers = [form.number for form in law.forms.values() if form.number]
    assert numbers == [f"Mẫu số 0{n}" for n in range(1, 8)]


def test_a_form_the_decree_does_not_print_is_marked_as_the_products(law: Law) -> None:
    assert {form.id for form in law.forms.values() if not form.by_product} == {f"0{n}" for n in range(1, 8)}


def test_every_question_cites_an_article(law: Law) -> None:
    silent = [f"{form.id}.{one.id}" for form in law.forms.values() for one in form.fields if not one.article]
    assert silent == []


def test_a_report_needs_nothing_but_the_commune(law: Law) -> None:
    assert [one.id for one in law.forms["01"].fields if one.required] == ["incident_commune"]


def test_the_reporter_is_no_fact_of_the_case(law: Law) -> None:
    fields = [one for form in law.forms.values() for one in form.fields if one.group == "reporter"]
    assert {one.id for one in fields} == {"reporter_name", "reporter_phone", "reporter_address", "reporter_note"}
    assert not [one.id for one in fields if one.datum]


@pytest.mark.parametrize(
    ("body", "shown"), [("police", {"identity", "contact", "narrative", "legal"}), ("health", {"identity", "medical"})]
)
def test_another_body_sees_its_groups_and_no_more(law: Law, body: str, shown: set[str]) -> None:
    assert set(law.audiences[body].shows) == shown
    assert set(law.audiences[body].withholds) == set(FIELD_GROUPS) - shown


def test_counselling_and_the_reporter_stay_from_everybody_else(law: Law) -> None:
    for audience in law.audiences.values():
        assert {"assessment", "reporter", "work"} <= set(audience.withholds)


def test_the_calendar_knows_the_swap_of_new_year_2026(law: Law) -> None:
    kinds = {holiday.day: holiday.kind for holiday in law.holidays}
    assert kinds[date(2026, 1, 2)] == "off"
    assert kinds[date(2026, 1, 10)] == "make-up"


def test_the_law_is_read_in_a_tenth_of_a_second() -> None:
    begun = time.process_time()
    load_law()
    assert time.process_time() - begun < 0.5  # 0.07 measured; room for a busy machine


def test_an_edition_that_does_not_exist_is_a_fault_and_no_crash() -> None:
    with pytest.raises(LawFault, match=r"edition\.toml: the file is missing"):
        law_from(DATA / "nd99-2099")
