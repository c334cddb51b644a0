"""The alarms of running limits: whom the ladder has called, who said "received" and "I take it", who was silent.

No receipt of a provider comes near these rows: only a person signed in to the application stops a ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.access.queries import may_be_told, not_kept_from_staff
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import NotFound
from casework.notices.ladder import is_stopped, ladder_for, ladders
from casework.notices.models import Alarm, AlarmCall, Delivery, Notice
from casework.notices.service import About, notify
from casework.people import queries as people
from casework.people.models import Staff
from casework.people.rules import Role
from casework.work import Work

CALLS = ("case-answer", "case-answer-day")
FLOOD = 3  # calls to one person within `RECENTLY`; after a standstill a supervisor may have hundreds
RECENTLY = timedelta(minutes=5)  # who was told of the case so lately is called without a second message


@dataclass(frozen=True)
class Limit:
    """A running limit as the ladder sees it: a plain value, for clocks are a room further up."""

    clock_id: UUID
    case_id: UUID
    code: str
    rule: str
    owner_role: str
    owner_unit_id: UUID
    province_id: UUID
    started_at: datetime
    due_at: datetime


def watch(
    work: Work, *, clock_id: UUID, case_id: UUID, code: str, rule: str, started_at: datetime, due_at: datetime
) -> None:
    """Puts a limit on its ladder, or back on it where it runs again after it was stopped."""
    ladder = ladder_for(rule)
    made = insert(Alarm).values(
        id=func.gen_random_uuid(),
        clock_id=clock_id,
        case_id=case_id,
        case_code=code,
        ladder=ladder.id,
        rung=0,
        next_at=ladder.rungs[0].moment(started_at, due_at),
        since=work.now,
    )
    again = made.on_conflict_do_update(
        index_elements=[col(Alarm.clock_id)],
        set_={"closed_at": None, "next_at": work.now, "taken_at": None, "taken_by": None},
    )
    work.session.connection().execute(again)


def look_again(work: Work, clock_id: UUID) -> None:
    """The limit was moved: its next rung is counted anew at the next tick."""
    statement = update(Alarm).where(col(Alarm.clock_id) == clock_id, col(Alarm.next_at).is_not(None))
    work.session.connection().execute(statement.values(next_at=work.now))


def due_alarms(work: Work, limit: int) -> Sequence[Alarm]:
    """Alarms whose next rung may be due, locked; those that another tick holds are passed over."""
    return work.session.exec(
        select(Alarm)
        .where(col(Alarm.next_at) <= work.now)
        .order_by(col(Alarm.next_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def close(work: Work, alarm: Alarm) -> None:
    """Its limit no longer runs."""
    alarm.closed_at, alarm.next_at = work.now, None
    work.session.add(alarm)


def climb(work: Work, alarm: Alarm, limit: Limit, *, at_once: bool = False) -> int:
    """Calls every rung that is due by now and not stopped; a rung nobody holds, or whose SMS is known to have failed,
    gives way to the next at once. `at_once` calls the next rung whatever its time.

    Returns how many people it called. What a standstill left behind is called once, whoever it is for.
    """
    rungs = ladders()[alarm.ladder].rungs
    called, give_way = 0, at_once
    alarm.next_at = None
    while alarm.rung < len(rungs):
        rung = rungs[alarm.rung]
        moment = rung.moment(limit.started_at, limit.due_at)
        if moment > work.now and not give_way:
            alarm.next_at = moment
            break
        past = alarm.rung > 0 and moment < alarm.since and not give_way
        if not past and not is_stopped(rung, limit.due_at, alarm.taken_at):
            staff = may_be_told(work, alarm.case_id, posts_of(work, rung.who, limit))
            called += sum(_call(work, alarm, limit, rung.who, one) for one in staff)
            give_way = not staff or any(_is_out_of_reach(work, one.id, alarm.case_id) for one in staff)
        alarm.rung += 1
    work.session.add(alarm)
    return called


def waiting_for(work: Work, notice: Notice) -> Sequence[Alarm]:
    """Open alarms of the message's case whose newest call was to its person, and that nobody has taken; locked."""
    if notice.case_id is None or notice.case_code is None:
        return ()
    called = select(AlarmCall.alarm_id).where(
        AlarmCall.staff_id == notice.staff_id,
        AlarmCall.alarm_id == Alarm.id,
        AlarmCall.rung == Alarm.rung - 1,
        col(AlarmCall.received_at).is_(None),
    )
    return work.session.exec(
        select(Alarm)
        .where(
            Alarm.case_id == notice.case_id,
            col(Alarm.next_at).is_not(None),
            col(Alarm.taken_at).is_(None),
            called.exists(),
        )
        .order_by(col(Alarm.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _is_out_of_reach(work: Work, staff_id: UUID, case_id: UUID) -> bool:
    """Whether the newest SMS to this person about the case is known to have failed for good, and they have not seen it."""
    newest = work.session.exec(
        select(Notice).where(*_of_the_case(staff_id, case_id)).order_by(col(Notice.created_at).desc()).limit(1)
    ).first()
    return newest is not None and newest.seen_at is None and newest.state == Delivery.FAILED


def posts_of(work: Work, who: str, limit: Limit) -> Sequence[Staff]:
    """Who stands on a rung now, by posts and rota. Empty: nobody holds it."""
    # Kept for this work: after a standstill one tick climbs dozens of ladders of the same few posts.
    post = ("rung", who, limit.owner_unit_id, limit.owner_role, limit.province_id)
    return work.keep(post, lambda: _holders(work, who, limit))


def _holders(work: Work, who: str, limit: Limit) -> Sequence[Staff]:
    if who == "owner":
        return people.on_duty(work, limit.owner_unit_id, limit.owner_role, work.now)
    if who == "deputy":
        return people.deputies(work, limit.owner_unit_id)
    if who == "chair":
        return people.on_duty(work, limit.owner_unit_id, Role.CHAIR, work.now)
    if who == "province":
        return people.on_duty(work, limit.province_id, Role.SUPERVISOR, work.now)
    hotline = people.hotline(work)
    return people.on_duty(work, hotline.id, Role.HOTLINE, work.now) if hotline else ()


def _call(work: Work, alarm: Alarm, limit: Limit, who: str, staff: Staff) -> bool:
    made = (
        insert(AlarmCall)
        .values(id=func.gen_random_uuid(), alarm_id=alarm.id, rung=alarm.rung, who=who, staff_id=staff.id, at=work.now)
        .on_conflict_do_nothing()
        .returning(col(AlarmCall.id))
    )
    if work.session.connection().execute(made).first() is None:
        return False
    record(work, Tag.ALARM_CALLED, case_id=alarm.case_id, object_type=limit.rule, object_id=alarm.id, fields=[who])
    work.session.flush()
    if not _told_lately(work, staff.id, alarm.case_id):
        _tell(work, alarm, limit, staff)
    return True


def _tell(work: Work, alarm: Alarm, limit: Limit, staff: Staff) -> None:
    """One message a case, until there are many at once: then one that says so, and the rest in the office alone."""
    before = _calls_lately(work, staff.id)
    if before == FLOOD:
        notify(work, staff, text_id="case-answer-many", about=About(None, ""))
    text_id = "case-answer" if ladders()[alarm.ladder].urgent else "case-answer-day"
    about = About(alarm.case_id, alarm.case_code)
    notify(work, staff, text_id=text_id, about=about, due_at=limit.due_at, ring=before < FLOOD)


def _told_lately(work: Work, staff_id: UUID, case_id: UUID) -> bool:
    found = select(Notice.id).where(*_of_the_case(staff_id, case_id), Notice.created_at > work.now - RECENTLY)
    return work.session.exec(found.limit(1)).first() is not None


def _of_the_case(staff_id: UUID, case_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Messages that named the case to this person. One that belongs to it without naming it (an act that waits for a second
    person) calls nobody to the case."""
    return (
        col(Notice.staff_id) == staff_id,
        col(Notice.case_id) == case_id,
        col(Notice.case_code).is_not(None),
        col(Notice.second_of).is_(None),
    )


def _calls_lately(work: Work, staff_id: UUID) -> int:
    """How often this person was called lately; more than a flood is not counted further."""
    calls = (
        select(Notice.id)
        .where(
            Notice.staff_id == staff_id,
            col(Notice.text_id).in_(CALLS),
            Notice.created_at > work.now - RECENTLY,
            col(Notice.second_of).is_(None),
        )
        .limit(FLOOD + 1)
        .subquery()
    )
    return work.session.exec(select(func.count()).select_from(calls)).one()


# ---------------------------------------------------------------- what a person says


def receive(work: Work, alarm_id: UUID, staff_id: UUID) -> Alarm:
    """ "Received": kept against the person's name, and the ladder climbs on. Raises NotFound where they were not called."""
    alarm, calls = _called(work, alarm_id, staff_id)
    for call in calls:
        call.received_at = call.received_at or work.now
        work.session.add(call)
    record(work, Tag.ALARM_RECEIVED, case_id=alarm.case_id, object_type="alarm", object_id=alarm.id)
    return alarm


def take(work: Work, alarm_id: UUID, staff_id: UUID) -> Alarm:
    """ "I take it": this stops the ladder (see `is_stopped`). Raises NotFound where they were not called."""
    alarm, calls = _called(work, alarm_id, staff_id)
    for call in calls:
        call.received_at = call.received_at or work.now
        call.taken_at = call.taken_at or work.now
        work.session.add(call)
    alarm.taken_by, alarm.taken_at = staff_id, work.now
    work.session.add(alarm)
    record(work, Tag.ALARM_TAKEN, case_id=alarm.case_id, object_type="alarm", object_id=alarm.id)
    return alarm


def _called(work: Work, alarm_id: UUID, staff_id: UUID) -> tuple[Alarm, Sequence[AlarmCall]]:
    mine = not_kept_from_staff(col(Alarm.case_id), staff_id)
    alarm = work.session.exec(select(Alarm).where(Alarm.id == alarm_id, mine).with_for_update()).first()
    calls = work.session.exec(
        select(AlarmCall).where(AlarmCall.alarm_id == alarm_id, AlarmCall.staff_id == staff_id)
    ).all()
    if alarm is None or not calls or alarm.closed_at is not None:
        raise NotFound("alarm")
    return alarm, calls


@dataclass(frozen=True)
class Called:
    """One call as the record shows it. `answer`: taken, received or silent."""

    who: str
    staff_id: UUID
    role: str
    unit_id: UUID
    at: datetime
    answer: str


def calls_of(work: Work, alarm_ids: Sequence[UUID]) -> dict[UUID, list[Called]]:
    """Everybody these alarms called, in order, and what they said."""
    rows = work.session.exec(
        select(AlarmCall, Staff)
        .join(Staff, col(Staff.id) == AlarmCall.staff_id)
        .where(col(AlarmCall.alarm_id).in_(alarm_ids))
        .order_by(col(AlarmCall.at), col(AlarmCall.rung), col(Staff.username))
    ).all()
    found: dict[UUID, list[Called]] = {}
    for call, staff in rows:
        answer = "taken" if call.taken_at else "received" if call.received_at else "silent"
        one = Called(call.who, staff.id, staff.role, staff.unit_id, call.at, answer)
        found.setdefault(call.alarm_id, []).append(one)
    return found
