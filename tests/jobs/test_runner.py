"""The office's pulse: ticking twice, or in two places, changes nothing more."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text
from sqlmodel import select

from casework.audit.anchorfile import read_anchor
from casework.audit.models import AuditCheckpoint
from casework.audit.verifier import verify
from casework.intake.service import receive_report
from casework.jobs.runner import seal_trail, start_jobs, tick
from casework.notices.models import Delivery, Notice
from casework.people.queries import last_beat
from casework.work import SYSTEM
from tests.conftest import Town

TABLES = ("case_clock", "clock_effect", "notice", "audit_entry", "heartbeat", "case_file", "report")


def overdue_case(town: Town) -> None:
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Nghe tiếng khóc"}
        receive_report(work, values, received_at=work.now)
    town.clock.advance(hours=13)


def rows(town: Town) -> dict[str, list[Any]]:
    with town.office.begin(SYSTEM) as work:
        connection = work.session.connection()
        return {
            table: sorted(str(tuple(row)) for row in connection.execute(text(f"select * from {table}")))
            for table in TABLES
        }


def test_a_second_tick_leaves_the_same_rows(town: Town) -> None:
    overdue_case(town)
    tick(town.office)
    once = rows(town)
    tick(town.office)
    assert rows(town) == once
    assert len(once["clock_effect"]) == 2


def test_two_processes_ticking_at_once_do_the_work_of_one(town: Town) -> None:
    overdue_case(town)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: tick(town.office), range(2)))
    tick(town.office)
    with town.office.begin(SYSTEM) as work:
        notices = work.session.exec(select(Notice)).all()
    assert {(notice.state, notice.attempts) for notice in notices} == {(Delivery.ACCEPTED, 1)}
    assert len(rows(town)["clock_effect"]) == 2


def test_each_tick_says_that_the_jobs_are_alive(town: Town) -> None:
    town.clock.advance(minutes=3)
    tick(town.office)
    with town.office.begin(SYSTEM) as work:
        assert last_beat(work) == work.now


def test_sealing_anchors_what_it_sealed_and_a_quiet_office_seals_nothing(town: Town) -> None:
    seal_trail(town.office)
    seal_trail(town.office)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(AuditCheckpoint)).all()) == 1
        assert len(read_anchor(town.office.settings.anchor_file)) == 1
        assert verify(work.session, town.office.keys, town.office.settings.anchor_file).ok


def test_started_jobs_do_what_is_due_by_themselves(town: Town) -> None:
    overdue_case(town)
    scheduler = start_jobs(town.office, every=0.1)
    until = time.monotonic() + 10
    while not rows(town)["heartbeat"] and time.monotonic() < until:
        time.sleep(0.05)
    scheduler.shutdown(wait=True)
    assert len(rows(town)["clock_effect"]) == 2
