"""The hours of a suspected leak and the steps to follow: pure; the data are in incidents.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from casework.errors import LawFault
from casework.law.model import Text


@dataclass(frozen=True)
class Mark:
    """So many hours after somebody noticed. `article` is empty where the hour is the product's."""

    hours: int
    article: str = ""

    def moment(self, detected_at: datetime) -> datetime:
        return detected_at + timedelta(hours=self.hours)


@dataclass(frozen=True)
class Step:
    """`files`: this is the notice that the law asks for, and stops the hours."""

    id: str
    title: Text
    files: bool
    article: str


@dataclass(frozen=True)
class Course:
    """`article` and `limit` (hours): the law's own."""

    limit: int
    article: str
    marks: tuple[Mark, ...]
    steps: tuple[Step, ...]

    def step(self, step_id: str) -> Step | None:
        return next((one for one in self.steps if one.id == step_id), None)


@cache
def course() -> Course:
    """As committed (read once: it is part of the program). Raises LawFault for data that do not hold together."""
    return read_course(
        tomllib.loads(resources.files("casework.incidents").joinpath("incidents.toml").read_text("utf-8"))
    )


def read_course(raw: Mapping[str, Any]) -> Course:
    """Raises LawFault: marks that do not rise to the law's limit, no step or several that stop the hours."""
    marks = tuple(Mark(one["hours"], one.get("article", "")) for one in raw["mark"])
    steps = tuple(
        Step(one["id"], Text(**one["title"]), bool(one.get("files")), one.get("article", "")) for one in raw["step"]
    )
    hours = [one.hours for one in marks]
    faults = []
    if not hours or hours != sorted(set(hours)) or hours[0] <= 0 or hours[-1] != raw["limit"]["hours"]:
        faults.append("incidents.toml: marks must rise to the limit")
    if [one.files for one in steps].count(True) != 1:
        faults.append("incidents.toml: one step stops the hours")
    if faults:
        raise LawFault(faults)
    return Course(raw["limit"]["hours"], raw["limit"]["article"], marks, steps)
