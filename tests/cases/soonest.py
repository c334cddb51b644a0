"""What a case says of its soonest clock and limit, and what its clocks say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from casework.cases.models import Case
from casework.deadlines.models import CaseClock, ClockState
from casework.law.model import Law

Soonest = tuple[datetime | None, datetime | None]


def soonest(case: Case) -> Soonest:
    return case.soonest_at, case.limit_at


def soonest_of(law: Law, clocks: Iterable[CaseClock]) -> Soonest:
    """When the soonest of those that run is due, and the soonest of those that are no mere period."""
    running = [one for one in clocks if one.state == ClockState.RUNNING]
    limits = [one.due_at for one in running if not law.deadlines[one.rule].period]
    return min((one.due_at for one in running), default=None), min(limits, default=None)
