"""The message test in small. The full run is `python -m tests.bench.sms`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import sms
from tests.bench.house import House, new_house

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with new_house() as house:
        yield house


def test_senders_killed_in_bad_weather_lose_nothing_and_send_nothing_twice(house: House) -> None:
    outcome = sms.run(house, messages=25, kills=2)
    assert outcome.good, outcome.line


def test_the_ladder_is_on_time_while_the_provider_is_down(house: House) -> None:
    found = sms.ladder_while_down(house)
    assert found.good, found.line


def test_forged_reports_change_nothing_in_a_served_office(house: House) -> None:
    assert sms.forge(house, 60) == (0, 0)
