"""How people of the invented province walk a case: reports, forms and moves, over HTTP and beneath it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from casework.cases.queries import find_case
from casework.cases.service import take_action
from casework.intake.service import receive_report
from tests.conftest import Town
from tests.web.conftest import Browser

LEVELS_02 = {"harm_1_1": "cao", "harm_1_2": "cao", "ability_2_1": "thap", "ability_2_2": "thap"}
LEVELS_03 = {f"harm_1_{n}": "cao" for n in range(1, 6)} | {f"ability_2_{n}": "thap" for n in range(1, 6)}
LEVELS_06 = {f"harm_1_{n}": "thap" for n in range(1, 4)} | {f"ability_2_{n}": "cao" for n in range(1, 4)}
CHILD = "Vừ Mí Thử"
REPORTER = "Người Kín Tiếng"


def boxes(name: str, day: date) -> dict[str, str]:
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def report(town: Town, **more: Any) -> str:
    """A report of the hotline about an invented child; the case's code."""
    with town.office.begin(town.act_as("hotline")) as work:
        values = {
            "incident_commune": "99001",
            "danger_now": "yes",
            "kinds": ["violence"],
            "child_name": CHILD,
            "child_age": 9,
            "child_sex": "male",
            "incident_place": "thôn Má Lủng",
            "narrative": "Bị đánh bằng dây điện.",
            "harmer_relation": "stepfather",
            "harmer_lives_with_child": True,
            "reporter_name": REPORTER,
            **more,
        }
        return receive_report(work, values, received_at=work.now).case.code


def act(
    town: Town,
    username: str,
    code: str,
    action: str,
    values: Mapping[str, Any] | None = None,
    late_reason: str | None = None,
) -> None:
    """A move made beneath the pages, to bring a case where a test begins."""
    with town.office.begin(town.act_as(username)) as work:
        take_action(work, find_case(work, code), action, values, late_reason=late_reason)


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def do(person: Browser, code: str, action: str, data: Mapping[str, str] | None = None, **more: str) -> str:
    """Fills in the form of a move, checks the answers and makes it. Returns the check page's text."""
    path = f"/ca/{code}/buoc/{action}"
    answer = person.submit(path, {**(data or {}), **more}, page=path)
    assert answer.status_code == 303, text_of(answer.get_data(as_text=True))
    assert answer.headers["Location"] == f"{path}/kiem-tra"
    checked = text_of(person.follow().get_data(as_text=True))
    answer = person.submit(f"{path}/kiem-tra", {}, page=f"{path}/kiem-tra")
    assert answer.status_code == 303, text_of(answer.get_data(as_text=True))
    assert answer.headers["Location"] == f"/ca/{code}"
    return checked
