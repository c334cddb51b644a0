"""What is in the tree: the owner's top level, no trace of the machine it was written on, no loose ends."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "casework", "migrations", "templates", "tests", "docs", "wsgi.py", "pyproject.toml", "README.md",
    "requirements.txt", "requirements-dev.txt",
}  # fmt: skip
# Written apart, so that this file does not find itself.
MACHINE = re.compile("/wo" + "rk/|/ro" + "ot/|/ho" + "me/[a-z]|/tm" + "p/|/o" + r"pt/|\.lib" + "rary")
LOOSE_ENDS = re.compile(r"\b(TO" + "DO|FIX" + r"ME|XX" + r"X)\b")
TEXT = {".py", ".md", ".toml", ".html", ".txt", ".css", ".js", ".po", ".mako", ".json", ".csv", ".svg", ".yml", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_two_decisions_carry_one_number() -> None:
    names = sorted(path.name for path in tracked() if path.parent == ROOT / "docs" / "decisions")
    numbers = [name[:4] for name in names]
    assert len(names) > 20 and len(set(numbers)) == len(numbers), names


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        if path.suffix in TEXT:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{path.name}:{number}")
    return found


def test_the_top_level_is_the_owner_s() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_line_names_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE, tracked()) == []


@pytest.mark.parametrize("line", ["/wo" + "rk/main/casework", "see .lib" + "rary/search", "cd /tm" + "p/x"])
def test_a_planted_path_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "planted.md").write_text(f"first\n{line}\n", "utf-8")
    assert lines_with(MACHINE, [tmp_path / "planted.md"]) == ["planted.md:2"]


def test_there_are_no_loose_ends() -> None:
    own = [path for path in tracked() if path.suffix in {".py", ".html", ".toml", ".md"}]
    assert lines_with(LOOSE_ENDS, own) == []
