"""Who may do what, as rules: deny by default, and the same answer from the rule and from the query."""

from __future__ import annotations

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from casework.access.rules import CaseUnits, may_act, may_read_case
from casework.people.rules import Role
from casework.work import Actor

UNITS = [uuid4() for _ in range(5)]
unit = st.sampled_from(UNITS)
role = st.sampled_from([*Role, "system", "nobody", ""])


def actor(role: str, unit_id: UUID | None = None) -> Actor:
    return Actor(id=uuid4(), role=role, unit_id=unit_id)


@given(role=role, own=unit, responsible=unit, province=unit, incident=st.none() | unit, residence=st.none() | unit)
def test_nobody_reads_a_case_of_units_that_are_not_theirs(
    role: str, own: UUID, responsible: UUID, province: UUID, incident: UUID | None, residence: UUID | None
) -> None:
    units = CaseUnits(responsible, province, incident, residence)
    if role != "system" and own not in {responsible, province, incident, residence}:
        assert not may_read_case(actor(role, own), units).allowed


@given(own=unit, units=st.tuples(unit, unit, unit, unit))
def test_only_commune_staff_and_the_supervisor_read_whole_cases(
    own: UUID, units: tuple[UUID, UUID, UUID, UUID]
) -> None:
    for one in set(Role) - {Role.WORKER, Role.CHAIR, Role.SUPERVISOR}:
        assert not may_read_case(actor(one, own), CaseUnits(*units)).allowed


def test_an_act_belongs_to_the_unit_that_holds_the_case_now() -> None:
    units = CaseUnits(responsible=UNITS[0], province=UNITS[1], incident=UNITS[2])
    assert may_act(actor(Role.WORKER, UNITS[0]), ("worker",), units).allowed
    assert may_act(actor(Role.WORKER, UNITS[2]), ("worker",), units).reason == "case-held-elsewhere"
    assert may_act(actor(Role.CHAIR, UNITS[0]), ("worker",), units).reason == "role"


def test_a_liaison_acts_only_on_what_was_referred_to_its_own_body() -> None:
    units = CaseUnits(responsible=UNITS[0], province=UNITS[1])
    police = actor(Role.POLICE, UNITS[3])
    assert may_act(police, ("police",), units, liaison=True, liaison_unit=UNITS[3]).allowed
    assert not may_act(police, ("police",), units, liaison=True, liaison_unit=UNITS[4]).allowed
    assert not may_act(actor(Role.POLICE, None), ("police",), units, liaison=True, liaison_unit=None).allowed
