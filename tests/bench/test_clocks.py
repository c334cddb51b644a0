"""What the benches of the sweep count is truly counted: each fault, planted once, is seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlmodel import select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import SystemClock
from casework.deadlines.models import CaseClock, ClockEffect
from casework.deadlines.service import breach_effect
from casework.intake.service import receive_report
from casework.work import SYSTEM
from tests.bench.clocks import FIRST_CYCLE, Marks, marks
from tests.conftest import Town


@pytest.fixture
def limit(town: Town) -> CaseClock:
    """A limit of the bench's own that passed an hour ago."""
    with town.office.begin(SYSTEM) as work:
        case = receive_report(work, {"incident_commune": "99001", "narrative": "x"}, received_at=work.now).case
        clock = work.session.exec(select(CaseClock).where(CaseClock.case_id == case.id)).first()
        assert clock is not None
        past = SystemClock().now() - timedelta(hours=1)
        more = {"id": uuid4(), "cycle": FIRST_CYCLE + 1, "due_at": past, "next_at": past}
        own = CaseClock(**{**clock.model_dump(), **more})
        work.session.add(own)
    return own


def mark(town: Town, clock: CaseClock, at: datetime, *, due_at: datetime | None = None) -> None:
    with town.office.begin(SYSTEM) as work:
        work.session.add(ClockEffect(clock_id=clock.id, effect=breach_effect(due_at or clock.due_at), at=at))
        record(work, Tag.CLOCK_BREACHED, case_id=clock.case_id, object_type=clock.rule, object_id=clock.id)


def test_a_limit_that_was_never_marked_is_counted(town: Town, limit: CaseClock) -> None:
    assert marks(town.office) == Marks(0, 0, 1)
    mark(town, limit, limit.due_at)
    assert marks(town.office) == Marks(0, 0, 0)


def test_a_limit_marked_twice_or_early_is_counted(town: Town, limit: CaseClock) -> None:
    mark(town, limit, limit.due_at - timedelta(seconds=1))
    assert marks(town.office) == Marks(0, 1, 0)
    mark(town, limit, limit.due_at, due_at=limit.due_at + timedelta(seconds=1))
    assert marks(town.office).twice == 2, "in the trail and among the effects"


def test_asked_as_nobody_the_database_shows_no_limit(town: Town, limit: CaseClock) -> None:
    """Why the benches say for whom they look."""
    with psycopg.connect(town.database.url) as nobody:
        assert nobody.execute("select count(*) from case_clock").fetchone() == (0,)
