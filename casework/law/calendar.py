"""Working days of a state office: Monday to Friday without the days off, and the weekend days worked instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta

from casework.law.model import Holiday, Law

SATURDAY = 5
OFFICE_CLOSES = time(17, 0)


@dataclass(frozen=True)
class Counted:
    """A day passed while counting: whether it counts and why: "working", "make-up", "weekend" or "off".
    `holiday` is the entry that says so, for its title."""

    day: date
    counts: bool
    why: str
    holiday: Holiday | None = None


class Calendar:
    """Counts with the holidays it is given. `closes` is when a working day ends on Vietnam's clock.

    A year without entries still counts, but weekends only; `last_day` says up to where the calendar knows.
    """

    def __init__(self, holidays: Iterable[Holiday], *, closes: time = OFFICE_CLOSES) -> None:
        self._holidays = {holiday.day: holiday for holiday in holidays}
        self.closes = closes

    @property
    def last_day(self) -> date:
        """31 December of the last year that has entries; `date.min` without any."""
        return date(max(self._holidays).year, 12, 31) if self._holidays else date.min

    @property
    def days_off(self) -> tuple[date, ...]:
        return tuple(sorted(day for day, holiday in self._holidays.items() if holiday.kind == "off"))

    def look_at(self, day: date) -> Counted:
        holiday = self._holidays.get(day)
        if holiday is not None:
            return Counted(day, holiday.kind == "make-up", holiday.kind, holiday)
        weekend = day.weekday() >= SATURDAY
        return Counted(day, not weekend, "weekend" if weekend else "working")

    def is_working(self, day: date) -> bool:
        return self.look_at(day).counts

    def add_working_days(self, start_day: date, n: int) -> tuple[date, list[Counted]]:
        """The n-th working day after the day of the event, and every day passed on the way.

        Product decision, after the Civil Code's article 147: the day of the event is not counted, so day 1 is the next
        working day. Raises ValueError for n below 1.
        """
        if n < 1:
            raise ValueError("at least one working day has to be counted")
        counted: list[Counted] = []
        day = start_day
        while n:
            day += timedelta(days=1)
            counted.append(self.look_at(day))
            n -= counted[-1].counts
        return day, counted


def calendar_of(law: Law) -> Calendar:
    """The calendar as the edition's own files have it; an office may build one from its edited table instead."""
    return Calendar(law.holidays, closes=law.edition.office_closes)
