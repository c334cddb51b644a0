"""Where each person's day starts, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable

from casework.cases.queries import find_case
from casework.jobs.runner import tick
from casework.referral.service import refer_case
from casework.web.strip import strip_plot
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import CHILD, LEVELS_02, act, report, text_of

OpenAs = Callable[[str], Browser]


def page(person: Browser, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200, text_of(answer.get_data(as_text=True))
    return answer.get_data(as_text=True)


def test_a_new_report_is_the_workers_next_deadline_and_is_taken_with_one_tap(town: Town, browser: OpenAs) -> None:
    worker = browser("worker")
    assert "Không có hạn nào đang chạy" in page(worker, "/viec")
    code = report(town)
    desk = text_of(page(worker, "/viec"))
    assert "Còn 15 phút" in desk
    assert "Hạn 08:15 thứ Hai 23/11/2026" in desk
    assert "Tin mới, chưa nhận 1" in desk
    assert "Người bị cho là gây tổn hại đang ở cùng nhà với trẻ" in desk
    assert CHILD not in desk
    assert worker.submit(f"/ca/{code}/buoc/accept", page="/viec").status_code == 303
    desk = text_of(page(worker, "/viec"))
    assert "Tin mới, chưa nhận" not in desk
    assert "Còn 12 giờ 00 phút" in desk


def test_tasks_stand_under_how_near_they_are_and_others_work_stands_apart(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    assert "Hôm nay 1" in text_of(page(browser("worker"), "/viec"))
    town.clock.advance(hours=12, minutes=5)
    tick(town.office)
    desk = text_of(page(browser("worker"), "/viec"))
    assert "Quá hạn 1" in desk
    assert f"QUA HAN: ma {code}" in desk
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"}, "Đường sạt lở.")
    with town.office.begin(town.act_as("worker")) as work:
        refer_case(work, find_case(work, code), "police", {"to_unit": "CA-99001", "reason": "x"})
    desk = text_of(page(browser("worker"), "/viec"))
    assert "Chờ người khác 2" in desk
    assert "Chờ Chủ tịch: Quyết định biện pháp khẩn cấp" in desk
    assert "Công an xác nhận đã nhận" in desk
    assert "Quá hạn 1 V." not in desk


def test_an_unfinished_form_is_found_again_from_the_desk(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker = browser("worker")
    path = f"/ca/{code}/buoc/submit-initial-assessment"
    worker.submit(path, {"harm_1_1": "cao", "_draft": "1"}, page=path)
    desk = page(worker, "/viec")
    assert "Nháp dở của tôi" in desk
    assert f'href="{path}"' in desk


def test_what_waits_for_the_chair_stands_on_one_page_with_what_was_decided(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    chair = browser("chair")
    assert "Không có việc chờ quyết định" in page(chair, "/ky")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    desk = text_of(page(chair, "/ky"))
    assert "Quyết định biện pháp can thiệp khẩn cấp" in desk
    assert "V. M. T., 9 tuổi, nam · thôn Má Lủng · Bạo lực" in desk
    assert CHILD not in desk
    act(town, "chair", code, "decide-measures", {})
    desk = text_of(page(chair, "/ky"))
    assert "Không có việc chờ quyết định" in desk
    assert "Chủ tịch đã quyết định biện pháp khẩn cấp" in desk


def test_monitoring_waits_for_the_chair_only_when_its_three_months_are_over(town: Town, browser: OpenAs) -> None:
    code = report(town, danger_now="no", harmer_relation="stranger")
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {"conclusion": "plan"})
    act(town, "worker", code, "submit-specific-assessment", {"conclusion": "high"})
    act(town, "worker", code, "record-meeting", {})
    activity = {"name": "Khám", "officer": "Trạm trưởng", "from": "2026-11-24", "to": "2026-12-10", "cost": 0}
    act(town, "worker", code, "submit-plan", {"activities": [activity], "review_date": "2026-12-20"})
    act(town, "chair", code, "approve-plan", {})
    act(town, "worker", code, "submit-review", {"conclusion": "stable"})
    act(town, "chair", code, "decide-monitoring", {})
    assert f"{code}</span>" not in page(browser("chair"), "/ky")
    town.clock.advance(days=93)
    assert f"{code}</span>" in page(browser("chair"), "/ky")


def test_every_number_of_the_supervisor_is_the_total_of_the_list_it_opens(town: Town, browser: OpenAs) -> None:
    report(town)
    lost = report(town, incident_commune="00000", child_name="Tẩn Mờ Giả")
    town.clock.advance(hours=10)
    taken = report(town, incident_commune="99003", child_name="Phàn A Mẫu", child_age=4)
    act(town, "worker-99003", taken, "accept")
    town.clock.advance(minutes=1)
    supervisor = browser("supervisor")
    desk = page(supervisor, "/giam-sat")
    sentence = re.search(r'<h1 class="lead".*?</h1>', desk, re.DOTALL)
    assert sentence is not None
    assert text_of(sentence[0]) == "2 ca quá hạn , 1 ca hết hạn trong 12 giờ tới , 2 tin chưa xã nào nhận ."
    links = re.findall(r'href="([^"]+)">(\d+) ', sentence[0])
    assert len(links) == 3
    for path, number in links:
        assert f"{number} kết quả" in text_of(page(supervisor, path)), path
    assert f"/ca/{lost}/buoc/route" in desk


def test_the_supervisors_overview_opens_nothing_of_a_child(town: Town, browser: OpenAs) -> None:
    report(town)
    desk = page(browser("supervisor"), "/giam-sat")
    assert CHILD not in desk
    assert "V. M. T." not in desk


def test_a_dot_stands_above_the_line_exactly_when_the_limit_is_passed() -> None:
    plot = strip_plot(7, [(0, 0.5, "a"), (0, 0.99, "b"), (3, 1.0, "c"), (6, 40.0, "d")])
    low, near, at, far = plot.spots
    assert low.y > near.y > plot.limit_y
    assert at.y == plot.limit_y
    assert 0 < far.y < plot.limit_y
    assert [spot.look for spot in plot.spots] == ["fine", "soon", "late", "late"]
