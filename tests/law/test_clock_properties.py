"""All kinds of clock over 10,000 starts of 2025–2027, against a slow model that shares no line with the program.

The model reads the calendar's file itself, walks minute by minute or day by day, and knows no datetime arithmetic: a date
is three numbers, a weekday comes from Zeller's rule. The hard moments are forced into the sample.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from casework.law import calendar as calendars
from casework.law.answers import VIETNAM
from casework.law.calendar import Calendar, Counted, calendar_of
from casework.law.deadlines import due
from casework.law.loader import DATA, load_book
from casework.law.model import DeadlineRule, Law

Moment = tuple[int, int, int, int, int, int]  # year, month, day, hour, minute, second on Vietnam's clock
Day = tuple[int, int, int]

STARTS = 10_000
LAW = load_book().get("nd56-2017")
WORKING_HOURS = load_book().get("nd56-2017+vi-du-5-buoc").deadlines["step-1"]
TOTAL = load_book().get("nd56-2017+vi-du-7-ngay").deadlines["plan-total"]
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


# ---------------------------------------------------------------- the slow model


def days_in(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return MONTHS[month - 1] + leap


def next_day(day: Day) -> Day:
    year, month, number = day
    if number < days_in(year, month):
        return year, month, number + 1
    return (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


def is_weekend(day: Day) -> bool:
    """Zeller's congruence: 0 is Saturday, 1 Sunday."""
    year, month, number = day
    year, month = (year - 1, month + 12) if month < 3 else (year, month)
    return (number + 13 * (month + 1) // 5 + year % 100 + year % 100 // 4 + year // 400 + 5 * (year // 100)) % 7 < 2


def special_days() -> dict[Day, str]:
    raw = tomllib.loads((DATA / "common" / "holidays.toml").read_text("utf-8"))["holiday"]
    return {(one["day"].year, one["day"].month, one["day"].day): one["kind"] for one in raw}


SPECIAL = special_days()
WORKED: dict[Day, bool] = {}  # each day is judged once


def works(day: Day) -> bool:
    if day not in WORKED:
        kind = SPECIAL.get(day)
        WORKED[day] = kind == "make-up" if kind else not is_weekend(day)
    return WORKED[day]


def running_hours(start: Moment, hours: int) -> Moment:
    *_, second = start
    day, hour, minute = start[:3], start[3], start[4]
    for _ in range(hours * 60):
        minute += 1
        if minute == 60:
            hour, minute = hour + 1, 0
            if hour == 24:
                day, hour = next_day(day), 0
    return (*day, hour, minute, second)


def working_days(start: Moment, days: int) -> Moment:
    day = start[:3]
    while days:
        day = next_day(day)
        days -= works(day)
    return (*day, 17, 0, 0)


def working_hours(start: Moment, hours: int) -> Moment:
    """Minute after minute; of the first one only the seconds that are left."""
    day, at, gone = start[:3], start[3] * 60 + start[4], start[5]
    left = hours * 3600
    while True:
        if not works(day):
            day, at, gone = next_day(day), 0, 0
            continue
        if 450 <= at < 690 or 780 <= at < 1020:
            if left <= 60 - gone:
                at, second = divmod(at * 60 + gone + left, 60)
                return (*day, at // 60, at % 60, second)
            left -= 60 - gone
        at, gone = at + 1, 0
        if at == 1440:
            day, at = next_day(day), 0


def calendar_days(start: Moment, days: int) -> Moment:
    day = start[:3]
    for _ in range(days):
        day = next_day(day)
    return (*day, 23, 59, 59)


def calendar_months(start: Moment, months: int) -> Moment:
    year, month, day = start[:3]
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    while day > days_in(year, month):
        day -= 1
    return (year, month, day, 23, 59, 59)


MODELS: dict[str, Callable[[Moment, int], Moment]] = {
    "running_hours": running_hours,
    "working_days": working_days,
    "working_hours": working_hours,
    "calendar_days": calendar_days,
    "calendar_months": calendar_months,
}

RULES = {
    "emergency": LAW.deadlines["emergency"],
    "approve-plan": LAW.deadlines["approve-plan"],
    "submit-plan": LAW.deadlines["submit-plan"],
    "plan-total": TOTAL,
    "step-1": WORKING_HOURS,
    "separation": LAW.deadlines["separation"],
    "monitoring": LAW.deadlines["monitoring"],
}


# ---------------------------------------------------------------- the sample


def sample() -> list[datetime]:
    """The hard moments, and random ones to 10,000, all inside 2025–2027."""
    chance = random.Random(2027)  # a sample that everybody can draw again
    found = [moment for day in hard_days() for moment in hard_moments(day)]
    first, last = datetime(2025, 1, 1, tzinfo=VIETNAM), datetime(2027, 12, 31, 23, 59, 59, tzinfo=VIETNAM)
    span = int((last - first).total_seconds())
    while len(found) < STARTS:
        found.append(first + timedelta(seconds=chance.randint(0, span)))
    return found


def hard_days() -> Iterator[date]:
    """Days off and days worked instead with the days around them, every Friday of two months, ends of years and months."""
    near = {date(*day) + timedelta(days=n) for day in SPECIAL for n in (-1, 0, 1)}
    near |= {date(2026, 11, 1) + timedelta(days=n) for n in range(61)}
    near |= {date(year, month, days_in(year, month)) for year in (2025, 2026, 2027) for month in (1, 2, 11, 12)}
    near |= {date(year, 1, 1) for year in (2025, 2026, 2027)}
    yield from sorted(day for day in near if 2025 <= day.year <= 2027)


def hard_moments(day: date) -> Iterator[datetime]:
    for hour, minute, second in (
        (0, 0, 0), (0, 0, 1), (7, 29, 59), (7, 30, 0), (11, 29, 59), (11, 30, 0), (12, 59, 59), (13, 0, 0),
        (16, 59, 59), (17, 0, 0), (19, 30, 0), (23, 59, 59),
    ):  # fmt: skip
        yield datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=VIETNAM)


SAMPLE = sample()


def wrong(rule: DeadlineRule, starts: Iterable[datetime], calendar: Calendar) -> Iterator[datetime]:
    """Starts at which the program and the slow model disagree."""
    model = MODELS[rule.unit]
    for start in starts:
        moment = (start.year, start.month, start.day, start.hour, start.minute, start.second)
        ends = due(rule, start, calendar).due_at.astimezone(VIETNAM)
        if (ends.year, ends.month, ends.day, ends.hour, ends.minute, ends.second) != model(moment, rule.amount):
            yield start


# ---------------------------------------------------------------- the rules


def test_the_sample_holds_the_hard_moments() -> None:
    assert len(SAMPLE) == STARTS
    assert sum(one.weekday() == 4 and one.hour == 19 for one in SAMPLE) >= 9, "Friday evenings"
    assert sum((one.hour, one.minute, one.second) == (0, 0, 0) for one in SAMPLE) >= 100, "midnights"
    assert {year: sum(one.date() == date(year, 12, 31) for one in SAMPLE) >= 12 for year in (2025, 2026, 2027)} == {
        2025: True, 2026: True, 2027: True,
    }  # fmt: skip
    made_up = {day for day, kind in SPECIAL.items() if kind == "make-up" and day[0] <= 2027}
    assert made_up and made_up <= {(one.year, one.month, one.day) for one in SAMPLE}
    for tet in (date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6)):
        assert sum(one.date() == tet for one in SAMPLE) >= 12, "Lunar New Year"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_ten_thousand_starts_end_where_the_slow_model_ends(rule: DeadlineRule) -> None:
    assert list(wrong(rule, SAMPLE, calendar_of(LAW))) == []


def _without_make_up(law: Law) -> Calendar:
    return calendar_of(law, [one for one in law.holidays if one.kind != "make-up"])


def _without_days_off(law: Law) -> Calendar:
    return calendar_of(law, [one for one in law.holidays if one.kind == "make-up"])


class _CountsTheFirstDay(Calendar):
    """Begins with the day of the event, as an off-by-one would."""

    def add_working_days(self, start_day: date, n: int) -> tuple[date, list[Counted]]:
        return super().add_working_days(start_day - timedelta(days=1), n)


def _with_first_day(law: Law) -> Calendar:
    return _CountsTheFirstDay(law.holidays, closes=law.edition.office_closes)


def _closing_at_midday(law: Law) -> Calendar:
    return calendar_of(replace(law, edition=replace(law.edition, office_pause=None)))


@pytest.mark.parametrize(
    ("rule", "defect"),
    [
        ("submit-plan", _without_make_up),
        ("submit-plan", _without_days_off),
        ("submit-plan", _with_first_day),
        ("step-1", _closing_at_midday),
        ("step-1", _without_make_up),
    ],
)
def test_a_planted_defect_is_seen(rule: str, defect: Callable[[Law], Calendar]) -> None:
    assert next(wrong(RULES[rule], SAMPLE, defect(LAW)), None) is not None


@pytest.mark.parametrize("rule", ["emergency", "separation", "monitoring", "approve-plan"])
def test_a_limit_of_one_more_or_less_is_seen_at_every_start(rule: str) -> None:
    longer = replace(RULES[rule], amount=RULES[rule].amount + 1)
    model = MODELS[longer.unit]
    for start in SAMPLE[::97]:
        moment = (start.year, start.month, start.day, start.hour, start.minute, start.second)
        ends = due(longer, start, calendar_of(LAW)).due_at.astimezone(VIETNAM)
        assert (ends.year, ends.month, ends.day, ends.hour, ends.minute, ends.second) > model(
            moment, RULES[rule].amount
        )


def test_the_model_shares_no_arithmetic_with_the_program() -> None:
    """Weekdays by Zeller's rule against Python's own, over every day the sample reaches."""
    day = date(2025, 1, 1)
    while day < date(2028, 6, 1):
        assert is_weekend((day.year, day.month, day.day)) is (day.weekday() >= calendars.SATURDAY)
        assert next_day((day.year, day.month, day.day)) == (day + timedelta(days=1)).timetuple()[:3]
        day += timedelta(days=1)
