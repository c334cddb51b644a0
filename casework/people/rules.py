"""Who may do what: one place, pure, deny by default.

Every refusal has a reason slug for the audit trail; who is refused is told "not found" for things out of their sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from casework.work import Actor


class Role(StrEnum):
    HOTLINE = "hotline"
    COLLABORATOR = "collaborator"
    WORKER = "worker"
    CHAIR = "chair"
    SUPERVISOR = "supervisor"
    POLICE = "police"
    HEALTH = "health"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


COMMUNE_ROLES = (Role.WORKER, Role.CHAIR)
LIAISON_ROLES = (Role.POLICE, Role.HEALTH)

IDLE_LIMIT = timedelta(minutes=15)
FIELD_IDLE_LIMIT = timedelta(minutes=30)  # phones in a village
SESSION_LIMIT = timedelta(hours=12)
THROTTLE_WINDOW = timedelta(minutes=10)
THROTTLE_FREE_TRIES = 5
THROTTLE_FIRST_WAIT = timedelta(seconds=30)
THROTTLE_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class CaseUnits:
    """The units that have to do with a case: all that deciding who may see it needs to know."""

    responsible: UUID
    province: UUID
    incident: UUID | None = None
    residence: UUID | None = None


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str


ALLOW = Decision(True, "allowed")


def may_read_case(actor: Actor, units: CaseUnits) -> Decision:
    """Whole content: staff of the communes concerned, and the province's supervisor."""
    if actor.role == "system":
        return ALLOW
    if actor.role in COMMUNE_ROLES:
        near = {units.responsible, units.incident, units.residence}
        return ALLOW if actor.unit_id in near else Decision(False, "other-unit")
    if actor.role == Role.SUPERVISOR:
        return ALLOW if actor.unit_id == units.province else Decision(False, "other-province")
    return Decision(False, "role-reads-no-case")


def may_act(
    actor: Actor, roles: tuple[str, ...], units: CaseUnits, *, liaison_unit: UUID | None = None, liaison: bool = False
) -> Decision:
    """An act of the procedure: the right role, of the unit that now holds the case (or the body it was referred to)."""
    if actor.role not in roles:
        return Decision(False, "role")
    if liaison:
        mine = actor.unit_id is not None and actor.unit_id == liaison_unit
        return ALLOW if mine else Decision(False, "not-referred-to-this-unit")
    if actor.role in COMMUNE_ROLES:
        return ALLOW if actor.unit_id == units.responsible else Decision(False, "case-held-elsewhere")
    if actor.role == Role.SUPERVISOR:
        return ALLOW if actor.unit_id == units.province else Decision(False, "other-province")
    return ALLOW


def throttle_wait(failures: int) -> timedelta:
    """How long after the latest failure the next try must wait: free for five, then doubling from 30 s to 1 h."""
    if failures < THROTTLE_FREE_TRIES:
        return timedelta(0)
    doubled: timedelta = THROTTLE_FIRST_WAIT * 2 ** min(failures - THROTTLE_FREE_TRIES, 10)
    return min(doubled, THROTTLE_LONGEST_WAIT)


def idle_limit(role: str) -> timedelta:
    return FIELD_IDLE_LIMIT if role in (Role.COLLABORATOR, Role.WORKER) else IDLE_LIMIT
