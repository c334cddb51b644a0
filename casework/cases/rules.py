"""Pure decisions about cases: codes, guards of the law's moves, how a child is named on a screen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from casework.clock import local
from casework.law.forms import concludes_lower
from casework.law.model import Form, Law

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 5
CARERS = "carers"  # the catalogue's list of who counts as parent or carer
TO_PARENTS = "papers_to_parents"  # the catalogue's list of the papers that parents are sent or given
# Which form a second person's form looks at again.
SECOND_LOOKS = {"confirm-conclusion": "02", "confirm-specific": "03", "confirm-review": "06"}
REFUSALS_BEFORE_DECISION = 2
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
    firsts = (next(filter(str.isalnum, word), "") for word in (name or "").split())
    return " ".join(f"{one.upper()}." for one in firsts if one)


def age_at(facts: Facts, today: date) -> int | None:
    """Whole years: from the birth date where it is known, else the age that was given."""
    born = fact(facts, "child.birth_date")
    if born:
        day = date.fromisoformat(born)
        return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    age = fact(facts, "child.age")
    return int(age) if age is not None else None


AGE_BANDS = ((0, 5), (6, 10), (11, 15), (16, 17))  # whole years, both ends included


def age_band(facts: Facts, today: date) -> str:
    """`6-10`: as much of a child's age as somebody needs who is asked to take the case on; `unknown` where nobody knows."""
    age = age_at(facts, today)
    return next((f"{low}-{high}" for low, high in AGE_BANDS if age is not None and low <= age <= high), "unknown")


@dataclass(frozen=True)
class Separation:
    """The separation whose clock runs. `most_days` is what the law allows in all; past `until` it is over, though nobody
    may have written that down yet."""

    since: datetime
    until: datetime
    most_days: int

    def over(self, now: datetime) -> bool:
        return now > self.until


@dataclass(frozen=True)
class GuardSight:
    """What a guard may look at when it decides whether a move may be made now."""

    facts: Facts
    form: Form | None
    values: Mapping[str, Any]
    now: datetime
    commune_known: bool
    separation: Separation | None
    most_separated_days: int  # by the law of this case, its province's tighter limit included
    monitored_until: datetime | None  # end of the running three months
    documents: Mapping[str, datetime]  # form id → when it was last handed in
    authors: Mapping[str, UUID | None]  # form id → who handed its last one in
    last_values: Callable[[str], Mapping[str, Any]]  # form id → its latest content
    forms: Mapping[str, Form]
    carers: Collection[str]  # relations to the child that make the harmer a parent or carer
    actor_id: UUID | None = None
    activities: Collection[str] = ()  # keys of the activities of the approved plan
    hand_over_open: bool = False
    refusals: int = 0  # hand-overs refused since the responsibility was last settled
    with_province: bool = False  # the province itself holds the case

    @property
    def separated(self) -> bool:
        return self.separation is not None and not self.separation.over(self.now)


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


def paper_warning(law: Law, kind: str, facts: Facts) -> str | None:
    """The relation of the parent or carer named as harming, where a paper of this kind (an id of papers.toml) goes to the
    parents; else None. 28.5 sends it to them, 27.1 h excepts those who harm: a person decides, warned."""
    relation = fact(facts, "harmer.relation")
    goes_to_them = any(option.id == kind for option in law.lists[TO_PARENTS])
    return str(relation) if goes_to_them and relation in carers_of(law) else None


def settled_conclusion(sight: GuardSight, form_id: str, look_id: str) -> str | None:
    """The conclusion of Mẫu 03 or 06 that stands now: the form's own, or a second person's that came after it. None
    without the form, and while a conclusion lower than its indicators still waits for that person."""
    handed_in, looked = sight.documents.get(form_id), sight.documents.get(look_id)
    if handed_in is None:
        return None
    if looked is not None and looked >= handed_in:
        return str(sight.last_values(look_id).get("conclusion"))
    values = sight.last_values(form_id)
    if concludes_lower(sight.forms[form_id], values):
        return None
    return str(values.get("conclusion"))


def _lower_conclusion_waits(sight: GuardSight) -> bool:
    return "03" in sight.documents and settled_conclusion(sight, "03", "confirm-specific") is None


def _another_person(sight: GuardSight) -> bool:
    """Who looks a second time is not who concluded, whatever post they hold by then."""
    looked_at = SECOND_LOOKS.get(sight.form.id) if sight.form else None
    return looked_at is None or sight.actor_id is None or sight.authors.get(looked_at) != sight.actor_id


def _separation_named(sight: GuardSight) -> bool:
    """32.1 and 32.2: for which of the law's reasons, and in whose safe care."""
    return bool(sight.values.get("trigger")) and bool(sight.values.get("receiver"))


def _separation_within_fifteen_days(sight: GuardSight) -> bool:
    """Article 32.3, by the answers of Mẫu 07. The first day is not counted: 15 days from 22 November end on 7 December.
    What is left open the clock fills with the law's own 15 days."""
    days = sight.values.get("days")
    start, until = sight.values.get("separation_from"), sight.values.get("until")
    if days is not None and not 1 <= int(days) <= sight.most_separated_days:
        return False
    today = local(sight.now).date()
    first = date.fromisoformat(start) if start else today
    if abs((today - first).days) > 1:
        return False
    if until is None:
        return True
    length = (date.fromisoformat(until) - first).days
    return 0 < length <= sight.most_separated_days and (days is None or int(days) == length)


def _extension_within_limit(sight: GuardSight) -> bool:
    """Article 32.3: later than the present last day, and in all no more than the law's days from the first one, unless
    a competent body requires it by a paper that is named."""
    until, separation = sight.values.get("until"), sight.separation
    if not until or separation is None:
        return False
    last = date.fromisoformat(until)
    if last <= local(separation.until).date():
        return False
    if not passes_the_limit(separation, last):
        return True
    named = ("competent_body", "competent_paper")
    return sight.values.get("past_limit") is True and all(sight.values.get(one) for one in named)


def passes_the_limit(separation: Separation, last: date) -> bool:
    """Whether a separation that lasts to the end of `last` is longer than the law allows without a competent body."""
    return (last - local(separation.since).date()).days > separation.most_days


def _new_specific_assessment(sight: GuardSight) -> bool:
    """Article 32.3: assessed anew since the order, and safe. The order's own moment counts: the separation's first day
    begins at midnight, before an assessment of the same morning that led to it."""
    latest, ordered = sight.documents.get("03"), sight.documents.get("07")
    if latest is None or ordered is None or latest <= ordered:
        return False
    return settled_conclusion(sight, "03", "confirm-specific") == "low"


def _activities_named(sight: GuardSight) -> bool:
    """28.3: each with what the form's data requires of it."""
    activities = sight.values.get("activities") or []
    if sight.form is None:
        return bool(activities)
    required = [column.id for column in sight.form.field("activities").columns if column.required]
    return bool(activities) and all(row.get(one) not in (None, "") for row in activities for one in required)


def _still_safe_and_stable(sight: GuardSight) -> bool:
    """30.1 b: the review that stands found the child stable, and no Mẫu 03 since has found otherwise."""
    if settled_conclusion(sight, "06", "confirm-review") != "stable":
        return False
    reviewed, assessed = sight.documents["06"], sight.documents.get("03")
    return assessed is None or assessed <= reviewed or settled_conclusion(sight, "03", "confirm-specific") == "low"


GUARDS: Mapping[str, Callable[[GuardSight], bool]] = {
    "commune-known": lambda sight: sight.commune_known,
    "reason-when-lower": _reason_when_lower,
    "another-person": _another_person,
    "lower-conclusion-waits": _lower_conclusion_waits,
    "not-separated": lambda sight: not sight.separated,
    "separated": lambda sight: sight.separated,
    "separation-over": lambda sight: sight.separation is not None and not sight.separated,
    "separation-named": _separation_named,
    "separation-within-fifteen-days": _separation_within_fifteen_days,
    "extension-within-limit": _extension_within_limit,
    "new-specific-assessment": _new_specific_assessment,
    "activities-named": _activities_named,
    "activity-of-the-plan": lambda sight: sight.values.get("activity") in sight.activities,
    "plan-has-activities": lambda sight: bool(sight.activities),
    "review-found-stable": lambda sight: settled_conclusion(sight, "06", "confirm-review") == "stable",
    "still-safe-and-stable": _still_safe_and_stable,
    "monitored-three-months": lambda sight: sight.monitored_until is not None and sight.now >= sight.monitored_until,
    "no-hand-over-open": lambda sight: not sight.hand_over_open,
    "not-refused-before": lambda sight: sight.refusals == 0,
    "refused-before": lambda sight: sight.refusals > 0,
    "not-refused-twice": lambda sight: sight.refusals < REFUSALS_BEFORE_DECISION,
    # A case that the province holds for a conflict of interest it may give to any other commune without asking twice.
    "refused-twice": lambda sight: sight.refusals >= REFUSALS_BEFORE_DECISION or sight.with_province,
}

# Guards that look at the case alone: whether they hold can be said before anybody fills in a form.
STANDING_GUARDS = frozenset(
    {
        "commune-known",
        "lower-conclusion-waits",
        "not-separated",
        "separated",
        "separation-over",
        "new-specific-assessment",
        "plan-has-activities",
        "review-found-stable",
        "still-safe-and-stable",
        "monitored-three-months",
        "no-hand-over-open",
        "not-refused-twice",
        "refused-twice",
    }
)
