"""Police and health see what was referred to their own body, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from casework.access.rules import ALLOW
from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.deadlines.models import CaseClock, ClockState
from casework.law.forms import datum_fields
from casework.law.model import FIELD_GROUPS
from casework.referral import queries
from casework.referral.models import Referral
from casework.work import SYSTEM
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.planted import REPORTER, book_of, every_address, plant

SignIn = Callable[[str], Browser]


def referral_of(town: Town, kind: str) -> Referral:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Referral).where(Referral.kind == kind)).one()


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


def test_a_widened_audience_shows_no_more_than_the_policy_and_the_check_sees_both_widened(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    law = town.office.law
    everything = replace(law.audiences["police"], shows=tuple(FIELD_GROUPS), withholds=())
    widened = replace(law, audiences={**law.audiences, "police": everything})
    shown = plant(town, widened)
    app = create_app(replace(town.office, book=book_of(town, widened)))
    person = Browser(app.test_client(), "police")
    person.submit("/dang-nhap", {"username": "police", "password": town.password}, page="/dang-nhap")
    assert leaks(town, app, person, "police", shown) == set()
    monkeypatch.setattr(queries, "decide", lambda *asked, **about: ALLOW)
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
