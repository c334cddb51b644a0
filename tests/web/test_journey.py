"""One child's case walked through the browser by the people of the decree, from the report to the end. Nothing is patched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from casework.clock import local
from casework.referral import service as referral
from casework.referral.queries import referrals_to_me
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import CHILD, LEVELS_02, LEVELS_03, LEVELS_06, REPORTER, boxes, do, report, text_of


def shows(person: Browser, code: str, *said: str) -> str:
    """The case's page as text; it says what is next, under which article and who decides."""
    answer = person.get(f"/ca/{code}")
    assert answer.status_code == 200
    text = text_of(answer.get_data(as_text=True))
    for words in ("Bước tiếp theo", "Người quyết định", "Điều ", *said):
        assert words in text, f"{words!r} is not on the page: {text[:900]}"
    return text


def test_a_case_is_walked_from_report_to_end_by_the_people_the_decree_names(
    town: Town, at_the_door: Callable[[str], Browser]
) -> None:
    code = report(town)
    worker, chair = at_the_door("worker"), at_the_door("chair")
    today = local(town.clock.now()).date()

    text = shows(
        worker, code, "Nhận ca và bắt đầu đánh giá ban đầu", "Điều 26 khoản 1", "Trước 08:15 thứ Hai 23/11/2026"
    )
    assert "V. M. T., 9 tuổi, nam" in text
    assert "Người bị cho là gây tổn hại đang ở cùng nhà với trẻ" in text
    assert CHILD not in text
    assert REPORTER not in text
    assert worker.submit(f"/ca/{code}/buoc/accept", {}, page=f"/ca/{code}").status_code == 303

    shows(worker, code, "Mẫu 02", "Điều 26 khoản 2", "Trước 20:00 thứ Hai 23/11/2026", "Làm Mẫu 02")
    shows(chair, code, "Đang chờ: Người làm công tác bảo vệ trẻ em cấp xã")
    checked = do(
        worker, code, "submit-initial-assessment", LEVELS_02, conclusion="emergency", **boxes("assessed_at", today)
    )
    assert "Biểu mẫu không nêu quy tắc từ số đếm ra kết luận" in checked

    text = shows(
        worker,
        code,
        "Quyết định biện pháp can thiệp khẩn cấp",
        "Điều 26 khoản 3",
        "Khẩn cấp",
        "Đang chờ: Chủ tịch UBND xã",
    )
    do(worker, code, "refer-police", to_unit="CA-99001", reason="Cần ngăn chặn hành vi.", danger_now="yes")
    with town.office.begin(town.act_as("police")) as work:
        referral.acknowledge(work, referrals_to_me(work)[0].id)
    shows(worker, code, "Công an đã nhận", "đã nhận 08:00 23/11", "Người báo tin không chia sẻ")

    shows(chair, code, "Quyết định biện pháp khẩn cấp", "Ra quyết định tạm thời cách ly (Mẫu 07)")
    do(chair, code, "decide-measures", safe_place="Nhà tạm lánh của xã")
    checked = do(
        chair, code, "order-separation", {**boxes("separation_from", today)},
        trigger="carer-harms", child_name=CHILD, from_whom="Người Giả Định", days="10", receiver="Trạm Giả Định",
    )  # fmt: skip
    assert "03/12/2026" in checked  # the tenth day, counted by the page
    assert "Điều 28 khoản 5" in checked  # goes to a parent said to do the harm
    assert "không xóa được" in checked

    shows(
        worker,
        code,
        "Thu thập thông tin, đánh giá nguy cơ cụ thể (Mẫu 03)",
        "Điều 27 khoản 1",
        "Hết thời hạn tạm thời cách ly",
    )
    checked = do(
        worker,
        code,
        "submit-specific-assessment",
        LEVELS_03,
        conclusion="high",
        purpose="plan",
        **boxes("assessed_at", today),
    )
    assert "Theo câu chữ của biểu mẫu: Trẻ em có nguy cơ cao" in checked

    shows(chair, code, "Họp xác định nhu cầu", "Điều 27 khoản 2", "Chủ tịch UBND xã chủ trì")
    do(
        worker,
        code,
        "record-meeting",
        {**boxes("held_at", today), "held_at-time": "07:30"},
        parents_invited="invited",
        needs="Nơi ở an toàn.",
    )

    shows(worker, code, "Mẫu 04", "Điều 28 khoản 1", "Trước 17:00 thứ Hai 30/11/2026")
    do(
        worker,
        code,
        "submit-plan",
        {
            "activities-0-name": "Khám sức khoẻ",
            "activities-0-officer": "Trạm trưởng (diễn tập)",
            "activities-0-cost": "300.000",
            **boxes("activities-0-from", today + timedelta(days=1)),
            **boxes("activities-0-to", today + timedelta(days=20)),
            **boxes("review_date", today + timedelta(days=30)),
        },
    )

    shows(
        chair, code, "Duyệt kế hoạch (Mẫu 05)", "Điều 28 khoản 4", "Trước 17:00 thứ Ba 24/11/2026", "Trả lại kế hoạch"
    )
    checked = do(chair, code, "approve-plan", child_name=CHILD)
    assert "Đồng ý: Duyệt kế hoạch (Mẫu 05)" in checked

    shows(worker, code, "rà soát đúng ngày (Mẫu 06)", "Điều 29 khoản 1", "Trước 23:59 thứ Tư 23/12/2026")
    do(worker, code, "submit-review", LEVELS_06, conclusion="stable", **boxes("assessed_at", today))

    shows(chair, code, "Quyết định theo dõi 3 tháng rồi kết thúc", "Điều 30 khoản 1")
    do(chair, code, "decide-monitoring")

    text = shows(chair, code, "Theo dõi đủ 3 tháng", "Chưa đủ 3 tháng theo dõi", "Đến hết 23:59 thứ Ba 23/02/2027")
    early = chair.get(f"/ca/{code}/buoc/end-case")
    assert early.status_code == 200  # the form may be looked at; the move itself is what the guard stops
    town.clock.advance(days=5)  # the separation lasts ten days: it is cancelled while it runs
    chair, worker = at_the_door("chair"), at_the_door("worker")
    safe = {**LEVELS_03, **{f"harm_1_{n}": "thap" for n in range(1, 6)}, "purpose": "cancel-separation"}
    later = boxes("assessed_at", local(town.clock.now()).date())
    do(worker, code, "assess-parents", {**safe, **later}, conclusion="low", reason="Đã khác.")
    do(chair, code, "confirm-parents", conclusion="low", reason="Đã gặp gia đình.")
    do(chair, code, "cancel-separation", reason="Gia đình đã an toàn.", handed_to="Người Giả Định")
    town.clock.advance(days=93)
    chair, worker = at_the_door("chair"), at_the_door("worker")
    do(chair, code, "end-case", outcome="stable")
    text = shows(
        worker, code, "Hồ sơ được lưu giữ tại UBND xã", "Điều 30 khoản 3", "Chủ tịch đã kết thúc ca", "Mở lại ca"
    )
    assert "Không có hạn nào đang chạy." in text
