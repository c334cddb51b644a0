"""Everything was down for six hours and two thousand limits have passed: `python -m tests.bench.downtime`.

The database is stopped, started again, and `casework jobs` after it. Ends with one line, and exits 1 if a limit was marked
twice, early or never, if the last one was marked later than a minute after the start, if a graver one waited for a lesser,
if a mark does not say how late it truly was, or if a telephone rang more often than it can be listened to.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import click

from tests.bench.clocks import MISSING, Marks, SmallOffice, new_office
from tests.bench.house import load_note

TICK = 1.0
DOWN_HOURS = 6
LIMIT_SECONDS = 60.0
PATIENCE_SECONDS = 300.0
RINGS = 8  # a digest of what was missed, one of what nobody took, and a few calls before the flood is noticed

# Rows of this run are those above :before.
MESSAGES = "select count(*) from missed_message"
CALLABLE = "select count(*) from alarm a join case_clock k on k.id = a.clock_id where k.cycle > :before" + (
    " and a.next_at <= clock_timestamp()"
)
DISORDER = """
select count(*) from (
    select k.due_at - k.started_at as length, max(k.due_at - k.started_at) over (order by a.seq) as longest
    from audit_entry a join case_clock k on k.id = a.object_id and k.cycle > :before
    where a.tag = 'clock:breached') as told where length < longest
"""
UNTRUE = """
select count(*) from case_clock k join clock_effect e on e.clock_id = k.id
where k.cycle > :before and (k.breached_at is null or abs(extract(epoch from k.breached_at - e.at)) > 1
    or k.breached_at <= k.due_at)
"""
LATE = "select extract(epoch from max(breached_at - due_at)) / 3600 from case_clock where cycle > :before"
MOST_RINGS = """
select coalesce(max(number), 0) from (
    select count(*) as number from notice where state <> 'kept' and created_at >= :since group by staff_id) as each
"""


@dataclass(frozen=True)
class Outcome:
    """`fired` and `told`: seconds from the start of the database until the last limit was marked, and told of."""

    clocks: int
    marks: Marks
    fired: float
    told: float
    disorder: int
    untrue: int
    latest_hours: float
    rings: int

    @property
    def good(self) -> bool:
        return self.marks.good and not self.disorder and not self.untrue and self.rings <= RINGS

    @property
    def prompt(self) -> bool:
        return self.fired <= LIMIT_SECONDS

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.good and self.prompt else 'FAILED'}: down for {DOWN_HOURS} h, {self.clocks} limits passed:"
            f" {self.marks}; all marked {self.fired:.1f} s after the start (limit {LIMIT_SECONDS:.0f}), all told and called"
            f" for after {self.told:.1f} s; {self.disorder} out of order, {self.untrue} with an untrue lateness (the"
            f" latest by {self.latest_hours:.1f} h); at most {self.rings} messages to one person; {load_note()}"
        )


def run(small: SmallOffice, *, clocks: int) -> Outcome:
    values = {"before": small.last_cycle}
    # The last of them passes a minute ago, the first six hours ago.
    small.spread(clocks, first=-DOWN_HOURS * 3600.0 - 60, apart=DOWN_HOURS * 3600 / clocks, kinds=3, ladders=True)
    small.office.engine.dispose()
    small.server.stop()
    began, since = time.monotonic(), small.office.clock.now()
    small.server.start()
    small.start_jobs(TICK)

    def count(query: str, **more: Any) -> float:
        return small.count(query, **values, **more)

    def until_none(query: str) -> float:
        while count(query) and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(0.2)
        return time.monotonic() - began

    fired = until_none(MISSING)
    told = max(until_none(MESSAGES), until_none(CALLABLE))
    small.stop_all()
    return Outcome(
        clocks=clocks,
        marks=small.marks(),
        fired=fired,
        told=told,
        disorder=int(count(DISORDER)),
        untrue=int(count(UNTRUE)),
        latest_hours=count(LATE),
        rings=int(count(MOST_RINGS, since=since)),
    )


@click.command()
@click.option("--clocks", default=2_000, show_default=True, type=click.IntRange(1))
def main(clocks: int) -> None:
    """Start again after six hours in which limits passed; then count what was marked, when, and how often a phone rang."""
    with new_office() as small:
        outcome = run(small, clocks=clocks)
    click.echo(outcome.line)
    if not (outcome.good and outcome.prompt):
        sys.exit(1)


if __name__ == "__main__":
    main()
