"""One prepared demo for all small benches of a worker: making one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.house import House, new_house


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with new_house() as house:
        yield house
