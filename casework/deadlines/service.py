"""Starting, stopping and sweeping clocks. Only `cases` starts and stops them; only the jobs process sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import local
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange, ClockEffect, ClockState
from casework.errors import Invalid, NotFound
from casework.law.deadlines import Due, due
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
    set_day = set_date if rule.set_by_form or rule.set_by_row else None
    counted = due(rule, began, work.calendar, set_date=set_day)
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
        set_day=set_day,
    )
    _set_times(work, clock, counted)
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
        .execution_options(populate_existing=True)
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


def recompute(
    work: Work, clock: CaseClock, *, reason: str, kind: str, edition: str | None = None
) -> ClockChange | None:
    """Counts a running clock anew, from its own beginning, under today's calendar and the law of its edition.

    `kind` is a `ChangeKind`; `reason` is why, in a person's words, sealed with the case ("" for the calendar, whose days
    explain themselves). `edition` moves the clock to another edition of the law first. Returns the change and its
    explanation, or None where the due time stays: a change of the calendar never touches running hours, nor a day that
    a form set. A due time that now lies in the past is breached at the next sweep; a breach that has happened stays
    recorded, and the new due time can be breached again. Raises KeyError for a rule that the edition does not have.
    """
    work.session.flush()
    work.session.refresh(clock, with_for_update=True)
    if clock.state != ClockState.RUNNING:
        return None
    if edition is not None:
        clock.edition = edition
    return recount(work, clock, kind=kind, reason=reason)


def recount(work: Work, clock: CaseClock, *, kind: str, reason: str = "") -> ClockChange | None:
    """`recompute` of a running clock that this work has locked already."""
    if kind == ChangeKind.CALENDAR and clock.calendar_rev is None:
        return None
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    # A last day once set by who may set it stands, even where the limit it kept to is shorter now.
    found = due(rule, clock.started_at, work.calendar, set_date=clock.set_day, extended=True)
    return _move(work, clock, found, kind=kind, reason=reason)


def extend(
    work: Work, case_id: UUID, rule_id: str, last_day: date, *, reason: str, field: str = "until"
) -> ClockChange:
    """Gives a running limit that a form sets (separation, 32.3) a later last day; its warnings move along.

    Whether it may be extended, and past the law's maximum, is for the move that calls this. Raises NotFound where no such
    clock runs, Invalid under `field` for a day that is not later than the present one.
    """
    clock = _running(work, case_id, rule_id, None)
    if clock is None:
        raise NotFound(rule_id)
    if last_day <= local(clock.due_at).date():
        raise Invalid({field: "out-of-range"})
    rule = work.law_for(clock.edition).deadlines[rule_id]
    clock.set_day = last_day
    found = due(rule, clock.started_at, work.calendar, set_date=last_day, extended=True)
    change = _move(work, clock, found, kind=ChangeKind.EXTENSION, reason=reason)
    if change is None:  # a rule that no form sets cannot be given a day
        raise Invalid({field: "out-of-range"})
    return change


def _move(work: Work, clock: CaseClock, found: Due, *, kind: str, reason: str) -> ClockChange | None:
    old, old_rev, breached = clock.due_at, clock.calendar_rev, clock.breached_at
    clock.breached_at = _breach_of(work, clock, found.due_at)
    _set_times(work, clock, found)
    work.session.add(clock)
    if clock.due_at == old:
        clock.breached_at = breached
        clock.next_at = _next_moment(clock)
        return None
    change = ClockChange(
        clock_id=clock.id,
        case_id=clock.case_id,
        kind=kind,
        at=work.now,
        old_due=old,
        new_due=clock.due_at,
        breached_at=breached,
        from_rev=old_rev,
        to_rev=clock.calendar_rev,
    )
    if reason:
        work.seal(change, reason=reason)
    work.session.add(change)
    record(work, Tag.CLOCK_CHANGED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id, fields=[kind])
    return change


def _set_times(work: Work, clock: CaseClock, found: Due) -> None:
    clock.due_at = found.due_at
    # A report that comes late, or a drill's old case, does not ring warnings for moments already past.
    clock.warn_at = [moment.isoformat() for moment in sorted(found.warn_at) if moment > work.now]
    clock.counted = [[one.day.isoformat(), one.counts, one.why] for one in found.counted]
    clock.calendar_rev = edits(work).revision if found.counted else None
    clock.next_at = _next_moment(clock)


def _breach_of(work: Work, clock: CaseClock, due_at: datetime) -> datetime | None:
    """When the breach of this due time was told, if it ever was: a calendar put right again does not ring twice."""
    return work.session.exec(
        select(ClockEffect.at).where(ClockEffect.clock_id == clock.id, ClockEffect.effect == _breach_effect(due_at))
    ).first()


def _breach_effect(due_at: datetime) -> str:
    return f"breach:{due_at.astimezone(UTC).isoformat()}"


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
    if clock.calendar_rev is not None and clock.calendar_rev < edits(work).revision:
        # Counted before the office changed its days: what is due is decided by the days that count now.
        recount(work, clock, kind=ChangeKind.CALENDAR)
        if clock.next_at is None or clock.next_at > work.now:
            return
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    past = [one for one in clock.warn_at if datetime.fromisoformat(one) <= work.now]
    clock.warn_at = [one for one in clock.warn_at if one not in past]
    if clock.due_at <= work.now:
        if _happens_first_time(work, clock, _breach_effect(clock.due_at)):
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
        # What a list of this work has read before may have been changed by the sweep meanwhile.
        .execution_options(populate_existing=True)
    ).first()
