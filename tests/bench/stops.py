"""PostgreSQL is stopped hard, again and again, under load: `python -m tests.bench.stops --stops 20`.

Reports come in, limits pass and messages leave while the server is stopped "immediate" (no shutdown: it recovers from its
log) and started again. Web and jobs are never touched: they have to go on by themselves. Ends with one line, and exits 1
if an acknowledged report was lost or doubled, an effect or a message was lost or happened twice, or a process ended.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass

import click

from tests.bench.house import House, answers, load_note, new_house, stop
from tests.bench.kill import CLIENTS, Books, Client, Yard, settle, wait_for_some
from tests.bench.ledger import Fault, Verdict, check, told

DOWN_SECONDS = 30.0
FIRST_CLIENT = 100  # a kill test's are below


@dataclass(frozen=True)
class Outcome:
    """`recovery`: seconds after the server is back until the next report was acknowledged, at worst."""

    stops: int
    acknowledged: int
    verdict: Verdict
    faults: tuple[Fault, ...]
    recovery: float
    seconds: float

    @property
    def line(self) -> str:
        count = self.verdict.count
        return (
            f"{'FAILED' if self.faults else 'OK'}: {self.stops} immediate stops of PostgreSQL,"
            f" {self.acknowledged} reports acknowledged: {count('lost')} lost, {count('half')} half, {count('duplicate')}"
            f" duplicates, {count('double')} double effects of {self.verdict.breaches} breaches, {count('unfired')} unfired,"
            f" {count('untold')} untold, {count('trail')} faults in a trail of {self.verdict.entries}; web and jobs went on"
            f" by themselves, reports again {self.recovery:.1f} s after the server at worst; {self.seconds:.0f} s,"
            f" {load_note()}"
        )


def run(house: House, *, stops: int, seed: int, books: Books | None = None) -> Outcome:
    """Stops the server of a prepared demo under load and reads the books; `books` are those of an earlier kill test."""
    began, books, stopping, chance = time.monotonic(), books or Books(), threading.Event(), random.Random(seed)
    clients = [Client(house, books, FIRST_CLIENT + number, seed, stopping) for number in range(CLIENTS)]
    yard, recovery = Yard(house, chance), 0.0
    first = (yard.web, yard.jobs)
    try:
        yard.wait_until_up()
        for client in clients:
            client.start()
        with click.progressbar(length=stops, label="stops", file=sys.stderr) as bar:
            for _stop in range(stops):
                wait_for_some(books, len(books.sent.acknowledged) + CLIENTS)
                time.sleep(chance.uniform(0.0, 1.0))
                stop_immediately(house)
                time.sleep(chance.uniform(0.0, 2.0))
                house.server.start()
                back, before = time.monotonic(), len(books.sent.acknowledged)
                wait_for_some(books, before + 1)
                recovery = max(recovery, time.monotonic() - back)
                yard.check_alive()
                bar.update(1)
        wait_for_some(books, len(books.sent.acknowledged) + 2 * CLIENTS)
        stopping.set()
        for client in clients:
            client.join(60)
        yard.check_alive()
        assert (yard.web, yard.jobs) == first and answers(f"{house.url}/healthz")
        for process in first:
            stop(process)
    finally:
        stopping.set()
        yard.close()
    swept_at = settle(house)
    office = house.office()
    verdict = check(office, books.sent, swept_at)
    office.engine.dispose()
    faults = (*books.faults, *verdict.faults)
    return Outcome(stops, len(books.sent.acknowledged), verdict, faults, recovery, time.monotonic() - began)


def stop_immediately(house: House) -> None:
    """What `pg_ctl -m immediate` does: every backend ends where it stands, nothing is written down. Returns when it is gone."""
    pid = int((house.server.cluster / "postmaster.pid").read_text("ascii").split()[0])
    os.kill(pid, signal.SIGQUIT)
    until = time.monotonic() + DOWN_SECONDS
    while _lives(pid):
        if time.monotonic() > until:
            raise RuntimeError("the server does not stop")
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@click.command()
@click.option("--stops", default=20, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=20, show_default=True)
def main(stops: int, seed: int) -> None:
    """Stop PostgreSQL hard under load; then count what is lost, half or twice."""
    with new_house() as house:
        outcome = run(house, stops=stops, seed=seed)
        click.echo(outcome.line)
        if outcome.faults:
            click.echo(told(outcome.faults))
            sys.exit(1)


if __name__ == "__main__":
    main()
