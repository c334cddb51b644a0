"""Whether the office's clock can be believed at this tick. What it marks cannot be unmarked: nobody can un-send an alert.

A clock that has jumped since the last tick, forwards or back, is noticed, and nothing is fired until two ticks agree. The
machine's own clock must besides agree with the database's, or nothing is fired at all and the heartbeat stops, which
/readyz and the administrator see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from casework.clock import Clock, DrillClock

TOLERANCE = timedelta(seconds=30)


class ClockGuard:
    """Asked once a tick, by one thread. `elapsed` are seconds that never jump."""

    def __init__(self, clock: Clock, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._last: tuple[datetime, float] | None = None
        self._speed = clock.speed if isinstance(clock, DrillClock) else 1.0
        self._believed = True
        self.just_jumped = False
        """Whether the tick asked about last is the first that is not believed: noticed once, however long it lasts."""

    def agrees(self, reference: datetime | None = None) -> bool:
        """Whether this tick's time follows from the last one's. `reference` is the database's time, where the office runs
        on real time. The first tick of a process agrees only with a reference that says the same."""
        now, ticks = self._clock.now(), self._elapsed()
        last, self._last = self._last, (now, ticks)
        believed = self._follows(now, ticks, last, reference)
        untold = last is None and reference is None  # the first tick of a drill says nothing either way
        self.just_jumped = self._believed and not believed and not untold
        self._believed = believed or untold
        return believed

    def _follows(
        self, now: datetime, ticks: float, last: tuple[datetime, float] | None, reference: datetime | None
    ) -> bool:
        if reference is not None and abs(now - reference) > TOLERANCE:
            return False
        if last is None:
            return reference is not None
        expected = timedelta(seconds=(ticks - last[1]) * self._speed)
        return abs((now - last[0]) - expected) <= TOLERANCE * max(1.0, self._speed)
