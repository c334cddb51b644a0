"""What a person has typed and not handed in is theirs alone, one for each page, and sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from casework.cases.drafts import drafts_on, drop_draft, own_drafts, read_draft, save_draft
from casework.cases.models import Case, Draft
from casework.errors import Forbidden
from casework.work import SYSTEM, Work
from tests.cases.walking import Walk, rows

if TYPE_CHECKING:
    from tests.conftest import Town

PAGE = "action:submit-plan"
TYPED = {"name": ["Điều đang viết dở"], "goals": ["recovery", "other"]}


def found(work: Work, walk: Walk) -> Case:
    with work.whole_sight():
        return work.session.exec(select(Case).where(Case.code == walk.code)).one()


def keep(walk: Walk, who: str, page: str = PAGE, typed: dict[str, list[str]] = TYPED) -> None:
    with walk.town.office.begin(walk.actor(who)) as work:
        save_draft(work, page, typed, found(work, walk))


def kept(walk: Walk, who: str, page: str = PAGE) -> dict[str, list[str]] | None:
    with walk.town.office.begin(walk.actor(who)) as work:
        return read_draft(work, page, found(work, walk))


def test_a_draft_comes_back_as_it_was_typed(walk: Walk) -> None:
    keep(walk, "worker")
    assert kept(walk, "worker") == TYPED


def test_nobody_else_is_shown_a_draft_not_even_of_the_same_commune(walk: Walk) -> None:
    keep(walk, "worker")
    for who in ("chair", "supervisor", "worker-99002", "administrator"):
        assert kept(walk, who) is None
        with walk.town.office.begin(walk.actor(who)) as work:
            assert own_drafts(work) == []
            assert drafts_on(work, walk.case().id) == {}


def test_a_draft_belongs_to_one_page_of_one_case(walk: Walk) -> None:
    keep(walk, "worker")
    assert kept(walk, "worker", "action:accept") is None
    assert kept(Walk(walk.town).open(), "worker") is None
    with walk.town.office.begin(walk.actor("worker")) as work:
        assert read_draft(work, PAGE) is None
        assert list(drafts_on(work, walk.case().id)) == [PAGE]


def test_what_is_typed_later_takes_the_place_of_what_was_typed_before(walk: Walk) -> None:
    keep(walk, "worker")
    keep(walk, "worker", typed={"name": ["mới"]})
    assert kept(walk, "worker") == {"name": ["mới"]}
    assert len(rows(walk.town)["draft"]) == 1


def test_two_people_may_write_the_same_page_without_reading_each_other(walk: Walk) -> None:
    keep(walk, "worker", typed={"name": ["một"]})
    keep(walk, "chair", typed={"name": ["hai"]})
    assert (kept(walk, "worker"), kept(walk, "chair")) == ({"name": ["một"]}, {"name": ["hai"]})


def test_a_draft_dropped_is_gone(walk: Walk) -> None:
    keep(walk, "worker")
    with walk.town.office.begin(walk.actor("worker")) as work:
        drop_draft(work, PAGE, work.session.exec(select(Case).where(Case.code == walk.code)).one())
    assert rows(walk.town)["draft"] == []


def test_nobody_keeps_no_draft(town: Town) -> None:
    with pytest.raises(Forbidden), town.office.begin(SYSTEM) as work:
        save_draft(work, "intake", TYPED)


def test_a_draft_is_sealed_under_its_case_or_its_writer(walk: Walk) -> None:
    keep(walk, "worker")
    with walk.town.office.begin(walk.actor("worker")) as work:
        save_draft(work, "intake", TYPED)
    assert not [row for row in rows(walk.town)["draft"] if "viết dở" in row or "recovery" in row]
    with walk.town.office.begin(SYSTEM) as work:
        scopes = {one.page: one.scope_id for one in work.session.exec(select(Draft))}
    assert scopes == {PAGE: walk.case().id, "intake": walk.actor("worker").id}
