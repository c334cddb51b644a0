"""The process's own log names nobody."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import structlog
from flask import Blueprint
from gunicorn.config import Config

from casework.app import create_app
from casework.jobs.runner import tick
from casework.serve import ServerLog, WebServer
from casework.web.access import open_to_all
from casework.web.logs import install_logs
from tests.conftest import Town
from tests.web.conftest import Browser

NAME = "Vừ Mí Sính"
REPORT = {
    "incident_commune": "99001",
    "child": {"name": NAME},
    "narrative": f"{NAME} bị đánh",
    "reporter": {"phone": "0900000111"},
}


def breaking_page() -> Blueprint:
    page = Blueprint("breaking", __name__)

    @page.post("/hong")
    @open_to_all
    def broken() -> str:
        raise ValueError(NAME)

    return page


def test_no_name_no_query_and_no_whole_address_reaches_the_log(town: Town, lines: io.StringIO) -> None:
    app = create_app(town.office, more_pages=[breaking_page()])
    install_logs(app)
    person = Browser(app.test_client(), "worker")
    person.submit("/dang-nhap", {"username": NAME, "password": NAME}, page=f"/dang-nhap?next=/tim?q={NAME}")
    person.submit("/dang-nhap", {"username": "worker", "password": town.password}, page="/dang-nhap")
    person.get(f"/ca/{NAME}?q={NAME}", headers={"User-Agent": NAME})
    person.submit(f"/hong?q={NAME}", {"name": NAME})
    person.client.open("/viec", method="VUMISINH")
    headers = {"Authorization": f"Bearer {town.world.api_key}"}
    for body in (REPORT, {**REPORT, "incident_commune": NAME}, [NAME]):
        app.test_client().post(f"/api/v1/reports?{NAME}", json=body, headers=headers)
    logging.getLogger("some.package").error("could not send to %s", NAME)
    try:
        raise ValueError(NAME)
    except ValueError:
        logging.getLogger("apscheduler").exception("job of %s failed", NAME)
    structlog.get_logger("web").info("request", path=NAME, body=NAME, request_id="1")
    town.clock.advance(hours=13)
    tick(town.office)

    said = lines.getvalue()
    events = [json.loads(line) for line in said.splitlines()]
    assert {"request", "broken", "library", "fired", "sent"} <= {one["event"] for one in events}
    assert any(one.get("error") == "ValueError" and one["event"] == "broken" for one in events)
    for secret in (
        NAME,
        "Vừ",
        "VUMISINH",
        "0900000111",
        town.password,
        town.world.api_key,
        "/dang-nhap",
        "?q",
        "127.0.0.1",
    ):
        assert secret not in said
        assert json.dumps(secret)[1:-1] not in said


def test_the_server_s_own_log_repeats_no_request_and_still_says_why_it_does_not_start(monkeypatch: Any) -> None:
    kept = logging.getLogger("gunicorn.error")
    monkeypatch.setattr(kept, "handlers", [])
    monkeypatch.setattr(kept, "propagate", kept.propagate)
    log, out = ServerLog(Config()), io.StringIO()
    log.error_log.handlers[:] = [logging.StreamHandler(out)]
    log.warning(f"Invalid request from ip=203.0.113.77: Invalid HTTP request line: 'GET /ca/{NAME}'")
    try:
        raise ValueError(NAME)
    except ValueError as error:
        log.exception("Error handling request %s %s", "GET", f"/ca/{NAME}")
        assert "Vừ" not in out.getvalue() and "203.0.113" not in out.getvalue() and "ValueError" in out.getvalue()
        log.exception(error)
    log.error("Connection in use: %s", "127.0.0.1:8000")
    assert "Traceback" in out.getvalue() and "Connection in use: 127.0.0.1:8000" in out.getvalue()


def test_the_server_writes_its_own_log_so() -> None:
    server = WebServer(lambda: None, host="127.0.0.1", port=0, workers=1)
    assert server.cfg.logger_class is ServerLog


def test_a_line_end_in_a_value_makes_no_line_of_its_own(lines: io.StringIO) -> None:
    forged = 'x\n{"event": "request", "status": 200}\r\n'
    structlog.get_logger("web").info("refused", kind=forged)
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["kind"] == forged


def test_each_request_leaves_one_line_with_its_id_and_time(town: Town, lines: io.StringIO) -> None:
    app = create_app(town.office)
    install_logs(app)
    app.test_client().get("/healthz")
    event = json.loads(lines.getvalue().splitlines()[-1])
    assert (event["endpoint"], event["status"], event["network"]) == ("health.alive", 200, "127.0.0.0")
    assert event["request_id"] and event["ms"] >= 0
