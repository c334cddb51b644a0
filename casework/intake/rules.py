"""Pure decisions at the door: when a received time is believable, when two reports speak of one child."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from casework.cases.rules import Facts, age_at, fact
from casework.vault.fold import fold_name

SENDER_CLOCK_AHEAD = timedelta(minutes=5)  # a sender's clock may be this far ahead of ours
OLDEST_RECEIPT = timedelta(days=366)
SAME_CHILD_WITHIN = timedelta(days=365)
REPEAT_HINT_WITHIN = timedelta(days=30)
AGE_SLACK = 1  # years two callers may differ about one child
REPORTER_FIELDS = ("reporter_name", "reporter_phone", "reporter_address", "reporter_note")
ACCOUNT_FIELDS = ("narrative", "kinds", "category", "child_condition")  # any of these is some account of what happened


def believable(received_at: datetime, now: datetime) -> bool:
    return now - OLDEST_RECEIPT <= received_at <= now + SENDER_CLOCK_AHEAD


def is_same_child(values: Mapping[str, Any], facts: Facts, today: date) -> bool:
    """Same full name, accents aside, and no contradiction in age or sex. One word alone is a name too many share."""
    name = values.get("child_name")
    if not name or len(name.split()) < 2 or fold_name(name) != fold_name(fact(facts, "child.name") or ""):
        return False
    reported = _age(values, today)
    known = age_at(facts, today)
    if reported is not None and known is not None and abs(reported - known) > AGE_SLACK:
        return False
    sexes = {values.get("child_sex"), fact(facts, "child.sex")} - {None, "unknown"}
    return len(sexes) < 2


def _age(values: Mapping[str, Any], today: date) -> int | None:
    as_facts = {
        datum: {"value": values[field]}
        for datum, field in (("child.birth_date", "child_birth_date"), ("child.age", "child_age"))
        if values.get(field) is not None
    }
    return age_at(as_facts, today)
