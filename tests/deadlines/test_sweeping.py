"""Many sweepers, any of them stopped at any point: each effect once, none early, the gravest first, nobody flooded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from casework.access.models import CaseExclusion
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.bootstrap import Office
from casework.clock import DrillClock, FrozenClock, SystemClock
from casework.db import make_engine
from casework.deadlines import sweeping
from casework.deadlines.models import CaseClock, ClockEffect, ClockState, MissedMessage
from casework.deadlines.service import ClockOwner, extend, start, stop
from casework.deadlines.sweeping import Claim, claim, fire, tell_missed
from casework.intake.service import receive_report
from casework.jobs.guard import ClockGuard
from casework.jobs.runner import guarded_pulse, sweep_clocks
from casework.notices.models import Notice
from casework.people.queries import commune_by_code, last_beat
from casework.work import SYSTEM
from tests.conftest import Town

MOMENT = timedelta(milliseconds=150)


def new_case(town: Town) -> ClockOwner:
    """Starts the clocks of twelve hours (warned at six and three hours left) and of fifteen minutes."""
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        case = receive_report(work, values, received_at=work.now).case
        return ClockOwner(case.id, case.code, case.responsible_unit_id, case.province_id, case.edition)


def claims_of(town: Town, lease: timedelta = sweeping.LEASE) -> list[Claim]:
    with town.office.begin(SYSTEM) as work:
        return claim(work, lease=lease)


def effects(town: Town) -> Counter[str]:
    with town.office.begin(SYSTEM) as work:
        rows = work.session.exec(
            select(CaseClock.rule, ClockEffect.effect).join(CaseClock, col(CaseClock.id) == ClockEffect.clock_id)
        )
        return Counter(f"{rule} {effect.partition(':')[0]}" for rule, effect in rows)


# ---------------------------------------------------------------- lease and fence


@pytest.mark.parametrize("taken_over", [True, False])
def test_a_sweeper_that_wakes_up_after_its_lease_has_no_effect(town: Town, *, taken_over: bool) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    claims = claims_of(town, MOMENT)
    time.sleep(2 * MOMENT.total_seconds())  # stopped
    if taken_over:
        sweep_clocks(town.office)
    before = effects(town)
    with town.office.begin(SYSTEM) as work:
        assert fire(work, claims) == []
    assert effects(town) == before
    sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": 1}


@pytest.mark.parametrize(("lease", "effects_after"), [("0.3", 0), ("600", 1)])
def test_a_process_stopped_past_its_lease_has_no_effect_and_within_it_has_one(
    town: Town, lease: str, effects_after: int
) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    moment = town.clock.now().isoformat()
    command = [sys.executable, "-m", "tests.deadlines.stopped", town.database.url, str(town.office.settings.key_file)]
    with subprocess.Popen([*command, moment, lease], stdout=subprocess.PIPE, text=True) as sweeper:
        assert sweeper.stdout is not None and sweeper.stdout.readline() == "1\n"
        os.waitpid(sweeper.pid, os.WUNTRACED)
        time.sleep(0.5)
        sweeper.send_signal(signal.SIGCONT)
        assert sweeper.stdout.readline() == f"{effects_after}\n"
    sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": 1}


def test_without_the_lease_the_same_check_sees_an_effect(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    claims = claims_of(town, MOMENT)
    time.sleep(2 * MOMENT.total_seconds())
    monkeypatch.setattr(sweeping, "_held", lambda: (col(CaseClock.state) == ClockState.RUNNING,))
    with town.office.begin(SYSTEM) as work:
        fire(work, claims)
    assert effects(town) != {}


def test_a_sweeper_stopped_while_it_holds_the_rows_loses_them_and_keeps_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    claims = claims_of(town, MOMENT)
    monkeypatch.setattr(sweeping, "LEASE", MOMENT)
    with pytest.raises(DBAPIError), town.office.begin(SYSTEM) as work:
        fire(work, claims)
        work.session.flush()
        time.sleep(4 * MOMENT.total_seconds())  # stopped: the server takes the rows back
    assert effects(town) == {}
    monkeypatch.undo()
    sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": 1}


def test_what_one_has_claimed_no_other_claims_until_the_lease_is_over(town: Town) -> None:
    for _n in range(3):
        new_case(town)
    town.clock.advance(minutes=16)
    first = claims_of(town, MOMENT)
    assert len(first) == 3 and claims_of(town) == []
    time.sleep(2 * MOMENT.total_seconds())
    second = claims_of(town)
    assert {one.clock_id for one in second} == {one.clock_id for one in first}
    assert {one.fence for one in second} == {2}


def test_what_a_killed_sweeper_had_claimed_is_free_at_once(town: Town) -> None:
    new_case(town)
    town.clock.advance(minutes=16)
    engine = make_engine(town.database.url)
    killed = replace(town.office, engine=engine)
    with killed.begin(SYSTEM) as work:
        assert len(claim(work)) == 1
    assert claims_of(town) == []
    engine.dispose()  # its sessions end with it
    until = time.monotonic() + 5
    while not effects(town) and time.monotonic() < until:
        sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": 1}


def test_a_clock_stopped_or_extended_after_it_was_claimed_does_not_fire(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        separation = start(work, owner, "separation", set_date=date(2026, 12, 1))
        stop(work, owner.case_id, "emergency")
    town.clock.at = separation.due_at + timedelta(minutes=1)
    sweep_done = claims_of(town)
    assert len(sweep_done) == 2
    with town.office.begin(SYSTEM) as work:
        stop(work, owner.case_id, "acknowledge")
        extend(work, owner.case_id, "separation", date(2026, 12, 5), reason="")
    with town.office.begin(SYSTEM) as work:
        assert fire(work, sweep_done) == []
    assert "separation breach" not in effects(town) and "acknowledge breach" not in effects(town)


def test_a_clock_somebody_holds_is_waited_for_alone_and_fired_at_once(town: Town) -> None:
    owner = new_case(town)
    town.clock.advance(minutes=16)
    claims = claims_of(town)
    with town.office.begin(SYSTEM) as act:
        act.session.exec(select(CaseClock).where(CaseClock.case_id == owner.case_id).with_for_update()).all()
        with town.office.begin(SYSTEM) as work:
            assert fire(work, claims) == claims
    with town.office.begin(SYSTEM) as work:
        assert fire(work, claims, wait=True) == []
    assert effects(town) == {"acknowledge breach": 1}


def test_a_case_that_cannot_be_fired_does_not_hold_up_the_others(town: Town) -> None:
    bad = new_case(town)
    for _n in range(3):
        new_case(town)
    with town.office.begin(SYSTEM) as work:
        work.session.connection().execute(
            text("update case_clock set edition = 'gone' where case_id = :id"), {"id": bad.case_id}
        )
    town.clock.advance(minutes=16)
    sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": 3}


# ---------------------------------------------------------------- after a standstill


def test_after_a_standstill_the_gravest_goes_first(town: Town) -> None:
    owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        start(work, owner, "submit-plan")
    other = new_case(town)
    with town.office.begin(SYSTEM) as work:
        stop(work, other.case_id, "acknowledge")
    town.clock.at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    new_case(town)
    town.clock.advance(hours=6, minutes=1)  # of the last case only a warning and the fifteen minutes are due
    claims = claims_of(town)
    with town.office.begin(SYSTEM) as work:
        rules = {
            clock.id: f"{clock.rule} {'breach' if clock.due_at <= work.now else 'warning'}"
            for clock in work.session.exec(select(CaseClock))
        }
    assert [rules[one.clock_id] for one in claims] == [
        "acknowledge breach", "acknowledge breach", "emergency breach", "emergency breach", "submit-plan breach",
        "emergency warning",
    ]  # fmt: skip


def test_after_a_standstill_each_limit_is_marked_once_as_late_as_it_is_and_each_post_is_told_once(town: Town) -> None:
    cases = 10
    for _n in range(cases):
        new_case(town)
    with town.office.begin(SYSTEM) as work:
        before = work.session.exec(select(func.count()).select_from(Notice)).one()
    town.clock.advance(hours=18)  # all down: both limits passed, two warnings missed
    sweep_clocks(town.office)
    sweep_clocks(town.office)
    assert effects(town) == {"acknowledge breach": cases, "emergency breach": cases}
    with town.office.begin(SYSTEM) as work:
        late = {clock.breached_at - clock.due_at for clock in work.session.exec(select(CaseClock)) if clock.breached_at}
        assert late == {timedelta(hours=6), timedelta(hours=17, minutes=45)}
        told = work.session.exec(select(Notice).order_by(col(Notice.created_at)).offset(before)).all()
        assert {one.text_id for one in told} == {"deadlines-missed"}
        assert all(one.body.startswith("20 han") and one.case_code is None for one in told)
        assert len({one.staff_id for one in told}) == len(told)
        audited = work.session.exec(select(func.count()).where(AuditEntry.tag == Tag.CLOCK_BREACHED)).one()
        assert audited == 2 * cases


def test_a_backlog_of_many_claims_is_told_to_each_post_once_and_a_case_kept_from_somebody_by_itself(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("casework.jobs.runner.CLAIM", 3)
    owners = [new_case(town) for _n in range(10)]
    with town.office.begin(SYSTEM) as work:
        other = commune_by_code(work, "99002")
        assert other is not None
        work.session.add(CaseExclusion(case_id=owners[0].case_id, unit_id=other.id, made_at=work.now, made_by=None))
        before = work.session.exec(select(func.count()).select_from(Notice)).one()
    town.clock.advance(hours=1)
    sweep_clocks(town.office)
    with town.office.begin(SYSTEM) as work:
        told = work.session.exec(select(Notice).order_by(col(Notice.created_at)).offset(before)).all()
        digests = [one for one in told if one.text_id == "deadlines-missed"]
        assert digests and all(one.body.startswith("9 han") for one in digests)
        assert len({one.staff_id for one in digests}) == len(digests)
        assert {one.case_id for one in told} == {None, owners[0].case_id}
        assert work.session.exec(select(MissedMessage)).all() == []


def test_what_was_missed_waits_for_the_rest_of_the_backlog_and_no_longer_than_a_moment(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _n in range(5):
        new_case(town)
    town.clock.advance(hours=1)
    with town.office.begin(SYSTEM) as work:
        fire(work, claim(work, limit=4))
        assert tell_missed(work) == 0
    monkeypatch.setattr(sweeping, "GATHERED", timedelta(0))
    with town.office.begin(SYSTEM) as work:
        assert tell_missed(work) == 8  # to the owner and to the province
        assert tell_missed(work) == 0


def test_however_many_were_missed_no_statement_carries_them_one_by_one(town: Town) -> None:
    """PostgreSQL takes 65,535 parameters a statement: a standstill of more limits than that was never told of."""
    counts = []
    for many in (5, 9):
        for _n in range(many):
            new_case(town)
        town.clock.advance(hours=1)
        with town.office.begin(SYSTEM) as work:
            fire(work, claim(work))
        with counted_parameters(town) as most, town.office.begin(SYSTEM) as work:
            assert tell_missed(work) >= 2 * many
        counts.append(max(most))
    assert counts[0] == counts[1]


@contextmanager
def counted_parameters(town: Town) -> Iterator[list[int]]:
    """How many values each SELECT is sent with, while the block lasts."""
    counts: list[int] = []

    def note(*args: Any) -> None:
        if args[2].lstrip().lower().startswith("select"):
            counts.append(len(args[3]))

    event.listen(town.office.engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        event.remove(town.office.engine, "before_cursor_execute", note)


def test_few_missed_limits_are_told_one_by_one(town: Town) -> None:
    new_case(town)
    town.clock.advance(hours=1)
    sweep_clocks(town.office)
    with town.office.begin(SYSTEM) as work:
        texts = Counter(work.session.exec(select(Notice.text_id)))
    assert texts["deadline-passed"] and not texts["deadlines-missed"]


# ---------------------------------------------------------------- a clock that jumps


@dataclass
class JumpingClock:
    """Shows the true time, but for `off`."""

    true: datetime
    off: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.true + self.off


def with_clock(town: Town, clock: JumpingClock) -> Office:
    return replace(town.office, clock=clock)


def fire_through_jumps(town: Town, guard: ClockGuard | None, clock: JumpingClock, *, lasting: bool) -> list[str]:
    """A hundred jumps over two days of ticks; returns what was early or double."""
    chance = random.Random(41)
    office, wrong, seen = with_clock(town, clock), [], 0
    for _jump in range(100):
        for tick in range(chance.randint(2, 4)):
            clock.true += timedelta(minutes=chance.randint(1, 12))
            if tick == 0:
                size = timedelta(minutes=chance.choice((-1, 1)) * chance.randint(2, 60_000))
                clock.off = size
            elif not lasting or chance.random() < 0.5:
                clock.off = timedelta(0)
            if guard is None or guard.agrees(clock.true if lasting else None):
                sweep_clocks(office)
        with town.office.begin(SYSTEM) as work:
            rows = work.session.exec(select(ClockEffect)).all()
        moments = [datetime.fromisoformat(one.effect.partition(":")[2]) for one in rows]
        wrong += [f"early: {moment}" for moment in moments if moment > clock.true]
        seen = max(seen, len(rows))
        clock.off = timedelta(0)
    with town.office.begin(SYSTEM) as work:
        breached = select(AuditEntry.object_id, func.count()).where(AuditEntry.tag == Tag.CLOCK_BREACHED)
        entries = work.session.exec(breached.group_by(col(AuditEntry.object_id)))
        wrong += [f"double: {clock_id}" for clock_id, times in entries if times > 1]
    assert seen > 0
    return wrong


@pytest.mark.parametrize("lasting", [False, True])
def test_a_hundred_jumps_of_the_clock_fire_nothing_early_and_nothing_twice(town: Town, *, lasting: bool) -> None:
    for _n in range(3):
        owner = new_case(town)
    with town.office.begin(SYSTEM) as work:
        start(work, owner, "submit-plan")
    clock = JumpingClock(town.clock.now())
    start_of_ticks = clock.true
    guard = ClockGuard(clock, elapsed=lambda: (clock.true - start_of_ticks).total_seconds())
    assert fire_through_jumps(town, guard, clock, lasting=lasting) == []


def test_a_sweep_that_believes_every_jump_is_seen_to_fire_early(town: Town) -> None:
    new_case(town)
    assert fire_through_jumps(town, None, JumpingClock(town.clock.now()), lasting=False) != []


def test_two_ticks_have_to_agree_after_a_jump_and_a_speeded_drill_is_no_jump() -> None:
    ticks = [0.0]
    clock = FrozenClock(datetime(2026, 11, 23, tzinfo=UTC))
    guard = ClockGuard(clock, elapsed=lambda: ticks[0])

    def tick(seconds: float, shown: float) -> bool:
        ticks[0] += seconds
        clock.advance(seconds=shown)
        return guard.agrees()

    assert [tick(5, 5), tick(5, 5), tick(5, 5000), tick(5, 5), tick(5, -90_000), tick(5, 5)] == [
        False, True, False, True, False, True,
    ]  # fmt: skip
    drill = ClockGuard(DrillClock(clock.at, speed=600.0))
    drill.agrees()
    time.sleep(0.2)
    assert drill.agrees()


def test_a_machine_whose_clock_differs_from_the_database_fires_nothing_and_is_not_alive(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = replace(town.office, clock=SystemClock())
    assert guarded_pulse(office, ClockGuard(office.clock))
    monkeypatch.setattr(SystemClock, "now", lambda _self: datetime.now(UTC) + timedelta(days=1))
    with town.office.begin(SYSTEM) as work:
        before = last_beat(work)
    guard = ClockGuard(office.clock)
    assert [guarded_pulse(office, guard) for _n in range(3)] == [False, False, False]
    with town.office.begin(SYSTEM) as work:
        assert last_beat(work) == before
