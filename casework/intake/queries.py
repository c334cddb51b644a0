"""Read-only lists of what arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from casework.access.queries import Kept, exclusions_of, not_excluded
from casework.access.rules import about, decide
from casework.cases.models import Case
from casework.cases.queries import candidates_for, recent_of_commune
from casework.cases.rules import age_at, fact
from casework.cases.service import name_bucket
from casework.clock import local
from casework.errors import NotFound
from casework.intake.models import ClosedCall, Report, UnreadReport
from casework.intake.rules import AGE_SLACK, REPEAT_HINT_WITHIN, SAME_CHILD_WITHIN
from casework.work import Work

RECEIPT = "read-receipt"


@dataclass(frozen=True)
class Receipt:
    """A report without its content: code, case code, where it went, how far it got.

    `kept_from_me`: the case is kept from who reads the receipt (they reported it themselves). Its page says that the
    report was received, as it would have the minute it was, and nothing of what became of it.
    """

    report: Report
    case: Case
    kept_from_me: bool = False


def own_reports(work: Work, *, limit: int = 50) -> list[Receipt]:
    """What the person signed in has reported, newest first: codes and states only."""
    with work.whole_sight():  # also what has become of a case that is kept from them: their own report stays theirs
        rows = work.session.exec(_own(work).order_by(col(Report.recorded_at).desc()).limit(limit)).all()
    return _receipts(work, rows)


def own_receipt(work: Work, code: str) -> Receipt:
    """Raises NotFound for a report that is not this person's own."""
    with work.whole_sight():
        row = work.session.exec(_own(work).where(Report.code == code)).first()
    if row is None:
        raise NotFound
    return _receipts(work, [row])[0]


def _own(work: Work) -> Select[Report, Case]:
    joined = select(Report, Case).join(Case, col(Case.id) == Report.case_id)
    return joined.where(Report.staff_id == work.actor.id)


def _receipts(work: Work, rows: Sequence[tuple[Report, Case]]) -> list[Receipt]:
    kept = exclusions_of(work, [case.id for _report, case in rows])
    none = Kept()
    return [
        Receipt(
            report,
            case,
            work.actor.unit_id in kept.get(case.id, none).units or work.actor.id in kept.get(case.id, none).staff,
        )
        for report, case in rows
        if decide(
            work.actor, RECEIPT, about(reported_by=report.staff_id, reported_at=report.recorded_at), now=work.now
        ).allowed
    ]


def _of_the_shift(work: Work, rows: Sequence[tuple[Report, Case]]) -> list[Receipt]:
    """Everybody's reports: for who may see those they did not make themselves."""
    seen = decide(work.actor, RECEIPT, about(), now=work.now).allowed
    return [Receipt(report, case) for report, case in rows] if seen else []


def waiting_receipts(work: Work, *, limit: int = 50) -> list[Receipt]:
    """Reports that opened a case no commune has accepted yet, the oldest first."""
    rows = work.session.exec(
        select(Report, Case)
        .join(Case, col(Case.id) == Report.case_id)
        .where(
            Case.state == work.law.initial_state.id,
            col(Report.joined).is_(False),
            not_excluded(col(Report.case_id), work.actor),
        )
        .order_by(col(Report.recorded_at))
        .limit(limit)
    ).all()
    return _of_the_shift(work, rows)


def accepted_receipts(work: Work, since: datetime, *, limit: int = 50) -> list[Receipt]:
    """Reports of the last two days whose case has moved on since `since` (UTC), the newest first."""
    rows = work.session.exec(
        select(Report, Case)
        .join(Case, col(Case.id) == Report.case_id)
        .where(
            Case.state != work.law.initial_state.id,
            Case.changed_at >= since,
            Report.recorded_at >= since - timedelta(days=1),
            col(Report.joined).is_(False),
            not_excluded(col(Report.case_id), work.actor),
        )
        .order_by(col(Case.changed_at).desc())
        .limit(limit)
    ).all()
    return _of_the_shift(work, rows)


def recent_receipts(work: Work, *, limit: int = 50) -> list[Receipt]:
    """The newest reports of the hotline and of other systems: the shift's queue, without content."""
    rows = work.session.exec(
        select(Report, Case)
        .join(Case, col(Case.id) == Report.case_id)
        .where(not_excluded(col(Report.case_id), work.actor))
        .order_by(col(Report.recorded_at).desc())
        .limit(limit)
    ).all()
    return _of_the_shift(work, rows)


def waiting_unread(work: Work) -> Sequence[UnreadReport]:
    return work.session.exec(
        select(UnreadReport).where(col(UnreadReport.settled_at).is_(None)).order_by(col(UnreadReport.received_at))
    ).all()


def calls_closed_since(work: Work, since: datetime) -> int:
    return work.session.exec(select(func.count()).select_from(ClosedCall).where(ClosedCall.at >= since)).one()


@dataclass(frozen=True)
class Similar:
    """A case that may be about the same child, and why it may be: no content of the case is told."""

    case: Case
    reasons: tuple[str, ...]  # "name", "age"


def similar_cases(work: Work, unit_id: UUID, values: dict[str, Any]) -> list[Similar]:
    """Cases of this commune that a new report may repeat: same name, accents aside, or the same age within 30 days.

    Whoever takes a report down may learn their codes, wherever they are held now; never of one that they are kept from.
    """
    if not decide(work.actor, "match-report", about(), now=work.now).allowed:
        return []
    with work.whole_sight(excluding=True):
        return _similar(work, unit_id, values)


def _similar(work: Work, unit_id: UUID, values: dict[str, Any]) -> list[Similar]:
    found: dict[UUID, Similar] = {}
    name = values.get("child_name")
    if name:
        bucket = name_bucket(work, name)
        for case, facts in candidates_for(work, unit_id=unit_id, bucket=bucket, since=work.now - SAME_CHILD_WITHIN):
            if name_bucket(work, fact(facts, "child.name") or "") == bucket:
                found[case.id] = Similar(case, ("name",))
    age = values.get("child_age")
    if age is not None:
        recent = recent_of_commune(work, unit_id, work.now - REPEAT_HINT_WITHIN)
        for case, facts in zip(recent, work.open_all(recent, "facts"), strict=True):
            known = age_at(facts or {}, local(work.now).date())
            if known is not None and abs(known - int(age)) <= AGE_SLACK:
                before = found.get(case.id)
                found[case.id] = Similar(case, (*(before.reasons if before else ()), "age"))
    return list(found.values())[:5]
