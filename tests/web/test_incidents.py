"""A suspected leak: anybody says so, those who must know are told at once, and its hours run until the notice is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.errors import LawFault
from casework.incidents.models import Incident, IncidentMark
from casework.incidents.rules import course, read_course
from casework.incidents.service import fire_marks
from casework.notices.models import Notice
from casework.people.models import Staff
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

Open = Callable[[str], Browser]
SAID = "Mất điện thoại của cộng tác viên ở chợ, chưa khóa màn hình"
CODE = re.compile(r"SC-26-[0-9A-Z]{6}")
NOW = {"day": "23/11/2026", "time": "08:00"}


def opened(browser: Open, username: str = "worker") -> str:
    person = browser(username)
    assert person.submit("/su-co/moi", {"description": SAID, **NOW}).status_code == 303
    found = CODE.search(person.last.headers["Location"] if person.last else "")
    assert found is not None
    return found[0]


def told(town: Town, text_id: str) -> list[str]:
    with town.office.begin(SYSTEM) as work:
        rows = work.session.exec(
            select(Staff.username).join(Notice, col(Notice.staff_id) == Staff.id).where(Notice.text_id == text_id)
        )
        return sorted(rows)


def sweep(town: Town, **later: float) -> int:
    town.clock.advance(**later)
    with town.office.begin(SYSTEM) as work:
        return fire_marks(work)


def tags(town: Town, tag: Tag) -> Sequence[AuditEntry]:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)).all()


@pytest.mark.parametrize("username", ["worker", "collaborator", "auditor"])
def test_anybody_of_the_staff_can_say_so_from_any_page(town: Town, browser: Open, username: str) -> None:
    person = browser(username)
    assert 'href="/su-co/moi"' in person.get("/", follow_redirects=True).get_data(as_text=True)
    assert person.get("/su-co/moi").status_code == 200
    assert opened(browser, username)


def test_administrators_and_supervisors_are_told_at_once_by_a_code_and_a_time(town: Town, browser: Open) -> None:
    code = opened(browser)
    assert {"administrator", "supervisor"} <= set(told(town, "incident-opened"))
    assert not {"worker", "chair", "police"} & set(told(town, "incident-opened"))
    with town.office.begin(SYSTEM) as work:
        bodies = {one.body for one in work.session.exec(select(Notice).where(Notice.text_id == "incident-opened"))}
    assert bodies == {
        f"KHAN: ma {code}, nghi lo du lieu, phai bao truoc 08:00 26/11. Mo ung dung, muc Nghi lo du lieu."
    }
    assert len(tags(town, Tag.INCIDENT_OPENED)) == 1


def test_its_words_are_sealed_and_in_no_list(town: Town, browser: Open) -> None:
    opened(browser)
    with town.office.begin(SYSTEM) as work:
        incident = work.session.exec(select(Incident)).one()
        assert incident.description is not None and SAID.encode() not in bytes(incident.description)
        assert work.open(incident, "description") == SAID
    assert SAID not in browser("supervisor").get("/su-co").get_data(as_text=True)


def test_the_hours_count_from_noticing_and_fire_once_each(town: Town, browser: Open) -> None:
    opened(browser)
    with town.office.begin(SYSTEM) as work:
        marks = work.session.exec(select(IncidentMark).order_by(col(IncidentMark.hours))).all()
    assert [one.hours for one in marks] == [24, 48, 66, 72]
    assert marks[-1].due_at - town.clock.now() == timedelta(hours=72)
    assert sweep(town, hours=23) == 0
    assert [sweep(town, hours=1), sweep(town), sweep(town, hours=24)] == [1, 0, 1]
    assert len(tags(town, Tag.INCIDENT_MARK_PASSED)) == 2
    assert told(town, "incident-due").count("administrator") == 2


def test_after_a_standstill_it_is_told_once_and_every_hour_is_written_down(town: Town, browser: Open) -> None:
    opened(browser)
    assert sweep(town, hours=100) == 4
    assert len(tags(town, Tag.INCIDENT_MARK_PASSED)) == 4 and told(town, "incident-due").count("supervisor") == 1


def test_two_sweeps_fire_no_hour_twice(town: Town, browser: Open) -> None:
    opened(browser)
    town.clock.advance(hours=25)
    with town.office.begin(SYSTEM) as one, town.office.begin(SYSTEM) as other:
        assert (fire_marks(one), fire_marks(other)) == (1, 0)


def test_sending_the_notice_stops_the_hours_and_nothing_else_does(town: Town, browser: Open) -> None:
    code = opened(browser)
    supervisor = browser("supervisor")
    assert supervisor.submit(f"/su-co/{code}/buoc", {"step": "contain"}).status_code == 303
    assert sweep(town, hours=24) == 1
    filed = {"step": "notify-authority", "words": "Gửi công văn lúc 9 giờ"}
    supervisor = browser("supervisor")  # a day has passed
    assert supervisor.submit(f"/su-co/{code}/buoc", filed).status_code == 303
    assert "Đã gửi thông báo" in supervisor.follow().get_data(as_text=True)
    assert sweep(town, hours=72) == 0
    assert len(tags(town, Tag.INCIDENT_FILED)) == 1


def test_it_is_closed_by_a_person_with_a_reason(town: Town, browser: Open) -> None:
    code = opened(browser)
    administrator = browser("administrator")
    refused = administrator.submit(f"/su-co/{code}/dong", {"reason": " "})
    assert refused.status_code == 422 and "Ghi lý do đóng" in refused.get_data(as_text=True)
    assert administrator.submit(f"/su-co/{code}/dong", {"reason": "Điện thoại tìm lại được"}).status_code == 303
    page = administrator.follow().get_data(as_text=True)
    assert "Đã đóng" in page and "Điện thoại tìm lại được" in page
    assert administrator.submit(f"/su-co/{code}/dong", {"reason": "lại"}).status_code == 422
    assert sweep(town, hours=100) == 0


def test_who_was_told_stays_written_down(town: Town, browser: Open) -> None:
    code = opened(browser)
    supervisor = browser("supervisor")
    supervisor.submit(f"/su-co/{code}/ghi", {"kind": "told", "words": "Báo công an tỉnh qua điện thoại"})
    assert "Báo công an tỉnh qua điện thoại" in supervisor.follow().get_data(as_text=True)
    notice = supervisor.get(f"/su-co/{code}/van-ban").get_data(as_text=True)
    assert SAID in notice and "Báo công an tỉnh" in notice and "91/2025/QH15" in notice and code in notice


def test_the_notice_is_a_draft_until_its_person_confirms_it(town: Town, browser: Open) -> None:
    code = opened(browser)
    supervisor = browser("supervisor")
    typed = {"what": "Mất máy ở chợ", "amount": "12 người", "do": "confirm"}
    refused = supervisor.submit(f"/su-co/{code}/van-ban", typed)
    page = refused.get_data(as_text=True)
    assert refused.status_code == 422 and "rồi mới xác nhận" in page and "12 người" in page
    assert supervisor.submit(f"/su-co/{code}/van-ban", typed | {"do": "save"}).status_code == 303
    assert "bản nháp, sửa" in supervisor.follow().get_data(as_text=True)
    assert supervisor.submit(f"/su-co/{code}/van-ban", typed | {"compared": "yes"}).status_code == 303
    page = supervisor.follow().get_data(as_text=True)
    assert "xác nhận 08:00 23/11" in page and "Soạn bản tiếp theo" in page
    for ending, start in (("pdf", b"%PDF"), ("docx", b"PK")):
        answer = supervisor.get(f"/su-co/{code}/van-ban.{ending}?ban=1")
        assert answer.status_code == 200 and answer.get_data().startswith(start)
        assert answer.headers["Cache-Control"] == "no-store" and SAID not in str(answer.headers)
    assert supervisor.get(f"/su-co/{code}/van-ban.pdf?ban=9").status_code == 404
    assert len(tags(town, Tag.INCIDENT_NOTICE_CONFIRMED)) == 1


def test_who_opened_it_sees_that_it_runs_and_does_no_more(town: Town, browser: Open) -> None:
    code = opened(browser)
    worker = browser("worker")
    page = worker.get(f"/su-co/{code}").get_data(as_text=True)
    assert SAID in page and "72 giờ" in page and "Đóng sự cố" not in page
    for path in ("buoc", "ghi", "dong"):
        assert worker.submit(f"/su-co/{code}/{path}").status_code == 404
    for path in ("van-ban", "van-ban.pdf", "van-ban.docx"):
        assert worker.get(f"/su-co/{code}/{path}").status_code == 404
    assert worker.submit(f"/su-co/{code}/van-ban", {"what": "x"}).status_code == 404


@pytest.mark.parametrize("username", ["chair", "auditor"])
def test_to_everybody_else_it_does_not_exist(town: Town, browser: Open, username: str) -> None:
    code = opened(browser)
    person = browser(username)
    assert person.get(f"/su-co/{code}").status_code == 404
    assert code not in person.get("/su-co").get_data(as_text=True)


def test_what_was_refused_stays_typed(town: Town, browser: Open) -> None:
    worker = browser("worker")
    for typed, said in (
        ({"description": SAID, "day": "31/02/2026", "time": "08:00"}, "Ghi ngày và giờ phát hiện"),
        ({"description": SAID, "day": "24/11/2026", "time": "08:00"}, "không thể ở sau bây giờ"),
        ({"description": "", **NOW}, "Ghi điều anh/chị đã thấy"),
    ):
        answer = worker.submit("/su-co/moi", typed)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422 and said in page and typed["description"] in page and typed["day"] in page


@pytest.mark.parametrize(
    "planted",
    [
        {"mark": [{"hours": 24}]},
        {"mark": [{"hours": 72}, {"hours": 24}]},
        {"step": []},
    ],
)
def test_a_course_that_does_not_hold_together_is_refused(planted: dict[str, Any]) -> None:
    whole: dict[str, Any] = {
        "limit": {"hours": 72, "article": ""},
        "mark": [{"hours": 72}],
        "step": [{"id": "x", "files": True, "title": {"vi": "", "en": ""}}],
    }
    assert read_course(whole).limit == course().limit
    with pytest.raises(LawFault):
        read_course({**whole, **planted})
