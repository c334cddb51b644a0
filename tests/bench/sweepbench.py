"""How fast the sweep is, beside APScheduler's own job store: `python -m tests.bench.sweepbench`.

In one run, on one database: an idle sweep with ten thousand and with a million open limits; a hundred thousand limits that
are due, fired by the sweep (effect, audit entry and message, each once); then as many by APScheduler's SQLAlchemy job
store with one job a limit whose function does the very same to its one limit, and once more with a function that does
nothing, which is the store alone. APScheduler is given `--seconds` and judged by what it did in them. Exits 1 if an idle
sweep with all open limits takes more than 5 ms, or a limit was marked twice or never.
"""

from __future__ import annotations

import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import click
import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from casework.bootstrap import Office, open_office
from casework.db import OWNER_ROLE, EmbeddedServer, make_engine
from casework.deadlines.sweeping import claim, fire
from casework.jobs.runner import sweep_clocks
from casework.settings import Settings
from casework.work import SYSTEM
from tests.bench.clocks import Marks, SmallOffice, new_office
from tests.bench.house import load_note

IDLE_LIMIT_MS = 5.0
IDLE_TIMES = 60
THREADS = 10  # APScheduler's own number
DAY = 86_400.0
LONG_AGO = -3_600.0
DUE_IDS = "select id from case_clock where state = 'running' and next_at <= now()"
DONE = f"select count(*) from ({DUE_IDS}) as left_over"
JOBS_LEFT = "select count(*) from apscheduler_jobs"


@dataclass(frozen=True)
class Store:
    """What APScheduler did in `seconds`. `taken`: jobs gone from its table; `done`: limits marked."""

    name: str
    taken: int
    done: int
    seconds: float
    bare: bool

    @property
    def rate(self) -> float:
        return (self.taken if self.bare else self.done) / self.seconds

    @property
    def line(self) -> str:
        lost = "" if self.bare else f"; killed then: {self.taken - self.done} jobs gone from its table and never done"
        return f"{self.name:<52}{self.rate:8.0f} rows/s{lost}"


@dataclass(frozen=True)
class Outcome:
    """Milliseconds of an idle sweep with few and with many open limits; limits fired a second, late and on time."""

    few: int
    many: int
    idle_few: float
    idle_many: float
    due: int
    late_rate: float
    prompt_rate: float
    marks: Marks
    stores: tuple[Store, ...]

    @property
    def good(self) -> bool:
        """But for the idle sweep's limit, which a machine that does other things cannot be held to."""
        return self.marks.good

    @property
    def quick(self) -> bool:
        return self.idle_many <= IDLE_LIMIT_MS

    @property
    def lines(self) -> list[str]:
        same, bare = self.stores
        verdict = "OK" if self.good and self.quick else "FAILED"
        times, store_times = (self.late_rate / max(one.rate, 0.001) for one in self.stores)
        return [
            f"{f'idle sweep, {self.few:,} open limits':<52}{self.idle_few:8.2f} ms",
            f"{f'idle sweep, {self.many:,} open limits':<52}{self.idle_many:8.2f} ms"
            f" (limit {IDLE_LIMIT_MS:.0f}), {self.idle_many / self.idle_few:.2f} times as long",
            f"{'sweep, due for an hour (told in digests)':<52}{self.late_rate:8.0f} rows/s",
            f"{'sweep, due just now (two messages a limit)':<52}{self.prompt_rate:8.0f} rows/s",
            same.line,
            bare.line,
            f"{verdict}: {self.due:,} due limits {times:.1f} times as fast as APScheduler's job store doing the same"
            f" ({store_times:.1f} times its store alone); {self.marks}; {load_note()}",
        ]


def run(small: SmallOffice, *, few: int, many: int, due: int, seconds: float, step: Callable[[str], None]) -> Outcome:
    step("few open limits")
    small.spread(few, first=DAY, apart=0.01)
    sweep_clocks(small.office)  # what the office's own few cases have due
    idle_few = idle(small.office)
    step("due limits, swept")
    small.spread(due, first=LONG_AGO, apart=-0.001)
    late_rate = swept(small)
    small.spread(due // 10, first=-1.0, apart=-0.001)
    prompt_rate = swept(small)
    stores = []
    for name, job in (("APScheduler's job store, doing the same", mark), ("APScheduler's job store alone", nothing)):
        step(name)
        small.spread(due, first=LONG_AGO, apart=-0.001)
        stores.append(stored(small, name, job, seconds))
        sweep_clocks(small.office)
    step("many open limits")
    small.spread(many - few, first=DAY, apart=0.01)
    sweep_clocks(small.office)
    idle_many = idle(small.office)
    return Outcome(few, many, idle_few, idle_many, due, late_rate, prompt_rate, small.marks(), tuple(stores))


def idle(office: Office) -> float:
    """Milliseconds of a sweep that finds nothing due, at the half."""
    taken = []
    for _time in range(IDLE_TIMES):
        began = time.perf_counter()
        sweep_clocks(office)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def swept(small: SmallOffice) -> float:
    """Limits fired a second by one sweeper."""
    began = time.perf_counter()
    handled = sweep_clocks(small.office)
    return handled / (time.perf_counter() - began)


# ---------------------------------------------------------------- APScheduler's job store


@cache
def office_of(folder: str) -> Office:
    """One for all of a process's jobs: a job carries only what can be pickled."""
    path = Path(folder)
    return open_office(Settings(data_dir=path, key_file=path / "keys" / "office.key"))


def mark(folder: str, clock_id: str) -> None:
    """A job: does to one limit what the sweep does to it."""
    with office_of(folder).begin(SYSTEM) as work:
        fire(work, claim(work, among=[UUID(clock_id)]))


def nothing(_folder: str, _clock_id: str) -> None:
    """A job that does nothing."""


def stored(small: SmallOffice, name: str, job: Callable[[str, str], None], seconds: float) -> Store:
    """Gives APScheduler a job for every due limit, lets it run for so long, and kills it."""
    total = fill(small, job)
    command = [sys.executable, "-m", "tests.bench.sweepbench", "--scheduler", str(small.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline(), "the scheduler did not start"
            began, left = time.monotonic(), total
            while left and time.monotonic() < began + seconds:
                time.sleep(min(0.5, seconds / 10))
                left = _count(small, JOBS_LEFT if job is nothing else DONE)
            took = time.monotonic() - began
        finally:
            process.kill()
    return Store(name, total - _count(small, JOBS_LEFT), total - _count(small, DONE), took, bare=job is nothing)


def fill(small: SmallOffice, job: Callable[[str, str], None]) -> int:
    """Writes the jobs as APScheduler itself writes them, at once instead of one by one. Returns how many."""
    folder = str(small.folder)
    engine = make_engine(small.server.url(OWNER_ROLE))
    scheduler = scheduler_of(engine)
    scheduler.start(paused=True)
    scheduler.remove_all_jobs()
    one = scheduler.add_job(job, "date", run_date=datetime.now(UTC), args=(folder, ""), misfire_grace_time=None)
    state = one.__getstate__()
    when = one.next_run_time.timestamp()
    scheduler.remove_all_jobs()
    scheduler.shutdown()
    engine.dispose()  # its thread asks the store once more after it was told to end
    with psycopg.connect(small.server.url(OWNER_ROLE)) as owner:
        ids = [str(row[0]) for row in owner.execute(DUE_IDS.encode())]
        with owner.cursor().copy(
            "copy apscheduler_jobs (id, next_run_time, job_state) from stdin (format binary)"
        ) as copy:
            copy.set_types(("varchar", "float8", "bytea"))
            for clock_id in ids:
                copy.write_row((clock_id, when, pickle.dumps({**state, "id": clock_id, "args": (folder, clock_id)})))
    with psycopg.connect(small.server.url(OWNER_ROLE), autocommit=True) as owner:
        owner.execute("analyze apscheduler_jobs")
    return len(ids)


def scheduler_of(engine: Engine) -> BackgroundScheduler:
    """APScheduler with its own job store in the office's database, as its own defaults have it."""
    return BackgroundScheduler(
        timezone="UTC",
        jobstores={"default": SQLAlchemyJobStore(engine=engine)},
        executors={"default": ThreadPoolExecutor(THREADS)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


def _count(small: SmallOffice, query: str) -> int:
    with psycopg.connect(small.server.url(OWNER_ROLE)) as owner:
        row = owner.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


@click.command()
@click.option("--few", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--many", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--due", default=100_000, show_default=True, type=click.IntRange(10))
@click.option("--seconds", default=120.0, show_default=True, help="How long APScheduler may run, each time.")
@click.option("--scheduler", "folder", hidden=True, type=click.Path(path_type=Path))
def main(few: int, many: int, due: int, seconds: float, folder: Path | None) -> None:
    """Time the sweep of limits, idle and busy, beside APScheduler's own job store on the same database."""
    if folder is not None:
        scheduler = scheduler_of(make_engine(EmbeddedServer(folder).url(OWNER_ROLE), pool_size=THREADS))
        office_of(str(folder))
        click.echo("ready")
        scheduler.start()
        while True:
            time.sleep(3600)
    with new_office() as small:
        outcome = run(small, few=few, many=many, due=due, seconds=seconds, step=lambda what: click.echo(what, err=True))
    for line in outcome.lines:
        click.echo(line)
    if not (outcome.good and outcome.quick):
        sys.exit(1)


if __name__ == "__main__":
    main()
