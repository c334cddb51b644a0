"""Read-only questions about units, staff and duty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, not_, or_, text
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from casework.clock import local
from casework.db import among
from casework.people.models import ApiKey, Duty, Heartbeat, Leave, Post, Staff, Unit, UnitKind, UnitSuccession
from casework.people.rules import UNITS_OF_ROLE, WATCHED_POSTS, Member, Role, Span, holders_at, stands_in
from casework.vault.fold import fold_name
from casework.work import Actor, Work

PLACE_KINDS = (UnitKind.COMMUNE, UnitKind.DISTRICT)  # five island districts had no communes and became one themselves
PLACE_WORDS = "^(xa|phuong|dac khu|thi tran|huyen) "  # folded, as they begin a place's name
# Every end of the chains of successors that start at :ids, the changes of several years included.
_SUCCESSIONS = text(
    """
    with recursive chain(origin, unit_id, rank) as (
        select predecessor_id, successor_id, rank from unit_succession where predecessor_id = any(:ids)
        union
        select chain.origin, next.successor_id, chain.rank
        from chain join unit_succession next on next.predecessor_id = chain.unit_id
    )
    select origin, unit_id from chain join unit on unit.id = chain.unit_id
    where (unit.valid_to is null or unit.valid_to >= :day) and (unit.valid_from is null or unit.valid_from <= :day)
    order by origin, rank, code
    """
)


def unit(work: Work, unit_id: UUID) -> Unit:
    return work.session.get_one(Unit, unit_id)


def units_by_id(work: Work, ids: Iterable[UUID | None]) -> dict[UUID, Unit]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {one.id: one for one in work.session.exec(select(Unit).where(among(col(Unit.id), wanted)))}


def today(work: Work) -> date:
    """The day it is in Việt Nam."""
    return local(work.now).date()


def exists_on(day: date) -> ColumnElement[bool]:
    """Units that exist on `day`."""
    return and_(
        or_(col(Unit.valid_from).is_(None), col(Unit.valid_from) <= day),
        or_(col(Unit.valid_to).is_(None), col(Unit.valid_to) >= day),
    )


def commune_by_code(work: Work, code: str, on: date | None = None) -> Unit | None:
    """The commune of today that answers to this code as it was given out `on` that day (default: today).

    The codes of merged communes were given again to others, so a day may be needed to know which place was meant. A code
    that was no commune's on that day is read as today's, else as the latest former commune's. None: unknown, or the former
    commune was split and `communes_after` has to ask.
    """
    meant = _meant_by_code(work, code.strip(), on or today(work))
    now = communes_after(work, meant) if meant else []
    return now[0] if len(now) == 1 else None


def _meant_by_code(work: Work, code: str, day: date) -> Unit | None:
    rows = work.session.exec(select(Unit).where(Unit.code == code, col(Unit.kind).in_(PLACE_KINDS))).all()
    of_the_day = [one for one in rows if one.exists_on(day)]
    current = [one for one in rows if one.exists_on(today(work))]
    former = sorted((one for one in rows if one.valid_to), key=lambda one: str(one.valid_to), reverse=True)
    return next(iter([*of_the_day, *current, *former]), None)


def communes_after(work: Work, place: Unit) -> list[Unit]:
    """The communes of today that this place became, its own self where it still exists; several where it was split."""
    return places_after(work, [place.id]).get(place.id, [place] if _is_commune_now(work, place) else [])


def places_after(work: Work, ids: Iterable[UUID]) -> dict[UUID, list[Unit]]:
    """For places that no longer exist: the communes of today they became, through every change since."""
    wanted = set(ids)
    rows = work.session.execute(_SUCCESSIONS, {"ids": list(wanted), "day": today(work)}).all()
    units = units_by_id(work, [row.unit_id for row in rows])
    found: dict[UUID, list[Unit]] = {}
    for row in rows:
        one = units[row.unit_id]
        if one.kind == UnitKind.COMMUNE and one not in found.setdefault(row.origin, []):
            found[row.origin].append(one)
    return found


def _is_commune_now(work: Work, place: Unit) -> bool:
    return place.kind == UnitKind.COMMUNE and place.exists_on(today(work))


@dataclass(frozen=True)
class Place:
    """A commune of today as a search found it. `formerly` is the place of that name that became it; `shared`: that place
    was split, and this is one of several it became."""

    commune: Unit
    formerly: Unit | None = None
    shared: bool = False


def find_places(work: Work, words: str, *, limit: int = 8) -> list[Place]:
    """Communes whose name or code the words begin or hold, those of today first, then those that former ones became.

    After a comma more may be said of where it lies: `Tân Thành, Đồng Tháp` or, of a former one, its district.
    """
    name, *around = [fold_name(part) for part in words.split(",")]
    if not name:
        return []
    found = [Place(one) for one in _matching(work, name, around, limit, exists_on(today(work)), UnitKind.COMMUNE)]
    if len(found) < limit:
        gone = and_(col(Unit.valid_to).is_not(None), col(Unit.valid_to) < today(work))
        former = _matching(work, name, around, limit, gone, *PLACE_KINDS)
        after = places_after(work, [one.id for one in former])
        for one in former:
            now = after.get(one.id, [])
            found += [Place(commune, formerly=one, shared=len(now) > 1) for commune in now]
    return found[:limit]


def _matching(
    work: Work, name: str, around: Sequence[str], limit: int, when: ColumnElement[bool], *kinds: UnitKind
) -> Sequence[Unit]:
    """Whole names before names that only begin so, and those before names that hold the words."""
    above = aliased(Unit)
    near = [
        or_(
            exists().where(col(above.id) == Unit.province_id, col(above.folded_name).contains(part, autoescape=True)),
            exists().where(col(above.id) == Unit.district_id, col(above.folded_name).contains(part, autoescape=True)),
        )
        for part in around
        if part
    ]
    return work.session.exec(
        select(Unit)
        .where(
            col(Unit.kind).in_(kinds),
            when,
            or_(
                col(Unit.folded_name).contains(name, autoescape=True),
                col(Unit.code).startswith(name, autoescape=True),
            ),
            *near,
        )
        .order_by(
            _nearness(name),
            col(Unit.folded_name),
            col(Unit.code),
        )
        .limit(limit)
    ).all()


def _nearness(name: str) -> ColumnElement[int]:
    """Whole names before names that only begin so, and those before names that hold the words."""
    bare = func.regexp_replace(Unit.folded_name, PLACE_WORDS, "")
    return case(
        (or_(bare == name, col(Unit.folded_name) == name), 0),
        (bare.startswith(name, autoescape=True), 1),
        else_=2,
    )


def find_communes(work: Work, words: str, *, limit: int = 8) -> Sequence[Unit]:
    """The communes of `find_places`, each once."""
    return list({place.commune.id: place.commune for place in find_places(work, words, limit=limit)}.values())


def commune_named(work: Work, words: str, on: date | None = None) -> Unit | None:
    """The one commune of today whose code or whole name these words are, accents and the word for its kind aside.

    None where no commune or more than one answers to them: a guess would send a child's report to the wrong office, and
    `commune_candidates` has the choice. `on` is the day the name was in use, where it is known.
    """
    found = commune_candidates(work, words, on)
    return found[0] if len(found) == 1 else None


def commune_candidates(work: Work, words: str, on: date | None = None) -> list[Unit]:
    """Every commune of today that these words may mean: by code, by a whole name of today, else by a whole former name.

    With `on`, names in use on that day come before today's. A split former commune gives all it became.
    """
    by_code = _meant_by_code(work, words.strip(), on or today(work))
    if by_code is not None:
        return communes_after(work, by_code)
    name, *around = [fold_name(part) for part in words.split(",")]
    if not name:
        return []
    gone = and_(col(Unit.valid_to).is_not(None), col(Unit.valid_to) < today(work))
    for when in ([exists_on(on)] if on else []) + [exists_on(today(work)), gone]:
        meant = [one for one in _matching(work, name, around, 50, when, *PLACE_KINDS) if name in _names_of(one)]
        after = places_after(work, [one.id for one in meant])
        found = [now for one in meant for now in after.get(one.id, [one] if _is_commune_now(work, one) else [])]
        if found:
            return list({one.id: one for one in found}.values())
    return []


def _names_of(place: Unit) -> tuple[str, str]:
    return (place.folded_name, re.sub(PLACE_WORDS, "", place.folded_name))


def province_for(work: Work, actor: Actor) -> Unit:
    """The provincial desk that takes what names no known commune: the sender's own, else the first that is staffed."""
    if actor.province_id is not None:
        own = work.session.get(Unit, actor.province_id)
        if own is not None and own.kind == UnitKind.PROVINCE:
            return own
    staffed = exists().where(
        col(Staff.unit_id) == Unit.id, col(Staff.role) == Role.SUPERVISOR, col(Staff.closed_at).is_(None)
    )
    return work.session.exec(
        select(Unit)
        .where(Unit.kind == UnitKind.PROVINCE, exists_on(today(work)))
        .order_by(case((staffed, 0), else_=1), Unit.code)
        .limit(1)
    ).one()


def communes_of(work: Work, province_id: UUID) -> Sequence[Unit]:
    """The communes of a province today."""
    return bodies_of(work, province_id, UnitKind.COMMUNE)


def bodies_of(work: Work, province_id: UUID, kind: UnitKind) -> Sequence[Unit]:
    """The bodies of one kind of a province today."""
    return work.session.exec(
        select(Unit)
        .where(Unit.province_id == province_id, Unit.kind == kind, exists_on(today(work)))
        .order_by(Unit.code)
    ).all()


def hotline(work: Work) -> Unit | None:
    return work.session.exec(
        select(Unit).where(Unit.kind == UnitKind.HOTLINE, exists_on(today(work))).order_by(Unit.code)
    ).first()


def on_duty(work: Work, unit_id: UUID, role: str, now: datetime) -> Sequence[Staff]:
    """Who holds the post now, by `rules.holders_at`. Empty: nobody, and `reached` gives it to the province."""
    return duty_of_units(work, (unit_id,), role, now).get(unit_id, [])


def duty_of_units(work: Work, unit_ids: Iterable[UUID], role: str, now: datetime) -> dict[UUID, list[Staff]]:
    """`on_duty` for many units in three queries; a unit whose post nobody holds is left out."""
    wanted = set(unit_ids)
    if not wanted:
        return {}
    staff = work.session.exec(
        select(Staff)
        .where(col(Staff.unit_id).in_(wanted), Staff.role == role, col(Staff.closed_at).is_(None))
        .order_by(Staff.username)
    ).all()
    members = members_of(work, staff, since=now)
    found: dict[UUID, list[Staff]] = {}
    for unit_id in {one.unit_id for one in staff}:
        own = [one for one in staff if one.unit_id == unit_id]
        held = holders_at((members[one.id] for one in own), now)
        if held:
            found[unit_id] = [one for one in own if one.id in held]
    return found


def deputies(work: Work, unit_id: UUID) -> Sequence[Staff]:
    """The deputies of a commune's chair who are not away now (`rules.Member.away`), whoever holds the chair's post."""
    staff = work.session.exec(
        select(Staff).where(Staff.unit_id == unit_id, Staff.post == Post.DEPUTY, col(Staff.closed_at).is_(None))
    ).all()
    members = members_of(work, staff, since=work.now)
    return [one for one in staff if not members[one.id].away(work.now)]


def members_of(
    work: Work, staff: Sequence[Staff], *, since: datetime, until: datetime | None = None
) -> dict[UUID, Member]:
    """What the rota says of each of them between two moments (`until` None: at `since` alone)."""
    ids = [one.id for one in staff]
    last = until or since
    duties = work.session.exec(
        select(Duty).where(
            col(Duty.staff_id).in_(ids),
            Duty.starts_at <= last,
            or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > since),
        )
    ).all()
    leaves = work.session.exec(
        select(Leave).where(col(Leave.staff_id).in_(ids), Leave.starts_at <= last, Leave.ends_at > since)
    ).all()
    return {
        one.id: Member(
            staff_id=one.id,
            deputy=one.post == Post.DEPUTY,
            # A row made for another post does not follow a person who moved.
            duties=tuple(
                Span(row.starts_at, row.ends_at)
                for row in duties
                if (row.staff_id, row.unit_id, row.role) == (one.id, one.unit_id, one.role)
            ),
            leaves=tuple(Span(row.starts_at, row.ends_at) for row in leaves if row.staff_id == one.id),
            waits=one.waits_since is not None,
        )
        for one in staff
    }


def holds_post(work: Work, unit_id: UUID, role: str, staff_id: UUID, at: datetime) -> bool:
    """Whether this person holds the post at that moment."""
    return any(one.id == staff_id for one in on_duty(work, unit_id, role, at))


def decides_for_chair(work: Work) -> bool:
    """Whether who acts may make the chair's decisions now: the chair, or the deputy on the rota."""
    return stands_in(work.actor)


@dataclass(frozen=True)
class Reached:
    """Who an alert to a post goes to. `escalated`: nobody held it, so the province's supervisors get it."""

    staff: Sequence[Staff]
    escalated: bool


def reached(work: Work, unit_id: UUID, role: str, now: datetime) -> Reached:
    """The holders of the post, or where nobody holds it those of the province's supervising post (`desk_of`)."""
    holders = on_duty(work, unit_id, role, now)
    if holders:
        return Reached(holders, escalated=False)
    return Reached(desk_of(work, unit(work, unit_id).province_id or unit_id, now), escalated=True)


def desk_of(work: Work, province_id: UUID, now: datetime) -> Sequence[Staff]:
    """Who answers for the province now. Where they are all away, all of them: the desk is the last there is, and an alert
    that goes to nobody is lost."""
    return on_duty(work, province_id, Role.SUPERVISOR, now) or staff_of_post(work, province_id, Role.SUPERVISOR)


@dataclass(frozen=True)
class Signer:
    """Who signs a paper. `post` is "chair", "deputy" or another role; a deputy signs "KT. CHỦ TỊCH, PHÓ CHỦ TỊCH"."""

    name: str
    post: str
    deputy: bool


def signer_of(work: Work, staff_id: UUID) -> Signer:
    """Opens the person's sealed name: ask it for a paper, never for a list."""
    staff = work.session.get_one(Staff, staff_id)
    person: dict[str, Any] = work.open(staff, "person") or {}
    return Signer(name=str(person.get("name") or ""), post=staff.post or staff.role, deputy=staff.post == Post.DEPUTY)


def next_of_post(work: Work, staff: Staff) -> Staff | None:
    """Who takes over when this person leaves: somebody present before somebody away, the post's own before a deputy."""
    others = work.session.exec(
        select(Staff)
        .where(
            Staff.unit_id == staff.unit_id,
            Staff.role == staff.role,
            col(Staff.closed_at).is_(None),
            col(Staff.id) != staff.id,
        )
        .order_by(Staff.username)
    ).all()
    members = members_of(work, others, since=work.now)
    return min(others, key=lambda one: (members[one.id].away(work.now), members[one.id].deputy), default=None)


@dataclass(frozen=True)
class Unheld:
    """A post that nobody holds: its alerts go to the province. `ever_held`: there is or was an account for it."""

    unit: Unit
    role: str
    ever_held: bool


def unheld_posts(work: Work) -> list[Unheld]:
    """Posts nobody holds now, of units that have or had an account of any role; communes with none are `unstaffed`."""
    units = work.session.exec(
        select(Unit).where(exists_on(today(work)), exists().where(col(Staff.unit_id) == Unit.id)).order_by(Unit.code)
    ).all()
    had = set(work.session.exec(select(Staff.unit_id, Staff.role).distinct()).all())
    found = []
    for role in WATCHED_POSTS:
        own = [one for one in units if one.kind in UNITS_OF_ROLE[role]]
        held = duty_of_units(work, [one.id for one in own], role, work.now)
        found += [Unheld(one, role.value, (one.id, role.value) in had) for one in own if one.id not in held]
    return found


def unstaffed_communes(work: Work) -> int:
    """How many communes of the provinces that are at work here have no open account at all."""
    at_work = aliased(Staff)
    own = aliased(Staff)
    return work.session.exec(
        select(func.count())
        .select_from(Unit)
        .where(
            Unit.kind == UnitKind.COMMUNE,
            exists_on(today(work)),
            exists().where(
                col(at_work.unit_id) == Unit.province_id,
                col(at_work.role) == Role.SUPERVISOR,
                col(at_work.closed_at).is_(None),
            ),
            ~exists().where(col(own.unit_id) == Unit.id, col(own.closed_at).is_(None)),
        )
    ).one()


def staff_list(
    work: Work, *, words: str = "", role: str = "", closed: bool = True, page: int = 1, size: int | None = None
) -> Sequence[tuple[Staff, Unit]]:
    """Accounts with their units, `size` a page (None: all), of one role, whose unit or user name holds the words."""
    query = select(Staff, Unit).join(Unit, col(Unit.id) == Staff.unit_id)
    query = query.where(*_staff_filter(words, role, closed))
    query = query.order_by(Unit.code, Staff.role, col(Staff.post), Staff.username)
    if size is not None:
        query = query.offset((page - 1) * size).limit(size)
    return [(staff, unit) for staff, unit in work.session.exec(query).all()]


def count_staff(work: Work, *, words: str = "", role: str = "", closed: bool = True) -> int:
    """How many `staff_list` has in all."""
    query = select(func.count()).select_from(Staff).join(Unit, col(Unit.id) == Staff.unit_id)
    return work.session.exec(query.where(*_staff_filter(words, role, closed))).one()


def _staff_filter(words: str, role: str, closed: bool) -> list[ColumnElement[bool]]:
    folded = fold_name(words)
    found: list[ColumnElement[bool]] = []
    if folded:
        found.append(
            or_(
                col(Unit.folded_name).contains(folded, autoescape=True),
                col(Unit.code).startswith(folded, autoescape=True),
                col(Staff.username).contains(folded, autoescape=True),
            )
        )
    if role:
        found.append(col(Staff.role) == role)
    if not closed:
        found.append(col(Staff.closed_at).is_(None))
    return found


def staff_of_post(work: Work, unit_id: UUID, role: str) -> Sequence[Staff]:
    """Open accounts of a post, the chair before the deputies."""
    return work.session.exec(
        select(Staff)
        .where(Staff.unit_id == unit_id, Staff.role == role, col(Staff.closed_at).is_(None))
        .order_by(col(Staff.post), Staff.username)
    ).all()


def staff_of_unit(work: Work, unit_id: UUID) -> Sequence[Staff]:
    """Open accounts of a unit."""
    return work.session.exec(
        select(Staff)
        .where(Staff.unit_id == unit_id, col(Staff.closed_at).is_(None))
        .order_by(Staff.role, col(Staff.post), Staff.username)
    ).all()


def staff_named(work: Work, username: str) -> Staff | None:
    return work.session.exec(select(Staff).where(Staff.username == username)).first()


def duties_between(work: Work, staff_ids: Iterable[UUID], start: datetime, end: datetime) -> Sequence[Duty]:
    """Duty rows of these people that touch the time from `start` to before `end`."""
    return work.session.exec(
        select(Duty)
        .where(
            col(Duty.staff_id).in_(list(staff_ids)),
            Duty.starts_at < end,
            or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > start),
        )
        .order_by(col(Duty.starts_at), col(Duty.id))
    ).all()


def leaves_between(work: Work, staff_ids: Iterable[UUID], start: datetime, end: datetime) -> Sequence[Leave]:
    """Leave of these people that touches the time from `start` to before `end`."""
    return work.session.exec(
        select(Leave)
        .where(col(Leave.staff_id).in_(list(staff_ids)), Leave.starts_at < end, Leave.ends_at > start)
        .order_by(col(Leave.starts_at), col(Leave.id))
    ).all()


def posts_of_units(work: Work, *, words: str = "", page: int = 1, size: int = 25) -> Sequence[tuple[Unit, str]]:
    """Posts that have an open account: (unit, role), a page of them."""
    query = (
        select(Unit, Staff.role)
        .join(Staff, col(Staff.unit_id) == Unit.id)
        .where(*_staff_filter(words, "", closed=False), col(Staff.role).in_(WATCHED_POSTS))
        .group_by(col(Unit.id), col(Staff.role))
        .order_by(Unit.code, Staff.role)
    )
    return [(unit, role) for unit, role in work.session.exec(query.offset((page - 1) * size).limit(size)).all()]


def staff_by_id(work: Work, ids: Iterable[UUID | None]) -> dict[UUID, Staff]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {one.id: one for one in work.session.exec(select(Staff).where(col(Staff.id).in_(wanted)))}


def api_client(work: Work, raw_key: str) -> ApiKey | None:
    """The live key, or None. Looked up by digest, so no comparison leaks how much of a guess was right."""
    return work.session.exec(
        select(ApiKey).where(ApiKey.digest == work.keys.digest("api-key", raw_key), col(ApiKey.revoked_at).is_(None))
    ).first()


def api_keys(work: Work) -> Sequence[tuple[ApiKey, Unit]]:
    """Every key that was ever made, oldest first, with the body whose machine has it."""
    joined = select(ApiKey, Unit).join(Unit, col(Unit.id) == ApiKey.unit_id)
    return work.session.exec(joined.order_by(col(ApiKey.created_at), col(ApiKey.name))).all()


def last_beat(work: Work) -> datetime | None:
    found = work.session.get(Heartbeat, "jobs")
    return found.at if found else None


def search_units(
    work: Work, *, words: str = "", kind: str = "", former: bool = False, page: int = 1, size: int = 25
) -> Sequence[Unit]:
    """Units whose name holds the words or whose code begins so, the nearest names first: those of today, or with `former`
    those that ended."""
    query = select(Unit).where(*_unit_filter(work, words, kind, former))
    if folded := fold_name(words):
        query = query.order_by(_nearness(folded))
    query = query.order_by(Unit.code, col(Unit.valid_to))
    return work.session.exec(query.offset((page - 1) * size).limit(size)).all()


def count_units(work: Work, *, words: str = "", kind: str = "", former: bool = False) -> int:
    """How many `search_units` has in all."""
    return work.session.exec(
        select(func.count()).select_from(Unit).where(*_unit_filter(work, words, kind, former))
    ).one()


def _unit_filter(work: Work, words: str, kind: str, former: bool) -> list[ColumnElement[bool]]:
    found = [not_(exists_on(today(work))) if former else exists_on(today(work))]
    folded = fold_name(words)
    if folded:
        name = col(Unit.folded_name).contains(folded, autoescape=True)
        found.append(or_(name, func.lower(Unit.code).startswith(folded, autoescape=True)))
    if kind:
        found.append(col(Unit.kind) == kind)
    return found


def unit_named(work: Work, words: str, kinds: Iterable[UnitKind]) -> Unit | None:
    """The one unit of today of these kinds whose code or whole name the words are; None where none or several are."""
    folded = fold_name(words)
    rows = work.session.exec(
        select(Unit)
        .where(
            col(Unit.kind).in_(list(kinds)),
            exists_on(today(work)),
            or_(func.lower(Unit.code) == folded, col(Unit.folded_name) == folded),
        )
        .limit(2)
    ).all()
    return rows[0] if len(rows) == 1 else None


@dataclass(frozen=True)
class History:
    """What a unit was made of and what it became, by the list of units."""

    before: Sequence[Unit]
    after: Sequence[Unit]


def history_of(work: Work, one: Unit) -> History:
    before = select(Unit).join(UnitSuccession, col(UnitSuccession.predecessor_id) == Unit.id)
    after = select(Unit).join(UnitSuccession, col(UnitSuccession.successor_id) == Unit.id)
    return History(
        before=work.session.exec(before.where(UnitSuccession.successor_id == one.id).order_by(Unit.code)).all(),
        after=work.session.exec(
            after.where(UnitSuccession.predecessor_id == one.id).order_by(col(UnitSuccession.rank))
        ).all(),
    )


def count_posts(work: Work, *, words: str = "") -> int:
    """How many `posts_of_units` has in all."""
    query = (
        select(Staff.unit_id, Staff.role)
        .join(Unit, col(Unit.id) == Staff.unit_id)
        .where(*_staff_filter(words, "", closed=False), col(Staff.role).in_(WATCHED_POSTS))
        .distinct()
    )
    return work.session.exec(select(func.count()).select_from(query.subquery())).one()
