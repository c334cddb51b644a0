"""The pages of a list of cases: how many there are on all, and the last page for whoever asks beyond it."""

from __future__ import annotations

import pytest

from casework.cases.queries import Filter, Page, list_cases
from casework.intake.service import receive_report
from tests.cases.walking import report
from tests.conftest import Town

READERS = ("worker", "chair", "supervisor")  # one kind counts in the same pass, the other by itself


def listed(town: Town, who: str, *, page: int, size: int, count_to: int | None = None) -> Page:
    with town.office.begin(town.act_as(who)) as work:
        return list_cases(work, Filter(), page=page, size=size, with_facts=False, count_to=count_to)


@pytest.mark.parametrize("who", READERS)
def test_every_page_says_how_many_cases_there_are_on_all(town: Town, who: str) -> None:
    assert (listed(town, who, page=1, size=2).total, listed(town, who, page=3, size=2).number) == (0, 1)
    with town.office.begin(town.act_as("hotline")) as work:
        codes = {receive_report(work, report(), received_at=work.now).case.code for _ in range(3)}
    assert len(codes) == 3
    pages = {number: listed(town, who, page=number, size=2) for number in (1, 2, 9)}
    sizes = {number: (len(page.rows), page.total, page.number) for number, page in pages.items()}
    assert sizes == {1: (2, 3, 1), 2: (1, 3, 2), 9: (1, 3, 2)}, "beyond the last page stands the last"
    assert {row.case.code for number in (1, 2) for row in pages[number].rows} == codes
    whole = listed(town, who, page=1, size=3)
    assert (len(whole.rows), whole.total) == (3, 3)


@pytest.mark.parametrize("who", READERS)
def test_a_list_longer_than_is_counted_can_still_be_read_to_its_end(town: Town, who: str) -> None:
    with town.office.begin(town.act_as("hotline")) as work:
        codes = {receive_report(work, report(), received_at=work.now).case.code for _ in range(5)}
    asked: list[Page] = []
    while not asked or asked[-1].last > asked[-1].number:
        asked.append(listed(town, who, page=len(asked) + 1, size=2, count_to=2))
    assert [(page.number, page.total, page.more) for page in asked] == [(1, 2, True), (2, 2, True), (3, 2, True)]
    assert {row.case.code for page in asked for row in page.rows} == codes
    beyond = listed(town, who, page=9, size=2, count_to=2)
    assert (beyond.number, len(beyond.rows), beyond.last) == (1, 2, 2), "as far as is known"
    exact = listed(town, who, page=1, size=2, count_to=5)
    assert (exact.total, exact.more, exact.last) == (5, False, 3)
