"""What may stand in one place only: whose cases somebody sees, when a change is kept, what time it is, who speaks."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "casework"
Rule = Callable[[ast.AST], bool]
Place = tuple[str, str]  # (path below the package, the function it stands in, "" for none)


def selects_cases(node: ast.AST) -> bool:
    """Rows of cases, or single columns of them, asked for anew: such a question does not know who asks."""
    if not (isinstance(node, ast.Call) and _name(node.func).split(".")[-1] == "select"):
        return False
    return any(_name(one).split(".")[0] == "Case" for one in node.args)


def commits(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"


def asks_the_machine_s_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    return (_name(node.value).split(".")[-1], node.attr) in CLOCKS


def imports_a_clock(node: ast.AST) -> bool:
    """`from time import time` would hide the clock's name."""
    return isinstance(node, ast.ImportFrom) and any((node.module or "", one.name) in CLOCKS for one in node.names)


def prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) == "print"


CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "localtime"), ("time", "gmtime"),
}  # fmt: skip

RULES: dict[str, Rule] = {
    "cases": selects_cases,
    "commit": commits,
    "clock": lambda node: asks_the_machine_s_clock(node) or imports_a_clock(node),
    "print": prints,
}

# Every place that may, with the reason. Whoever adds one says why here.
ALLOWED: dict[str, dict[Place, str]] = {
    "cases": {
        ("cases/queries.py", "scoped"): "the one question that knows who asks",
        ("cases/queries.py", "ageing"): "joined to the ids that `scoped` gave",
        ("cases/queries.py", "_these"): "by the ids that `scoped` gave a moment before",
        (
            "cases/queries.py",
            "_all_but_kept",
        ): "cases of one commune, compared by the program: one child may be reported twice",
        ("cases/queries.py", "count_by_state"): "numbers only",
        ("cases/queries.py", "any_case"): "by code, for who decides about it without reading it",
        ("oversight/breakglass.py", "own_openings"): "codes of what one has opened oneself",
        ("oversight/breakglass.py", "openings_of_province"): "codes of the province's own cases, for their review",
        ("cases/service.py", "_free_code"): "whether a code is taken",
    },
    "commit": {
        ("work.py", "Work"): "a unit of work is kept whole or not at all",
        (
            "people/throttle.py",
            "count_guess",
        ): "a guess is counted before it is checked, whatever becomes of the request",
        ("people/phones.py", "_count_pin"): "a PIN's try likewise",
    },
    "clock": {
        ("clock.py", "SystemClock"): "this is the clock",
        ("clock.py", "DrillClock"): "how long the machine ran since the drill began",
        ("deadlines/calendar.py", "catch_all_up"): "patience of a page that waits, on the machine's time",
        ("jobs/guard.py", "ClockGuard"): "what the office's clock is compared with",
        ("notices/outbox.py", "_send"): "how much of a lease of the database's time is used up",
        ("db.py", "EmbeddedServer"): "patience with a database that is starting: the machine's time, not the office's",
    },
    "print": {},
}
# Receipts: the reporter's own, or the queue of the hotline, in which no content of a case is read.
RECEIPTS = ("waiting_receipts", "accepted_receipts", "recent_receipts", "_own")
ALLOWED["cases"] |= {("intake/queries.py", name): "codes and states of reports, no content" for name in RECEIPTS}


def places(package: Path, rule: Rule) -> set[Place]:
    return {
        (path.relative_to(package).as_posix(), function)
        for path in sorted(package.rglob("*.py"))
        for function, node in _nodes(path)
        if rule(node)
    }


def _nodes(path: Path) -> Iterator[tuple[str, ast.AST]]:
    for top in ast.parse(path.read_text("utf-8")).body:
        name = top.name if isinstance(top, ast.FunctionDef | ast.ClassDef) else ""
        for node in ast.walk(top):
            yield name, node


def _name(node: ast.AST) -> str:
    """`col(Case.id)` reads as `Case.id`: wrapping a column does not hide it."""
    while isinstance(node, ast.Call) and node.args and _is_wrapper(node.func):
        node = node.args[0]
    return ast.unparse(node)


def _is_wrapper(node: ast.AST) -> bool:
    return ast.unparse(node) in {"col", "func.count", "func.max", "func.min", "distinct"}


@pytest.mark.parametrize("rule", RULES)
def test_only_the_places_that_may_do_it_do(rule: str) -> None:
    found = places(PACKAGE, RULES[rule])
    assert found <= ALLOWED[rule].keys(), "says no reason yet"
    assert found == ALLOWED[rule].keys(), "the list is out of date"


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        ("cases", "work.session.exec(select(Case))"),
        ("cases", "work.session.exec(select(Document, Case).join(Case))"),
        ("cases", "work.session.exec(select(Case.code))"),
        ("cases", "work.session.exec(select(col(Case.id)))"),
        ("cases", "work.session.exec(sqlmodel.select(Case))"),
        ("cases", "work.session.exec(select(func.count(Case.id)))"),
        ("commit", "work.session.commit()"),
        ("commit", "connection.commit()"),
        ("clock", "return datetime.now(UTC)"),
        ("clock", "return datetime.datetime.utcnow()"),
        ("clock", "return date.today()"),
        ("clock", "return time.time()"),
        ("clock", "f(default_factory=time.monotonic)"),
        ("clock", "from time import time"),
        ("print", "print(case)"),
    ],
)
def test_a_planted_one_is_found(tmp_path: Path, rule: str, planted: str) -> None:
    (tmp_path / "office.py").write_text(f"def act(work, case):\n    {planted}\n", "utf-8")
    assert places(tmp_path, RULES[rule]) == {("office.py", "act")}


@pytest.mark.parametrize(
    ("rule", "harmless"),
    [
        ("cases", "work.session.exec(select(CaseClock).join(Case))"),
        ("clock", "return office.clock.now()"),
        ("clock", "return work.now"),
        ("commit", "commit = case.commit"),
        ("print", "log.info('print')"),
    ],
)
def test_what_only_looks_like_it_is_let_through(tmp_path: Path, rule: str, harmless: str) -> None:
    (tmp_path / "office.py").write_text(f"def act(work, case):\n    {harmless}\n", "utf-8")
    assert places(tmp_path, RULES[rule]) == set()
