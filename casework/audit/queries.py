"""Reading the trail: lists for the pages of a case and of the auditor. Reading is recorded by the door that asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from casework.audit.models import AuditCheckpoint, AuditEntry
from casework.work import Work


@dataclass(frozen=True)
class Filters:
    """Each that is given narrows the list. `since` is included, `until` is not; both aware."""

    tags: tuple[str, ...] = ()
    actor_id: UUID | None = None
    case_id: UUID | None = None
    unit_id: UUID | None = None
    result: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def entries_of_case(work: Work, case_id: UUID, tags: Iterable[str] | None = None, limit: int = 200) -> list[AuditEntry]:
    """Newest first; only entries with one of `tags`, if given. Whether the reader may see the case is asked before."""
    query = select(AuditEntry).where(AuditEntry.case_id == case_id)
    if tags is not None:
        query = query.where(col(AuditEntry.tag).in_([str(tag) for tag in tags]))
    return list(work.session.exec(query.order_by(col(AuditEntry.seq).desc()).limit(limit)))


def recent(work: Work, filters: Filters, page: int = 1, per_page: int = 50) -> list[AuditEntry]:
    """Newest first; `page` counts from 1. A page shorter than `per_page` is the last."""
    query = select(AuditEntry)
    if filters.tags:
        query = query.where(col(AuditEntry.tag).in_([str(tag) for tag in filters.tags]))
    for column in ("actor_id", "case_id", "unit_id", "result"):
        if (value := getattr(filters, column)) is not None:
            query = query.where(getattr(AuditEntry, column) == value)
    if filters.since is not None:
        query = query.where(AuditEntry.at >= filters.since)
    if filters.until is not None:
        query = query.where(AuditEntry.at < filters.until)
    query = query.order_by(col(AuditEntry.seq).desc()).offset((page - 1) * per_page).limit(per_page)
    return list(work.session.exec(query))


def last_checkpoint(work: Work) -> AuditCheckpoint | None:
    return work.session.exec(select(AuditCheckpoint).order_by(col(AuditCheckpoint.id).desc()).limit(1)).first()
