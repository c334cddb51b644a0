"""Pure decisions about cases: codes, guards of the law's moves, how a child is named on a screen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from casework.clock import local
from casework.law.forms import concludes_lower
from casework.law.model import Form, Law

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 5
SEPARATION_MOST_DAYS = 15
CARERS = "carers"  # the catalogue's list of who counts as parent or carer
NAME_BUCKETS = 4096  # about √(number of names) to 2 names a bucket for the load this is sized for; see docs/decisions


def new_code(prefix: str, year: int) -> str:
    """`TE-26-7K3M9Q`: year, five random characters, one check character. Random, so it tells no order and no volume."""
    body = "".join(secrets.choice(CROCKFORD) for _ in range(CODE_LENGTH))
    return f"{prefix}-{year % 100:02d}-{body}{check_character(f'{year % 100:02d}{body}')}"


def check_character(text: str) -> str:
    """Catches a wrong character and a swap of neighbours, but for 0 taken for Z (31 symbols check 32)."""
    total = sum((place + 1) * CROCKFORD.index(letter) for place, letter in enumerate(text))
    return CROCKFORD[total % 31]


def normal_code(typed: str) -> str | None:
    """The code somebody read out or typed, put right (o→0, i and l→1), or None if the check character does not agree."""
    letters = "".join(ch for ch in typed.upper() if ch.isalnum())
    prefix, rest = letters[:2], letters[2:].translate(str.maketrans("OIL", "011"))
    if prefix not in ("TE", "TN") or len(rest) != CODE_LENGTH + 3 or any(ch not in CROCKFORD for ch in rest):
        return None
    if check_character(rest[:-1]) != rest[-1]:
        return None
    return f"{prefix}-{rest[:2]}-{rest[2:]}"


Facts = Mapping[str, Mapping[str, Any]]


def fact(facts: Facts, datum: str) -> Any:
    """The latest answer to a datum, or None."""
    entry = facts.get(datum)
    return entry["value"] if entry else None


def initials(name: str | None) -> str:
    """`Vừ Mí Sính` → `V. M. S.`: enough to tell cases apart on a list, too little to name a child to a bystander."""
    return " ".join(f"{word[0].upper()}." for word in (name or "").split())


def age_at(facts: Facts, today: date) -> int | None:
    """Whole years: from the birth date where it is known, else the age that was given."""
    born = fact(facts, "child.birth_date")
    if born:
        day = date.fromisoformat(born)
        return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    age = fact(facts, "child.age")
    return int(age) if age is not None else None


@dataclass(frozen=True)
class GuardSight:
    """What a guard may look at when it decides whether a move may be made now."""

    facts: Facts
    form: Form | None
    values: Mapping[str, Any]
    now: datetime
    commune_known: bool
    separated_since: datetime | None  # start of the running separation
    monitored_until: datetime | None  # end of the running three months
    documents: Mapping[str, datetime]  # form id → when it was last handed in
    last_values: Callable[[str], Mapping[str, Any]]  # form id → its latest content
    carers: Collection[str]  # relations to the child that make the harmer a parent or carer


def carers_of(law: Law) -> frozenset[str]:
    return frozenset(option.id for option in law.lists[CARERS])


def concludes_below(form: Form, values: Mapping[str, Any], facts: Facts, carers: Collection[str]) -> bool:
    """Whether a person concludes less than what is written down, so that a reason and, on Mẫu 02, a second person are
    needed: less than the indicators suggest, or less than the emergency while a parent or carer is the one harming.

    Article 31.1 makes the second an emergency whatever the indicators say; the case's facts tell who is harming.
    """
    if concludes_lower(form, values):
        return True
    conclusion = values.get("conclusion")
    if form.reading is None or conclusion is None or fact(facts, "harmer.relation") not in carers:
        return False
    highest = form.field("conclusion").options[0].id
    return highest == "emergency" and conclusion != highest


def _reason_when_lower(sight: GuardSight) -> bool:
    if sight.form is None or not concludes_below(sight.form, sight.values, sight.facts, sight.carers):
        return True
    return bool(sight.values.get("reason"))


def _separation_within_fifteen_days(sight: GuardSight) -> bool:
    """Article 32.3, by the answers of Mẫu 07. The first day is not counted: 15 days from 22 November end on 7 December.
    What is left open the clock fills with the law's own 15 days."""
    days = sight.values.get("days")
    start, until = sight.values.get("separation_from"), sight.values.get("until")
    if days is not None and not 1 <= int(days) <= SEPARATION_MOST_DAYS:
        return False
    today = local(sight.now).date()
    first = date.fromisoformat(start) if start else today
    if abs((today - first).days) > 1:
        return False
    if until is None:
        return True
    length = (date.fromisoformat(until) - first).days
    return 0 < length <= SEPARATION_MOST_DAYS and (days is None or int(days) == length)


def _new_specific_assessment(sight: GuardSight) -> bool:
    """Article 32.3: assessed anew since the order, and safe. The order's own moment counts: the separation's first day
    begins at midnight, before an assessment of the same morning that led to it."""
    latest, ordered = sight.documents.get("03"), sight.documents.get("07")
    if latest is None or ordered is None or latest <= ordered:
        return False
    return sight.last_values("03").get("conclusion") == "low"


GUARDS: Mapping[str, Callable[[GuardSight], bool]] = {
    "commune-known": lambda sight: sight.commune_known,
    "reason-when-lower": _reason_when_lower,
    "not-separated": lambda sight: sight.separated_since is None,
    "separated": lambda sight: sight.separated_since is not None,
    "separation-within-fifteen-days": _separation_within_fifteen_days,
    "new-specific-assessment": _new_specific_assessment,
    "activities-named": lambda sight: bool(sight.values.get("activities")),
    "review-found-stable": lambda sight: sight.last_values("06").get("conclusion") == "stable",
    "monitored-three-months": lambda sight: sight.monitored_until is not None and sight.now >= sight.monitored_until,
}

# Guards that look at the case alone: whether they hold can be said before anybody fills in a form.
STANDING_GUARDS = frozenset(
    {
        "commune-known",
        "not-separated",
        "separated",
        "new-specific-assessment",
        "review-found-stable",
        "monitored-three-months",
    }
)
