"""The office's clock. Time is always asked of the `Clock` that was passed in, so that a drill or a test may bend it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """Gives the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class DrillClock:
    """Starts at `start` and runs `speed` times as fast as the machine: for drills and walks, never in production."""

    start: datetime
    speed: float = 1.0
    _origin: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return (self.start + timedelta(seconds=(time.monotonic() - self._origin) * self.speed)).astimezone(UTC)


@dataclass
class FrozenClock:
    """Stands still until it is moved by hand: for tests."""

    at: datetime

    def now(self) -> datetime:
        return self.at.astimezone(UTC)

    def advance(self, **delta: float) -> None:
        self.at = self.at + timedelta(**delta)


def as_seen_by(clock: Clock, length: timedelta) -> timedelta:
    """How much time passes on `clock` while `length` passes on the machine: more, on the clock of a drill."""
    return length * max(1.0, clock.speed) if isinstance(clock, DrillClock) else length


def local(moment: datetime) -> datetime:
    """The same instant on Vietnam's clock (UTC+7, no daylight saving)."""
    return moment.astimezone(VIETNAM)
