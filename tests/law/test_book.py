"""Which edition of the law holds: for what is new, and for a case that began under an older one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from casework.errors import LawFault
from casework.law.book import LawBook
from casework.law.model import Law


def edition(law: Law, name: str, since: date, overlay: str | None = None) -> Law:
    return replace(law, edition=replace(law.edition, id=name, in_force=since), overlay=overlay)


@pytest.fixture
def book(law: Law) -> LawBook:
    return LawBook(
        [
            edition(law, "old", date(2017, 7, 1)),
            edition(law, "new", date(2027, 1, 1)),
            edition(law, "old", date(2017, 7, 1), overlay="14"),
        ]
    )


def test_an_edition_holds_from_its_first_day_on(book: LawBook) -> None:
    assert book.in_force(date(2026, 12, 31)).key == "old"
    assert book.in_force(date(2027, 1, 1)).key == "new"


def test_a_province_opens_cases_under_its_own_limits_where_it_has_any(book: LawBook) -> None:
    assert book.for_province(date(2026, 11, 22), "14").key == "old+14"
    assert book.for_province(date(2026, 11, 22), "15").key == "old"
    assert book.for_province(date(2027, 1, 1), "14").key == "new"


def test_a_case_keeps_its_edition_after_a_new_one_came(book: LawBook) -> None:
    assert book.get("old+14").edition.in_force == date(2017, 7, 1)
    with pytest.raises(KeyError):
        book.get("never")


def test_there_is_no_office_without_a_law() -> None:
    with pytest.raises(LawFault):
        LawBook([])
