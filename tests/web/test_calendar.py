"""Who keeps the office's calendar sees what a day would move before it is set, and never a case."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.clock import local
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock
from casework.deadlines.service import ClockOwner, start
from casework.intake.service import receive_report
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

SignIn = Callable[[str], Browser]

PAGE = "/quan-tri/ngay-nghi"
CULTURE_DAY = {
    "kind": "off",
    "first-day": "24",
    "first-month": "11",
    "first-year": "2026",
    "title": "Ngày Văn hóa Việt Nam",
    "source": "Nghị quyết 80-NQ/TW ngày 07-01-2026",
}


def plan_clock(town: Town) -> CaseClock:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        case = receive_report(work, values, received_at=work.now).case
    owner = ClockOwner(case.id, case.code, case.responsible_unit_id, case.province_id, case.edition)
    with town.office.begin(SYSTEM) as work:
        return start(work, owner, "submit-plan")


def due_day(town: Town, clock: CaseClock) -> date:
    with town.office.begin(SYSTEM) as work:
        return local(work.session.exec(select(CaseClock.due_at).where(CaseClock.id == clock.id)).one()).date()


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found
    return found[1]


def test_a_day_is_previewed_then_set_then_taken_back(town: Town, browser: SignIn) -> None:
    clock = plan_clock(town)
    before = due_day(town, clock)
    person = browser("administrator")
    preview = person.submit(PAGE, CULTURE_DAY, page=PAGE).get_data(as_text=True)
    assert "1 hạn đang chạy sẽ đổi" in preview and "1 hạn lùi 1 ngày" in preview
    assert due_day(town, clock) == before and clock.case_code not in preview

    answer = person.submit(PAGE, {**CULTURE_DAY, "_save": "1", "seen": seen(preview)}, page=PAGE)
    assert answer.status_code == 303 and due_day(town, clock) == before + timedelta(days=1)
    page = person.follow().get_data(as_text=True)
    assert "Đã ghi 1 ngày. 1 hạn đã đổi." in page and "Ngày Văn hóa Việt Nam" in page and clock.case_code not in page

    case = browser("worker").get(f"/ca/{clock.case_code}").get_data(as_text=True)
    assert "Hạn đổi" in case and CULTURE_DAY["source"] in case  # the case itself says why

    undo = re.findall(rf'href="({PAGE}/bo/\d+)"', page)[0]
    preview = person.get(undo).get_data(as_text=True)
    assert "1 hạn sớm hơn 1 ngày" in preview
    assert person.submit(undo, {"seen": seen(preview)}, page=undo).status_code == 303
    assert due_day(town, clock) == before
    assert person.get(undo).status_code == 404
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.CALENDAR_CHANGED)).all()
        assert [(one.object_type, one.fields, one.actor_role) for one in kept] == [
            ("added", '["off", "2026-11-24"]', "administrator"),
            ("taken-back", '["off", "2026-11-24"]', "administrator"),
        ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "make-up"}, "vốn đã làm việc"),
        ({"first-day": "29"}, "vốn đã nghỉ"),
        ({"first-day": "31"}, "Ngày đầu không có thật"),
        ({"last-day": "x"}, "Ngày cuối không có thật"),
        ({"title": ""}, "Ghi tên ngày này"),
        ({"source": ""}, "Ghi văn bản quyết định"),
        ({"first-year": "99999"}, "Ngày đầu không có thật"),
        ({"first-year": "1999"}, "quá xa"),
    ],
)
def test_what_is_refused_keeps_what_was_typed(browser: SignIn, change: dict[str, str], words: str) -> None:
    typed = {**CULTURE_DAY, **change}
    answer = browser("administrator").submit(PAGE, typed, page=PAGE)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and words in page
    assert all(f'value="{value}"' in page for name, value in typed.items() if name != "kind" and value)


def test_going_back_from_the_preview_keeps_what_was_typed(town: Town, browser: SignIn) -> None:
    page = browser("administrator").submit(PAGE, {**CULTURE_DAY, "_edit": "1"}, page=PAGE).get_data(as_text=True)
    assert CULTURE_DAY["source"] in page and "Xem trước" in page
    with town.office.begin(SYSTEM) as work:
        assert edits(work).rows == []


def test_a_preview_that_is_no_longer_true_is_not_saved(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    old = seen(person.submit(PAGE, CULTURE_DAY, page=PAGE).get_data(as_text=True))
    other = {**CULTURE_DAY, "first-day": "25", "_save": "1"}
    assert person.submit(PAGE, other, page=PAGE).status_code == 303
    assert person.submit(PAGE, {**CULTURE_DAY, "_save": "1", "seen": old}, page=PAGE).status_code == 303
    assert "người khác đổi" in person.follow().get_data(as_text=True)
    with town.office.begin(SYSTEM) as work:
        assert [row.day for row in edits(work).kept] == [date(2026, 11, 25)]


def test_the_supervisor_reads_and_nobody_else_knows_the_page(browser: SignIn) -> None:
    supervisor = browser("supervisor")
    page = supervisor.get(PAGE).get_data(as_text=True)
    assert "Lịch ngày nghỉ 2026" in page and "Xem trước" not in page
    assert supervisor.submit(PAGE, CULTURE_DAY).status_code == 404
    assert browser("worker").get(PAGE).status_code == 404


@pytest.mark.parametrize("query", ["?nam=0", "?nam=99999", "?nam=x", "?nam=2100", "?nam=2017"])
def test_odd_years_break_nothing(browser: SignIn, query: str) -> None:
    assert browser("administrator").get(PAGE + query).status_code == 200


def test_a_calendar_that_ends_too_soon_says_so(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    assert "chưa đủ sáu tháng" not in person.get(PAGE).get_data(as_text=True)
    town.clock.advance(days=300)
    assert "chưa đủ sáu tháng" in browser("administrator").get(PAGE).get_data(as_text=True)
