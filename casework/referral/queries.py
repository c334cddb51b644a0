"""Read-only sight of referrals: a body sees those made to it and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select as select_columns
from sqlmodel import col, select

from casework.access.queries import access_of, keep_access, not_excluded, with_access
from casework.access.rules import CaseUnits, about, decide
from casework.errors import NotFound
from casework.people.rules import LIAISON_ROLES
from casework.referral.models import Referral
from casework.work import Work

READ = "read-referral"


def referrals_to_me(work: Work) -> Sequence[Referral]:
    """Referrals to the unit of the person signed in, the unacknowledged first."""
    if work.actor.role not in LIAISON_ROLES:
        return []
    found = (
        _with_access(work)
        .where(Referral.to_unit_id == work.actor.unit_id, not_excluded(col(Referral.case_id), work.actor))
        .order_by(col(Referral.acknowledged_at).is_not(None), col(Referral.sent_at).desc())
        .limit(200)
    )
    return [one for one, units in _read(work, found) if _may_read(work, one, units)]


def find_referral(work: Work, referral_id: UUID) -> Referral:
    """Raises NotFound for one that does not exist and for another body's alike."""
    found = _read(work, _with_access(work).where(Referral.id == referral_id))
    if not found or not _may_read(work, *found[0]):
        raise NotFound
    return found[0][0]


def groups_of_referral(work: Work, referral: Referral) -> list[str]:
    """The field groups that were given and that the body may see now: the narrower of the two, and what its own law
    shows it."""
    units = _units(work, referral)
    shows = work.law.audiences[referral.kind].shows
    return [
        group
        for group in referral.shows
        if group in shows and decide(work.actor, READ, units, group=group, now=work.now).allowed
    ]


def _with_access(work: Work) -> Any:
    return select_columns(Referral, *with_access(col(Referral.case_id), work.now))


def _read(work: Work, statement: Any) -> list[tuple[Referral, CaseUnits]]:
    rows = []
    for one, kept, let in work.session.execute(statement):
        keep_access(work, one.case_id, kept, let)
        rows.append((one, _units(work, one)))
    return rows


def _units(work: Work, referral: Referral) -> CaseUnits:
    """A body is told of no unit that has to do with the case: only whether it was this body's, and who is kept away."""
    kept = access_of(work, referral.case_id).kept
    return about(
        excluded_units=kept.units,
        excluded_staff=kept.staff,
        referred_to=referral.to_unit_id if referral.kind == work.actor.role else None,
    )


def _may_read(work: Work, referral: Referral, units: CaseUnits) -> bool:
    return decide(work.actor, READ, units, now=work.now).allowed


def packet(work: Work, referral: Referral) -> dict[str, Any]:
    """What the body was given: {datum: value}, and {"reason", "safety_notes", "danger_now"} under "referral"."""
    opened: dict[str, Any] = dict(work.open(referral, "packet") or {})
    return {**opened, "referral": work.open(referral, "reason") or {}}


def referrals_of(work: Work, case_id: UUID) -> Sequence[Referral]:
    return work.session.exec(
        select(Referral).where(Referral.case_id == case_id).order_by(col(Referral.sent_at).desc())
    ).all()
