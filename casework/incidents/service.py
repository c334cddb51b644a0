"""A suspected leak of personal data is opened by anybody of the staff, followed by administrators and supervisors, and
closed with a reason. Its hours run whatever else stands still: the same sweep that fires the clocks of cases fires them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import local
from casework.errors import Invalid
from casework.incidents.models import EntryKind, Incident, IncidentEntry, IncidentMark
from casework.incidents.rules import course
from casework.notices.service import About, notify
from casework.people.models import Staff, Unit
from casework.people.rules import Role
from casework.work import Actor, Work

FOLLOWERS = (Role.ADMINISTRATOR, Role.SUPERVISOR)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 6
LONGEST = 4000  # characters of a person's words
STALLED = "set local idle_in_transaction_session_timeout = 30000"  # ms: a stopped sweep loses its rows, and what it did
BATCH = 50


def open_incident(work: Work, *, description: str, detected_at: datetime) -> Incident:
    """Writes down what somebody has noticed, starts the hours, and tells administrators and supervisors at once.

    The hours count from `detected_at`. Raises Invalid: no words, too many, or a moment that has not been.
    """
    faults = _words_fault("description", description)
    if detected_at > work.now:
        faults["detected_at"] = "in-the-future"
    if faults:
        raise Invalid(faults)
    actor = work.actor
    if actor.id is None or actor.province_id is None:
        raise LookupError("an incident is opened by a person of an office")
    incident = Incident(
        code=_free_code(work),
        province_id=actor.province_id,
        detected_at=detected_at,
        opened_at=work.now,
        opened_by=actor.id,
    )
    work.seal(incident, description=description.strip())
    work.session.add(incident)
    work.session.flush()
    for mark in course().marks:
        work.session.add(IncidentMark(incident_id=incident.id, hours=mark.hours, due_at=mark.moment(detected_at)))
    record(work, Tag.INCIDENT_OPENED, object_type="incident", object_id=incident.id)
    tell_followers(work, incident, "incident-opened")
    return incident


def note(work: Work, incident: Incident, kind: EntryKind, words: str) -> None:
    """Who was told, or a remark. Raises Invalid."""
    _check_words("words", words)
    _enter(work, incident, kind, words=words)
    record(work, Tag.INCIDENT_NOTED, object_type="incident", object_id=incident.id, fields=[kind.value])


def do_step(work: Work, incident: Incident, step_id: str, words: str = "") -> None:
    """One of the steps is done. The one that files the notice stops the hours. Raises Invalid for a step there is not."""
    step = course().step(step_id)
    if step is None or len(words) > LONGEST:
        raise Invalid({"step": "not-an-option"})
    check_open(incident)
    _enter(work, incident, EntryKind.STEP, step=step.id, words=words)
    tag = Tag.INCIDENT_NOTED
    if step.files and incident.filed_at is None:
        tag, incident.filed_at = Tag.INCIDENT_FILED, work.now
        work.session.add(incident)
        _drop_marks(work, incident)
    record(work, tag, object_type="incident", object_id=incident.id, fields=[step.id])


def close_incident(work: Work, incident: Incident, reason: str) -> None:
    """Ends it, with a reason that stays written down. Raises Invalid."""
    check_open(incident)
    _check_words("reason", reason)
    _enter(work, incident, EntryKind.CLOSED, words=reason)
    incident.closed_at, incident.closed_by = work.now, work.actor.id
    work.session.add(incident)
    _drop_marks(work, incident)
    record(work, Tag.INCIDENT_CLOSED, object_type="incident", object_id=incident.id)


def fire_marks(work: Work) -> int:
    """Fires every hour that has come, once each, and tells the followers; after a standstill an incident is told of once.
    Returns how many it fired. Any number of sweeps may do this at once: one holds the row, the others pass it over.

    Claim, effect, audit and messages are one transaction, so nothing needs a lease: a sweep that is killed drops its rows, and
    one that is stopped is cut off by the database.
    """
    work.session.connection().exec_driver_sql(STALLED)
    rows = work.session.exec(
        select(IncidentMark)
        .where(
            col(IncidentMark.due_at) <= work.now,
            col(IncidentMark.fired_at).is_(None),
            col(IncidentMark.dropped_at).is_(None),
        )
        .order_by(col(IncidentMark.due_at))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    told: set[UUID] = set()
    for mark in rows:
        mark.fired_at = work.now
        work.session.add(mark)
        fields = [str(mark.hours)]
        record(work, Tag.INCIDENT_MARK_PASSED, object_type="incident", object_id=mark.incident_id, fields=fields)
        if mark.incident_id not in told:
            told.add(mark.incident_id)
            tell_followers(work, work.session.get_one(Incident, mark.incident_id), "incident-due")
    return len(rows)


def tell_followers(work: Work, incident: Incident, text_id: str) -> None:
    due_at = course().marks[-1].moment(incident.detected_at)
    for staff in followers(work, incident.province_id):
        notify(work, staff, text_id=text_id, about=About(None, incident.code), due_at=due_at)


def followers(work: Work, province_id: UUID) -> Sequence[Staff]:
    """Administrators and supervisors of the province, and administrators above every province."""
    above = select(Unit.id).where(col(Unit.province_id).is_(None), Unit.kind == "national")
    return work.session.exec(
        select(Staff)
        .where(
            col(Staff.role).in_(FOLLOWERS),
            col(Staff.closed_at).is_(None),
            (col(Staff.unit_id) == province_id) | col(Staff.unit_id).in_(above),
        )
        .order_by(Staff.username)
    ).all()


def may_follow(work: Work, actor: Actor, incident: Incident) -> bool:
    """Whether this person sees all of it and acts on it; whoever opened it sees that it runs."""
    if actor.role not in FOLLOWERS or actor.unit_id is None:
        return False
    unit = work.session.get_one(Unit, actor.unit_id)
    return actor.unit_id == incident.province_id or unit.kind == "national"


def _enter(work: Work, incident: Incident, kind: EntryKind, *, step: str | None = None, words: str = "") -> None:
    entry = IncidentEntry(incident_id=incident.id, at=work.now, by=work.actor.id, kind=kind.value, step=step)
    if words.strip():
        work.seal(entry, words=words.strip())
    work.session.add(entry)


def _drop_marks(work: Work, incident: Incident) -> None:
    waiting = update(IncidentMark).where(
        col(IncidentMark.incident_id) == incident.id, col(IncidentMark.fired_at).is_(None)
    )
    work.session.connection().execute(waiting.values(dropped_at=work.now))


def check_open(incident: Incident) -> None:
    if incident.closed_at is not None:
        raise Invalid({"incident": "closed"})


def _check_words(name: str, words: str) -> None:
    if faults := _words_fault(name, words):
        raise Invalid(faults)


def _words_fault(name: str, words: str) -> dict[str, str]:
    if not words.strip():
        return {name: "required"}
    return {name: "too-long"} if len(words) > LONGEST else {}


def _free_code(work: Work) -> str:
    while True:
        body = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
        code = f"SC-{local(work.now).year % 100:02d}-{body}"
        if work.session.exec(select(Incident.id).where(Incident.code == code)).first() is None:
            return code
