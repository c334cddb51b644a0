"""The wider course over HTTP: why a step is late, activities by name, extensions that warn, and the letter before the file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlmodel import select

from casework.cases.handover import offer_hand_over
from casework.cases.models import Case, HandOver
from casework.cases.queries import find_case, latest_content
from casework.clock import local
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import CHILD, LEVELS_02, LEVELS_03, act, boxes, do, report, text_of

OpenAs = Callable[[str], Browser]
WHY = "Đường vào thôn bị sạt lở (diễn tập)."


def planning(town: Town, **more: Any) -> str:
    """A case whose plan is to be built."""
    code = report(town, **more)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    act(town, "chair", code, "decide-measures", {})
    act(town, "worker", code, "submit-specific-assessment", {**LEVELS_03, "conclusion": "high"})
    act(town, "worker", code, "record-meeting", {})
    return code


def content(town: Town, code: str, form: str) -> Any:
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        return latest_content(work, case.id, form)


def page(person: Browser, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200, path
    return text_of(answer.get_data(as_text=True))


def test_a_late_step_asks_why_beside_its_own_form_and_cannot_be_handed_in_without(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    town.clock.advance(hours=13)
    worker, path = browser("worker"), f"/ca/{code}/buoc/submit-initial-assessment"
    assert "Lý do thực hiện chậm" in page(worker, path)
    today = local(town.clock.now()).date()
    answers = {**LEVELS_02, **boxes("assessed_at", today), "conclusion": "emergency"}
    refused = worker.submit(path, answers, page=path)
    assert refused.status_code == 422
    assert 'name="late_reason"' in refused.get_data(as_text=True)
    assert WHY in do(worker, code, "submit-initial-assessment", answers, late_reason=WHY)
    assert content(town, code, "late-reason") == {"late_reason": WHY}
    assert "late_reason" not in content(town, code, "02")
    assert "Lý do chậm hạn" in page(worker, f"/ca/{code}")


def test_a_step_in_time_asks_nothing_of_the_kind(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    assert "Lý do thực hiện chậm" not in page(browser("worker"), f"/ca/{code}/buoc/submit-initial-assessment")


def test_an_activity_is_recorded_by_the_name_the_plan_gives_it(town: Town, browser: OpenAs) -> None:
    code = planning(town)
    activity = {"name": "Khám sức khoẻ", "officer": "Trạm trưởng", "from": "2026-11-24", "to": "2026-12-10", "cost": 0}
    act(town, "worker", code, "submit-plan", {"activities": [activity], "review_date": "2026-12-20"})
    act(town, "chair", code, "approve-plan", {})
    worker, path = browser("worker"), f"/ca/{code}/buoc/record-activity"
    assert "Khám sức khoẻ" in page(worker, path)
    today = boxes("on", local(town.clock.now()).date())
    assert worker.submit(path, {"activity": "9-9", "state": "done", **today}, page=path).status_code == 422
    do(worker, code, "record-activity", {"activity": "1-1", "state": "done", "outcome": "Đã khỏi.", **today})
    assert content(town, code, "activity")["activity"] == "1-1"


def test_an_extension_past_the_fifteen_days_warns_and_needs_the_body_s_paper(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    today = local(town.clock.now()).date()
    order = {"trigger": "carer-harms", "receiver": "Trung tâm (diễn tập)", "separation_from": today.isoformat()}
    act(town, "chair", code, "order-separation", {**order, "days": 15, "until": _iso(today, 15)})
    chair = browser("chair")
    further = {**boxes("until", today + timedelta(days=20)), "reason": "x"}
    path = f"/ca/{code}/buoc/extend-separation"
    without = chair.submit(path, {**further, "past_limit": "yes"}, page=path)
    assert without.status_code == 422, "the body and its paper are asked for"
    named = {"competent_body": "Cơ quan điều tra (diễn tập)", "competent_paper": "12/CQĐT"}
    named |= boxes("competent_paper_date", today)
    checked = do(chair, code, "extend-separation", {**further, "past_limit": "yes", **named})
    assert "vượt quá 15 ngày" in checked
    assert "Người bị cho là gây tổn hại" in checked, "the stepfather is sent this paper: the chair is warned"


def _iso(first: date, days: int) -> str:
    return (first + timedelta(days=days)).isoformat()


def test_the_offered_commune_sees_the_letter_and_opens_the_file_only_by_accepting(town: Town, browser: OpenAs) -> None:
    code = planning(town)
    do(
        browser("worker"),
        code,
        "offer-hand-over",
        {"to_commune": "99002", "reason": "Trẻ cư trú ở xã kia.", "outstanding": "Lập kế hoạch."},
    )
    other = browser("worker-99002")
    assert other.get(f"/ca/{code}").status_code == 404
    assert code in page(other, "/ban-giao")
    with town.office.begin(SYSTEM) as work:
        offer = work.session.exec(select(HandOver)).one()
    letter = page(other, f"/ban-giao/{offer.id}")
    assert all(words in letter for words in (code, "6–10 tuổi", "Trẻ cư trú ở xã kia.", "Lập kế hoạch."))
    assert not any(words in letter for words in (CHILD, "Má Lủng", "dây điện"))
    for stranger in ("worker", "worker-99003", "supervisor"):
        assert browser(stranger).get(f"/ban-giao/{offer.id}").status_code == 404
    path = f"/ban-giao/{offer.id}/nhan"
    assert other.submit(path, {"note": ""}, page=path).status_code == 303
    assert other.get(f"/ca/{code}").status_code == 200
    assert other.get(f"/ban-giao/{offer.id}").status_code == 404, "answered: there is nothing to answer any more"


def test_a_refusal_without_a_reason_is_asked_for_one_and_keeps_what_was_typed(town: Town, browser: OpenAs) -> None:
    code = planning(town)
    with town.office.begin(town.act_as("worker")) as work:
        values = {"to_commune": "99002", "reason": "x", "outstanding": "y"}
        offer = offer_hand_over(work, find_case(work, code), values)
    other, path = browser("worker-99002"), f"/ban-giao/{offer.id}/tu-choi"
    assert other.submit(path, {"reason": " "}, page=path).status_code == 422
    assert other.submit(path, {"reason": "Trẻ không ở xã này."}, page=path).status_code == 303
    assert content(town, code, "refuse-hand-over") == {"reason": "Trẻ không ở xã này."}
    assert other.get(f"/ca/{code}").status_code == 404
