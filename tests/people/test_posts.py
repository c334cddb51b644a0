"""Who holds a post at a moment: the rota, leave, the deputy, and nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from casework.access.rules import CaseUnits, may_act
from casework.notices.models import Notice
from casework.notices.service import About, notify_post
from casework.people.models import Duty, Staff
from casework.people.queries import decides_for_chair, holds_post, on_duty, reached, signer_of, unheld_posts
from casework.people.rules import Member, Role, Span, held_between, holders_at
from casework.people.service import close_account, put_on_duty, take_leave
from casework.work import SYSTEM, Actor, Work

if TYPE_CHECKING:
    from tests.conftest import Town

EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
HOURS = st.integers(0, 12)


def hour(number: int) -> datetime:
    return EPOCH + timedelta(hours=number)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(HOURS)
    end = draw(st.none() | st.integers(start + 1, 14))
    return Span(hour(start), None if end is None else hour(end))


members = st.builds(
    Member,
    staff_id=st.uuids(version=4),
    deputy=st.booleans(),
    duties=st.lists(spans(), max_size=2).map(tuple),
    leaves=st.lists(spans(), max_size=2).map(tuple),
)


def on_paper(spans: tuple[Span, ...], number: int) -> bool:
    """The slow way: the whole hours a span is written down for, one by one."""
    hours = {
        one
        for span in spans
        for one in range(24)
        if span.starts_at <= hour(one) and (span.ends_at is None or hour(one) < span.ends_at)
    }
    return number in hours


@given(people=st.lists(members, max_size=5), number=st.integers(0, 16))
def test_a_post_is_held_as_the_rota_says_at_every_hour(people: list[Member], number: int) -> None:
    held = holders_at(people, hour(number))
    away = {one.staff_id for one in people if on_paper(one.leaves, number)}
    rostered = {one.staff_id for one in people if on_paper(one.duties, number)} - away
    chairs = {one.staff_id for one in people if not one.deputy} - away
    deputies = {one.staff_id for one in people if one.deputy} - away
    assert not held & away
    assert held == (rostered or chairs or deputies)
    assert bool(held) == bool({one.staff_id for one in people} - away)


@given(people=st.lists(members, max_size=4), start=st.integers(0, 6), length=st.integers(1, 8))
def test_a_week_is_told_without_a_gap_and_as_every_hour_of_it_is(people: list[Member], start: int, length: int) -> None:
    told = held_between(people, hour(start), hour(start + length))
    assert [one.starts_at for one in told] == [hour(start), *(one.ends_at for one in told[:-1])]
    assert told[-1].ends_at == hour(start + length)
    assert all(one.holders != other.holders for one, other in pairwise(told))
    for number in range(start, start + length):
        (own,) = [one for one in told if one.starts_at <= hour(number) < one.ends_at]
        assert own.holders == holders_at(people, hour(number))


def find(work: Work, username: str) -> Staff:
    return work.session.exec(select(Staff).where(Staff.username == username)).one()


def home(town: Town) -> UUID:
    unit_id = town.act_as("chair").unit_id
    assert unit_id is not None
    return unit_id


def decision(town: Town, actor: Actor) -> str:
    return may_act(actor, ("chair",), CaseUnits(responsible=home(town), province=uuid4()), town.clock.now()).reason


def test_a_deputy_decides_only_while_the_rota_says_so(town: Town) -> None:
    assert decision(town, town.act_as("deputy-99001")) == "deputy-off-duty"
    assert decision(town, town.act_as("chair")) == "allowed"
    with town.office.begin(SYSTEM) as work:
        put_on_duty(work, find(work, "deputy-99001"), starts_at=work.now, ends_at=work.now + timedelta(hours=2))
    deputy = town.act_as("deputy-99001")
    assert decision(town, deputy) == "allowed"
    with town.office.begin(deputy) as work:
        assert decides_for_chair(work)
    town.clock.advance(hours=2)
    assert decision(town, town.act_as("deputy-99001")) == "deputy-off-duty"


def test_a_deputy_of_another_commune_decides_nothing_here(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        put_on_duty(work, find(work, "deputy-99002"), starts_at=work.now)
    assert decision(town, town.act_as("deputy-99002")) == "case-held-elsewhere"


def test_the_chair_s_leave_passes_the_post_to_the_deputy_and_back(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        chair, deputy = find(work, "chair"), find(work, "deputy-99001")
        take_leave(work, chair, starts_at=work.now, ends_at=work.now + timedelta(days=1))
        assert holds_post(work, home(town), Role.CHAIR, deputy.id, work.now)
        assert not holds_post(work, home(town), Role.CHAIR, chair.id, work.now)
        assert not holds_post(work, home(town), Role.CHAIR, deputy.id, work.now + timedelta(days=1))
    assert decision(town, town.act_as("deputy-99001")) == "allowed"


def test_a_post_that_nobody_holds_goes_to_the_province(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        worker = find(work, "worker")
        assert [one.id for one in reached(work, worker.unit_id, Role.WORKER, work.now).staff] == [worker.id]
        take_leave(work, worker, starts_at=work.now, ends_at=work.now + timedelta(days=1))
        found = reached(work, worker.unit_id, Role.WORKER, work.now)
        assert found.escalated and [one.username for one in found.staff] == ["supervisor"]
        assert on_duty(work, worker.unit_id, Role.WORKER, work.now) == []


def test_an_alert_to_a_post_that_nobody_holds_wakes_the_province(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        worker, supervisor = find(work, "worker"), find(work, "supervisor")
        take_leave(work, worker, starts_at=work.now, ends_at=work.now + timedelta(days=1))
        told = notify_post(
            work, unit_id=worker.unit_id, role=Role.WORKER, text_id="report-received", about=About(None, "TE-26-ABCDEF")
        )
        work.session.flush()
        woken = work.session.exec(select(Notice.staff_id)).all()
    assert (told, list(woken)) == (1, [supervisor.id])


def test_who_waits_for_a_second_person_answers_for_no_post(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        worker = find(work, "worker")
        worker.waits_since = work.now
        work.session.add(worker)
        work.session.flush()
        found = reached(work, worker.unit_id, Role.WORKER, work.now)
        assert found.escalated and [one.username for one in found.staff] == ["supervisor"]
        assert [(one.unit.code, one.role) for one in unheld_posts(work)] == [("99001", "worker")]


def test_an_alert_reaches_the_province_s_desk_though_everybody_there_is_away(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        for username in ("worker", "supervisor"):
            take_leave(work, find(work, username), starts_at=work.now, ends_at=work.now + timedelta(days=1))
        found = reached(work, home(town), Role.WORKER, work.now)
        assert found.escalated and [one.username for one in found.staff] == ["supervisor"]


def test_who_leaves_hands_duty_to_the_next_and_the_last_leaves_it_to_the_province(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        chair, deputy = find(work, "chair"), find(work, "deputy-99001")
        close_account(work, chair)
        left = work.session.exec(select(Duty).where(Duty.staff_id == deputy.id)).one()
        assert (left.starts_at, left.ends_at, left.role) == (work.now, None, "chair")
        assert holds_post(work, deputy.unit_id, Role.CHAIR, deputy.id, work.now)
        assert [one.role for one in unheld_posts(work)] == []
        close_account(work, deputy)
        assert [(one.unit.code, one.role) for one in unheld_posts(work)] == [("99001", "chair")]


def test_a_duty_row_does_not_follow_who_moved_to_another_unit(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        worker, other = find(work, "worker"), find(work, "worker-99002")
        other.unit_id = worker.unit_id
        work.session.add(other)
        work.session.flush()
        assert [one.id for one in on_duty(work, worker.unit_id, Role.WORKER, work.now)] == [worker.id]


def test_a_paper_names_the_signer_and_whether_it_is_a_deputy(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        chair = signer_of(work, find(work, "chair").id)
        deputy = signer_of(work, find(work, "deputy-99001").id)
    assert (chair.post, chair.deputy) == ("chair", False)
    assert (deputy.name, deputy.post, deputy.deputy) == ("Phó Chủ tịch UBND Xã Nà Lũng", "deputy", True)


@pytest.mark.parametrize(("username", "post"), [("chair", None), ("worker", "deputy"), ("chair", "mayor")])
def test_a_post_goes_with_the_role_of_the_chair_and_no_other(town: Town, username: str, post: str | None) -> None:
    with pytest.raises(IntegrityError), town.office.begin(SYSTEM) as work:
        staff = find(work, username)
        staff.post = post
        work.session.add(staff)


def test_a_duty_that_ends_before_it_starts_cannot_be_written_down(town: Town) -> None:
    with pytest.raises(IntegrityError), town.office.begin(SYSTEM) as work:
        staff = find(work, "worker")
        work.session.add(
            Duty(unit_id=staff.unit_id, role=staff.role, staff_id=staff.id, starts_at=work.now, ends_at=work.now)
        )
