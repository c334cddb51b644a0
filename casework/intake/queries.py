"""Read-only lists of what arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.sql.expression import Select

from casework.access.queries import Kept, access_of, exclusions_of, not_excluded
from casework.access.rules import READ_BACK, CaseUnits, about, decide
from casework.cases.models import Case, Document
from casework.cases.queries import candidates_for, groups_for, recent_of_commune
from casework.cases.rules import age_at, fact
from casework.cases.service import name_bucket
from casework.clock import local
from casework.errors import NotFound
from casework.intake.models import ClosedCall, Report, UnreadReport
from casework.intake.rules import AGE_SLACK, REPEAT_HINT_WITHIN, SAME_CHILD_WITHIN
from casework.law.model import Form
from casework.people.rules import Role
from casework.work import Work

RECEIPT = "read-receipt"
READ_INTAKE, REPORTING = "read-intake", "reporting"  # the policy's words for the action and its purpose
ACCOUNT_FORM = "01"


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


def readable_until(work: Work, receipt: Receipt) -> datetime | None:
    """Until when (UTC) the person at work may open again what they took down; None where it is not theirs, or over."""
    report = receipt.report
    asked = about(reported_by=report.staff_id, reported_at=report.recorded_at)
    return report.recorded_at + READ_BACK if not receipt.kept_from_me and _may_read_back(work, asked) else None


@dataclass(frozen=True)
class TakenDown:
    """A report as its person took it down: the questions of Mẫu 01 they may see, what they answered, and until when (UTC)
    they may read it. Afterwards `until` is None, and there is nothing but the receipt."""

    receipt: Receipt
    until: datetime | None
    form: Form | None = None
    values: Mapping[str, Any] | None = None


def taken_down(work: Work, code: str) -> TakenDown:
    """Raises NotFound for a report that is not this person's own, and for one whose case is kept from them by now."""
    row = work.session.exec(_own(work).where(Report.code == code)).first()  # in their own sight: no exception is made
    receipt = next(iter(_receipts(work, [row] if row else [])), None)
    if receipt is None or receipt.kept_from_me:
        raise NotFound
    report, case = receipt.report, receipt.case
    kept = access_of(work, case.id).kept
    asked = about(
        reported_by=report.staff_id,
        reported_at=report.recorded_at,
        excluded_units=kept.units,
        excluded_staff=kept.staff,
    )
    if not _may_read_back(work, asked):
        return TakenDown(receipt, None)
    document = _account_in(work, report)
    if document is None:
        return TakenDown(receipt, None)
    form = _form_for_reading_back(work, work.law_for(document.edition).forms[ACCOUNT_FORM], asked)
    reporter = {} if _was_withheld(work, report) else work.open(report, "reporter") or {}
    values = {**(work.open(document, "content") or {}), **{f"reporter_{name}": said for name, said in reporter.items()}}
    return TakenDown(receipt, report.recorded_at + READ_BACK, form, values)


def _may_read_back(work: Work, asked: CaseUnits, group: str | None = None) -> bool:
    return decide(work.actor, READ_INTAKE, asked, group=group, purpose=REPORTING, now=work.now).allowed


def _account_in(work: Work, report: Report) -> Document | None:
    """The Mẫu 01 that this report became: of the same hand at the same moment, for both are written in one piece of work."""
    return work.session.exec(
        select(Document)
        .where(
            Document.case_id == report.case_id,
            Document.form == ACCOUNT_FORM,
            Document.author_id == work.actor.id,
            Document.at == report.recorded_at,
        )
        .order_by(col(Document.serial))
    ).first()


def _form_for_reading_back(work: Work, form: Form, asked: CaseUnits) -> Form:
    """Only the questions of field groups that the policy lets be read back."""
    groups = {one for one in {field.group for field in form.fields} if _may_read_back(work, asked, one)}
    sections = (
        replace(one, fields=tuple(field for field in one.fields if field.group in groups)) for one in form.sections
    )
    return replace(form, sections=tuple(one for one in sections if one.fields))


def _was_withheld(work: Work, report: Report) -> bool:
    """Whether the reporter's answers came with another system's body and were kept from who took it down (all but the
    hotline): what they never saw is not read back."""
    return work.actor.role != Role.HOTLINE and work.session.get(UnreadReport, report.id) is not None


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

    The hotline learns their codes wherever they are held; everybody else those of cases they may read: else a name typed
    here would tell whether the child has a case, in any commune. Never one that they are kept from.
    """
    if not decide(work.actor, "match-report", about(), now=work.now).allowed:
        return _similar(work, unit_id, values, own=True)
    with work.whole_sight(excluding=True):
        return _similar(work, unit_id, values, own=False)


def _similar(work: Work, unit_id: UUID, values: dict[str, Any], *, own: bool) -> list[Similar]:
    found: dict[UUID, Similar] = {}
    name = values.get("child_name")
    if name:
        bucket = name_bucket(work, name)
        since = work.now - SAME_CHILD_WITHIN
        for case, facts in candidates_for(work, unit_id=unit_id, bucket=bucket, since=since, own=own):
            if name_bucket(work, fact(facts, "child.name") or "") == bucket:
                found[case.id] = Similar(case, ("name",))
    age = values.get("child_age")
    if age is not None:
        recent = recent_of_commune(work, unit_id, work.now - REPEAT_HINT_WITHIN, own=own)
        for case, facts in zip(recent, work.open_all(recent, "facts"), strict=True):
            known = age_at(facts or {}, local(work.now).date())
            if known is not None and abs(known - int(age)) <= AGE_SLACK:
                before = found.get(case.id)
                found[case.id] = Similar(case, (*(before.reasons if before else ()), "age"))
    # Who was let into a case without being told who the child is learns it here no more than there.
    told = (one for one in found.values() if not own or "identity" in groups_for(work, one.case))
    return list(islice(told, 5))
