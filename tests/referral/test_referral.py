"""A case handed to another body: what it was given, that it was given nothing else, and what comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from casework.cases.models import Case, Document
from casework.cases.queries import case_by_id
from casework.deadlines.models import ClockState
from casework.deadlines.queries import clocks_of_subjects
from casework.errors import Forbidden, Invalid, NotFound
from casework.law.forms import datum_fields
from casework.law.model import Audience, Law
from casework.notices.models import Notice
from casework.referral.models import Referral
from casework.referral.queries import find_referral, packet, referrals_of, referrals_to_me
from casework.referral.rules import packet_form, packet_of
from casework.referral.service import acknowledge, answer, refer_case
from casework.work import SYSTEM
from tests.cases.walking import COURSE, Walk

if TYPE_CHECKING:
    from tests.conftest import Town

BODIES = {"police": "CA-99001", "health": "YT-99001"}


@pytest.fixture
def walk(town: Town) -> Walk:
    return Walk(town).open(child_name="Vừ Mí Thử")


def refer(walk: Walk, kind: str, unit: str | None = None, **more: Any) -> UUID:
    with walk.town.office.begin(walk.actor("worker")) as work:
        case = work.session.exec(select(Case).where(Case.code == walk.code)).one()
        values = {"to_unit": unit or BODIES[kind], "reason": "Cần ngăn chặn.", **more}
        return refer_case(work, case, kind, values).id


def given(walk: Walk, kind: str, referral_id: UUID) -> dict[str, Any]:
    with walk.town.office.begin(walk.actor(kind)) as work:
        return packet(work, find_referral(work, referral_id))


# ---------------------------------------------------------------- what the body is given


def markers(law: Law) -> dict[str, dict[str, Any]]:
    """Facts that answer every datum of every form, each with a word of its own."""
    return {datum: {"value": f"<{datum}>", "form": "01", "at": ""} for datum in datum_fields(law)}


def leaked(law: Law, audience: Audience, packed: dict[str, Any]) -> set[str]:
    """Datums in a packet, by key or by their marker in any value, whose group the audience is not to see."""
    told = json.dumps(packed)
    return {
        datum
        for datum, owner in datum_fields(law).items()
        if owner.group not in audience.shows and (datum in packed or f"<{datum}>" in told)
    }


@pytest.mark.parametrize("kind", BODIES)
def test_a_packet_holds_every_datum_of_the_groups_on_the_list_and_no_other(law: Law, kind: str) -> None:
    audience = law.audiences[kind]
    packed = packet_of(law, audience, markers(law))
    assert leaked(law, audience, packed) == set()
    assert packed.keys() == {datum for datum, one in datum_fields(law).items() if one.group in audience.shows}


@pytest.mark.parametrize("kind", BODIES)
def test_a_planted_wider_audience_is_found(law: Law, kind: str) -> None:
    audience = law.audiences[kind]
    withheld = {one.group for one in datum_fields(law).values()} - set(audience.shows)
    assert withheld
    for group in withheld:
        wider = replace(audience, shows=(*audience.shows, group))
        assert leaked(law, audience, packet_of(law, wider, markers(law)))


def test_a_datum_that_no_form_owns_stays_out(law: Law) -> None:
    facts = {**markers(law), "shelter.address": {"value": "nơi tạm lánh"}}
    for audience in law.audiences.values():
        assert "shelter.address" not in packet_of(law, audience, facts)


@pytest.mark.parametrize("kind", BODIES)
def test_the_reading_page_has_no_question_for_a_withheld_datum_whatever_the_packet_holds(law: Law, kind: str) -> None:
    shows = law.audiences[kind].shows
    whole = {datum: entry["value"] for datum, entry in markers(law).items()}
    asked = packet_form(law, shows, whole).fields
    assert asked
    assert {one.group for one in asked} <= set(shows)


def test_on_a_real_case_nothing_of_any_form_but_the_allowed_groups_reaches_the_body(walk: Walk, law: Law) -> None:
    """Every answer of every form handed in so far, looked for in what the bodies can open."""
    walk.to("carrying-out")
    shared = {"Cần ngăn chặn."}  # the referral's own words are written for the body
    with walk.town.office.begin(SYSTEM) as work:
        contents = [
            (one.form, work.open(one, "content") or {})
            for one in work.session.exec(select(Document))
            if one.form in law.forms
        ]
    for kind in BODIES:
        told = json.dumps(given(walk, kind, refer(walk, kind)), ensure_ascii=False)
        for form, content in contents:
            for one in law.forms[form].fields:
                value = content.get(one.id)
                if one.group not in law.audiences[kind].shows and isinstance(value, str) and len(value) > 6:
                    assert value not in told or value in shared, f"{kind} was given {form}.{one.id}"


def test_who_reported_reaches_nobody(town: Town) -> None:
    walk = Walk(town).open(reporter_name="Người Báo Tin", reporter_phone="+84900001234", reporter_address="xóm Trên")
    for kind in BODIES:
        told = json.dumps(given(walk, kind, refer(walk, kind)), ensure_ascii=False)
        assert not [word for word in ("Người Báo Tin", "900001234", "xóm Trên") if word in told]


def test_what_is_learned_later_reaches_the_body_only_by_a_further_referral(walk: Walk) -> None:
    first = refer(walk, "police")
    before = given(walk, "police", first)
    walk.join(child_whereabouts="nhà bà ngoại", narrative="khác")
    assert given(walk, "police", first) == before
    assert "child.whereabouts" not in before
    assert given(walk, "police", refer(walk, "police"))["child.whereabouts"] == "nhà bà ngoại"


def test_the_packet_is_sealed_where_it_lies(walk: Walk) -> None:
    refer(walk, "police")
    with walk.town.office.begin(SYSTEM) as work:
        lying = work.session.exec(select(Referral)).one()
    assert "Thử".encode() not in bytes(lying.packet or b"")
    assert "ngăn".encode() not in bytes(lying.reason or b"")


# ---------------------------------------------------------------- who sees it


def test_another_unit_s_referral_does_not_exist(walk: Walk) -> None:
    referral = refer(walk, "police")
    for who in ("police-ca-99", "police-ca-99002", "health", "worker", "supervisor", "auditor"):
        with pytest.raises(NotFound), walk.town.office.begin(walk.actor(who)) as work:
            find_referral(work, referral)
        with pytest.raises(NotFound), walk.town.office.begin(walk.actor(who)) as work:
            acknowledge(work, referral)
        with pytest.raises(NotFound), walk.town.office.begin(walk.actor(who)) as work:
            answer(work, referral, {"note": "x"})
        with walk.town.office.begin(walk.actor(who)) as work:
            assert referrals_to_me(work) == []


def test_a_referral_nobody_made_and_one_of_another_unit_are_refused_alike(walk: Walk) -> None:
    refusals = []
    for wanted in (refer(walk, "police", "CA-99002"), uuid4()):
        with pytest.raises(NotFound) as refused, walk.town.office.begin(walk.actor("police")) as work:
            find_referral(work, wanted)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]


@pytest.mark.parametrize(
    ("kind", "unit", "fault"),
    [
        ("police", "YT-99001", "to_unit"),
        ("police", "CA-1", "to_unit"),
        ("health", "99001", "to_unit"),
        ("press", "x", ""),
    ],
)
def test_a_case_is_referred_to_a_body_of_that_kind_in_the_province_only(
    walk: Walk, kind: str, unit: str, fault: str
) -> None:
    with pytest.raises(Invalid) as refused:
        refer(walk, kind, unit)
    assert (fault or "kind") in refused.value.faults


def test_a_case_may_be_referred_at_every_step_until_it_ends(walk: Walk) -> None:
    for state, _, _, _ in COURSE:
        walk.to(state)
        refer(walk, "health")
    assert walk.case().state == "monitoring", "a referral leaves the case where it stands"


# ---------------------------------------------------------------- acknowledging and answering


def clock_state(walk: Walk, referral: UUID) -> str:
    with walk.town.office.begin(SYSTEM) as work:
        return clocks_of_subjects(work, [referral])[referral].state


def notices(walk: Walk, text_id: str) -> int:
    with walk.town.office.begin(SYSTEM) as work:
        return len(work.session.exec(select(Notice.id).where(Notice.text_id == text_id)).all())


def test_acknowledging_stops_the_clock_and_a_second_time_changes_nothing(walk: Walk) -> None:
    referral = refer(walk, "police")
    with walk.town.office.begin(walk.actor("police")) as work:
        acknowledge(work, referral)
    first = walk.town.clock.now()
    told = notices(walk, "referral-acknowledged")
    walk.pass_time(hours=1)
    with walk.town.office.begin(walk.actor("police")) as work:
        acknowledge(work, referral)
    with walk.town.office.begin(walk.actor("police")) as work:
        assert find_referral(work, referral).acknowledged_at == first
    assert clock_state(walk, referral) == ClockState.MET
    assert notices(walk, "referral-acknowledged") == told > 0


def test_two_referrals_to_police_have_their_own_clocks(walk: Walk) -> None:
    here = refer(walk, "police")
    walk.pass_time(minutes=30)
    there = refer(walk, "police", "CA-99")
    again = refer(walk, "police")
    with walk.town.office.begin(walk.actor("police")) as work:
        acknowledge(work, here)
    assert [clock_state(walk, one) for one in (here, there, again)] == [
        ClockState.MET,
        ClockState.RUNNING,
        ClockState.RUNNING,
    ]
    with walk.town.office.begin(SYSTEM) as work:
        clocks = clocks_of_subjects(work, [here, there, again])
    assert len({clock.owner_unit_id for clock in clocks.values()}) == 2
    assert clocks[there].due_at > clocks[here].due_at


def test_the_commune_s_own_clocks_do_not_hear_of_an_acknowledgement(walk: Walk) -> None:
    before = {rule: clock.due_at for rule, clock in walk.running().items()}
    referral = refer(walk, "health")
    with walk.town.office.begin(walk.actor("health")) as work:
        acknowledge(work, referral)
    assert {rule: clock.due_at for rule, clock in walk.running().items()} == before


def test_an_answer_acknowledges_and_comes_back_as_a_document_of_the_case(walk: Walk) -> None:
    referral = refer(walk, "police")
    with walk.town.office.begin(walk.actor("police")) as work:
        answer(work, referral, {"on_scene": True, "note": "Đã có mặt."})
    with walk.town.office.begin(SYSTEM) as work:
        found = referrals_of(work, walk.case().id)[0]
        document = work.session.get_one(Document, found.answer_id)
        assert found.acknowledged_at == found.answered_at == walk.town.clock.now()
        assert work.open(document, "content")["note"] == "Đã có mặt."
    assert clock_state(walk, referral) == ClockState.MET
    assert walk.case().state == "received"


def test_a_body_may_still_answer_after_the_case_has_ended(walk: Walk) -> None:
    walk.to("monitoring")
    referral = refer(walk, "health")
    walk.to("ended")
    with walk.town.office.begin(walk.actor("health")) as work:
        answer(work, referral, {"shared_findings": "Ổn định."})
    assert walk.content("answer-health")["shared_findings"] == "Ổn định."
    assert (walk.case().state, walk.running()) == ("ended", {})


def test_a_referral_that_is_not_this_person_s_to_make_leaves_none_behind(walk: Walk) -> None:
    case = walk.case()
    with pytest.raises((Forbidden, NotFound)), walk.town.office.begin(walk.actor("worker-99002")) as work:
        refer_case(work, case_by_id(work, case.id), "police", {"to_unit": "CA-99001", "reason": "x"})
    with walk.town.office.begin(SYSTEM) as work:
        assert referrals_of(work, walk.case().id) == []
