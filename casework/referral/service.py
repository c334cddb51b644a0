"""Refer a case to police or health; the other body acknowledges and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.cases.queries import case_by_id, facts_of_case, units_of
from casework.cases.service import Taken, take_action
from casework.errors import Invalid
from casework.people import queries as people
from casework.people.models import Unit, UnitKind
from casework.people.rules import LIAISON_ROLES
from casework.referral.models import Referral
from casework.referral.queries import find_referral
from casework.referral.rules import packet_of
from casework.work import Work

KINDS: Mapping[str, UnitKind] = {"police": UnitKind.POLICE, "health": UnitKind.HEALTH}


def refer_case(work: Work, case: Case, kind: str, values: Mapping[str, Any]) -> Referral:
    """Hands a case to the body named by `values["to_unit"]` (its code). Raises Invalid if that is no body of this kind in
    the province, and what `take_action` raises."""
    unit = _body(work, case, kind, str(values.get("to_unit", "")))
    audience = work.law_for(case.edition).audiences[kind]
    referral = Referral(
        id=uuid4(),
        case_id=case.id,
        case_code=case.code,
        kind=kind,
        to_unit_id=unit.id,
        sent_at=work.now,
        sent_by=work.actor.id,
        shows=list(audience.shows),
    )
    take_action(work, case, f"refer-{kind}", values, liaison_unit=unit.id, subject_id=referral.id)
    reason = {key: values[key] for key in ("reason", "safety_notes", "danger_now") if values.get(key)}
    work.seal(
        referral, packet=packet_of(work.law_for(case.edition), audience, facts_of_case(work, case)), reason=reason
    )
    work.session.add(referral)
    work.session.flush()
    return referral


def acknowledge(work: Work, referral_id: UUID) -> Taken:
    """The body says it has the referral; its clock stops. A second time changes nothing and tells nobody again."""
    referral = find_referral(work, referral_id)
    work.session.refresh(referral, with_for_update=True)  # two pressing at once: the second sees the first's word
    case = case_by_id(work, referral.case_id)
    action_id = f"acknowledge-{referral.kind}"
    if referral.acknowledged_at is not None:
        return Taken(case, work.law_for(case.edition).actions[action_id], None)
    taken = take_action(work, case, action_id, liaison_unit=referral.to_unit_id, subject_id=referral.id)
    referral.acknowledged_at = work.now
    work.session.add(referral)
    return taken


def answer(work: Work, referral_id: UUID, values: Mapping[str, Any]) -> Taken:
    """The body's findings come back into the case; an answer also acknowledges."""
    referral = find_referral(work, referral_id)
    if referral.acknowledged_at is None:
        acknowledge(work, referral_id)
    case = case_by_id(work, referral.case_id)
    taken = take_action(
        work, case, f"answer-{referral.kind}", values, liaison_unit=referral.to_unit_id, subject_id=referral.id
    )
    work.session.flush()
    referral.answered_at = work.now
    referral.answer_id = taken.document.id if taken.document else None
    work.session.add(referral)
    return taken


def record_referral_read(work: Work, referral: Referral) -> None:
    """Keeps that the body looked at what it was given; shown on the case."""
    record(
        work,
        Tag.REFERRAL_READ,
        case_id=referral.case_id,
        object_type="referral",
        object_id=referral.id,
        fields=tuple(referral.shows),
    )


def record_list_read(work: Work) -> None:
    """Keeps that the body looked through what was referred to it: codes, danger and times only."""
    record(work, Tag.CASE_LIST_READ, object_type="referrals")


def bodies_for(work: Work, case: Case, kind: str) -> list[Unit]:
    """The bodies of this kind in the province that the case may be referred to: none that it is kept from."""
    kept = units_of(work, case).excluded_units
    return [one for one in people.bodies_of(work, case.province_id, KINDS[kind]) if one.id not in kept]


def _body(work: Work, case: Case, kind: str, code: str) -> Unit:
    if kind not in LIAISON_ROLES:
        raise Invalid({"kind": "not-a-choice"})
    for unit in bodies_for(work, case, kind):
        if unit.code == code:
            return unit
    raise Invalid({"to_unit": "not-a-choice"})
