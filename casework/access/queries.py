"""What the tables say of who may see a case: as values for `decide`, and the same rules as conditions of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Exists,
    FromClause,
    Label,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    true,
)
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from casework.access.models import CaseExclusion, CaseGrant
from casework.access.policybook import FILE, policy_book
from casework.access.rules import BREAK_GLASS, CONDITIONS, SYSTEM_ROLE, Grant
from casework.db import among
from casework.errors import UnsafeStart
from casework.people.models import Staff
from casework.work import Actor, Work


@dataclass(frozen=True)
class Kept:
    """The units and the people to whom a case does not exist."""

    units: frozenset[UUID] = frozenset()
    staff: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Access:
    """Who is kept from one case and who was let in, now."""

    kept: Kept = Kept()
    grants: tuple[Grant, ...] = ()


NOBODY = Access()


def access_of(work: Work, case_id: UUID) -> Access:
    """Read once a piece of work; a row of a case that came through `with_access` brings it along."""
    return work.keep(_key(case_id), lambda: _read_access(work, [case_id]).get(case_id, NOBODY))


def with_access(case_id: Any, now: datetime) -> tuple[Label[Any], Label[Any]]:
    """Two columns for a query over cases, so that nobody has to ask once more: read them with `keep_access`."""
    whose = func.json_build_array(col(CaseExclusion.unit_id), col(CaseExclusion.staff_id))
    kept = select_columns(func.json_agg(whose)).where(
        col(CaseExclusion.case_id) == case_id, col(CaseExclusion.ended_at).is_(None)
    )
    grant = func.json_build_array(
        col(CaseGrant.unit_id),
        col(CaseGrant.staff_id),
        col(CaseGrant.kind),
        col(CaseGrant.groups),
        col(CaseGrant.purpose),
        col(CaseGrant.starts_at),
        col(CaseGrant.expires_at),
    )
    let = select_columns(func.json_agg(grant)).where(col(CaseGrant.case_id) == case_id, live(now))
    return kept.scalar_subquery().label("kept_from"), let.scalar_subquery().label("let_in")


def keep_access(work: Work, case_id: UUID, kept: Any, let: Any) -> None:
    """Keeps what the two columns of `with_access` said of a case."""
    work.keep(_key(case_id), lambda: _access(kept, let))


def read_access(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, Access]:
    """`access_of` of many cases, read together and kept for this piece of work."""
    wanted = set(case_ids)
    found = _read_access(work, wanted)

    def kept(case_id: UUID) -> Access:
        return work.keep(_key(case_id), lambda: found.get(case_id, NOBODY))

    return {one: kept(one) for one in wanted}


def forget_access(work: Work, case_id: UUID) -> None:
    """To be called by whoever has just changed an exclusion or a grant of the case in this very piece of work."""
    work.forget(_key(case_id))


def exclusions_of(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, Kept]:
    """The exclusions in force, by case; a case without any is not in it. One query."""
    return {case_id: one.kept for case_id, one in _read_access(work, case_ids).items() if one.kept != Kept()}


def grants_of(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, tuple[Grant, ...]]:
    """The grants that are live now, by case; a case without any is not in it. One query."""
    return {case_id: one.grants for case_id, one in _read_access(work, case_ids).items() if one.grants}


def is_excluded(work: Work, case_id: UUID, *, unit_id: UUID | None = None, staff_id: UUID | None = None) -> bool:
    """Whether the case does not exist for this unit or this person. One query."""
    return bool(work.session.connection().scalar(select(_exclusion(case_id, unit_id, staff_id))))


def not_excluded(case_id: Any, actor: Actor) -> ColumnElement[bool]:
    """For a query over rows that carry `case_id`: that the case is not kept from the actor. Rows of no case pass."""
    if actor.role == SYSTEM_ROLE:
        return true()
    return not_(_exclusion(case_id, actor.unit_id, actor.id))


def may_be_told(work: Work, case_id: UUID | None, staff: Iterable[Staff]) -> list[Staff]:
    """Of these people those who may hear that the case exists; `case_id` None: all of them."""
    if case_id is None:
        return list(staff)
    kept = access_of(work, case_id).kept
    return [one for one in staff if one.unit_id not in kept.units and one.id not in kept.staff]


def not_kept_from_staff(case_id: Any, staff_id: Any) -> ColumnElement[bool]:
    """`not_excluded` for a person (a value or a column) who is not the one that acts: the header of every page is read by
    the office itself."""
    # The person may be a column of the query around the exclusion's own: only staff is this one's.
    home = select(Staff.unit_id).where(col(Staff.id) == staff_id).correlate_except(Staff).scalar_subquery()
    theirs = or_(col(CaseExclusion.staff_id) == staff_id, col(CaseExclusion.unit_id) == home)
    kept = exists().where(col(CaseExclusion.case_id) == case_id, col(CaseExclusion.ended_at).is_(None), theirs)
    return not_(kept.correlate_except(CaseExclusion))


@dataclass(frozen=True)
class ByName:
    """The cases that somebody, or their unit, is let into, and that they opened in an emergency: ids, or the parameter that
    will hold them; None for none."""

    let_into: Any = None
    broken_open: Any = None


def by_name(work: Work) -> ByName:
    """What the person at work was let into by name now. One query, and none where nobody let them into anything."""
    if work.actor.role == SYSTEM_ROLE or not work.let_in:
        return ByName()
    found: dict[bool, list[UUID]] = {}
    mine = select_columns(col(CaseGrant.kind), col(CaseGrant.case_id)).where(_mine(work.actor, work.now))
    for kind, case_id in work.session.connection().execute(mine):
        found.setdefault(kind == BREAK_GLASS, []).append(case_id)
    return ByName(found.get(False), found.get(True))


# A statement that many pages ask is put together once for each role, of an actor whose ids are parameters.


def known_of(actor: Actor) -> tuple[str, bool, bool, bool]:
    """By what such a statement differs from one actor to another: their role, and which ids they have at all."""
    return actor.role, actor.id is not None, actor.unit_id is not None, actor.province_id is not None


def as_parameters(role: str = "", staff: bool = False, unit: bool = False, province: bool = False) -> tuple[Any, Any]:
    """The actor and the moment of a statement that `asked_by` fills in."""
    given: dict[str, Any] = {name: bindparam(f"asked_{name}") for name in ("staff", "unit", "province", "now")}
    actor: Any = Actor
    return (
        actor(
            id=given["staff"] if staff else None,
            role=role,
            unit_id=given["unit"] if unit else None,
            province_id=given["province"] if province else None,
        ),
        given["now"],
    )


def asked_by(work: Work) -> dict[str, Any]:
    who = work.actor
    return {
        "asked_staff": who.id,
        "asked_unit": who.unit_id,
        "asked_province": who.province_id,
        "asked_now": work.now,
    }


def visible_to(actor: Actor, now: datetime, case: FromClause, named: ByName | None = None) -> ColumnElement[bool]:
    """For a query over the table of cases: the policy's rules for "read-case", exclusions first, said in SQL.

    `named`: what `by_name` found just before. A long list is then asked of plain columns, which an index may know."""
    seen = not_excluded(case.c.id, actor)
    ways = _ways(actor.role)
    if () in ways:
        return seen
    asked = Asked(actor, now, case, named)
    said = (and_(true(), *(IN_SQL[one](asked) for one in way)) for way in ways)
    return and_(or_(false(), *said), seen)


@cache
def _ways(role: str) -> list[tuple[str, ...]]:
    """The ways to "read-case" that are open to a role, as the conditions that are left to ask."""
    ways: dict[tuple[str, ...], None] = {}
    for rule in policy_book(CONDITIONS).policy.rules:
        if rule.concerns("read-case", None, None):
            for conditions in rule.when:
                rest = tuple(one for one in conditions if not one.startswith("role:"))
                if f"role:{role}" in conditions or len(rest) == len(conditions):
                    ways[rest] = None
    return list(ways)


def check_policy() -> None:
    """Raises UnsafeStart for a policy that does not hold together, or one that a list of cases could not follow."""
    for rule in policy_book(CONDITIONS).policy.rules:
        if rule.concerns("read-case", None, None):
            for name in (one for conditions in rule.when for one in conditions):
                if name not in IN_SQL and not name.startswith("role:"):
                    raise UnsafeStart(f"{FILE}: rule {rule.id}: '{name}' cannot be asked of a list of cases")


def live(now: datetime) -> ColumnElement[bool]:
    return and_(col(CaseGrant.revoked_at).is_(None), col(CaseGrant.starts_at) <= now, col(CaseGrant.expires_at) > now)


# ---------------------------------------------------------------- the conditions in SQL


@dataclass(frozen=True)
class Asked:
    """Who asks, when, of which table of cases; and what stands of them by name, where that was read before."""

    actor: Actor
    now: datetime
    case: FromClause
    named: ByName | None


InSql = Callable[[Asked], ColumnElement[bool]]


def _of_unit(column: str) -> InSql:
    return lambda asked: false() if asked.actor.unit_id is None else asked.case.c[column] == asked.actor.unit_id


def _granted(*, broken_glass: bool) -> InSql:
    def said(asked: Asked) -> ColumnElement[bool]:
        case_id = asked.case.c.id
        if asked.named is not None:
            ids = asked.named.broken_open if broken_glass else asked.named.let_into
            return false() if ids is None else among(case_id, ids)
        # An array that is worked out once: a look-up by key beside the other ways, where EXISTS would be asked of every row.
        kind = col(CaseGrant.kind) == BREAK_GLASS if broken_glass else col(CaseGrant.kind) != BREAK_GLASS
        mine = select(CaseGrant.case_id).where(_mine(asked.actor, asked.now), kind)
        return case_id == any_(func.array(mine.scalar_subquery()))

    return said


def _mine(actor: Actor, now: datetime) -> ColumnElement[bool]:
    """Of grants: those to the actor's unit or themselves that are live."""
    return and_(_whose(CaseGrant.unit_id, CaseGrant.staff_id, actor.unit_id, actor.id), live(now))


def _of_province(asked: Asked) -> ColumnElement[bool]:
    province = asked.actor.province_id
    return false() if province is None else asked.case.c.province_id == province


IN_SQL: Mapping[str, InSql] = {
    "unit:responsible": _of_unit("responsible_unit_id"),
    "unit:incident": _of_unit("incident_unit_id"),
    "unit:residence": _of_unit("residence_unit_id"),
    "unit:province": _of_unit("province_id"),
    "province:case": _of_province,
    "grant:live": _granted(broken_glass=False),
    "grant:break-glass": _granted(broken_glass=True),
}


def _exclusion(case_id: Any, unit_id: UUID | None, staff_id: UUID | None) -> Exists:
    whose = _whose(CaseExclusion.unit_id, CaseExclusion.staff_id, unit_id, staff_id)
    return exists().where(col(CaseExclusion.case_id) == case_id, col(CaseExclusion.ended_at).is_(None), whose)


def _whose(unit: Any, staff: Any, unit_id: UUID | None, staff_id: UUID | None) -> ColumnElement[bool]:
    own = [col(unit) == unit_id] if unit_id is not None else []
    return or_(false(), *own, *([col(staff) == staff_id] if staff_id is not None else []))


# ---------------------------------------------------------------- the values


def _key(case_id: UUID) -> tuple[str, UUID]:
    return ("access of case", case_id)


def _read_access(work: Work, case_ids: Iterable[UUID]) -> dict[UUID, Access]:
    wanted = list(case_ids)
    if not wanted:
        return {}
    asked = func.unnest(cast(wanted, ARRAY(Uuid))).column_valued("asked")
    rows = work.session.connection().execute(select_columns(asked, *with_access(asked, work.now)))
    return {case_id: _access(kept, let) for case_id, kept, let in rows}


def _access(kept: Any, let: Any) -> Access:
    excluded = kept or []
    return Access(
        Kept(
            frozenset(UUID(unit) for unit, _staff in excluded if unit),
            frozenset(UUID(staff) for _unit, staff in excluded if staff),
        ),
        tuple(map(_grant, let or [])),
    )


def _grant(row: list[Any]) -> Grant:
    unit, staff, kind, groups, purpose, starts_at, expires_at = row
    return Grant(
        UUID(unit) if unit else None,
        UUID(staff) if staff else None,
        kind,
        frozenset(groups),
        purpose,
        datetime.fromisoformat(starts_at),
        datetime.fromisoformat(expires_at),
    )
