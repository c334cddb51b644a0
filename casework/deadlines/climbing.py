"""The ladder of running clocks: at each tick the rungs that are due are called, until a person takes it or the clock stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from casework.access.queries import not_excluded, not_kept_from_staff, read_access
from casework.deadlines.models import CaseClock, ClockState
from casework.notices import alarms
from casework.notices.alarms import Limit
from casework.notices.models import Alarm, AlarmCall, Notice
from casework.people.models import Staff
from casework.people.rules import COMMUNE_ROLES, Role
from casework.work import Work

CLIMBED = 50  # alarms in one transaction


def climb_ladders(work: Work, *, limit: int = CLIMBED) -> tuple[int, int]:
    """Looks at the alarms whose next rung may be due, in this transaction. Returns how many it looked at, and how many
    people it called. Any number of processes may do this at once."""
    due = alarms.due_alarms(work, limit)
    clocks = _clocks(work, due)
    read_access(work, {one.case_id for one in due})
    called = 0
    for alarm in due:
        clock = clocks.get(alarm.clock_id)
        if clock is None or clock.state != ClockState.RUNNING:
            alarms.close(work, alarm)
        else:
            called += alarms.climb(work, alarm, limit_of(work, clock))
    return len(due), called


def move_up(work: Work, notice: Notice) -> None:
    """An SMS that will never arrive: whoever stands above its person on a ladder of that case is called now, not when
    their time comes. Only ladders that nobody has taken, and on which this person was the last to be called."""
    for alarm in alarms.waiting_for(work, notice):
        clock = work.session.get(CaseClock, alarm.clock_id)
        if clock is not None and clock.state == ClockState.RUNNING:
            alarms.climb(work, alarm, limit_of(work, clock), at_once=True)


def watch(work: Work, clock: CaseClock) -> None:
    """Puts a clock on its ladder. A period is no limit: nobody is called for its end."""
    if not work.law_for(clock.edition).deadlines[clock.rule].period:
        alarms.watch(
            work,
            clock_id=clock.id,
            case_id=clock.case_id,
            code=clock.case_code,
            rule=clock.rule,
            started_at=clock.started_at,
            due_at=clock.due_at,
        )


def limit_of(work: Work, clock: CaseClock) -> Limit:
    return Limit(
        clock_id=clock.id,
        case_id=clock.case_id,
        code=clock.case_code,
        rule=clock.rule,
        owner_role=_owner_role(work, clock),
        owner_unit_id=clock.owner_unit_id,
        province_id=clock.province_id,
        started_at=clock.started_at,
        due_at=clock.due_at,
    )


def _owner_role(work: Work, clock: CaseClock) -> str:
    """The post that must act: where the province holds the case itself, its supervisor in the place of worker and chair."""
    role = work.law_for(clock.edition).deadlines[clock.rule].owner
    return Role.SUPERVISOR.value if clock.owner_unit_id == clock.province_id and role in COMMUNE_ROLES else role


@dataclass(frozen=True)
class OpenAlarm:
    """An alarm of a clock that still runs, with that clock."""

    alarm: Alarm
    clock: CaseClock


def alarms_for(work: Work, staff_id: UUID, *, limit: int = 50) -> list[OpenAlarm]:
    """What this person was called for and still runs, soonest limit first."""
    called = select(AlarmCall.alarm_id).where(AlarmCall.staff_id == staff_id)
    which = col(Alarm.id).in_(called) & not_kept_from_staff(col(Alarm.case_id), staff_id)
    return _open(work, which, limit)


def untaken_in_province(work: Work, province_id: UUID, *, limit: int = 50) -> list[OpenAlarm]:
    """What somebody was called for in a province, still runs and nobody has taken."""
    called = select(AlarmCall.alarm_id)
    of_province = col(CaseClock.province_id) == province_id
    which = col(Alarm.id).in_(called) & of_province & not_excluded(col(Alarm.case_id), work.actor)
    return _open(work, which, limit, untaken=True)


def limits_of_post(work: Work, staff: Staff, *, limit: int = 200) -> list[Limit]:
    """The running limits that this person's post must keep, soonest first; for a province's desk all of the province."""
    unit_id, role = staff.unit_id, staff.role
    own = [rule.id for rule in work.law.deadlines.values() if rule.owner == role and not rule.period]
    where = (
        (col(CaseClock.province_id) == unit_id) & col(CaseClock.period).is_(False)
        if role == Role.SUPERVISOR
        else (col(CaseClock.owner_unit_id) == unit_id) & col(CaseClock.rule).in_(own)
    )
    rows = work.session.exec(
        select(CaseClock)
        .where(where, CaseClock.state == ClockState.RUNNING, not_kept_from_staff(col(CaseClock.case_id), staff.id))
        .order_by(col(CaseClock.due_at), col(CaseClock.rule), col(CaseClock.id))
        .limit(limit)
    )
    return [limit_of(work, clock) for clock in rows]


def _open(work: Work, which: object, limit: int, *, untaken: bool = False) -> list[OpenAlarm]:
    query = (
        select(Alarm, CaseClock)
        .join(CaseClock, col(CaseClock.id) == Alarm.clock_id)
        .where(which, CaseClock.state == ClockState.RUNNING, col(Alarm.closed_at).is_(None))  # type: ignore[arg-type]
        .order_by(col(CaseClock.due_at), col(CaseClock.rule), col(CaseClock.id))
        .limit(limit)
    )
    if untaken:
        query = query.where(col(Alarm.taken_at).is_(None))
    return [OpenAlarm(alarm, clock) for alarm, clock in work.session.exec(query)]


def _clocks(work: Work, due: Sequence[Alarm]) -> dict[UUID, CaseClock]:
    rows = work.session.exec(select(CaseClock).where(col(CaseClock.id).in_([one.clock_id for one in due])))
    return {clock.id: clock for clock in rows}
