"""What a case knows: one owner a datum, corrected once for every later form; documents stay as they were handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import select

from casework.cases.models import Case, Document
from casework.cases.queries import facts_of_case
from casework.cases.rules import fact
from casework.law.forms import prefill
from casework.work import SYSTEM
from tests.cases.walking import COURSE, SAFE_AGAIN, Walk, rows, specific

if TYPE_CHECKING:
    from casework.law.model import Law
    from tests.conftest import Town


def facts(walk: Walk) -> dict[str, Any]:
    with walk.town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        return dict(facts_of_case(work, case))


def test_a_later_form_corrects_a_fact_once_and_every_form_after_it_is_filled_with_it(town: Town, law: Law) -> None:
    walk = Walk(town).open(child_name="Vừ Mí Thử").to("specific-assessment")
    walk.do("worker", "submit-specific-assessment", specific("high", child_name="Vừ Mí Thử Nghiệm"))
    entry = facts(walk)["child.name"]
    assert (entry["value"], entry["form"]) == ("Vừ Mí Thử Nghiệm", "03")
    for form in ("05", "06", "07"):
        offered = prefill(law.forms[form], facts(walk))["child_name"]
        assert (offered.value, offered.form) == ("Vừ Mí Thử Nghiệm", "03")


def test_an_answer_that_changes_nothing_leaves_the_source_of_the_fact_alone(town: Town) -> None:
    walk = Walk(town).open(child_name="Vừ Mí Thử").to("specific-assessment")
    before = facts(walk)["child.name"]
    walk.do("worker", "submit-specific-assessment", specific("high", child_name="Vừ Mí Thử"))
    assert facts(walk)["child.name"] == before


def test_a_form_that_says_nothing_of_a_fact_takes_nothing_away(town: Town) -> None:
    walk = Walk(town).open(child_name="Vừ Mí Thử", child_age=9).to("needs-meeting")
    assert fact(facts(walk), "child.name") == "Vừ Mí Thử"
    assert fact(facts(walk), "child.age") == 9


def test_a_joined_report_only_adds(town: Town) -> None:
    walk = Walk(town).open(child_name="Vừ Mí Thử", child_age=9)
    before = facts(walk)
    walk.join(child_name="Tên Khác", child_age=15, harmer_relation="friend", danger_now="no", narrative="khác")
    after = facts(walk)
    assert {datum: after[datum] for datum in before} == before
    assert fact(after, "harmer.relation") == "friend"


def test_what_a_joined_report_says_is_kept_whole_as_its_own_document(town: Town) -> None:
    walk = Walk(town).open(child_name="Vừ Mí Thử")
    walk.join(child_name="Tên Khác", narrative="Điều người thứ hai kể.")
    assert walk.content("01")["narrative"] == "Điều người thứ hai kể."
    assert walk.content("01")["child_name"] == "Tên Khác"


def test_no_document_ever_changes_after_it_was_handed_in(walk: Walk) -> None:
    kept: set[str] = set()
    for _, who, action, values in COURSE:
        if action == "end-case":
            walk.town.clock.at = walk.running()["monitoring"].due_at
        walk.do(who, action, values)
        now = set(rows(walk.town)["document"])
        assert kept <= now
        kept = now
    walk_again = Walk(walk.town).open().to("needs-meeting")
    walk_again.do("worker", "assess-parents", SAFE_AGAIN)
    assert kept <= set(rows(walk.town)["document"])
    with walk.town.office.begin(SYSTEM) as work:
        assert {one.rev for one in work.session.exec(select(Document))} == {1}


def test_a_form_handed_in_again_is_a_further_document_with_its_own_number(walk: Walk) -> None:
    walk.to("needs-meeting").do("worker", "assess-parents", SAFE_AGAIN)
    with walk.town.office.begin(SYSTEM) as work:
        found = work.session.exec(select(Document).where(Document.form == "03").order_by("serial")).all()
        assert [one.serial for one in found] == [1, 2]
        assert [work.open(one, "content")["conclusion"] for one in found] == ["high", "low"]


def test_nothing_of_what_was_answered_stands_in_clear(town: Town) -> None:
    answers = {"child_name": "Vừ Mí Thử", "incident_place": "thôn Má Lủng", "narrative": "Điều đã kể."}
    Walk(town).open(**answers).to("planning")
    told = [row for table in rows(town).values() for row in table]
    assert not [row for row in told for value in answers.values() if value in row]
