"""Read-only lists of suspected leaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from casework.errors import NotFound
from casework.incidents.models import Incident, IncidentEntry, IncidentMark
from casework.incidents.service import FOLLOWERS, may_follow
from casework.people.models import Unit
from casework.work import Actor, Work

SHOWN = 100


def find_incident(work: Work, code: str) -> Incident:
    """Raises NotFound for one that this person neither follows nor opened."""
    found = work.session.exec(select(Incident).where(Incident.code == code)).first()
    if found is None or not (may_follow(work, work.actor, found) or found.opened_by == work.actor.id):
        raise NotFound("incident")
    return found


def listing(work: Work, actor: Actor) -> Sequence[Incident]:
    """What this person follows or has opened, open ones first, then newest first."""
    query = select(Incident).order_by(col(Incident.closed_at).is_not(None), col(Incident.opened_at).desc()).limit(SHOWN)
    if actor.role not in FOLLOWERS or actor.unit_id is None:
        return work.session.exec(query.where(Incident.opened_by == actor.id)).all()
    if work.session.get_one(Unit, actor.unit_id).kind != "national":
        query = query.where((col(Incident.province_id) == actor.unit_id) | (col(Incident.opened_by) == actor.id))
    return work.session.exec(query).all()


def marks_of(work: Work, incident_id: UUID) -> Sequence[IncidentMark]:
    return work.session.exec(
        select(IncidentMark).where(IncidentMark.incident_id == incident_id).order_by(col(IncidentMark.hours))
    ).all()


def entries_of(work: Work, incident_id: UUID) -> list[tuple[IncidentEntry, str]]:
    """What was done, in order, with its words."""
    rows = work.session.exec(
        select(IncidentEntry)
        .where(IncidentEntry.incident_id == incident_id)
        .order_by(col(IncidentEntry.at), col(IncidentEntry.id))
    ).all()
    words = work.open_all(rows, "words")
    return [(row, said or "") for row, said in zip(rows, words, strict=True)]


def next_mark(work: Work, incident_id: UUID) -> datetime | None:
    """When the next of its hours comes, None when none is left."""
    waiting = [one.due_at for one in marks_of(work, incident_id) if one.fired_at is None and one.dropped_at is None]
    return min(waiting, default=None)
