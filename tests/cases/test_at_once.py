"""Two people press at the same time: one move and one refusal, never half of each. Threads, on real PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.cases.models import Case, Document
from casework.cases.service import take_action
from casework.errors import CaseworkError, IllegalMove
from casework.work import SYSTEM
from tests.cases.walking import PLAN, WHY, Walk, initial

Press = tuple[str, str, dict[str, Any]]


def press_at_once(walk: Walk, presses: list[Press]) -> list[str]:
    """Each press reads the case as its page did, waits for all the others, then acts. The outcome of each: "" or a kind."""
    together = threading.Barrier(len(presses))
    actors = [walk.actor(who) for who, _, _ in presses]

    def press(number: int) -> str:
        _, action, values = presses[number]
        try:
            with walk.town.office.begin(actors[number]) as work:
                case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
                together.wait()
                take_action(work, case, action, values)
        except CaseworkError as refused:
            return refused.kind
        return ""

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(press, range(len(presses))))


def moves(walk: Walk, *tags: str) -> int:
    with walk.town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(AuditEntry.seq).where(col(AuditEntry.tag).in_(tags))).all())


@pytest.mark.parametrize("times", [2, 8])
def test_pressing_the_same_button_at_once_makes_one_move(walk: Walk, times: int) -> None:
    answers = press_at_once(walk, [("worker", "accept", {})] * times)
    assert sorted(answers) == [""] + [IllegalMove.kind] * (times - 1)
    assert moves(walk, "case:accepted") == 1


def test_approving_and_returning_a_plan_at_once_makes_one_of_the_two(walk: Walk) -> None:
    walk.to("plan-submitted")
    answers = press_at_once(walk, [("chair", "approve-plan", {}), ("chair", "return-plan", dict(WHY))])
    assert sorted(answers) == ["", IllegalMove.kind]
    assert moves(walk, "case:plan:approved", "case:plan:returned") == 1
    state, running = walk.case().state, set(walk.running())
    assert (state, running) in [("carrying-out", {"review", "activity"}), ("planning", {"submit-plan"})]


def test_two_assessments_at_once_leave_one_document(walk: Walk) -> None:
    walk.to("initial-assessment")
    press_at_once(
        walk,
        [
            ("worker", "submit-initial-assessment", initial("plan")),
            ("worker", "submit-initial-assessment", initial("monitor")),
        ],
    )
    with walk.town.office.begin(SYSTEM) as work:
        handed_in = work.session.exec(select(Document).where(Document.form == "02")).all()
        assert len(handed_in) == 1
        conclusion = work.open(handed_in[0], "content")["conclusion"]
    assert walk.case().state == {"plan": "specific-assessment", "monitor": "observation"}[conclusion]


def test_acts_that_do_not_exclude_each_other_all_happen(walk: Walk) -> None:
    walk.to("planning")
    progress = {"happened_at": "2026-11-23T09:00:00+07:00", "child_safe": "yes", "text": "Đã gặp trẻ."}
    presses: list[Press] = [("worker", "record-progress", progress)] * 4 + [("worker", "submit-plan", PLAN)]
    assert press_at_once(walk, presses) == [""] * 5
    with walk.town.office.begin(SYSTEM) as work:
        serials = work.session.exec(select(Document.serial).where(Document.form == "progress")).all()
    assert sorted(serials) == [1, 2, 3, 4]
