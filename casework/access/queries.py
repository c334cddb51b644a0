"""What the tables say of who may see a case, as values and as conditions for a query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, FromClause, and_, exists, false, not_, or_, true
from sqlmodel import col, select

from casework.access.models import CaseExclusion, CaseGrant
from casework.access.rules import Grant
from casework.people.rules import COMMUNE_ROLES, Role
from casework.work import Actor, Work


@dataclass(frozen=True)
class Kept:
    """The units and the people to whom a case does not exist."""

    units: frozenset[UUID] = frozenset()
    staff: frozenset[UUID] = frozenset()


def exclusions_of(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, Kept]:
    """The exclusions in force, by case; a case without any is not in it. One query."""
    found: dict[UUID, list[CaseExclusion]] = {}
    wanted = list(case_ids)
    if not wanted:
        return {}
    in_force = select(CaseExclusion).where(
        col(CaseExclusion.case_id).in_(wanted), col(CaseExclusion.ended_at).is_(None)
    )
    for one in work.session.exec(in_force):
        found.setdefault(one.case_id, []).append(one)
    return {
        case_id: Kept(
            frozenset(one.unit_id for one in rows if one.unit_id is not None),
            frozenset(one.staff_id for one in rows if one.staff_id is not None),
        )
        for case_id, rows in found.items()
    }


def grants_of(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, tuple[Grant, ...]]:
    """The grants that are live now, by case. One query."""
    wanted = list(case_ids)
    if not wanted:
        return {}
    found: dict[UUID, list[Grant]] = {}
    for one in work.session.exec(select(CaseGrant).where(col(CaseGrant.case_id).in_(wanted), live(work.now))):
        found.setdefault(one.case_id, []).append(grant_of(one))
    return {case_id: tuple(rows) for case_id, rows in found.items()}


def grant_of(row: CaseGrant) -> Grant:
    return Grant(
        row.unit_id,
        row.staff_id,
        row.kind,
        frozenset(row.groups),
        row.purpose,
        row.starts_at,
        row.expires_at,
        row.revoked_at,
    )


def is_excluded(work: Work, case_id: UUID, *, unit_id: UUID | None = None, staff_id: UUID | None = None) -> bool:
    """Whether the case does not exist for this unit or this person. One query."""
    return work.session.connection().scalar(select(_exclusion(case_id, unit_id, staff_id))) or False


def not_excluded(case_id: Any, actor: Actor) -> ColumnElement[bool]:
    """For a query over rows that carry `case_id`: that the case is not kept from the actor. Rows of no case pass."""
    if actor.role == "system":
        return true()
    return not_(_exclusion(case_id, actor.unit_id, actor.id))


def visible_to(actor: Actor, now: datetime, case: FromClause) -> ColumnElement[bool]:
    """For a query over the table of cases: `decide(actor, "read-case", …)` said in SQL. Deny by default."""
    if actor.role == "system":
        return true()
    return and_(or_(_by_unit(actor, case), _granted(case.c.id, actor, now)), not_excluded(case.c.id, actor))


def live(now: datetime) -> ColumnElement[bool]:
    return and_(col(CaseGrant.revoked_at).is_(None), col(CaseGrant.starts_at) <= now, col(CaseGrant.expires_at) > now)


def _by_unit(actor: Actor, case: FromClause) -> ColumnElement[bool]:
    if actor.role in COMMUNE_ROLES:
        return or_(
            case.c.responsible_unit_id == actor.unit_id,
            case.c.incident_unit_id == actor.unit_id,
            case.c.residence_unit_id == actor.unit_id,
        )
    if actor.role == Role.SUPERVISOR:
        return case.c.province_id == actor.unit_id
    return false()


def _granted(case_id: Any, actor: Actor, now: datetime) -> ColumnElement[bool]:
    mine = or_(col(CaseGrant.unit_id) == actor.unit_id, col(CaseGrant.staff_id) == actor.id)
    return exists().where(col(CaseGrant.case_id) == case_id, mine, live(now))


def _exclusion(case_id: Any, unit_id: UUID | None, staff_id: UUID | None) -> Exists:
    whose = [false()] if unit_id is None else [col(CaseExclusion.unit_id) == unit_id]
    if staff_id is not None:
        whose.append(col(CaseExclusion.staff_id) == staff_id)
    return exists().where(col(CaseExclusion.case_id) == case_id, col(CaseExclusion.ended_at).is_(None), or_(*whose))
