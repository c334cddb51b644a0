"""The form engine on the decree's own forms."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.law.answers import VIETNAM
from casework.law.forms import (
    FAULTS,
    MAX_ROWS,
    answers,
    concludes_lower,
    facts_of,
    prefill,
    read,
    reading,
    row_up,
    to_submitted,
    without_row,
)
from casework.law.loader import load_law
from casework.law.model import Field, Form, Law

TODAY = date(2026, 11, 22)
LAW = load_law()  # the strategies below are built from it when the file is read


def fill(form: Form, **given: str | list[str]) -> Any:
    boxes = {name.replace("__", "-"): [one] if isinstance(one, str) else one for name, one in given.items()}
    return read(form, boxes, today=TODAY)


def test_an_empty_report_lacks_only_its_commune(law: Law) -> None:
    filled = fill(law.forms["01"])
    assert filled.values == {}
    assert filled.faults == {"incident_commune": "missing"}


def test_a_question_not_answered_has_no_key(law: Law) -> None:
    filled = fill(law.forms["01"], incident_commune="04012", child_name="  ", kinds=["", ""])
    assert filled.values == {"incident_commune": "04012"}


def test_one_bad_answer_does_not_cost_the_others(law: Law) -> None:
    filled = fill(
        law.forms["01"], incident_commune="04012", reporter_phone="sai", child_birth_date="30/2/2020", child_age="7"
    )
    assert filled.values == {"incident_commune": "04012", "child_age": 7}
    assert filled.faults == {"reporter_phone": "not-a-phone", "child_birth_date": "not-a-date"}


def test_every_fault_the_engine_gives_has_its_sentence(law: Law) -> None:
    filled = fill(
        law.forms["01"], channel="x", received_at__day="22", child_birth_date="1/1/2027", child_age="40", father_age="x",
        reporter_phone="x", reporter_name="x" * 999, incident_commune="?",
    )  # fmt: skip
    assert len(set(filled.faults.values())) == 8
    assert set(filled.faults.values()) <= set(FAULTS)


def test_an_answer_hidden_by_its_condition_is_dropped(law: Law) -> None:
    minutes = law.forms["minutes"]
    hidden = fill(minutes, parents_invited="invited", withheld_reason="Bố là người gây hại")
    assert "withheld_reason" not in hidden.values
    assert "withheld_reason" not in hidden.faults
    asked = fill(minutes, parents_invited="withheld")
    assert asked.faults["withheld_reason"] == "missing"


def test_what_was_written_behind_a_question_passed_over_is_not_lost(law: Law) -> None:
    assessed = fill(law.forms["03"], parents_opinion="Muốn con về nhà").values
    assert assessed == {"parents_opinion": "Muốn con về nhà", "parents_heard": "asked"}
    assert fill(law.forms["measures"], evidence_place="tủ UBND").values["evidence_kept"] is True
    assert "parents_heard" not in fill(law.forms["03"], parents_opinion=" ").values
    declined = fill(law.forms["03"], parents_opinion="x", parents_heard="excepted").values
    assert declined == {"parents_heard": "excepted"}
    assert fill(law.forms["minutes"], withheld_reason="x").faults["parents_invited"] == "missing"


def test_a_hidden_question_does_not_show(law: Law) -> None:
    minutes = law.forms["minutes"]
    shown = [one.id for _, lines in answers(minutes, {"parents_invited": "invited"}, "vi") for one, _ in lines]
    assert "withheld_reason" not in shown
    assert "place" in shown


def test_blank_rows_are_dropped_and_a_fault_finds_its_box(law: Law) -> None:
    filled = fill(
        law.forms["04"],
        activities__0__name=" ",
        activities__3__name="Khám sức khỏe",
        activities__3__officer="Người Thực Hiện",
        activities__3__to="30/12/2026",
        activities__3__cost="1.500.000",
        activities__3__from="30/2/2026",
        review_date="22/2/2027",
    )
    assert filled.values["activities"] == [
        {"name": "Khám sức khỏe", "officer": "Người Thực Hiện", "to": "2026-12-30", "cost": 1500000}
    ]
    assert filled.faults == {"activities-3-from": "not-a-date"}


def test_a_plan_without_activities_is_no_plan(law: Law) -> None:
    assert fill(law.forms["04"], review_date="22/2/2027").faults == {"activities": "missing"}


def test_rows_without_end_are_refused(law: Law) -> None:
    endless = {f"activities-{n}-name": ["x"] for n in range(MAX_ROWS + 1)}
    assert read(law.forms["04"], endless, today=TODAY).faults["activities"] == "too-many-rows"
    blank = {f"activities-{n}-name": [""] for n in range(9999)}
    assert read(law.forms["04"], blank, today=TODAY).faults["activities"] == "too-many-rows"


def test_names_nobody_asked_for_are_ignored(law: Law) -> None:
    submitted = {"incident_commune": ["04012"], "csrf_token": ["x"], "activities-0-name": ["x"], "__proto__": ["x"]}
    assert read(law.forms["01"], submitted, today=TODAY).values == {"incident_commune": "04012"}


def test_a_separation_is_ordered_for_one_to_fifteen_days(law: Law) -> None:
    assert fill(law.forms["07"], days="16").faults["days"] == "out-of-range"
    assert fill(law.forms["07"], days="0").faults["days"] == "out-of-range"
    assert "days" not in fill(law.forms["07"], days="15").faults


def test_a_later_form_is_prefilled_with_the_source(law: Law) -> None:
    first = fill(law.forms["01"], incident_commune="04012", child_name="Bé Một").values
    facts = {
        datum: {"value": value, "form": "01", "at": "2026-11-22T15:14:00Z"}
        for datum, value in facts_of(law.forms["01"], first).items()
    }
    offered = prefill(law.forms["03"], facts)
    assert offered["child_name"].value == "Bé Một"
    assert offered["child_name"].form == "01"
    assert set(offered) == {"child_name"}


def test_no_datum_is_asked_by_two_forms_without_prefill(law: Law) -> None:
    for form in law.forms.values():
        facts = {one.datum: {"value": "x", "form": "01", "at": "t"} for one in form.fields if one.datum}
        assert set(prefill(form, facts)) == {one.id for one in form.fields if one.datum}


def test_what_the_reporter_says_of_themselves_never_becomes_a_fact(law: Law) -> None:
    values = fill(law.forms["01"], incident_commune="04012", reporter_name="Bà Hai", reporter_phone="0912345678").values
    assert facts_of(law.forms["01"], values) == {"incident.commune": "04012"}


def test_a_level_shows_as_the_gazette_prints_it(law: Law) -> None:
    lines = dict(
        (one.id, text) for _, lines in answers(law.forms["02"], {"harm_1_1": "cao"}, "vi") for one, text in lines
    )
    assert lines["harm_1_1"] == "Cao (trẻ em bị tổn hại nghiêm trọng, đe dọa tính mạng)"
    assert lines["harm_1_2"] is None


def test_rows_show_as_lines(law: Law) -> None:
    values = {"activities": [{"name": "Khám", "from": "2026-12-01"}, {"name": "Tư vấn"}]}
    lines = dict((one.id, text) for _, lines in answers(law.forms["04"], values, "vi") for one, text in lines)
    assert lines["activities"] == (
        "1. Tên hoạt động: Khám; Thời gian thực hiện: bắt đầu: 01/12/2026\n2. Tên hoạt động: Tư vấn"
    )


# ------------------------------------------------------------ what is stored comes back

SHOWN = st.text(alphabet="aăâbcđeêôơưỳễỹ ABC123.,-/'<>&\"{}%", min_size=1, max_size=60).map(
    lambda s: " ".join(s.split())
)
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2026, 11, 22)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=VIETNAM).isoformat()
)


def value_for(one: Field) -> st.SearchStrategy[Any]:
    """Stored values a question may hold."""
    options = [option.id for option in one.options]
    simple: dict[str, st.SearchStrategy[Any]] = {
        "phone": st.from_regex(r"\+84[35789][0-9]{8}|\+842[0-9]{9}", fullmatch=True),
        "age": st.integers(0, 17),
        "date": st.dates(date(1950, 1, 1), TODAY).map(date.isoformat),
        "datetime": MOMENTS,
        "yes_no": st.booleans(),
        "commune": st.from_regex(r"[0-9]{5}", fullmatch=True),
        "number": st.integers(one.minimum or 0, one.maximum or 10**12),
    }
    if one.kind in ("choice", "level"):
        return st.sampled_from(options)
    if one.kind == "choices":
        return st.sets(st.sampled_from(options), min_size=1).map(lambda chosen: [o for o in options if o in chosen])
    if one.kind == "rows":
        row = st.fixed_dictionaries(
            {column.id: value_for(column) for column in one.columns if column.required},
            optional={column.id: value_for(column) for column in one.columns if not column.required},
        )
        return st.lists(row.filter(bool), min_size=1, max_size=3)
    return simple.get(one.kind, SHOWN.filter(bool))


@given(st.data())
def test_stored_answers_come_back_as_they_were(data: st.DataObject) -> None:
    form = LAW.forms[data.draw(st.sampled_from(sorted(LAW.forms)))]
    values = {one.id: data.draw(value_for(one)) for one in form.fields if data.draw(st.booleans())}
    once = read(form, to_submitted(form, values), today=TODAY)
    assert set(once.faults.values()) <= {"missing"}
    assert all(values[name] == value for name, value in once.values.items() if name in values)
    assert set(once.values) - set(values) <= {one.only_if.field for one in form.fields if one.only_if}
    assert all(form.field(name).only_if for name in set(values) - set(once.values))
    assert read(form, to_submitted(form, once.values), today=TODAY).values == once.values
    assert json.loads(json.dumps(once.values)) == once.values


@given(st.sampled_from(sorted(LAW.forms)), st.data())
def test_no_input_breaks_the_engine(form_id: str, data: st.DataObject) -> None:
    form = LAW.forms[form_id]
    parts = ("", "-day", "-month", "-year", "-time", "-0-name", "-x-name", "-99999-name")
    names = st.builds(str.__add__, st.sampled_from([one.id for one in form.fields]), st.sampled_from(parts))
    submitted = data.draw(st.dictionaries(names, st.lists(st.text(max_size=30), max_size=3), max_size=12))
    filled = read(form, submitted, today=TODAY)
    assert set(filled.faults.values()) <= set(FAULTS)
    json.dumps(filled.values).encode()
    assert answers(form, filled.values, "vi")


# ------------------------------------------------------------ reading the risk forms


def levels(form: Form, harm: str, ability: str) -> dict[str, str]:
    """Values from one letter an indicator: c, t or p (thấp)."""
    names = {"c": "cao", "t": "trung_binh", "p": "thap"}
    by_measure = {"harm": iter(harm), "ability": iter(ability)}
    return {one.id: names[next(by_measure[one.measure])] for one in form.fields if one.kind == "level" and one.measure}


@pytest.mark.parametrize(
    ("number", "harm", "ability", "literal", "flags"),
    [
        ("03", "ccttt", "ctttt", "high", ()),
        ("03", "ctttt", "ccttt", "low", ()),
        ("03", "ccttt", "ccttt", "low", ("tie",)),
        ("03", "ttttt", "ppppp", "low", ("tie", "no-high-but-weak-ability")),
        ("03", "ttttt", "cpppp", "low", ("no-high-but-weak-ability",)),
        ("03", "ccccc", "ppppp", "high", ()),
        ("06", "ctt", "ttt", "continue", ()),
        ("06", "ppp", "ccc", "stable", ()),
        ("06", "ttt", "ttt", "stable", ("tie",)),
    ],
)
def test_more_high_in_harm_reads_high_and_a_tie_reads_low_but_flagged(
    law: Law, number: str, harm: str, ability: str, literal: str, flags: tuple[str, ...]
) -> None:
    read_as = reading(law.forms[number], levels(law.forms[number], harm, ability))
    assert read_as is not None
    assert (read_as.literal, read_as.flags) == (literal, flags)


def test_form_02_is_counted_and_never_concluded(law: Law) -> None:
    read_as = reading(law.forms["02"], levels(law.forms["02"], "cc", "pp"))
    assert read_as is not None
    assert read_as.literal is None
    assert (read_as.harm.cao, read_as.ability.thap) == (2, 2)
    assert read_as.flags == ("high-harm",)


def test_an_unfinished_table_is_counted_but_not_read(law: Law) -> None:
    read_as = reading(law.forms["03"], {"harm_1_1": "cao"})
    assert read_as is not None
    assert read_as.harm.cao == 1
    assert read_as.literal is None
    assert reading(law.forms["03"], {}) is None
    assert reading(law.forms["01"], {"child_name": "Bé"}) is None


@pytest.mark.parametrize(
    ("number", "harm", "ability", "conclusion", "lower"),
    [
        ("02", "cp", "cc", "emergency", False),
        ("02", "cp", "cc", "plan", True),
        ("02", "pc", "cc", "monitor", True),
        ("02", "tt", "pp", "monitor", False),
        ("03", "ccttt", "ttttt", "low", True),
        ("03", "ccttt", "ttttt", "high", False),
        ("03", "ttttt", "ppppp", "low", True),
        ("03", "ttttt", "ppppp", "high", False),
        ("03", "ptttt", "ccttt", "low", False),
        ("06", "ttt", "ttt", "stable", True),
        ("06", "ppp", "ccc", "stable", False),
    ],
)
def test_concluding_less_than_the_indicators_asks_for_a_reason(
    law: Law, number: str, harm: str, ability: str, conclusion: str, lower: bool
) -> None:
    values = levels(law.forms[number], harm, ability) | {"conclusion": conclusion}
    assert concludes_lower(law.forms[number], values) is lower


@given(
    st.lists(st.sampled_from("ctp"), min_size=5, max_size=5), st.lists(st.sampled_from("ctp"), min_size=5, max_size=5)
)
def test_form_03_reads_high_exactly_when_harm_has_more_high(harm: list[str], ability: list[str]) -> None:
    read_as = reading(LAW.forms["03"], levels(LAW.forms["03"], "".join(harm), "".join(ability)))
    assert read_as is not None
    assert (read_as.literal == "high") is (harm.count("c") > ability.count("c"))


def test_today_is_vietnams_and_decides_what_lies_ahead(law: Law) -> None:
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    assert fill(law.forms["02"], assessed_at=tomorrow).faults["assessed_at"] == "in-the-future"


# ------------------------------------------------------------ rows of the page


def test_a_row_is_taken_out_and_the_rest_move_up(law: Law) -> None:
    typed = {"activities-0-name": ["A"], "activities-1-name": ["B"], "activities-1-from-day": ["3"], "activities-4-name": ["C"],
             "goal_other": ["<b>"]}  # fmt: skip
    left = without_row(law.forms["04"], typed, "activities-0")
    assert left == {
        "activities-0-name": ["B"],
        "activities-0-from-day": ["3"],
        "activities-1-name": ["C"],
        "goal_other": ["<b>"],
    }


def test_a_row_is_raised_over_the_one_before_it(law: Law) -> None:
    typed = {"problems-0-problem": ["thứ hai"], "problems-2-problem": ["thứ nhất"]}
    assert law.forms["03"].field("problems").ordered
    assert row_up(law.forms["03"], typed, "problems-2") == {
        "problems-0-problem": ["thứ nhất"],
        "problems-1-problem": ["thứ hai"],
    }
    assert row_up(law.forms["03"], typed, "problems-0") == {
        "problems-0-problem": ["thứ hai"],
        "problems-1-problem": ["thứ nhất"],
    }


@pytest.mark.parametrize("name", ["", "activities", "activities-9", "goal_other-0", "activities-x", "x-0", "-", "(-1"])
def test_a_button_that_names_no_row_changes_nothing(law: Law, name: str) -> None:
    typed = {"activities-0-name": ["A"], "goal_other": ["B"]}
    assert without_row(law.forms["04"], typed, name) == typed
    assert row_up(law.forms["04"], typed, name) == typed
