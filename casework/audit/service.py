"""Writing the trail: entries with the work they tell of, checkpoints over them, and copies outside the database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, insert, text
from sqlmodel import col, select

from casework.audit.anchorfile import Anchored, append_anchor, read_anchor
from casework.audit.chain import GENESIS, HASHED, Statement, entry_hash
from casework.audit.models import AuditCheckpoint, AuditEntry
from casework.audit.queries import last_checkpoint
from casework.work import Work

CHAIN_LOCK = 7415002
NAME = re.compile(r"[A-Za-z0-9_.:\-\[\]]{1,80}")


def record(
    work: Work,
    tag: str,
    *,
    case_id: UUID | None = None,
    object_type: str | None = None,
    object_id: UUID | None = None,
    result: str = "done",
    fields: Iterable[str] = (),
    reason: str | None = None,
) -> None:
    """Remembers one entry; it is chained and written just before the work commits, or dropped with it.

    `result` is "done" or "refused". `fields` are names; one that could be a value (blanks, accents) raises ValueError.
    `reason` is sealed under the key of `case_id`, so that must be a case that exists when a reason is given.
    """
    names = list(fields)
    if bad := [name for name in (tag, *names) if not NAME.fullmatch(name)]:
        raise ValueError(f"{len(bad)} of the audit entry's names look like values")
    entry = AuditEntry(
        at=work.now,
        actor_id=work.actor.id,
        actor_role=work.actor.role,
        unit_id=work.actor.unit_id,
        tag=str(tag),
        case_id=case_id,
        object_type=object_type,
        object_id=object_id,
        result=result,
        fields=json.dumps(names),
        request_id=work.actor.request_id,
    )
    if reason is not None:
        work.seal(entry, reason=reason)
    entries = work.keep("audit entries", lambda: list[AuditEntry]())
    entries.append(entry)
    work.at_the_end("audit chain", lambda: _write_chain(work, entries))


def recorded(work: Work) -> tuple[AuditEntry, ...]:
    """What this piece of work has recorded so far and will write with its commit."""
    return tuple(work.keep("audit entries", lambda: list[AuditEntry]()))


def seal_checkpoint(work: Work, force: bool = False, every_rows: int = 1000) -> AuditCheckpoint | None:
    """Signs the chain's head; None if fewer than `every_rows` entries (`force`: none at all) came since the last one.

    Covers what is committed. It leaves no entry of its own: each would be a reason for the next checkpoint.
    """
    connection = _lock_chain(work)
    size, head = _read_head(connection)
    last = last_checkpoint(work)
    if size - (last.size if last else 0) < (1 if force else every_rows):
        return None
    statement = Statement(
        id=last.id + 1 if last else 1,
        at=work.now.astimezone(UTC),
        size=size,
        head=head,
        previous=anchored(last).statement.digest(last.signature) if last else GENESIS,
        fingerprint=work.keys.fingerprint,
    )
    checkpoint = AuditCheckpoint(**vars(statement), signature=work.keys.sign(statement.signed_bytes()))
    work.session.add(checkpoint)
    work.session.flush()
    return checkpoint


def anchor(work: Work, path: Path) -> int:
    """Appends the checkpoints that the file at `path` lacks and returns how many; they are on disk when this returns.

    Call it in a work of its own after the one that sealed: a checkpoint that was rolled back must not be anchored. Keep
    the file, or a copy of it, where the database's owner cannot write.
    """
    _lock_chain(work)  # one writer of the file at a time
    known = max((line.statement.id for line in read_anchor(path) if line), default=0)
    query = select(AuditCheckpoint).where(col(AuditCheckpoint.id) > known).order_by(col(AuditCheckpoint.id))
    lines = [anchored(checkpoint) for checkpoint in work.session.exec(query)]
    if lines:
        append_anchor(path, lines)
    return len(lines)


def anchored(checkpoint: AuditCheckpoint) -> Anchored:
    """The row as a line of the anchor file."""
    statement = Statement(
        id=checkpoint.id,
        at=checkpoint.at,
        size=checkpoint.size,
        head=checkpoint.head,
        previous=checkpoint.previous,
        fingerprint=checkpoint.fingerprint,
    )
    return Anchored(statement, checkpoint.signature)


def _write_chain(work: Work, entries: list[AuditEntry]) -> None:
    connection = _lock_chain(work)
    seq, head = _read_head(connection)
    rows = []
    for entry in entries:
        seq += 1
        entry.seq, entry.prev_hash = seq, head
        head = entry.hash = entry_hash(head, [getattr(entry, column) for column in HASHED])
        rows.append(entry.model_dump())
    connection.execute(insert(AuditEntry), rows)


def _lock_chain(work: Work) -> Connection:
    """Held until the commit, so that nobody reads a head that is about to change."""
    connection = work.session.connection()
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    return connection


def _read_head(connection: Connection) -> tuple[int, bytes]:
    row = connection.execute(
        select(col(AuditEntry.seq), col(AuditEntry.hash)).order_by(col(AuditEntry.seq).desc()).limit(1)
    ).one_or_none()
    return (row[0], row[1]) if row else (0, GENESIS)
