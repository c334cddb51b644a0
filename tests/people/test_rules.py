"""How long a sign-in lasts and how a guesser is slowed down, as rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework.people.rules import throttle_wait


@pytest.mark.parametrize(("failures", "wait"), [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (30, 3600)])
def test_the_wait_after_failed_sign_ins_doubles_to_an_hour(failures: int, wait: int) -> None:
    assert throttle_wait(failures) == timedelta(seconds=wait)
