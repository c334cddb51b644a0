"""Who reads far more cases in an hour than any work needs is told of, then stopped; who works through the same ones is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.queries import find_case
from casework.cases.service import record_read
from casework.errors import ReadBudgetSpent
from casework.oversight import budgets, watching
from casework.oversight.budgets import budget
from casework.web.sharing import BREAK_GLASS_OPENED, READ_TAGS, reading_words
from casework.work import SYSTEM
from tests.access.scenes import report, told
from tests.conftest import Town
from tests.web.conftest import Browser, app, browser  # noqa: F401

SignIn = Callable[[str], Browser]


@contextmanager
def allowing(monkeypatch: pytest.MonkeyPatch, *, alert: int, stop: int) -> Iterator[None]:
    """A smaller hour than the office's own: the rule is the same, and the test is short."""
    small = replace(budget(), alert=alert, stop=stop)
    with monkeypatch.context() as patched:
        patched.setattr(watching, "count_reads", lambda work, entries: budgets.count_reads(work, entries, small))
        yield


def cases(town: Town, count: int) -> list[str]:
    return [report(town, child_name=f"Giàng A Thử {chr(65 + n)}").code for n in range(count)]


def test_the_office_tells_at_two_hundred_and_stops_at_five_hundred() -> None:
    assert (budget().alert, budget().stop, budget().window.total_seconds()) == (200, 500, 3600)


def test_what_is_counted_is_what_a_case_s_owner_sees_under_who_has_seen_it() -> None:
    assert budget().tags == set(READ_TAGS) - {BREAK_GLASS_OPENED} and reading_words().keys() == set(READ_TAGS)


def test_many_cases_are_told_of_once_then_no_further_one_opens(
    town: Town,
    browser: SignIn,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = cases(town, 6)
    worker = browser("worker")
    with allowing(monkeypatch, alert=2, stop=4):
        answers = [worker.get(f"/ca/{code}").status_code for code in codes]
        assert answers == [200, 200, 200, 200, 429, 429]
        assert worker.get(f"/ca/{codes[0]}").status_code == 200, "what was open within the hour stays open"
        assert len(told(town, "supervisor", "reads-many")) == 1
        town.clock.advance(minutes=20)
        assert worker.get(f"/ca/{codes[0]}/in").status_code == 200
        assert worker.get(f"/ca/{codes[5]}").status_code == 429
    with town.office.begin(SYSTEM) as work:
        tags = [one.tag for one in work.session.exec(select(AuditEntry)) if one.tag.startswith("read-budget")]
    assert tags.count(Tag.READ_BUDGET_NEARED) == 1 and tags.count(Tag.READ_BUDGET_SPENT) == 3


def test_the_hour_moves_on(
    town: Town,
    browser: SignIn,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = cases(town, 2)
    with allowing(monkeypatch, alert=1, stop=1):
        worker = browser("worker")
        assert [worker.get(f"/ca/{code}").status_code for code in codes] == [200, 429]
        town.clock.advance(minutes=61)
        assert browser("worker").get(f"/ca/{codes[1]}").status_code == 200


def test_without_the_count_nobody_would_be_stopped(
    town: Town,
    browser: SignIn,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted defect: reads that are not looked over."""
    codes = cases(town, 2)
    with allowing(monkeypatch, alert=1, stop=1), monkeypatch.context() as patched:
        patched.setattr(watching, "count_reads", lambda work, entries: None)
        worker = browser("worker")
        assert [worker.get(f"/ca/{code}").status_code for code in codes] == [200, 200]


def test_a_refused_read_leaves_no_page_behind(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:

    first, second = cases(town, 2)
    with allowing(monkeypatch, alert=1, stop=1):
        for code, refused in ((first, False), (second, True)):
            try:
                with town.office.begin(town.act_as("worker")) as work:
                    record_read(work, find_case(work, code))
            except ReadBudgetSpent:
                assert refused
            else:
                assert not refused


def reads_at_once(town: Town, codes: list[str], together: threading.Barrier) -> list[bool]:
    """Each case read by the same person in a thread of its own, all counted before the first is kept, where that can be."""

    def read(code: str) -> bool:
        try:
            with town.office.begin(town.act_as("worker")) as work:
                record_read(work, find_case(work, code))
                watching.look_over(work)
                with suppress(threading.BrokenBarrierError):
                    together.wait(timeout=3)
        except ReadBudgetSpent:
            together.abort()
            return False
        return True

    with ThreadPoolExecutor(len(codes)) as pool:
        return list(pool.map(read, codes))


@pytest.mark.parametrize(("kept", "opened", "told_of"), [(2, 2, 1), (4, 1, 1)])
def test_pages_asked_for_at_once_pass_no_mark_unseen(
    town: Town, monkeypatch: pytest.MonkeyPatch, kept: int, opened: int, told_of: int
) -> None:
    """`kept` cases were read before; of two more at once so many open, and the province hears of it."""
    codes = cases(town, kept + 2)
    with allowing(monkeypatch, alert=3, stop=5):
        for code in codes[:kept]:
            with town.office.begin(town.act_as("worker")) as work:
                record_read(work, find_case(work, code))
        assert sum(reads_at_once(town, codes[kept:], threading.Barrier(2))) == opened
    assert len(told(town, "supervisor", "reads-many")) == told_of
