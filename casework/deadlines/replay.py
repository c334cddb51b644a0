"""What real clocks would have done under another law: read-only, for a jurist who is about to change a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from casework.clock import local
from casework.deadlines.models import CaseClock, ClockState
from casework.law.deadlines import due, last_day
from casework.law.model import DeadlineRule, Law
from casework.work import Work

ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Replayed:
    """One clock under another law. `due_after` is None where that law has no such rule; `ended_at` None while it runs."""

    case_code: str
    rule: str
    cycle: int
    started_at: datetime
    ended_at: datetime | None
    due_before: datetime
    due_after: datetime | None
    late_before: bool
    late_after: bool

    @property
    def moves(self) -> bool:
        return self.due_after != self.due_before


def count_clocks(work: Work, *, since: datetime | None = None, running: bool = False) -> int:
    """How many clocks `replay` will show."""
    return work.session.exec(select(func.count()).select_from(CaseClock).where(*_which(since, running))).one()


def replay(
    work: Work, key: str | None = None, *, since: datetime | None = None, running: bool = False
) -> Iterator[Replayed]:
    """Every clock begun at `since` (UTC) or later, or only those running, under the edition `key` of this work's book, or
    under the clock's own edition as this book has it; with this work's calendar. In the order of their beginnings.

    A clock is late if it was met, lapsed or still runs after its due time. Raises KeyError for an unknown `key`.
    """
    chosen = work.law_for(key) if key else None
    rows = work.session.exec(
        select(CaseClock)
        .where(*_which(since, running))
        .order_by(col(CaseClock.started_at), col(CaseClock.id))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    editions = {law.key: law for law in work.book}
    for clock in rows:
        law = chosen or editions.get(clock.edition)
        yield _under(work, clock, law)


def _which(since: datetime | None, running: bool) -> Sequence[bool]:
    wanted: list[bool] = []
    if since is not None:
        wanted.append(CaseClock.started_at >= since)
    if running:
        wanted.append(CaseClock.state == ClockState.RUNNING)
    return wanted


def _under(work: Work, clock: CaseClock, law: Law | None) -> Replayed:
    rule = law.deadlines.get(clock.rule) if law else None
    due_after = _due(work, clock, rule) if rule else None
    end = clock.stopped_at or work.now
    limit = rule is None or not rule.period
    return Replayed(
        case_code=clock.case_code,
        rule=clock.rule,
        cycle=clock.cycle,
        started_at=clock.started_at,
        ended_at=clock.stopped_at,
        due_before=clock.due_at,
        due_after=due_after,
        late_before=limit and end > clock.due_at,
        late_after=limit and due_after is not None and end > due_after,
    )


def _due(work: Work, clock: CaseClock, rule: DeadlineRule) -> datetime:
    """A last day that a form set stands, but no longer than the rule allows, unless a competent body has extended it."""
    day = clock.set_day
    if day is not None and not rule.by_product:
        own = {law.key: law for law in work.book}.get(clock.edition)
        before = own.deadlines.get(clock.rule) if own else None
        first = local(clock.started_at).date()
        if before is None or day <= last_day(before, first):
            day = min(day, last_day(rule, first))
    return due(rule, clock.started_at, work.calendar, set_date=day, extended=True).due_at
