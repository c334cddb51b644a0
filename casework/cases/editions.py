"""Moving a running case to another edition of the law: on purpose, with a reason, every open clock explained."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.cases.queries import scoped
from casework.deadlines import service as deadlines
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange
from casework.deadlines.queries import running_of
from casework.errors import IllegalMove, Invalid
from casework.law.model import DeadlineRule, Law
from casework.people.queries import unit
from casework.work import Work


@dataclass(frozen=True)
class MovedClock:
    """A clock of `rule` with another due time, and the row that explains it."""

    rule: str
    change: ClockChange


@dataclass(frozen=True)
class Moved:
    """What a move did: the clocks with another due time; rules whose clock lapsed, because the new
    edition has no such limit; how many clocks run on as they were."""

    before: str
    after: str
    clocks: tuple[MovedClock, ...]
    lapsed: tuple[str, ...]
    kept: int


def editions_for(work: Work, case: Case) -> list[str]:
    """Keys a case may be moved to: every edition but its own, national or with the limits of the case's own province."""
    province = unit(work, case.province_id).code
    return [
        law.key
        for law in work.book
        if law.key != case.edition and (law.overlay is None or law.overlay.province == province)
    ]


def move_to_edition(work: Work, case: Case, key: str, reason: str) -> Moved:
    """Moves `case` to the edition `key` and counts its open clocks anew by that edition's limits, from their own beginning.

    A clock whose limit is the same there keeps its due time, so no move pushes one later unless the new edition says so.
    Limits that only the new edition has begin with the next act that starts them. `reason` is sealed under the case.
    Raises Invalid where the key is not one of `editions_for` or no reason is given, IllegalMove (naming the state) where
    the new edition does not have the case's state; then nothing has changed and the caller must roll back.
    """
    work.session.refresh(case, with_for_update=True)
    if key not in editions_for(work, case):
        raise Invalid({"edition": "not-a-choice"})
    if not reason.strip():
        raise Invalid({"reason": "missing"})
    old, new = work.law_for(case.edition), work.law_for(key)
    if case.state not in new.states:
        raise IllegalMove(case.state, f"move to edition {key}")
    before, case.edition = case.edition, key
    work.session.add(case)
    record(
        work,
        Tag.CASE_MOVED_TO_EDITION,
        case_id=case.id,
        object_type="case",
        object_id=case.id,
        fields=["edition"],
        reason=f"{before} → {key}: {reason.strip()}",
    )
    return _move_clocks(work, case, old, new, f"{before} → {key}: {reason.strip()}")


def find_case(work: Work, code: str) -> Case | None:
    """The case of that code, if it is in this actor's sight."""
    return work.session.exec(scoped(work.actor, work.now).where(col(Case.code) == code)).first()


def states_missing(work: Work) -> list[tuple[str, str]]:
    """(case code, what is missing) of every case in this actor's sight whose edition, or whose state in it, this work's
    book does not have."""
    known = {law.key: set(law.states) for law in work.book}
    missing = []
    for case in work.session.exec(
        scoped(work.actor, work.now).order_by(col(Case.code)).execution_options(yield_per=500)
    ):
        if case.edition not in known:
            missing.append((case.code, f"edition {case.edition}"))
        elif case.state not in known[case.edition]:
            missing.append((case.code, f"state {case.state} of edition {case.edition}"))
    return missing


def _move_clocks(work: Work, case: Case, old: Law, new: Law, why: str) -> Moved:
    moved: list[MovedClock] = []
    lapsed: list[str] = []
    kept = 0
    for clock in running_of(work, [case.id]).get(case.id, []):
        rule = new.deadlines.get(clock.rule)
        if rule is None:
            deadlines.stop(work, case.id, clock.rule, met=False, subject_id=clock.subject_id)
            lapsed.append(clock.rule)
        elif _same_limit(old.deadlines[clock.rule], rule):
            _keep(work, clock, rule, new.key)
            kept += 1
        else:
            change = deadlines.recompute(work, clock, reason=why, kind=ChangeKind.EDITION, edition=new.key)
            moved += [MovedClock(clock.rule, change)] if change else []
            kept += change is None
    return Moved(old.key, new.key, tuple(moved), tuple(lapsed), kept)


def _same_limit(old: DeadlineRule, new: DeadlineRule) -> bool:
    return (old.unit, old.amount) == (new.unit, new.amount)


def _keep(work: Work, clock: CaseClock, rule: DeadlineRule, key: str) -> None:
    clock.edition, clock.period = key, rule.period
    work.session.add(clock)
