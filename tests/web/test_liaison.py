"""Police and health see what was referred to their own body, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.deadlines.models import CaseClock, ClockState
from casework.intake.models import Report
from casework.intake.service import receive_report
from casework.law.model import FIELD_GROUPS, Field, Law
from casework.referral.models import Referral
from casework.referral.rules import datum_fields
from casework.referral.service import refer_case
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser

SignIn = Callable[[str], Browser]
REPORTER = {"reporter_name": "Danhdaubaotin Thị", "reporter_phone": "+84900000777", "reporter_address": "Danhdaunoio"}
KINDS = {"police": "CA-99001", "health": "YT-99001"}


def planted(number: int, one: Field) -> tuple[Any, str] | None:
    """A value nobody else has for a datum, and how a page would show it; None for a plain yes or no."""
    if one.kind == "yes_no":
        return None
    if one.kind == "date":
        day = date(1911, 1, 1) + timedelta(days=number)
        return day.isoformat(), day.strftime("%d/%m/%Y")
    if one.kind == "datetime":
        day = date(1921, 1, 1) + timedelta(days=number)
        return f"{day}T03:03:00+07:00", day.strftime("%d/%m/%Y")
    if one.kind in ("number", "age"):
        return 700_000 + number, f"700.{number:03d}" if one.kind == "number" else str(700_000 + number)
    marker = f"danhdau{number:03d}x"
    if one.kind == "rows":
        return [{column.id: marker for column in one.columns if column.kind in ("text", "longtext", "name")}], marker
    return ([marker] if one.kind == "choices" else marker), marker


def plant(town: Town, law: Law) -> dict[str, str]:
    """A case in Nà Lũng with every datum planted, referred to both bodies. Datum → how it would be shown."""
    shown: dict[str, str] = {}
    facts: dict[str, Any] = {}
    for number, (datum, one) in enumerate(datum_fields(law).items()):
        value = planted(number, one)
        if value is not None and datum != "danger_now":
            facts[datum] = {"value": value[0], "form": "01", "at": "2026-11-22T15:14:00+00:00"}
            shown[datum] = value[1]
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Lời kể gốc", **REPORTER}
        case = receive_report(work, values, received_at=work.now).case
        work.seal(case, facts=facts)
    for kind, unit in KINDS.items():
        with replace(town.office, law=law).begin(town.act_as("worker")) as work:
            case = work.session.exec(select(Case)).one()
            given = {"to_unit": unit, "reason": f"Lý do chuyển {kind}", "danger_now": "yes", "safety_notes": "Có dao"}
            refer_case(work, case, kind, given)
    return shown


def referral_of(town: Town, kind: str) -> Referral:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Referral).where(Referral.kind == kind)).one()


def every_address(town: Town, app: Any) -> Iterator[str]:
    """Every address of the application that can be read, with the ids of the one case put in wherever one fits."""
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        ids = [case.id]
        for table in (Referral, Document, Report, AuditEntry):
            ids += list(work.session.exec(select(table.id)))
        codes = [case.code, *work.session.exec(select(Report.code))]
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint in ("static", "pages.switch_language"):
            continue
        tries: list[dict[str, Any]] = [{}]
        for name in rule.arguments:
            converter = type(rule._converters[name]).__name__
            fits: list[Any] = ids[:6] if converter == "UUIDConverter" else [1] if "Int" in converter else [*codes, "01"]
            tries = [{**one, name: value} for one in tries for value in fits]
        yield from (adapter.build(rule.endpoint, values) for values in tries)


def leaks(town: Town, app: Any, person: Browser, kind: str, shown: dict[str, str]) -> set[str]:
    """Datums of withheld groups, and words of the reporter, that any page or API shows this person."""
    owners = datum_fields(town.office.law)
    allowed = town.office.law.audiences[kind].shows
    withheld = {datum: mark for datum, mark in shown.items() if owners[datum].group not in allowed}
    withheld |= {name: value for name, value in REPORTER.items()}
    pages = [person.get(address, follow_redirects=True).get_data(as_text=True) for address in every_address(town, app)]
    return {name for name, mark in withheld.items() if any(mark in page for page in pages)}


@pytest.mark.parametrize("kind", ["police", "health"])
def test_no_page_shows_what_the_law_withholds(town: Town, app: Any, browser: SignIn, kind: str) -> None:
    shown = plant(town, town.office.law)
    person = browser(kind)
    assert leaks(town, app, person, kind, shown) == set()
    owners = datum_fields(town.office.law)
    page = person.get(f"/chuyen-den/{referral_of(town, kind).id}").get_data(as_text=True)
    for datum, mark in shown.items():
        assert (mark in page) == (owners[datum].group in town.office.law.audiences[kind].shows), datum
    assert f"Lý do chuyển {kind}" in page and "Có dao" in page
    assert "Danh tính người báo tin" in page


def test_the_check_sees_a_widened_audience(town: Town) -> None:
    law = town.office.law
    everything = replace(law.audiences["police"], shows=tuple(FIELD_GROUPS), withholds=())
    widened = replace(law, audiences={**law.audiences, "police": everything})
    shown = plant(town, widened)
    app = create_app(replace(town.office, law=widened))
    person = Browser(app.test_client(), "police")
    person.submit("/dang-nhap", {"username": "police", "password": town.password}, page="/dang-nhap")
    assert leaks(town, app, person, "police", shown)


def test_what_is_learnt_after_the_referral_stays_with_the_commune(town: Town, browser: SignIn) -> None:
    plant(town, town.office.law)
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        entry = {"value": "nơi tạm lánh mới", "form": "02", "at": "2026-11-23T00:00:00+00:00"}
        work.seal(case, facts={**work.open(case, "facts"), "child.whereabouts": entry})
    page = browser("police").get(f"/chuyen-den/{referral_of(town, 'police').id}")
    assert "nơi tạm lánh mới" not in page.get_data(as_text=True)


def refusals(town: Town) -> int:
    with town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.ACCESS_REFUSED)).all())


@pytest.mark.parametrize("username", ["police-ca-99", "health"])
def test_another_body_finds_nothing_and_the_try_is_kept(town: Town, browser: SignIn, username: str) -> None:
    plant(town, town.office.law)
    referral = referral_of(town, "police")
    with town.office.begin(SYSTEM) as work:
        code = work.session.exec(select(Case.code)).one()
    person = browser(username)
    tries = [f"/chuyen-den/{referral.id}", f"/chuyen-den/{referral.id}/phan-hoi", f"/chuyen-den/{referral.case_id}"]
    for number, address in enumerate([*tries, f"/ca/{code}", "/quan-tri/nhat-ky"], start=1):
        assert person.get(address).status_code == 404, address
        if not address.startswith("/ca/"):
            assert refusals(town) >= number - 1
    assert person.submit(f"/chuyen-den/{referral.id}/xac-nhan").status_code == 404
    assert refusals(town) >= 5
    assert referral_of(town, "police").acknowledged_at is None


def test_one_tap_acknowledges_and_stops_the_clock(town: Town, browser: SignIn) -> None:
    plant(town, town.office.law)
    person = browser("police")
    referral = referral_of(town, "police")
    listing = person.get("/cong-an", follow_redirects=True).get_data(as_text=True)
    assert referral.case_code in listing and "Xác nhận đã nhận" in listing and "Nguy hiểm ngay lúc này: Có" in listing
    assert person.submit(f"/chuyen-den/{referral.id}/xac-nhan").status_code == 303
    assert person.submit(f"/chuyen-den/{referral.id}/xac-nhan").status_code == 303
    with town.office.begin(SYSTEM) as work:
        clock = work.session.exec(select(CaseClock).where(CaseClock.rule == "acknowledge-police")).one()
        assert clock.state == ClockState.MET
        done = work.session.exec(select(AuditEntry).where(AuditEntry.tag == "referral:acknowledged:police")).all()
        assert len(done) == 1


def test_an_answer_keeps_what_was_typed_until_it_fits_and_reaches_the_case(town: Town, browser: SignIn) -> None:
    plant(town, town.office.law)
    person = browser("health")
    address = f"/chuyen-den/{referral_of(town, 'health').id}/phan-hoi"
    refused = person.submit(address, {"follow_up": "Tái khám sau 3 ngày"})
    assert refused.status_code == 422
    assert "Tái khám sau 3 ngày" in refused.get_data(as_text=True)
    assert "Tái khám sau 3 ngày" in person.get(address).get_data(as_text=True)
    answer = person.submit(address, {"shared_findings": "Vết thương nông", "restricted_findings": "Hạn chế"})
    assert answer.status_code == 303
    with town.office.begin(SYSTEM) as work:
        document = work.session.exec(select(Document).where(Document.form == "answer-health")).one()
        assert work.open(document, "content")["shared_findings"] == "Vết thương nông"
    assert referral_of(town, "health").answered_at is not None


def test_each_reading_of_a_packet_is_kept_before_it_leaves(town: Town, browser: SignIn) -> None:
    plant(town, town.office.law)
    person = browser("police")
    referral = referral_of(town, "police")
    person.get(f"/chuyen-den/{referral.id}")
    with town.office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.REFERRAL_READ)).one()
        assert (entry.case_id, entry.object_id) == (referral.case_id, referral.id)
