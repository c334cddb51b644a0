"""A form of the law on its page: begun with what the case says, kept while it has gaps, its rows worked without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from sqlmodel import select

from casework.cases.models import Case
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import CHILD, LEVELS_02, LEVELS_03, act, do, report, text_of

OpenAs = Callable[[str], Browser]
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} ' \" & Ngày mai\u202e"
NEEDS = {"needs_care": [{"name": "Khám, điều trị", "provider": "Trạm y tế xã"}],
         "needs_services": [{"kind": "legal", "name": "Trợ giúp pháp lý"}]}  # fmt: skip


def put_into(town: Town, code: str, state: str) -> None:
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        case.state = state
        work.session.add(case)


def shown(person: Browser, path: str, status: int = 200) -> str:
    answer = person.get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def value_of(page: str, name: str) -> str | None:
    """What stands in a box of the page: an input's value or a text area's words."""
    for tag in re.findall(rf'<(?:input|textarea)[^>]*name="{re.escape(name)}"[^>]*>(?:[^<]*</textarea>)?', page):
        found = re.search(r'value="([^"]*)"', tag) or re.search(r">([^<]*)</textarea>", tag)
        if found:
            return html.unescape(found[1])
    return None


def test_a_draft_with_gaps_is_kept_whole_and_says_what_is_missing_without_calling_it_wrong(
    town: Town, browser: OpenAs
) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker, path = browser("worker"), f"/ca/{code}/buoc/submit-initial-assessment"
    answer = worker.submit(
        path, {"harm_1_1": "cao", "reason": HOSTILE, "assessed_at-day": "31", "_draft": "1"}, page=path
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    page = worker.follow().get_data(as_text=True)
    assert "Còn thiếu để nộp được" in page
    assert "govuk-error-summary" not in page
    gaps = page[page.index("draft-gaps") : page.index("data-autosave")]
    assert 'href="#f-harm_1_2"' in gaps
    assert 'href="#f-assessed_at-day"' in gaps
    assert 'href="#f-harm_1_1"' not in gaps
    assert value_of(page, "reason") == HOSTILE  # as typed, to the last sign
    assert "<script>alert(1)" not in page
    assert value_of(page, "assessed_at-day") == "31"


def test_a_draft_without_gaps_says_that_it_can_be_handed_in(town: Town, browser: OpenAs) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    worker, path = browser("worker"), f"/ca/{code}/buoc/record-progress"
    worker.submit(
        path, {"happened_at": "2026-11-23T07:00", "child_safe": "yes", "text": "Đã gặp", "_draft": "1"}, page=path
    )
    said = text_of(worker.follow().get_data(as_text=True))
    assert "Các câu bắt buộc đã đủ." in said
    assert "câu không bắt buộc còn để trống" in said


def test_rows_are_added_removed_and_raised_by_plain_buttons_with_everything_kept(town: Town, browser: OpenAs) -> None:
    code = report(town)
    put_into(town, code, "specific-assessment")
    worker, path = browser("worker"), f"/ca/{code}/buoc/submit-specific-assessment"
    typed = {f"problems-{n}-problem": text for n, text in enumerate(["một", "hai", "ba", "bốn"])}
    answer = worker.submit(path, {**typed, "child_opinion": HOSTILE, "_add": "problems"}, page=path)
    assert answer.headers["Location"] == f"{path}#f-problems"
    page = worker.follow().get_data(as_text=True)
    assert page.count('name="_remove" value="problems-') == 7  # three empty ones always follow
    worker.submit(path, {**typed, "child_opinion": HOSTILE, "_remove": "problems-1"}, page=path)
    page = worker.follow().get_data(as_text=True)
    assert [value_of(page, f"problems-{n}-problem") for n in range(3)] == ["một", "ba", "bốn"]
    raised = {f"problems-{n}-problem": text for n, text in enumerate(["một", "ba", "bốn"])}
    worker.submit(path, {**raised, "child_opinion": HOSTILE, "_up": "problems-2"}, page=path)
    page = worker.follow().get_data(as_text=True)
    assert [value_of(page, f"problems-{n}-problem") for n in range(3)] == ["một", "bốn", "ba"]
    assert value_of(page, "child_opinion") == HOSTILE


def test_enter_in_a_box_never_presses_a_rows_button(town: Town, browser: OpenAs) -> None:
    code = report(town)
    put_into(town, code, "planning")
    page = shown(browser("worker"), f"/ca/{code}/buoc/submit-plan")
    form = page[page.index("data-autosave") :]
    first = re.search(r"<button[^>]*>", form)
    assert first is not None
    assert "name=" not in first[0]


def test_the_plan_opens_with_what_the_meeting_agreed_and_says_from_where(town: Town, browser: OpenAs) -> None:
    code = report(town)
    put_into(town, code, "specific-assessment")
    values = {"assessed_at": "2026-11-23", "purpose": "plan", "conclusion": "high", **LEVELS_03, **NEEDS}
    act(town, "worker", code, "submit-specific-assessment", values)
    worker = browser("worker")
    minutes = shown(worker, f"/ca/{code}/buoc/record-meeting")
    assert value_of(minutes, "measures-1-name") == "Trợ giúp pháp lý"
    assert value_of(minutes, "place") == "Ủy ban nhân dân xã Nà Lũng"
    put_into(town, code, "planning")
    plan = shown(worker, f"/ca/{code}/buoc/submit-plan")
    assert value_of(plan, "activities-0-name") == "Khám, điều trị"
    assert value_of(plan, "activities-0-provider") == "Trạm y tế xã"
    assert re.search(r"từ Mẫu 03, \d\d:\d\d 23/11/2026", plan)
    assert plan.count("checked") >= 3  # the goals that the form prints


def test_an_answer_corrected_once_is_corrected_for_every_later_form_and_the_page_says_so(
    town: Town, browser: OpenAs
) -> None:
    code = report(town)
    act(town, "worker", code, "accept")
    act(town, "worker", code, "submit-initial-assessment", {**LEVELS_02, "conclusion": "emergency"})
    chair, path = browser("chair"), f"/ca/{code}/buoc/order-separation"
    assert value_of(shown(chair, path), "child_name") == CHILD
    chair.submit(path, {"child_name": "Vừ Mí Thử Đúng", "_draft": "1"}, page=path)
    draft = chair.follow().get_data(as_text=True)
    assert value_of(draft, "child_name") == "Vừ Mí Thử Đúng"
    assert "Anh/chị đã sửa" in draft
    assert re.search(r"từ Mẫu 01, \d\d:\d\d 23/11/2026", draft)
    do(chair, code, "order-separation", {"trigger": "carer-harms", "child_name": "Vừ Mí Thử Đúng", "from_whom": "Người Giả",
       "separation_from": "23/11/2026", "days": "10", "receiver": "Trạm Giả"})  # fmt: skip
    put_into(town, code, "specific-assessment")
    later = shown(browser("worker"), f"/ca/{code}/buoc/submit-specific-assessment")
    assert value_of(later, "child_name") == "Vừ Mí Thử Đúng"
    assert re.search(r"từ Mẫu 07, \d\d:\d\d 23/11/2026", later)


def test_a_refused_form_still_says_where_its_answers_came_from(town: Town, browser: OpenAs) -> None:
    code = report(town)
    put_into(town, code, "emergency")
    chair, path = browser("chair"), f"/ca/{code}/buoc/order-separation"
    answer = chair.submit(path, {"child_name": CHILD, "days": "99"}, page=path)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "từ Mẫu 01" in page
    assert value_of(page, "days") == "99"


def test_the_order_to_separate_starts_with_the_offices_address_and_not_with_where_the_child_is(
    town: Town, browser: OpenAs
) -> None:
    code = report(town)
    put_into(town, code, "emergency")
    act(town, "chair", code, "decide-measures", {"safe_place": "nhà bà Kín, thôn Khuất"})
    put_into(town, code, "emergency")
    page = shown(browser("chair"), f"/ca/{code}/buoc/order-separation")
    assert value_of(page, "receiver_address") == "Ủy ban nhân dân xã Nà Lũng"
    assert "Khuất" not in page
    assert "trừ người gây tổn hại cho trẻ" in text_of(page)  # the stepfather of the report is a carer


def test_a_fault_inside_a_row_names_the_row_and_the_box(town: Town, browser: OpenAs) -> None:
    code = report(town)
    put_into(town, code, "planning")
    worker, path = browser("worker"), f"/ca/{code}/buoc/submit-plan"
    answer = worker.submit(path, {"activities-1-name": "Khám", "activities-1-from-day": "31"}, page=path)
    assert answer.status_code == 422
    said = text_of(answer.get_data(as_text=True))
    assert "Các hoạt động, dòng 2, Thời gian thực hiện: bắt đầu: Ngày này không có thật" in said
