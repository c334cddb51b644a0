"""What every answer carries, over every route and every kind of answer; and which requests are not taken at all."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlmodel import select
from werkzeug.routing import AnyConverter, Rule
from werkzeug.test import TestResponse

from casework.app import BODY_LIMIT, FORM_PARTS_LIMIT, create_app
from casework.intake.schemas import is_simple
from casework.people.models import Staff
from casework.people.service import open_session
from casework.policy import MACHINE, declared
from casework.web import headers
from casework.work import SYSTEM
from tests.conftest import Town

BASE = "https://casework.example"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
SENSITIVE = ("camera", "microphone", "geolocation", "display-capture", "usb", "payment")
SAMPLES = {"UUIDConverter": "00000000-0000-4000-8000-000000000000", "IntegerConverter": 1}
LEAVING = ("signin.leave", "lock.close", "pages.quick_exit")  # after them everybody would be a stranger


def make_app(town: Town) -> Flask:
    secure = replace(town.office, settings=replace(town.office.settings, public_url="https://casework.example"))
    return create_app(secure)


@pytest.fixture
def app(town: Town) -> Flask:
    return make_app(town)


def signed_in(app: Flask, town: Town, username: str) -> FlaskClient:
    client = app.test_client()
    with town.office.begin(SYSTEM) as work:
        token = open_session(work, work.session.exec(select(Staff).where(Staff.username == username)).one()).token
    with client.session_transaction(base_url=BASE) as kept:
        kept["_user_id"] = token
    return client


def address_of(rule: Rule) -> str:
    values = {
        name: min(converter.items)
        if isinstance(converter, AnyConverter)
        else SAMPLES.get(type(converter).__name__, "x")
        for name, converter in rule._converters.items()
    }
    built = rule.build(values)
    assert built is not None, rule
    return built[1]


def answers(app: Flask, client: FlaskClient, *, without: tuple[str, ...] = ()) -> Iterator[tuple[str, TestResponse]]:
    """Every route by every method it knows, and an address that is no route."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("static", *without):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}", client.open(address_of(rule), method=method, base_url=BASE)
    yield "GET /khong-co", client.get("/khong-co", base_url=BASE)


def faults_of(answer: TestResponse) -> list[str]:
    wrong = [name for name, value in ALWAYS.items() if answer.headers.get(name) != value]
    said = answer.headers.get("Content-Security-Policy", "")
    policy = dict(part.strip().split(" ", 1) for part in said.split(";") if " " in part.strip())
    wrong += [f"CSP {name}" for name, value in POLICY.items() if policy.get(name) != value]
    allowed = answer.headers.get("Permissions-Policy", "")
    wrong += [f"Permissions-Policy {name}" for name in SENSITIVE if f"{name}=()" not in allowed]
    if "no-store" not in answer.headers.get("Cache-Control", ""):
        wrong.append("Cache-Control")
    if (answer.mimetype or "").startswith("text/") and answer.mimetype_params.get("charset") != "utf-8":
        wrong.append("charset")
    wrong += [name for name, _value in answer.headers if name.lower().startswith("access-control-")]
    return wrong + [word for word in ("unsafe", "data:", "*") if word in said]


def test_every_answer_of_every_route_carries_the_headers(app: Flask, town: Town) -> None:
    wrong: dict[str, list[str]] = {}
    statuses = []
    for name, answer in answers(app, app.test_client()):
        statuses.append(answer.status_code)
        wrong |= {f"stranger {name}": faults_of(answer)} if faults_of(answer) else {}
    app.config["WTF_CSRF_ENABLED"] = False  # so that what is sent reaches its page
    for name, answer in answers(app, signed_in(app, town, "worker"), without=LEAVING):
        statuses.append(answer.status_code)
        wrong |= {f"worker {name}": faults_of(answer)} if faults_of(answer) else {}
    assert wrong == {}
    assert len(statuses) > 200 and {200, 303, 400, 404, 422} <= set(statuses)


def test_the_page_that_refuses_a_file_which_is_not_there_is_kept_by_nobody(app: Flask, town: Town) -> None:
    answer = signed_in(app, town, "worker").get("/static/khong-co.js?v=1", base_url=BASE)
    assert answer.status_code == 404 and "Xã Nà Lũng" in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store" and faults_of(answer) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("Access-Control-Allow-Origin", "*"), ("Content-Type", "text/html"), ("Cache-Control", "private")],
)
def test_the_planted_defect_of_a_header_that_says_too_much_or_too_little_is_seen(
    app: Flask, town: Town, name: str, value: str
) -> None:
    answer = app.test_client().get("/dang-nhap", base_url=BASE)
    assert faults_of(answer) == []
    answer.headers[name] = value
    assert faults_of(answer)


@pytest.mark.parametrize("dropped", ["Content-Security-Policy", "Referrer-Policy", "Permissions-Policy"])
def test_the_planted_defect_of_a_missing_header_is_seen(
    town: Town, monkeypatch: pytest.MonkeyPatch, dropped: str
) -> None:
    monkeypatch.delitem(headers.HEADERS, dropped)
    answer = make_app(town).test_client().get("/dang-nhap", base_url=BASE)
    assert faults_of(answer)


def test_the_session_s_cookie_is_bound_to_host_and_tls_and_no_script_reads_it(app: Flask, town: Town) -> None:
    answer = app.test_client().get("/dang-nhap", base_url=BASE)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-casework=")
    assert (
        all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/")) and "Domain" not in cookie
    )


def test_signing_out_has_the_browser_forget_what_it_kept(app: Flask, town: Town) -> None:
    client = signed_in(app, town, "worker")
    app.config["WTF_CSRF_ENABLED"] = False
    answer = client.post("/dang-xuat", base_url=BASE)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://casework.example"}, False),
        ({"Origin": "https://casework.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "https://ke-xau.example"}, False),
        ({"Origin": "http://casework.example"}, False),
        ({}, True),
    ],
)
def test_another_site_s_form_is_refused_besides_the_token(
    app: Flask, town: Town, sent: dict[str, str], taken: bool
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # this wall alone
    client = signed_in(app, town, "worker")
    answer = client.post("/tai-khoan/phien/ket-thuc-phien-khac", headers=sent, base_url=BASE)
    assert (answer.status_code == 303) is taken
    assert taken or answer.status_code == 400


def test_what_is_refused_before_any_page_has_a_number_to_quote_too(app: Flask, town: Town) -> None:
    for sent in (
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"data": b"&" * 3000, "content_type": headers.FIELDS},
        {},
    ):
        with app.test_request_context("/dang-nhap", method="POST", base_url=BASE, **sent):
            assert app.full_dispatch_request().status_code in (400, 413)
            assert re.fullmatch("[0-9a-f]{16}", g.request_id)


def test_a_form_without_its_token_is_refused(app: Flask, town: Town) -> None:
    client = signed_in(app, town, "worker")
    assert client.post("/tai-khoan/phien/ket-thuc-phien-khac", base_url=BASE).status_code == 400


def untokened(app: Flask, client: FlaskClient) -> set[str]:
    """The routes that take what is sent without a token."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
        if declared(app.view_functions[rule.endpoint]) != MACHINE
        and client.open(address_of(rule), method=method, data={"next": "/"}, base_url=BASE).status_code != 400
    }


@pytest.mark.parametrize("username", ["", "worker"])
def test_no_route_takes_a_form_without_its_token(app: Flask, town: Town, username: str) -> None:
    assert untokened(app, signed_in(app, town, username) if username else app.test_client()) == set()


def test_a_planted_door_without_a_token_is_found(app: Flask, town: Town) -> None:
    app.extensions["csrf"].exempt(app.view_functions["signin.enter"])
    assert untokened(app, app.test_client()) == {"signin.enter"}


def test_a_machine_s_door_takes_no_cookie_and_asks_no_origin(app: Flask, town: Town) -> None:
    client = signed_in(app, town, "hotline")
    answer = client.post("/api/v1/reports", headers={"Sec-Fetch-Site": "cross-site"}, base_url=BASE)
    assert answer.status_code == 401, "the cookie opens nothing here"


def post(app: Flask, path: str, **sent: Any) -> int:
    app.config["WTF_CSRF_ENABLED"] = False
    return app.test_client().post(path, base_url=BASE, **sent).status_code


def test_bodies_are_bounded_in_bytes_parts_and_files(app: Flask, town: Town) -> None:
    assert post(app, "/dang-nhap", data={"username": "x" * (1024 * 1024 + 1)}) == 413
    assert (
        post(app, "/dang-nhap", data={f"o{number}": "x" for number in range(3000)}, content_type="multipart/form-data")
        == 413
    )
    key = {"Authorization": f"Bearer {town.world.api_key}"}
    assert post(app, "/api/v1/reports", data=b"{" + b" " * 1024 * 1024 + b"}", headers=key) == 413
    client = signed_in(app, town, "worker")
    app.config["WTF_CSRF_ENABLED"] = False
    paths = [rule for rule in app.url_map.iter_rules() if hasattr(app.view_functions[rule.endpoint], "body_limit")]
    assert paths
    for rule in paths:
        many = {"file": [(io.BytesIO(b"x"), f"{number}.pdf") for number in range(headers.MOST_FILES + 1)]}
        answer = client.post(address_of(rule), data=many, content_type="multipart/form-data", base_url=BASE)
        assert answer.status_code == 413, rule


def test_a_body_that_does_not_say_its_length_is_taken_whole_or_refused(app: Flask, town: Town) -> None:
    def sent(path: str, body: bytes, content_type: str = "application/json") -> int:
        chunked = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
        key = {"Authorization": f"Bearer {town.world.api_key}"}
        client = app.test_client()
        return client.post(
            path, environ_overrides=chunked, headers=key, content_type=content_type, base_url=BASE
        ).status_code

    report = json.dumps({"incident_commune": "99001", "narrative": "trẻ khóc"}).encode()
    assert sent("/api/v1/reports", report) == 201
    assert sent("/api/v1/reports", report + b" " * (BODY_LIMIT - len(report))) == 201
    assert sent("/api/v1/reports", report + b" " * (BODY_LIMIT - len(report)) + b"x") == 413
    assert sent("/dang-nhap", b"username=" + b"x" * BODY_LIMIT, "application/x-www-form-urlencoded") == 413


def test_fields_are_counted_however_a_form_is_written(app: Flask, town: Town) -> None:
    many, most = "&".join(["o="] * (FORM_PARTS_LIMIT + 1)), "&".join(["o="] * FORM_PARTS_LIMIT)
    assert post(app, "/dang-nhap", data=many, content_type="application/x-www-form-urlencoded") == 413
    assert post(app, "/dang-nhap", data=most, content_type="application/x-www-form-urlencoded") == 401


@pytest.mark.parametrize("address", ["/ca?q=%00", "/su-co/%00", "/danh-ba?q=%00", "/ca?trang=99999999999999999999999"])
def test_what_no_column_holds_is_a_bad_request_and_no_fault_of_ours(app: Flask, town: Town, address: str) -> None:
    assert signed_in(app, town, "worker").get(address, base_url=BASE).status_code in (200, 400, 404)
    assert post(app, "/dang-nhap", data={"username": "a\0b", "password": "x"}) == 400


def test_a_body_deeper_or_larger_than_a_report_is_kept_for_a_person(app: Flask, town: Town) -> None:
    key = {"Authorization": f"Bearer {town.world.api_key}"}
    deep: Any = "x"
    for _ in range(13):
        deep = {"a": deep}
    wide = {f"k{number}": 1 for number in range(1200)}
    for odd in (deep, wide):
        body = json.dumps({"incident_commune": "99001", "narrative": "trẻ khóc", "more": odd})
        assert post(app, "/api/v1/reports", data=body.encode(), headers=key) == 202
        assert not is_simple(json.loads(body))
    assert is_simple({"incident_commune": "99001", "child": {"name": "x"}, "kinds": ["violence"]})
