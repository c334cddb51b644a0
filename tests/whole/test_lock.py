"""What is declared is what is locked, and the lock trusts nothing but hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")


def pins(lines: list[str]) -> dict[str, str]:
    found = [match for line in lines if (match := PIN.match(line))]
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in found}


def lock(name: str) -> list[str]:
    return (ROOT / name).read_text("utf-8").splitlines()


def test_every_dependency_is_pinned_to_one_version() -> None:
    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert [line for line in declared if not PIN.fullmatch(line)] == []


def test_pins_and_locks_agree() -> None:
    office, everything = pins(lock("requirements.txt")), pins(lock("requirements-dev.txt"))
    assert pins(PROJECT["dependencies"]).items() <= office.items()
    assert pins(PROJECT["optional-dependencies"]["test"]).items() <= everything.items()
    assert office.items() <= everything.items()


def test_locks_hold_pins_with_hashes_and_no_place_to_fetch_from() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text("utf-8")
        entries = [one for one in re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", "").splitlines() if one.strip()]
        assert len(entries) > 20
        for entry in entries:
            assert PIN.match(entry), entry
            assert re.fullmatch(r"[^ ]+( ; .+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry), entry


def test_ci_installs_the_lock_as_it_stands_and_resolves_nothing() -> None:
    """pip 23 looks at the newest release of `pydantic[email]` and refuses it, the day one is published."""
    installs = [line for line in (ROOT / ".ci/run").read_text("utf-8").splitlines() if " -r requirements" in line]
    assert installs
    for line in installs:
        assert "--require-hashes" in line and "--no-deps" in line, line
