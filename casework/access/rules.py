"""Who may do what with a case: `decide`, pure, deny by default. An exclusion is looked at first and beats everything.

What is allowed stands in policy.toml; here is what its conditions mean. `queries` says the same of those that a list of
cases needs in SQL. Every refusal has a reason slug for the audit trail; who is refused is told "not found".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from casework.access.engine import evaluate
from casework.access.policybook import Book, policy_book
from casework.people.rules import Role, stands_in
from casework.work import Actor

READ_BACK = timedelta(minutes=30)  # how long who took a report down may open it again; then the receipt only
BREAK_GLASS = "break-glass"
STEP_KINDS = ("office", "liaison", "receiver", "intake")
SYSTEM_ROLE = "system"
UNCONDITIONED = frozenset((Role.ADMINISTRATOR, Role.AUDITOR))  # no rule can let them in: there is no word for it


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
    """What deciding needs to know of a case: the units that have to do with it, who is kept from it, who was let in.

    The last four are of the thing asked for and not of the case: the body a referral went to, the commune a hand-over was
    offered to, and who recorded a report when (UTC).
    """

    responsible: UUID
    province: UUID
    incident: UUID | None = None
    residence: UUID | None = None
    excluded_units: frozenset[UUID] = frozenset()
    excluded_staff: frozenset[UUID] = frozenset()
    grants: tuple[Grant, ...] = ()
    referred_to: UUID | None = None
    offered_to: UUID | None = None
    reported_by: UUID | None = None
    reported_at: datetime | None = None

    def excludes(self, actor: Actor) -> bool:
        return actor.unit_id in self.excluded_units or actor.id in self.excluded_staff

    @property
    def held_by_province(self) -> bool:
        """A conflict of interest, and not a case whose commune nobody knows yet: that one is only to be sent on."""
        conflict = self.incident is not None or bool(self.excluded_units or self.excluded_staff)
        return self.responsible == self.province and conflict


NOWHERE = UUID(int=0)  # a unit that is nobody's


def about(**thing: Any) -> CaseUnits:
    """For a question about a thing of a case (a report, an offer, a referral) and not the case: its units do not count."""
    return CaseUnits(NOWHERE, NOWHERE, **thing)


@dataclass(frozen=True)
class Step:
    """A step of the procedure, as far as deciding needs it. `kind` is office, liaison, receiver or intake; `submitted_by`
    is who handed in what is to be decided."""

    roles: tuple[str, ...]
    kind: str = "office"
    submitted_by: UUID | None = None


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str


ALLOW = Decision(True, "allowed")
EXCLUDED = Decision(False, "excluded")


@dataclass(frozen=True)
class Question:
    """Everything that was asked, and the facts of it: `name in question` says whether a condition of the policy holds."""

    actor: Actor
    units: CaseUnits
    now: datetime
    group: str | None = None
    purpose: str | None = None
    step: Step | None = None

    def __contains__(self, name: object) -> bool:
        return CONDITIONS[str(name)](self)

    def granted(self, *, broken_glass: bool) -> bool:
        return any(
            (one.kind == BREAK_GLASS) is broken_glass
            and one.is_for(self.actor)
            and one.live(self.now)
            and (self.group is None or self.group in one.groups)
            and (self.purpose is None or self.purpose == one.purpose)
            for one in self.units.grants
        )


Condition = Callable[[Question], bool]


def decide(
    actor: Actor,
    action: str,
    units: CaseUnits,
    *,
    group: str | None = None,
    purpose: str | None = None,
    now: datetime,
    step: Step | None = None,
    book: Book | None = None,
) -> Decision:
    """Whether the actor may do `action` with a case, to one field group of it, for a purpose.

    `group` None asks for the case itself: whether it exists for this person. `now` is aware. `step` is needed for "act".
    `book` is the policy to ask instead of the office's own. Unknown words are denied.
    """
    book = book or policy_book(CONDITIONS)
    if actor.role != SYSTEM_ROLE and units.excludes(actor):
        return EXCLUDED
    verdict = evaluate(
        book.policy, Question(actor, units, now, group=group, purpose=purpose, step=step), action, group, purpose
    )
    if verdict.allowed:
        return ALLOW
    if verdict.rule is None or verdict.missed is None:
        return Decision(False, "no-rule")
    return Decision(False, verdict.rule.refused.get(verdict.missed) or book.refusals[verdict.missed])


def readable(
    actor: Actor, units: CaseUnits, groups: Iterable[str], *, now: datetime, action: str = "read-case"
) -> frozenset[str]:
    """Which of these field groups the actor may see of the case."""
    return frozenset(one for one in groups if decide(actor, action, units, group=one, now=now).allowed)


def may_read_case(actor: Actor, units: CaseUnits, now: datetime) -> Decision:
    """Whether the case exists for this person, and opens."""
    return decide(actor, "read-case", units, now=now)


def may_act(
    actor: Actor, roles: tuple[str, ...], units: CaseUnits, now: datetime, *, submitted_by: UUID | None = None
) -> Decision:
    """A step of these roles by the office that holds the case."""
    return decide(actor, "act", units, now=now, step=Step(roles, submitted_by=submitted_by))


# ---------------------------------------------------------------- what the conditions mean


def _of_role(role: str) -> Condition:
    return lambda asked: asked.actor.role == role


def _of_unit(unit: Callable[[CaseUnits], UUID | None]) -> Condition:
    return lambda asked: asked.actor.unit_id is not None and asked.actor.unit_id == unit(asked.units)


def _of_step(holds: Callable[[Step, Actor], bool]) -> Condition:
    return lambda asked: asked.step is not None and holds(asked.step, asked.actor)


def _of_kind(kind: str) -> Condition:
    return lambda asked: asked.step is not None and asked.step.kind == kind


def _reported_lately(asked: Question) -> bool:
    return asked.units.reported_at is not None and asked.now - asked.units.reported_at < READ_BACK


CONDITIONS: Mapping[str, Condition] = {
    **{f"role:{role}": _of_role(role) for role in (SYSTEM_ROLE, *Role) if role not in UNCONDITIONED},
    "unit:responsible": _of_unit(lambda units: units.responsible),
    "unit:incident": _of_unit(lambda units: units.incident),
    "unit:residence": _of_unit(lambda units: units.residence),
    "unit:province": _of_unit(lambda units: units.province),
    "province:case": lambda asked: asked.actor.province_id == asked.units.province,
    "held:province": lambda asked: asked.units.held_by_province,
    "referred:unit": _of_unit(lambda units: units.referred_to),
    "offered:unit": _of_unit(lambda units: units.offered_to),
    "reported:self": lambda asked: asked.actor.id is not None and asked.actor.id == asked.units.reported_by,
    "reported:lately": _reported_lately,
    "grant:live": lambda asked: asked.granted(broken_glass=False),
    "grant:break-glass": lambda asked: asked.granted(broken_glass=True),
    "step:own-role": _of_step(lambda step, actor: actor.role in step.roles),
    "step:worker": _of_step(lambda step, actor: Role.WORKER in step.roles),
    "step:chair": _of_step(lambda step, actor: Role.CHAIR in step.roles),
    **{f"step:{kind}": _of_kind(kind) for kind in STEP_KINDS},
    "duty:decides": lambda asked: stands_in(asked.actor),
    "submitted:another": _of_step(lambda step, actor: step.submitted_by is None or step.submitted_by != actor.id),
}
