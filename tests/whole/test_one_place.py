"""What may be done in one place only: select whole cases, commit, read the machine's clock; and what nowhere: print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "casework"

# What is done → the only files that may do it, and why it is theirs.
PLACES: dict[str, dict[str, str]] = {
    "selects whole cases": {
        "cases/queries.py": "a list of cases is narrowed to what the person may see there",
        "intake/queries.py": "a report with the state of its case, for who received it: nothing sealed is opened",
    },
    "commits": {"work.py": "a piece of work is kept or dropped whole, at the door that began it"},
    "reads the machine's clock": {"clock.py": "time is asked of the clock that was passed in"},
    "prints": {},
}


def doings(source: str) -> Iterator[tuple[str, int]]:
    """(what, line) for each act of `PLACES` in a module's source."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="select"), args=[*asked]) if any(_is_case(one) for one in asked):
                yield "selects whole cases", node.lineno
            case ast.Call(func=ast.Attribute(attr="get" | "get_one" | "query"), args=[first, *_]) if _is_case(first):
                yield "selects whole cases", node.lineno
            case ast.Call(func=ast.Attribute(attr="commit")):
                yield "commits", node.lineno
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr="now" | "utcnow" | "today"):
                yield "reads the machine's clock", node.lineno
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns" | "localtime" | "gmtime"):
                yield "reads the machine's clock", node.lineno
            case ast.ImportFrom(module="time", names=names) if any(one.name == "time" for one in names):
                yield "reads the machine's clock", node.lineno
            case ast.Call(func=ast.Name(id="print" | "pprint" | "breakpoint")):
                yield "prints", node.lineno


def _is_case(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "Case"


def out_of_place(package: Path) -> list[str]:
    return [
        f"{path.relative_to(package).as_posix()}:{line} {what}"
        for path in sorted(package.rglob("*.py"))
        for what, line in doings(path.read_text("utf-8"))
        if path.relative_to(package).as_posix() not in PLACES[what]
    ]


def test_what_belongs_in_one_place_is_done_nowhere_else() -> None:
    assert out_of_place(PACKAGE) == []


def test_every_place_on_the_list_still_does_it() -> None:
    for what, files in PLACES.items():
        for name in files:
            assert what in {done for done, _ in doings((PACKAGE / name).read_text("utf-8"))}, f"{name} no longer {what}"


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        ("work.session.exec(select(Case)).all()", "selects whole cases"),
        ("select(Case, Unit).where(Case.code == code)", "selects whole cases"),
        ("work.session.get(Case, case_id)", "selects whole cases"),
        ("work.session.query(Case).all()", "selects whole cases"),
        ("work.session.commit()", "commits"),
        ("datetime.now(UTC)", "reads the machine's clock"),
        ("stamp(datetime.utcnow)", "reads the machine's clock"),
        ("date.today()", "reads the machine's clock"),
        ("time.time()", "reads the machine's clock"),
        ("from time import time", "reads the machine's clock"),
        ("print(values)", "prints"),
    ],
)
def test_a_planted_act_out_of_place_is_found(tmp_path: Path, planted: str, what: str) -> None:
    (tmp_path / "referral").mkdir()
    (tmp_path / "referral" / "service.py").write_text(f"import x\n\n{planted}\n", "utf-8")
    assert out_of_place(tmp_path) == [f"referral/service.py:3 {what}"]


@pytest.mark.parametrize("harmless", ["select(Case.id)", "work.now", "time.monotonic()", "clock.now()", "f(Case)"])
def test_what_only_looks_alike_is_let_be(tmp_path: Path, harmless: str) -> None:
    (tmp_path / "service.py").write_text(harmless, "utf-8")
    assert out_of_place(tmp_path) == []
