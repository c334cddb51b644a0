"""What the two walls cost: `python -m tests.bench.scope --cases 10000`.

The same pages of the same office, with the scope and row security and without both, in turn: each page is asked of one and
then of the other, and each pair is compared by itself, so that a busy machine weighs on both alike. "Without" exists
in here alone: a copy of the database in which its owner has taken row security away, a scope that is a plain filter by
the reader's own office, and transactions that are told nothing. Both must answer the same page.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import click
import psycopg
from flask.testing import FlaskClient
from sqlalchemy import ColumnElement, FromClause, null, or_

from casework.access.queries import ByName
from casework.access.rowsecurity import GUARDED
from casework.access.rules import ALLOW
from casework.app import create_app
from casework.bootstrap import Office, open_office
from casework.cases import queries
from casework.clock import SystemClock
from casework.db import DATABASE, OWNER_ROLE
from casework.demo.cases import seed_cases
from casework.demo.office import Demo, prepare_demo
from casework.people.rules import Role
from casework.settings import Settings
from casework.tables import metadata
from casework.web.logs import configure_logs
from casework.work import Actor
from tests.bench.house import free_port, load_note
from tests.bench.pages import HOME_COMMUNE
from tests.web.conftest import Browser

LIMIT = 1.1
COPY = "bare"
WARM_UP = 12  # a connection plans a statement anew five times before it keeps the plan


@dataclass(frozen=True)
class Compared:
    """One kind of page: the milliseconds with both walls and without, pair by pair as they were asked one after the other."""

    name: str
    pairs: Sequence[tuple[float, float]]

    @property
    def walled(self) -> float:
        return median(one for one, _bare in self.pairs)

    @property
    def bare(self) -> float:
        return median(one for _walled, one in self.pairs)

    @property
    def ratio(self) -> float:
        """How many times as long: the median of the pairs, as the machine's own pace changes more between two pairs than
        within one."""
        return median(walled / bare for walled, bare in self.pairs)

    @property
    def line(self) -> str:
        return f"{self.name:<34} with {self.walled:6.2f} ms  without {self.bare:6.2f} ms  {self.ratio:5.3f} x"


@dataclass(frozen=True)
class Outcome:
    cases: int
    compared: Sequence[Compared]

    @property
    def worst(self) -> Compared:
        return max(self.compared, key=lambda one: one.ratio)

    @property
    def ok(self) -> bool:
        return self.worst.ratio <= LIMIT

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.ok else 'FAILED'}: {self.cases} cases; the dearest is {self.worst.name}:"
            f" {self.worst.ratio:.3f} x (limit {LIMIT}); {load_note()}"
        )


@contextmanager
def without_walls() -> Iterator[None]:
    """Nothing is asked of the policy, and no transaction is told whose it is."""
    unknown = (null().label("kept_from"), null().label("let_in"))
    with ExitStack() as stack:
        stack.enter_context(patch("casework.cases.queries.visible_to", _own_office))
        stack.enter_context(patch("casework.cases.queries.by_name", lambda *_: ByName()))
        for name, said in _SAID_ONCE.items():
            stack.enter_context(patch(f"casework.cases.queries.{name}", said))
        stack.enter_context(patch("casework.cases.queries.with_access", lambda *_: unknown))
        stack.enter_context(patch("casework.cases.queries.may_read_case", lambda *_: ALLOW))
        stack.enter_context(patch("casework.work.enter", lambda *_: False))
        yield


# What the program puts together once is put together once here too.
_SAID_ONCE = {name: cache(getattr(queries, name).__wrapped__) for name in ("_finding", "_scope", "_these")}


def _own_office(actor: Actor, _now: Any, case: FromClause, _named: Any = None) -> ColumnElement[bool]:
    """What a list that guards nothing would still ask: it is opened to read of one's own commune, or province."""
    if actor.role == Role.SUPERVISOR:
        return case.c.province_id == actor.unit_id
    own = (case.c[name] == actor.unit_id for name in ("responsible_unit_id", "incident_unit_id", "residence_unit_id"))
    return or_(*own)


@contextmanager
def two_offices(
    folder: Path, cases: int, real: int, step: Callable[[int], None]
) -> Iterator[tuple[Demo, Office, Office]]:
    """The demo's office with so many cases, and the same without row security. `real` of them went through the use cases;
    the rest are copies of their rows, due later and so on no page that is asked for: only the tables are as long as many
    cases make them."""
    url = f"http://127.0.0.1:{free_port()}"
    demo = prepare_demo(folder, SystemClock(), public_url=url, reset=False, say=lambda _: None)
    try:
        with _opened(demo.settings) as office:
            seed_cases(office, real, lambda done, _all: step(done))
        _multiply(demo, cases)
        demo.server.create_database(COPY, DATABASE)
        for name in (DATABASE, COPY):
            _prepare(demo, name, bare=name == COPY)
        elsewhere = replace(demo.settings, database_url=demo.server.url(database=COPY))
        with _opened(demo.settings) as walled, _opened(elsewhere) as bare:
            yield demo, walled, bare
    finally:
        demo.server.stop()


@contextmanager
def _opened(settings: Settings) -> Iterator[Office]:
    office = open_office(settings)
    try:
        yield office
    finally:
        office.engine.dispose()


@contextmanager
def _owner(demo: Demo, name: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(demo.server.url(OWNER_ROLE, name), autocommit=True) as owner:
        yield owner


def _multiply(demo: Demo, cases: int) -> None:
    with _owner(demo, DATABASE) as owner:
        have = _number(owner, "select count(*) from case_file")
        owner.execute("set session_replication_role = replica")
        owner.execute(
            "create temp table copied as select c.id as old, gen_random_uuid() as new, n from case_file c,"
            " generate_series(1, %s) n order by n, c.id limit %s",
            [-(-max(0, cases - have) // have), max(0, cases - have)],
        )
        for model, changed in _COPIES.items():
            table = metadata.tables[model]
            values = [changed.get(one.name, _CHANGED.get(one.name, f't."{one.name}"')) for one in table.columns]
            key = "id" if model == "case_file" else "case_id"
            owner.execute(
                f"insert into {model} ({', '.join(one.name for one in table.columns)})"
                f" select {', '.join(values)} from {model} t join copied m on m.old = t.{key}"
            )


_CHANGED = {
    "id": "gen_random_uuid()",
    "case_id": "m.new",
    "code": "t.code || '-' || m.n",
    "case_code": "t.case_code || '-' || m.n",
}
_LATER = {"due_at": "t.due_at + interval '2000 days'", "next_at": "null", "subject_id": "null"}
_COPIES: Mapping[str, Mapping[str, str]] = {
    "case_file": {
        "id": "m.new",
        "soonest_at": "t.soonest_at + interval '2000 days'",
        "limit_at": "t.limit_at + interval '2000 days'",
    },
    "document": {},
    "case_clock": _LATER,
    "report": {},
    "name_bucket": {},
}


def _prepare(demo: Demo, name: str, *, bare: bool) -> None:
    with _owner(demo, name) as owner:
        for one in GUARDED if bare else ():
            owner.execute(f"alter table {one.table} no force row level security")
            owner.execute(f"alter table {one.table} disable row level security")
        # What autovacuum would do within a minute: the planner knows the rows, and need not visit them to see their age.
        owner.execute("vacuum analyze")


def _number(owner: psycopg.Connection[Any], query: str) -> int:
    row = owner.execute(query).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _unchecked() -> Iterator[None]:
    """The copy's office opens although its wall is down."""
    with patch("casework.bootstrap.check_row_security", lambda *_: None):
        yield


def compare(demo: Demo, walled: Office, bare: Office, *, times: int, step: Callable[[int], None]) -> list[Compared]:
    """Asks each kind of page `times` times of both offices in turn."""
    found = []
    for role in ("supervisor", "worker"):
        with_walls, without = _sign_in(demo, walled, role), _sign_in(demo, bare, role)
        for name, paths in _pages(demo, role, times).items():
            with without_walls():
                bare_page = without.get(paths[0]).get_data(as_text=True)
            if _cases_on(with_walls.get(paths[0]).get_data(as_text=True)) != _cases_on(bare_page):
                raise RuntimeError(f"{role}: {name}: not the same page with the walls and without")
            pairs: list[tuple[float, float]] = []
            for number, path in enumerate(paths):
                taken: dict[bool, float] = {}
                for walls in (True, False) if number % 2 else (False, True):
                    if walls:
                        taken[walls] = _ask(with_walls, path)
                    else:
                        with without_walls():
                            taken[walls] = _ask(without, path)
                if number >= WARM_UP:
                    pairs.append((taken[True], taken[False]))
                step(1)
            found.append(Compared(f"{role}: {name}", pairs))
    return found


def _sign_in(demo: Demo, office: Office, role: str) -> FlaskClient:
    account = next(one for one in demo.world.accounts if one.role == role)
    person = Browser(create_app(office).test_client(), account.username)
    typed = {"username": account.username, "password": account.password}
    answer = person.submit("/dang-nhap", typed, page="/dang-nhap")
    if answer.status_code != 303:
        raise RuntimeError(f"{role} could not sign in: {answer.status_code}")
    return person.client


def _cases_on(page: str) -> list[str]:
    found = re.findall(r'href="/ca/([^"/?#]+)', page)
    if not found:
        raise RuntimeError("no case on the page: it takes more --cases, or more --real ones")
    return found


def _ask(client: FlaskClient, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return taken


def _pages(demo: Demo, role: str, times: int) -> dict[str, list[str]]:
    commune = HOME_COMMUNE if role == "worker" else "%"
    with _owner(demo, DATABASE) as owner:
        codes = owner.execute(
            "select c.code from case_file c join unit u on u.id = c.responsible_unit_id where u.code like %s"
            " and length(c.code) = (select min(length(code)) from case_file) order by c.code",
            [commune],
        ).fetchall()
    asked = times + WARM_UP
    chosen = random.Random(56).choices([code for (code,) in codes], k=asked)
    return {
        "list, first page": ["/ca"] * asked,
        "list, late": ["/ca?han=qua-han"] * asked,
        "a case": [f"/ca/{code}" for code in chosen],
    }


KINDS_OF_PAGE = 2 * 3


def run(folder: Path, *, cases: int, real: int, times: int) -> Outcome:
    asked = KINDS_OF_PAGE * (times + WARM_UP)
    with (
        click.progressbar(length=real, label="cases", file=sys.stderr) as seeding,
        _unchecked(),
        two_offices(folder, cases, real, lambda done: seeding.update(done - seeding.pos)) as (demo, walled, bare),
        click.progressbar(length=asked, label="pages", file=sys.stderr) as asking,
    ):
        return Outcome(cases, compare(demo, walled, bare, times=times, step=asking.update))


@click.command()
@click.option("--cases", default=10_000, show_default=True, type=click.IntRange(1))
@click.option(
    "--real", default=400, show_default=True, type=click.IntRange(1), help="How many go through the use cases."
)
@click.option("--times", default=200, show_default=True, type=click.IntRange(5), help="How often each page is asked.")
def main(cases: int, real: int, times: int) -> None:
    """Compare pages with the scope and row security to the same pages without."""
    folder = Path(tempfile.mkdtemp(prefix="casework-bench-")).resolve()
    configure_logs(StringIO())  # a line a page would bury the answer
    try:
        outcome = run(folder / "demo", cases=cases, real=real, times=times)
    finally:
        shutil.rmtree(folder)
    for one in outcome.compared:
        click.echo(one.line)
    click.echo(outcome.line)
    if not outcome.ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
