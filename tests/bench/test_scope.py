"""The comparison in small; the full run is `python -m tests.bench.scope`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.bench.scope import LIMIT, Compared, Outcome, run

pytestmark = pytest.mark.slow


def test_both_offices_answer_every_page_and_the_same_number_of_times() -> None:
    folder = Path(tempfile.mkdtemp(prefix="casework-bench-")).resolve()
    try:
        outcome = run(folder / "demo", cases=300, real=50, times=5)
    finally:
        shutil.rmtree(folder)
    assert len(outcome.compared) == 6
    assert all(one.walled > 0 and one.bare > 0 for one in outcome.compared)


def test_a_page_that_pays_too_much_for_its_walls_fails_the_bench() -> None:
    fair = Compared("a case", [(54.0, 50.0), (108.0, 100.0), (400.0, 50.0)])  # by the median pair, not by one hiccup
    dear = Compared("list", [(50.0 * (LIMIT + 0.01), 50.0)])
    assert Outcome(10, [fair]).ok
    assert not Outcome(10, [fair, dear]).ok
    assert Outcome(10, [fair, dear]).worst is dear
