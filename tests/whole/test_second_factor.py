"""Nobody is let off the second factor but the invented people of a drill, and nothing writes that but the demo's world."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "casework"
MODELS, WORLD = "people/models.py", "demo/world.py"


def writers(package: Path) -> set[str]:
    """Files in which something is written to `second_factor`, or SQL or a list of columns names it."""
    return {
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*.py"))
        if any(writes(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    }


def writes(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "second_factor" and isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.keyword):
        return node.arg == "second_factor"
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and is_code_with_it(node.value)


def is_code_with_it(words: str) -> bool:
    """A docstring may speak of it; a name or a statement of SQL may not be there."""
    return "second_factor" in words and "`second_factor`" not in words


def test_only_the_demo_s_world_lets_anybody_off() -> None:
    assert writers(PACKAGE) == {MODELS, WORLD}


@pytest.mark.parametrize(
    "planted",
    [
        "staff.second_factor = 'waived'",
        "Staff(second_factor='waived')",
        "setattr(staff, 'second_factor', 'waived')",
        "work.session.execute(text(\"update staff set second_factor = 'waived'\"))",
        "update(Staff).values(second_factor='waived')",
    ],
)
def test_a_planted_one_is_found(tmp_path: Path, planted: str) -> None:
    (tmp_path / "office.py").write_text(f"def act(work, staff):\n    {planted}\n", "utf-8")
    assert writers(tmp_path) == {"office.py"}


def test_the_demo_s_world_is_made_by_the_demo_alone() -> None:
    makers = {
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if "build_world(" in path.read_text("utf-8")
    }
    assert makers == {WORLD, "demo/office.py"}
