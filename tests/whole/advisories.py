"""Known faults of the libraries we pin, asked of osv.dev by `pip-audit`:

    python -m tests.whole.advisories [FILE ...] [--osv-url URL] [--must-ask]

FILE is a list of pins (requirements-dev.txt, which holds requirements.txt). Exits 0 where none is known or all are being
dealt with in time (advisories.toml), 1 where one is not, and where it could not be found out for any reason but the network.
The service out of reach is said clearly and exits 0 (a machine that builds may have no network), or 2 with `--must-ask`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "requirements-dev.txt"
LIST = Path(__file__).with_name("advisories.toml")
OSV = "https://api.osv.dev/v1/query"
# How pip-audit ends where the service does not answer, or somebody on the way answers for it.
NO_ANSWER = re.compile(
    r"requests\.exceptions\.\w*(Connection|Timeout|SSL|Proxy)\w*"
    r"|requests\.exceptions\.HTTPError: (5\d\d|403|407|429) "
    r"|pip_audit\._service\.interface\.ConnectionError"
)


class OutOfReach(Exception):
    """The service of advisories did not answer."""


class AuditFailed(Exception):
    """pip-audit ended otherwise than by an answer."""


@dataclass(frozen=True)
class Advisory:
    """One known fault of one pinned version. `names`: its id and what others call it. `mended`: versions without it."""

    package: str
    version: str
    names: tuple[str, ...]
    mended: tuple[str, ...]

    def __str__(self) -> str:
        mended = f"mended in {', '.join(self.mended)}" if self.mended else "not mended yet"
        return f"{self.package} {self.version}: {' '.join(self.names)}, {mended}"


@dataclass(frozen=True)
class Waiting:
    """An advisory that was looked at and is being dealt with. `until`: the last day it may stand."""

    name: str
    until: date
    why: str


def audit(pins: Sequence[Path], osv_url: str = OSV) -> list[Advisory]:
    """Every known fault of what the files pin. Raises OutOfReach, AuditFailed."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        command += ["-s", "osv", "--osv-url", osv_url, "-f", "json", "-o", str(told)]
        command += [word for file in pins for word in ("-r", str(file))]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if not told.exists():
            _raise(ended.stderr)
        return _read(told.read_text("utf-8"))


def _raise(said: str) -> None:
    lines = [line for line in said.splitlines() if line.strip()] or ["nothing said"]
    found = [line for line in lines if NO_ANSWER.match(line)]
    raise OutOfReach(found[-1]) if found else AuditFailed("\n".join(lines[-20:]))


def _read(told: str) -> list[Advisory]:
    found = []
    for one in json.loads(told)["dependencies"]:
        if reason := one.get("skip_reason"):
            raise AuditFailed(f"{one['name']}: {reason}")
        for fault in one["vulns"]:
            names = tuple(dict.fromkeys((fault["id"], *fault.get("aliases", ()))))
            found.append(Advisory(one["name"], one["version"], names, tuple(fault.get("fix_versions", ()))))
    return found


def waiting(text: str) -> list[Waiting]:
    """As advisories.toml lists them. Raises KeyError for a `reach` that has no days."""
    book = tomllib.loads(text)
    return [
        Waiting(one["advisory"], one["known"] + timedelta(days=book["days"][one["reach"]]), one["why"])
        for one in book.get("waits", ())
    ]


def verdict(found: Iterable[Advisory], listed: Sequence[Waiting], today: date) -> tuple[list[str], list[str]]:
    """(what is red, what is being dealt with in time), each a line."""
    red, told = [], []
    for one in found:
        known = next((waits for waits in listed if waits.name in one.names), None)
        if known is None:
            red.append(f"NOT LOOKED AT  {one}")
        elif today > known.until:
            red.append(f"TOO LATE since {known.until:%d/%m/%Y}  {one}")
        else:
            told.append(f"until {known.until:%d/%m/%Y}  {one}  ({known.why})")
    return red, told


def main(words: Sequence[str] | None = None, today: date | None = None) -> int:
    asked = argparse.ArgumentParser(prog="advisories", description="Known faults of the libraries we pin.")
    asked.add_argument("pins", nargs="*", type=Path, default=[PINS])
    asked.add_argument("--osv-url", default=OSV)
    asked.add_argument("--list", type=Path, default=LIST, help="which advisories are being dealt with")
    asked.add_argument("--must-ask", action="store_true", help="exit 2 where the service cannot be reached")
    given = asked.parse_args(words)
    try:
        found = audit(given.pins, given.osv_url)
    except OutOfReach as silent:
        print(f"ADVISORIES NOT CHECKED: the service does not answer ({str(silent)[:200]})")
        return 2 if given.must_ask else 0
    red, told = verdict(found, waiting(given.list.read_text("utf-8")), today or datetime.now(UTC).date())
    for line in (*red, *told):
        print(line)
    print(f"advisories: {len(red)} to act on, {len(told)} being dealt with in time")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
