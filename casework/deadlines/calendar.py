"""The office changes its own days, sees beforehand which limits that moves, and every clock is counted anew.

An edit takes effect with its commit: whoever counts afterwards, in whichever process, counts with it. The clocks counted
before carry an older revision and are caught up in batches by whoever comes first, the page or the sweep; a sweep never
fires one that has not been caught up.

Locks: an edit holds the one lock of the calendar, so edits come one after another and revisions have no gap. Catching up
holds clocks and their cases, skips those that somebody else holds, and waits for nobody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, text
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import local
from casework.deadlines.days import calendar_with, edits, forget_edits
from casework.deadlines.models import CASES, CalendarDay, CaseClock, ChangeKind, ClockState
from casework.deadlines.service import recount
from casework.errors import Invalid, NotFound, Stale
from casework.law.deadlines import due
from casework.work import Work, in_whole_sight

CALENDAR_LOCK = 7415003
LONGEST_RANGE = 31  # days set apart in one edit; the longest holiday had nine
OLDEST = timedelta(days=366)  # what ended earlier moves no limit that still runs
FARTHEST = timedelta(days=3 * 366)
LONGEST_TITLE, LONGEST_SOURCE = 120, 200
BATCH = 50

KINDS = ("off", "make-up")


@dataclass(frozen=True)
class NewDays:
    """What an edit would set apart: from `first` to `last`, "off" or "make-up", and the decree it rests on."""

    kind: str
    first: date
    last: date
    title: str
    source: str


@dataclass(frozen=True)
class Preview:
    """What an edit would do to the limits that run now: numbers only, for whoever keeps the calendar opens no case.

    `shifts` counts clocks by whole days moved, later above zero; `late` are those that would be overdue at once, `saved`
    those overdue now that would not be. `days` are the days that change.
    """

    days: tuple[date, ...]
    shifts: Counter[int]
    late: int
    saved: int

    @property
    def moved(self) -> int:
        return self.shifts.total()


def check_new_days(work: Work, new: NewDays) -> tuple[date, ...]:
    """The days that `new` changes: of a range off, those that were worked; of a make-up range, all.

    Raises Invalid: `out-of-range` for a range upside down, too long or too far from today; `already-off` where nothing
    would change; `already-works` for a make-up day on which the office works anyway; `own-day` where the office has set
    the day before, which has to be taken back first; `missing` and `too-long` for title and source.
    """
    faults = _faults(new, local(work.now).date())
    if faults:
        raise Invalid(faults)
    days = [new.first + timedelta(days=n) for n in range((new.last - new.first).days + 1)]
    own = {row.day for row in edits(work).kept}
    if own.intersection(days):
        raise Invalid({"first": "own-day"})
    working = [day for day in days if work.calendar.is_working(day)]
    if new.kind == "make-up":
        if working:
            raise Invalid({"first": "already-works"})
        return tuple(days)
    if not working:
        raise Invalid({"first": "already-off"})
    return tuple(working)


def add_days(work: Work, new: NewDays, *, seen: int) -> int:
    """Sets the days apart and returns the edit's revision. `seen` is the revision its preview was made of: Raises Stale
    if somebody has changed the calendar since, Invalid as `check_new_days` does."""
    revision = _next_revision(work, seen)
    for day in check_new_days(work, new):
        work.session.add(
            CalendarDay(
                day=day,
                kind=new.kind,
                title=new.title,
                source=new.source,
                added_rev=revision,
                added_at=work.now,
                added_by=work.actor.id,
            )
        )
    _note(work, "added", revision)
    return revision


def take_back(work: Work, added_rev: int, *, seen: int) -> int:
    """Undoes an edit: its days are again as the law has them. Raises NotFound where nothing of it is left, Stale."""
    revision = _next_revision(work, seen)
    for row in days_of_edit(work, added_rev):
        row.removed_rev, row.removed_at, row.removed_by = revision, work.now, work.actor.id
        work.session.add(row)
    _note(work, "taken-back", revision)
    return revision


def days_of_edit(work: Work, added_rev: int) -> list[CalendarDay]:
    """The days of one edit that still count. Raises NotFound for none."""
    rows = [row for row in edits(work).kept if row.added_rev == added_rev]
    if not rows:
        raise NotFound("calendar edit")
    return rows


def preview_add(work: Work, new: NewDays) -> Preview:
    """Raises Invalid as `check_new_days` does."""
    days = check_new_days(work, new)
    added = [
        CalendarDay(day=day, kind=new.kind, title=new.title, source=new.source, added_rev=0, added_at=work.now)
        for day in days
    ]
    return _preview(work, days, [*edits(work).kept, *added])


def preview_take_back(work: Work, added_rev: int) -> Preview:
    """Raises NotFound where nothing of the edit is left."""
    gone = days_of_edit(work, added_rev)
    return _preview(work, [row.day for row in gone], [row for row in edits(work).kept if row.added_rev != added_rev])


def behind(work: Work) -> int:
    """How many running clocks were counted before the calendar's last edit and wait to be counted anew."""
    revision = edits(work).revision
    with work.whole_sight(excluding=True):
        return work.session.exec(
            select(func.count()).where(CaseClock.state == ClockState.RUNNING, col(CaseClock.calendar_rev) < revision)
        ).one()


@in_whole_sight
def catch_up(work: Work) -> int:
    """Counts a batch of clocks anew and writes on each case why its limit moved. Returns how many it took; 0 is done."""
    rows = work.session.exec(
        select(CaseClock)
        .join(CASES, CASES.c.id == CaseClock.case_id)  # held too: a limit that moves is written on its case
        .where(CaseClock.state == ClockState.RUNNING, col(CaseClock.calendar_rev) < edits(work).revision)
        .order_by(col(CaseClock.calendar_rev))
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    for clock in rows:
        recount(work, clock, kind=ChangeKind.CALENDAR)
    return len(rows)


def catch_all_up(begin: Callable[[], AbstractContextManager[Work]], *, seconds: float = float("inf")) -> int:
    """Catches up batch by batch, each in a transaction of its own, for at most about `seconds`. Returns how many."""
    until, taken = time.monotonic() + seconds, 0
    while True:
        with begin() as work:
            batch = catch_up(work)
        taken += batch
        if batch == 0 or time.monotonic() > until:
            return taken


# ---------------------------------------------------------------- parts


def _faults(new: NewDays, today: date) -> dict[str, str]:
    faults: dict[str, str] = {}
    if new.kind not in KINDS:
        faults["kind"] = "missing"
    if not today - OLDEST <= new.first <= today + FARTHEST:
        faults["first"] = "out-of-range"
    elif not 0 <= (new.last - new.first).days < LONGEST_RANGE:
        faults["last"] = "out-of-range"
    for name, value, longest in (("title", new.title, LONGEST_TITLE), ("source", new.source, LONGEST_SOURCE)):
        if not value:
            faults[name] = "missing"
        elif len(value) > longest:
            faults[name] = "too-long"
    return faults


def _next_revision(work: Work, seen: int) -> int:
    work.session.connection().execute(text("select pg_advisory_xact_lock(:key)"), {"key": CALENDAR_LOCK})
    forget_edits(work)  # what was read before the lock may be older than the edit it waited for
    found = edits(work).revision
    if found != seen:
        raise Stale("calendar")
    return found + 1


def _note(work: Work, act: str, revision: int) -> None:
    work.session.flush()
    forget_edits(work)
    changed = edits(work).between(revision - 1, revision)
    days = [f"{row.day:%Y-%m-%d}" for row in changed]
    record(work, Tag.CALENDAR_CHANGED, object_type=act, object_id=changed[0].id, fields=[changed[0].kind, *days])


def _preview(work: Work, days: Sequence[date], kept: Sequence[CalendarDay]) -> Preview:
    # Every office's limits move with the days; whoever keeps the calendar is told numbers only, and none of them counts a
    # case that is kept from them.
    calendar = calendar_with(work, kept)
    counted: dict[tuple[str, str, datetime], datetime] = {}
    shifts: Counter[int] = Counter()
    late = saved = 0
    same = (col(CaseClock.edition), col(CaseClock.rule), col(CaseClock.started_at), col(CaseClock.due_at))
    with work.whole_sight(excluding=True):
        clocks = (
            work.session.connection()
            .execute(
                select_columns(*same, func.count())
                .where(col(CaseClock.state) == ClockState.RUNNING, col(CaseClock.calendar_rev).is_not(None))
                .group_by(*same)
            )
            .all()
        )
    for edition, rule_id, started_at, old, many in clocks:
        key = (edition, rule_id, started_at)
        if key not in counted:
            counted[key] = due(work.law_for(edition).deadlines[rule_id], started_at, calendar).due_at
        new = counted[key]
        if new != old:
            shifts[(local(new).date() - local(old).date()).days] += many
            late += many if new <= work.now < old else 0
            saved += many if old <= work.now < new else 0
    return Preview(tuple(sorted(days)), shifts, late, saved)
