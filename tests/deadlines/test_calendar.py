"""The office's own days: in force at once for everybody, every moved limit explained, nothing told twice, no clock missed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.bootstrap import open_office
from casework.clock import local
from casework.deadlines import sweeping
from casework.deadlines.calendar import (
    NewDays,
    add_days,
    behind,
    catch_all_up,
    catch_up,
    preview_add,
    preview_take_back,
    take_back,
)
from casework.deadlines.days import covers_months_ahead, edits, known_until
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange, ClockEffect, ClockState
from casework.deadlines.queries import changes_of
from casework.deadlines.service import ClockOwner, extend, recompute, start, stop
from casework.deadlines.sweeping import claim, fire
from casework.errors import Invalid, NotFound, Stale
from casework.intake.service import receive_report
from casework.jobs.runner import sweep_clocks
from casework.law.calendar import Calendar, calendar_of
from casework.law.loader import load_law
from casework.law.model import Holiday, Text
from casework.work import SYSTEM
from tests.conftest import Town

# The town's clock stands at Monday 23 November 2026, 08:00; five working days from then end on Monday 30, at 17:00.
TUESDAY, FRIDAY, SATURDAY, SUNDAY = (date(2026, 11, 24), date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29))
DECREE = "Nghị quyết 80-NQ/TW ngày 07-01-2026"


def days(first: date, last: date | None = None, *, kind: str = "off", title: str = "Ngày Văn hóa Việt Nam") -> NewDays:
    return NewDays(kind, first, last or first, title, DECREE)


def open_case(town: Town) -> ClockOwner:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        case = receive_report(work, values, received_at=work.now).case
        return ClockOwner(case.id, case.code, case.responsible_unit_id, case.province_id, case.edition)


def plan_clock(town: Town) -> CaseClock:
    """A case's plan is due in five working days (the decree's article 28.1)."""
    owner = open_case(town)
    with town.office.begin(SYSTEM) as work:
        return start(work, owner, "submit-plan")


def edit(town: Town, new: NewDays) -> int:
    with town.office.begin(town.act_as("administrator")) as work:
        return add_days(work, new, seen=edits(work).revision)


def undo(town: Town, revision: int) -> None:
    with town.office.begin(town.act_as("administrator")) as work:
        take_back(work, revision, seen=edits(work).revision)


def settle(town: Town) -> int:
    return catch_all_up(lambda: town.office.begin(SYSTEM))


def again(town: Town, clock: CaseClock) -> CaseClock:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(CaseClock).where(CaseClock.id == clock.id)).one()


def last_day(clock: CaseClock) -> date:
    return local(clock.due_at).date()


# ---------------------------------------------------------------- counting


def test_a_day_off_moves_a_running_working_day_limit_and_says_why_on_its_case(town: Town) -> None:
    clock = plan_clock(town)
    first = last_day(clock)
    edit(town, days(TUESDAY))
    assert settle(town) >= 1
    moved = again(town, clock)
    assert last_day(moved) == first + timedelta(days=1)
    assert next(day for day, counts, _why in moved.counted if not counts) == TUESDAY.isoformat()
    with town.office.begin(SYSTEM) as work:
        (change,) = changes_of(work, clock.case_id)
        assert (change.rule, change.kind, change.old_due, change.new_due) == (
            "submit-plan", ChangeKind.CALENDAR, clock.due_at, moved.due_at,
        )  # fmt: skip
        (why,) = change.days
        assert (why.day, why.title, why.source, why.taken_back) == (TUESDAY, "Ngày Văn hóa Việt Nam", DECREE, False)
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.CLOCK_CHANGED)).one()
        assert (entry.case_id, entry.object_id) == (clock.case_id, clock.id)


def test_elapsed_hours_never_move(town: Town) -> None:
    owner = open_case(town)
    with town.office.begin(SYSTEM) as work:
        running = {
            c.rule: c.due_at for c in work.session.exec(select(CaseClock).where(CaseClock.case_id == owner.case_id))
        }
    edit(town, days(date(2026, 11, 23), FRIDAY))
    settle(town)
    with town.office.begin(SYSTEM) as work:
        for clock in work.session.exec(select(CaseClock)):
            assert clock.due_at == running[clock.rule]
            assert recompute(work, clock, reason="", kind=ChangeKind.CALENDAR) is None
        assert work.session.exec(select(ClockChange)).all() == []


def test_a_day_taken_back_leaves_the_limit_as_it_was_and_both_moves_on_the_case(town: Town) -> None:
    clock = plan_clock(town)
    revision = edit(town, days(TUESDAY))
    settle(town)
    undo(town, revision)
    settle(town)
    assert again(town, clock).due_at == clock.due_at
    with town.office.begin(SYSTEM) as work:
        assert [change.days[0].taken_back for change in changes_of(work, clock.case_id)] == [False, True]


def test_a_make_up_saturday_brings_a_limit_forward(town: Town) -> None:
    clock = plan_clock(town)
    edit(town, days(SATURDAY, kind="make-up", title="Làm bù"))
    settle(town)
    assert last_day(again(town, clock)) < last_day(clock)


def test_an_edit_counts_at_once_in_every_process(town: Town) -> None:
    other = open_office(town.office.settings, clock=town.clock)
    with other.begin(SYSTEM) as work:
        assert work.calendar.is_working(TUESDAY)
    edit(town, days(TUESDAY))
    with other.begin(SYSTEM) as work:
        assert not work.calendar.is_working(TUESDAY)
    other.engine.dispose()


def test_the_calendar_costs_one_query_a_work_however_often_it_is_asked(town: Town) -> None:
    asked: list[str] = []
    event.listen(town.office.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    with town.office.begin(SYSTEM) as work:
        for n in range(50):
            work.calendar.is_working(TUESDAY + timedelta(days=n))
    assert len([one for one in asked if "calendar_day" in one]) == 1


# ---------------------------------------------------------------- preview and refusals


def test_the_preview_says_what_saving_then_does(town: Town) -> None:
    clocks = [plan_clock(town) for _n in range(3)]
    with town.office.begin(SYSTEM) as work:
        preview = preview_add(work, days(TUESDAY))
    edit(town, days(TUESDAY))
    settle(town)
    moved = [(last_day(again(town, clock)) - last_day(clock)).days for clock in clocks]
    assert dict(preview.shifts) == {1: 3} and moved == [1, 1, 1]
    with town.office.begin(SYSTEM) as work:
        assert dict(preview_take_back(work, edits(work).revision).shifts) == {-1: 3}


def test_the_preview_counts_what_would_be_late_and_what_no_longer(town: Town) -> None:
    clock = plan_clock(town)
    town.clock.at = clock.due_at + timedelta(hours=1)
    with town.office.begin(SYSTEM) as work:
        assert preview_add(work, days(TUESDAY)).saved == 1
    town.clock.at = clock.due_at - timedelta(hours=1)
    with town.office.begin(SYSTEM) as work:
        assert preview_add(work, days(SATURDAY, kind="make-up")).late == 1


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        (days(TUESDAY, kind="make-up"), {"first": "already-works"}),
        (days(FRIDAY, SATURDAY, kind="make-up"), {"first": "already-works"}),
        (days(SUNDAY), {"first": "already-off"}),
        (days(date(2027, 1, 1)), {"first": "already-off"}),
        (days(FRIDAY, TUESDAY), {"last": "out-of-range"}),
        (days(TUESDAY, date(2027, 1, 30)), {"last": "out-of-range"}),
        (days(date(2024, 1, 2)), {"first": "out-of-range"}),
        (days(date(2031, 1, 2)), {"first": "out-of-range"}),
        (days(TUESDAY, kind="holiday"), {"kind": "missing"}),
        (days(TUESDAY, title=""), {"title": "missing"}),
        (days(TUESDAY, title="x" * 121), {"title": "too-long"}),
    ],
)  # fmt: skip
def test_a_day_that_changes_nothing_or_makes_no_sense_is_refused(
    town: Town, new: NewDays, fault: dict[str, str]
) -> None:
    with town.office.begin(SYSTEM) as work:
        with pytest.raises(Invalid) as refused:
            add_days(work, new, seen=0)
        assert refused.value.faults == fault
        assert edits(work).rows == []


def test_a_day_the_office_has_set_is_not_set_twice(town: Town) -> None:
    revision = edit(town, days(TUESDAY))
    with pytest.raises(Invalid, match="own-day"):
        edit(town, days(TUESDAY, kind="make-up"))
    undo(town, revision)
    with pytest.raises(NotFound):
        undo(town, revision)
    edit(town, days(TUESDAY))


def test_a_range_off_passes_over_its_weekend_and_a_day_off_of_the_law_can_be_worked(town: Town) -> None:
    edit(town, days(FRIDAY, SUNDAY))
    edit(town, days(date(2027, 1, 1), kind="make-up", title="Vẫn làm việc"))
    with town.office.begin(SYSTEM) as work:
        assert [row.day for row in edits(work).kept] == [FRIDAY, date(2027, 1, 1)]
        assert work.calendar.is_working(date(2027, 1, 1))


# ---------------------------------------------------------------- late, extended, moved to another edition


def test_a_breach_that_happened_stays_recorded_and_the_new_time_can_be_breached_once(town: Town) -> None:
    clock = plan_clock(town)
    town.clock.at = clock.due_at + timedelta(hours=1)
    sweep_clocks(town.office)
    revision = edit(town, days(TUESDAY))
    settle(town)
    moved = again(town, clock)
    assert moved.breached_at is None and moved.next_at is not None
    town.clock.at = moved.due_at + timedelta(hours=1)
    for _time in range(2):
        sweep_clocks(town.office)
    undo(town, revision)  # and back: the first time lies in the past again and was told already
    settle(town)
    sweep_clocks(town.office)
    with town.office.begin(SYSTEM) as work:
        changes = work.session.exec(select(ClockChange).order_by(col(ClockChange.at))).all()
        assert changes[0].breached_at == clock.due_at + timedelta(hours=1)
        told = work.session.exec(
            select(AuditEntry).where(AuditEntry.tag == Tag.CLOCK_BREACHED, AuditEntry.object_id == clock.id)
        ).all()
        assert len(told) == 2
    assert again(town, clock).breached_at == clock.due_at + timedelta(hours=1)


def test_a_separation_is_given_a_later_last_day_and_its_warnings_move_along(town: Town) -> None:
    owner = open_case(town)
    with town.office.begin(SYSTEM) as work:
        first = start(work, owner, "separation", set_date=date(2026, 12, 1))
        old = first.due_at
        warned = list(first.warn_at)
    with town.office.begin(town.act_as("worker")) as work:
        change = extend(work, owner.case_id, "separation", date(2026, 12, 20), reason="Tòa án yêu cầu")
        assert (local(change.new_due).date(), change.old_due) == (date(2026, 12, 20), old)
    clock = again(town, first)
    pairs = zip(clock.warn_at[-3:], warned[-3:], strict=True)
    shifts = {datetime.fromisoformat(new) - datetime.fromisoformat(old) for new, old in pairs}
    assert shifts == {timedelta(days=19)}
    with town.office.begin(SYSTEM) as work:
        assert changes_of(work, owner.case_id)[0].reason == "Tòa án yêu cầu"
        kept = work.session.exec(select(ClockChange)).one()
        assert kept.reason is not None and "Tòa".encode() not in kept.reason
        for day in (date(2026, 12, 20), date(2026, 12, 1)):
            with pytest.raises(Invalid):
                extend(work, owner.case_id, "separation", day, reason="")
        with pytest.raises(NotFound):
            extend(work, owner.case_id, "review", date(2026, 12, 30), reason="")


def test_an_extended_day_stands_when_the_calendar_changes(town: Town) -> None:
    owner = open_case(town)
    with town.office.begin(SYSTEM) as work:
        clock = start(work, owner, "separation", set_date=date(2026, 12, 1))
        extend(work, owner.case_id, "separation", date(2026, 12, 20), reason="")
    edit(town, days(TUESDAY, FRIDAY))
    assert settle(town) == 0
    assert last_day(again(town, clock)) == date(2026, 12, 20)


# ---------------------------------------------------------------- at the same time


def test_of_two_edits_at_once_the_second_sees_the_first(town: Town) -> None:
    ready = threading.Barrier(2)

    def one(day: date) -> str:
        with town.office.begin(SYSTEM) as work:
            seen = edits(work).revision
            ready.wait()
            try:
                return str(add_days(work, days(day), seen=seen))
            except Stale:
                return "stale"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, (TUESDAY, FRIDAY))) == ["1", "stale"]


def test_a_clock_started_beside_an_edit_it_did_not_see_is_counted_anew(town: Town) -> None:
    owner = open_case(town)
    with town.office.begin(SYSTEM) as slow:
        clock = start(slow, owner, "submit-plan")
        edit(town, days(TUESDAY))
        assert settle(town) == 0  # not committed yet: nobody can see it
    with town.office.begin(SYSTEM) as work:
        assert behind(work) == 1
    settle(town)
    assert last_day(again(town, clock)) == last_day(clock) + timedelta(days=1)


def test_a_sweep_never_fires_a_limit_that_a_committed_edit_has_moved(town: Town) -> None:
    clock = plan_clock(town)
    town.clock.at = clock.due_at - timedelta(hours=1)
    sweep_clocks(town.office)
    edit(town, days(TUESDAY))
    town.clock.at = clock.due_at + timedelta(minutes=1)
    sweep_clocks(town.office)  # before anybody caught up
    assert breaches(town, clock) == []
    assert last_day(again(town, clock)) == last_day(clock) + timedelta(days=1)


def test_without_that_look_the_same_check_sees_a_breach(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = plan_clock(town)
    edit(town, days(TUESDAY))
    town.clock.at = clock.due_at + timedelta(minutes=1)
    monkeypatch.setattr(sweeping, "recount", lambda *_args, **_more: None)
    sweep_clocks(town.office)
    assert breaches(town, clock) != []


def breaches(town: Town, clock: CaseClock) -> list[str]:
    with town.office.begin(SYSTEM) as work:
        found = work.session.exec(select(ClockEffect.effect).where(ClockEffect.clock_id == clock.id))
        return [one for one in found if one.startswith("breach")]


def test_edits_sweeps_stops_and_catching_up_at_once_lose_and_double_nothing(town: Town) -> None:
    clocks = [plan_clock(town) for _n in range(12)]
    due = clocks[0].due_at
    town.clock.at = due - timedelta(minutes=1)
    sweep_clocks(town.office)
    town.clock.at = due + timedelta(minutes=1)
    ready = threading.Barrier(5)
    acts: list[Callable[[], Any]] = [
        lambda: edit(town, days(TUESDAY)),
        lambda: [settle(town) for _n in range(3)],
        lambda: sweep_clocks(town.office),
        lambda: sweep_clocks(town.office),
        lambda: stop_plans(town, clocks[::3]),
    ]

    def run(act: Callable[[], Any]) -> Any:
        ready.wait()
        return act()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(run, acts))
    settle(town)
    sweep_clocks(town.office)
    for clock in clocks:
        now = again(town, clock)
        told = breaches(town, clock)
        assert len(told) == len(set(told))
        if now.state == ClockState.RUNNING:
            assert last_day(now) == last_day(clock) + timedelta(days=1)
            assert now.breached_at is None
        with town.office.begin(SYSTEM) as work:
            changes = work.session.exec(select(ClockChange).where(ClockChange.clock_id == clock.id)).all()
            assert len(changes) == (1 if now.due_at != clock.due_at else 0)


def stop_plans(town: Town, clocks: list[CaseClock]) -> None:
    for clock in clocks:
        with town.office.begin(SYSTEM) as work:
            stop(work, clock.case_id, "submit-plan")


def test_catching_up_goes_on_where_it_was_broken_off(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = [plan_clock(town) for _n in range(5)]
    monkeypatch.setattr("casework.deadlines.calendar.BATCH", 2)
    edit(town, days(TUESDAY))
    with town.office.begin(SYSTEM) as work:
        assert catch_up(work) == 2
    with pytest.raises(KeyboardInterrupt), town.office.begin(SYSTEM) as work:
        catch_up(work)
        raise KeyboardInterrupt
    with town.office.begin(SYSTEM) as work:
        assert behind(work) == 3
    assert settle(town) == 3
    assert {last_day(again(town, clock)) for clock in clocks} == {last_day(clocks[0]) + timedelta(days=1)}


def test_a_sweep_of_a_batch_holds_no_lock_that_an_act_on_the_case_waits_for_in_turn(town: Town) -> None:
    """An act holds the case and then wants its clock; catching up, and a sweep that has to count anew, hold clocks and must
    not wait for the case: they leave the clock to the next one."""
    clock = plan_clock(town)
    edit(town, days(TUESDAY))
    town.clock.at = clock.due_at + timedelta(minutes=1)
    with town.office.begin(SYSTEM) as act:
        act.session.connection().exec_driver_sql("set local lock_timeout = 2000")
        act.session.connection().exec_driver_sql(
            "select id from case_file where id = %(id)s for update", {"id": clock.case_id}
        )
        with town.office.begin(SYSTEM) as work:
            work.session.connection().exec_driver_sql("set local lock_timeout = 2000")
            assert catch_up(work) == 0
        with town.office.begin(SYSTEM) as work:
            claims = claim(work)
        with town.office.begin(SYSTEM) as work:
            work.session.connection().exec_driver_sql("set local lock_timeout = 2000")
            assert clock.id in {one.clock_id for one in claims} and fire(work, claims) == []
    assert breaches(town, clock) == [] and last_day(again(town, clock)) == last_day(clock)
    with town.office.begin(SYSTEM) as work:
        assert catch_up(work) == 1
    assert last_day(again(town, clock)) > last_day(clock)


# ---------------------------------------------------------------- how far the calendar knows


def test_the_shipped_calendar_covers_the_coming_six_months() -> None:
    """Fails on purpose once the next year's days off have to be entered into holidays.toml."""
    assert covers_months_ahead(calendar_of(load_law()), local(datetime.now(UTC)).date())


def test_one_day_entered_for_a_year_does_not_make_the_year_known() -> None:
    shipped = load_law()
    lonely = Holiday(date(2028, 1, 3), Text("Nghỉ", "Off"), "off", DECREE)
    calendar = calendar_of(shipped, [*shipped.holidays, lonely])
    assert known_until(calendar) == known_until(calendar_of(shipped)) == date(2027, 12, 31)
    assert covers_months_ahead(calendar, date(2027, 6, 30))
    assert not covers_months_ahead(calendar, date(2027, 7, 1))
    assert known_until(Calendar([])) == date.min
