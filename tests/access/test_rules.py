"""Who may do what with a case, as rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.access.policybook import policy_book
from casework.access.rules import (
    BREAK_GLASS,
    CONDITIONS,
    CaseUnits,
    Grant,
    Step,
    decide,
    may_act,
    may_read_case,
    readable,
)
from casework.people.rules import Role
from casework.work import Actor

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNITS = [uuid4() for _ in range(5)]
HELD, PROVINCE, INCIDENT, HOME, OTHER = UNITS
BOOK = policy_book(CONDITIONS)
GROUPS = BOOK.all_groups
OFFICE_GROUPS = frozenset(GROUPS) - {"reporter", "restricted"}
unit = st.sampled_from(UNITS)
role = st.sampled_from([*Role, "system", "nobody", ""])
CASE = CaseUnits(HELD, PROVINCE, INCIDENT, HOME)


def actor(role: str, unit_id: UUID | None = None, province_id: UUID | None = PROVINCE) -> Actor:
    return Actor(id=uuid4(), role=role, unit_id=unit_id, province_id=province_id)


def grant(to: Actor, *, kind: str = "grant", groups: frozenset[str] = frozenset({"identity"}), hours: int = 1) -> Grant:
    purpose = "emergency" if kind == BREAK_GLASS else "care"
    return Grant(None, to.id, kind, groups, purpose, NOW, NOW + timedelta(hours=hours))


def seen(who: Actor, units: CaseUnits, action: str = "read-case") -> frozenset[str]:
    return readable(who, units, GROUPS, now=NOW, action=action)


@given(role=role, own=unit, responsible=unit, province=unit, incident=st.none() | unit, residence=st.none() | unit)
def test_nobody_reads_a_case_of_units_that_are_not_theirs(
    role: str, own: UUID, responsible: UUID, province: UUID, incident: UUID | None, residence: UUID | None
) -> None:
    units = CaseUnits(responsible, province, incident, residence)
    if role != "system" and own not in {responsible, province, incident, residence}:
        assert not may_read_case(actor(role, own), units, NOW).allowed


@given(own=unit, units=st.tuples(unit, unit, unit, unit))
def test_only_commune_staff_and_the_supervisor_read_whole_cases(
    own: UUID, units: tuple[UUID, UUID, UUID, UUID]
) -> None:
    for one in set(Role) - {Role.WORKER, Role.CHAIR, Role.SUPERVISOR}:
        assert not may_read_case(actor(one, own), CaseUnits(*units), NOW).allowed


def test_an_act_belongs_to_the_unit_that_holds_the_case_now() -> None:
    assert may_act(actor(Role.WORKER, HELD), ("worker",), CASE, NOW).allowed
    assert may_act(actor(Role.WORKER, INCIDENT), ("worker",), CASE, NOW).reason == "case-held-elsewhere"
    assert may_act(actor(Role.CHAIR, HELD), ("worker",), CASE, NOW).reason == "role"


def test_a_liaison_acts_only_on_what_was_referred_to_its_own_body() -> None:
    police, step = actor(Role.POLICE, INCIDENT), Step(("police",), "liaison")

    def answer(who: Actor, referred_to: UUID | None) -> bool:
        return decide(who, "act", replace(CASE, referred_to=referred_to), now=NOW, step=step).allowed

    assert answer(police, INCIDENT)
    assert not answer(police, OTHER)
    assert not answer(actor(Role.POLICE, None), None)


# ---------------------------------------------------------------- field groups


def test_the_communes_concerned_read_everything_but_who_reported_and_what_health_keeps_to_itself() -> None:
    for one, place in product((Role.WORKER, Role.CHAIR), (HELD, INCIDENT, HOME)):
        assert seen(actor(one, place), CASE) == OFFICE_GROUPS


def test_the_supervisor_reads_a_case_but_sees_no_name_on_a_list() -> None:
    supervisor = actor(Role.SUPERVISOR, PROVINCE)
    assert seen(supervisor, CASE) == OFFICE_GROUPS
    assert seen(supervisor, CASE, "list-case") == {"work"}
    assert decide(supervisor, "list-case", CASE, now=NOW).allowed


def test_police_and_health_read_of_a_referral_what_the_law_s_data_show_them() -> None:
    units = replace(CASE, referred_to=OTHER)
    assert seen(actor(Role.POLICE, OTHER), units, "read-referral") == {"identity", "contact", "narrative", "legal"}
    assert seen(actor(Role.HEALTH, OTHER), units, "read-referral") == {"identity", "medical", "restricted"}
    for one in (Role.POLICE, Role.HEALTH):
        assert not seen(actor(one, OTHER), units)  # the case itself is not theirs
        assert not seen(actor(one, HELD), units, "read-referral")  # nor another body's referral


def test_health_s_restricted_findings_are_invisible_to_everybody_else() -> None:
    for one, action in product(Role, BOOK.actions):
        who = actor(one, HELD)
        units = CaseUnits(HELD, HELD, HELD, HELD, grants=(grant(who, groups=frozenset(GROUPS)),), referred_to=HELD)
        allowed = decide(who, action, units, group="restricted", now=NOW, step=Step((one,)))
        assert not allowed.allowed or one == Role.HEALTH or action == "act"


def test_who_reported_is_told_only_by_a_grant_that_names_it() -> None:
    worker = actor(Role.WORKER, HELD)
    assert "reporter" not in seen(worker, CASE)
    released = replace(CASE, grants=(grant(worker, groups=frozenset({"reporter"})),))
    assert "reporter" in seen(worker, released)
    assert "reporter" not in seen(actor(Role.CHAIR, HELD), released)  # it was released to one person


def test_who_took_a_report_down_reads_it_back_for_thirty_minutes_and_has_the_receipt_afterwards() -> None:
    operator = actor(Role.HOTLINE, OTHER)

    def own(minutes: int) -> CaseUnits:
        return replace(CASE, reported_by=operator.id, reported_at=NOW - timedelta(minutes=minutes))

    assert decide(operator, "read-intake", own(29), group="identity", now=NOW).allowed
    assert decide(operator, "read-intake", own(30), group="identity", now=NOW).reason == "too-late"
    assert decide(operator, "read-receipt", own(300), now=NOW).allowed
    assert not decide(actor(Role.HOTLINE), "read-intake", own(5), now=NOW).allowed
    assert not seen(operator, own(5))


def test_a_collaborator_sees_how_far_the_own_report_got_and_nothing_else() -> None:
    teller = actor(Role.COLLABORATOR, HELD)
    own = replace(CASE, reported_by=teller.id, reported_at=NOW)
    assert decide(teller, "read-receipt", own, now=NOW).allowed
    assert not seen(teller, own, "read-receipt")
    assert not decide(teller, "read-intake", own, now=NOW).allowed
    assert not decide(teller, "read-receipt", CASE, now=NOW).allowed


@pytest.mark.parametrize("who", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_administrators_and_auditors_are_let_in_by_nothing(who: Role) -> None:
    me = actor(who, HELD)
    every = (grant(me, groups=frozenset(GROUPS)), grant(me, kind=BREAK_GLASS, groups=frozenset(GROUPS)))
    units = CaseUnits(
        HELD, HELD, HELD, HELD, grants=every, referred_to=HELD, offered_to=HELD, reported_by=me.id, reported_at=NOW
    )
    for action, group in product(BOOK.actions, (None, *GROUPS)):
        assert not decide(me, action, units, group=group, now=NOW, step=Step(tuple(Role))).allowed
    assert not [one for one in BOOK.conditions if one in (f"role:{who}", f"step:{who}")]


# ---------------------------------------------------------------- exclusions and grants


@given(role=st.sampled_from(list(Role)), by_unit=st.booleans(), action=st.sampled_from(sorted(BOOK.actions)))
def test_an_exclusion_beats_every_role_grant_and_break_glass(role: str, by_unit: bool, action: str) -> None:
    who = actor(role, HELD, HELD)
    every = tuple(grant(who, kind=kind, groups=frozenset(GROUPS)) for kind in ("grant", BREAK_GLASS))
    kept: dict[str, frozenset[UUID]] = {"excluded_units": frozenset({HELD})}
    if not by_unit and who.id is not None:
        kept = {"excluded_staff": frozenset({who.id})}
    units = CaseUnits(
        HELD, HELD, HELD, HELD, **kept, grants=every, referred_to=HELD, offered_to=HELD, reported_by=who.id, reported_at=NOW
    )  # fmt: skip
    for group in (None, *GROUPS):
        assert decide(who, action, units, group=group, now=NOW, step=Step((role,))).reason == "excluded"


def test_a_grant_opens_the_groups_it_names_while_it_lasts() -> None:
    worker = actor(Role.WORKER, OTHER)
    units = replace(CASE, grants=(grant(worker, groups=frozenset({"identity", "medical"})),))
    assert seen(worker, units) == {"identity", "medical"}
    later = NOW + timedelta(hours=1)
    assert decide(worker, "read-case", units, now=later - timedelta(seconds=1)).allowed
    assert not decide(worker, "read-case", units, now=later).allowed
    revoked = replace(units, grants=(replace(units.grants[0], revoked_at=NOW),))
    assert not decide(worker, "read-case", revoked, now=NOW).allowed
    assert not decide(worker, "read-case", units, purpose="oversight", now=NOW).allowed
    assert not may_act(worker, ("worker",), units, NOW).allowed  # it is for reading


def test_break_glass_opens_a_case_of_the_own_province_only_and_never_who_reported() -> None:
    worker = actor(Role.WORKER, OTHER)
    units = replace(CASE, grants=(grant(worker, kind=BREAK_GLASS, groups=frozenset(GROUPS)),))
    assert seen(worker, units) == OFFICE_GROUPS
    elsewhere = replace(worker, province_id=uuid4())
    assert not decide(elsewhere, "read-case", units, now=NOW).allowed


# ---------------------------------------------------------------- the province instead of the commune


def test_where_the_province_stands_in_one_supervisor_submits_and_another_decides() -> None:
    first, second = actor(Role.SUPERVISOR, PROVINCE), actor(Role.SUPERVISOR, PROVINCE)
    held = CaseUnits(PROVINCE, PROVINCE, INCIDENT, excluded_units=frozenset({INCIDENT}))
    assert may_act(first, ("worker",), held, NOW).allowed
    assert may_act(first, ("chair",), held, NOW, submitted_by=first.id).reason == "own-submission"
    assert may_act(second, ("chair",), held, NOW, submitted_by=first.id).allowed
    assert not may_act(first, ("worker",), CASE, NOW).allowed  # the commune holds it


def test_a_case_whose_commune_nobody_knows_is_only_to_be_sent_on() -> None:
    supervisor = actor(Role.SUPERVISOR, PROVINCE)
    lost = CaseUnits(PROVINCE, PROVINCE)
    assert may_act(supervisor, ("supervisor",), lost, NOW).allowed
    assert not may_act(supervisor, ("worker",), lost, NOW).allowed
