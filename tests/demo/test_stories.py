"""The demo's cases are told through the office's own use cases, so they hold together by its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import select

from casework.cases.models import Case
from casework.cases.queries import facts_of_case, latest_content
from casework.cases.rules import carers_of, fact
from casework.demo.cases import STORIES, seed_cases, tell_stories
from casework.work import SYSTEM

if TYPE_CHECKING:
    from tests.conftest import Town


def test_every_story_becomes_a_case_and_none_concludes_below_the_emergency_without_a_second_person(town: Town) -> None:
    """They stand in many states; of a harming carer nobody alone concludes that there is no emergency."""
    assert tell_stories(town.office) == len(STORIES)
    with town.office.begin(SYSTEM) as work:
        states = {case.state for case in work.session.exec(select(Case))}
    assert len(states) >= 9
    with town.office.begin(SYSTEM) as work:
        carers = carers_of(work.law)
        below = [
            case
            for case in work.session.exec(select(Case))
            if fact(facts_of_case(work, case), "harmer.relation") in carers
            and latest_content(work, case.id, "02").get("conclusion", "emergency") != "emergency"
        ]
        seen_again = [latest_content(work, case.id, "confirm-conclusion") for case in below]
    assert seen_again
    assert all(seen_again)


def test_seeding_for_measurement_makes_as_many_cases_as_asked(town: Town) -> None:
    assert seed_cases(town.office, 60) == 60
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(Case.id)).all()) == 60
