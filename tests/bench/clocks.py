"""An office of its own with the invented province, and limits put into it by the thousand: for the benches of the sweep."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from casework.bootstrap import Office, open_office
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer, make_engine
from casework.demo.world import build_world
from casework.intake.service import receive_report
from casework.migrate import upgrade
from casework.people.rules import Role
from casework.settings import from_environment
from casework.vault.keys import create_key_file
from casework.work import SYSTEM, Actor
from tests.bench.house import CASEWORK, START_PATIENCE_SECONDS, kill_group, stop

CASES = 20
FIRST_CYCLE = 100  # above what any real case reaches: which rows are the bench's own

# Limits of three lengths in turn, due one after the other from `first` seconds after now (before now: negative).
SPREAD = f"""
insert into case_clock (id, case_id, case_code, rule, cycle, edition, owner_unit_id, province_id, state,
    started_at, due_at, warn_at, counted, next_at, fence)
select gen_random_uuid(), c.id, c.code, kind.rule, :from + n, c.edition, c.responsible_unit_id,
    c.province_id, 'running', due - kind.length, due, '[]', '[]', due, 0
from (select n, clock_timestamp() + make_interval(secs => :first + n * :apart) as due
      from generate_series(1, :clocks) n) s
join (values (0, 'acknowledge', interval '15 minutes'), (1, 'emergency', interval '12 hours'),
      (2, 'submit-plan', interval '7 days')) as kind (place, rule, length) on kind.place = s.n % :kinds
join (select *, row_number() over (order by id) as place from case_file) c on c.place = 1 + s.n % {CASES}
"""  # constants of this file
LADDERS = """
insert into alarm (id, clock_id, case_id, case_code, ladder, rung, next_at, since)
select gen_random_uuid(), id, case_id, case_code, case rule when 'submit-plan' then 'days' else rule end, 0, started_at,
    started_at from case_clock where cycle > :from
"""  # constants of this file

TWICE = """
select (select count(*) from (select object_id from audit_entry where tag = 'clock:breached'
            group by object_id having count(*) > 1) as a)
     + (select count(*) from (select clock_id from clock_effect where effect like 'breach:%'
            group by clock_id having count(*) > 1) as b)
"""
EARLY = "select count(*) from case_clock k join clock_effect e on e.clock_id = k.id where e.at < k.due_at"
MISSING = f"""
select count(*) from case_clock k where k.cycle > {FIRST_CYCLE} and k.due_at <= clock_timestamp() + interval '1 hour'
    and not exists (select from audit_entry a where a.object_id = k.id and a.tag = 'clock:breached')
"""  # those that were given a day are only there to be many


@dataclass(frozen=True)
class Marks:
    """How many limits were marked twice, before their time, or not at all."""

    twice: int
    early: int
    unmarked: int

    @property
    def good(self) -> bool:
        return not (self.twice or self.early or self.unmarked)

    def __str__(self) -> str:
        return f"{self.twice} twice, {self.early} early, {self.unmarked} never"


def count(office: Office, query: str, **values: object) -> float:
    """What one number of the database is, 0 for none. Asked as the office itself: to who does not say for whom they look
    row security shows nothing, and nothing would ever be missing."""
    with office.begin(SYSTEM) as work:
        return float(work.session.connection().scalar(text(query), values) or 0)


def marks(office: Office) -> Marks:
    return Marks(*(int(count(office, query)) for query in (TWICE, EARLY, MISSING)))


@dataclass
class SmallOffice:
    """An office in a folder of its own; `environment` is what its processes find it by."""

    office: Office
    server: EmbeddedServer
    folder: Path
    environment: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    last_cycle: int = FIRST_CYCLE  # of what was put in so far

    def spread(self, clocks: int, *, first: float, apart: float, kinds: int = 1, ladders: bool = False) -> None:
        """Puts so many limits in, written by the owner: the first `first` seconds from now, then one every `apart`.

        `kinds` of 3 gives limits of fifteen minutes, twelve hours and seven days in turn; `ladders` puts each on its
        ladder.
        """
        numbers = {"clocks": clocks, "first": first, "apart": apart, "kinds": kinds, "from": self.last_cycle}
        owner = make_engine(self.server.url(OWNER_ROLE))
        with owner.begin() as connection:
            connection.exec_driver_sql("set local statement_timeout = 0")
            connection.execute(text(SPREAD), numbers)
            if ladders:
                connection.execute(text(LADDERS), {"from": self.last_cycle})
            connection.exec_driver_sql("analyze case_clock, alarm")
        owner.dispose()
        self.last_cycle += clocks

    def marks(self) -> Marks:
        return marks(self.office)

    def count(self, query: str, **values: object) -> float:
        return count(self.office, query, **values)

    def start_jobs(self, tick: float) -> subprocess.Popen[str]:
        """`casework jobs` in a process group of its own."""
        with (self.folder / "jobs.log").open("ab") as sink:
            process = subprocess.Popen(
                [str(CASEWORK), "jobs", "--every", str(tick)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                text=True,
                process_group=0,
            )
        self.running.append(process)
        return process

    def wait_until_up(self) -> None:
        """Until every process that was started speaks to the database. Raises RuntimeError if one does not."""
        until = time.monotonic() + START_PATIENCE_SECONDS
        while not all(_has_line(process.pid) for process in self.running):
            if time.monotonic() > until:
                raise RuntimeError((self.folder / "jobs.log").read_text("utf-8")[-2000:])
            time.sleep(0.1)

    def kill(self, process: subprocess.Popen[str]) -> None:
        self.running.remove(process)
        kill_group(process)

    def stop_all(self) -> None:
        for process in self.running:
            stop(process, 60)
        self.running.clear()


def _has_line(pid: int) -> bool:
    """Whether a process holds a socket: what ticks has none but the database's."""
    try:
        return any(os.readlink(one).startswith("socket:") for one in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:
        return False  # a descriptor that was closed while we looked, or the process has ended


@contextmanager
def new_office() -> Iterator[SmallOffice]:
    """An office with the invented province and a few cases; it ends, and its folder goes, with the block."""
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
        small = SmallOffice(office, server, folder, environment)
        try:
            yield small
        finally:
            small.stop_all()
            office.engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(folder)
