"""The ASVS sheet is true to itself: every evidence exists, every requirement has one line, the figures are the lines'."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHEET = ROOT / "docs" / "asvs.md"
LINE = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (\S+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
TOTAL = re.compile(r"^\| ([12]) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) % \|$", re.MULTILINE)
STATES = {"met", "partly", "not", "n/a", "office"}
# How many requirements the standard has: version 5.0.0, levels 1 and 2.
REQUIREMENTS = {"1": 70, "2": 183}


@dataclass(frozen=True)
class Line:
    number: str
    level: str
    state: str
    evidence: tuple[str, ...]


def lines(text: str) -> list[Line]:
    return [
        Line(number, level, state, tuple(re.findall(r"`([^`]+)`", evidence)))
        for number, level, state, _words, evidence in LINE.findall(text)
    ]


def faults(text: str) -> list[str]:
    """Everything the sheet says that is not so."""
    found, every = [], lines(text)
    counts = Counter(one.level for one in every)
    if counts != REQUIREMENTS or len({one.number for one in every}) != len(every):
        found.append(f"lines: {dict(counts)}")
    for one in every:
        if one.state not in STATES:
            found.append(f"{one.number}: state {one.state}")
        if one.state in ("met", "office") and not one.evidence:
            found.append(f"{one.number}: no evidence")
        found += [f"{one.number}: {evidence}" for evidence in one.evidence if not exists(evidence)]
    for level, *told in TOTAL.findall(text):
        if tuple(told) != totals(level, every):
            found.append(f"level {level}: {totals(level, every)}")
    return found


def totals(level: str, every: list[Line]) -> tuple[str, ...]:
    """Lines, not applicable, of the office, applicable to the program, met, share of these in per cent (rounded down)."""
    states = Counter(one.state for one in every if one.level == level)
    applicable = states.total() - states["n/a"] - states["office"]
    figures = (states.total(), states["n/a"], states["office"], applicable, states["met"])
    return (*map(str, figures), f"{1000 * states['met'] // applicable / 10:.1f}")


def exists(evidence: str) -> bool:
    path, _colons, test = evidence.partition("::")
    file = ROOT / path
    return file.is_file() and (not test or f"def {test}(" in file.read_text("utf-8"))


def test_every_line_has_its_evidence_and_the_figures_are_the_lines() -> None:
    text = SHEET.read_text("utf-8")
    assert faults(text) == []
    assert len(TOTAL.findall(text)) == 2


def test_of_what_applies_nineteen_in_twenty_are_met_and_what_is_open_is_named() -> None:
    text = SHEET.read_text("utf-8")
    every = lines(text)
    for level in REQUIREMENTS:
        assert float(totals(level, every)[-1]) >= 95.0, level
    still_open = [one.number for one in every if one.state in ("partly", "not")]
    named = re.findall(r"\d+\.\d+\.\d+", text.partition("Open at level 1:")[2].partition("\n\n")[0])
    assert sorted(named) == sorted(still_open)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("casework/vault/envelope.py", "casework/vault/no-such.py"),
        ("::test_any_single_changed_bit_is_refused", "::test_that_is_not_there"),
        ("| 1.2.4 | 1 | met |", "| 1.2.4 | 1 | not |"),
        ("| 1.2.4 | 1 | met |", "| 1.2.4 | 2 | met |"),
    ],
)
def test_a_sheet_that_says_too_much_is_found(said: str, instead: str) -> None:
    text = SHEET.read_text("utf-8")
    assert said in text and faults(text.replace(said, instead))
