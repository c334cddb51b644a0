"""Sweepers killed at any moment, in small. The full run is `python -m tests.bench.sweepers`."""

from __future__ import annotations

import pytest

from tests.bench import sweepers

pytestmark = pytest.mark.slow


def test_killed_sweepers_mark_every_limit_once_and_none_early() -> None:
    outcome = sweepers.run(clocks=200, sweepers=2, kills=3, rate=20)
    assert outcome.good, outcome.line
