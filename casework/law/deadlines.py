"""When a deadline falls due and when its post is warned. Pure arithmetic; rows and clocks of cases live elsewhere.

What the decree leaves open, decided by the product and shown as such:
- running hours and minutes run through nights and days off, to the second;
- working hours run while the office is open and stand still at noon, at night and on days off;
- a limit in working days ends when the office closes on its last day (17:00), not at midnight, when nobody could act;
- calendar days and months do not count the first day and end with the last one (Civil Code 147 and 148: at 24:00;
  stored as 23:59:59, so that the date shown is the last day allowed). They are not moved past a day off: the Civil Code
  would, but a limit set for a child's safety is not made longer;
- a month ends on the same day of the month, or on its last day where there is none.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from casework.errors import Invalid
from casework.law.answers import VIETNAM
from casework.law.calendar import Calendar, Counted
from casework.law.model import DeadlineRule

_END_OF_DAY = time(23, 59, 59)
_RUNNING = {"running_minutes": timedelta(minutes=1), "running_hours": timedelta(hours=1)}


@dataclass(frozen=True)
class Due:
    """`due_at` and `warn_at` (ascending, all after the start and before the due time) are aware and in UTC; `counted`
    shows the days a limit in working days or hours went through, empty for the other units (see `days_of`)."""

    due_at: datetime
    warn_at: tuple[datetime, ...]
    counted: tuple[Counted, ...] = ()


def due(
    rule: DeadlineRule, start: datetime, calendar: Calendar, *, set_date: date | None = None, extended: bool = False
) -> Due:
    """When `rule` falls due if it began at `start` (aware).

    `set_date` is the last day a form set, for a rule with `set_by_form` or `set_by_row`. Where the rule is the law's, its
    amount is the maximum: separation never outlasts 15 days, unless `extended` by who may (32.3). Raises Invalid, keyed
    by the form's field, where the date lies beyond that or before the start; ValueError for a start without time zone.
    """
    if start.tzinfo is None:
        raise ValueError("a deadline starts at an instant, which needs a time zone")
    start = start.astimezone(UTC)
    counted: tuple[Counted, ...] = ()
    if set_date is not None and (rule.set_by_form or rule.set_by_row) is not None:
        due_at = _end_of(set_date if extended else _allowed(rule, start, set_date))
    elif rule.unit == "working_days":
        last, days = calendar.add_working_days(_local_day(start), rule.amount)
        due_at, counted = _at(last, calendar.closes), tuple(days)
    elif rule.unit == "working_hours":
        end, days = calendar.add_working_time(start, timedelta(hours=rule.amount))
        due_at, counted = end.astimezone(UTC), tuple(days)
    elif rule.unit in _RUNNING:
        due_at = start + rule.amount * _RUNNING[rule.unit]
    else:
        due_at = _end_of(last_day(rule, _local_day(start)))
    return Due(due_at, _warnings(rule, start, due_at), counted)


def days_of(rule: DeadlineRule, start: datetime, found: Due) -> tuple[Counted, ...]:
    """Every day between start and due time with what it counted, for a limit of any unit: how `found` came about.

    Running time: each day with the time that ran on it ("running"). Calendar days and months: each day after the first
    ("calendar"). Working time: as `due` counted it.
    """
    if found.counted:
        return found.counted
    first, last = _local_day(start), _local_day(found.due_at)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if rule.unit in _RUNNING:
        return tuple(Counted(day, True, "running", spent=_ran_on(day, start, found.due_at)) for day in days)
    return tuple(Counted(day, True, "calendar") for day in days[1:])


def _ran_on(day: date, start: datetime, end: datetime) -> timedelta:
    midnight = _at(day, time.min)
    return min(midnight + timedelta(days=1), end) - max(midnight, start)


def last_day(rule: DeadlineRule, first: date) -> date:
    """The last day of a rule in calendar days or months that began on `first`, which itself is not counted."""
    if rule.unit == "calendar_months":
        return add_months(first, rule.amount)
    return first + timedelta(days=rule.amount)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last of that month: 30 November and three months is 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _allowed(rule: DeadlineRule, start: datetime, set_date: date) -> date:
    first = _local_day(start)
    too_late = not rule.by_product and set_date > last_day(rule, first)
    if too_late or set_date < first:
        field = (rule.set_by_form or rule.set_by_row or rule.id).rpartition(".")[2]
        raise Invalid({field: "out-of-range"})
    return set_date


def _warnings(rule: DeadlineRule, start: datetime, due_at: datetime) -> tuple[datetime, ...]:
    """`warn_on_days` are counted in the full time: 10, 13 and 14 of 15 are five, two and one day before the end, and
    stay so when a shorter term was set."""
    moments = [due_at - (due_at - start) * left for left in rule.warn_left]
    if rule.warn_on_days:
        shortened = last_day(rule, _local_day(start)) - _local_day(due_at)
        moments += [start + timedelta(days=day) - shortened for day in rule.warn_on_days]
    return tuple(sorted({moment for moment in moments if start < moment < due_at}))


def _local_day(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, VIETNAM).astimezone(UTC)


def _end_of(day: date) -> datetime:
    return _at(day, _END_OF_DAY)
