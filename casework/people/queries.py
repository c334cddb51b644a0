"""Read-only questions about units, staff and duty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import col, select

from casework.people.models import ApiKey, Duty, Heartbeat, Leave, Post, Staff, Unit, UnitKind
from casework.people.rules import Member, Role, Span, holders_at, stands_in
from casework.vault.fold import fold_name
from casework.work import Actor, Work

COMMUNE_KINDS = ("xa ", "phuong ", "dac khu ", "thi tran ")  # folded, as they begin a commune's name


def unit(work: Work, unit_id: UUID) -> Unit:
    return work.session.get_one(Unit, unit_id)


def units_by_id(work: Work, ids: Iterable[UUID | None]) -> dict[UUID, Unit]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {one.id: one for one in work.session.exec(select(Unit).where(col(Unit.id).in_(wanted)))}


def commune_by_code(work: Work, code: str) -> Unit | None:
    """The commune that answers to this code today: a merged one resolves to its successor."""
    found = work.session.exec(select(Unit).where(Unit.code == code.strip(), Unit.kind == UnitKind.COMMUNE)).first()
    while found is not None and found.successor_id is not None:
        found = work.session.get(Unit, found.successor_id)
    return found


def find_communes(work: Work, words: str, *, limit: int = 8) -> Sequence[Unit]:
    """Communes whose name holds these words, accents aside, or whose code begins so."""
    folded = fold_name(words)
    if not folded:
        return []
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return work.session.exec(
        select(Unit)
        .where(
            Unit.kind == UnitKind.COMMUNE,
            col(Unit.successor_id).is_(None),
            or_(col(Unit.folded_name).like(f"%{escaped}%"), col(Unit.code).like(f"{escaped}%")),
        )
        .order_by(Unit.folded_name)
        .limit(limit)
    ).all()


def commune_named(work: Work, words: str) -> Unit | None:
    """The one commune whose code or whole name these words are, accents and the word for its kind aside.

    None where no commune or more than one answers to them: a guess would send a child's report to the wrong office.
    """
    found = commune_by_code(work, words)
    if found is not None:
        return found
    folded = fold_name(words)
    named = [one for one in find_communes(work, words, limit=50) if folded in _names_of(one)]
    return named[0] if len(named) == 1 else None


def _names_of(commune: Unit) -> tuple[str, ...]:
    bare = (commune.folded_name.removeprefix(kind) for kind in COMMUNE_KINDS if commune.folded_name.startswith(kind))
    return (commune.folded_name, *bare)


def province_for(work: Work, actor: Actor) -> Unit:
    """The provincial desk that takes what names no known commune: the sender's own, else the first."""
    if actor.province_id is not None:
        own = work.session.get(Unit, actor.province_id)
        if own is not None and own.kind == UnitKind.PROVINCE:
            return own
    return work.session.exec(select(Unit).where(Unit.kind == UnitKind.PROVINCE).order_by(Unit.code)).one()


def communes_of(work: Work, province_id: UUID) -> Sequence[Unit]:
    return work.session.exec(
        select(Unit)
        .where(Unit.province_id == province_id, Unit.kind == UnitKind.COMMUNE, col(Unit.successor_id).is_(None))
        .order_by(Unit.code)
    ).all()


def bodies_of(work: Work, province_id: UUID, kind: UnitKind) -> Sequence[Unit]:
    """Police or health bodies of a province."""
    return work.session.exec(
        select(Unit).where(Unit.province_id == province_id, Unit.kind == kind).order_by(Unit.code)
    ).all()


def hotline(work: Work) -> Unit | None:
    return work.session.exec(select(Unit).where(Unit.kind == UnitKind.HOTLINE).order_by(Unit.code)).first()


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
    """The holders of the post, or where nobody holds it those of the province's supervising post."""
    holders = on_duty(work, unit_id, role, now)
    if holders:
        return Reached(holders, escalated=False)
    above = unit(work, unit_id).province_id or unit_id
    return Reached(on_duty(work, above, Role.SUPERVISOR, now), escalated=True)


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


def staff_list(work: Work) -> Sequence[tuple[Staff, Unit]]:
    rows = work.session.exec(
        select(Staff, Unit).join(Unit, col(Unit.id) == Staff.unit_id).order_by(Unit.code, Staff.role, Staff.username)
    ).all()
    return [(staff, unit) for staff, unit in rows]


def staff_by_id(work: Work, ids: Iterable[UUID | None]) -> dict[UUID, Staff]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    return {one.id: one for one in work.session.exec(select(Staff).where(col(Staff.id).in_(wanted)))}


def rota(work: Work, now: datetime) -> Sequence[tuple[Duty, Staff, Unit]]:
    """Everybody on duty now."""
    rows = work.session.exec(
        select(Duty, Staff, Unit)
        .join(Staff, col(Staff.id) == Duty.staff_id)
        .join(Unit, col(Unit.id) == Duty.unit_id)
        .where(Duty.starts_at <= now, or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > now))
        .order_by(Unit.code, Duty.role)
    ).all()
    return [(duty, staff, unit) for duty, staff, unit in rows]


def api_client(work: Work, raw_key: str) -> ApiKey | None:
    """The live key, or None. Looked up by digest, so no comparison leaks how much of a guess was right."""
    return work.session.exec(
        select(ApiKey).where(ApiKey.digest == work.keys.digest("api-key", raw_key), col(ApiKey.revoked_at).is_(None))
    ).first()


def last_beat(work: Work) -> datetime | None:
    found = work.session.get(Heartbeat, "jobs")
    return found.at if found else None
