"""Before a piece of work is kept, what it wrote in the trail is looked over: reads are counted, and facts that another
person must hear of are told to them in the same transaction, whichever door they came through (`Office.begin`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from tomllib import loads
from uuid import UUID

from sqlmodel import col, select

from casework.access.queries import may_be_told
from casework.audit.models import AuditEntry
from casework.audit.service import recorded
from casework.cases.models import Case
from casework.cases.queries import case_by_id
from casework.notices.models import Notice
from casework.notices.service import About, notify
from casework.oversight.acts import ask_for_accounts, drop_acts_of_leavers
from casework.oversight.budgets import count_reads
from casework.people.models import Staff, Unit
from casework.people.queries import on_duty, reached
from casework.people.rules import Role
from casework.work import Work

OBJECT = "staff"  # of an entry about an account


@dataclass(frozen=True)
class Alert:
    """Facts (`tags`) of these actors' doing (none: anybody's) that `to` are told of with `text`."""

    tags: tuple[str, ...]
    actors: tuple[str, ...]
    to: tuple[str, ...]
    text: str
    quiet: timedelta


@cache
def alerts() -> Mapping[str, tuple[Alert, ...]]:
    """Tag → its alerts (read once: it is part of the program)."""
    raw = loads(resources.files("casework.oversight").joinpath("alerts.toml").read_text("utf-8"))
    every = [
        Alert(
            tuple(one["tags"]),
            tuple(one.get("actors", ())),
            tuple(one["to"]),
            one["text"],
            timedelta(minutes=one.get("quiet_minutes", 0)),
        )
        for one in raw["alert"]
    ]
    tags = {tag for one in every for tag in one.tags}
    return {tag: tuple(one for one in every if tag in one.tags) for tag in tags}


def look_over(work: Work) -> None:
    """Called once, last, by whoever began the work. Raises ReadBudgetSpent where the person has read too many cases."""
    entries = recorded(work)
    if not entries:
        return
    count_reads(work, entries)
    ask_for_accounts(work, entries)
    drop_acts_of_leavers(work, entries)
    found = recorded(work)
    if any(one.tag in alerts() for one in found):
        with work.whole_sight():  # who made an exclusion may be of the very unit that sees nothing from here on
            _tell(work, found)


def _tell(work: Work, entries: Sequence[AuditEntry]) -> None:
    """One message a person and text, however many facts it tells of; what is of a case, one a case."""
    told: dict[tuple[UUID, str, UUID | None], list[Staff]] = {}
    for entry in entries:
        for alert in alerts().get(entry.tag, ()):
            if not alert.actors or entry.actor_role in alert.actors:
                for staff in _who(work, alert, entry):
                    told.setdefault((staff.id, alert.text, entry.case_id), []).append(staff)
    quiet = {one.text: one.quiet for many in alerts().values() for one in many}
    for (staff_id, text_id, case_id), many in told.items():
        if not _told_lately(work, staff_id, text_id, quiet[text_id]):
            about = About(case_id, case_by_id(work, case_id).code) if case_id else About(None, "")
            notify(work, many[0], text_id=text_id, about=about, many=len(many))


def _who(work: Work, alert: Alert, entry: AuditEntry) -> list[Staff]:
    """Never who did it, for somebody else has to know; nor who is kept from the case."""
    found: dict[UUID, Staff] = {}
    for to in alert.to:
        if to == "person":
            person = _person(work, entry)
            found.update(
                {person.id: person} if person else {}
            )  # also whose account was just closed: their telephone rings
        else:
            holders = _responsible(work, entry) if to == "responsible" else _supervisors(work, entry)
            found.update({one.id: one for one in holders})
    return _may_hear(work, entry, found.values())


def _may_hear(work: Work, entry: AuditEntry, staff: Iterable[Staff]) -> list[Staff]:
    return may_be_told(work, entry.case_id, [one for one in staff if one.id != entry.actor_id])


def _person(work: Work, entry: AuditEntry) -> Staff | None:
    return work.session.get(Staff, entry.object_id) if entry.object_type == OBJECT and entry.object_id else None


def _responsible(work: Work, entry: AuditEntry) -> Sequence[Staff]:
    if entry.case_id is None:
        return ()
    return reached(work, case_by_id(work, entry.case_id).responsible_unit_id, Role.WORKER, work.now).staff


def _supervisors(work: Work, entry: AuditEntry) -> Sequence[Staff]:
    """Who supervises the province it happened in; without another one there, whoever else keeps the office's accounts. Whoever
    is kept from the case counts as nobody here: where they alone are on duty, the next must hear of it."""
    province = _province(work, entry)
    if province is None:
        return ()
    others = _may_hear(work, entry, on_duty(work, province, Role.SUPERVISOR, work.now))
    return others or _others(work, province, entry, Role.SUPERVISOR) or _others(work, None, entry, Role.ADMINISTRATOR)


def _others(work: Work, unit_id: UUID | None, entry: AuditEntry, role: Role) -> list[Staff]:
    query = select(Staff).where(Staff.role == role, col(Staff.closed_at).is_(None), col(Staff.waits_since).is_(None))
    if unit_id is not None:
        query = query.where(Staff.unit_id == unit_id)
    return _may_hear(work, entry, work.session.exec(query).all())


def _province(work: Work, entry: AuditEntry) -> UUID | None:
    if entry.case_id is not None:
        case: Case = case_by_id(work, entry.case_id)
        return case.province_id
    person = _person(work, entry)
    body = entry.object_id if entry.object_type == "unit" else None  # whose machine has the key
    home_id = person.unit_id if person else body or entry.unit_id
    home = work.session.get(Unit, home_id) if home_id else None
    return (home.province_id or home.id) if home else None


def _told_lately(work: Work, staff_id: UUID, text_id: str, quiet: timedelta) -> bool:
    if not quiet:
        return False
    found = select(Notice.id).where(
        Notice.staff_id == staff_id, Notice.text_id == text_id, Notice.created_at > work.now - quiet
    )
    return work.session.exec(found.limit(1)).first() is not None
