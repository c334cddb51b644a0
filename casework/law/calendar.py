"""Working days of a state office: Monday to Friday without the days off, and the weekend days worked instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from casework.law.answers import VIETNAM
from casework.law.model import Holiday, Law

SATURDAY = 5
OFFICE_OPENS, OFFICE_CLOSES = time(7, 30), time(17, 0)
OFFICE_PAUSE = (time(11, 30), time(13, 0))
NO_TIME = timedelta(0)


@dataclass(frozen=True)
class Counted:
    """A day passed while counting: whether it counts and why: "working", "make-up", "weekend", "off" or "closed" (a working
    day none of whose office hours was left). `holiday` is the entry that says so, for its title; `spent` the time that ran
    on this day, for a limit in hours."""

    day: date
    counts: bool
    why: str
    holiday: Holiday | None = None
    spent: timedelta = NO_TIME


class Calendar:
    """Counts with the holidays it is given. The office works from `opens` to `closes` on Vietnam's clock, but for `pause`.

    A year without entries still counts, but weekends only; `last_day` says up to where the calendar knows.
    """

    def __init__(
        self,
        holidays: Iterable[Holiday],
        *,
        closes: time = OFFICE_CLOSES,
        opens: time = OFFICE_OPENS,
        pause: tuple[time, time] | None = OFFICE_PAUSE,
    ) -> None:
        self._holidays = {holiday.day: holiday for holiday in holidays}
        self.opens, self.closes, self.pause = opens, closes, pause

    @property
    def first_day(self) -> date:
        """1 January of the first year that has entries; `date.max` without any."""
        return date(min(self._holidays).year, 1, 1) if self._holidays else date.max

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

    def office_hours(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """When the office works on `day` (aware, Vietnam's clock); empty on a day off."""
        if not self.is_working(day):
            return ()
        ends = (self.opens, *(self.pause or ()), self.closes)
        moments = [datetime.combine(day, end, VIETNAM) for end in ends]
        return tuple(zip(moments[::2], moments[1::2], strict=True))

    def add_working_time(self, start: datetime, length: timedelta) -> tuple[datetime, list[Counted]]:
        """The moment at which the office has worked for `length` since `start` (aware), and every day passed on the way,
        the first included. Raises ValueError for no length at all."""
        if length <= NO_TIME:
            raise ValueError("some working time has to be counted")
        counted: list[Counted] = []
        day, left = start.astimezone(VIETNAM).date(), length
        while True:
            spent = NO_TIME
            for opens, closes in self.office_hours(day):
                begins = max(opens, start.astimezone(VIETNAM))
                if begins + left <= closes:
                    return begins + left, [*counted, self._worked(day, spent + left)]
                worked = max(closes - begins, NO_TIME)
                left, spent = left - worked, spent + worked
            counted.append(self._worked(day, spent))
            day += timedelta(days=1)

    def _worked(self, day: date, spent: timedelta) -> Counted:
        look = self.look_at(day)
        if look.counts and not spent:
            return replace(look, counts=False, why="closed")
        return replace(look, spent=spent)


def calendar_of(law: Law, holidays: Iterable[Holiday] | None = None) -> Calendar:
    """The calendar of the edition's own files, or with the days that an office keeps in its own table instead."""
    edition = law.edition
    return Calendar(
        law.holidays if holidays is None else holidays,
        closes=edition.office_closes,
        opens=edition.office_opens,
        pause=edition.office_pause,
    )
