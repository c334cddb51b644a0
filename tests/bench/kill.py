"""The kill test: reports keep coming while web and jobs are killed with SIGKILL, again and again; then the books are read.

`python -m tests.bench.kill --kills 200` ends with one line and exits 1 if a report was lost, is half there or stands
twice, or if a clock fired twice.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import httpx

from casework.bootstrap import Office
from casework.clock import FrozenClock
from casework.jobs.posting import send_notices
from casework.jobs.runner import seal_trail, sweep_clocks
from casework.notices.queries import waiting
from casework.notices.rules import SEND_LEASE
from casework.work import SYSTEM
from tests.bench.house import House, answers, children, kill_group, load_note, new_house, stop
from tests.bench.ledger import Fault, Sent, Verdict, check, told

CLIENTS = 6
WORKERS = 2
UP_PATIENCE_SECONDS = 180  # nothing is judged by it: a busy machine imports slowly
COMMUNES = ("99001", "99002", "99003", "99004", "99005", "Nà Lũng", "một xã không ai biết")
NAMES = ("Vừ Mí Diễn", "Lò Thị Tập", "Giàng A Thử", "Nguyễn Thị Mẫu", "Trần Văn Ví", "Sùng A Phỏng")


@dataclass
class Books:
    """What all clients together have seen. Every method may be called from any thread."""

    sent: Sent = field(default_factory=Sent)
    faults: list[Fault] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str) -> None:
        with self._lock:
            self.sent.attempted.add(key)

    def note(self, what: str) -> None:
        with self._lock:
            self.tries[what] += 1

    def acknowledge(self, key: str, answer: dict[str, Any]) -> None:
        """Keeps an answer; a second one for the same key must be the same."""
        with self._lock:
            before = self.sent.acknowledged.setdefault(key, answer)
            if before != answer:
                self.faults.append(Fault("duplicate", f"{key}: answered {before['report']}, then {answer['report']}"))

    def fault(self, kind: str, words: str) -> None:
        with self._lock:
            self.faults.append(Fault(kind, words))


def report(chance: random.Random, key: str, name: str, commune: str) -> dict[str, Any]:
    """One report. A third was heard more than twelve hours ago, and some come due while the test runs."""
    late = chance.random()
    ago = timedelta(seconds=chance.randrange(1, 600))
    if late < 0.3:
        ago = timedelta(hours=12, minutes=chance.randrange(1, 3000))
    elif late < 0.5:
        ago = timedelta(hours=12) - timedelta(seconds=chance.randrange(1, 60))
    return {
        "received_at": (datetime.now(UTC) - ago).isoformat(timespec="seconds"),
        "incident_commune": commune,
        "danger_now": chance.choice((True, False, None)),
        "kinds": [chance.choice(("violence", "neglect"))],
        "child": {"name": name, "age_estimate": 9, "sex": "male"},
        "narrative": f"Nội dung diễn tập, số {key}",
        "external_id": key,
    }


class Client(threading.Thread):
    """Another system: sends a report with its own key until it hears 201, however often the line breaks."""

    def __init__(self, house: House, books: Books, number: int, seed: int, stopping: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self._house, self._books, self._number, self._stopping = house, books, number, stopping
        self._chance = random.Random(f"{seed}-{number}")

    def run(self) -> None:
        done, child = 0, ("", "")
        with httpx.Client(base_url=self._house.url, trust_env=False) as line:
            while not self._stopping.is_set():
                done += 1
                # Now and then a further report about the last child: it must join the case and be no less kept.
                if done % 7:
                    child = (f"{self._chance.choice(NAMES)} {self._number} {done}", self._chance.choice(COMMUNES))
                key = f"{self._number}-{done}"
                body = report(self._chance, key, *child)
                self._books.begin(key)
                if self._send_until_heard(line, key, body) and self._chance.random() < 0.05:
                    self._send(line, key, body, timeout=10)  # an answer that the sender mislaid
                self._stopping.wait(self._chance.uniform(0, 0.1))

    def _send_until_heard(self, line: httpx.Client, key: str, body: dict[str, Any]) -> bool:
        while not self._stopping.is_set():
            # Some hang up before the answer can have come, and ask again.
            patience = 0.02 if self._chance.random() < 0.05 else 10.0
            if self._send(line, key, body, timeout=patience):
                return True
            self._stopping.wait(self._chance.uniform(0.02, 0.2))
        return False

    def _send(self, line: httpx.Client, key: str, body: dict[str, Any], *, timeout: float) -> bool:
        headers = {"Authorization": f"Bearer {self._house.told['api_key']}", "Idempotency-Key": key}
        try:
            answer = line.post("/api/v1/reports", json=body, headers=headers, timeout=timeout)
        except httpx.TransportError:
            self._books.note("broken off")
            return False
        self._books.note(str(answer.status_code))
        if answer.status_code == 201:
            self._books.acknowledge(key, answer.json())
            return True
        if answer.status_code < 500:
            self._books.fault("lost", f"{key}: refused with {answer.status_code}")
            return True
        return False


class Yard:
    """The processes under fire: `casework serve` and `casework jobs`, each a process group."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house, self.chance = house, chance
        self.killed: Counter[str] = Counter()
        self.web = self._start_web()
        self.jobs = self._start_jobs()

    def kill_one(self) -> None:
        """One kill at a random moment: mostly while all is up, sometimes while a process is still starting."""
        if self.chance.random() < 0.85:
            self.wait_until_up()
            time.sleep(self.chance.uniform(0.05, 1.5))
        else:
            time.sleep(self.chance.uniform(0.0, 1.5))
        victim = self.chance.choices(("web", "worker", "jobs"), (4, 3, 3))[0]
        if victim == "worker":
            workers = children(self.web.pid)
            if workers:
                os.kill(self.chance.choice(workers), signal.SIGKILL)
                self.killed["worker"] += 1
                return
            victim = "web"
        self.killed[victim] += 1
        if victim == "web":
            kill_group(self.web)
            self.web = self._start_web()
        else:
            kill_group(self.jobs)
            self.jobs = self._start_jobs()

    def check_alive(self) -> None:
        """Raises RuntimeError if a process has ended by itself."""
        for process, name in ((self.web, "serve"), (self.jobs, "jobs")):
            if process.poll() is not None:
                said = (self.house.folder / f"{name}.log").read_text("utf-8")[-2000:]
                raise RuntimeError(f"casework {name} ended by itself with {process.returncode}:\n{said}")

    def close(self) -> None:
        for process in (self.web, self.jobs):
            if process.poll() is None:
                kill_group(process)

    def wait_until_up(self) -> None:
        limit = time.monotonic() + UP_PATIENCE_SECONDS
        while not answers(f"{self.house.url}/healthz"):
            self.check_alive()
            if time.monotonic() > limit:
                raise RuntimeError("the web did not come up again")
            time.sleep(0.05)

    def _start_web(self) -> subprocess.Popen[str]:
        return self.house.start("serve", "--port", str(self.house.port), "--workers", str(WORKERS))

    def _start_jobs(self) -> subprocess.Popen[str]:
        return self.house.start("jobs", "--every", "0.5")


@dataclass(frozen=True)
class Outcome:
    """What a kill test found. `killed` and `tries` count by what was killed and what a try met."""

    killed: Counter[str]
    attempted: int
    acknowledged: int
    tries: Counter[str]
    verdict: Verdict
    faults: tuple[Fault, ...]
    seconds: float

    @property
    def line(self) -> str:
        kinds = Counter(one.kind for one in self.faults)
        by = ", ".join(f"{number} {name}" for name, number in sorted(self.killed.items()))
        return (
            f"{'OK' if not self.faults else 'FAILED'}: {self.killed.total()} kills ({by}),"
            f" {self.acknowledged} reports acknowledged ({self.tries['broken off']} tries broken off),"
            f" {kinds['lost']} lost, {kinds['half']} half cases, {kinds['duplicate'] + kinds['invented']} duplicates,"
            f" {kinds['double']} double effects of {self.verdict.breaches} breaches, {kinds['unfired']} unfired,"
            f" {kinds['untold']} untold, audit trail of {self.verdict.entries}"
            f" {'sound' if not kinds['trail'] else 'BROKEN'}; {self.seconds:.0f} s, {load_note()}"
        )


def run(house: House, *, kills: int, seed: int, books: Books | None = None) -> Outcome:
    """Fires at a prepared demo and reads the books; `books` are those of what was fired at it before."""
    began, books, stopping = time.monotonic(), books or Books(), threading.Event()
    chance = random.Random(seed)
    clients = [Client(house, books, number, seed, stopping) for number in range(CLIENTS)]
    yard = Yard(house, chance)
    try:
        for client in clients:
            client.start()
        with _bar(kills, "kills") as step:
            for _ in range(kills):
                yard.kill_one()
                step(1)
        yard.wait_until_up()
        wait_for_some(books, len(books.sent.acknowledged) + 2 * CLIENTS)
        stopping.set()
        for client in clients:
            client.join(30)
            if client.is_alive():
                raise RuntimeError(f"{client.name} hangs")
        for process in (yard.web, yard.jobs):
            stop(process)
    finally:
        stopping.set()
        yard.close()
    swept_at = settle(house)
    with _bar(100, "books") as step:
        share = [0]

        def progress(done: int, total: int) -> None:
            now = done * 100 // total
            step(now - share[0])
            share[0] = now

        office = house.office()
        verdict = check(office, books.sent, swept_at, progress)
        office.engine.dispose()
    return Outcome(
        yard.killed,
        len(books.sent.attempted),
        len(books.sent.acknowledged),
        books.tries,
        verdict,
        (*books.faults, *verdict.faults),
        time.monotonic() - began,
    )


def settle(house: House) -> datetime:
    """What the next ticks would do: fire what is due, send what waits (also what a killed sender had claimed), seal.

    Returns the moment of the sweep (UTC).
    """
    office = house.office()
    now = office.clock.now()
    sweep_clocks(replace(office, clock=FrozenClock(now)))
    after_lease = time.monotonic() + SEND_LEASE.total_seconds() + 5  # the database's time, which nobody can move
    while waits(office) and time.monotonic() < after_lease:
        send_notices(replace(office, clock=FrozenClock(now + 2 * SEND_LEASE)))
        time.sleep(0.2)
    seal_trail(office)
    office.engine.dispose()
    return now


def waits(office: Office) -> int:
    """How many messages are not yet with the provider."""
    with office.begin(SYSTEM) as work:
        return waiting(work)


def wait_for_some(books: Books, number: int) -> None:
    """Until so many reports are acknowledged. Raises RuntimeError if none is any more."""
    limit = time.monotonic() + UP_PATIENCE_SECONDS
    while len(books.sent.acknowledged) < number:
        if time.monotonic() > limit:
            raise RuntimeError("no report is acknowledged any more")
        time.sleep(0.05)


@contextmanager
def _bar(length: int, label: str) -> Iterator[Any]:
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


@click.command()
@click.option("--kills", default=200, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=56, show_default=True, help="Of the harness's own chances; the machine adds its own.")
def main(kills: int, seed: int) -> None:
    """Kill web and jobs at random moments while reports come in; then count what is lost, half or twice."""
    with new_house() as house:
        outcome = run(house, kills=kills, seed=seed)
        click.echo(outcome.line)
        if outcome.faults:
            click.echo(told(outcome.faults))
            sys.exit(1)


if __name__ == "__main__":
    main()
