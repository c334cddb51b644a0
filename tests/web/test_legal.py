"""The page of legal grounds shows a province's tighter limits with their source, to that province's own people."""

from __future__ import annotations

from collections.abc import Callable

from tests.web.conftest import Browser


def test_a_province_s_own_limit_stands_with_its_source(browser: Callable[[str], Browser]) -> None:
    page = browser("worker").get("/tro-giup/can-cu-phap-ly").text
    assert "Quy trình diễn tập của tỉnh Sơn Lâm" in page
    assert "chưa đọc văn bản" in page
    assert "kế hoạch được duyệt hoặc trả lại trong 1 ngày làm việc" in page
    assert "Ví dụ: 2 giờ" not in page, "another province's"
