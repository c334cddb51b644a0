"""A refusal reads as a refusal at every door, and what the law names is there to be asked."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from casework.api.problems import DETAILS, MEDIA_TYPE, SLUGS, TITLES, as_problem
from casework.law.forms import facts_of, prefill
from casework.law.model import Law
from casework.web.faults import STATUSES


@pytest.mark.parametrize("status", sorted({*STATUSES.values()}))
def test_a_machine_reads_every_refusal_under_its_own_status(status: int) -> None:
    with Flask("door").test_request_context("/api/v1/reports", method="POST"):
        told = as_problem(Response("<p>trang", status=status, mimetype="text/html"))
    assert told.mimetype == MEDIA_TYPE
    assert told.status_code == status
    assert b"trang" not in told.data


def test_every_slug_of_a_problem_has_its_title_and_its_status() -> None:
    assert {*SLUGS.values(), *DETAILS} <= set(TITLES)
    assert all(TITLES[slug][0] == status for status, slug in SLUGS.items())


def test_every_form_an_action_asks_is_in_the_law(law: Law) -> None:
    asked = {action.form for action in law.actions.values() if action.form is not None}
    assert len(asked) > 10
    assert asked <= set(law.forms)


def test_what_one_form_was_told_every_later_form_offers_unchanged(law: Law) -> None:
    offered = 0
    for first in law.forms.values():
        values = {one.id: f"answer to {one.datum}" for one in first.fields if one.datum}
        facts = {
            datum: {"value": value, "form": first.id, "at": "2026-11-23T01:00:00+00:00"}
            for datum, value in facts_of(first, values).items()
        }
        for later in law.forms.values():
            for name, one in prefill(later, facts).items():
                assert (one.value, one.form) == (f"answer to {later.field(name).datum}", first.id)
                offered += first is not later
    assert offered > 10
