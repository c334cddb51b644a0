"""Many sweepers and a killer: ten thousand limits come due while `casework jobs` is killed with SIGKILL, again and again.

`python -m tests.bench.sweepers --clocks 10000 --sweepers 4 --kills 50` ends with one line and exits 1 if a limit was marked
twice, early or never, or if one in a hundred was marked later than a tick and a second after its time.

Then a part of that again, in which sweepers are stopped (SIGSTOP) for longer than their lease and go on afterwards: what they
had claimed is marked by others by then, and they add nothing to it.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import click
from sqlalchemy import text

from casework.deadlines.sweeping import LEASE
from casework.work import SYSTEM
from tests.bench.clocks import MISSING, Marks, SmallOffice, new_office
from tests.bench.house import load_note

TICK = 1.0
PATIENCE = timedelta(seconds=120)
BEYOND_LEASE = LEASE + timedelta(seconds=3)
LATENESS = """
select percentile_cont(0.5) within group (order by late), percentile_cont(0.99) within group (order by late), max(late)
from (select extract(epoch from e.at - k.due_at) as late from case_clock k join clock_effect e on e.clock_id = k.id
      where k.cycle > :before) as each
"""


@dataclass(frozen=True)
class Outcome:
    """What is written down at the end. Lateness in seconds after the due time."""

    clocks: int
    sweepers: int
    kills: int
    stops: int
    marks: Marks
    half: float
    p99: float
    worst: float
    seconds: float

    @property
    def good(self) -> bool:
        return self.marks.good

    @property
    def prompt(self) -> bool:
        return self.p99 <= TICK + 1

    @property
    def fine(self) -> bool:
        """What a stopped sweeper holds is late by its lease: how late is promised of killed ones only."""
        return self.good and (self.prompt or self.stops > 0)

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.fine else 'FAILED'}: {self.clocks} limits, {self.sweepers} sweepers,"
            f" {self.kills} kills, {self.stops} stopped past the lease: {self.marks}; late by {self.half:.2f} s in the"
            f" middle, {self.p99:.2f} s at p99, {self.worst:.2f} s at worst (tick {TICK:.0f} s, limit {TICK + 1:.0f} s at"
            f" p99); {self.seconds:.0f} s, {load_note()}"
        )


def run(
    small: SmallOffice, *, clocks: int, sweepers: int, kills: int, rate: float, stops: int = 0, seed: int = 56
) -> Outcome:
    """`rate` limits come due a second; the kills are spread over that time. `stops` sweepers more are stopped at once,
    and wake when all others are done and their leases are over."""
    began, chance = time.monotonic(), random.Random(seed)
    for _number in range(sweepers + stops):
        small.start_jobs(TICK)
    small.wait_until_up()
    before = small.last_cycle
    small.spread(clocks, first=2 * TICK, apart=1 / rate)
    stopped = small.running[:stops]
    time.sleep(2 * TICK + chance.uniform(0, TICK) if stops else 0)
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    asleep = time.monotonic()
    with click.progressbar(length=kills, label="kills", file=sys.stderr) as bar:
        for _kill in range(kills):
            time.sleep(clocks / rate / kills * chance.uniform(0.5, 1.5))
            small.kill(chance.choice(small.running[stops:]))
            small.start_jobs(TICK)
            bar.update(1)
    _wait_until_marked(small, clocks)
    if stopped:
        wake(stopped, asleep)
    small.stop_all()
    marks = small.marks()
    with small.office.begin(SYSTEM) as work:  # row security shows nothing to who does not say for whom they look
        half, p99, worst = work.session.connection().execute(text(LATENESS), {"before": before}).one()
    took = time.monotonic() - began
    return Outcome(clocks, sweepers, kills, stops, marks, float(half), float(p99), float(worst), took)


def wake(stopped: list[subprocess.Popen[str]], asleep: float) -> None:
    """Lets them go on once their leases are over, and gives them two ticks to do harm."""
    time.sleep(max(0.0, asleep + BEYOND_LEASE.total_seconds() - time.monotonic()))
    for process in stopped:
        process.send_signal(signal.SIGCONT)
    time.sleep(2 * TICK)


def _wait_until_marked(small: SmallOffice, clocks: int) -> None:
    """Returns when everything is marked, or nothing more happens for a while: what is missing is then counted."""
    wait_for_progress(lambda: _unmarked(small), clocks)


def wait_for_progress(left_now: Callable[[], int], left: int) -> None:
    until = time.monotonic() + PATIENCE.total_seconds()
    while left and time.monotonic() < until:
        time.sleep(TICK)
        now = left_now()
        if now < left:
            until, left = time.monotonic() + PATIENCE.total_seconds(), now


def _unmarked(small: SmallOffice) -> int:
    return int(small.count(MISSING))


@click.command()
@click.option("--clocks", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--sweepers", default=4, show_default=True, type=click.IntRange(1, 16))
@click.option("--kills", default=50, show_default=True, type=click.IntRange(0))
@click.option("--stops", default=2, show_default=True, type=click.IntRange(0, 8), help="Sweepers stopped and resumed.")
@click.option("--rate", default=30.0, show_default=True, help="Limits that come due a second.")
@click.option("--seed", default=56, show_default=True)
def main(clocks: int, sweepers: int, kills: int, stops: int, rate: float, seed: int) -> None:
    """Kill sweepers at random moments while limits come due; then count what was marked twice, early, late or never."""
    with new_office() as small:
        outcomes = [run(small, clocks=clocks, sweepers=sweepers, kills=kills, rate=rate, seed=seed)]
        click.echo(outcomes[0].line)
        if stops:
            part = max(1, clocks // 20)
            outcomes.append(run(small, clocks=part, sweepers=2, kills=0, rate=rate, stops=stops, seed=seed))
            click.echo(outcomes[1].line)
    if not all(one.fine for one in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
