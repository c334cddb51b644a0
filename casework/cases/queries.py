"""Read-only sight of cases. `scoped` is the only way to select cases: it asks the policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, Integer, Select, Uuid, and_, bindparam, extract, func, inspect, literal_column
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from casework.access.policybook import policy_book
from casework.access.queries import (
    NOBODY,
    ByName,
    access_of,
    as_parameters,
    asked_by,
    by_name,
    keep_access,
    known_of,
    not_excluded,
    visible_to,
    with_access,
)
from casework.access.rules import CONDITIONS, CaseUnits, may_read_case, readable
from casework.cases.models import Case, Document, HandOver, NameBucket
from casework.db import among
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import clocks_of_subjects, running_of
from casework.errors import NotFound
from casework.law.model import State
from casework.people.rules import COMMUNE_ROLES
from casework.work import Actor, Work

CASES = inspect(Case).local_table
PAGE_SIZE = 25
ON_A_LINE = frozenset(("identity", "contact", "narrative"))  # initials, place, kind of harm
SOON = timedelta(hours=12)


def units_of(work: Work, case: Case) -> CaseUnits:
    """What deciding needs to know of a case. No query for a case that came through `find_case` or is not stored yet."""
    access = NOBODY if inspect(case).transient else access_of(work, case.id)
    return CaseUnits(
        case.responsible_unit_id,
        case.province_id,
        case.incident_unit_id,
        case.residence_unit_id,
        excluded_units=access.kept.units,
        excluded_staff=access.kept.staff,
        grants=access.grants,
    )


def scoped(actor: Actor, now: datetime, named: ByName | None = None) -> SelectOfScalar[Case]:
    """Cases this person may read at `now` (UTC): the policy's rules, exclusions and grants in SQL. Deny by default.

    For a long list give what they were let into by name (`by_name`), read before."""
    return select(Case).where(visible_to(actor, now, CASES, named))


def find_case(work: Work, code: str) -> Case:
    """Raises NotFound for a code that does not exist and for one out of this person's sight alike."""
    row = work.session.execute(_finding(*known_of(work.actor)), {**asked_by(work), "code": code}).first()
    if row is None:
        raise NotFound
    case: Case = row[0]
    keep_access(work, case.id, *row[1:])
    # The second wall: the same question asked of the pure rule.
    if not may_read_case(work.actor, units_of(work, case), work.now).allowed:
        raise NotFound
    return case


@cache
def _finding(*known: Any) -> Select[Any]:
    """The question of `find_case`. It is put together once for each role: that takes longer than to ask it."""
    actor, now = as_parameters(*known)
    wanted = scoped(actor, now).where(col(Case.code) == bindparam("code"))
    return wanted.add_columns(*with_access(col(Case.id), now))


def any_case(work: Work, code: str) -> Case | None:
    """The case with this code, whoever may see it: for a door that decides by itself (an emergency opening), and shows
    nothing of it before."""
    with work.whole_sight():
        return work.session.exec(select(Case).where(Case.code == code)).first()


def case_by_id(work: Work, case_id: UUID) -> Case:
    """A case another room already holds a right to (a referral to this body, a report's own case). Raises NotFound."""
    found = work.session.get(Case, case_id)
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True)
class Filter:
    """What a list of cases is narrowed to. `lateness` is late, soon (12 h) or None; `stage` a stage of the law."""

    unit_id: UUID | None = None
    stage: str | None = None
    risk: str | None = None
    lateness: str | None = None
    open_only: bool = True
    code: str | None = None
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """One line of a list. `facts` is empty where the list was asked for without them."""

    case: Case
    clock: CaseClock | None  # the soonest that runs
    facts: Mapping[str, Mapping[str, Any]]
    clocks: Sequence[CaseClock] = ()  # all that run, soonest first


@dataclass(frozen=True)
class Page:
    """`total` is how many cases there are on all pages; where there are `more`, as far as they were counted."""

    rows: Sequence[Listed]
    total: int
    number: int
    size: int
    more: bool = False

    @property
    def last(self) -> int:
        """The last page there is to ask for; of an uncounted rest only the next is known."""
        counted = _pages(self.total, self.size)
        return max(counted, self.number + 1) if self.more and len(self.rows) == self.size else max(counted, self.number)


def list_cases(
    work: Work,
    wanted: Filter,
    *,
    page: int = 1,
    size: int = PAGE_SIZE,
    with_facts: bool = True,
    count_to: int | None = None,
) -> Page:
    """One page of cases, the most urgent clock first. At most seven queries whatever the number of cases, and one
    more for a page that is not there. `count_to`: how far to count them; the page says where there are more.

    Late and soon are said of limits only: the end of a period (three months' monitoring) is nobody's breach. Without
    `with_facts` nothing of a child is opened.
    """
    scope, asked = _scope_of(work)
    base = _narrow(work, scope, wanted)
    # Ordered over narrow rows, by an index where there are many; only the page's own cases are then read whole.
    ordered = base.with_only_columns(col(Case.id)).order_by(
        col(Case.soonest_at).asc().nulls_last(), col(Case.received_at).desc(), col(Case.id)
    )
    number = max(1, page)
    found, total = _one_page(work, ordered, asked, number, size, count_to)
    if not found:  # beyond the last page
        number = _pages(min(total, count_to or total), size)
        if total:
            found, total = _one_page(work, ordered, asked, number, size, count_to)
    cases = _read(work, found)
    rows = with_clocks(work, [cases[case_id] for case_id in found], with_facts=with_facts)
    if count_to is not None and total > count_to:
        return Page(rows, count_to, number, size, more=True)
    return Page(rows, total, number, size)


def _first(cases: Select[Any], most: int) -> Select[Any]:
    # Written out: of a number it is not told the server believes anything, and plans the statement anew at every page.
    return cases.limit(literal_column(str(most), Integer))


def _pages(total: int, size: int) -> int:
    return max(1, -(-total // size))


def _one_page(
    work: Work, ordered: Select[Any], asked: dict[str, Any], number: int, size: int, count_to: int | None
) -> tuple[Sequence[UUID], int]:
    """The ids of one page, and how many cases there are on all: one more than `count_to` stands for all beyond it."""
    page = _first(ordered, size).offset((number - 1) * size or None)
    if work.actor.role in COMMUNE_ROLES:
        # A commune's cases lie under three indexes, are gathered and then sorted: who does that can count them as well. A
        # province's come in order from one index, which is left after a page.
        rows = work.session.execute(page.add_columns(func.count().over()), asked).all()
        if rows or number == 1:
            return [case_id for case_id, _all in rows], rows[0][1] if rows else 0
        found: Sequence[UUID] = []
    else:
        found = work.session.execute(page, asked).scalars().all()
        if number == 1 and len(found) < size:
            return found, len(found)  # this one page is all there is
    every = ordered.order_by(None)
    counted = (every if count_to is None else _first(every, count_to + 1)).subquery()
    return found, work.session.execute(select(func.count()).select_from(counted), asked).scalar_one()


def _scope_of(work: Work) -> tuple[SelectOfScalar[Case], dict[str, Any]]:
    """`scoped` for a long list, with the values to execute it with: asked of plain columns, which an index may know, where
    nobody let the reader into anything, as nearly always; and put together once for each role."""
    named = by_name(work)
    values = {one.name: getattr(named, one.name) for one in fields(named)}
    there = frozenset(name for name, ids in values.items() if ids is not None)
    return _scope(there, *known_of(work.actor)), {**asked_by(work), **{name: list(values[name]) for name in there}}


@cache
def _scope(there: frozenset[str], *known: Any) -> SelectOfScalar[Case]:
    named = ByName(**{name: bindparam(name, type_=ARRAY(Uuid)) for name in there})
    return scoped(*as_parameters(*known), named)


def _narrow(work: Work, base: SelectOfScalar[Case], wanted: Filter) -> SelectOfScalar[Case]:
    if wanted.unit_id is not None:
        base = base.where(col(Case.responsible_unit_id) == wanted.unit_id)
    if wanted.stage is not None:
        base = base.where(col(Case.state).in_(work.book.states_where(lambda state: state.stage == wanted.stage)))
    if wanted.states:
        base = base.where(col(Case.state).in_(wanted.states))
    if wanted.risk is not None:
        base = base.where(col(Case.risk) == wanted.risk)
    limit_at = col(Case.limit_at)
    if wanted.lateness == "late":
        base = base.where(limit_at < work.now)
    elif wanted.lateness == "soon":
        base = base.where(and_(limit_at >= work.now, limit_at < work.now + SOON))
    if wanted.code is not None:
        base = base.where(col(Case.code) == wanted.code)
    if wanted.open_only:
        final = work.book.states_where(lambda state: state.final)
        base = base.where(col(Case.state).not_in(final))
    return base


def with_clocks(work: Work, cases: Sequence[Case], *, with_facts: bool = True) -> list[Listed]:
    running = running_of(work, [case.id for case in cases])
    facts = _facts_on_list(work, cases) if with_facts else {}
    return [
        Listed(case, next(iter(clocks), None), facts.get(case.id, {}), clocks)
        for case, clocks in ((case, running.get(case.id, [])) for case in cases)
    ]


def _facts_on_list(work: Work, cases: Sequence[Case]) -> dict[UUID, Mapping[str, Mapping[str, Any]]]:
    """Of the cases on whose line this person may see who the child is; of the others nothing is opened."""
    named = [case for case in cases if groups_for(work, case, "list-case") >= ON_A_LINE]
    return {case.id: opened or {} for case, opened in zip(named, work.open_all(named, "facts"), strict=True)}


def groups_for(work: Work, case: Case, action: str = "read-case") -> frozenset[str]:
    """The field groups of the case that the person at work may see."""
    units = units_of(work, case)
    groups = policy_book(CONDITIONS).all_groups
    # By what deciding asks of a case, not by the case: on a list most stand alike.
    return work.keep(
        ("groups of case", action, units),
        lambda: readable(work.actor, units, groups, now=work.now, action=action),
    )


@dataclass(frozen=True)
class Dot:
    """One running limit on one case: how much of its time is used (1.0 is the limit itself)."""

    code: str
    state: str
    used: float


@dataclass(frozen=True)
class Ageing:
    """The running limits of the cases in sight: the `most` most used of them, and per state how many in each quarter of
    their time (0, 1, 2, 3; 4 is past the limit)."""

    dots: Sequence[Dot]
    counts: Mapping[str, Mapping[int, int]]


def ageing(work: Work, *, most: int = 300) -> Ageing:
    """How far the running limits are used up, over every case in sight. Three queries."""
    began, due_at = extract("epoch", col(CaseClock.started_at)), extract("epoch", col(CaseClock.due_at))
    used = (work.now.timestamp() - began) / func.greatest(due_at - began, 1)
    scope, asked = _scope_of(work)
    in_sight = scope.with_only_columns(col(Case.id)).subquery()
    joined = (
        select(Case.code, Case.state, used.label("used"))
        .join(CaseClock, col(CaseClock.case_id) == Case.id)
        .where(
            col(Case.id).in_(select(in_sight.c.id)),
            CaseClock.state == ClockState.RUNNING,
            col(CaseClock.period).is_(False),
        )
    )
    top = work.session.connection().execute(joined.order_by(used.desc()).limit(most), asked)
    dots = [Dot(code, state, max(0.0, float(share))) for code, state, share in top]
    every = joined.subquery()
    quarter = func.least(func.greatest(func.floor(every.c.used * 4), 0), 4)
    grouped = select(every.c.state, quarter, func.count()).group_by(every.c.state, quarter)
    counts: dict[str, dict[int, int]] = {}
    for state, part, count in work.session.connection().execute(grouped, asked):
        counts.setdefault(state, {})[int(part)] = count
    return Ageing(dots, counts)


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


@dataclass(frozen=True)
class Activity:
    """One activity of the approved plan: its row of Mẫu 04, and what was last recorded of it.

    `key` is `<serial of the plan>-<row>`, rows counted from 1. `state` is planned, ongoing, done or not-done; `on` the ISO
    day of the record, `real_cost` in VND.
    """

    key: str
    subject_id: UUID
    row: Mapping[str, Any]
    clock: CaseClock | None
    state: str = "planned"
    on: str | None = None
    outcome: str | None = None
    real_cost: float | None = None


def activities_of(work: Work, case: Case) -> list[Activity]:
    """The activities of the plan in force, in its order; none before one is approved. Three queries."""
    documents = documents_of(work, case.id)
    plan = approved_plan(documents)
    if plan is None:
        return []
    rows = (work.open(plan, "content") or {}).get("activities") or []
    subjects = [activity_subject(plan, number) for number in range(1, len(rows) + 1)]
    clocks = clocks_of_subjects(work, subjects)
    records = [document for document in documents if document.form == "activity"]
    latest = {content["activity"]: content for content in work.open_all(records, "content") if content}
    found = []
    for number, (row, subject) in enumerate(zip(rows, subjects, strict=True), start=1):
        key = f"{plan.serial}-{number}"
        said = latest.get(key, {})
        found.append(
            Activity(
                key,
                subject,
                row,
                clocks.get(subject),
                state=said.get("state", "planned"),
                on=said.get("on"),
                outcome=said.get("outcome"),
                real_cost=said.get("real_cost"),
            )
        )
    return found


def approved_plan(documents: Sequence[Document]) -> Document | None:
    """The Mẫu 04 that the latest Mẫu 05 approved: a plan submitted since is not in force yet."""
    approval = max((one for one in documents if one.form == "05"), key=lambda one: one.serial, default=None)
    if approval is None:
        return None
    plans = [one for one in documents if one.form == "04" and one.at <= approval.at]
    return max(plans, key=lambda one: one.serial, default=None)


def activity_subject(plan: Document, number: int) -> UUID:
    """What tells an activity's clock from the others'."""
    return uuid5(plan.id, str(number))


def hand_overs_of(work: Work, case_id: UUID) -> Sequence[HandOver]:
    """Every hand-over of a case, oldest first; the letters stay sealed."""
    return work.session.exec(
        select(HandOver).where(HandOver.case_id == case_id).order_by(col(HandOver.offered_at))
    ).all()


def state_of(work: Work, case: Case) -> State:
    """The state a case is in, as its own edition of the law words it."""
    return work.law_for(case.edition).states[case.state]


def candidates_for(
    work: Work, *, unit_id: UUID, bucket: int, since: datetime, own: bool = False
) -> list[tuple[Case, Mapping[str, Any]]]:
    """Open cases of one commune whose child's name falls in this bucket: to be opened and compared, never believed. `own`:
    of those that the person at work may read; else of all that they are not kept from."""
    final = work.book.states_where(lambda state: state.final)
    cases = work.session.exec(
        _all_but_kept(work, own=own)
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


def recent_of_commune(work: Work, unit_id: UUID, since: datetime, *, own: bool) -> Sequence[Case]:
    """Cases of one commune since a time, newest first: the operator's hint that a call may be a repeat. `own` as above."""
    return work.session.exec(
        _all_but_kept(work, own=own)
        .where(Case.incident_unit_id == unit_id, Case.received_at >= since)
        .order_by(col(Case.received_at).desc())
        .limit(20)
    ).all()


def _all_but_kept(work: Work, *, own: bool) -> SelectOfScalar[Case]:
    return scoped(work.actor, work.now) if own else select(Case).where(not_excluded(col(Case.id), work.actor))


def codes_of(work: Work, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Of these cases those that the person may read, by id."""
    wanted = list(ids)
    if not wanted:
        return {}
    seen = scoped(work.actor, work.now).where(among(col(Case.id), wanted))
    return _kept(work, work.session.execute(seen.add_columns(*with_access(col(Case.id), work.now))))


def _read(work: Work, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Cases whose ids came through `scoped` in this very piece of work, whole, by id, each with its access, so that nobody
    asks for that case by case."""
    return _kept(work, work.session.execute(_these(), {**asked_by(work), "ids": list(ids)}))


def _kept(work: Work, rows: Iterable[Any]) -> dict[UUID, Case]:
    found: dict[UUID, Case] = {}
    for case, kept, let in rows:
        found[case.id] = case
        keep_access(work, case.id, kept, let)
    return found


@cache
def _these() -> Select[Any]:
    _nobody, now = as_parameters()
    wanted = among(col(Case.id), bindparam("ids", type_=ARRAY(Uuid)))
    return select(Case).where(wanted).add_columns(*with_access(col(Case.id), now))


def count_by_state(work: Work) -> dict[str, int]:
    """How many cases stand in each state, over the whole office: numbers only, for its own health."""
    rows = work.session.exec(select(Case.state, func.count()).group_by(Case.state).order_by(Case.state))
    return {state: count for state, count in rows}
