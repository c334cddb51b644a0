"""A password that somebody else made opens the page where its owner chooses one, for its days, and nothing else ever."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp
import pytest
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.db import APP_ROLE
from casework.errors import Invalid, SignInRefused
from casework.migrate import downgrade, upgrade
from casework.people import service
from casework.people.enrolment import confirm_totp, seed_to_confirm, start_totp
from casework.people.factors import Admission, Step, sign_in
from casework.people.models import SignedInSession, SignInAttempt, Staff, Unit
from casework.people.passwords import first_password_lasts
from casework.people.rules import Role
from casework.people.service import close_account, create_staff, new_password, open_session, reset_password
from casework.people.sessions import choose_password, chooser
from casework.work import SYSTEM
from tests.access.scenes import staff_named
from tests.conftest import Town
from tests.web.conftest import Browser, app, browser, stranger  # noqa: F401

SignIn = Callable[[str], Browser]
OWN = "bốn con vịt qua cầu"
PASSWORD = re.compile(r"<code[^>]*>([a-z2-9-]{19})</code>")


def newcomer(town: Town, username: str = "nguoi-moi") -> str:
    """Opens a worker's account as an import does; its first password."""
    password = new_password()
    with town.office.begin(SYSTEM) as work:
        home = work.session.exec(select(Unit).where(Unit.code == "99002")).one()
        create_staff(work, username=username, password=password, role=Role.WORKER, unit=home, name="Cán bộ mới")
    return password


def reset(town: Town, username: str) -> str:
    with town.office.begin(town.act_as("administrator")) as work:
        return reset_password(work, staff_named(town, username))


def enter(town: Town, username: str, password: str) -> Admission:
    with town.office.begin(SYSTEM) as work:
        return sign_in(work, username, password)


def choose(town: Town, token: str, new: str = OWN) -> Admission:
    with town.office.begin(SYSTEM) as work:
        return choose_password(work, token, new)


def sessions(town: Town) -> int:
    with town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(SignedInSession)).all())


def test_a_first_password_opens_no_session_but_the_choice_of_one_s_own(town: Town) -> None:
    first = newcomer(town)
    asked = enter(town, "nguoi-moi", first)
    assert (asked.step, sessions(town)) == (Step.PASSWORD, 0)
    went_on = choose(town, asked.token)
    assert (went_on.step, sessions(town)) == (Step.ENROL, 1)  # and a second factor is asked of them as of everybody
    with pytest.raises(SignInRefused):
        enter(town, "nguoi-moi", first)
    town.clock.advance(days=3650)  # their own lasts
    assert enter(town, "nguoi-moi", OWN).step == Step.ENROL
    with town.office.begin(SYSTEM) as work:
        owner = staff_named(town, "nguoi-moi")
        changed = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.PASSWORD_CHANGED)).all()
        assert [(one.actor_id, one.object_id) for one in changed] == [(owner.id, owner.id)]


def test_a_password_set_anew_leaves_the_second_factor(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        owner = work.session.exec(select(Staff).where(Staff.username == "worker-99002")).one()
        start_totp(work, owner)
        work.session.flush()
        waiting = seed_to_confirm(work, owner)
        assert waiting is not None and confirm_totp(work, owner, pyotp.TOTP(waiting[0]).at(int(work.now.timestamp())))
    asked = enter(town, "worker-99002", reset(town, "worker-99002"))
    before = sessions(town)
    assert (choose(town, asked.token).step, sessions(town)) == (Step.FACTOR, before)


@pytest.mark.parametrize("make", [newcomer, lambda town: reset(town, "worker-99002")], ids=["opened", "reset"])
def test_a_first_password_ends_after_its_days_as_if_it_were_wrong(town: Town, make: Callable[[Town], str]) -> None:
    first = make(town)
    username = "nguoi-moi" if make is newcomer else "worker-99002"
    town.clock.advance(seconds=first_password_lasts().total_seconds() - 1)
    token = enter(town, username, first).token
    town.clock.advance(seconds=1)
    with pytest.raises(SignInRefused):
        enter(town, username, first)
    with pytest.raises(SignInRefused):  # and so does the choice it had opened
        choose(town, token)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(SignInAttempt)).all()) == 1  # counted as a wrong one is
    again = enter(town, username, reset(town, username))
    assert choose(town, again.token).step != Step.PASSWORD


def test_the_planted_defect_of_a_first_password_that_lasts_is_seen(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    first = newcomer(town)
    town.clock.advance(days=400)
    monkeypatch.setattr(service, "is_run_out", lambda *_: False)
    assert enter(town, "nguoi-moi", first).step == Step.PASSWORD


def test_the_first_password_is_not_chosen_again_nor_a_weak_one(town: Town) -> None:
    first = newcomer(town)
    token = enter(town, "nguoi-moi", first).token
    weak = (("ngắn", "too-short"), ("matkhau123456", "common"), ("nguoi-moi-ban-sen", "known-words"))
    for new, fault in ((first, "same"), *weak):
        with pytest.raises(Invalid) as refused:
            choose(town, token, new)
        assert refused.value.faults == {"new": fault}
    assert choose(town, token).step == Step.ENROL


def test_a_choice_counts_once_and_ends_with_a_reset_and_with_the_account(town: Town) -> None:
    token = enter(town, "nguoi-moi", newcomer(town)).token
    choose(town, token)
    with pytest.raises(SignInRefused):
        choose(town, token, "năm con gà trên mái")
    before = enter(town, "nguoi-moi", reset(town, "nguoi-moi")).token
    reset(town, "nguoi-moi")  # the password went to the wrong person: what they have open is void
    with pytest.raises(SignInRefused):
        choose(town, before)
    other = enter(town, "nguoi-khac", newcomer(town, "nguoi-khac")).token
    with town.office.begin(town.act_as("administrator")) as work:
        close_account(work, staff_named(town, "nguoi-khac"))
    with town.office.begin(SYSTEM) as work:
        assert chooser(work, other) is None


def test_whoever_tries_a_drill_keeps_its_passwords(town: Town) -> None:
    town.clock.advance(days=3650)
    for username in ("worker", "administrator", "collaborator"):
        assert enter(town, username, town.password).step == Step.OPEN
    with town.office.begin(SYSTEM) as work:
        assert not work.session.exec(select(Staff).where(col(Staff.first_password_at).is_not(None))).all()


def test_an_office_that_is_brought_up_to_date_counts_the_days_of_who_never_came(town: Town) -> None:
    newcomer(town)
    newcomer(town, "da-vao")
    with town.office.begin(SYSTEM) as work:
        open_session(work, staff_named(town, "da-vao"))
    town.office.engine.dispose()
    downgrade(town.database.owner_url, "0014")
    upgrade(town.database.owner_url, APP_ROLE)
    with town.office.begin(SYSTEM) as work:
        dated = work.session.exec(select(Staff.username).where(col(Staff.first_password_at).is_not(None))).all()
    assert dated == ["nguoi-moi"]  # neither who has signed in, nor a drill's, nor who has no password


def test_the_page_of_sign_in_says_the_same_of_one_that_has_run_out_and_the_administrator_sees_why(
    town: Town,
    browser: SignIn,  # noqa: F811
    stranger: Browser,  # noqa: F811
) -> None:
    first = newcomer(town)

    def answer(password: str) -> tuple[int, str]:
        typed = {"username": "nguoi-moi", "password": password}
        answer = stranger.submit("/dang-nhap", typed, page="/dang-nhap")
        text = answer.get_data(as_text=True)
        return answer.status_code, re.sub(r'(csrf_token" value="|data-now="|datetime=")[^"]*', "", text)

    person = browser("administrator")
    page = f"/quan-tri/tai-khoan/{staff_named(town, 'nguoi-moi').id}"
    assert "mật khẩu đầu đã hết hạn" not in person.get(page).get_data(as_text=True)
    town.clock.advance(days=14)
    assert answer(first) == answer("mật khẩu sai hẳn") and answer(first)[0] == 401
    person = browser("administrator")
    for place in (page, "/quan-tri/tai-khoan"):
        assert "mật khẩu đầu đã hết hạn" in person.get(place).get_data(as_text=True)
    told = person.submit(f"{page}/mat-khau").get_data(as_text=True)
    found = PASSWORD.search(told)
    assert found is not None and "21/12/2026" in told
    assert answer(found[1])[0] == 303


def test_the_choice_is_a_page_that_works_by_itself_and_keeps_nothing_typed(
    town: Town,
    browser: SignIn,  # noqa: F811
    stranger: Browser,  # noqa: F811
) -> None:
    here = "/dang-nhap/mat-khau-moi"
    assert stranger.get(here).headers["Location"].startswith("/dang-nhap?")
    stranger.submit("/dang-nhap", {"username": "nguoi-moi", "password": newcomer(town)}, page="/dang-nhap")
    assert stranger.get("/viec").status_code == 303  # nothing is open yet
    for typed in ({"new": OWN, "again": "khác hẳn câu kia"}, {"new": "một con vịt", "again": "một con vịt"}):
        refused = stranger.submit(here, typed, page=here)
        page = refused.get_data(as_text=True)
        assert refused.status_code == 422 and typed["new"] not in page and "error-summary" in page
    done = stranger.submit(here, {"new": OWN, "again": OWN}, page=here)
    assert (done.status_code, done.headers["Location"]) == (303, "/tai-khoan/bao-mat")
