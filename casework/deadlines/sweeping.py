"""The sweep: due clocks are claimed, then fired. Any number of sweepers may do this at once, and any of them may die.

A claim is a short transaction that raises the row's fence and leases it on the database's time. Firing is another: it locks
the row, and acts only if the fence is still its own and the lease still runs; effect, audit and alerts are kept together or
not at all. A sweeper that was stopped in between finds its fence overtaken or its lease over and does nothing; one that is
stopped while it holds the row loses its connection when the lease would end, and with it everything it had not kept; what
a killed one had claimed is free as soon as the database sees its session gone.

What a standstill left behind is not told limit by limit: its messages are written down with the effects, and told when the
whole backlog is fired, one message a post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Uuid,
    any_,
    cast,
    column,
    delete,
    exists,
    func,
    literal_column,
    or_,
    table,
    update,
)
from sqlalchemy import insert as insert_rows
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.access.queries import Kept, read_access
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.deadlines.days import edits
from casework.deadlines.models import CASES, CaseClock, ChangeKind, ClockEffect, ClockState, MissedMessage
from casework.deadlines.service import breach_effect, next_moment, recount
from casework.law.model import DeadlineRule
from casework.notices.service import About, notify_post
from casework.work import Work

CLAIM = 100  # fired in one transaction, begun at once: on the slowest machine well within the lease
LOOKED = 1000  # the most urgent of what is due, put in order at once: a backlog is not sorted anew for every claim
LEASE = timedelta(seconds=30)
MISSED = timedelta(minutes=10)  # fired so long after its moment, a clock was waiting for a sweep that did not run
DIGEST_FROM = 4  # so many missed things for one post are told in one message
GATHERED = timedelta(seconds=15)  # so long what was missed waits for the rest of the backlog, to be told in one message


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


@dataclass(frozen=True)
class _Happening:
    """What is due of one clock: the effect's name, the audit's tag, and whom it tells."""

    clock: CaseClock
    effect: str
    tag: Tag
    messages: Sequence[_Message]


def is_idle(work: Work) -> bool:
    """Whether nothing is due and nothing waits to be told: what nearly every tick finds, asked in one cheap question."""
    due = exists().where(_RUNNING, col(CaseClock.next_at) <= work.now)
    untold = exists(select_columns(col(MissedMessage.id)))
    return not work.session.connection().scalar(select_columns(or_(due, untold)))


def waiting(work: Work, *, limit: int = LOOKED) -> list[UUID]:
    """The clocks that are due and free, the most urgent first: breaches before warnings, and of those the shortest
    limits, for after a standstill twelve hours weigh more than five days. Nothing is locked."""
    rows = work.session.connection().execute(_most_urgent(work).limit(limit))
    return [row.id for row in rows]


def claim(
    work: Work, *, among: Sequence[UUID] | None = None, limit: int = CLAIM, lease: timedelta = LEASE
) -> list[Claim]:
    """Takes due clocks for `lease`, to be fired in transactions after this one; the most urgent, or those `among` the given.

    What is due is told by the office's clock, how long a claim holds by the database's, which all sweepers share. Rows
    that others have claimed or hold are passed over.
    """
    found: Select[UUID]
    if among is None:
        found = _most_urgent(work).limit(limit)
    else:
        found = select_columns(col(CaseClock.id)).where(col(CaseClock.id).in_(among), *_due(work))
    due = found.with_for_update(skip_locked=True).cte("due")
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

    `wait` waits for the holder: for a single claim only, for who holds a second clock may be waited for in turn. What
    was missed is left for `tell_missed`.
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
    ours = [clock for clock in sorted(rows, key=lambda row: place[row.id]) if clock.fence == fences[clock.id]]
    movable = [clock for clock in ours if _may_move(work, clock)]
    # Before the rest, so that each row is written once: a row written twice in one transaction waits for its case.
    for clock in ours:
        clock.leased_until = None
    happenings = [one for clock in movable if (one := _bring_up(work, clock)) is not None]
    _tell(work, _happen(work, happenings))
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
    tell_missed(work)
    return len(claims)


def tell_missed(work: Work) -> int:
    """Tells each post once what a standstill left behind, when the whole backlog is fired, or what of it has waited for
    `GATHERED` by the database's time. Returns how many limits were told of. Any number of sweepers may ask at once.

    A case that is kept from somebody is told by itself, to those who may know of it: it is counted in no sum.
    """
    work.session.flush()
    long_ago = exists().where(col(MissedMessage.at) <= func.clock_timestamp() - GATHERED)
    backlog = exists().where(*_due(work))
    ready = select_columns(col(MissedMessage.id)).where(or_(long_ago, ~backlog)).with_for_update(skip_locked=True)
    gone = delete(MissedMessage).where(col(MissedMessage.id).in_(ready.cte("ready").select()))
    taken = work.session.connection().execute(gone.returning(*_COLUMNS)).all()
    if not taken:
        return 0
    # One array: as parameters of their own the limits of a long standstill are more than a statement can carry.
    asked = cast([*{row.clock_id for row in taken}], ARRAY(Uuid))
    clocks = {clock.id: clock for clock in work.session.exec(select(CaseClock).where(col(CaseClock.id) == any_(asked)))}
    messages = [
        _Message(
            clocks[row.clock_id],
            True,
            row.text_id,
            row.role,
            row.unit_id,
            (row.else_role, row.else_unit_id) if row.else_role is not None else None,
        )
        for row in taken
    ]
    messages.sort(key=lambda one: (one.clock.due_at - one.clock.started_at, one.clock.due_at))
    access = read_access(work, {one.clock.case_id for one in messages})
    kept = {case_id for case_id, one in access.items() if one.kept != Kept()}
    _tell_posts(work, [one for one in messages if one.clock.case_id not in kept])
    for one in messages:
        if one.clock.case_id in kept:
            _tell_one(work, one)
    return len(taken)


# ---------------------------------------------------------------- what is due


def _due(work: Work) -> tuple[ColumnElement[bool], ...]:
    """Running, at or past its next moment, and claimed by nobody who lives."""
    free = or_(
        col(CaseClock.leased_until).is_(None),
        col(CaseClock.leased_until) <= func.clock_timestamp(),
        # A killed sweeper's session ends with it: nobody waits for its lease. Should a living one lose its session, its
        # fence is overtaken and it does nothing.
        col(CaseClock.leased_by).not_in(select_columns(column("pid")).select_from(table("pg_stat_activity"))),
    )
    return (_RUNNING, col(CaseClock.next_at) <= work.now, free)


def _most_urgent(work: Work) -> Select[UUID]:
    return (
        select_columns(col(CaseClock.id))
        .where(*_due(work))
        .order_by(
            col(CaseClock.due_at) > work.now,
            col(CaseClock.due_at) - col(CaseClock.started_at),
            col(CaseClock.next_at),
        )
    )


def _held() -> tuple[ColumnElement[bool], ...]:
    return (_RUNNING, col(CaseClock.leased_until) > func.clock_timestamp())


# ---------------------------------------------------------------- one clock


def _is_behind(work: Work, clock: CaseClock) -> bool:
    return clock.calendar_rev is not None and clock.calendar_rev < edits(work).revision


def _may_move(work: Work, clock: CaseClock) -> bool:
    """Whether the clock can be counted anew where it has to be. A limit that moves is written on its case, and whoever acts
    on the case may be waiting for this clock: so the case is held if it is free, and else the clock is left to the next
    claim."""
    if not _is_behind(work, clock):
        return True
    case = select_columns(CASES.c.id).where(CASES.c.id == clock.case_id)
    return work.session.connection().scalar(case.with_for_update(skip_locked=True, key_share=True)) is not None


def _bring_up(work: Work, clock: CaseClock) -> _Happening | None:
    """Brings one locked clock up to `now`; what was extended or moved since it was claimed is simply not due."""
    if _is_behind(work, clock):
        # Counted before the office changed its days: what is due is decided by the days that count now.
        recount(work, clock, kind=ChangeKind.CALENDAR)
    missed = clock.next_at is not None and work.now - clock.next_at > MISSED
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    past = [one for one in clock.warn_at if datetime.fromisoformat(one) <= work.now]
    if past:
        clock.warn_at = [one for one in clock.warn_at if one not in past]
    found: _Happening | None = None
    if clock.due_at <= work.now:
        messages = _breach_messages(clock, rule, missed=missed)
        found = _Happening(clock, breach_effect(clock.due_at), Tag.CLOCK_BREACHED, messages)
        clock.breached_at = clock.breached_at or work.now  # or this sweep would find the row again for ever
    elif past:
        # Warnings missed while nothing ran are told once, not as a flood.
        message = _to_owner(clock, rule, "deadline-near", missed=missed)
        found = _Happening(clock, f"warning:{past[-1]}", Tag.CLOCK_WARNED, [message])
    clock.next_at = next_moment(clock)
    work.session.add(clock)
    return found


def _breach_messages(clock: CaseClock, rule: DeadlineRule, *, missed: bool) -> list[_Message]:
    if rule.period:
        return [_to_owner(clock, rule, "period-over", missed=missed)]
    above = _Message(clock, missed, "deadline-passed-supervisor", rule.escalate, clock.province_id)
    return [_to_owner(clock, rule, "deadline-passed", missed=missed), above]


def _to_owner(clock: CaseClock, rule: DeadlineRule, text_id: str, *, missed: bool) -> _Message:
    """To the post that must act. Where nobody holds it (a case still on the provincial desk), the next one up hears it."""
    above = (rule.escalate, clock.province_id)
    return _Message(clock, missed, text_id, rule.owner, clock.owner_unit_id, above)


def _happen(work: Work, happenings: Sequence[_Happening]) -> list[_Message]:
    """Writes the effects down, and audits those that had not happened before. Returns what those have to tell."""
    first = _first_times(work, happenings)
    messages: list[_Message] = []
    for one in happenings:
        if (one.clock.id, one.effect) in first:
            record(work, one.tag, case_id=one.clock.case_id, object_type=one.clock.rule, object_id=one.clock.id)
            messages += one.messages
    return messages


def _first_times(work: Work, happenings: Sequence[_Happening]) -> set[tuple[UUID, str]]:
    """Which of these effects, each under its own key, had not happened before."""
    if not happenings:
        return set()
    rows = [{"clock_id": one.clock.id, "effect": one.effect, "at": work.now} for one in happenings]
    statement = insert(ClockEffect).values(rows).on_conflict_do_nothing()
    # Core DML, so that the key decides and not what this session believes.
    done = work.session.connection().execute(statement.returning(col(ClockEffect.clock_id), col(ClockEffect.effect)))
    return {(row.clock_id, row.effect) for row in done}


# ---------------------------------------------------------------- telling


def _tell(work: Work, messages: Sequence[_Message]) -> None:
    """One message a clock at once; of what a standstill left behind it is written down that it has to be told."""
    if any(one.missed for one in messages):
        # The sweep did not run: what came due in the last minutes of that time was missed with the rest.
        work.session.connection().execute(insert_rows(MissedMessage), [_row(one) for one in messages])
        return
    read_access(work, {one.clock.case_id for one in messages})
    for one in messages:
        _tell_one(work, one)


def _row(message: _Message) -> dict[str, object]:
    else_role, else_unit_id = message.or_else or (None, None)
    return {
        "id": uuid4(),
        "clock_id": message.clock.id,
        "text_id": message.text_id,
        "role": message.role,
        "unit_id": message.unit_id,
        "else_role": else_role,
        "else_unit_id": else_unit_id,
    }


def _tell_posts(work: Work, messages: Sequence[_Message]) -> None:
    """What was missed is told to each post in one, so that nobody is flooded; what is little, limit by limit."""
    posts: dict[tuple[str, UUID], list[_Message]] = {}
    for message in messages:
        posts.setdefault((message.role, message.unit_id), []).append(message)
    for many in posts.values():
        if len(many) < DIGEST_FROM:
            for one in many:
                _tell_one(work, one)
        else:
            _tell_post(work, many[0], "deadlines-missed", About(None, ""), many=len(many))


def _tell_one(work: Work, message: _Message) -> None:
    _tell_post(work, message, message.text_id, About(message.clock.case_id, message.clock.case_code))


def _tell_post(work: Work, message: _Message, text_id: str, about: About, *, many: int = 1) -> None:
    due_at = message.clock.due_at
    role, unit_id = message.role, message.unit_id
    told = notify_post(work, unit_id=unit_id, role=role, text_id=text_id, about=about, due_at=due_at, many=many)
    if told == 0 and message.or_else is not None:
        role, unit_id = message.or_else
        notify_post(work, unit_id=unit_id, role=role, text_id=text_id, about=about, due_at=due_at, many=many)


_RUNNING = col(CaseClock.state) == literal_column(f"'{ClockState.RUNNING}'")  # as the partial indexes say it
_COLUMNS = (
    col(MissedMessage.clock_id),
    col(MissedMessage.text_id),
    col(MissedMessage.role),
    col(MissedMessage.unit_id),
    col(MissedMessage.else_role),
    col(MissedMessage.else_unit_id),
)
