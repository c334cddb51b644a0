"""Read-only sight of referrals: a body sees those made to it and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from casework.access.queries import not_excluded
from casework.errors import NotFound
from casework.people.rules import LIAISON_ROLES
from casework.referral.models import Referral
from casework.work import Work


def referrals_to_me(work: Work) -> Sequence[Referral]:
    """Referrals to the unit of the person signed in, the unacknowledged first."""
    if work.actor.role not in LIAISON_ROLES:
        return []
    return work.session.exec(
        select(Referral)
        .where(
            Referral.to_unit_id == work.actor.unit_id,
            Referral.kind == work.actor.role,
            not_excluded(col(Referral.case_id), work.actor),
        )
        .order_by(col(Referral.acknowledged_at).is_not(None), col(Referral.sent_at).desc())
        .limit(200)
    ).all()


def find_referral(work: Work, referral_id: UUID) -> Referral:
    """Raises NotFound for one that does not exist and for another body's alike."""
    wanted = select(Referral).where(Referral.id == referral_id, not_excluded(col(Referral.case_id), work.actor))
    found = work.session.exec(wanted).first()
    if found is None or found.kind != work.actor.role or found.to_unit_id != work.actor.unit_id:
        raise NotFound
    return found


def packet(work: Work, referral: Referral) -> dict[str, Any]:
    """What the body was given: {datum: value}, and {"reason", "safety_notes", "danger_now"} under "referral"."""
    opened: dict[str, Any] = dict(work.open(referral, "packet") or {})
    return {**opened, "referral": work.open(referral, "reason") or {}}


def referrals_of(work: Work, case_id: UUID) -> Sequence[Referral]:
    return work.session.exec(
        select(Referral).where(Referral.case_id == case_id).order_by(col(Referral.sent_at).desc())
    ).all()
