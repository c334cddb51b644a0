"""Who reported: kept apart from the case, and shown to the one person whom a second person has let know it, for a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from casework.access.models import CaseGrant
from casework.access.queries import live
from casework.access.rules import decide
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.cases.queries import units_of
from casework.errors import NotFound
from casework.intake.models import Report
from casework.oversight.acts import RELEASE, REPORTER, acts_on
from casework.people.models import Staff
from casework.people.service import person_of
from casework.work import Work

ACT = "release-reporter"


@dataclass(frozen=True)
class Release:
    """How it stands for this person: `until` while they may look, `asked` while their proposal waits."""

    until: datetime | None
    asked: bool


def release_of(work: Work, case: Case) -> Release:
    grants = work.session.exec(
        select(CaseGrant).where(
            CaseGrant.case_id == case.id,
            CaseGrant.staff_id == work.actor.id,
            CaseGrant.purpose == RELEASE,
            live(work.now),
        )
    ).all()
    asked = any(one.kind == ACT and one.proposed_by == work.actor.id for one in acts_on(work, case))
    return Release(max((one.expires_at for one in grants), default=None), asked)


@dataclass(frozen=True)
class Informant:
    """Who made one report. `person` has "name", "phone", "address", "note", as far as they were given."""

    code: str
    at: datetime
    person: dict[str, Any]
    by_staff: str | None  # the role of somebody with an account who reported


def informants(work: Work, case: Case) -> Sequence[Informant]:
    """Who reported this case; each look is kept. Raises NotFound for whom it was not released to."""
    allowed = decide(
        work.actor, "read-case", units_of(work, case), group=REPORTER, purpose=RELEASE, now=work.now
    ).allowed
    if not allowed:
        raise NotFound
    reports = work.session.exec(select(Report).where(Report.case_id == case.id).order_by(col(Report.recorded_at))).all()
    opened = work.open_all(reports, "reporter")
    record(work, Tag.REPORTER_SHOWN, case_id=case.id, object_type="reporter", object_id=case.id)
    return [_informant(work, report, given or {}) for report, given in zip(reports, opened, strict=True)]


def _informant(work: Work, report: Report, given: dict[str, Any]) -> Informant:
    staff = work.session.get(Staff, report.staff_id) if report.staff_id and not given else None
    person = person_of(work, staff) if staff else given
    return Informant(report.code, report.received_at, dict(person), staff.role if staff else None)
