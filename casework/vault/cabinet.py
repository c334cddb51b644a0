"""The cabinet: seals values into rows and opens them again, with the keys of one piece of work.

Unwrapped keys live in this object and die with it. A value is bound to its table, column, row, scope and the row's
revision, so an envelope moved anywhere else, or an older one put back into its own cell, does not open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Table, func, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import get_history
from sqlmodel import Session

from casework.db import among
from casework.errors import KeyMissing, Stale, Tampered
from casework.vault.columns import Sealed, SealedBytes
from casework.vault.envelope import BrokenEnvelope, close, new_key, unclose
from casework.vault.keys import Keys
from casework.vault.models import ScopeKey

OFFICE_SCOPE = UUID(int=0)
"""The scope of sealed rows that belong to no case: its key is never taken away."""


class SealedRow(Protocol):
    """A mapped row with sealed columns. `rev` starts at 0; only the cabinet raises it."""

    rev: int

    @property
    def id(self) -> UUID: ...

    @property
    def scope_id(self) -> UUID: ...


@dataclass(frozen=True)
class KekUse:
    """How many scopes' keys a wrapping key wraps, and since and until when it has wrapped new ones (UTC)."""

    kek_id: str
    active: bool
    scopes: int
    first_at: datetime
    last_at: datetime


class Cabinet:
    """Made by `Work`. It writes scope keys in the session's own transaction, and never flushes or commits."""

    def __init__(self, session: Session, keys: Keys, now: datetime) -> None:
        self._session = session
        self._keys = keys
        self._now = now
        self._unwrapped: dict[UUID, bytes] = {}

    def seal(self, row: SealedRow, **columns: Any) -> None:
        """Seals JSON values (None empties the cell) and raises `row.rev` by one.

        Every sealed column of the row is sealed anew, for each is bound to the revision. Raises Stale if somebody else
        raised the revision since the row was read (otherwise the two would leave cells of two revisions in one row),
        Tampered if a column that was not given does not open, TypeError for a column that is not sealed.
        """
        sealed = _sealed_columns(row)
        if unknown := set(columns) - set(sealed):
            raise TypeError(f"not sealed columns of {_table(row).name}: {', '.join(sorted(unknown))}")
        self._hold(row)
        values = {column: columns[column] if column in columns else self.open(row, column) for column in sealed}
        key = self._find_or_make_key(row.scope_id)
        rev = row.rev + 1
        envelopes = {
            column: None if value is None else SealedBytes(close(key, _labels(row, column, rev), _to_json(value)))
            for column, value in values.items()
        }
        for column, envelope in envelopes.items():
            setattr(row, column, envelope)
        row.rev = rev

    def open(self, row: SealedRow, column: str) -> Any:
        """The JSON value, or None for an empty cell. Raises Tampered (table, column, row id), KeyMissing."""
        envelope = getattr(row, column)
        if envelope is None:
            return None
        self.load([row.scope_id])
        try:
            return json.loads(unclose(self._unwrapped[row.scope_id], _labels(row, column, row.rev), envelope))
        except BrokenEnvelope:
            raise Tampered(f"{_table(row).name}.{column} of row {row.id} does not open where it stands") from None

    def open_all(self, rows: Iterable[SealedRow], column: str) -> list[Any]:
        """One value a row, in order; at most one query, for the keys not yet unwrapped."""
        rows = list(rows)
        self.load(row.scope_id for row in rows if getattr(row, column) is not None)
        return [self.open(row, column) for row in rows]

    def load(self, scope_ids: Iterable[UUID]) -> None:
        """Unwraps the keys of these scopes ahead. Raises KeyMissing for a scope without one (never made, or erased)."""
        wanted = set(scope_ids) - self._unwrapped.keys()
        if not wanted:
            return
        self._read_keys(wanted)
        if missing := wanted - self._unwrapped.keys():
            raise KeyMissing(f"no key for scope {min(missing)}")

    def keys_missing(self) -> set[str]:
        """The wrapping keys that the key store needs and the key file lacks: none in an office that can read its files."""
        used = self._session.connection().execute(select(_mapper(ScopeKey).local_table.c.kek_id).distinct())
        return {kek_id for (kek_id,) in used} - set(self._keys.kek_ids)

    def keks_in_use(self) -> list[KekUse]:
        """What each wrapping key holds, the newest first: names, counts and moments, never a key."""
        table = _mapper(ScopeKey).local_table.c
        rows = self._session.connection().execute(
            select(table.kek_id, func.count(), func.min(table.created_at), func.max(table.created_at))
            .group_by(table.kek_id)
            .order_by(func.max(table.created_at).desc())
        )
        return [KekUse(kek_id, kek_id == self._keys.active_kek_id, *told) for kek_id, *told in rows]

    def _find_or_make_key(self, scope_id: UUID) -> bytes:
        if scope_id not in self._unwrapped:
            self._read_keys({scope_id})
        if scope_id not in self._unwrapped:
            kek_id, wrapped = self._keys.wrap(scope_id, new_key())
            # Two workers at once: the later waits here for the earlier's commit, then reads the earlier's key.
            self._session.connection().execute(
                insert(ScopeKey)
                .values(scope_id=scope_id, kek_id=kek_id, wrapped=wrapped, created_at=self._now)
                .on_conflict_do_nothing()
            )
            self._read_keys({scope_id})
        return self._unwrapped[scope_id]

    def _read_keys(self, scope_ids: set[UUID]) -> None:
        # On the connection, not the session: a look-up must not flush a row that is still being filled in.
        table = _mapper(ScopeKey).local_table.c
        query = select(table.scope_id, table.kek_id, table.wrapped).where(among(table.scope_id, scope_ids))
        for scope_id, kek_id, wrapped in self._session.connection().execute(query):
            try:
                self._unwrapped[scope_id] = self._keys.unwrap(scope_id, kek_id, wrapped)
            except BrokenEnvelope:
                raise Tampered(f"scope_key.wrapped of scope {scope_id} does not open where it stands") from None

    def _hold(self, row: SealedRow) -> None:
        """Locks a stored row until the end of the work and checks that its revision is the one that was read."""
        if not inspect(row).persistent:
            return
        table = _table(row)
        query = select(table.c.rev).where(table.c.id == row.id).with_for_update()
        changed_from = get_history(row, "rev").deleted
        if self._session.connection().execute(query).scalar() != (changed_from[0] if changed_from else row.rev):
            raise Stale(f"{table.name} {row.id}")


def _mapper(model: type) -> Mapper[Any]:
    mapper: Mapper[Any] = inspect(model)
    return mapper


def _table(row: SealedRow) -> Table:
    table = _mapper(type(row)).local_table
    if not isinstance(table, Table):
        raise TypeError(f"{type(row).__name__} is not a row of a table")
    return table


def _sealed_columns(row: SealedRow) -> list[str]:
    return [column.key for column in _table(row).columns if isinstance(column.type, Sealed)]


def _labels(row: SealedRow, column: str, rev: int) -> tuple[bytes, ...]:
    return (_table(row).name.encode(), column.encode(), row.id.bytes, row.scope_id.bytes, str(rev).encode())


def _to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
