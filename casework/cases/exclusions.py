"""Keeping a case from a unit or a person: at once when it is made, and only by two persons when it ends.

What an excluded office may still see of a case is nothing: the rows that decide so are written here, in the transaction of
whatever caused them, and a case that the office held goes to the province in the same moment (docs/decisions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from tomllib import loads
from uuid import UUID

from sqlmodel import col, select

from casework.access.models import CaseExclusion
from casework.access.queries import forget_access
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case, HandOver
from casework.cases.queries import state_of
from casework.cases.service import TO_PROVINCE, take_action
from casework.deadlines.service import move_to_unit
from casework.errors import Invalid, NotFound
from casework.notices.service import recall
from casework.people.models import Staff, Unit, UnitKind
from casework.people.queries import bodies_of
from casework.work import Work


@dataclass(frozen=True)
class Conflict:
    """What an answer to the intake question leads to. `excludes`: kinds of unit of the place, "commune" for the commune."""

    excludes: tuple[str, ...]
    tells_province: bool


@cache
def conflicts() -> Mapping[str, Conflict]:
    """Answer of `accused_works_for` → what follows (read once: it is part of the program)."""
    raw = loads(resources.files("casework.cases").joinpath("conflict.toml").read_text("utf-8"))
    return {name: Conflict(tuple(one["excludes"]), bool(one["tells_province"])) for name, one in raw.items()}


def tells_province(answer: str) -> bool:
    """Whether the province's post is told of a report with this answer."""
    found = conflicts().get(answer)
    return found is not None and found.tells_province


def units_of_conflict(work: Work, answer: str, commune: Unit | None) -> list[Unit]:
    """The units of the place to which a report with this answer must not exist. No commune: none is known yet."""
    found = conflicts().get(answer)
    if found is None or commune is None:
        return []
    units: list[Unit] = []
    for kind in found.excludes:
        if kind == UnitKind.COMMUNE:
            units.append(commune)
        elif commune.province_id is not None:
            bodies = bodies_of(work, commune.province_id, UnitKind(kind))
            units += [one for one in bodies if one.code.endswith(f"-{commune.code}")]
    return units


def keep_from(
    work: Work, case: Case, *, unit_id: UUID | None = None, staff_id: UUID | None = None, reason: str
) -> CaseExclusion:
    """Keeps the case from one unit or one person, from now on. A second time changes nothing.

    The case goes to the province where the unit held it, its clocks with it; an offer to that unit lapses. Raises Invalid
    where neither or both are given, or it is the province itself.
    """
    if (unit_id is None) == (staff_id is None) or unit_id == case.province_id:
        raise Invalid({"who": "not-a-choice"})
    kept = _in_force(work, case.id, unit_id, staff_id)
    if kept is not None:
        return kept
    exclusion = CaseExclusion(
        case_id=case.id, unit_id=unit_id, staff_id=staff_id, made_at=work.now, made_by=work.actor.id
    )
    work.seal(exclusion, reason={"reason": reason})
    if unit_id is not None:
        take_from(work, case, unit_id)
        move_to_unit(work, case.id, from_unit=unit_id, to_unit=case.province_id)
        _let_offers_lapse(work, case, unit_id)
    record(
        work,
        Tag.EXCLUSION_MADE,
        case_id=case.id,
        object_type="unit" if unit_id else "staff",
        object_id=unit_id or staff_id,
        reason=reason,
    )
    # Last: whoever makes it may be of that very unit (a worker writes down what is said of a colleague), and from here on
    # the database shows them nothing of the case.
    work.session.add(exclusion)
    work.session.flush()
    forget_access(work, case.id)
    with work.whole_sight():
        recall(work, case.id)
    return exclusion


def take_from(work: Work, case: Case, unit_id: UUID) -> None:
    """The province takes a running case that this unit holds; any other stays where it is."""
    if unit_id == case.responsible_unit_id and not state_of(work, case).final:
        take_action(work, case, TO_PROVINCE)


def end_exclusion(work: Work, exclusion_id: UUID) -> None:
    """Ends an exclusion: only for an act that two persons have agreed on. The case stays where it is."""
    exclusion = work.session.get(CaseExclusion, exclusion_id)
    if exclusion is None or exclusion.ended_at is not None:
        raise NotFound
    exclusion.ended_at, exclusion.ended_by = work.now, work.actor.id
    work.session.add(exclusion)
    work.session.flush()
    forget_access(work, exclusion.case_id)
    record(
        work,
        Tag.EXCLUSION_ENDED,
        case_id=exclusion.case_id,
        object_type="unit" if exclusion.unit_id else "staff",
        object_id=exclusion.unit_id or exclusion.staff_id,
    )


def exclusions_on(work: Work, case: Case) -> Sequence[CaseExclusion]:
    """Every exclusion of the case, in force or ended, oldest first; reasons stay sealed."""
    return work.session.exec(
        select(CaseExclusion).where(CaseExclusion.case_id == case.id).order_by(col(CaseExclusion.made_at))
    ).all()


def find_exclusion(work: Work, case: Case, exclusion_id: UUID) -> CaseExclusion:
    """One in force on this case. Raises NotFound."""
    found = work.session.get(CaseExclusion, exclusion_id)
    if found is None or found.case_id != case.id or found.ended_at is not None:
        raise NotFound
    return found


def staff_of_province(work: Work, case: Case, username: str) -> Staff | None:
    """The person of the case's province with this user name and an open account, or None."""
    row = work.session.exec(
        select(Staff, Unit)
        .join(Unit, col(Unit.id) == Staff.unit_id)
        .where(Staff.username == username.strip().lower(), col(Staff.closed_at).is_(None))
    ).first()
    if row is None or case.province_id not in (row[1].id, row[1].province_id):
        return None
    return row[0]


def _in_force(work: Work, case_id: UUID, unit_id: UUID | None, staff_id: UUID | None) -> CaseExclusion | None:
    return work.session.exec(
        select(CaseExclusion).where(
            CaseExclusion.case_id == case_id,
            CaseExclusion.unit_id == unit_id,
            CaseExclusion.staff_id == staff_id,
            col(CaseExclusion.ended_at).is_(None),
        )
    ).first()


def _let_offers_lapse(work: Work, case: Case, unit_id: UUID) -> None:
    offers = work.session.exec(
        select(HandOver).where(
            HandOver.case_id == case.id, HandOver.to_unit_id == unit_id, col(HandOver.answer).is_(None)
        )
    )
    for offer in offers:
        offer.answer, offer.answered_at = "lapsed", work.now
        work.session.add(offer)
