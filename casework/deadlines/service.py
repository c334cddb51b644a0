"""Starting, stopping and sweeping clocks. Only `cases` starts and stops them; only the jobs process sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.deadlines.models import CaseClock, ClockEffect, ClockState
from casework.law.deadlines import due
from casework.law.model import DeadlineRule
from casework.notices.service import About, notify_post
from casework.work import Work

BATCH = 20


@dataclass(frozen=True)
class ClockOwner:
    """Whose case a clock runs on, and which unit must act in time."""

    case_id: UUID
    case_code: str
    owner_unit_id: UUID
    province_id: UUID
    edition: str  # key of the law's edition the case runs under


def start(
    work: Work,
    owner: ClockOwner,
    rule_id: str,
    *,
    since: datetime | None = None,
    set_date: date | None = None,
    subject_id: UUID | None = None,
) -> CaseClock:
    """Starts a new cycle, counted from `since` (UTC; default: now). A cycle of the same subject that still runs is kept:
    no second event may push a deadline away."""
    running = _running(work, owner.case_id, rule_id, subject_id)
    if running is not None:
        return running
    rule = work.law_for(owner.edition).deadlines[rule_id]
    began = since or work.now
    counted = due(rule, began, work.calendar, set_date=set_date)
    last = work.session.exec(
        select(func.max(CaseClock.cycle)).where(CaseClock.case_id == owner.case_id, CaseClock.rule == rule_id)
    ).one()
    clock = CaseClock(
        case_id=owner.case_id,
        case_code=owner.case_code,
        rule=rule_id,
        cycle=(last or 0) + 1,
        edition=owner.edition,
        subject_id=subject_id,
        owner_unit_id=owner.owner_unit_id,
        province_id=owner.province_id,
        started_at=began,
        due_at=counted.due_at,
        # A report that comes late, or a drill's old case, does not ring warnings for moments already past.
        warn_at=[moment.isoformat() for moment in sorted(counted.warn_at) if moment > work.now],
        counted=[[one.day.isoformat(), one.counts, one.why] for one in counted.counted],
    )
    clock.next_at = _next_moment(clock)
    work.session.add(clock)
    work.session.flush()
    record(work, Tag.CLOCK_STARTED, case_id=owner.case_id, object_type=rule_id, object_id=clock.id)
    return clock


def stop(work: Work, case_id: UUID, rule_id: str, *, met: bool = True, subject_id: UUID | None = None) -> None:
    """Ends the running cycle, met or lapsed. No running cycle: nothing to do."""
    clock = _running(work, case_id, rule_id, subject_id)
    if clock is None:
        return
    clock.state = ClockState.MET if met else ClockState.CANCELLED
    clock.stopped_at = work.now
    clock.next_at = None
    work.session.add(clock)
    record(work, Tag.CLOCK_STOPPED, case_id=case_id, object_type=rule_id, object_id=clock.id)


def resume(work: Work, owner: ClockOwner, rule_id: str) -> None:
    """A returned step runs on with its first due time: sending back and forth buys nobody days."""
    latest = work.session.exec(
        select(CaseClock)
        .where(CaseClock.case_id == owner.case_id, CaseClock.rule == rule_id)
        .order_by(col(CaseClock.cycle).desc())
        .limit(1)
        .with_for_update()
    ).first()
    if latest is None:
        start(work, owner, rule_id)
        return
    latest.state = ClockState.RUNNING
    latest.stopped_at = None
    latest.warn_at = [one for one in latest.warn_at if datetime.fromisoformat(one) > work.now]
    latest.next_at = None if latest.breached_at else _next_moment(latest)
    work.session.add(latest)
    record(work, Tag.CLOCK_STARTED, case_id=owner.case_id, object_type=rule_id, object_id=latest.id)


def move_to_unit(work: Work, case_id: UUID, *, from_unit: UUID, to_unit: UUID) -> None:
    """The case goes to another unit: its running clocks go along, due times unchanged."""
    for clock in work.session.exec(
        select(CaseClock).where(
            CaseClock.case_id == case_id, CaseClock.owner_unit_id == from_unit, CaseClock.state == ClockState.RUNNING
        )
    ):
        clock.owner_unit_id = to_unit
        work.session.add(clock)


def is_running(work: Work, case_id: UUID, rule_id: str) -> bool:
    return (
        work.session.exec(
            select(CaseClock.id).where(
                CaseClock.case_id == case_id, CaseClock.rule == rule_id, CaseClock.state == ClockState.RUNNING
            )
        ).first()
        is not None
    )


def sweep(work: Work) -> int:
    """Fires what is due now, at most a batch: effect, audit and alerts in this one transaction. Returns how many rows it took.

    Rows are locked while they are handled and skipped by other sweepers; a crash rolls all of it back and the next sweep
    takes the row again. The effect's key keeps a second firing out even if a row were ever handled twice.
    """
    rows = work.session.exec(
        select(CaseClock)
        .where(CaseClock.state == ClockState.RUNNING, col(CaseClock.next_at) <= work.now)
        .order_by(col(CaseClock.next_at))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for clock in rows:
        _fire(work, clock)
    return len(rows)


def _fire(work: Work, clock: CaseClock) -> None:
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    past = [one for one in clock.warn_at if datetime.fromisoformat(one) <= work.now]
    clock.warn_at = [one for one in clock.warn_at if one not in past]
    if clock.due_at <= work.now:
        if _happens_first_time(work, clock, "breach"):
            _breach(work, clock, rule)
        clock.breached_at = clock.breached_at or work.now  # or this sweep would find the row again for ever
    elif past and _happens_first_time(work, clock, f"warning:{past[-1]}"):
        # Warnings missed while nothing ran are told once, not as a flood.
        record(work, Tag.CLOCK_WARNED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id)
        _tell_owner(work, clock, rule, "deadline-near")
    clock.next_at = _next_moment(clock)
    work.session.add(clock)


def _breach(work: Work, clock: CaseClock, rule: DeadlineRule) -> None:
    record(work, Tag.CLOCK_BREACHED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id)
    if rule.period:
        _tell_owner(work, clock, rule, "period-over")
        return
    _tell_owner(work, clock, rule, "deadline-passed")
    _tell(work, clock, rule.escalate, clock.province_id, "deadline-passed-supervisor")


def _tell_owner(work: Work, clock: CaseClock, rule: DeadlineRule, text_id: str) -> None:
    """Tells the post that must act. Where nobody holds it (a case still on the provincial desk), the next one up hears it."""
    if _tell(work, clock, rule.owner, clock.owner_unit_id, text_id) == 0:
        _tell(work, clock, rule.escalate, clock.province_id, text_id)


def _tell(work: Work, clock: CaseClock, role: str, unit_id: UUID, text_id: str) -> int:
    about = About(clock.case_id, clock.case_code)
    return notify_post(work, unit_id=unit_id, role=role, text_id=text_id, about=about, due_at=clock.due_at)


def _happens_first_time(work: Work, clock: CaseClock, effect: str) -> bool:
    statement = (
        insert(ClockEffect)
        .values(clock_id=clock.id, effect=effect, at=work.now)
        .on_conflict_do_nothing()
        .returning(col(ClockEffect.clock_id))
    )
    # Core DML, so that the key decides and not what this session believes.
    return work.session.connection().execute(statement).first() is not None


def _next_moment(clock: CaseClock) -> datetime | None:
    if clock.breached_at is not None:
        return None
    return min([clock.due_at, *(datetime.fromisoformat(one) for one in clock.warn_at)])


def _running(work: Work, case_id: UUID, rule_id: str, subject_id: UUID | None) -> CaseClock | None:
    return work.session.exec(
        select(CaseClock)
        .where(
            CaseClock.case_id == case_id,
            CaseClock.rule == rule_id,
            CaseClock.state == ClockState.RUNNING,
            CaseClock.subject_id == subject_id if subject_id else col(CaseClock.subject_id).is_(None),
        )
        .order_by(col(CaseClock.cycle).desc())
        .limit(1)
        .with_for_update()
    ).first()
