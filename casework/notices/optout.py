"""People who asked for no more SMS: by answering STOP, or as the provider says when it refuses one to them.

Their messages go by the other channels from then on, and their province is told that the post cannot be woken by SMS. What
somebody answered is never kept, only which of three things it was: it may say anything. A phone is known by a keyed digest
alone; whose it is, is found by opening the staff's sealed numbers.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import LawFault
from casework.notices.models import SmsAnswer, Wish
from casework.notices.senders import Callback, CallbackRefused, Listens
from casework.notices.service import About, notify, notify_administrators
from casework.notices.stops import all_stops, clear, mark, stop_key
from casework.people.models import Staff, Unit
from casework.people.queries import on_duty, unit
from casework.people.rules import WATCHED_POSTS, Role
from casework.work import Work

TEXT = "sms-stopped"


# ---------------------------------------------------------------- what an answer asks for


@cache
def wishes() -> Mapping[str, Wish]:
    """Word → what it asks for, as committed in optout.toml (read once: it is part of the program)."""
    return read_wishes(tomllib.loads(resources.files("casework.notices").joinpath("optout.toml").read_text("utf-8")))


def read_wishes(raw: Mapping[str, Any]) -> Mapping[str, Wish]:
    """Raises LawFault: no word for one of the two, or a word that asks for both."""
    stop, start = (set(raw["words"][name]) for name in ("stop", "start"))
    faults = [f"optout.toml: {word}: asks for both" for word in sorted(stop & start)]
    faults += [f"optout.toml: no word for {name}" for name, words in (("stop", stop), ("start", start)) if not words]
    if faults:
        raise LawFault(faults)
    return dict.fromkeys(stop, Wish.STOP) | dict.fromkeys(start, Wish.START)


def wish_of(body: str, said_by_provider: str = "") -> Wish:
    """What an answer asks for: one of the words and nothing beside it, or what the provider made of it where it says so."""
    if said_by_provider:
        return {"STOP": Wish.STOP, "START": Wish.START}.get(said_by_provider.strip().upper(), Wish.OTHER)
    return wishes().get(body.strip().upper(), Wish.OTHER)


# ---------------------------------------------------------------- what follows from it


def take_answer(work: Work, sender: Listens, callback: Callback) -> Wish:
    """Takes what somebody answered to an SMS. Raises CallbackRefused: forged, unreadable, or a copy of one taken before."""
    answer = sender.read_answer(callback)
    wish = wish_of(answer.body, answer.said_by_provider)
    if not _first_time(work, answer.provider_id, wish):
        raise CallbackRefused("replay")
    if wish == Wish.STOP:
        stop(work, answer.phone, heard=True)
    elif wish == Wish.START:
        start(work, answer.phone)
    return wish


def _first_time(work: Work, provider_id: str, wish: Wish) -> bool:
    """The provider's id of the answer is all that is kept of it: a digest of words could be guessed at."""
    digest = hashlib.sha256(provider_id.encode()).digest()
    statement = (
        insert(SmsAnswer)
        .values(digest=digest, wish=wish.value, at=work.now)
        .on_conflict_do_nothing()
        .returning(col(SmsAnswer.wish))
    )
    return work.session.connection().execute(statement).first() is not None


def stop(work: Work, phone: str, *, heard: bool) -> None:
    """No SMS goes to this phone any more; where that is new, whoever watches over its post is told. `heard` as in `mark`."""
    if not mark(work, phone, heard=heard):
        return
    for staff in _holders(work, phone):
        record(work, Tag.SMS_STOPPED, object_type="staff", object_id=staff.id)
        if staff.role in WATCHED_POSTS:
            _tell_watchers(work, staff)


def start(work: Work, phone: str) -> None:
    """SMS go to this phone again."""
    if clear(work, phone):
        for staff in _holders(work, phone):
            record(work, Tag.SMS_RESUMED, object_type="staff", object_id=staff.id)


def _holders(work: Work, phone: str) -> list[Staff]:
    """Whose phone it is. Opens every number of the office: somebody answers STOP a few times a year."""
    staff = work.session.exec(select(Staff).where(col(Staff.closed_at).is_(None)).order_by(Staff.username)).all()
    opened = work.open_all(staff, "person")
    return [one for one, person in zip(staff, opened, strict=True) if (person or {}).get("phone") == phone]


def _tell_watchers(work: Work, staff: Staff) -> None:
    """The province's supervisors, in the application; where there is nobody but this very person, the administrators."""
    own = unit(work, staff.unit_id)
    above = on_duty(work, own.province_id or own.id, Role.SUPERVISOR, work.now)
    others = [one for one in above if one.id != staff.id]
    for one in others:
        notify(work, one, text_id=TEXT, about=About(None, ""), ring=False)
    if not others:
        notify_administrators(work, TEXT)


# ---------------------------------------------------------------- lists


@dataclass(frozen=True)
class SilentPost:
    """Somebody of a post whom no SMS wakes. `on_duty`: whether they hold the post now."""

    staff_id: UUID
    role: str
    unit: Unit
    since: datetime
    on_duty: bool


def silent_posts(work: Work, province_id: UUID | None = None) -> list[SilentPost]:
    """Who of the posts that are called has a phone that takes no SMS: of one province, or of the whole office. One question
    where nobody has; else it opens the numbers of the posts asked for."""
    stops = all_stops(work)
    if not stops:
        return []
    query = select(Staff, Unit).join(Unit, col(Unit.id) == Staff.unit_id).order_by(Unit.code, Staff.username)
    query = query.where(col(Staff.closed_at).is_(None), col(Staff.role).in_(WATCHED_POSTS))
    if province_id is not None:
        query = query.where((col(Unit.id) == province_id) | (col(Unit.province_id) == province_id))
    rows = work.session.exec(query).all()
    people = work.open_all([staff for staff, _unit in rows], "person")
    phones = ((person or {}).get("phone") for person in people)
    since = [stops.get(stop_key(work, phone)) if phone else None for phone in phones]
    found = [(staff, unit, at) for (staff, unit), at in zip(rows, since, strict=True) if at is not None]
    return [
        SilentPost(staff.id, staff.role, unit, at, any(one.id == staff.id for one in holders))
        for staff, unit, at in found
        for holders in [on_duty(work, unit.id, staff.role, work.now)]
    ]


def answers_since(work: Work, moment: datetime) -> dict[Wish, int]:
    """How many people answered what to an SMS since then."""
    counts = select(SmsAnswer.wish, func.count()).where(SmsAnswer.at >= moment).group_by(col(SmsAnswer.wish))
    found = dict(work.session.exec(counts).all())
    return {wish: found.get(wish.value, 0) for wish in Wish}
