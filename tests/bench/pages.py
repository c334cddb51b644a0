"""How long a page takes with many cases in the office: `python -m tests.bench.pages --cases 10000`.

Real `casework serve`, real sign-in, one browser or more at once. Each page is set beside /healthz of the same run, which asks
the database nothing: on a busy machine the ratio says more than the milliseconds.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import click
import httpx
import psycopg
from sqlalchemy import text

from casework.db import OWNER_ROLE
from casework.work import SYSTEM
from tests.bench.house import House, kept_house, load_note, new_house

LIMIT_MS = 150.0
HOME_COMMUNE = "99001"
WARM_UP = 12  # a connection plans a statement anew ten times before it keeps the plan
LAST_PAGE = re.compile(r"trang=(\d+)")
HEALTH = "/healthz"


@dataclass(frozen=True)
class Timing:
    """One kind of page: milliseconds at the half and at 19 of 20, and how many times /healthz's half that is."""

    name: str
    p50: float
    p95: float
    ratio: float

    @property
    def line(self) -> str:
        return f"{self.name:<34} p50 {self.p50:6.1f} ms  p95 {self.p95:6.1f} ms  {self.ratio:5.1f} x {HEALTH}"


@dataclass(frozen=True)
class Outcome:
    cases: int
    seed_seconds: float
    timings: Sequence[Timing]

    @property
    def slowest(self) -> Timing:
        return max(self.timings, key=lambda one: one.p95)

    @property
    def ok(self) -> bool:
        return self.slowest.p95 <= LIMIT_MS

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.ok else 'FAILED'}: {self.cases} cases seeded in {self.seed_seconds:.0f} s; slowest is"
            f" {self.slowest.name}: p95 {self.slowest.p95:.0f} ms (limit {LIMIT_MS:.0f}); {load_note()}"
        )


def seed(house: House, cases: int) -> float:
    """Adds what is lacking to `cases` with the office's own command; returns the seconds it took."""
    lacking = cases - len(_codes(house, None))
    began = time.monotonic()
    if lacking > 0:
        house.run("seed", "--cases", str(lacking))
    taken = time.monotonic() - began
    # What autovacuum would do within minutes, and would do beside the first pages: the planner knows how many rows there are
    # now, and need not visit them to see their age.
    with psycopg.connect(house.server.url(OWNER_ROLE), autocommit=True) as owner:
        owner.execute("vacuum analyze")
    return taken


def measure(house: House, *, times: int, readers: int, step: Callable[[int], None]) -> list[Timing]:
    """Asks each kind of page `times` times, so many browsers at once. The house must be served."""
    with httpx.Client(base_url=house.url, timeout=30, trust_env=False) as nobody:
        idle = _ask([nobody], [HEALTH] * times, step)
    timings = [_timing(HEALTH, idle, idle)]
    for role in ("supervisor", "worker"):
        browsers = [house.sign_in(role) for _ in range(readers)]
        for name, paths in _pages(house, role, browsers[0], times).items():
            _ask(browsers, paths[: WARM_UP * readers], lambda _: None)  # what only the first of a connection pay
            timings.append(_timing(f"{role}: {name}", _ask(browsers, paths, step), idle))
        for browser in browsers:
            browser.close()
    return timings


KINDS_OF_PAGE = 1 + 2 * 5


def _pages(house: House, role: str, browser: httpx.Client, times: int) -> dict[str, list[str]]:
    first = browser.get("/ca?tat-ca=1")
    first.raise_for_status()
    last = max(map(int, LAST_PAGE.findall(first.text)), default=1)
    codes = _codes(house, HOME_COMMUNE if role == "worker" else None)
    cases = random.Random(56).choices(codes, k=times)
    return {
        "list, first page": ["/ca"] * times,
        "list, late": ["/ca?han=qua-han"] * times,
        "list, a stage and a risk": ["/ca?buoc=initial-assessment&nguy-co=unassessed"] * times,
        "list of all, last page": [f"/ca?tat-ca=1&trang={last}"] * times,
        "a case": [f"/ca/{code}" for code in cases],
    }


def _codes(house: House, commune: str | None) -> list[str]:
    office = house.office()
    with office.begin(SYSTEM) as work:
        query = (
            "select c.code from case_file c join unit u on u.id = c.responsible_unit_id"
            " where cast(:commune as text) is null or u.code = :commune order by c.code"
        )
        codes = list(work.session.execute(text(query), {"commune": commune}).scalars())
    office.engine.dispose()
    return codes


def _ask(browsers: Sequence[httpx.Client], paths: Sequence[str], step: Callable[[int], None]) -> list[float]:
    """Milliseconds of each answer, the paths shared out among the browsers. Raises HTTPStatusError for any but 200."""

    def one(number: int) -> float:
        browser = browsers[number % len(browsers)]
        began = time.perf_counter()
        answer = browser.get(paths[number])
        taken = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"{paths[number]} answered {answer.status_code}")
        step(1)
        return taken

    def share(first: int) -> list[float]:
        return [one(number) for number in range(first, len(paths), len(browsers))]

    with ThreadPoolExecutor(len(browsers)) as pool:
        return [taken for part in pool.map(share, range(len(browsers))) for taken in part]


def _timing(name: str, taken: Sequence[float], idle: Sequence[float]) -> Timing:
    cuts = quantiles(taken, n=20, method="inclusive")
    return Timing(name, cuts[9], cuts[18], cuts[9] / quantiles(idle, n=2)[0])


def run(house: House, *, cases: int, times: int, readers: int) -> Outcome:
    seconds = seed(house, cases)
    with house.serving(), click.progressbar(length=KINDS_OF_PAGE * times, label="pages", file=sys.stderr) as bar:
        timings = measure(house, times=times, readers=readers, step=bar.update)
    return Outcome(cases, seconds, timings)


@click.command()
@click.option("--cases", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--times", default=200, show_default=True, type=click.IntRange(20), help="How often each page is asked.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="A demo's folder to measure in again: only what lacks is seeded."
)
@click.option("--readers", default=2, show_default=True, type=click.IntRange(1, 8), help="How many browsers at once.")
def main(cases: int, times: int, data: Path | None, readers: int) -> None:
    """Time the list of cases and the page of a case in an office with many cases."""
    with kept_house(data) if data else new_house() as house:
        outcome = run(house, cases=cases, times=times, readers=readers)
    for one in outcome.timings:
        click.echo(one.line)
    click.echo(outcome.line)
    if not outcome.ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
