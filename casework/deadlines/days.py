"""The office's calendar: the law's days off with what the office has added, read once for a piece of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select

from casework.deadlines.models import CalendarDay
from casework.law.calendar import Calendar, calendar_of
from casework.law.deadlines import add_months
from casework.law.model import Holiday, Text
from casework.work import Work

MONTHS_AHEAD = 6
# Labour Code art. 112 gives eleven days off a year; some fall on weekends. A year with fewer has not been entered yet.
LEAST_DAYS_OFF = 8


@dataclass(frozen=True)
class Edits:
    """Every day the office ever set, in the order of the edits; `revision` is the number of the last edit, 0 for none."""

    revision: int
    rows: Sequence[CalendarDay]

    @property
    def kept(self) -> tuple[CalendarDay, ...]:
        """The days that count now, in their order."""
        return tuple(sorted((row for row in self.rows if row.removed_rev is None), key=lambda row: row.day))

    def between(self, after: int, up_to: int) -> tuple[CalendarDay, ...]:
        """The days that counted at revision `up_to` and not at `after`, or the other way round."""
        return tuple(row for row in self.rows if _counts_at(row, after) != _counts_at(row, up_to))


def edits(work: Work) -> Edits:
    """One small query for a piece of work, whatever it counts."""
    return work.keep("calendar edits", lambda: _read(work))


def forget_edits(work: Work) -> None:
    """After an edit: what is counted next in this work counts with it."""
    work.forget("calendar edits")
    work.forget("calendar")


def office_calendar(work: Work) -> Calendar:
    """The edition in force's own days with the office's laid over them: where both name a day, the office's counts."""
    return calendar_with(work, edits(work).kept)


def calendar_with(work: Work, days: Sequence[CalendarDay]) -> Calendar:
    """What the calendar would be if the office's own days were `days`."""
    own = (Holiday(row.day, Text(row.title, row.title), row.kind, row.source) for row in days)
    return calendar_of(work.law, [*work.law.holidays, *own])


def known_until(calendar: Calendar) -> date:
    """31 December of the last year, in a row from the first, whose days off have been entered; `date.min` for none."""
    years = {day.year for day in calendar.days_off}
    last = date.min
    for year in sorted(years):
        entered = sum(day.year == year for day in calendar.days_off) >= LEAST_DAYS_OFF
        if not entered or (last != date.min and year != last.year + 1):
            break
        last = date(year, 12, 31)
    return last


def covers_months_ahead(calendar: Calendar, today: date) -> bool:
    """Whether the coming six months are known. Past them a limit in working days would count a holiday as a working day,
    and so end too early."""
    return known_until(calendar) >= add_months(today, MONTHS_AHEAD)


def _counts_at(row: CalendarDay, revision: int) -> bool:
    return row.added_rev <= revision and (row.removed_rev is None or row.removed_rev > revision)


def _read(work: Work) -> Edits:
    rows = work.session.exec(select(CalendarDay).order_by(col(CalendarDay.added_rev), col(CalendarDay.day))).all()
    return Edits(max((max(row.added_rev, row.removed_rev or 0) for row in rows), default=0), rows)
