"""Which edition of the law holds: for what is new, and for a case that began under an older one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from casework.errors import LawFault
from casework.law.book import LawBook
from casework.law.model import Law, Overlay, Text


def edition(law: Law, name: str, since: date) -> Law:
    return replace(law, edition=replace(law.edition, id=name, in_force=since))


def local(law: Law, name: str, since: date, until: date | None = None) -> Law:
    """`law` as the province with code 14 lays its limits over it."""
    title = Text("Quy trình của tỉnh", "The province's procedure")
    return replace(law, overlay=Overlay(name, title, "14", law.edition.id, since, "test", until=until))


@pytest.fixture
def book(law: Law) -> LawBook:
    old, new = edition(law, "old", date(2017, 7, 1)), edition(law, "new", date(2027, 1, 1))
    first = local(old, "14", date(2024, 1, 1), until=date(2025, 12, 31))
    return LawBook([old, new, first, local(old, "14-2026", date(2026, 3, 1))])


def test_an_edition_holds_from_its_first_day_on(book: LawBook) -> None:
    assert book.in_force(date(2026, 12, 31)).key == "old"
    assert book.in_force(date(2027, 1, 1)).key == "new"


def test_a_province_opens_cases_under_its_own_limits_where_it_has_any(book: LawBook) -> None:
    assert book.for_province(date(2026, 11, 22), "14").key == "old+14-2026"
    assert book.for_province(date(2026, 11, 22), "15").key == "old"
    assert book.for_province(date(2027, 1, 1), "14").key == "new"


def test_a_province_s_limits_hold_from_their_first_day_to_their_last(book: LawBook) -> None:
    keys = [
        book.for_province(date(*day), "14").key for day in ((2023, 12, 31), (2024, 1, 1), (2025, 12, 31), (2026, 1, 1))
    ]
    assert keys == ["old", "old+14", "old+14", "old"]


def test_a_case_keeps_its_edition_after_a_new_one_came(book: LawBook) -> None:
    assert book.get("old+14").edition.in_force == date(2017, 7, 1)
    with pytest.raises(KeyError):
        book.get("never")


def test_there_is_no_office_without_a_law() -> None:
    with pytest.raises(LawFault):
        LawBook([])
