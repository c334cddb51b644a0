"""A clock fires what is due once, whatever crashes and however many sweep; and nobody can push it away."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.deadlines import service, sweeping
from casework.deadlines.models import CaseClock, ClockEffect, ClockState
from casework.deadlines.queries import reading_at, running_of
from casework.deadlines.service import ClockOwner, resume, start, stop
from casework.deadlines.sweeping import sweep
from casework.intake.service import receive_report
from casework.jobs.runner import sweep_clocks
from casework.law.calendar import calendar_of
from casework.law.model import Law
from casework.notices.models import Notice
from casework.people.queries import commune_by_code
from casework.work import SYSTEM
from tests.conftest import Town

SWEEPERS = 4


def new_case(town: Town) -> ClockOwner:
    """A report in Nà Lũng now: the clock of twelve hours (warns at 6 h and 3 h left) and that of fifteen minutes run."""
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        case = receive_report(work, values, received_at=work.now).case
        return ClockOwner(case.id, case.code, case.responsible_unit_id, case.province_id, case.edition)


@dataclass(frozen=True)
class Fired:
    """How often each thing happened, over all cases: effects by rule and kind, messages by text, audit by tag."""

    effects: Counter[tuple[str, str]]
    messages: Counter[str]
    audit: Counter[str]


def fired(town: Town) -> Fired:
    with town.office.begin(SYSTEM) as work:
        effects = work.session.exec(
            select(CaseClock.rule, ClockEffect.effect).join(CaseClock, col(CaseClock.id) == ClockEffect.clock_id)
        )
        texts = work.session.exec(select(Notice.text_id, func.count()).group_by(Notice.text_id))
        tags = work.session.exec(
            select(AuditEntry.tag, func.count())
            .where(col(AuditEntry.tag).in_([Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED]))
            .group_by(AuditEntry.tag)
        )
        return Fired(
            Counter((rule, effect.partition(":")[0]) for rule, effect in effects),
            Counter(dict(texts.all())),
            Counter(dict(tags.all())),
        )


def sweep_at_once(town: Town) -> None:
    ready = threading.Barrier(SWEEPERS)

    def one(_number: int) -> int:
        ready.wait()
        return sweep_clocks(town.office)

    with ThreadPoolExecutor(SWEEPERS) as pool:
        list(pool.map(one, range(SWEEPERS)))


def test_each_warning_and_breach_happens_once_with_four_sweepers(town: Town) -> None:
    cases = 30
    for _number in range(cases):
        new_case(town)
    for minutes in (16, 350, 180, 180):
        town.clock.advance(minutes=minutes)
        sweep_at_once(town)
        sweep_at_once(town)
    seen = fired(town)
    assert seen.effects == {
        ("acknowledge", "breach"): cases,
        ("emergency", "warning"): 2 * cases,
        ("emergency", "breach"): cases,
    }
    assert seen.audit == {Tag.CLOCK_WARNED: 2 * cases, Tag.CLOCK_BREACHED: 2 * cases}
    assert seen.messages["deadline-near"] == 2 * cases
    assert seen.messages["deadline-passed"] == seen.messages["deadline-passed-supervisor"] == 2 * cases


class Crash(Exception):
    """The process dies here."""


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_sweep_does_it(town: Town) -> None:
    new_case(town)
    before = fired(town)
    town.clock.advance(minutes=16)
    for _try in range(3):
        with pytest.raises(Crash), town.office.begin(SYSTEM) as work:
            assert sweep(work) == 1
            work.session.flush()
            raise Crash
    assert fired(town) == before
    sweep_clocks(town.office)
    assert fired(town).effects == {("acknowledge", "breach"): 1}


def hand_the_row_back(town: Town) -> None:
    """As if a row were handled twice: it looks due again though it has fired."""
    with town.office.begin(SYSTEM) as work:
        for clock in work.session.exec(select(CaseClock).where(CaseClock.rule == "acknowledge")):
            clock.next_at, clock.breached_at = clock.due_at, None
            work.session.add(clock)


def test_the_effect_s_key_keeps_a_second_firing_out(town: Town) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    sweep_clocks(town.office)
    once = fired(town)
    hand_the_row_back(town)
    assert sweep_clocks(town.office) == 1
    assert fired(town) == once


def test_without_that_key_the_same_check_sees_two(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    sweep_clocks(town.office)
    once = fired(town)
    hand_the_row_back(town)
    monkeypatch.setattr(sweeping, "_first_times", lambda _work, all_of: {(one.clock.id, one.effect) for one in all_of})
    sweep_clocks(town.office)
    assert fired(town) != once


def test_a_second_start_does_not_push_a_deadline_away(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        first = start(work, owner, "submit-plan")
    town.clock.advance(days=2)
    with town.office.begin(SYSTEM) as work:
        again = start(work, owner, "submit-plan")
    assert (again.id, again.due_at) == (first.id, first.due_at)


def test_a_returned_plan_keeps_its_first_due_time(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        first = start(work, owner, "submit-plan")
    town.clock.advance(days=1)
    with town.office.begin(SYSTEM) as work:
        stop(work, owner.case_id, "submit-plan")
    town.clock.advance(days=1)
    with town.office.begin(SYSTEM) as work:
        resume(work, owner, "submit-plan")
    with town.office.begin(SYSTEM) as work:
        clock = work.session.exec(select(CaseClock).where(CaseClock.rule == "submit-plan")).one()
        assert (clock.id, clock.due_at, clock.state) == (first.id, first.due_at, ClockState.RUNNING)
        assert clock.next_at is not None


def test_a_plan_returned_after_its_time_is_still_late_and_told_once(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        start(work, owner, "submit-plan")
    town.clock.advance(days=20)
    sweep_clocks(town.office)
    once = fired(town)
    with town.office.begin(SYSTEM) as work:
        stop(work, owner.case_id, "submit-plan")
        resume(work, owner, "submit-plan")
    sweep_clocks(town.office)
    assert fired(town) == once


def test_a_plan_handed_in_on_time_and_returned_too_late_is_told(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        start(work, owner, "submit-plan")
    with town.office.begin(SYSTEM) as work:
        stop(work, owner.case_id, "submit-plan")
    town.clock.advance(days=20)
    sweep_clocks(town.office)
    assert fired(town).effects[("submit-plan", "breach")] == 0
    with town.office.begin(SYSTEM) as work:
        resume(work, owner, "submit-plan")
    sweep_clocks(town.office)
    assert fired(town).effects[("submit-plan", "breach")] == 1


def test_an_alert_finds_the_next_one_up_where_nobody_holds_the_post(town: Town) -> None:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99999", "danger_now": "yes", "narrative": "Không rõ xã"}
        case = receive_report(work, values, received_at=work.now).case
        assert case.incident_unit_id is None
    town.clock.advance(hours=6.1)
    sweep_clocks(town.office)
    supervisor = town.act_as("supervisor").id
    with town.office.begin(SYSTEM) as work:
        near = work.session.exec(select(Notice).where(Notice.text_id == "deadline-near")).all()
        assert [notice.staff_id for notice in near] == [supervisor]


def test_clocks_move_with_the_case_and_keep_their_time(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        other = commune_by_code(work, "99002")
        assert other is not None
        service.move_to_unit(work, owner.case_id, from_unit=owner.owner_unit_id, to_unit=other.id)
    with town.office.begin(SYSTEM) as work:
        clocks = work.session.exec(select(CaseClock)).all()
        assert {clock.owner_unit_id for clock in clocks} == {other.id}
        assert {clock.due_at - clock.started_at for clock in clocks} == {timedelta(hours=12), timedelta(minutes=15)}


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(min_value=1, max_value=20_000)),
        st.tuples(st.sampled_from(["sweep", "start", "stop", "resume", "crash"]), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_whatever_the_order_no_due_time_moves_and_nothing_fires_twice(town: Town, acts: list[tuple[str, int]]) -> None:
    owner = new_case(town)
    first_due: dict[str, datetime] = {}
    for act, minutes in acts:
        take(town, owner, act, minutes)
        for clock in clocks_of(town, owner):
            assert first_due.setdefault(str(clock.id), clock.due_at) == clock.due_at
    with town.office.begin(SYSTEM) as work:
        sweep(work)
    for clock in clocks_of(town, owner):
        overdue = clock.state == ClockState.RUNNING and clock.due_at <= town.clock.now()
        assert (clock.breached_at is not None) or not overdue
        with town.office.begin(SYSTEM) as work:
            breaches = work.session.exec(
                select(func.count())
                .select_from(AuditEntry)
                .where(AuditEntry.tag == Tag.CLOCK_BREACHED, AuditEntry.object_id == clock.id)
            ).one()
        assert breaches == (1 if clock.breached_at else 0)


def take(town: Town, owner: ClockOwner, act: str, minutes: int) -> None:
    rule = "submit-plan"
    if act == "wait":
        town.clock.advance(minutes=minutes)
        return
    if act == "crash":
        with pytest.raises(Crash), town.office.begin(SYSTEM) as work:
            sweep(work)
            raise Crash
        return
    acts: dict[str, Callable[..., object]] = {
        "sweep": lambda work: sweep(work),
        "start": lambda work: start(work, owner, rule),
        "stop": lambda work: stop(work, owner.case_id, rule),
        "resume": lambda work: resume(work, owner, rule),
    }
    with town.office.begin(SYSTEM) as work:
        acts[act](work)


def clocks_of(town: Town, owner: ClockOwner) -> list[CaseClock]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(CaseClock).where(CaseClock.case_id == owner.case_id)))


@given(st.integers(min_value=-20_000, max_value=20_000), st.sampled_from(["emergency", "submit-plan", "monitoring"]))
def test_a_clock_reads_late_exactly_when_its_time_is_over(law: Law, minutes: int, rule_id: str) -> None:
    began = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    clock = CaseClock(
        case_id=uuid4(),
        case_code="TE-1",
        edition=law.edition.id,
        owner_unit_id=uuid4(),
        province_id=uuid4(),
        rule=rule_id,
        started_at=began,
        due_at=began + timedelta(days=5),
    )
    now = clock.due_at + timedelta(minutes=minutes)
    reading = reading_at(clock, law.deadlines[rule_id], now, calendar_of(law))
    assert reading.left == timedelta(minutes=-minutes)
    late = {"soon"} if law.deadlines[rule_id].period else {"late"}
    assert reading.look in (late if minutes > 0 else {"soon", "fine"})


def test_limits_of_one_moment_stand_in_one_order_whatever_was_written_meanwhile(town: Town) -> None:
    """A referral to police and one to health of the same minute: which is named first must not depend on where the rows lie,
    or two looks at one case differ, and two offices that are the same in everything."""
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        for _body in range(6):
            start(work, owner, "submit-plan", subject_id=uuid4())
    seen = []
    for last in range(6):
        with town.office.begin(SYSTEM) as work:
            same = [clock for clock in running_of(work, [owner.case_id])[owner.case_id] if clock.rule == "submit-plan"]
            assert len(same) == 6
            seen.append([clock.id for clock in same])
            swept = same[last]
            assert swept.next_at is not None
            swept.next_at += timedelta(seconds=1)  # as a sweep does: the row is written anew, elsewhere
            work.session.add(swept)
    assert seen == [seen[0]] * 6
