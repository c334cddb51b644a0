"""Starting, stopping and moving clocks. Only `cases` starts and stops them; the sweep stands in `sweeping.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import local
from casework.deadlines import climbing
from casework.deadlines.days import edits
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange, ClockEffect, ClockState
from casework.errors import Invalid, NotFound
from casework.law.deadlines import Due, due
from casework.notices.alarms import look_again
from casework.work import Work


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
        period=rule.period,
    )
    _set_times(work, clock, counted)
    work.session.add(clock)
    work.session.flush()
    climbing.watch(work, clock)
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
    clock.leased_until = None
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
    latest.fence += 1  # whoever claimed it before it was stopped has no more to do with it
    latest.stopped_at = None
    latest.warn_at = [one for one in latest.warn_at if datetime.fromisoformat(one) > work.now]
    latest.next_at = None if latest.breached_at else next_moment(latest)
    work.session.add(latest)
    climbing.watch(work, latest)
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
    clock.period = rule.period
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
        clock.next_at = next_moment(clock)
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
    look_again(work, clock.id)
    record(work, Tag.CLOCK_CHANGED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id, fields=[kind])
    return change


def _set_times(work: Work, clock: CaseClock, found: Due) -> None:
    clock.due_at = found.due_at
    # A report that comes late, or a drill's old case, does not ring warnings for moments already past.
    clock.warn_at = [moment.isoformat() for moment in sorted(found.warn_at) if moment > work.now]
    clock.counted = [[one.day.isoformat(), one.counts, one.why] for one in found.counted]
    clock.calendar_rev = edits(work).revision if found.counted else None
    first = next_moment(clock)
    # What is already past has to be done from now on: only a sweep that did not run makes it a missed one.
    clock.next_at = max(first, work.now) if first else None


def _breach_of(work: Work, clock: CaseClock, due_at: datetime) -> datetime | None:
    """When the breach of this due time was told, if it ever was: a calendar put right again does not ring twice."""
    return work.session.exec(
        select(ClockEffect.at).where(ClockEffect.clock_id == clock.id, ClockEffect.effect == breach_effect(due_at))
    ).first()


def breach_effect(due_at: datetime) -> str:
    """The key under which the breach of this due time happens once."""
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


def next_moment(clock: CaseClock) -> datetime | None:
    """When the sweep has something to do for this clock next: a warning or the breach; None once the breach is told."""
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
