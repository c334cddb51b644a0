"""Administrators and auditors open no content of any case: not by a rule, but because there is no way in the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case, Document
from casework.cases.queries import find_case
from casework.errors import NotFound
from casework.intake.models import Report
from casework.people.rules import Role
from casework.policy import declared
from casework.vault.cabinet import OFFICE_SCOPE, SealedRow
from casework.work import OPEN_NO_CASE, SYSTEM, Actor, Work
from tests.cases.walking import NARRATIVE, Walk
from tests.conftest import Town
from tests.web.conftest import Browser
from tests.web.walks import report

CLOSED = (Role.ADMINISTRATOR, Role.AUDITOR)
SECRET = "Nguyễn Thị Diễn Tập"


@pytest.fixture
def filed(town: Town) -> Town:
    Walk(town).open(child_name=SECRET, reporter_name="Người Báo Tin Diễn Tập")
    return town


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, UUID]]:
    """Everything that any work is asked to open, by whoever: (table, scope)."""
    found: list[tuple[str, UUID]] = []
    real = Work._check_may_open

    def seen(self: Work, row: SealedRow) -> None:
        found.append((type(row).__name__, row.scope_id))
        real(self, row)

    monkeypatch.setattr(Work, "_check_may_open", seen)
    return found


def case_row(work: Work, model: Any) -> Any:
    with work.whole_sight():  # whatever a careless page could get hold of
        return work.session.exec(select(model)).first()


@pytest.mark.parametrize("role", CLOSED)
@pytest.mark.parametrize(("model", "column"), [(Case, "facts"), (Document, "content"), (Report, "reporter")])
def test_work_opens_nothing_of_a_case_for_them(filed: Town, role: Role, model: Any, column: str) -> None:
    me = filed.act_as(role.value)
    with pytest.raises(NotFound), filed.office.begin(me) as work:
        work.open(case_row(work, model), column)
    with pytest.raises(NotFound), filed.office.begin(me) as work:
        work.open_all([case_row(work, model)], column)


def test_what_is_no_case_s_opens_for_them(filed: Town) -> None:
    from casework.people.service import person_of
    from tests.access.test_notices_kept import staff_of

    for role in CLOSED:
        with filed.office.begin(filed.act_as(role.value)) as work:
            assert person_of(work, staff_of(work, "worker"))


def test_these_two_roles_and_no_other_are_closed_by_code() -> None:
    assert set(CLOSED) == OPEN_NO_CASE


def pages_of(app: Flask, role: Role) -> list[str]:
    """Every page without a parameter that the role may open."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.arguments
        and role in (declared(app.view_functions[rule.endpoint]) or ())
    )


@pytest.mark.parametrize("role", CLOSED)
def test_none_of_their_pages_opens_or_shows_anything_of_a_case(
    filed: Town, app: Flask, browser: Callable[[str], Browser], opened: list[tuple[str, UUID]], role: Role
) -> None:
    person = browser(role.value)
    me = filed.act_as(role.value)
    pages = pages_of(app, role)
    assert len(pages) >= 5
    opened.clear()
    answered = 0
    for path in pages:
        shown = person.get(path)
        if "/dang-nhap" in shown.headers.get("Location", ""):
            person = browser(role.value)  # a page that ends the session was among them
            shown = person.get(path)
        assert shown.status_code in (200, 302, 303, 404), path  # 404: a step of something not begun
        answered += shown.status_code == 200
        text = shown.get_data(as_text=True)
        assert SECRET not in text and NARRATIVE not in text, path
    assert answered >= 5
    assert [one for one in opened if one[1] not in (OFFICE_SCOPE, me.id)] == []


def careless(town: Town, actor: Actor) -> Any:
    """What a page that asks nobody would find out for this person."""
    with town.office.begin(actor) as work, work.whole_sight():
        return work.open(case_row(work, Case), "facts")["child.name"]["value"]


def test_a_planted_page_that_asks_nobody_is_stopped_by_that_check_alone(
    filed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in CLOSED:
        with pytest.raises(NotFound):
            careless(filed, filed.act_as(role.value))
    monkeypatch.setattr(Work, "_check_may_open", lambda self, row: None)
    assert careless(filed, filed.act_as(CLOSED[0].value)) == SECRET


@pytest.mark.parametrize("other", [{"kinds": ["sexual"], "sexual_kinds": ["rape"]}, {"accused_works_for": "school"}])
def test_the_trail_says_of_two_reports_the_same_whatever_was_answered(town: Town, other: dict[str, Any]) -> None:
    """Who verifies the trail reads no answer, neither in a word nor in which further questions were asked."""

    def entries(**more: Any) -> set[tuple[str, str | None, str]]:
        code = report(town, **more)
        with town.office.begin(SYSTEM) as work:
            query = select(AuditEntry).where(AuditEntry.case_id == find_case(work, code).id)
            return {(one.tag, one.object_type, one.fields) for one in work.session.exec(query)}

    usual = entries(accused_works_for="none", child_name="Trẻ Diễn Tập Một")
    found = entries(**{"accused_works_for": "none", "child_name": "Trẻ Diễn Tập Hai", **other})
    assert {one for one in found if one[0] != Tag.CONFLICT_NAMED} == usual
    assert not any(word in str(found) for word in ("sexual", "school"))
