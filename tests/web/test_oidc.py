"""Sign-in through an identity provider, against a real one on loopback: whom it lets in, and every answer it must not believe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlmodel import select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.errors import UnsafeStart
from casework.people import oidc
from casework.people.models import SecondFactor, SignedInSession, Staff
from casework.settings import check_settings
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.oidc_issuer import CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer

START, HOME = "/dang-nhap/co-quan", "/viec"


@pytest.fixture
def issuer(town: Town) -> Iterator[Issuer]:
    with running_issuer(town.clock.now) as issuer:
        yield issuer


@pytest.fixture
def app(town: Town, issuer: Issuer, tmp_path: Path) -> Flask:
    return with_provider(town, issuer, tmp_path)


def with_provider(town: Town, issuer: Issuer, folder: Path, *, trusted: tuple[str, ...] = ()) -> Flask:
    secret = folder / "oidc.secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o600)
    settings = replace(
        town.office.settings,
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret_file=secret,
        oidc_second_factor=trusted,
    )
    check_settings(settings)
    return create_app(replace(town.office, settings=settings))


def link(town: Town, issuer: Issuer, username: str = "worker", *, agreed: bool = True) -> None:
    with town.office.begin(town.act_as("administrator")) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        oidc.propose_link(work, issuer.url, staff, issuer.subject)
    if agreed:
        with town.office.begin(town.act_as(username)) as work:
            oidc.agree_to_link(work, staff)


def go(app: Flask, issuer: Issuer, target: str = HOME) -> tuple[Browser, str]:
    """A browser that has been at the provider, and the path it is sent back to."""
    person = Browser(app.test_client(), "")
    answer = person.get(f"{START}?next={target}")
    assert answer.status_code == 303 and answer.headers["Location"].startswith(f"{issuer.url}/authorize?")
    return person, issuer.sign_in(answer.headers["Location"])


def is_in(person: Browser) -> bool:
    return person.get(HOME).status_code == 200


def test_who_is_linked_and_has_agreed_is_signed_in(town: Town, app: Flask, issuer: Issuer) -> None:
    link(town, issuer)
    person, back = go(app, issuer)
    answer = person.get(back)
    assert answer.status_code == 200 and answer.headers["Refresh"] == f"0;url={HOME}"
    assert is_in(person)
    town.clock.advance(minutes=31)
    assert not is_in(person), "our own limit of idleness, whatever the provider's is"


@pytest.mark.parametrize("target", ["/%09%5Cevil.example", "/%0A%5Cevil.example", "//evil.example", "/%5Cevil.example"])
def test_the_way_back_leads_to_no_other_host(town: Town, app: Flask, issuer: Issuer, target: str) -> None:
    link(town, issuer)
    person, back = go(app, issuer, target)
    answer = person.get(back)
    assert answer.headers["Refresh"] == "0;url=/" and "evil" not in answer.get_data(as_text=True)


def test_who_is_not_linked_or_has_not_agreed_is_not_and_no_account_is_made(
    town: Town, app: Flask, issuer: Issuer
) -> None:
    with town.office.begin(SYSTEM) as work:
        before = len(work.session.exec(select(Staff)).all())
    for agreed in (None, False):
        if agreed is False:
            link(town, issuer, agreed=False)
        person, back = go(app, issuer)
        assert person.get(back).headers["Location"] == "/dang-nhap"
        assert not is_in(person)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(Staff)).all()) == before


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("another nonce", {"claims": {"nonce": "khac"}}),
    ("no nonce", {"claims": {"nonce": None}}),
    ("another audience", {"claims": {"aud": "ung-dung-khac"}}),
    ("another issuer", {"claims": {"iss": "https://khac.example"}}),
    ("too old", {"claims": {"exp": 1}}),
    ("no end", {"claims": {"exp": None}}),
    ("no subject", {"claims": {"sub": None}}),
    ("meant for another party", {"claims": {"aud": [CLIENT_ID, "khac"], "azp": "khac"}}),
    ("another signature", {"signature": "forged"}),
    ("no signature", {"signature": "none"}),
    ("a shared secret for a signature", {"signature": "shared"}),
]


@pytest.mark.parametrize(("what", "faults"), WRONG, ids=[what for what, _ in WRONG])
def test_a_token_that_is_not_right_in_every_part_is_refused(
    town: Town, app: Flask, issuer: Issuer, what: str, faults: dict[str, Any]
) -> None:
    link(town, issuer)
    person, back = go(app, issuer)
    issuer.faults = faults
    assert person.get(back).headers["Location"] == "/dang-nhap"
    assert issuer.exchanges == 1 and not is_in(person)


def test_the_planted_defect_of_a_nonce_that_is_not_compared_is_seen(
    town: Town, app: Flask, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(town, issuer)
    person, back = go(app, issuer)
    issuer.faults = {"claims": {"nonce": None}}
    monkeypatch.setattr("casework.people.oidc.hmac.compare_digest", lambda given, wanted: True)
    monkeypatch.setattr("casework.people.oidc.CodeIDToken.validate_nonce", lambda self: None)
    person.get(back)
    assert is_in(person)


def test_an_answer_counts_once_in_the_browser_that_asked_and_for_ten_minutes(
    town: Town, app: Flask, issuer: Issuer
) -> None:
    link(town, issuer)
    person, back = go(app, issuer)
    thief = Browser(app.test_client(), "")
    assert thief.get(back).headers["Location"] == "/dang-nhap", "another browser"
    assert issuer.exchanges == 0, "the code was not even shown"
    person.get(back)
    assert is_in(person)
    person.submit("/dang-xuat", page=HOME)
    assert person.get(back).headers["Location"] == "/dang-nhap", "replayed"
    late, back = go(app, issuer)
    town.clock.advance(minutes=11)
    assert late.get(back).headers["Location"] == "/dang-nhap"
    assert not is_in(late)


def test_a_code_of_another_flow_is_refused(town: Town, app: Flask, issuer: Issuer) -> None:
    link(town, issuer)
    first, one = go(app, issuer)
    _second, other = go(app, issuer)
    stolen = other.split("code=")[1].split("&")[0]
    mixed = one.replace(one.split("code=")[1].split("&")[0], stolen)
    assert first.get(mixed).headers["Location"] == "/dang-nhap"
    assert not is_in(first)


@pytest.mark.parametrize(
    ("amr", "trusted", "ago", "whole"),
    [
        (("pwd",), ("mfa",), 0, False),
        (("pwd", "mfa"), ("mfa",), 0, True),
        (("pwd", "mfa"), ("mfa",), 299, True),
        (("pwd", "mfa"), ("mfa",), 3600, False),
        (("pwd", "mfa"), ("mfa",), -3600, False),
        (("pwd", "mfa"), ("mfa",), None, False),
        (("mfa",), (), 0, False),
    ],
)
def test_a_second_factor_is_ours_unless_the_office_trusts_the_provider_s_and_it_was_asked_just_now(
    town: Town,
    issuer: Issuer,
    tmp_path: Path,
    amr: tuple[str, ...],
    trusted: tuple[str, ...],
    ago: int | None,
    whole: bool,
) -> None:
    link(town, issuer)
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        staff.second_factor = SecondFactor.REQUIRED
        work.session.add(staff)
    issuer.amr, issuer.ago = amr, ago
    person, back = go(with_provider(town, issuer, tmp_path, trusted=trusted), issuer)
    assert issuer.asked[-1].get("max_age") == ("300" if trusted else None)
    person.get(back)
    assert is_in(person) is whole
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(SignedInSession)).one().limited is not whole


def test_an_administrator_cannot_link_themselves_into_an_account(town: Town, app: Flask, issuer: Issuer) -> None:
    administrator = Browser(app.test_client(), "administrator")
    administrator.submit("/dang-nhap", {"username": "administrator", "password": town.password}, page="/dang-nhap")
    with town.office.begin(SYSTEM) as work:
        ids = {one.username: one.id for one in work.session.exec(select(Staff))}
    page = f"/quan-tri/tai-khoan/{ids['worker']}/co-quan"
    assert administrator.submit(page, {"subject": issuer.subject}, page=page).status_code == 303
    person, back = go(app, issuer)
    person.get(back)
    assert not is_in(person), "not before the owner agrees"
    assert administrator.submit("/tai-khoan/co-quan", page="/tai-khoan/co-quan").status_code == 404
    own = f"/quan-tri/tai-khoan/{ids['administrator']}/co-quan"
    assert administrator.submit(own, {"subject": "khac"}, page=own).status_code == 422


def test_without_the_setting_nothing_of_it_exists(town: Town, stranger: Browser) -> None:
    plain = create_app(town.office)
    assert not [rule.rule for rule in plain.url_map.iter_rules() if "co-quan" in rule.rule]
    assert "co-quan" not in plain.test_client().get("/dang-nhap").get_data(as_text=True)


def test_a_stranger_cannot_fill_the_trail(town: Town, app: Flask, issuer: Issuer) -> None:
    stranger = Browser(app.test_client(), "")
    for number in range(12):
        assert stranger.get(f"/dang-nhap/co-quan/ve?code=x&state={number}").headers["Location"] == "/dang-nhap"
    assert trail(town).count(Tag.SESSION_REFUSED) == 5
    town.clock.advance(minutes=2)
    stranger.get("/dang-nhap/co-quan/ve?code=x&state=x")
    assert trail(town).count(Tag.SESSION_REFUSED) == 6


def trail(town: Town) -> list[str]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(AuditEntry.tag)))


def test_an_issuer_out_of_reach_or_of_another_name_lets_nobody_in(town: Town, app: Flask, issuer: Issuer) -> None:
    issuer.faults = {"issuer": "https://khac.example"}
    assert app.test_client().get(START).headers["Location"] == "/dang-nhap"


@pytest.mark.parametrize("mode", [0o644, None])
def test_a_secret_that_others_can_read_or_nobody_can_refuses_the_start(
    town: Town, tmp_path: Path, mode: int | None
) -> None:
    secret = tmp_path / "oidc.secret"
    if mode is not None:
        secret.write_text(CLIENT_SECRET)
        secret.chmod(mode)
    settings = replace(
        town.office.settings, oidc_issuer="https://id.example", oidc_client_id=CLIENT_ID, oidc_client_secret_file=secret
    )
    with pytest.raises(UnsafeStart):
        check_settings(settings)
    with pytest.raises(UnsafeStart):
        check_settings(replace(settings, oidc_issuer="http://id.example"))
