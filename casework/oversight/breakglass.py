"""Opening a case in an emergency: own province, a reason, an hour, reading only; told to others at once, reviewed within a day.

An emergency must not wait for a second person, so the second person comes after. What a case is kept from by an exclusion it
stays kept from, and the answer to such a code is the one to a code that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from tomllib import loads
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlmodel import col, select

from casework.access.models import CaseGrant
from casework.access.queries import forget_access, is_excluded
from casework.access.rules import BREAK_GLASS
from casework.audit.models import AuditEntry
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.clocks import REVIEW
from casework.cases.models import Case
from casework.cases.queries import any_case, case_by_id, state_of
from casework.cases.rules import normal_code
from casework.cases.service import take_action
from casework.deadlines.service import stop
from casework.errors import BreakGlassSpent, Forbidden, Invalid, NotFound
from casework.oversight.models import BreakGlassReview
from casework.people.rules import COMMUNE_ROLES, Role
from casework.work import Work

OPENERS = (*COMMUNE_ROLES, Role.SUPERVISOR)
EMERGENCY = "emergency"  # the purpose of such a grant
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Terms:
    """As breakglass.toml says."""

    lasts: timedelta
    tries_a_day: int
    reason_least: int
    note_most: int
    kept: frozenset[str]


@cache
def terms() -> Terms:
    raw = loads(resources.files("casework.oversight").joinpath("breakglass.toml").read_text("utf-8"))
    return Terms(
        timedelta(minutes=raw["minutes"]),
        raw["tries_a_day"],
        raw["reason_least"],
        raw["review_note_most"],
        frozenset(raw["groups_kept"]),
    )


def open_in_emergency(work: Work, code: str, reason: str) -> CaseGrant:
    """Lets the actor read the case for an hour; who holds it and who supervises are told with the commit.

    Raises Invalid for a reason too short, BreakGlassSpent after so many tries, found or not, within 24 hours, and NotFound
    for a code that does not exist, is another province's, is kept from the actor, or is of an ended case: one answer, which
    the door keeps with `note_not_opened`.
    """
    if work.actor.role not in OPENERS or work.actor.id is None:
        raise Forbidden("role")
    if len(reason.strip()) < terms().reason_least:
        raise Invalid({"reason": "too-short"})
    if tries_left(work) <= 0:
        raise BreakGlassSpent
    case = any_case(work, normal_code(code) or "")
    # Asked of a code that does not exist as well, so that the two take the same questions.
    kept = is_excluded(work, case.id if case else uuid4(), unit_id=work.actor.unit_id, staff_id=work.actor.id)
    if case is None or kept or case.province_id != work.actor.province_id or state_of(work, case).final:
        raise NotFound
    grant = CaseGrant(
        id=uuid4(),
        case_id=case.id,
        staff_id=work.actor.id,
        kind=BREAK_GLASS,
        groups=[one for one in work.law_for(case.edition).groups if one not in terms().kept],
        purpose=EMERGENCY,
        starts_at=work.now,
        expires_at=work.now + terms().lasts,
        granted_by=work.actor.id,
    )
    with work.whole_sight():
        work.seal(grant, reason={"reason": reason.strip()})
        work.session.add(grant)
        work.session.flush()
        forget_access(work, case.id)
        take_action(work, case, "open-break-glass", subject_id=grant.id)
    return grant


def note_not_opened(work: Work) -> None:
    """Keeps a try that opened nothing, in a transaction of its own; it counts among the tries of the day."""
    record(work, Tag.BREAK_GLASS_REFUSED, result="refused")


def tries_left(work: Work) -> int:
    """How often the actor may still try within these 24 hours."""
    since = work.now - DAY
    opened = select(func.count()).where(
        CaseGrant.staff_id == work.actor.id, CaseGrant.kind == BREAK_GLASS, CaseGrant.starts_at > since
    )
    refused = select(func.count()).where(
        AuditEntry.actor_id == work.actor.id, AuditEntry.tag == Tag.BREAK_GLASS_REFUSED, AuditEntry.at > since
    )
    with work.whole_sight():
        used = work.session.exec(opened).one() + work.session.exec(refused).one()
    return terms().tries_a_day - used


@dataclass(frozen=True)
class Opening:
    """One emergency opening with its case, and its review once there is one."""

    grant: CaseGrant
    case: Case
    review: BreakGlassReview | None


def openings_of_province(work: Work, *, limit: int = 50) -> list[Opening]:
    """The emergency openings of the supervisor's province, those without a review first, then the newest."""
    rows = work.session.exec(
        select(CaseGrant, Case, BreakGlassReview)
        .join(Case, col(Case.id) == CaseGrant.case_id)
        .outerjoin(BreakGlassReview, col(BreakGlassReview.grant_id) == CaseGrant.id)
        .where(CaseGrant.kind == BREAK_GLASS, Case.province_id == work.actor.unit_id)
        .order_by(col(BreakGlassReview.reviewed_at).is_not(None), col(CaseGrant.starts_at).desc())
        .limit(limit)
    ).all()
    kept = {case.id for _grant, case, _review in rows if _kept_from(work, case)}
    return [Opening(*row) for row in rows if row[1].id not in kept]


def own_openings(work: Work) -> Sequence[tuple[CaseGrant, Case]]:
    """What the actor has opened and may still read, soonest to close first."""
    rows = work.session.exec(
        select(CaseGrant, Case)
        .join(Case, col(Case.id) == CaseGrant.case_id)
        .where(
            CaseGrant.staff_id == work.actor.id,
            CaseGrant.kind == BREAK_GLASS,
            CaseGrant.expires_at > work.now,
            col(CaseGrant.revoked_at).is_(None),
        )
        .order_by(col(CaseGrant.expires_at))
    ).all()
    return [(grant, case) for grant, case in rows if not _kept_from(work, case)]


def review_opening(work: Work, grant_id: UUID, *, justified: bool, note: str) -> BreakGlassReview:
    """Another supervisor's word on an opening; where it was not justified and still runs, it ends here.

    Raises NotFound for one that is not of the actor's province, is reviewed already, or is their own; Invalid for a note too
    long, or none where it was not justified.
    """
    grant = work.session.exec(
        select(CaseGrant).where(CaseGrant.id == grant_id, CaseGrant.kind == BREAK_GLASS).with_for_update()
    ).first()
    if grant is None or work.actor.role != Role.SUPERVISOR or work.actor.id in (None, grant.staff_id):
        raise NotFound
    case = case_by_id(work, grant.case_id)
    if case.province_id != work.actor.unit_id or _kept_from(work, case):
        raise NotFound
    if work.session.get(BreakGlassReview, grant.id) is not None:
        raise NotFound
    said = note.strip()
    if len(said) > terms().note_most or (not justified and not said):
        raise Invalid({"note": "too-long" if said else "missing"})
    assert work.actor.id is not None  # noqa: S101  # looked at above
    review = BreakGlassReview(
        grant_id=grant.id, case_id=case.id, reviewed_by=work.actor.id, reviewed_at=work.now, justified=justified
    )
    work.seal(review, note={"note": said})
    work.session.add(review)
    if not justified and grant.expires_at > work.now and grant.revoked_at is None:
        grant.revoked_at = work.now
        work.session.add(grant)
    work.session.flush()
    forget_access(work, case.id)
    if not state_of(work, case).final:
        take_action(work, case, REVIEW, subject_id=grant.id)
    else:  # the procedure knows no more moves, and the review is owed all the same
        action = work.law_for(case.edition).actions[REVIEW]
        for rule in action.stops:
            stop(work, case.id, rule, subject_id=grant.id)
        record(work, action.tag, case_id=case.id, object_type="case", object_id=grant.id)
    return review


def _kept_from(work: Work, case: Case) -> bool:
    return is_excluded(work, case.id, unit_id=work.actor.unit_id, staff_id=work.actor.id)
