"""What was proposed and nobody decided in time is closed by the office's pulse, whether or not anybody opens the queue."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from casework.access.models import TwoPersonAct
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.queries import find_case
from casework.errors import NotFound
from casework.jobs.runner import pulse
from casework.oversight.acts import decide_act, kinds, propose
from casework.people.queries import last_beat
from casework.work import SYSTEM
from tests.access.scenes import report
from tests.conftest import Town


def proposed(town: Town, by: str) -> TwoPersonAct:
    code = report(town, child_name=f"Vừ Mí Chờ {by}").code
    with town.office.begin(town.act_as(by)) as work:
        return propose(work, "release-reporter", case=find_case(work, code), object_id=work.actor.id)


def outcomes(town: Town) -> dict[str, str | None]:
    with town.office.begin(SYSTEM) as work:
        return {str(one.id): one.outcome for one in work.session.exec(select(TwoPersonAct))}


def test_the_pulse_closes_what_its_time_is_over_for_once_and_leaves_what_still_waits(town: Town) -> None:
    waits = kinds()["release-reporter"].waits
    old = proposed(town, "worker")
    town.clock.advance(hours=1)
    young = proposed(town, "chair")
    town.clock.advance(seconds=(waits - (town.clock.now() - old.proposed_at)).total_seconds())
    with ThreadPoolExecutor(2) as pool:  # two processes at once do the work of one
        list(pool.map(lambda _: pulse(town.office), range(2)))
    pulse(town.office)
    assert outcomes(town) == {str(old.id): "expired", str(young.id): None}
    with town.office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.ACT_EXPIRED)).one()
        assert (entry.object_id, entry.actor_role) == (old.id, SYSTEM.role)
        assert last_beat(work) == work.now
    with pytest.raises(NotFound), town.office.begin(town.act_as("supervisor")) as work:
        decide_act(work, old.id, agree=True)
