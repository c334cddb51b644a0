"""The office about itself, to its administrator: words and numbers, no key, no case; and who opens a blocked account again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlmodel import col, select

from casework.people.models import SignInAttempt, Staff
from casework.people.throttle import limits
from casework.vault.models import ScopeKey
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

STATUS, KEYS, LAW, BLOCKED = "/quan-tri/tinh-trang", "/quan-tri/khoa", "/quan-tri/phap-ly", "/quan-tri/bi-chan"
MOST_QUERIES = 40
Open = Callable[[str], Browser]


@pytest.fixture
def administrator(browser: Open) -> Browser:
    return browser("administrator")


def guess_at(town: Town, username: str, times: int) -> Staff:
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        digest = work.keys.digest("sign-in", username)
        work.session.add_all(
            SignInAttempt(username_digest=digest, staff_id=staff.id, at=work.now) for _ in range(times)
        )
    return staff


def test_the_state_of_the_office_is_said_in_words_and_asks_little(town: Town, administrator: Browser) -> None:
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(args[2])

    event.listen(town.office.engine, "before_cursor_execute", note)
    page = administrator.get(STATUS).get_data(as_text=True)
    event.remove(town.office.engine, "before_cursor_execute", note)
    assert len(asked) <= MOST_QUERIES, asked
    for words in (
        "Cơ sở dữ liệu",
        "Tiến trình nhắc hạn",
        "Chỗ trống trên đĩa",
        "Khóa mã hóa",
        "Niêm phong nhật ký",
        "GiB",
    ):
        assert words in page


def test_keys_are_told_by_name_and_age_and_never_by_what_they_are(town: Town, administrator: Browser) -> None:
    with town.office.begin(SYSTEM) as work:
        work.session.execute(update(ScopeKey).values(created_at=work.now - timedelta(days=400)))
    page = administrator.get(KEYS).get_data(as_text=True)
    kept = json.loads(town.office.settings.key_file.read_text())
    assert kept["active"] in page and "đã quá một năm" in page and town.office.keys.fingerprint in page
    assert not [one for one in (*kept["keks"].values(), kept["root"], kept["signing"]) if one in page]
    assert "đã quá một năm" in administrator.get(STATUS).get_data(as_text=True)


def test_the_legal_data_is_shown_with_its_source(administrator: Browser, browser: Open, town: Town) -> None:
    for reader in (administrator, browser("auditor")):
        page = reader.get(LAW).get_data(as_text=True)
        assert town.office.law.edition.source in page and "đang áp dụng" in page
    assert browser("worker").get(LAW).status_code == 404


@pytest.mark.parametrize("opener", ["administrator", "supervisor"])
def test_a_blocked_account_is_opened_again_by_somebody_above_it(town: Town, browser: Open, opener: str) -> None:
    staff = guess_at(town, "worker", limits().most)
    right = {"username": "worker", "password": town.password}
    door = Browser(browser(opener).client.application.test_client(), "")
    refused = door.submit("/dang-nhap", right, page="/dang-nhap")
    assert refused.status_code == 429 and "mở lại" in refused.get_data(as_text=True)
    above = browser(opener)
    assert "bị chặn" in above.get(BLOCKED).get_data(as_text=True)
    assert above.submit(f"{BLOCKED}/{staff.id}/mo", page=BLOCKED).status_code == 303
    assert door.submit("/dang-nhap", right, page="/dang-nhap").status_code == 303
    with town.office.begin(SYSTEM) as work:
        assert not work.session.exec(select(SignInAttempt).where(col(SignInAttempt.staff_id) == staff.id)).all()


def test_nobody_opens_an_account_that_is_not_blocked_or_is_another_s_business(town: Town, browser: Open) -> None:
    staff = guess_at(town, "worker", 1)
    assert browser("supervisor").submit(f"{BLOCKED}/{staff.id}/mo", page=BLOCKED).status_code == 404
    assert browser("worker").get(BLOCKED).status_code == 404
    assert browser("worker").get(STATUS).status_code == 404
