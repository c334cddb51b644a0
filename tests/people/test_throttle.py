"""Guessing: a hundred wrong tries are ever checked of one account, from anywhere, at any pace, and its owner keeps working.

`GUESSES=10000 .venv/bin/python -m pytest tests/people/test_throttle.py -k brute` is the whole run (default: 120 tries).
"""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func
from sqlmodel import select

from casework.errors import SignInRefused, TooManyAttempts
from casework.people import passwords, throttle
from casework.people.enrolment import add_passkey
from casework.people.factors import Purpose, Site, ask, passkey_question, sign_in_by_passkey
from casework.people.models import SignInAttempt, Staff
from casework.people.passwords import AT_ONCE, fault_of, hash_password, is_outdated, is_right, pin_fault
from casework.people.service import check_password, open_session, resume_session
from casework.people.throttle import guessed_at, limits, open_again
from casework.vault.keys import Keys
from casework.work import SYSTEM
from tests.people.authenticator import Authenticator

if TYPE_CHECKING:
    from tests.conftest import Town

GUESSES = int(os.environ.get("GUESSES", "120"))
NETWORKS = 251
SITE = Site("casework.example", "https://casework.example")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what is counted here is checks, not milliseconds


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was really checked, in order."""
    seen: list[str] = []

    def note(keys: Keys, hashed: str | None, password: str) -> bool:
        seen.append(password)
        return is_right(keys, hashed, password)

    monkeypatch.setattr("casework.people.service.is_right", note)
    monkeypatch.setattr("casework.people.passwords._hasher", CHEAP)
    monkeypatch.setattr("casework.people.passwords._NOBODY", "k1" + CHEAP.hash("nobody"))
    return seen


def owner(town: Town, username: str = "worker") -> Staff:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Staff).where(Staff.username == username)).one()


def give_password(town: Town, password: str) -> None:
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        staff.password_hash = hash_password(work.keys, password)
        work.session.add(staff)


def guess(town: Town, password: str, *, username: str = "worker", network: str = "") -> str:
    try:
        with town.office.begin(SYSTEM) as work:
            check_password(work, username, password, network=network)
    except TooManyAttempts as refused:
        return "closed" if refused.closed else "wait"
    except SignInRefused:
        return "wrong"
    return "right"


def brute_force(town: Town, username: str, tries: int) -> list[str]:
    """From 251 networks in turn; the first seven at once, then as patient as the longest wait."""
    answers = []
    for number in range(tries):
        network = f"198.51.{number % NETWORKS}.0"
        answers.append(guess(town, f"doan-{number}", username=username, network=network))
        town.clock.advance(minutes=60 if number > 6 else 0)
    return answers


def with_passkey(town: Town) -> Authenticator:
    """The owner's passkey."""
    device = Authenticator(counts=False)
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        token = ask(work, Purpose.ENROL, staff.id)
        work.session.flush()
        options = json.loads(passkey_question(work, Purpose.ENROL, token, SITE))
        assert add_passkey(work, staff, token, device.create(options), name="máy", site=SITE)
    return device


def passkey_opens(town: Town, device: Authenticator) -> bool:
    with town.office.begin(SYSTEM) as work:
        token = ask(work, Purpose.PASSKEY)
        work.session.flush()
        options = json.loads(passkey_question(work, Purpose.PASSKEY, token, SITE))
        return sign_in_by_passkey(work, token, device.get(options), SITE)[1] is not None


def end_after(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    allowed = replace(limits(), most=most)
    monkeypatch.setattr(throttle, "limits", lambda: allowed)


def test_brute_force_is_checked_a_hundred_times_and_the_owner_still_works(town: Town, checked: list[str]) -> None:
    give_password(town, "mat khau cua chu tai khoan")
    device = with_passkey(town)
    answers = brute_force(town, "worker", GUESSES)
    assert len(checked) == answers.count("wrong") == limits().most == 100
    assert answers[-1] == "closed"
    # The right password is not looked at any more either; what is open stays open, and a passkey, which is no guess, opens.
    assert passkey_opens(town, device)
    assert guess(town, "mat khau cua chu tai khoan") == "closed"
    with town.office.begin(SYSTEM) as work:
        token = open_session(work, owner(town)).token
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, token) is not None
        assert [one.staff.username for one in guessed_at(work) if one.closed] == ["worker"]
        assert open_again(work, owner(town)) == 100
    assert guess(town, "mat khau cua chu tai khoan") == "right"


def test_a_name_nobody_has_is_answered_as_one_that_somebody_has(
    town: Town, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    end_after(monkeypatch, 8)
    known = brute_force(town, "worker", 20)
    town.clock.advance(days=2)
    assert brute_force(town, "khong-co-ai", 20) == known
    assert {"wrong", "wait", "closed"} == set(known)


def test_the_planted_defect_of_no_end_is_seen(town: Town, checked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    end_after(monkeypatch, 8)
    brute_force(town, "worker", 20)
    assert len(checked) == 8
    end_after(monkeypatch, 10**9)
    brute_force(town, "chair", 20)
    assert len(checked) > 8 + 8


def test_guesses_that_come_at_once_are_counted_one_by_one(town: Town, checked: list[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: guess(town, f"doan-{number}"), range(24)))
    assert answers.count("wrong") == len(checked) == limits().account.free
    assert answers.count("wait") == 24 - limits().account.free


def test_a_guess_is_counted_though_the_work_around_it_is_dropped(town: Town, checked: list[str]) -> None:
    for _ in range(limits().account.free):
        with pytest.raises(RuntimeError), town.office.begin(SYSTEM) as work:
            with pytest.raises(SignInRefused):
                check_password(work, "worker", "sai")
            raise RuntimeError("the process was killed")
    assert guess(town, "sai") == "wait"


def test_the_right_password_forgives_what_was_mistyped_there_and_nothing_elsewhere(
    town: Town, checked: list[str]
) -> None:
    give_password(town, "mat khau cua chu tai khoan")
    for network in ("198.51.100.0", "203.0.113.0", "203.0.113.0"):
        guess(town, "sai", network=network)
    assert guess(town, "mat khau cua chu tai khoan", network="198.51.100.0") == "right"
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(func.count()).select_from(SignInAttempt)).one() == 2


def test_one_network_that_tries_many_names_has_to_wait_and_another_has_not(town: Town, checked: list[str]) -> None:
    answers = [guess(town, "sai", username=f"ten-{number}", network="203.0.113.0") for number in range(40)]
    assert answers.count("wrong") == limits().network.free
    assert guess(town, "sai", username="ten-khac", network="198.51.100.0") == "wrong"


def test_when_all_are_tried_from_everywhere_only_networks_that_failed_wait(
    town: Town, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = replace(limits(), everybody=replace(limits().everybody, free=20))
    monkeypatch.setattr(throttle, "limits", lambda: tight)
    for number in range(20):
        assert guess(town, "sai", username=f"ten-{number}", network=f"198.51.{number}.0") == "wrong"
    assert guess(town, "sai", username="ten-khac", network="198.51.3.0") == "wait"
    assert guess(town, "sai", username="ten-khac", network="203.0.113.0") == "wrong"


def test_no_more_than_four_passwords_are_hashed_at_once(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    now, most = [], [0]

    class Slow:
        def hash(self, _: str) -> str:
            now.append(1)
            most[0] = max(most[0], len(now))
            time.sleep(0.02)
            now.pop()
            return "x"

    monkeypatch.setattr("casework.people.passwords._hasher", Slow())
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: hash_password(keys, "mat khau"), range(24)))
    assert most[0] == AT_ONCE


def test_a_password_hashed_before_the_office_s_key_was_part_of_it_still_opens_and_is_made_anew(town: Town) -> None:
    old = CHEAP.hash("mat khau cu ky")
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        staff.password_hash = old
        work.session.add(staff)
    assert guess(town, "mat khau cu ky") == "right"
    assert owner(town).password_hash.startswith("k1$argon2id$")
    assert not is_outdated(owner(town).password_hash)


@pytest.mark.parametrize(
    ("password", "alone", "fault"),
    [
        ("11 ký tự nè", False, "too-short"),
        ("mười hai ký tự", True, "too-short"),
        ("trâu ăn cỏ ngoài đồng", True, None),
        ("cỏ lau bạc dốc núi " * 4, True, None),
        ("x" * 257, True, "too-long"),
        ("password1234", False, "common"),
        ("qwertyuiop123", False, "common"),
        ("Mật Khẩu 123456", False, "common"),
        ("abcabcabcabc", False, "common"),
        ("anhyeuem2026!!", False, "common"),
        ("casework-2026-casework", True, "known-words"),
        ("UBND Xã Nà Lũng 2026", True, "known-words"),
        ("worker-99001-2026", True, "known-words"),
        ("834906152778310", True, None),
    ],
)
def test_a_password_is_long_and_not_what_everybody_tries_first(password: str, alone: bool, fault: str | None) -> None:
    assert fault_of(password, alone=alone, context=["worker-99001", "worker", "Xã Nà Lũng"]) == fault


@pytest.mark.parametrize(
    "password",
    ["correcthorsebatterystaple", "CorrectHorseBatteryStaple", "Em Yêu Anh Nhiều Lắm", "emyeuanhnhieulam 2026!"],
)
def test_a_password_found_in_a_leak_is_refused_however_it_is_written(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fault_of(password, alone=True) == "breached"
    monkeypatch.setattr(passwords, "is_bad_password", lambda _: False)  # the planted defect: leaks are not looked at
    assert fault_of(password, alone=True) is None


def test_no_text_breaks_the_look_into_the_leaks() -> None:
    chance = random.Random(20261123)
    letters = [*map(chr, range(0x180)), "\n", "đ", "Ạ", "\U0010ffff"]
    for _ in range(300):
        assert fault_of("".join(chance.choices(letters, k=chance.randint(15, 60))), alone=True) in (None, "known-words")


@pytest.mark.parametrize(
    ("pin", "fault"),
    [
        ("12345", "not-six-digits"), ("12345a", "not-six-digits"), ("１２３４５６", "not-six-digits"),
        ("123456", "common"), ("987654", "common"), ("000000", "common"), ("121212", "common"), ("246246", "common"),
        ("407193", None),
    ],
)  # fmt: skip
def test_a_pin_is_six_digits_that_are_no_run(pin: str, fault: str | None) -> None:
    assert pin_fault(pin) == fault
