"""`casework law due`: a due time and how it was counted, day by day, for every kind of limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from casework.cli_law import law


def run(*words: str) -> Result:
    return CliRunner().invoke(law, ["due", *words], env={"CASEWORK_LAW_DIR": ""})


def counted(*words: str) -> tuple[str, list[dict[str, Any]]]:
    told = json.loads(run(*words, "--json").stdout)
    assert list(told) == ["due_at", "counted"]
    return told["due_at"], told["counted"]


def test_running_hours_show_how_many_ran_on_each_day() -> None:
    due_at, days = counted("emergency", "2026-11-22T22:14")
    assert due_at == "2026-11-23T10:14:00+07:00"
    assert days == [
        {"day": "2026-11-22", "counts": True, "why": "running", "minutes": 106},
        {"day": "2026-11-23", "counts": True, "why": "running", "minutes": 614},
    ]


def test_a_maximum_of_days_shows_every_day_after_the_first() -> None:
    due_at, days = counted("separation", "2026-11-22")
    assert due_at == "2026-12-07T23:59:59+07:00"
    assert [day["day"][-2:] for day in days] == [
        "23",
        "24",
        "25",
        "26",
        "27",
        "28",
        "29",
        "30",
        *(f"{n:02d}" for n in range(1, 8)),
    ]
    assert {day["why"] for day in days} == {"calendar"}


def test_working_days_name_the_day_off_passed() -> None:
    assert run("approve-plan", "2026-12-31").stdout.splitlines()[1].strip() == "01/01/2027          off: Tết Dương lịch"


def test_a_province_counts_by_its_own_limit() -> None:
    assert counted("approve-plan", "2026-11-23T08:00")[0] == "2026-11-25T17:00:00+07:00"
    assert counted("approve-plan", "2026-11-23T08:00", "--province", "99")[0] == "2026-11-24T17:00:00+07:00"


def test_working_hours_stand_still_over_noon_night_and_weekend() -> None:
    due_at, days = counted("step-1", "2026-11-20T16:00", "--province", "vi-du-5-buoc")
    assert due_at == "2026-11-23T08:30:00+07:00"
    assert [(day["why"], day.get("minutes")) for day in days] == [
        ("working", 60), ("weekend", None), ("weekend", None), ("working", 60),
    ]  # fmt: skip


def test_a_province_without_limits_of_its_own_is_told_that_the_law_s_are_counted() -> None:
    told = run("approve-plan", "2026-11-23T08:00", "--province", "96")
    assert (told.exit_code, "no limits of its own" in told.stderr) == (0, True)


@pytest.mark.parametrize("rule", ["emergency", "separation", "submit-plan", "approve-plan"])
def test_the_rules_others_script_against_are_there(rule: str) -> None:
    assert counted(rule, "2026-11-22T22:14+07:00")[1]


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    told = run("emergncy", "2026-11-22")
    assert told.exit_code == 2
    assert "emergency" in told.stderr
