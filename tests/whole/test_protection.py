"""docs/protection.md is whole and true: every table has one class, no clear class has a sealed column, what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import casework.tables  # noqa: F401  # the metadata is whole
from casework.vault.columns import Sealed
from tests.whole.test_asvs_sheet import exists

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protection.md").read_text("utf-8")
CLEAR = {"F"}


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line[:2] == "| "][
        1:
    ]


def faults(text: str) -> list[str]:
    classes = {cells[0][2] for cells in rows(text, "The classes")}
    placed = [(cells[0], name) for cells in rows(text, "Tables by class") for name in re.findall(r"`(\w+)`", cells[1])]
    tables = {one.name: one for one in SQLModel.metadata.tables.values()}
    found = [f"{name}: no class" for name in tables.keys() - {name for _one, name in placed}]
    found += [f"{name}: no such table" for name in {name for _one, name in placed} - tables.keys()]
    found += [f"{name}: in two classes" for _one, name in placed if sum(other == name for _, other in placed) > 1]
    for one, name in placed:
        sealed = name in tables and any(isinstance(column.type, Sealed) for column in tables[name].columns)
        found += [f"{name}: sealed, and in class {one}"] if sealed and one in CLEAR else []
    for cells in rows(text, "Where each protection is, and what holds it"):
        named = set(cells[1].split())
        found += [f"{cells[0]}: {one}" for one in re.findall(r"`([^`]+)`", f"{cells[2]} {cells[3]}") if not exists(one)]
        found += [f"{cells[0]}: no test"] if "tests/" not in cells[3] or not named <= classes else []
    return found


def test_every_table_has_its_class_and_every_protection_its_place_and_test() -> None:
    assert len(rows(PAGE, "The classes")) == 8 and len(rows(PAGE, "Where each protection is, and what holds it")) > 10
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (" `document`", ""),
        ("| F | ", "| F | `referral` "),
        ("| F | ", "| F | `no_such_table` "),
        ("::test_any_single_changed_bit_is_refused", "::test_that_is_not_there"),
        ("`casework/vault/envelope.py`", "`casework/vault/no_such.py`"),
    ],
)
def test_a_page_that_leaves_out_or_says_too_much_is_found(said: str, instead: str) -> None:
    assert said in PAGE and faults(PAGE.replace(said, instead, 1))
