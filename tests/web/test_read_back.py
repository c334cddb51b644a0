"""Who took a report down reads it again for half an hour, and then has the receipt; nobody else ever does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from casework.access import rules
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.exclusions import keep_from
from casework.cases.models import Case, Document
from casework.intake.models import Report
from casework.intake.queries import taken_down
from casework.people.rules import Role
from casework.work import SYSTEM
from tests.access.filled import person
from tests.access.scenes import staff_named
from tests.conftest import Town
from tests.web.conftest import Browser, signed_in
from tests.web.test_operator import NEW, keep, typed

Open = Callable[[str], Browser]
CHILD, ACCOUNT, CALLER = "Vừ Mí Đọc Lại", "bị đánh bằng dây điện (diễn tập)", "Người Gọi Giả"


def written(person: Browser, **more: str) -> str:
    """The address of the receipt of a report just typed."""
    said = {"child_name": CHILD, "narrative": ACCOUNT, "reporter_name": CALLER, "reporter_phone": "0912 345 678"}
    assert person.submit(NEW, typed(**{**said, **more}), page=NEW).status_code == 303
    assert person.last is not None
    return str(person.last.headers["Location"])


def text(person: Browser, path: str, status: int = 200) -> str:
    answer = person.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def holds_content(page: str) -> bool:
    return any(word in page for word in (CHILD, ACCOUNT, CALLER, "912345678", "912 345 678"))


def test_for_half_an_hour_the_operator_reads_what_they_wrote_and_each_look_is_kept(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    receipt = written(hotline)
    town.clock.advance(minutes=6)
    assert "còn 24 phút" in text(hotline, receipt) and not holds_content(text(hotline, receipt))
    queue = text(hotline, "/tiep-nhan")
    assert f"{receipt}/xem-lai" in queue and "còn 24 phút" in queue
    page = text(hotline, f"{receipt}/xem-lai")
    assert all(word in page for word in (CHILD, ACCOUNT, CALLER, "0912 345 678", "Xã Nà Lũng")) and "99001" not in page
    with town.office.begin(SYSTEM) as work:
        report = work.session.exec(select(Report)).one()
        read = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.CASE_READ)).one()
    assert (read.object_type, read.object_id, read.case_id) == ("intake", report.id, report.case_id)


def test_when_the_half_hour_is_over_the_same_address_has_the_receipt_alone(town: Town, browser: Open) -> None:
    receipt = written(browser("hotline"))
    town.clock.advance(minutes=30)
    hotline = browser("hotline")
    page = text(hotline, f"{receipt}/xem-lai")
    assert "chỉ còn biên nhận" in page and receipt.rpartition("/")[2] in page and not holds_content(page)
    assert f"{receipt}/xem-lai" not in text(hotline, receipt) + text(hotline, "/tiep-nhan")


def test_nobody_else_reads_it_at_any_time(town: Town, app: Any, browser: Open) -> None:
    with town.office.begin(SYSTEM) as work:
        person(work, "hotline-2", Role.HOTLINE, "TD-111")
    receipt = written(browser("hotline"))
    others = ("hotline-2", "worker", "chair", "supervisor", "collaborator", "police", "administrator", "auditor")
    for username in others:
        someone = signed_in(town, app, username)
        assert someone.get(f"{receipt}/xem-lai").status_code == 404, username
        assert not holds_content(text(someone, "/tiep-nhan", 404 if username not in RECEIVING else 200)), username


RECEIVING = ("hotline-2", "worker", "chair")


def test_an_exclusion_beats_it_and_the_answer_is_that_to_an_unknown_code(town: Town, browser: Open) -> None:
    hotline = browser("hotline")
    receipt = written(hotline)
    code = receipt.rpartition("/")[2]
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        keep_from(work, case, staff_id=staff_named(town, "hotline").id, reason="em gái (diễn tập)")
    kept, unknown = hotline.get(f"{receipt}/xem-lai"), hotline.get("/tiep-nhan/TN-26-ZZZZZZ/xem-lai")
    assert kept.status_code == unknown.status_code == 404
    assert told(kept).replace(code, "TN-26-ZZZZZZ") == told(unknown)
    assert f"{receipt}/xem-lai" not in text(hotline, receipt)


def told(answer: Any) -> str:
    """The page but for its tokens, which carry the second in which they were made."""
    return re.sub(r'(csrf_token" value=")[^"]*', r"\1", answer.get_data(as_text=True))


def test_a_worker_whose_own_report_names_a_colleague_reads_it_no_more(town: Town, browser: Open) -> None:
    worker = browser("worker")
    plain, conflict = written(worker), written(worker, child_name="Vừ Mí Khác", accused_works_for="commune")
    assert ACCOUNT in text(worker, f"{plain}/xem-lai")
    assert worker.get(f"{conflict}/xem-lai").status_code == 404


def test_a_report_added_to_another_s_case_shows_its_own_words_and_not_the_case_s(town: Town, browser: Open) -> None:
    written(browser("hotline"), narrative="lời kể thứ nhất (diễn tập)")
    town.clock.advance(minutes=3)
    neighbour = browser("worker-99002")
    receipt = written(neighbour, narrative="lời kể thứ hai (diễn tập)")
    page = text(neighbour, f"{receipt}/xem-lai")
    assert "lời kể thứ hai" in page and "lời kể thứ nhất" not in page
    assert neighbour.get(f"/ca/{only_case(town).code}").status_code == 404


def only_case(town: Town) -> Case:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Case)).one()


def test_who_took_down_another_system_s_report_is_not_told_afterwards_who_sent_it(town: Town, browser: Open) -> None:
    supervisor = browser("supervisor")
    body = {"child": {"name": CHILD, "age_estimate": "chín"}, "danger_now": True, "reporter": {"name": CALLER}}
    path = f"/tiep-nhan/can-xem-lai/{keep(town, body)}"
    assert supervisor.submit(path, typed(narrative=ACCOUNT), page=path).status_code == 303
    assert supervisor.last is not None
    page = text(supervisor, f"{supervisor.last.headers['Location']}/xem-lai")
    assert ACCOUNT in page and CALLER not in page
    with town.office.begin(SYSTEM) as work:
        assert (work.open(work.session.exec(select(Report)).one(), "reporter") or {})["name"] == CALLER


def test_planted_a_policy_without_the_time_is_stopped_by_the_database(
    town: Town, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition of the half hour is forgotten above: the wall below still shows no document and no key."""
    receipt = written(browser("hotline"))
    code = receipt.rpartition("/")[2]
    town.clock.advance(minutes=31)
    monkeypatch.setitem(rules.CONDITIONS, "reported:lately", lambda asked: True)
    with town.office.begin(town.act_as("hotline")) as work:
        assert taken_down(work, code).values is None
        assert work.session.exec(select(Document)).all() == []
