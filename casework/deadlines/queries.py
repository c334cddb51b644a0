"""Read-only questions about clocks, and how a clock reads to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from casework.clock import local
from casework.db import among
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange, ClockState
from casework.law.calendar import Calendar
from casework.law.model import DeadlineRule
from casework.work import Work


@dataclass(frozen=True)
class ClockReading:
    """One clock at one moment. `look` is late, soon, fine, done or done-late; `left` is negative when late.

    `working_days_left` is None unless the rule counts working days and more than a day is left.
    """

    clock: CaseClock
    rule: DeadlineRule
    look: str
    left: timedelta
    working_days_left: int | None


def clocks_of(work: Work, case_id: UUID) -> Sequence[CaseClock]:
    """Every clock a case ever had, by due time; of one moment always in the same order, whatever was written meanwhile."""
    return work.session.exec(
        select(CaseClock)
        .where(CaseClock.case_id == case_id)
        .order_by(col(CaseClock.due_at), col(CaseClock.rule), col(CaseClock.id))
    ).all()


def running_of(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, list[CaseClock]]:
    """The running clocks of many cases, soonest first; of one moment as in `clocks_of`."""
    found: dict[UUID, list[CaseClock]] = {}
    ids = list(case_ids)
    if not ids:
        return found
    for clock in work.session.exec(
        select(CaseClock)
        .where(among(col(CaseClock.case_id), ids), CaseClock.state == ClockState.RUNNING)
        .order_by(col(CaseClock.due_at), col(CaseClock.rule), col(CaseClock.id))
    ):
        found.setdefault(clock.case_id, []).append(clock)
    return found


def clocks_of_subjects(work: Work, subject_ids: Iterable[UUID]) -> dict[UUID, CaseClock]:
    """The latest clock of each subject (a referral, say), running or not; subjects that never had one are left out."""
    ids = list(subject_ids)
    if not ids:
        return {}
    found = work.session.exec(
        select(CaseClock).where(among(col(CaseClock.subject_id), ids)).order_by(col(CaseClock.started_at))
    )
    return {clock.subject_id: clock for clock in found if clock.subject_id is not None}


def running_and_breached(work: Work) -> tuple[int, int]:
    """How many limits run now, and how many of those are past: for the office's own state. Periods are no limits."""
    total, breached = work.session.exec(
        select(func.count(), func.count(col(CaseClock.breached_at))).where(
            CaseClock.state == ClockState.RUNNING, col(CaseClock.period).is_(False)
        )
    ).one()
    return total, breached


def read_clock(work: Work, clock: CaseClock) -> ClockReading:
    return reading_at(clock, work.law_for(clock.edition).deadlines[clock.rule], work.now, work.calendar)


def working_days_left(calendar: Calendar, now: datetime, due_at: datetime) -> int:
    """Working days after today up to and with the day the deadline ends, on Vietnam's calendar."""
    today, last = local(now).date(), local(due_at).date()
    return sum(calendar.is_working(today + timedelta(days=n)) for n in range(1, (last - today).days + 1))


def reading_at(clock: CaseClock, rule: DeadlineRule, now: datetime, calendar: Calendar) -> ClockReading:
    """How a clock stands at `now` (UTC). Soon means a quarter of the whole time or less is left."""
    until = clock.stopped_at or now
    left = clock.due_at - until
    days = None
    if clock.state != ClockState.RUNNING:
        look = "done-late" if left < timedelta(0) else "done"
    elif left < timedelta(0):
        look = "soon" if rule.period else "late"
    else:
        look = "soon" if left <= (clock.due_at - clock.started_at) / 4 else "fine"
        if rule.unit == "working_days" and left > timedelta(days=1):
            days = working_days_left(calendar, now, clock.due_at)
    return ClockReading(clock, rule, look, left, days)


@dataclass(frozen=True)
class DayChange:
    """One day set apart ("off" or "make-up"), or taken back (`taken_back`), with the decree it rests on."""

    day: date
    kind: str
    title: str
    source: str
    taken_back: bool


@dataclass(frozen=True)
class Change:
    """Why and when one clock of a case was moved. `days` explains a change of the calendar, `reason` every other."""

    clock_id: UUID
    rule: str
    edition: str
    kind: str
    at: datetime
    old_due: datetime
    new_due: datetime
    reason: str | None
    days: tuple[DayChange, ...]


def changes_of(work: Work, case_id: UUID) -> list[Change]:
    """Every move of a clock of the case, oldest first, with its explanation: two or three small queries."""
    rows = work.session.exec(
        select(ClockChange, CaseClock)
        .join(CaseClock, col(CaseClock.id) == ClockChange.clock_id)
        .where(ClockChange.case_id == case_id)
        .order_by(col(ClockChange.at), col(ClockChange.to_rev), col(ClockChange.id))
    ).all()
    reasons = work.open_all([change for change, _clock in rows], "reason")
    return [
        Change(
            clock_id=clock.id,
            rule=clock.rule,
            edition=clock.edition,
            kind=change.kind,
            at=change.at,
            old_due=change.old_due,
            new_due=change.new_due,
            reason=reason,
            days=_days_between(work, change),
        )
        for (change, clock), reason in zip(rows, reasons, strict=True)
    ]


def _days_between(work: Work, change: ClockChange) -> tuple[DayChange, ...]:
    """Of the days that differ, those that can have moved this clock: past the start, up to the later due time."""
    if change.kind != ChangeKind.CALENDAR or change.from_rev is None or change.to_rev is None:
        return ()
    last = local(max(change.old_due, change.new_due)).date()
    return tuple(
        DayChange(row.day, row.kind, row.title, row.source, taken_back=row.added_rev <= change.from_rev)
        for row in edits(work).between(change.from_rev, change.to_rev)
        if row.day <= last
    )
