"""Every page asks how many alerts are new and how many did not get through: both must stay cheap as alerts pile up."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from casework.notices.queries import MOST_UNSEEN, standing
from tests.conftest import Town

MANY = 30_000
OLD = """
insert into notice (id, text_id, body, staff_id, rev, state, attempts, created_at, next_try_at, held, channel, relay_step)
select gen_random_uuid(), 'decision-made', 'Ma TE', staff.id, 0, 'delivered', 1, now(), now(), false, 'sms', 0
from generate_series(1, %s), (select id from staff where username = %s) staff
"""


@pytest.fixture
def asked(town: Town) -> list[tuple[str, Any]]:
    """What the database was asked, in order, and with which values."""
    said: list[tuple[str, Any]] = []
    engine: Engine = town.office.engine

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        said.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    return said


@pytest.mark.parametrize("who", ["worker", "supervisor"])
def test_the_header_s_questions_stay_cheap_with_many_old_alerts(
    town: Town, asked: list[tuple[str, Any]], who: str
) -> None:
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        owner.execute(OLD, [MANY, who])
        owner.execute("analyze notice")
    reader = town.act_as(who)
    assert reader.id is not None
    unit = reader.unit_id if who == "worker" else None  # a supervisor's header counts for everybody
    asked.clear()
    with town.office.begin(reader) as work:
        found = standing(work, reader.id, unit_id=unit)
        began = time.monotonic()
        for _ in range(20):
            standing(work, reader.id, unit_id=unit)
        each = (time.monotonic() - began) / 20
    assert (found.unseen, found.undelivered) == (MOST_UNSEEN, 0)
    assert each < 0.05  # milliseconds on an idle machine
    assert (
        len([one for one, _values in asked if "state = 'failed'" in one]) == len(asked) - 1 == 21
    )  # one more says who asks
    question, values = next(one for one in asked if "state = 'failed'" in one[0])
    with town.office.begin(reader) as work:
        plan = "\n".join(row[0] for row in work.session.connection().exec_driver_sql("explain " + question, values))
    assert "ix_notice_undelivered" in plan, plan  # the count of new ones stops at a hundred, however it is read
