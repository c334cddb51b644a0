"""Finds, without running it, whatever in the program could write a case's state."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# These rooms lie below `cases`, whose rows they cannot even name (the layers in pyproject.toml hold that).
BELOW = {"errors", "clock", "settings", "db", "law", "vault", "work", "audit", "people", "notices", "deadlines"}
MODEL = "Case"
BULK = {"update", "insert", "bulk_update_mappings", "bulk_insert_mappings", "bulk_save_objects"}
MAKERS = {"model_validate", "model_construct", "parse_obj", "from_orm"}


@dataclass(frozen=True)
class Writer:
    """A place that could write a case's state: `function` is the top-level one it stands in ("" for none)."""

    path: str
    function: str
    line: int
    what: str


def state_writers(package: Path, table: str) -> list[Writer]:
    """Every such place in `package`, the folder of `casework`, allowed ones included; `table` is the cases' table."""
    found: list[Writer] = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).as_posix()
        if path.relative_to(package).parts[0].removesuffix(".py") in BELOW:
            continue
        for top in ast.parse(path.read_text("utf-8")).body:
            function = top.name if isinstance(top, ast.FunctionDef | ast.ClassDef) else ""
            for node in ast.walk(top):
                found += [Writer(name, function, line, what) for line, what in _writes(node, table)]
    return found


def _writes(node: ast.AST, table: str) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                yield from _targets(target)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            yield from _targets(target)
        case ast.For(target=target):
            yield from _targets(target)
        case ast.Call():
            yield from _calls(node)
        case ast.Constant(value=str(words), lineno=line):
            if re.search(rf'\b(update|insert\s+into|merge\s+into|copy)\s+(public\.)?"?{table}\b', words, re.IGNORECASE):
                yield line, "SQL that writes the table of cases"


def _targets(target: ast.expr) -> Iterator[tuple[int, str]]:
    for node in ast.walk(target):
        if not isinstance(node, ast.Attribute) or node.attr != "state" or not isinstance(node.ctx, ast.Store):
            continue
        if ast.unparse(node) != "self.state":
            yield node.lineno, f"assigns {ast.unparse(node)}"


def _calls(node: ast.Call) -> Iterator[tuple[int, str]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    arguments = [ast.unparse(argument) for argument in node.args]
    if name in {"setattr", "set_attribute", "set_committed_value"} and "'state'" in arguments:
        yield node.lineno, "sets the attribute by its name"
    elif name == MODEL or (name in MAKERS and owner.endswith(MODEL)):
        yield node.lineno, "makes a case"
    elif name in BULK and (MODEL in arguments or f"{MODEL}.__table__" in (owner, *arguments)):
        yield node.lineno, f"writes cases by {name}"
    elif name == "sqlmodel_update":
        yield node.lineno, "updates a row from a mapping"
    elif name == "values" and any(keyword.arg == "state" for keyword in node.keywords):
        yield node.lineno, "writes a state by values()"
