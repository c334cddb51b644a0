"""The body of `POST /api/v1/reports`, and how it becomes the answers of Mẫu 01."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from casework.clock import local
from casework.law.model import Law

DEEPEST, MOST_PARTS = 12, 1000  # of a body: levels, and values in all
NO_COMMUNE = "?"
MOST_FAULTY_PARTS = 4  # rounds: a part taken out may bring another fault to light
TEXT = Field(default=None, max_length=4000)


class _In(BaseModel):
    # Types are strict (true is not an age), but a field we do not know is kept, not refused: a sender's next
    # release must not stop a report.
    model_config = ConfigDict(strict=True, extra="allow")


class ChildIn(_In):
    name: str | None = TEXT
    birth_date: str | None = TEXT  # ISO or dd/mm/yyyy
    age_estimate: int | None = None  # whole years
    sex: str | None = TEXT
    whereabouts: str | None = TEXT


class HarmerIn(_In):
    relation: str | None = TEXT
    lives_with_child: bool | None = None


class ReporterIn(_In):
    name: str | None = TEXT
    phone: str | None = TEXT
    address: str | None = TEXT


class ReportIn(_In):
    """A report as another system sends it. Only the commune and some account of what happened are required."""

    received_at: str | None = TEXT  # ISO 8601; without an offset it is Vietnam's time
    channel: str | None = TEXT
    incident_commune: str = Field(min_length=1, max_length=40)
    danger_now: bool | None = None
    accused_works_for: str | None = TEXT  # none, commune, school, police or unknown
    category: str | None = TEXT
    kinds: list[str] | None = Field(default=None, max_length=20)
    child: ChildIn | None = None
    alleged_harmer: HarmerIn | None = None
    narrative: str | None = Field(default=None, max_length=20000)
    reporter: ReporterIn | None = None
    external_id: str | None = Field(default=None, max_length=200)


class ClockOut(BaseModel):
    name: str
    due_at: datetime
    article: str


class ReportOut(BaseModel):
    """What 201 answers: the report's and the case's codes, and the clocks that now run."""

    report: str
    case: str
    clocks: list[ClockOut]


class FaultOut(BaseModel):
    field: str
    fault: str


class KeptOut(BaseModel):
    """What 202 answers: the body is kept for a person to read, and this is what could not be read."""

    review: str
    faults: list[FaultOut]


def is_simple(body: Any) -> bool:
    """Whether a body is as shallow and as small as any true report: otherwise a person reads it, and nothing works on it."""
    waiting, parts = [(body, 1)], 0
    while waiting:
        part, depth = waiting.pop()
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        parts += len(inside)
        if depth > DEEPEST or parts > MOST_PARTS:
            return False
        waiting.extend((one, depth + 1) for one in inside)
    return True


def readable_parts(text: str) -> ReportIn | None:
    """What of a refused body can be read: every part that fits, without those that do not; None if it is no JSON object.

    The commune is NO_COMMUNE where the body names none.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    for _round in range(MOST_FAULTY_PARTS):
        try:
            return ReportIn.model_validate(body)
        except ValidationError as refused:
            for one in refused.errors(include_url=False, include_context=False, include_input=False):
                _take_out(body, one["loc"])
            body.setdefault("incident_commune", NO_COMMUNE)
    return None


def _take_out(body: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """Removes the part at `place` (keys, or an index of a list, where the whole list goes) if it is there."""
    part: Any = body
    for step in place[:-1]:
        if not isinstance(part, dict) or not isinstance(part.get(str(step)), dict):
            if isinstance(part, dict):
                part.pop(str(step), None)
            return
        part = part[str(step)]
    part.pop(str(place[-1]), None)


DANGER = {True: "yes", False: "no", None: "unknown"}
SEX = {
    "male": "male", "m": "male", "nam": "male", "boy": "male",
    "female": "female", "f": "female", "nữ": "female", "nu": "female", "girl": "female",
    "unknown": "unknown", "không rõ": "unknown", "không biết": "unknown",
}  # fmt: skip


WORKS_FOR = {one: one for one in ("none", "commune", "school", "police", "unknown")}


def submitted_from(body: ReportIn, law: Law) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The body as Mẫu 01 would have been posted (field id → texts), and what the form has no place for.

    Words of a code list we do not know become "other", and the sender's own word is kept among the rest: a code list is
    never a reason to keep a child waiting.
    """
    kept: dict[str, Any] = {}
    child = body.child or ChildIn()
    harmer = body.alleged_harmer or HarmerIn()
    reporter = body.reporter or ReporterIn()
    answers: dict[str, str | list[str] | None] = {
        "danger_now": DANGER[body.danger_now],
        "incident_commune": body.incident_commune,
        "child_name": child.name,
        "child_birth_date": child.birth_date,
        "child_age": None if child.age_estimate is None else str(child.age_estimate),
        "child_sex": _known_word(child.sex, SEX, "unknown", "child.sex", kept),
        "child_whereabouts": child.whereabouts,
        "channel": _known(law, "channels", body.channel, "channel", kept),
        "category": _known(law, "categories", body.category, "category", kept),
        "harmer_relation": _known(law, "harmer_relations", harmer.relation, "alleged_harmer.relation", kept),
        "harmer_lives_with_child": {True: "yes", False: "no", None: None}[harmer.lives_with_child],
        "accused_works_for": _known_word(body.accused_works_for, WORKS_FOR, "unknown", "accused_works_for", kept),
        "kinds": [one for one in (_known(law, "kinds", kind, "kinds", kept) for kind in body.kinds or []) if one],
        "narrative": body.narrative,
        "reporter_name": reporter.name,
        "reporter_phone": reporter.phone,
        "reporter_address": reporter.address,
    }
    submitted = {
        field: list(dict.fromkeys(answer)) if isinstance(answer, list) else [answer]
        for field, answer in answers.items()
        if answer
    }
    for part, name in ((body, ""), (child, "child."), (harmer, "alleged_harmer."), (reporter, "reporter.")):
        for key, value in (part.model_extra or {}).items():
            kept[name + key] = value
    return submitted, kept


def received_at_of(text: str | None, now: datetime) -> datetime | None:
    """The instant a sender names, or `now` if it names none; None if it cannot be read. Without an offset: Vietnam's time."""
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=local(now).tzinfo)


def _known(law: Law, list_id: str, word: str | None, name: str, kept: dict[str, Any]) -> str | None:
    if word is None or not word.strip():
        return None
    wanted = word.strip().casefold()
    for option in law.lists[list_id]:
        if wanted in (option.id, option.text.vi.casefold(), option.text.en.casefold()):
            return option.id
    kept.setdefault(name, []).append(word)
    return "other" if law.option(list_id, "other") else None


def _known_word(word: str | None, words: dict[str, str], other: str, name: str, kept: dict[str, Any]) -> str | None:
    if word is None or not word.strip():
        return None
    found = words.get(word.strip().casefold())
    if found is None:
        kept.setdefault(name, []).append(word)
    return found or other
