"""The doors as a whole: every route says whom it lets in, every refusal has its status, nothing of the demo leaks out."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from flask import Blueprint
from sqlalchemy import func, select
from sqlmodel import SQLModel

from casework.app import create_app
from casework.cases.rules import GUARDS
from casework.errors import CaseworkError, UnsafeStart
from casework.jobs.runner import tick
from casework.law.forms import prefill
from casework.law.model import Law
from casework.settings import from_environment
from casework.web.faults import STATUSES, guard_words
from casework.work import SYSTEM

if TYPE_CHECKING:
    from tests.conftest import Town


def kinds() -> set[str]:
    found: set[type[CaseworkError]] = {CaseworkError, *CaseworkError.__subclasses__()}
    assert len(found) > 10
    return {one.kind for one in found}


def test_the_app_refuses_to_start_with_a_route_that_does_not_say_who_may_open_it(town: Town) -> None:
    silent = Blueprint("silent", __name__)
    silent.add_url_rule("/ai-cung-vao", view_func=lambda: "")
    with pytest.raises(UnsafeStart, match="/ai-cung-vao"):
        create_app(town.office, more_pages=[silent])


def test_nothing_of_the_demo_exists_outside_it(town: Town) -> None:
    routes = {rule.rule for rule in create_app(town.office).url_map.iter_rules()}
    assert not [route for route in routes if "dien-tap" in route or "kieu-mau" in route]


def test_every_kind_of_refusal_has_a_status() -> None:
    assert kinds() == set(STATUSES)


def test_every_guard_the_law_names_is_there_and_has_its_words(law: Law, town: Town) -> None:
    named = {guard for action in law.actions.values() for guard in action.guards}
    assert named == set(GUARDS)
    with create_app(town.office).test_request_context():
        assert not [guard for guard in named if guard_words(guard) == guard]


def test_every_text_the_law_sends_is_on_the_closed_list(law: Law) -> None:
    texts = tomllib.loads(resources.files("casework.notices").joinpath("texts.toml").read_text("utf-8"))
    assert {text for action in law.actions.values() for text, _role in action.notify} <= set(texts)


def test_a_datum_two_forms_ask_is_filled_in_from_the_first(law: Law) -> None:
    asked: dict[str, list[str]] = {}
    for form in law.forms.values():
        for field in form.fields:
            if field.datum:
                asked.setdefault(field.datum, []).append(form.id)
    shared = {datum: forms for datum, forms in asked.items() if len(set(forms)) > 1}
    assert "child.name" in shared
    for datum, forms in shared.items():
        fact = {datum: {"value": "x", "form": "01", "at": "2026-11-23T00:00:00+00:00"}}
        for form_id in forms:
            form = law.forms[form_id]
            field = next(one for one in form.fields if one.datum == datum)
            assert prefill(form, fact)[field.id].form == "01"


def test_a_tick_run_twice_leaves_the_same_rows(town: Town) -> None:
    tick(town.office)

    def rows() -> dict[str, int]:
        with town.office.begin(SYSTEM) as work:
            tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "heartbeat"]
            return {
                table.name: work.session.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            }

    before = rows()
    tick(town.office)
    assert rows() == before


@pytest.mark.parametrize(
    "environment",
    [
        {"CASEWORK_SMS": "pigeon"},
        {"CASEWORK_SMS": "twilio"},
        {
            "CASEWORK_SMS": "twilio",
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": "changeme",
            "TWILIO_FROM": "+8411",
        },
        {"CASEWORK_PUBLIC_URL": "casework.example"},
        {"CASEWORK_METRICS_TOKEN": "secret"},
    ],
)
def test_missing_and_placeholder_settings_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UnsafeStart):
        from_environment(environment)
