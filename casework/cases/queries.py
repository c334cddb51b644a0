"""Read-only sight of cases. `scoped` is the only way to select cases: it holds the same rule as `people.rules.may_read_case`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, false, func, or_
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from casework.cases.models import Case, Document, NameBucket
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import running_of
from casework.errors import NotFound
from casework.people.rules import COMMUNE_ROLES, CaseUnits, Role, may_read_case
from casework.work import Actor, Work

PAGE_SIZE = 25
SOON = timedelta(hours=12)


def units_of(case: Case) -> CaseUnits:
    return CaseUnits(case.responsible_unit_id, case.province_id, case.incident_unit_id, case.residence_unit_id)


def scoped(actor: Actor) -> SelectOfScalar[Case]:
    """Cases this person may read whole. Deny by default: a role not named here selects nothing."""
    statement = select(Case)
    if actor.role == "system":
        return statement
    if actor.role in COMMUNE_ROLES:
        return statement.where(
            or_(
                col(Case.responsible_unit_id) == actor.unit_id,
                col(Case.incident_unit_id) == actor.unit_id,
                col(Case.residence_unit_id) == actor.unit_id,
            )
        )
    if actor.role == Role.SUPERVISOR:
        return statement.where(col(Case.province_id) == actor.unit_id)
    return statement.where(false())


def find_case(work: Work, code: str) -> Case:
    """Raises NotFound for a code that does not exist and for one out of this person's sight alike."""
    case = work.session.exec(scoped(work.actor).where(col(Case.code) == code)).first()
    # The second wall: the same question asked of the pure rule.
    if case is None or not may_read_case(work.actor, units_of(case)).allowed:
        raise NotFound
    return case


def case_by_id(work: Work, case_id: UUID) -> Case:
    """A case another room already holds a right to (a referral to this body, a report's own case)."""
    return work.session.get_one(Case, case_id)


@dataclass(frozen=True)
class Filter:
    """What a list of cases is narrowed to. `lateness` is late, soon (12 h) or None; `stage` a stage of the law."""

    unit_id: UUID | None = None
    stage: str | None = None
    risk: str | None = None
    lateness: str | None = None
    open_only: bool = True
    code: str | None = None


@dataclass(frozen=True)
class Listed:
    case: Case
    clock: CaseClock | None  # the soonest that runs
    facts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Page:
    rows: Sequence[Listed]
    total: int
    number: int
    size: int

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))


def list_cases(work: Work, wanted: Filter, *, page: int = 1, size: int = PAGE_SIZE) -> Page:
    """One page of cases, the most urgent clock first. Four queries whatever the number of cases."""
    soonest = (
        select(CaseClock.case_id, func.min(CaseClock.due_at).label("due_at"))
        .where(CaseClock.state == ClockState.RUNNING)
        .group_by(col(CaseClock.case_id))
        .subquery()
    )
    base = scoped(work.actor).outerjoin(soonest, soonest.c.case_id == Case.id)
    base = _narrow(work, base, wanted, soonest.c.due_at)
    total = work.session.exec(select(func.count()).select_from(base.with_only_columns(col(Case.id)).subquery())).one()
    number = min(max(1, page), max(1, -(-total // size)))
    cases = work.session.exec(
        base.order_by(soonest.c.due_at.asc().nulls_last(), col(Case.received_at).desc(), col(Case.id))
        .limit(size)
        .offset((number - 1) * size)
    ).all()
    return Page(with_clocks(work, cases), total, number, size)


def _narrow(work: Work, base: SelectOfScalar[Case], wanted: Filter, due_at: Any) -> SelectOfScalar[Case]:
    if wanted.unit_id is not None:
        base = base.where(col(Case.responsible_unit_id) == wanted.unit_id)
    if wanted.stage is not None:
        states = [state.id for state in work.law.states.values() if state.stage == wanted.stage]
        base = base.where(col(Case.state).in_(states))
    if wanted.risk is not None:
        base = base.where(col(Case.risk) == wanted.risk)
    if wanted.lateness == "late":
        base = base.where(due_at < work.now)
    elif wanted.lateness == "soon":
        base = base.where(and_(due_at >= work.now, due_at < work.now + SOON))
    if wanted.code is not None:
        base = base.where(col(Case.code) == wanted.code)
    if wanted.open_only:
        final = [state.id for state in work.law.states.values() if state.final]
        base = base.where(col(Case.state).not_in(final))
    return base


def with_clocks(work: Work, cases: Sequence[Case]) -> list[Listed]:
    running = running_of(work, [case.id for case in cases])
    facts = work.open_all(cases, "facts")
    return [
        Listed(case, next(iter(running.get(case.id, [])), None), opened or {})
        for case, opened in zip(cases, facts, strict=True)
    ]


def facts_of_case(work: Work, case: Case) -> Mapping[str, Mapping[str, Any]]:
    opened: Mapping[str, Mapping[str, Any]] = work.open(case, "facts") or {}
    return opened


def documents_of(work: Work, case_id: UUID) -> Sequence[Document]:
    """Every document of a case, oldest first; content stays sealed."""
    return work.session.exec(
        select(Document).where(Document.case_id == case_id).order_by(col(Document.at), col(Document.serial))
    ).all()


def find_document(work: Work, case: Case, document_id: UUID) -> Document:
    found = work.session.get(Document, document_id)
    if found is None or found.case_id != case.id:
        raise NotFound
    return found


def latest_document(work: Work, case_id: UUID, form: str) -> Document | None:
    return work.session.exec(
        select(Document)
        .where(Document.case_id == case_id, Document.form == form)
        .order_by(col(Document.serial).desc())
        .limit(1)
    ).first()


def latest_content(work: Work, case_id: UUID, form: str) -> Mapping[str, Any]:
    document = latest_document(work, case_id, form)
    opened: Mapping[str, Any] = (work.open(document, "content") or {}) if document else {}
    return opened


def candidates_for(work: Work, *, unit_id: UUID, bucket: int, since: datetime) -> list[tuple[Case, Mapping[str, Any]]]:
    """Open cases of one commune whose child's name falls in this bucket: to be opened and compared, never believed."""
    final = [state.id for state in work.law.states.values() if state.final]
    cases = work.session.exec(
        select(Case)
        .join(NameBucket, col(NameBucket.case_id) == Case.id)
        .where(
            NameBucket.bucket == bucket,
            Case.incident_unit_id == unit_id,
            col(Case.state).not_in(final),
            Case.received_at >= since,
        )
        .order_by(col(Case.received_at).desc())
        .limit(20)
    ).all()
    return list(zip(cases, work.open_all(cases, "facts"), strict=True))


def recent_of_commune(work: Work, unit_id: UUID, since: datetime) -> Sequence[Case]:
    """Cases of one commune since a time, newest first: the operator's hint that a call may be a repeat."""
    return work.session.exec(
        select(Case)
        .where(Case.incident_unit_id == unit_id, Case.received_at >= since)
        .order_by(col(Case.received_at).desc())
        .limit(20)
    ).all()


def codes_of(work: Work, ids: Iterable[UUID]) -> dict[UUID, Case]:
    wanted = list(ids)
    if not wanted:
        return {}
    return {case.id: case for case in work.session.exec(select(Case).where(col(Case.id).in_(wanted)))}
