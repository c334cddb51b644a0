"""Read-only questions about units, staff and duty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import col, select

from casework.people.models import ApiKey, Duty, Heartbeat, Staff, Unit, UnitKind
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
    """Who holds the post now; where the rota is silent, everybody of that role in the unit: better twice than nobody."""
    holders = work.session.exec(
        select(Staff)
        .join(Duty, col(Duty.staff_id) == Staff.id)
        .where(
            Duty.unit_id == unit_id,
            Duty.role == role,
            Duty.starts_at <= now,
            or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > now),
            col(Staff.closed_at).is_(None),
        )
        .distinct()
    ).all()
    if holders:
        return holders
    return work.session.exec(
        select(Staff).where(Staff.unit_id == unit_id, Staff.role == role, col(Staff.closed_at).is_(None))
    ).all()


def duty_of_units(work: Work, unit_ids: Iterable[UUID], role: str, now: datetime) -> dict[UUID, list[Staff]]:
    """`on_duty` for many units in two queries."""
    wanted = set(unit_ids)
    if not wanted:
        return {}
    found: dict[UUID, list[Staff]] = {}
    holders = select(Staff).join(Duty, col(Duty.staff_id) == Staff.id).where(
        col(Duty.unit_id).in_(wanted),
        Duty.role == role,
        Duty.starts_at <= now,
        or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > now),
        col(Staff.closed_at).is_(None),
    )  # fmt: skip
    for staff in work.session.exec(holders.distinct()):
        found.setdefault(staff.unit_id, []).append(staff)
    silent = wanted - found.keys()
    if silent:
        others = select(Staff).where(col(Staff.unit_id).in_(silent), Staff.role == role, col(Staff.closed_at).is_(None))
        for staff in work.session.exec(others):
            found.setdefault(staff.unit_id, []).append(staff)
    return found


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
