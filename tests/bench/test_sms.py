"""The message test in small. The full run is `python -m tests.bench.sms`."""

from __future__ import annotations

import pytest

from tests.bench import sms
from tests.bench.house import House

pytestmark = pytest.mark.slow


def test_senders_killed_in_bad_weather_lose_nothing_and_send_nothing_twice(house: House) -> None:
    outcome = sms.run(house, messages=20, kills=2, down=1.5)
    assert outcome.good, outcome.line


def test_the_ladder_is_on_time_while_the_provider_is_down(house: House) -> None:
    found = sms.ladder_while_down(house)
    assert found.good, found.line


def test_forged_reports_change_nothing_in_a_served_office(house: House) -> None:
    assert sms.forge(house, 60) == (0, 0)
