"""Read budgets: who reads far more cases in an hour than any work needs is noticed, then stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from tomllib import loads
from uuid import UUID

from sqlalchemy import text

from casework.audit.models import AuditEntry
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import ReadBudgetSpent
from casework.work import Work


@dataclass(frozen=True)
class Budget:
    """More than `alert` cases within `window` are told to the province, more than `stop` are not opened."""

    window: timedelta
    alert: int
    stop: int
    tags: frozenset[str]


@cache
def budget() -> Budget:
    """As committed in budgets.toml (read once: it is part of the program)."""
    raw = loads(resources.files("casework.oversight").joinpath("budgets.toml").read_text("utf-8"))
    return Budget(timedelta(minutes=raw["window_minutes"]), raw["alert"], raw["stop"], frozenset(raw["tags"]))


# How many cases the person has read since :since, how many of :cases are new among them, and that they are read now: one
# question a reading page asks. The counts are of before, as every part of the statement sees the same rows.
_READ = text("""
with wanted as (select unnest(cast(:cases as uuid[])) as case_id),
fresh as (
    select w.case_id from wanted w where not exists (
        select from case_seen s where s.staff_id = :staff and s.case_id = w.case_id and s.at > :since)
),
kept as (
    insert into case_seen (staff_id, case_id, at) select :staff, case_id, :now from wanted order by case_id
    on conflict (staff_id, case_id) do update set at = excluded.at
)
select (select count(*) from case_seen where staff_id = :staff and at > :since), (select count(*) from fresh)
""")

# Two pages asked for at once do not see each other's reads: both would pass the mark, and neither tell of it. So from half the
# alert on each waits until the one before it is kept or dropped, and counts once more, its own reads included.
_ONE_AFTER_THE_OTHER = text("select pg_advisory_xact_lock(hashtextextended('reads of ' || cast(:staff as text), 0))")
_AGAIN = text("select count(*) from case_seen where staff_id = :staff and at > :since")


def count_reads(work: Work, entries: Sequence[AuditEntry], allowed: Budget | None = None) -> None:
    """Counts the cases that these entries say were read. Raises ReadBudgetSpent where one is more than the hour allows;
    the door notes that with `note_spent`, for this work then rolls back."""
    limits = allowed or budget()
    cases = _read(entries, limits)
    if not cases or work.actor.id is None:
        return
    values = {"staff": work.actor.id, "cases": cases, "now": work.now, "since": work.now - limits.window}
    connection = work.session.connection()
    before, fresh = connection.execute(_READ, values).one()
    if fresh and before + fresh > limits.alert // 2:
        connection.execute(_ONE_AFTER_THE_OTHER, values)
        before = connection.execute(_AGAIN, values).scalar_one() - fresh
    if fresh and before + fresh > limits.stop:
        raise ReadBudgetSpent
    if before <= limits.alert < before + fresh:
        record(work, Tag.READ_BUDGET_NEARED, object_type="staff", object_id=work.actor.id)


def note_spent(work: Work) -> None:
    """Keeps that the person was stopped, in a transaction of its own; who watches over the province is told by it."""
    record(work, Tag.READ_BUDGET_SPENT, object_type="staff", object_id=work.actor.id, result="refused")


def _read(entries: Iterable[AuditEntry], limits: Budget) -> list[UUID]:
    found = {one.case_id for one in entries if one.tag in limits.tags and one.result == "done" and one.case_id}
    return sorted(found)
