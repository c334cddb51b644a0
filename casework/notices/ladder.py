"""The ladder: who is called for a running limit, and at which share of its time. Pure; the data are in ladder.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from casework.errors import LawFault

WHO = ("owner", "deputy", "chair", "province", "national")
OTHERS = "days"  # the ladder of every rule that no other names


@dataclass(frozen=True)
class Rung:
    """`at` is the share of the limit's whole time after which `who` is called; 1 is the limit itself."""

    who: str
    at: float

    def moment(self, started_at: datetime, due_at: datetime) -> datetime:
        return started_at + (due_at - started_at) * self.at


@dataclass(frozen=True)
class Ladder:
    id: str
    rules: tuple[str, ...]
    urgent: bool
    rungs: tuple[Rung, ...]


@cache
def ladders() -> dict[str, Ladder]:
    """Ladder id → ladder (read once: it is part of the program). Raises LawFault for data that do not hold together."""
    raw = tomllib.loads(resources.files("casework.notices").joinpath("ladder.toml").read_text("utf-8"))
    return read_ladders(raw)


def read_ladders(raw: Mapping[str, Any]) -> dict[str, Ladder]:
    """Raises LawFault: an unknown post, rungs that do not rise, a rule on two ladders, no ladder for the rest."""
    found = {
        name: Ladder(
            name,
            tuple(entry["rules"]),
            bool(entry["urgent"]),
            tuple(Rung(one["who"], float(one["at"])) for one in entry["rungs"]),
        )
        for name, entry in raw.items()
    }
    faults = [fault for ladder in found.values() for fault in _faults(ladder)]
    rules = [rule for ladder in found.values() for rule in ladder.rules]
    faults += [
        f"ladder.toml: {rule}: on two ladders" for rule in sorted({one for one in rules if rules.count(one) > 1})
    ]
    if OTHERS not in found:
        faults.append(f"ladder.toml: no ladder {OTHERS} for the other rules")
    if faults:
        raise LawFault(faults)
    return found


def _faults(ladder: Ladder) -> list[str]:
    shares = [rung.at for rung in ladder.rungs]
    unknown = [rung.who for rung in ladder.rungs if rung.who not in WHO]
    return [
        *(f"ladder.toml: {ladder.id}: unknown post {who}" for who in unknown),
        *(
            []
            if shares and shares == sorted(set(shares)) and shares[0] >= 0
            else [f"ladder.toml: {ladder.id}: rungs must rise"]
        ),
    ]


def ladder_for(rule: str) -> Ladder:
    """The ladder of a deadline rule."""
    named = next((one for one in ladders().values() if rule in one.rules), None)
    return named or ladders()[OTHERS]


def is_stopped(rung: Rung, due_at: datetime, taken_at: datetime | None) -> bool:
    """Whether somebody's "I take it" stops this rung: before the limit any does, past it only one said past it. A limit
    that passes is a new fact, and who took it before has not done it."""
    return taken_at is not None and (rung.at < 1 or taken_at >= due_at)
