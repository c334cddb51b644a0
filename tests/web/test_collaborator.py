"""Telling of a child from a village, over HTTP: without a script, without writing, without losing a word."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from sqlmodel import select
from werkzeug.serving import make_server

from casework.cases.models import Case, Draft
from casework.cases.queries import latest_content
from casework.intake.models import Report
from casework.people.queries import unit
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

Open = Callable[[str], Browser]
FIRST_LOAD = 40 * 1024  # bytes over the wire, page and everything it names
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
LINKED = re.compile(r'<(?:link rel="(?:stylesheet|icon)" href|script type="module" src)="([^"]+)"')

STEPS: dict[int, dict[str, Any]] = {
    1: {"danger_now": "no"},
    2: {"kinds": ["violence", "neglect"]},
    3: {"where": "own", "incident_place": "thôn Má Lủng"},
    4: {"age_band": "6-10", "child_sex": "male", "whose_house": "nhà cuối dốc"},
    5: {"narrative": "khóc mỗi đêm"},
}


def step(person: Browser, number: int, data: dict[str, Any] | None = None) -> Any:
    path = f"/bao-tin/{number}"
    return person.submit(path, STEPS[number] if data is None else data, page=path)


def walk(person: Browser, **other: dict[str, Any]) -> str:
    """Answers all five steps; gives the check page."""
    for number in STEPS:
        answer = step(person, number, other.get(f"step{number}"))
        assert answer.status_code == 303, answer.get_data(as_text=True)
    return person.get("/bao-tin/kiem-tra").get_data(as_text=True)


def send(person: Browser, page: str) -> Any:
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once
    return person.submit("/bao-tin/gui", {"once": once[1]}, page="/bao-tin")


def cases_of(town: Town) -> list[Case]:
    with town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(Case)).all())


def test_five_questions_make_a_report_at_the_persons_own_commune(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    page = walk(person)
    assert "Bị đánh, Bị bỏ đói, bỏ mặc" in page and "Thay đổi" in page
    answer = send(person, page)
    sent = person.get(answer.headers["Location"]).get_data(as_text=True)
    assert "Đã gửi 08:00" in sent and "khóc" not in sent and "Má Lủng" not in sent
    (case,) = cases_of(town)
    with town.office.begin(SYSTEM) as work:
        assert unit(work, case.responsible_unit_id).code == "99001"
        written = latest_content(work, case.id, "01")
        assert written["kinds"] == ["violence", "neglect"] and "child_age" not in written
        assert written["narrative"] == "khóc mỗi đêm\nNgười báo cho biết trẻ khoảng 6 đến 10 tuổi\nỞ nhà: nhà cuối dốc"
        assert not work.session.exec(select(Draft)).all(), "nothing of it stays behind"


def test_no_word_has_to_be_written(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    page = walk(person, step3={"where": "own"}, step4={"age_band": ""}, step5={"narrative": ""})
    assert send(person, page).status_code == 303
    assert len(cases_of(town)) == 1


def test_the_own_hamlet_stands_ready(browser: Open) -> None:
    page = browser("collaborator").get("/bao-tin/3").get_data(as_text=True)
    assert "Xã Nà Lũng" in page and 'value="thôn Má Lủng"' in page
    assert re.search(r'value="own" checked', page)


def test_danger_now_leads_to_the_numbers_first(browser: Open) -> None:
    person = browser("collaborator")
    assert step(person, 1, {"danger_now": "yes"}).headers["Location"] == "/bao-tin/goi-ngay"
    page = person.follow().get_data(as_text=True)
    assert page.index('href="tel:111"') < page.index('href="/bao-tin/2"')
    assert 'href="tel:113"' in page


def test_a_step_not_answered_is_said_there_and_cannot_be_jumped(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    assert step(person, 2, {}).status_code == 422
    assert person.get("/bao-tin/kiem-tra").headers["Location"] == "/bao-tin/1"
    assert step(person, 3, {"where": "elsewhere", "elsewhere": ""}).status_code == 422
    long = step(person, 5, {"narrative": "a" * 4001})
    assert long.status_code == 422 and "a" * 4001 in long.get_data(as_text=True)
    assert person.get("/bao-tin/6").status_code == 404 and not cases_of(town)


def test_a_place_nobody_knows_reaches_the_provincial_desk(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    page = walk(person, step3={"where": "elsewhere", "elsewhere": "bên kia sông"})
    send(person, page)
    assert "Bàn trực của tỉnh" in person.follow().get_data(as_text=True)
    (case,) = cases_of(town)
    assert case.incident_unit_id is None


def test_a_hospital_chooses_the_commune(town: Town, browser: Open) -> None:
    person = browser("health")
    page = walk(person, step3={"commune": "99002"})
    assert "Xã Bản Sen" in page
    send(person, page)
    (case,) = cases_of(town)
    with town.office.begin(SYSTEM) as work:
        assert unit(work, case.responsible_unit_id).code == "99002"


def test_sent_twice_it_is_one_report(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    page = walk(person)
    first = send(person, page).headers["Location"]
    assert send(person, page).headers["Location"] == first
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(Report)).all()) == 1


def test_somebody_elses_form_number_sends_nothing(town: Town, browser: Open) -> None:
    page = walk(browser("collaborator"))
    other = browser("health")
    assert send(other, page).headers["Location"] == "/bao-tin"
    assert not cases_of(town)


def test_an_expired_session_loses_no_step(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    step(person, 1)
    step(person, 2)
    page = person.get("/bao-tin/5").get_data(as_text=True)
    found = TOKEN.search(page)
    assert found
    town.clock.advance(hours=13)
    answer = person.client.post("/bao-tin/5", data={"narrative": "khóc mỗi đêm", "csrf_token": found[1]})
    assert "/dang-nhap" in answer.headers["Location"]
    person.submit("/dang-nhap", {"username": "collaborator", "password": town.password}, page="/dang-nhap")
    assert "khóc mỗi đêm" in person.get("/bao-tin/5").get_data(as_text=True)
    assert re.search(r'value="violence" checked', person.get("/bao-tin/2").get_data(as_text=True))


def test_my_reports_tell_code_and_progress_and_never_the_words(town: Town, browser: Open) -> None:
    person = browser("collaborator")
    code = send(person, walk(person)).headers["Location"].rsplit("/", 1)[-1]
    page = person.get("/bao-tin/cua-toi").get_data(as_text=True)
    assert code in page and "đã nhận" in page
    assert "khóc" not in page and "dốc" not in page and "TE-" not in page
    assert person.get("/bao-tin/da-gui/TN-26-000000").status_code == 404
    assert browser("health").get(f"/bao-tin/da-gui/{code}").status_code == 404


def test_the_way_out_stands_on_every_page(browser: Open) -> None:
    person = browser("collaborator")
    pages = ["/bao-tin", *(f"/bao-tin/{number}" for number in STEPS), "/bao-tin/goi-ngay", "/bao-tin/cua-toi"]
    walk(person)
    for path in [*pages, "/bao-tin/kiem-tra"]:
        page = person.get(path).get_data(as_text=True)
        assert 'href="/thoat-nhanh"' in page, path
        assert "trẻ" not in page[page.index("<title>") : page.index("</title>")].lower(), path


@pytest.fixture
def address(app: Any) -> Iterator[tuple[str, int]]:
    """The application on a port of its own, spoken to over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "127.0.0.1", server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_first_load_fits_a_weak_signal(address: tuple[str, int], browser: Open) -> None:
    person = browser("collaborator")
    cookie = person.client.get_cookie("casework")
    assert cookie is not None
    headers = {"Accept-Encoding": "gzip", "Cookie": f"casework={cookie.value}"}

    def load(path: str) -> bytes:
        connection = HTTPConnection(*address)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, path
        return body

    page = load("/bao-tin")
    linked = LINKED.findall(page.decode())
    assert {path.split("?")[0].rsplit(".", 1)[-1] for path in linked} == {"css", "js", "svg"}
    total = len(page) + sum(len(load(path)) for path in linked)
    assert total <= FIRST_LOAD, f"{total} bytes"
