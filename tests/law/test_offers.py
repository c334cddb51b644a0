"""What the documents of a case propose to the questions of a later form."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casework.law.checks import faults_of
from casework.law.forms import facts_of, prefill
from casework.law.model import Form, Law, Offer
from casework.law.offers import Earlier, Prefill

FIRST = datetime(2026, 11, 22, 15, 14, tzinfo=UTC)


def handed_in(law: Law, form: str, hours: int, **values: Any) -> Earlier:
    return Earlier(law.forms[form], (FIRST + timedelta(hours=hours)).isoformat(), values, author="Người Lập Giả")


def proposed(law: Law, form: str, *earlier: Earlier, facts: dict[str, Any] | None = None) -> dict[str, Prefill]:
    return prefill(law.forms[form], facts or {}, earlier)


def with_offers(law: Law, form: Form, field: str, *offers: Offer) -> Law:
    sections = tuple(
        replace(one, fields=tuple(replace(each, offers=offers) if each.id == field else each for each in one.fields))
        for one in form.sections
    )
    return replace(law, forms={**law.forms, form.id: replace(form, sections=sections)})


NEEDS = {
    "needs_care": [{"name": "Khám, điều trị", "provider": "Trạm y tế xã"}],
    "needs_services": [{"kind": "legal", "name": "Trợ giúp pháp lý"}, {"provider": "chưa rõ"}],
}


def test_the_needs_of_form_03_begin_the_measures_of_the_meeting_together(law: Law) -> None:
    found = proposed(law, "minutes", handed_in(law, "03", 1, **NEEDS))
    assert found["measures"].value == [
        {"kind": "medical", "name": "Khám, điều trị", "provider": "Trạm y tế xã"},
        {"kind": "legal", "name": "Trợ giúp pháp lý"},
        {"provider": "chưa rõ"},
    ]
    assert found["measures"].form == "03"
    assert found["needs"].value == "- Khám, điều trị; Trạm y tế xã"


def test_the_newest_document_that_says_anything_proposes(law: Law) -> None:
    needs = handed_in(law, "03", 1, **NEEDS)
    agreed = handed_in(law, "minutes", 2, measures=[{"name": "Tư vấn", "officer": "Người Thực Hiện"}])
    returned = handed_in(law, "04", 3, activities=[{"name": "Tư vấn hằng tuần", "cost": 5}], goals=["recovery"])
    silent = handed_in(law, "minutes", 9, needs="Không có gì mới")
    assert proposed(law, "04", agreed, needs)["activities"].form == "minutes"
    assert proposed(law, "04", returned, silent, needs, agreed)["activities"] == Prefill(
        [{"name": "Tư vấn hằng tuần", "cost": 5}], "04", returned.at
    )


def test_a_fact_of_the_case_goes_before_any_proposal(law: Law) -> None:
    facts = {
        "harmer.relation": {"value": "father", "form": "01", "at": FIRST.isoformat()},
        "father.name": {"value": "Vừ Giả", "form": "03", "at": FIRST.isoformat()},
        "mother.name": {"value": "Mẹ Giả", "form": "01", "at": FIRST.isoformat()},
    }
    assert proposed(law, "07", facts=facts)["from_whom"].value == "Vừ Giả"
    facts["harmer.relation"]["value"] = "mother"
    assert proposed(law, "07", facts=facts)["from_whom"].value == "Mẹ Giả"
    facts["harmer.relation"]["value"] = "neighbour"
    assert "from_whom" not in proposed(law, "07", facts=facts)


def test_a_decision_names_who_proposed_it_and_the_plan_it_approves(law: Law) -> None:
    found = proposed(law, "05", handed_in(law, "04", 20, goals=["recovery"]))
    assert found["proposer"].value == "Người Lập Giả"
    assert found["plan_referred"].value == "Kế hoạch hỗ trợ, can thiệp, 23/11/2026"


def test_where_the_child_is_kept_is_never_proposed_to_a_paper_that_goes_to_the_family(law: Law) -> None:
    told = handed_in(law, "measures", 1, safe_place="nhà an toàn số 9")
    assert "nhà an toàn số 9" not in str(proposed(law, "07", told))


def test_an_answer_that_does_not_fit_is_not_proposed(law: Law) -> None:
    changed = with_offers(law, law.forms["07"], "from_whom", Offer(form="01", answer="narrative"))
    long = handed_in(law, "01", 1, narrative="dài " * 500)
    assert "from_whom" not in proposed(changed, "07", long)
    short = handed_in(law, "01", 1, narrative="Vừ\nGiả")
    assert proposed(changed, "07", short)["from_whom"].value == "Vừ Giả"


@pytest.mark.parametrize(
    ("form", "field", "offer", "fault"),
    [
        ("05", "proposer", Offer(), "names a form and its answer, or a datum"),
        ("05", "proposer", Offer(form="04"), "names a form and its answer, or a datum"),
        ("05", "proposer", Offer(form="04", answer="nobody"), "is asked by no form"),
        ("05", "proposer", Offer(datum="no.datum"), "is asked by no form"),
        ("05", "proposer", Offer(form="01", answer="reporter_name"), "who reported is proposed to nobody"),
        ("04", "activities", Offer(form="03", answer="problems"), "rows '03.problems' cannot begin rows"),
        ("04", "goals", Offer(form="03", answer="family"), "longtext '03.family' cannot begin choices"),
        ("04", "activities", Offer(form="03", answer="needs_care", fixed={"kind": "x"}), "sets 'kind' to 'x'"),
    ],
)
def test_a_proposal_that_cannot_be_is_a_fault_of_the_data(
    law: Law, form: str, field: str, offer: Offer, fault: str
) -> None:
    found = faults_of(with_offers(law, law.forms[form], field, offer))
    assert any(fault in one and f"forms/{form}.toml: field {field}" in one for one in found), found


# ------------------------------------------------------------ how much of a form is there when it opens

SAID: dict[str, dict[str, Any]] = {
    "01": {"child_name": "Vừ Mí Thử", "child_birth_date": "2017-05-01", "child_address": "thôn Má Lủng",
           "harmer_relation": "father", "father_name": "Vừ Giả", "incident_commune": "99001"},
    "02": {"assessed_at": "2026-11-22", "conclusion": "emergency"},
    "03": {"child_name": "Vừ Mí Thử", "purpose": "plan", **NEEDS},
    "minutes": {"needs": "Như Mẫu 03", "measures": [
        {"kind": "medical", "name": "Khám, điều trị", "officer": "A", "coordinator": "B", "from": "2026-11-25",
         "to": "2026-12-25", "provider": "Trạm y tế xã"},
        {"kind": "legal", "name": "Trợ giúp pháp lý", "officer": "C", "coordinator": "D", "from": "2026-11-25",
         "to": "2026-12-25", "provider": "Trung tâm"}]},
    "04": {"activities": [{"name": "x"}], "review_date": "2027-02-22"},
}  # fmt: skip
ANEW = {  # what only this paper says: nothing before it could have
    "05": {"number", "legal_grounds", "recipients", "note"},
    "07": {"number", "legal_grounds", "recipients", "trigger", "days", "until", "receiver", "from_whom_address"},
}


def begun(law: Law, form_id: str, *before: str) -> dict[str, Any]:
    documents = [handed_in(law, form, hours, **SAID[form]) for hours, form in enumerate(before)]
    facts = {
        datum: {"value": value, "form": one.form.id, "at": one.at}
        for one in documents
        for datum, value in facts_of(one.form, one.values).items()
    }
    defaults = {one.id: one.default for one in law.forms[form_id].fields if one.default}
    return defaults | {name: one.value for name, one in prefill(law.forms[form_id], facts, documents).items()}


def test_at_least_seven_tenths_of_a_plan_are_there_when_it_opens(law: Law) -> None:
    there = begun(law, "04", "01", "02", "03", "minutes")
    questions = [one for one in law.forms["04"].fields if one.kind != "rows"]
    columns = law.forms["04"].field("activities").columns
    boxes = len(questions) + len(columns) * len(there["activities"])
    filled = sum(one.id in there for one in questions) + sum(map(len, there["activities"]))
    assert filled / boxes >= 0.7, (filled, boxes)


@pytest.mark.parametrize(("form", "before"), [("05", ("01", "02", "03", "minutes", "04")), ("07", ("01", "02"))])
def test_what_a_decision_repeats_is_there_when_it_opens(law: Law, form: str, before: tuple[str, ...]) -> None:
    repeated = {one.id for one in law.forms[form].fields} - ANEW[form]
    there = set(begun(law, form, *before))
    assert len(repeated & there) / len(repeated) >= 0.7, repeated - there
