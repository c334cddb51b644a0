"""Finds every place that reads a table of cases by itself instead of through `cases.queries.scoped`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlmodel import SQLModel

import casework.tables  # noqa: F401 - fills SQLModel.metadata

CASE_TABLE = "case_file"
ASKING = frozenset(
    (
        "select",
        "select_columns",
        "select_rows",
        "exists",
        "update",
        "delete",
        "aliased",
        "join",
        "outerjoin",
        "select_from",
    )
)
FETCHING = frozenset(("get", "get_one"))
PACKAGE = Path(__file__).resolve().parents[2] / "casework"


def tables_of_cases() -> frozenset[str]:
    """The table of cases, those that carry a case's id, and whatever hangs on one of them."""
    every = SQLModel.metadata.tables.values()
    found = {CASE_TABLE} | {one.name for one in every if {"case_id", "scope_id"} & set(one.columns.keys())}
    while more := {one.name for one in every if one.name not in found and _points_to(one, found)}:
        found |= more
    return frozenset(found)


def _points_to(table: Table, names: set[str]) -> bool:
    return any(key.target_fullname.rsplit(".", 1)[0].rsplit(".")[-1] in names for key in table.foreign_keys)


def models_of_cases() -> frozenset[str]:
    """Class names of those tables."""
    names = tables_of_cases()
    return frozenset(one.__name__ for one in _subclasses(SQLModel) if getattr(one, "__tablename__", "") in names)


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    found: list[type[Any]] = kind.__subclasses__()
    for one in found:
        yield one
        yield from _subclasses(one)


def raw_selects(source: str, module: str, models: frozenset[str], tables: frozenset[str]) -> set[tuple[str, str]]:
    """("module.function", table or model) of every statement over a table of cases in this source."""
    finder = _Finder(module, models, tables)
    finder.visit(ast.parse(source))
    return finder.found


def all_raw_selects(package: Path = PACKAGE) -> set[tuple[str, str]]:
    models, tables = models_of_cases(), tables_of_cases()
    found: set[tuple[str, str]] = set()
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        found |= raw_selects(path.read_text("utf-8"), module, models, tables)
    return found


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str, models: frozenset[str], tables: frozenset[str]) -> None:
        self.models, self.tables = models, tables
        self.place = [module]
        self.found: set[tuple[str, str]] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in ASKING or (name in FETCHING and _is_session(node.func)):
            for argument in node.args:
                for model in self._models_in(argument):
                    self._note(model)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            words = node.value.lower().split()
            for before, after in pairwise(words):
                name = after.strip("();,").rsplit(".", 1)[-1]
                if before in ("from", "join", "update", "into") and name in self.tables:
                    self._note(name)

    def _models_in(self, node: ast.AST) -> Iterator[str]:
        return (one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in self.models)

    def _note(self, what: str) -> None:
        # A part that begins with an underscore inside a function still counts for the function.
        self.found.add((".".join(self.place[:2] if len(self.place) > 1 else [*self.place, "<module>"]), what))


def _is_session(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and "session" in ast.unparse(function.value)
