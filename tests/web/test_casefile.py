"""The pages of one case beside its home: course, people, sharing, readers, sheet, visit; and the chair's one page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlmodel import select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Document
from casework.cases.queries import find_case
from casework.clock import local
from casework.deadlines.queries import Change, DayChange
from casework.referral.service import refer_case
from casework.web.courseparts import change_items, with_changes
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.test_cases import counted, page, state_of, trail
from tests.web.walks import CHILD, LEVELS_02, LEVELS_03, REPORTER, act, boxes, report, text_of

OpenAs = Callable[[str], Browser]
MOTHER = "Hoàng Thị Giấu Kín"
ORDER = {"trigger": "carer-harms", "child_name": CHILD, "from_whom": "Người Giả Định", "receiver": "Trạm Giả Định"}
ACTIVITY = {"name": "Khám", "officer": "Cán Bộ Thử", "from": "2026-11-24", "to": "2026-12-01", "cost": 300000}
PLAN = {"activities": [ACTIVITY], "review_date": "2026-12-20"}


def emergency(town: Town, **more: object) -> str:
    code = report(town, **more)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    return code


def planned(town: Town) -> str:
    code = report(town, danger_now="no", harmer_relation="stranger")
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {"conclusion": "plan"})
    act(town, "worker", code, "submit-specific-assessment", {**LEVELS_03, "conclusion": "high"})
    act(town, "worker", code, "record-meeting", {})
    act(town, "worker", code, "submit-plan", PLAN)
    return code


# ---------------------------------------------------------------- the home


def test_the_step_opens_at_the_first_open_question_and_says_how_many_are_left(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    path = f"/ca/{code}/buoc/submit-initial-assessment"
    worker.submit(
        f"{path}/nhap", {**boxes("assessed_at", local(town.clock.now()).date()), "harm_1_1": "cao"}, page=path
    )
    home = page(worker, f"/ca/{code}")
    assert f'href="{path}#q-harm_1_2"' in home
    assert re.search(r"đã lưu nháp 08:00 23/11, còn \d+ câu phải trả lời", home)
    assert f'href="{path}#q-harm_1_2"' in page(worker, "/viec")


def test_every_page_a_case_leads_to_opens_for_who_is_shown_it(town: Town, browser: OpenAs) -> None:
    code = emergency(town)
    for username in ("worker", "chair", "supervisor"):
        person = browser(username)
        home = page(person, f"/ca/{code}")
        subnav = re.search(r'<nav class="subnav.*?</nav>', home, re.DOTALL)
        assert subnav is not None
        links = re.findall(r'href="([^"]+)"', subnav[0])
        assert (f"/ca/{code}/ghi-nhan" in links) == (username != "supervisor")
        for link in links:
            page(person, link)
    stranger = browser("worker-99002")
    for tab in ("dong-thoi-gian", "nguoi", "chia-se", "nhat-ky", "in", "ghi-nhan"):
        page(stranger, f"/ca/{code}/{tab}", 404)


def test_a_separation_says_which_day_it_is_and_who_may_do_what(town: Town, browser: OpenAs) -> None:
    code = emergency(town)
    first = local(town.clock.now()).date()
    until = first + timedelta(days=15)
    days = {"separation_from": first.isoformat(), "days": 15, "until": until.isoformat()}
    act(town, "chair", code, "order-separation", {**ORDER, **days})
    town.clock.advance(days=3)
    home = text_of(page(browser("worker"), f"/ca/{code}"))
    assert "Tạm thời cách ly: ngày 3 trong 15" in home
    assert "đến hết 08/12/2026" in home
    assert "do Chủ tịch UBND xã quyết định" in home
    assert "trẻ đang được tạm thời cách ly" in home
    chairs = page(browser("chair"), f"/ca/{code}")
    assert f'href="/ca/{code}/buoc/extend-separation"' in chairs
    assert f'href="/ca/{code}/buoc/cancel-separation"' not in chairs  # no new Mẫu 03 finds the parents safe
    assert "Phải có Mẫu 03 mới" in text_of(chairs)


def test_the_story_follows_the_papers_without_anybody_writing_it(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    assert "Lúc báo tin: đang gặp nguy hiểm. Chưa đánh giá." in page(worker, f"/ca/{code}")
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    visit = {"happened_at": "2026-11-23T07:30:00+07:00", "child_safe": "no", "text": "x", "child_whereabouts": "nhà bà"}
    act(town, "worker", code, "record-progress", visit)
    story = text_of(page(worker, f"/ca/{code}")).partition("Chuyện của em")[2]
    assert "Nhận tin 08:00 23/11: Bị đánh bằng dây điện." in story
    assert "Người bị cho là gây tổn hại: bố kế, sống cùng em." in story
    assert "Em đang ở: nhà bà." in story
    assert "Mẫu 02, 08:00 23/11: trẻ em cần được bảo vệ khẩn cấp" in story
    assert "Gặp gần nhất 07:30 23/11: em chưa an toàn." in story


# ---------------------------------------------------------------- what happened


def test_the_course_is_narrowed_by_kind_and_turned_round_for_printing(town: Town, browser: OpenAs) -> None:
    code = report(town)
    town.clock.advance(minutes=5)
    act(town, "worker", code, "accept")
    town.clock.advance(hours=13)
    act(
        town,
        "worker",
        code,
        "submit-initial-assessment",
        {**LEVELS_02, "conclusion": "plan", "reason": "x"},
        "Lũ quét.",
    )
    worker = browser("worker")
    path = f"/ca/{code}/dong-thoi-gian"
    whole = text_of(page(worker, path))
    assert whole.index("Đã đánh giá nguy cơ ban đầu") < whole.index("Xã đã nhận ca")
    assert "Lý do chậm: Lũ quét." in whole
    turned = text_of(page(worker, f"{path}?thu-tu=cu-truoc"))
    assert turned.index("Xã đã nhận ca") < turned.index("Đã đánh giá nguy cơ ban đầu")
    reports = text_of(page(worker, f"{path}?loai=tin"))
    assert "Tiếp nhận thông tin (Mẫu 01)" in reports
    assert "Xã đã nhận ca" not in reports
    assert "Xã đã nhận ca" in text_of(page(worker, f"{path}?loai=gi-do"))


def test_a_limit_that_moved_stands_on_the_course_with_why(town: Town) -> None:
    at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    day = DayChange(at.date(), "off", "Nghỉ bù", "QĐ 1/2026", taken_back=False)
    moved = Change(uuid4(), "submit-plan", "nd56-2017", "calendar", at, at, at + timedelta(days=1), None, (day,))
    with create_app(town.office).test_request_context(), town.office.begin(SYSTEM) as work:
        item = change_items(work, [moved])[0]
    assert item["title"] == "Hạn đổi: Trình kế hoạch hỗ trợ, can thiệp"
    assert "từ 08:00 thứ Hai 23/11/2026 thành 08:00 thứ Ba 24/11/2026" in item["detail"]
    assert "23/11/2026 là ngày nghỉ: Nghỉ bù (QĐ 1/2026)" in item["detail"]
    older, newer = ({"time_iso": f"2026-11-{day}T08:00:00+07:00"} for day in (22, 24))
    assert [one["time_iso"][8:10] for one in with_changes([newer, older], [item])] == ["24", "23", "22"]


# ---------------------------------------------------------------- people, sharing, readers


def test_people_are_covered_until_asked_for_and_each_showing_is_kept(town: Town, browser: OpenAs) -> None:
    code = report(town, mother_name=MOTHER, child_whereabouts="nhà bà ngoại")
    worker = browser("worker")
    covered = page(worker, f"/ca/{code}/nguoi")
    for secret in (CHILD, MOTHER, "nhà bà ngoại", REPORTER):
        assert secret not in covered
    assert "H. T. G. K." in covered
    assert trail(town, Tag.IDENTITY_REVEALED) == []
    shown = worker.submit(f"/ca/{code}/nguoi", page=f"/ca/{code}/nguoi").get_data(as_text=True)
    for name in (CHILD, MOTHER, "nhà bà ngoại"):
        assert name in shown
    assert REPORTER not in shown
    assert [one.object_type for one in trail(town, Tag.IDENTITY_REVEALED)] == ["people"]
    assert MOTHER not in page(worker, f"/ca/{code}/nguoi")


def test_the_matrix_says_what_the_police_see_only_once_it_was_given_and_nobody_sees_who_reported(
    town: Town, browser: OpenAs
) -> None:
    code = emergency(town)
    worker = browser("worker")

    def cells(row: str) -> list[str]:
        found = re.search(rf'<th scope="row">{row}</th>(.*?)</tr>', page(worker, f"/ca/{code}/chia-se"), re.DOTALL)
        assert found is not None, row
        return re.findall(r'class="m-(\w+)"', found[1])

    assert cells("Diễn biến vụ việc") == ["seen", "seen", "later", "not", "not", "not"]
    assert set(cells("Danh tính người báo tin")) == {"not"}
    with town.office.begin(town.act_as("worker")) as work:
        refer_case(work, find_case(work, code), "police", {"to_unit": "CA-99001", "reason": "x"})
    assert cells("Diễn biến vụ việc")[2] == "seen"
    assert cells("Thông tin sức khỏe")[2] == "not"
    assert "Công an xã Nà Lũng" in page(worker, f"/ca/{code}/chia-se")


def test_who_has_seen_a_case_is_told_by_post_and_ones_own_look_as_ones_own(town: Town, browser: OpenAs) -> None:
    code = report(town)
    page(browser("supervisor"), f"/ca/{code}")
    worker = browser("worker")
    page(worker, f"/ca/{code}")
    seen = text_of(page(worker, f"/ca/{code}/nhat-ky"))
    assert seen.index("Ai đã xem ca này") < seen.index("Từng lần xem")  # the answer, then every time, page by page
    assert "Giám sát cấp tỉnh (Sở Y tế)" in seen
    assert "Cán bộ bảo vệ trẻ em, Xã Nà Lũng (anh/chị)" in seen
    assert "xem ca" in seen


# ---------------------------------------------------------------- on paper


def test_the_sheet_has_no_navigation_says_its_secrecy_and_is_kept_as_a_printing(town: Town, browser: OpenAs) -> None:
    code = report(town)
    town.clock.advance(minutes=5)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    sheet = page(worker, f"/ca/{code}/in")
    said = text_of(sheet)
    assert "<nav" not in sheet
    assert "Mức độ bảo mật" in said
    assert "Phạm vi cung cấp" in said
    assert said.index("Tiếp nhận thông tin (Mẫu 01)") < said.index("Xã đã nhận ca")
    assert CHILD not in sheet
    assert REPORTER not in sheet
    assert len(trail(town, Tag.CASE_PRINTED)) == 1
    assert trail(town, Tag.IDENTITY_REVEALED) == []
    named = worker.submit(f"/ca/{code}/in", page=f"/ca/{code}/in").get_data(as_text=True)
    assert CHILD in named
    assert len(trail(town, Tag.IDENTITY_REVEALED)) == 1


# ---------------------------------------------------------------- the visit


def test_a_visit_is_noted_in_one_page_and_a_chip_sets_the_next(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    path = f"/ca/{code}/ghi-nhan"
    fresh = page(worker, path)
    assert 'value="08:00"' in fresh  # now, unless somebody says otherwise
    today = {**boxes("happened_at", local(town.clock.now()).date()), "happened_at-time": "07:40"}
    wrong = worker.submit(path, {**today, "seen": "Bà của em", "signs": ["fear", "injury"]}, page=path)
    shown = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert 'href="#f-child_safe"' in shown
    assert "Bà của em" in shown
    assert re.search(r'value="fear" checked', shown)
    assert worker.submit(f"{path}/nhap", {**today, "seen": "Ông của em"}, page=path).get_json() == {"saved_at": "08:00"}
    assert "Ông của em" in page(worker, path)
    done = worker.submit(path, {**today, "child_safe": "no", "text": "Em sợ.", "_next_in": "3"}, page=path)
    assert done.status_code == 303
    home = text_of(worker.follow().get_data(as_text=True))
    assert "trẻ chưa an toàn" in home
    assert "Gặp gần nhất 07:40 23/11: em chưa an toàn. Hẹn tiếp 07:40 26/11." in home
    assert "Ông của em" not in page(worker, path)
    with town.office.begin(SYSTEM) as work:
        kept = work.session.exec(select(Document).where(Document.form == "progress")).one()
        assert work.open(kept, "content")["next_at"].startswith("2026-11-26T07:40")


def test_a_visit_on_an_ended_case_is_refused_and_the_attempt_kept(town: Town, browser: OpenAs) -> None:
    code = report(town, danger_now="no", harmer_relation="stranger")
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {"conclusion": "monitor"})
    act(town, "chair", code, "end-observation", {"outcome": "no-abuse"})
    worker = browser("worker")
    assert worker.get(f"/ca/{code}/ghi-nhan").status_code == 409
    assert f"/ca/{code}/ghi-nhan" not in page(worker, f"/ca/{code}")
    assert [entry.object_type for entry in trail(town, Tag.MOVE_REFUSED)] == ["record-progress"]
    page(browser("supervisor"), f"/ca/{code}/ghi-nhan", 404)


# ---------------------------------------------------------------- the chair


def test_the_chair_approves_a_plan_in_three_taps_and_reads_it_first(town: Town, browser: OpenAs) -> None:
    code = planned(town)
    chair = browser("chair")
    assert f'href="/ky/{code}"' in page(chair, "/ky")
    shown = page(chair, f"/ky/{code}")  # the first tap
    said = text_of(shown)
    assert "Khám" in said
    assert "tổng dự toán 300.000 đồng" in said
    assert CHILD not in shown
    assert f"/ca/{code}/buoc/return-plan" in shown
    drawn = chair.submit(f"/ky/{code}/approve-plan", page=f"/ky/{code}")  # the second
    assert drawn.headers["Location"] == f"/ca/{code}/buoc/approve-plan/kiem-tra"
    assert CHILD in chair.follow().get_data(as_text=True)
    assert state_of(town, code) == "plan-submitted"
    check = f"/ca/{code}/buoc/approve-plan/kiem-tra"
    assert chair.submit(check, {}, page=check).status_code == 303  # the third
    assert state_of(town, code) == "carrying-out"
    home = text_of(page(browser("worker"), f"/ca/{code}"))
    assert "Hoạt động của kế hoạch" in home
    assert "Kế hoạch 1 hoạt động, đã duyệt" in home


def test_drawing_up_another_posts_step_is_refused_and_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    assert browser("chair").submit(f"/ky/{code}/submit-initial-assessment").status_code == 403
    assert len(trail(town, Tag.MOVE_REFUSED)) == 1
    assert browser("worker").get(f"/ky/{code}").status_code == 404


# ---------------------------------------------------------------- how much is asked of the database


def test_a_page_asks_the_database_no_more_than_it_did(town: Town, browser: OpenAs) -> None:
    code = planned(town)
    worker = browser("worker")
    # One of them is the header's count of notices, and three say whose sight the page's three pieces of work have.
    most = {"/ca": 15, "/viec": 18, f"/ca/{code}": 30}
    for path, limit in most.items():
        page(worker, path)
        with counted(town) as seen:
            page(worker, path)
        assert len(seen) <= limit, f"{path}: {len(seen)}"


def test_each_page_of_a_case_is_kept_as_a_reading(town: Town, browser: OpenAs) -> None:
    code = report(town)
    worker = browser("worker")
    for tab in ("dong-thoi-gian", "nguoi", "chia-se", "nhat-ky"):
        page(worker, f"/ca/{code}/{tab}")
    with town.office.begin(SYSTEM) as work:
        kinds = work.session.exec(select(AuditEntry.object_type).where(AuditEntry.tag == Tag.CASE_READ)).all()
    assert sorted(str(kind) for kind in kinds) == ["course", "people", "readers", "sharing"]
