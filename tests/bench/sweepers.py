"""Many sweepers and a killer: ten thousand limits come due while `casework jobs` is killed with SIGKILL, again and again.

`python -m tests.bench.sweepers --clocks 10000 --sweepers 4 --kills 50` ends with one line and exits 1 if a limit was marked
twice or never, or if one in a hundred was marked later than a tick and a second after its time.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy import text

from casework.bootstrap import Office, open_office
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer
from casework.demo.world import build_world
from casework.intake.service import receive_report
from casework.migrate import upgrade
from casework.people.rules import Role
from casework.settings import from_environment
from casework.vault.keys import create_key_file
from casework.work import SYSTEM, Actor
from tests.bench.house import CASEWORK, kill_group, load_note

TICK = 1.0
CASES = 20
AHEAD = timedelta(seconds=10)  # the sweepers are up before the first limit is due
PATIENCE = timedelta(seconds=120)
NOW = "clock_timestamp()"

SPREAD = f"""
insert into case_clock (id, case_id, case_code, rule, cycle, edition, owner_unit_id, province_id, state,
    started_at, due_at, warn_at, counted, next_at, fence)
select gen_random_uuid(), c.id, c.code, 'acknowledge', 100 + n, c.edition, c.responsible_unit_id, c.province_id, 'running',
    due - interval '15 minutes', due, '[]', '[]', due, 0
from (select n, {NOW} + make_interval(secs => :ahead + n / :rate) as due from generate_series(1, :clocks) n) s
join (select *, row_number() over (order by id) as place from case_file) c on c.place = 1 + s.n % :cases
"""  # a constant of this file
LATENESS = """
select percentile_cont(0.5) within group (order by late), percentile_cont(0.99) within group (order by late), max(late)
from (select extract(epoch from e.at - k.due_at) as late from case_clock k join clock_effect e on e.clock_id = k.id
      where k.cycle > 100) as each
"""
TWICE = """
select (select count(*) from (select object_id from audit_entry where tag = 'clock:breached'
            group by object_id having count(*) > 1) as a)
     + (select count(*) from (select clock_id from clock_effect where effect like 'breach:%'
            group by clock_id having count(*) > 1) as b)
"""
EARLY = "select count(*) from case_clock k join clock_effect e on e.clock_id = k.id where e.at < k.due_at"
UNMARKED = """
select count(*) from case_clock k where k.cycle > 100 and not exists
    (select from audit_entry a where a.object_id = k.id and a.tag = 'clock:breached')
"""


@dataclass(frozen=True)
class Outcome:
    """What is written down at the end. Lateness in seconds after the due time."""

    clocks: int
    sweepers: int
    kills: int
    twice: int
    early: int
    unmarked: int
    half: float
    p99: float
    worst: float
    seconds: float

    @property
    def good(self) -> bool:
        return not (self.twice or self.early or self.unmarked)

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.good else 'FAILED'}: {self.clocks} limits, {self.sweepers} sweepers, {self.kills} kills:"
            f" {self.twice} twice, {self.early} early, {self.unmarked} never; late by {self.half:.2f} s in the middle,"
            f" {self.p99:.2f} s at p99, {self.worst:.2f} s at worst (tick {TICK:.0f} s); {self.seconds:.0f} s, {load_note()}"
        )


@dataclass
class Yard:
    """The sweepers: real `casework jobs` processes; whoever is killed is started again at once."""

    folder: Path
    environment: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> None:
        with (self.folder / "jobs.log").open("ab") as sink:
            self.running.append(
                subprocess.Popen(
                    [str(CASEWORK), "jobs", "--every", str(TICK)],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    text=True,
                    process_group=0,
                )
            )

    def kill_one(self, chance: random.Random) -> None:
        kill_group(self.running.pop(chance.randrange(len(self.running))))
        self.start()

    def close(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(30)


@contextmanager
def new_office() -> Iterator[tuple[Office, Path, dict[str, str]]]:
    """An office with the invented province and a few cases in a folder of its own, and the environment that finds it."""
    folder = Path(tempfile.mkdtemp(prefix="casework-bench-")).resolve()
    server = EmbeddedServer(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CASEWORK_")}
    environment = {**kept, "CASEWORK_DATA_DIR": str(folder)}
    server.start()
    try:
        settings = from_environment(environment)
        create_key_file(settings.key_file)
        upgrade(server.url(OWNER_ROLE), APP_ROLE)
        office = open_office(settings)
        with office.begin(SYSTEM) as work:
            world = build_world(work, password="mat khau dien tap")  # an invented account's
            hotline = next(one for one in world.accounts if one.role == Role.HOTLINE)
        for number in range(CASES):
            with office.begin(Actor(id=None, role=hotline.role)) as work:
                values = {"incident_commune": "99001", "danger_now": "no", "narrative": f"Nội dung diễn tập {number}"}
                receive_report(work, values, received_at=work.now)
        yield office, folder, environment
        office.engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(folder)


def run(*, clocks: int, sweepers: int, kills: int, rate: float, seed: int = 56) -> Outcome:
    """`rate` limits come due a second; the kills are spread over that time."""
    began, chance = time.monotonic(), random.Random(seed)
    with new_office() as (office, folder, environment):
        yard = Yard(folder, environment)
        try:
            for _number in range(sweepers):
                yard.start()
            # Importing takes a while on a busy machine; the first limits must find somebody.
            time.sleep(AHEAD.total_seconds())
            with office.engine.begin() as connection:
                numbers = {"ahead": 1.0, "rate": rate, "clocks": clocks, "cases": CASES}
                connection.execute(text(SPREAD), numbers)
            with click.progressbar(length=kills, label="kills", file=sys.stderr) as bar:
                for _kill in range(kills):
                    time.sleep(clocks / rate / kills * chance.uniform(0.5, 1.5))
                    yard.kill_one(chance)
                    bar.update(1)
            _wait_until_marked(office, clocks)
        finally:
            yard.close()
        with office.engine.connect() as connection:
            half, p99, worst = connection.execute(text(LATENESS)).one()
            twice, early, unmarked = (connection.scalar(text(query)) for query in (TWICE, EARLY, UNMARKED))
    took = time.monotonic() - began
    return Outcome(
        clocks, sweepers, kills, twice or 0, early or 0, unmarked or 0, float(half), float(p99), float(worst), took
    )


def _wait_until_marked(office: Office, clocks: int) -> None:
    """Returns when everything is marked, or nothing more happens for a while: what is missing is then counted."""
    until, left = time.monotonic() + PATIENCE.total_seconds(), clocks
    while left and time.monotonic() < until:
        time.sleep(TICK)
        with office.engine.connect() as connection:
            now = connection.scalar(text(UNMARKED)) or 0
        if now < left:
            until, left = time.monotonic() + PATIENCE.total_seconds(), now


@click.command()
@click.option("--clocks", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--sweepers", default=4, show_default=True, type=click.IntRange(1, 16))
@click.option("--kills", default=50, show_default=True, type=click.IntRange(0))
@click.option("--rate", default=50.0, show_default=True, help="Limits that come due a second.")
@click.option("--seed", default=56, show_default=True)
def main(clocks: int, sweepers: int, kills: int, rate: float, seed: int) -> None:
    """Kill sweepers at random moments while limits come due; then count what was marked twice, early, late or never."""
    outcome = run(clocks=clocks, sweepers=sweepers, kills=kills, rate=rate, seed=seed)
    click.echo(outcome.line)
    if not outcome.good or outcome.p99 > TICK + 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
