"""Who may do what with a case: pure, deny by default. An exclusion is looked at first and beats everything.

Every refusal has a reason slug for the audit trail; who is refused is told "not found".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casework.people.rules import COMMUNE_ROLES, Role, stands_in
from casework.work import Actor


@dataclass(frozen=True)
class Grant:
    """One row of `case_grant`, as far as deciding needs it. Moments are aware, in UTC."""

    unit_id: UUID | None
    staff_id: UUID | None
    kind: str
    groups: frozenset[str]
    purpose: str
    starts_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_for(self, actor: Actor) -> bool:
        mine = self.unit_id is not None and self.unit_id == actor.unit_id
        return mine or (self.staff_id is not None and self.staff_id == actor.id)

    def live(self, now: datetime) -> bool:
        return self.revoked_at is None and self.starts_at <= now < self.expires_at


@dataclass(frozen=True)
class CaseUnits:
    """The units that have to do with a case, who is kept from it and who was let in: all that deciding needs to know."""

    responsible: UUID
    province: UUID
    incident: UUID | None = None
    residence: UUID | None = None
    excluded_units: frozenset[UUID] = frozenset()
    excluded_staff: frozenset[UUID] = frozenset()
    grants: tuple[Grant, ...] = ()

    def excludes(self, actor: Actor) -> bool:
        return actor.unit_id in self.excluded_units or actor.id in self.excluded_staff


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str


ALLOW = Decision(True, "allowed")
EXCLUDED = Decision(False, "excluded")


def decide(
    actor: Actor,
    action: str,
    units: CaseUnits,
    *,
    group: str | None = None,
    purpose: str | None = None,
    now: datetime,
) -> Decision:
    """Whether the actor may do `action` (read-case) with a case, to one field group of it, for a purpose.

    `group` None asks for the case itself: whether it exists for this person.
    """
    if actor.role != "system" and units.excludes(actor):
        return EXCLUDED
    if action != "read-case":
        return Decision(False, "unknown-action")
    decision = may_read_case(actor, units)
    if not decision.allowed and any(
        one.is_for(actor)
        and one.live(now)
        and (group is None or group in one.groups)
        and (purpose is None or purpose == one.purpose)
        for one in units.grants
    ):
        return ALLOW
    return decision


def may_read_case(actor: Actor, units: CaseUnits) -> Decision:
    """Whole content: staff of the communes concerned, and the province's supervisor."""
    if actor.role == "system":
        return ALLOW
    if units.excludes(actor):
        return EXCLUDED
    if actor.role in COMMUNE_ROLES:
        near = {units.responsible, units.incident, units.residence}
        return ALLOW if actor.unit_id in near else Decision(False, "other-unit")
    if actor.role == Role.SUPERVISOR:
        return ALLOW if actor.unit_id == units.province else Decision(False, "other-province")
    return Decision(False, "role-reads-no-case")


def may_act(
    actor: Actor, roles: tuple[str, ...], units: CaseUnits, *, liaison_unit: UUID | None = None, liaison: bool = False
) -> Decision:
    """An act of the procedure: the right role, of the unit that now holds the case (or the body it was referred to).

    A deputy acts as the chair only while the rota says so.
    """
    if actor.role != "system" and units.excludes(actor):
        return EXCLUDED
    if actor.role not in roles:
        return Decision(False, "role")
    if liaison:
        mine = actor.unit_id is not None and actor.unit_id == liaison_unit
        return ALLOW if mine else Decision(False, "not-referred-to-this-unit")
    if actor.role in COMMUNE_ROLES:
        if actor.unit_id != units.responsible:
            return Decision(False, "case-held-elsewhere")
        if actor.role == Role.CHAIR and not stands_in(actor):
            return Decision(False, "deputy-off-duty")
        return ALLOW
    if actor.role == Role.SUPERVISOR:
        return ALLOW if actor.unit_id == units.province else Decision(False, "other-province")
    return ALLOW
