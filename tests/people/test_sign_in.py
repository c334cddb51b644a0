"""Sign-in, sessions and duty against a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from argon2 import Parameters, extract_parameters
from sqlmodel import select

from casework.errors import SignInRefused, TooManyAttempts
from casework.people import passwords
from casework.people.factors import sign_in
from casework.people.models import Duty, SignedInSession, Staff
from casework.people.queries import on_duty
from casework.people.rules import Role
from casework.people.service import note_failed_sign_in, resume_session, sign_out
from casework.work import SYSTEM

if TYPE_CHECKING:
    from tests.conftest import Town


def enter(town: Town, username: str = "worker", password: str | None = None) -> str:
    with town.office.begin(SYSTEM) as work:
        return sign_in(work, username, town.password if password is None else password).token


def fail(town: Town, username: str) -> None:
    try:
        enter(town, username, "wrong")
    except SignInRefused:
        with town.office.begin(SYSTEM) as work:
            note_failed_sign_in(work, username, throttled=False)


def test_unknown_user_wrong_password_and_closed_account_get_one_answer(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        closed = work.session.exec(select(Staff).where(Staff.username == "auditor")).one()
        closed.closed_at = work.now
        work.session.add(closed)
    for username, password in (("nobody", town.password), ("worker", "wrong"), ("auditor", town.password)):
        with pytest.raises(SignInRefused):
            enter(town, username, password)


def test_a_name_nobody_has_costs_the_very_hashing_that_a_known_one_costs(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time itself cannot be held on a busy machine; what takes it, sixty-four mebibytes three times over, can."""
    hashed: list[Parameters] = []
    real = passwords._hasher

    class Counting:
        def verify(self, known: str, given: str) -> bool:
            hashed.append(extract_parameters(known))
            return real.verify(known, given)

    with town.office.begin(SYSTEM) as work:
        for username, change in (("auditor", {"closed_at": work.now}), ("chair", {"password_hash": ""})):
            one = work.session.exec(select(Staff).where(Staff.username == username)).one()
            work.session.add(one.sqlmodel_update(change))
    monkeypatch.setattr(passwords, "_hasher", Counting())
    for username in ("worker", "khong-co-ai", "auditor", "chair", ""):
        with pytest.raises(SignInRefused):
            enter(town, username, "sai mat khau")
    assert hashed == [extract_parameters(real.hash("x"))] * 5


def test_five_wrong_passwords_make_the_sixth_try_wait_even_with_the_right_one(town: Town) -> None:
    for _ in range(5):
        fail(town, "worker")
    with pytest.raises(TooManyAttempts) as refused:
        enter(town)
    assert 0 < refused.value.wait_seconds <= 61
    town.clock.advance(seconds=61)
    assert enter(town)


def test_a_session_ends_by_sign_out_by_idleness_and_after_twelve_hours(town: Town) -> None:
    token = enter(town)
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, token) is not None
        sign_out(work, token)
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, token) is None
    idle = enter(town)
    town.clock.advance(minutes=31)
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, idle) is None
    busy = enter(town)
    for _ in range(29):
        town.clock.advance(minutes=25)
        with town.office.begin(SYSTEM) as work:
            alive = resume_session(work, busy)
    assert alive is None


def test_the_token_itself_is_not_in_the_database(town: Town) -> None:
    token = enter(town)
    with town.office.begin(SYSTEM) as work:
        for session in work.session.exec(select(SignedInSession)):
            assert token.encode() not in session.token_digest


def test_alerts_go_to_who_is_on_duty_and_to_everybody_of_the_post_when_the_rota_is_silent(town: Town) -> None:
    worker = town.act_as("worker")
    with town.office.begin(SYSTEM) as work:
        assert worker.unit_id is not None
        assert [one.id for one in on_duty(work, worker.unit_id, Role.WORKER, work.now)] == [worker.id]
        for duty in work.session.exec(select(Duty).where(Duty.staff_id == worker.id)):
            duty.ends_at = work.now
            work.session.add(duty)
        work.session.flush()
        assert [one.id for one in on_duty(work, worker.unit_id, Role.WORKER, work.now)] == [worker.id]


def test_an_account_without_a_password_cannot_be_signed_in_to(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        worker = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        worker.password_hash = ""
        work.session.add(worker)
    for password in ("", town.password):
        with pytest.raises(SignInRefused):
            enter(town, "worker", password)
