"""The README is true: its commands are the ones that CI runs, its settings the ones that the program reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST_COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && "
    ".venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder"
)
DEMO_COMMAND = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/casework demo"
NAME = re.compile(r"\b(?:CASEWORK|TWILIO)_[A-Z_]+\b")


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def settings() -> set[str]:
    """Names of the environment that casework/settings.py reads."""
    tree = ast.parse((ROOT / "casework" / "settings.py").read_text("utf-8"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if NAME.fullmatch(word)}


def test_every_setting_is_in_the_readme_and_every_one_in_the_readme_exists() -> None:
    assert len(settings()) > 5
    assert set(NAME.findall(readme())) == settings()


def test_ci_runs_the_readme_s_own_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert TEST_COMMAND in lines
    assert TEST_COMMAND in readme()


def test_the_readme_shows_how_to_start_the_demo() -> None:
    assert DEMO_COMMAND in readme()


def test_nothing_but_settings_reads_the_environment() -> None:
    for path in sorted((ROOT / "casework").rglob("*.py")):
        source = path.read_text("utf-8")
        names = set(NAME.findall(source)) - settings()
        assert path.name == "settings.py" or not re.search(r"\bos\.getenv\b|\benviron\[", source), path
        assert not {name for name in names if f'"{name}"' in source}, path
