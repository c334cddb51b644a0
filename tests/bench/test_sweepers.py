"""The benches of the sweep in small, on one office: killed sweepers, a standstill, APScheduler's own store beside it.

The full runs are `python -m tests.bench.sweepers`, `downtime` and `sweepbench`; there time is judged too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import downtime, sweepbench, sweepers
from tests.bench.clocks import SmallOffice, new_office

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small() -> Iterator[SmallOffice]:
    with new_office() as small:
        yield small


def test_killed_sweepers_mark_every_limit_once_and_none_early(small: SmallOffice) -> None:
    outcome = sweepers.run(small, clocks=120, sweepers=2, kills=3, rate=20)
    assert outcome.good, outcome.line


def test_after_a_standstill_all_is_marked_once_in_order_truly_late_and_no_phone_is_flooded(small: SmallOffice) -> None:
    outcome = downtime.run(small, clocks=120)
    assert outcome.good, outcome.line


def test_the_sweep_is_faster_than_a_job_a_limit_and_marks_each_once(small: SmallOffice) -> None:
    outcome = sweepbench.run(small, few=50, many=500, due=200, seconds=3, step=lambda _what: None)
    assert outcome.good, outcome.lines
    assert outcome.late_rate > outcome.stores[0].rate, outcome.lines
