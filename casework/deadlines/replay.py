"""What real clocks would have done under another law: read-only, for a jurist who is about to change a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func
from sqlmodel import col, select

from casework.audit.queries import entries_of_case
from casework.clock import local
from casework.deadlines.models import CaseClock, ClockState
from casework.law.deadlines import due, last_day
from casework.law.model import Action, DeadlineRule, Law
from casework.work import Work

ROWS_AT_ONCE = 500
ACTS_OF_A_CASE = 10_000


@dataclass(frozen=True)
class Replayed:
    """One clock under another law. `due_before` is None where only that law has the rule, `due_after` where it has not;
    `ended_at` is None while it runs."""

    case_code: str
    rule: str
    cycle: int
    started_at: datetime
    ended_at: datetime | None
    due_before: datetime | None
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


def replay_added(work: Work, key: str, *, since: datetime) -> Iterator[Replayed]:
    """The limits that only the edition `key` has, over the past of every case with a clock begun at `since` or later: when
    they would have begun and ended is read from the audit trail's acts, case after case in the order of their codes.

    Which outcome an act had is sealed. Where an outcome would have begun a limit, the trail of another limit that the same
    outcome begins shows it; with no such limit it is taken not to have begun.
    """
    law = work.law_for(key)
    for clocks in _cases(work, since):
        yield from (one for one in _added(work, law, clocks) if one.started_at >= since)


def _cases(work: Work, since: datetime) -> Iterator[Sequence[CaseClock]]:
    """All clocks, oldest first, of each case with one begun since."""
    touched = select(CaseClock.case_id).where(CaseClock.started_at >= since)
    rows = work.session.exec(
        select(CaseClock)
        .where(col(CaseClock.case_id).in_(touched))
        .order_by(col(CaseClock.case_code), col(CaseClock.started_at))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for _, clocks in groupby(rows, key=lambda clock: clock.case_id):
        yield list(clocks)


def _added(work: Work, law: Law, clocks: Sequence[CaseClock]) -> Iterator[Replayed]:
    own = {one.key: one for one in work.book}.get(clocks[-1].edition)
    known = {*(own.deadlines if own else ()), *(clock.rule for clock in clocks)}
    added = [rule for rule in law.deadlines.values() if rule.id not in known and not rule.only_local]
    if not added:
        return
    by_tag = {action.tag: action for action in law.actions.values()}
    trail = reversed(entries_of_case(work, clocks[0].case_id, by_tag, limit=ACTS_OF_A_CASE))
    acts = [(entry.at, by_tag[entry.tag]) for entry in trail if entry.result == "done"]
    begun = {(clock.rule, clock.started_at) for clock in clocks}
    for rule in added:
        opened = [clocks[0].started_at] if rule.id in law.opening else []
        for cycle, (start, end) in enumerate(_terms(rule.id, opened, acts, begun), start=1):
            yield _as_if(work, clocks[0].case_code, rule, cycle, start, end)


def _terms(
    rule: str, opened: Sequence[datetime], acts: Sequence[tuple[datetime, Action]], begun: set[tuple[str, datetime]]
) -> Iterator[tuple[datetime, datetime | None]]:
    """From when to when the limit would have run, once for each time; None where it still runs."""
    start = opened[0] if opened else None
    for at, action in acts:
        if start is not None and rule in (*action.stops, *action.cancels):
            yield start, at
            start = None
        others = {one for ids in action.outcome_starts.values() if rule in ids for one in ids}
        if start is None and (rule in action.starts or any((one, at) in begun for one in others)):
            start = at
    if start is not None:
        yield start, None


def _as_if(
    work: Work, case_code: str, rule: DeadlineRule, cycle: int, start: datetime, end: datetime | None
) -> Replayed:
    due_at = due(rule, start, work.calendar).due_at
    late = not rule.period and (end or work.now) > due_at
    return Replayed(case_code, rule.id, cycle, start, end, None, due_at, late_before=False, late_after=late)


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
