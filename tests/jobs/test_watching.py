"""The office's own time is watched: a clock that jumped and a tick that fell silent are written down and told, once each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.clock import FrozenClock, SystemClock
from casework.jobs.guard import ClockGuard
from casework.jobs.runner import guarded_pulse
from casework.jobs.watching import note_silence
from casework.notices.models import Notice
from casework.notices.queries import standing
from casework.people.models import Heartbeat
from casework.people.service import beat
from casework.work import SYSTEM
from tests.conftest import Town

T0 = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def told(town: Town, text_id: str) -> int:
    with town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(Notice).where(Notice.text_id == text_id)).all())


def written(town: Town, tag: Tag) -> int:
    with town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)).all())


def test_a_jump_is_noticed_once_and_a_drill_s_first_tick_is_none() -> None:
    clock, ticks = FrozenClock(T0), iter(range(0, 100, 5))
    guard = ClockGuard(clock, elapsed=lambda: float(next(ticks)))
    seen = []
    for step in (0, 5, 3600, 3600, 5, 5, -3600):
        clock.advance(seconds=step)
        believed = guard.agrees()
        seen.append((believed, guard.just_jumped))
    assert seen == [
        (False, False), (True, False), (False, True), (False, False), (True, False), (True, False), (False, True),
    ]  # fmt: skip


class Lying(SystemClock):
    """The machine's clock, an hour ahead of the database's."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def test_a_clock_that_is_not_the_database_s_is_written_down_by_the_database_s_and_told_once(town: Town) -> None:
    office = replace(town.office, clock=Lying())
    guard = ClockGuard(office.clock)
    assert [guarded_pulse(office, guard) for _ in range(2)] == [False, False]
    assert written(town, Tag.TIME_JUMPED) == 1 and told(town, "clock-jumped") == 1
    with town.office.begin(SYSTEM) as work:
        (entry,) = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.TIME_JUMPED)).all()
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=30)
    assert not guarded_pulse(office, ClockGuard(office.clock))  # another process
    assert told(town, "clock-jumped") == 1


def test_a_silent_tick_is_told_once_a_silence(town: Town) -> None:
    assert not note_silence(town.office)  # it never ran
    for silence in (1, 2):
        with town.office.begin(SYSTEM) as work:
            beat(work)
        town.clock.advance(seconds=50)
        assert not note_silence(town.office)
        town.clock.advance(minutes=5)
        assert [note_silence(town.office) for _ in range(2)] == [True, False]
        assert written(town, Tag.TICK_LOST) == silence == told(town, "tick-lost")


def test_every_page_of_who_can_mend_it_says_so(town: Town) -> None:
    administrator = town.act_as("administrator").id
    assert administrator is not None
    with town.office.begin(SYSTEM) as work:
        assert not standing(work, administrator).asleep
        beat(work)
    town.clock.advance(minutes=2)
    with town.office.begin(SYSTEM) as work:
        assert standing(work, administrator).asleep
        assert not standing(work, administrator, patience=timedelta(hours=1)).asleep
        work.session.connection().execute(update(Heartbeat).values(at=work.now).where(col(Heartbeat.name) == "jobs"))
        assert not standing(work, administrator).asleep
