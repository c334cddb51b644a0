"""The office's pulse: ticking twice, or in two places, changes nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, text
from sqlmodel import col, select

from casework.audit.anchorfile import read_anchor
from casework.audit.models import AuditCheckpoint
from casework.audit.verifier import verify
from casework.deadlines.models import CaseClock
from casework.intake.service import receive_report
from casework.jobs.posting import tell_again
from casework.jobs.runner import seal_trail, send, start_jobs, sweep_clocks, tick
from casework.notices.models import Delivery, Notice, NoticeAttempt
from casework.notices.relay import BATCH
from casework.notices.senders import ConsoleSender, Fate, Outgoing
from casework.notices.service import About, notify
from casework.people.models import Staff
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


# ---------------------------------------------------------------- asked to end


def claimed(town: Town) -> int:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(func.count()).where(col(CaseClock.leased_until).is_not(None))).one()


def test_a_sweep_asked_to_end_claims_no_more_and_leaves_nothing_claimed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _n in range(3):
        overdue_case(town)
    monkeypatch.setattr("casework.jobs.runner.CLAIM", 2)
    asked = iter([False, False])
    assert sweep_clocks(town.office, lambda: next(asked, True)) == 2
    assert claimed(town) == 0
    assert sweep_clocks(town.office) == 4


@dataclass
class Ending(ConsoleSender):
    """Hands one message over, and by then the process has been asked to end."""

    asked: bool = False

    def send(self, message: Outgoing) -> Fate:
        self.asked = True
        return super().send(message)


def test_a_sender_asked_to_end_finishes_one_message_and_gives_the_others_back(town: Town) -> None:
    for _n in range(3):
        overdue_case(town)
    sweep_clocks(town.office)
    line = Ending()
    send(replace(town.office, sms=line), lambda: line.asked)
    with town.office.begin(SYSTEM) as work:
        notices = work.session.exec(select(Notice).where(Notice.state != Delivery.KEPT)).all()
        attempts = work.session.exec(select(NoticeAttempt)).all()
    assert [one.state for one in attempts] == [Delivery.ACCEPTED]
    waiting = [one for one in notices if one.id != attempts[0].notice_id]
    assert len(waiting) == 4  # of one claim
    assert {(one.state, one.attempts, one.leased_until) for one in waiting} == {(Delivery.READY, 0, None)}
    send(town.office)
    with town.office.begin(SYSTEM) as work:
        assert not work.session.exec(select(Notice).where(Notice.state == Delivery.READY)).all()


def test_telling_again_asked_to_end_leaves_the_rest_for_later(town: Town) -> None:
    """After a standstill thousands may wait: whoever is asked to end takes no further fifty."""
    with town.office.begin(SYSTEM) as work:
        worker = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        for _ in range(2 * BATCH):
            notify(work, worker, text_id="deadline-passed", about=About(None, "TE-26-AAAAAA")).relay_at = work.now

    def waiting() -> int:
        with town.office.begin(SYSTEM) as work:
            return work.session.exec(select(func.count()).where(col(Notice.relay_at) <= work.now)).one()

    asked = iter((False, True))
    tell_again(town.office, lambda: next(asked))
    assert waiting() == BATCH
    tell_again(town.office)
    assert waiting() == 0


def test_the_process_ends_by_itself_when_it_is_asked_to(town: Town) -> None:
    environment = os.environ | {
        "CASEWORK_DATABASE_URL": town.database.url,
        "CASEWORK_KEY_FILE": str(town.office.settings.key_file),
        "CASEWORK_DATA_DIR": str(town.office.settings.data_dir),
    }
    command = [str(Path(sys.executable).with_name("casework")), "jobs", "--every", "0.1"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not rows(town)["heartbeat"] and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert claimed(town) == 0
