"""Counting days and hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from casework.cli import casework
from casework.errors import Invalid
from casework.law.calendar import Calendar, calendar_of
from casework.law.deadlines import add_months, due
from casework.law.loader import load_law
from casework.law.model import Holiday, Law, Text

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
LAW = load_law()

DAYS = st.dates(date(2025, 6, 1), date(2028, 6, 1))
STARTS = st.datetimes(datetime(2025, 6, 1), datetime(2028, 6, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


def holiday(day: date, kind: str = "off") -> Holiday:
    return Holiday(day, Text("Nghỉ", "Off"), kind, "test")


CALENDARS = st.lists(st.builds(holiday, DAYS), max_size=40, unique_by=lambda one: one.day).map(Calendar)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def local(moment: datetime) -> datetime:
    return moment.astimezone(VIETNAM)


# ------------------------------------------------------------ the calendar


def test_day_one_is_the_working_day_after_the_event(law: Law) -> None:
    friday = date(2026, 11, 20)
    last, counted = calendar_of(law).add_working_days(friday, 1)
    assert last == date(2026, 11, 23)
    assert [(one.day.day, one.why) for one in counted] == [(21, "weekend"), (22, "weekend"), (23, "working")]


def test_a_saturday_worked_instead_counts_and_the_friday_off_does_not(law: Law) -> None:
    last, counted = calendar_of(law).add_working_days(date(2025, 12, 31), 6)
    assert last == date(2026, 1, 10)
    assert {one.day: one.why for one in counted if one.why not in ("working", "weekend")} == {
        date(2026, 1, 1): "off", date(2026, 1, 2): "off", date(2026, 1, 10): "make-up",
    }  # fmt: skip
    assert counted[-1].holiday is not None


def test_the_new_year_week_of_2026_is_no_working_time(law: Law) -> None:
    last, _ = calendar_of(law).add_working_days(date(2026, 2, 13), 1)
    assert last == date(2026, 2, 23)


def test_the_calendar_says_up_to_where_it_knows(law: Law) -> None:
    assert calendar_of(law).last_day == date(2027, 12, 31)
    assert Calendar([]).last_day == date.min


def covers(calendar: Calendar, today: date) -> bool:
    """Whether the days off of the six months from `today` on are entered: each year of them has some."""
    ends = add_months(today, 6)
    years = {one.day.year for one in map(calendar.look_at, _all_days()) if one.holiday}
    return ends <= calendar.last_day and {today.year, ends.year} <= years


def test_the_calendar_covers_the_six_months_to_come(law: Law) -> None:
    """Red when the next year's days off have to be entered, and when this one's never were."""
    calendar = calendar_of(law)
    assert covers(calendar, datetime.now(VIETNAM).date()), (
        f"days off are known until {calendar.last_day}: enter the next year's"
    )
    assert covers(calendar, date(2027, 6, 30))
    assert not covers(calendar, date(2027, 7, 1))
    assert not covers(Calendar([one for one in law.holidays if one.day.year != 2027]), date(2026, 7, 2))


def test_doctor_says_until_when_the_calendar_is_known(law: Law, tmp_path: Path) -> None:
    told = CliRunner().invoke(
        casework, ["doctor"], env={"CASEWORK_DATA_DIR": str(tmp_path), "CASEWORK_KEY_FILE": str(tmp_path / "none")}
    )
    assert f"calendar known until {calendar_of(law).last_day:%d/%m/%Y}" in told.output


def test_no_working_day_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Calendar([]).add_working_days(date(2026, 1, 1), 0)


@given(CALENDARS, DAYS, st.integers(1, 40))
def test_the_last_working_day_is_never_a_day_off(calendar: Calendar, start: date, n: int) -> None:
    last, counted = calendar.add_working_days(start, n)
    assert calendar.is_working(last)
    assert sum(one.counts for one in counted) == n
    assert [one.day for one in counted] == [start + timedelta(days=i + 1) for i in range(len(counted))]


@given(CALENDARS, DAYS, st.integers(0, 30), st.integers(1, 20))
def test_a_later_event_or_a_longer_limit_never_ends_earlier(
    calendar: Calendar, start: date, shift: int, n: int
) -> None:
    last, _ = calendar.add_working_days(start, n)
    assert calendar.add_working_days(start + timedelta(days=shift), n)[0] >= last
    assert calendar.add_working_days(start, n + 1)[0] > last


@given(CALENDARS, DAYS, st.integers(1, 20), DAYS)
def test_one_more_day_off_never_shortens_a_limit(calendar: Calendar, start: date, n: int, extra: date) -> None:
    known = [one.holiday for one in map(calendar.look_at, _all_days()) if one.holiday and one.day != extra]
    assert Calendar([*known, holiday(extra)]).add_working_days(start, n)[0] >= calendar.add_working_days(start, n)[0]


def _all_days() -> list[date]:
    return [date(2025, 6, 1) + timedelta(days=i) for i in range(1100)]


# ------------------------------------------------------------ deadlines


@given(STARTS)
def test_twelve_hours_are_twelve_hours_on_any_day(start: datetime) -> None:
    assert due(LAW.deadlines["emergency"], start, calendar_of(LAW)).due_at - start == timedelta(hours=12)


def test_the_emergency_warns_at_half_and_at_a_quarter(law: Law) -> None:
    found = due(law.deadlines["emergency"], at("2026-11-22T22:14"), calendar_of(law))
    assert local(found.due_at) == at("2026-11-23T10:14")
    assert [local(moment) for moment in found.warn_at] == [at("2026-11-23T04:14"), at("2026-11-23T07:14")]
    assert found.due_at.tzinfo is UTC


def test_five_working_days_end_when_the_office_closes(law: Law) -> None:
    found = due(law.deadlines["submit-plan"], at("2026-11-22T22:14"), calendar_of(law))
    assert local(found.due_at) == at("2026-11-27T17:00")
    assert [one.day.day for one in found.counted] == [23, 24, 25, 26, 27]


def test_the_day_of_the_event_is_vietnams(law: Law) -> None:
    late_sunday_in_london = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)  # Monday 01:00 in Việt Nam
    found = due(law.deadlines["approve-plan"], late_sunday_in_london, calendar_of(law))
    assert local(found.due_at) == at("2026-11-25T17:00")


@given(STARTS)
def test_a_limit_in_working_days_ends_on_a_working_day_in_office_hours(start: datetime) -> None:
    calendar = calendar_of(LAW)
    end = local(due(LAW.deadlines["submit-plan"], start, calendar).due_at)
    assert calendar.is_working(end.date())
    assert end.time() == LAW.edition.office_closes == time(17)


def test_separation_ends_with_its_fifteenth_day(law: Law) -> None:
    found = due(law.deadlines["separation"], at("2026-11-22T22:14"), calendar_of(law))
    assert local(found.due_at) == at("2026-12-07T23:59:59")
    assert [local(moment).date().day for moment in found.warn_at] == [2, 5, 6]


@pytest.mark.parametrize("days_too_many", [1, 2, 400])
def test_separation_cannot_outlast_fifteen_days(law: Law, days_too_many: int) -> None:
    too_late = date(2026, 12, 7) + timedelta(days=days_too_many)
    with pytest.raises(Invalid) as refused:
        due(law.deadlines["separation"], at("2026-11-22T22:14"), calendar_of(law), set_date=too_late)
    assert refused.value.faults == {"until": "out-of-range"}


def test_a_shorter_separation_is_warned_before_its_own_end(law: Law) -> None:
    found = due(law.deadlines["separation"], at("2026-11-22T22:14"), calendar_of(law), set_date=date(2026, 11, 29))
    assert local(found.due_at) == at("2026-11-29T23:59:59")
    assert [local(moment).date().day for moment in found.warn_at] == [24, 27, 28]


def test_a_date_before_the_start_is_refused(law: Law) -> None:
    for rule in ("separation", "review"):
        with pytest.raises(Invalid):
            due(law.deadlines[rule], at("2026-11-22T22:14"), calendar_of(law), set_date=date(2026, 11, 21))


def test_the_plan_sets_its_own_review_day(law: Law) -> None:
    found = due(law.deadlines["review"], at("2026-11-22T10:00"), calendar_of(law), set_date=date(2027, 5, 1))
    assert local(found.due_at) == at("2027-05-01T23:59:59")


def test_three_months_end_on_the_same_day_of_the_month(law: Law) -> None:
    found = due(law.deadlines["monitoring"], at("2026-11-22T10:00"), calendar_of(law))
    assert local(found.due_at) == at("2027-02-22T23:59:59")


def test_three_months_from_the_thirtieth_of_november_end_with_february() -> None:
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert add_months(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert add_months(date(2026, 12, 31), 1) == date(2027, 1, 31)


@given(st.sampled_from(sorted(LAW.deadlines)), STARTS)
def test_every_warning_comes_after_the_start_and_before_the_end(rule_id: str, start: datetime) -> None:
    found = due(LAW.deadlines[rule_id], start, calendar_of(LAW))
    assert all(start < moment < found.due_at for moment in found.warn_at)
    assert list(found.warn_at) == sorted(set(found.warn_at))


@given(st.sampled_from(sorted(LAW.deadlines)), STARTS, st.integers(0, 100_000))
def test_what_starts_later_never_ends_earlier(rule_id: str, start: datetime, seconds: int) -> None:
    calendar, rule = calendar_of(LAW), LAW.deadlines[rule_id]
    later = start + timedelta(seconds=seconds)
    assert due(rule, later, calendar).due_at >= due(rule, start, calendar).due_at


def test_a_tighter_amount_ends_sooner(law: Law) -> None:
    rule = law.deadlines["emergency"]
    start = at("2026-11-22T22:14")
    assert due(replace(rule, amount=6), start, calendar_of(law)).due_at < due(rule, start, calendar_of(law)).due_at


def test_a_start_without_time_zone_is_refused(law: Law) -> None:
    with pytest.raises(ValueError, match="time zone"):
        due(law.deadlines["emergency"], datetime(2026, 11, 22, 22, 14), calendar_of(law))
