"""Letting another unit or person read a case for a time: one supervisor asks, another decides, either takes it back.

What is given is named: field groups, a purpose, an end. What may be given and for how long at most is data (acts.toml, the
kind "grant"); what a grant then opens is the policy's (rule "granted"). An exclusion beats it, before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlmodel import col, or_, select

from casework.access.models import CaseGrant, TwoPersonAct
from casework.access.queries import access_of, forget_access
from casework.access.rules import BREAK_GLASS
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.clock import VIETNAM, local
from casework.errors import Forbidden, Invalid, NotFound
from casework.oversight.acts import LETTING_IN, acts_on, is_of, kinds, propose
from casework.people.models import Staff, Unit
from casework.people.queries import communes_of
from casework.people.rules import COMMUNE_ROLES, Role
from casework.work import Work

KIND = LETTING_IN
LET_IN = (*COMMUNE_ROLES, Role.SUPERVISOR)  # whom the policy's rule "granted" can open a case to
REASON_LEAST, REASON_MOST = 10, 1000  # characters


@dataclass(frozen=True)
class Wanted:
    """What is asked for: for a unit or for a person (exactly one of them), until the end of a day in Việt Nam."""

    unit: Unit | None
    staff: Staff | None
    groups: tuple[str, ...]
    purpose: str
    last_day: date | None
    reason: str


def ask_for_grant(work: Work, case: Case, wanted: Wanted) -> TwoPersonAct:
    """Puts it to a second supervisor; until they agree nothing is opened.

    Raises NotFound for a case of another province, Forbidden for another role, and Invalid: `whom` missing, two, not-here,
    excluded, reads-already or waits-already; `groups`, `purpose`, `until` missing or not-given; `until` past or too-late;
    `reason` too-short or too-long.
    """
    _check_may(work, case)
    faults = _faults(work, case, wanted)
    if faults:
        raise Invalid(faults)
    until = end_of(wanted.last_day) if wanted.last_day else None
    payload = {
        "groups": list(wanted.groups),
        "purpose": wanted.purpose,
        "until": until.isoformat() if until else None,
        "reason": wanted.reason,
    }
    whom = wanted.unit.id if wanted.unit else wanted.staff.id if wanted.staff else None
    return propose(work, KIND, case=case, object_id=whom, payload=payload, until=until)


def receivers(work: Work, case: Case) -> list[Unit]:
    """The communes of the province that could be let in: none that reads the case already, none that it is kept from."""
    kept = access_of(work, case.id).kept.units
    return [one for one in communes_of(work, case.province_id) if one.id not in kept and not _reads(one.id, case)]


def last_day(work: Work) -> date:
    """The last day that may be asked for."""
    return local(work.now + kinds()[KIND].opens_for).date()


def end_of(day: date) -> datetime:
    """The moment (UTC) at which a day in Việt Nam is over."""
    return datetime.combine(day + timedelta(days=1), time.min, VIETNAM).astimezone(UTC)


def grants_on(work: Work, case: Case) -> Sequence[CaseGrant]:
    """Every grant on the case, over or not, emergency openings included, the newest first. Who was let in themselves sees
    their own alone."""
    found = select(CaseGrant).where(CaseGrant.case_id == case.id)
    if not is_of(work.actor, case):
        found = found.where(or_(CaseGrant.unit_id == work.actor.unit_id, CaseGrant.staff_id == work.actor.id))
    return work.session.exec(found.order_by(col(CaseGrant.starts_at).desc())).all()


def may_let_in(work: Work, case: Case) -> bool:
    """Whether the person at work may ask for a grant on this case, and take one back."""
    return work.actor.role in kinds()[KIND].propose and work.actor.unit_id == case.province_id


def may_revoke(work: Work, grant: CaseGrant) -> bool:
    """Whether there is something to take back. An emergency opening ends by its hour, and is reviewed."""
    return grant.kind != BREAK_GLASS and grant.revoked_at is None and grant.expires_at > work.now


def revoke_grant(work: Work, case: Case, grant_id: UUID) -> None:
    """Takes a grant back at once; one supervisor is enough to close a door. Raises NotFound, Forbidden."""
    _check_may(work, case)
    grant = work.session.exec(
        select(CaseGrant).where(CaseGrant.id == grant_id, CaseGrant.case_id == case.id).with_for_update()
    ).first()
    if grant is None or not may_revoke(work, grant):
        raise NotFound
    grant.revoked_at = work.now
    work.session.add(grant)
    work.session.flush()
    forget_access(work, case.id)
    record(work, Tag.GRANT_REVOKED, case_id=case.id, object_type=KIND, object_id=grant.id)


def _check_may(work: Work, case: Case) -> None:
    if work.actor.role not in kinds()[KIND].propose:
        raise Forbidden("role")
    if not may_let_in(work, case):  # a supervisor from elsewhere, who was let in to read
        raise NotFound


def _reads(unit_id: UUID, case: Case) -> bool:
    return unit_id in (case.responsible_unit_id, case.incident_unit_id, case.residence_unit_id, case.province_id)


def _faults(work: Work, case: Case, wanted: Wanted) -> dict[str, str]:
    kind = kinds()[KIND]
    found = {
        "whom": _fault_of_whom(work, case, wanted),
        "groups": _fault_of_words(wanted.groups, kind.groups),
        "purpose": _fault_of_words((wanted.purpose,) if wanted.purpose else (), kind.purposes),
        "until": _fault_of_day(work, wanted.last_day),
        "reason": _fault_of_reason(wanted.reason),
    }
    return {field: fault for field, fault in found.items() if fault}


def _fault_of_whom(work: Work, case: Case, wanted: Wanted) -> str | None:
    unit, staff = wanted.unit, wanted.staff
    if unit is None and staff is None:
        return "missing"
    if unit is not None and staff is not None:
        return "two"
    if staff is not None and (staff.role not in LET_IN or staff.closed_at or staff.waits_since):
        return "not-here"
    unit_id = staff.unit_id if staff else unit.id if unit else None
    kept = access_of(work, case.id).kept
    if unit_id in kept.units or (staff is not None and staff.id in kept.staff):
        return "excluded"
    if unit_id is None or _reads(unit_id, case):
        return "reads-already"
    if unit is not None and unit.id not in {one.id for one in receivers(work, case)}:
        return "not-here"
    whom = staff.id if staff else unit_id
    waits = any(one.kind == KIND and one.object_id == whom for one in acts_on(work, case))
    return "waits-already" if waits else None


def _fault_of_words(words: Sequence[str], allowed: Sequence[str]) -> str | None:
    if not words:
        return "missing"
    return None if set(words) <= set(allowed) else "not-given"


def _fault_of_day(work: Work, day: date | None) -> str | None:
    if day is None:
        return "missing"
    if day < local(work.now).date():
        return "past"
    return "too-late" if day > last_day(work) else None


def _fault_of_reason(reason: str) -> str | None:
    if len(reason) < REASON_LEAST:
        return "too-short"
    return "too-long" if len(reason) > REASON_MOST else None
