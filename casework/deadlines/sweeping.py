"""The sweep: due clocks are claimed, then fired. Any number of sweepers may do this at once, and any of them may die.

A claim is a short transaction that raises the row's fence and leases it on the database's time. Firing is another: it locks
the row, and acts only if the fence is still its own and the lease still runs; effect, audit and alerts are kept together or
not at all. A sweeper that was stopped in between finds its fence overtaken or its lease over and does nothing; one that is
stopped while it holds the row loses its connection when the lease would end, and with it everything it had not kept; what
a killed one had claimed is free as soon as the database sees its session gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, column, func, or_, table, update
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock, ChangeKind, ClockEffect, ClockState
from casework.deadlines.service import breach_effect, next_moment, recount
from casework.law.model import DeadlineRule
from casework.notices.service import About, notify_post
from casework.work import Work

CLAIM = 40  # fired in one transaction, begun at once: on the slowest machine well within the lease
LEASE = timedelta(seconds=30)
MISSED = timedelta(minutes=10)  # fired so long after its moment, a clock was waiting for a sweep that did not run
DIGEST_FROM = 4  # so many missed things for one post are told in one message


@dataclass(frozen=True)
class Claim:
    """A due clock that one sweeper has taken. Only the sweeper whose fence the row still carries may fire it."""

    clock_id: UUID
    fence: int


@dataclass(frozen=True)
class _Message:
    """What one clock has to tell one post; `or_else` is the post next up, where nobody holds this one."""

    clock: CaseClock
    missed: bool
    text_id: str
    role: str
    unit_id: UUID
    or_else: tuple[str, UUID] | None = None


def claim(work: Work, *, limit: int = CLAIM, lease: timedelta = LEASE) -> list[Claim]:
    """Takes due clocks for `lease`, to be fired in transactions after this one; most urgent first: breaches before
    warnings, and of those the shortest limits, for after a standstill twelve hours weigh more than five days.

    What is due is told by the office's clock, how long a claim holds by the database's, which all sweepers share. Rows
    that others have claimed or hold are passed over.
    """
    free = or_(
        col(CaseClock.leased_until).is_(None),
        col(CaseClock.leased_until) <= func.clock_timestamp(),
        # A killed sweeper's session ends with it: nobody waits for its lease. Should a living one lose its session, its
        # fence is overtaken and it does nothing.
        col(CaseClock.leased_by).not_in(select_columns(column("pid")).select_from(table("pg_stat_activity"))),
    )
    due = (
        select(CaseClock.id)
        .where(CaseClock.state == ClockState.RUNNING, col(CaseClock.next_at) <= work.now, free)
        .order_by(
            col(CaseClock.due_at) > work.now,
            col(CaseClock.due_at) - col(CaseClock.started_at),
            col(CaseClock.next_at),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(CaseClock)
        .where(col(CaseClock.id) == due.c.id)
        .values(fence=CaseClock.fence + 1, leased_until=func.clock_timestamp() + lease, leased_by=func.pg_backend_pid())
        .returning(col(CaseClock.id), col(CaseClock.fence), col(CaseClock.due_at), col(CaseClock.started_at))
    )
    taken = work.session.connection().execute(statement).all()
    taken = sorted(taken, key=lambda row: (row.due_at > work.now, row.due_at - row.started_at, row.due_at))
    return [Claim(row.id, row.fence) for row in taken]


def fire(work: Work, claims: Sequence[Claim], *, wait: bool = False) -> list[Claim]:
    """Does what is due of these claims in this one transaction. Returns those that somebody else holds just now, to be
    tried again; the rest is fired, stopped meanwhile, or no longer ours.

    `wait` waits for the holder: for a single claim only, for who holds a second clock may be waited for in turn.
    """
    connection = work.session.connection()
    connection.exec_driver_sql(f"set local idle_in_transaction_session_timeout = {int(LEASE.total_seconds() * 1000)}")
    fences = {one.clock_id: one.fence for one in claims}
    rows = work.session.exec(
        select(CaseClock)
        .where(col(CaseClock.id).in_(fences), *_held())
        .with_for_update(skip_locked=not wait)
        .execution_options(populate_existing=True)
    ).all()
    place = {one.clock_id: n for n, one in enumerate(claims)}
    messages: list[_Message] = []
    for clock in sorted(rows, key=lambda row: place[row.id]):
        if clock.fence == fences[clock.id]:
            messages += _fire(work, clock)
            clock.leased_until = None
    _send(work, messages)
    if len(rows) == len(fences):
        return []
    work.session.flush()
    seen = {clock.id for clock in rows}
    kept = connection.execute(
        select_columns(col(CaseClock.id), col(CaseClock.fence)).where(col(CaseClock.id).in_(fences), *_held())
    )
    return [Claim(row.id, row.fence) for row in kept if row.id not in seen and row.fence == fences[row.id]]


def sweep(work: Work, *, limit: int = 20) -> int:
    """Claims and fires in one transaction: where one sweeper alone walks through time. Returns how many it took."""
    claims = claim(work, limit=limit)
    fire(work, claims)
    return len(claims)


# ---------------------------------------------------------------- one clock


def _held() -> tuple[ColumnElement[bool], ...]:
    return (col(CaseClock.state) == ClockState.RUNNING, col(CaseClock.leased_until) > func.clock_timestamp())


def _fire(work: Work, clock: CaseClock) -> list[_Message]:
    """Brings one locked clock up to `now`; what was extended or moved since it was claimed is simply not due."""
    if clock.calendar_rev is not None and clock.calendar_rev < edits(work).revision:
        # Counted before the office changed its days: what is due is decided by the days that count now.
        recount(work, clock, kind=ChangeKind.CALENDAR)
    missed = clock.next_at is not None and work.now - clock.next_at > MISSED
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    past = [one for one in clock.warn_at if datetime.fromisoformat(one) <= work.now]
    clock.warn_at = [one for one in clock.warn_at if one not in past]
    messages: list[_Message] = []
    if clock.due_at <= work.now:
        if _happens_first_time(work, clock, breach_effect(clock.due_at)):
            record(work, Tag.CLOCK_BREACHED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id)
            messages = _breach_messages(clock, rule, missed=missed)
        clock.breached_at = clock.breached_at or work.now  # or this sweep would find the row again for ever
    elif past and _happens_first_time(work, clock, f"warning:{past[-1]}"):
        # Warnings missed while nothing ran are told once, not as a flood.
        record(work, Tag.CLOCK_WARNED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id)
        messages = [_to_owner(clock, rule, "deadline-near", missed=missed)]
    clock.next_at = next_moment(clock)
    work.session.add(clock)
    return messages


def _breach_messages(clock: CaseClock, rule: DeadlineRule, *, missed: bool) -> list[_Message]:
    if rule.period:
        return [_to_owner(clock, rule, "period-over", missed=missed)]
    above = _Message(clock, missed, "deadline-passed-supervisor", rule.escalate, clock.province_id)
    return [_to_owner(clock, rule, "deadline-passed", missed=missed), above]


def _to_owner(clock: CaseClock, rule: DeadlineRule, text_id: str, *, missed: bool) -> _Message:
    """To the post that must act. Where nobody holds it (a case still on the provincial desk), the next one up hears it."""
    above = (rule.escalate, clock.province_id)
    return _Message(clock, missed, text_id, rule.owner, clock.owner_unit_id, above)


def _send(work: Work, messages: Sequence[_Message]) -> None:
    """One message a clock; what a standstill left behind is told to each post in one, so that nobody is flooded."""
    posts: dict[tuple[str, UUID], list[_Message]] = {}
    for message in messages:
        if message.missed:
            posts.setdefault((message.role, message.unit_id), []).append(message)
    digests = {post: many for post, many in posts.items() if len(many) >= DIGEST_FROM}
    for message in messages:
        if not message.missed or (message.role, message.unit_id) not in digests:
            _tell(work, message, message.text_id, About(message.clock.case_id, message.clock.case_code))
    for many in digests.values():
        _tell(work, many[0], "deadlines-missed", About(None, ""), many=len(many))


def _tell(work: Work, message: _Message, text_id: str, about: About, *, many: int = 1) -> None:
    due_at = message.clock.due_at
    role, unit_id = message.role, message.unit_id
    told = notify_post(work, unit_id=unit_id, role=role, text_id=text_id, about=about, due_at=due_at, many=many)
    if told == 0 and message.or_else is not None:
        role, unit_id = message.or_else
        notify_post(work, unit_id=unit_id, role=role, text_id=text_id, about=about, due_at=due_at, many=many)


def _happens_first_time(work: Work, clock: CaseClock, effect: str) -> bool:
    statement = (
        insert(ClockEffect)
        .values(clock_id=clock.id, effect=effect, at=work.now)
        .on_conflict_do_nothing()
        .returning(col(ClockEffect.clock_id))
    )
    # Core DML, so that the key decides and not what this session believes.
    return work.session.connection().execute(statement).first() is not None
