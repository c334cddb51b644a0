"""Reads the whole trail and tells what was done to it.

A row that was touched without recomputing hashes is named exactly. One whose followers were rehashed is named by the
interval between the last checkpoint that still holds and the first that does not. What comes after the newest
checkpoint is covered by the chain alone: whoever rewrites all of that leaves no mark, hence checkpoints come often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from casework.audit.anchorfile import Anchored, read_anchor
from casework.audit.chain import GENESIS, HASHED, entry_hash
from casework.audit.models import AuditCheckpoint, AuditEntry
from casework.audit.service import anchored
from casework.vault.keys import Keys

Kind = Literal["edited", "deleted", "inserted", "reordered", "cut", "checkpoint-broken", "anchor-missing"]
Progress = Callable[[int, int], None]

BATCH = 2000
NEAREST_SHIFTS = sorted(range(-16, 17), key=abs)
MOST_ODD = 200  # odd rows that are looked into; beyond that so much is broken that the kind no longer matters


@dataclass(frozen=True)
class Fault:
    """Entries `first_seq` to `last_seq` (both included). `text` is one plain English line without values."""

    kind: Kind
    first_seq: int
    last_seq: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """`entries` and `checkpoints` are those found in the database."""

    entries: int
    checkpoints: int
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def verify(session: Session, keys: Keys, anchor: Path | None = None, progress: Progress | None = None) -> Verdict:
    """Streams the trail in order. `progress(done, total)` is called now and then.

    With `anchor`, every checkpoint in that file must be in the database; a file that is not there is a fault as soon as
    the database has a checkpoint. Without it a tail cut together with its checkpoints is not found.
    """
    # In this order, so that what is committed meanwhile cannot look like a fault.
    lines = read_anchor(anchor) if anchor else []
    kept = [anchored(row) for row in session.exec(select(AuditCheckpoint).order_by(col(AuditCheckpoint.id)))]
    faults = list(_check_checkpoints(kept, keys))
    if anchor:
        faults += _check_anchor(lines, kept, keys, exists=anchor.exists())
    marks = {(mark.statement.size, mark.statement.head) for mark in [*kept, *lines] if mark and _signed(mark, keys)}
    walk = _Walk(sorted(marks))
    for done, total, row in _stream(session):
        walk.step(row)
        if progress and (done % BATCH == 0 or done == total):
            progress(done, total)
    faults += walk.finish()
    return Verdict(walk.entries, len(kept), tuple(_merged(faults)))


@dataclass(frozen=True)
class _Row:
    seq: int
    previous: bytes
    hash: bytes
    values: tuple[Any, ...]

    def holds_as(self, seq: int) -> bool:
        """Whether content and hash agree if the entry's number were `seq`."""
        return entry_hash(self.previous, (seq, *self.values[1:])) == self.hash


@dataclass(frozen=True)
class _Odd:
    """A row that does not hold under its number; `shift` is how far its true number lies, None if not found."""

    row: _Row
    shift: int | None
    linked: bool


class _Walk:
    """One pass over the rows in order of their numbers.

    `shift` is how far the true numbers of the rows now lie from the stored ones: not 0 after entries were put in or
    taken out and the rest renumbered.
    """

    def __init__(self, marks: list[tuple[int, bytes]]) -> None:
        self.entries = 0
        self._marks = marks
        self._next_mark = 0
        self._good = 0
        self._seq = 0
        self._hash = GENESIS
        self._shift = 0
        self._odd: list[_Odd] = []
        self._faults: list[Fault] = []

    def step(self, row: _Row) -> None:
        self.entries += 1
        if row.seq < 1:
            self._fault("inserted", row.seq, row.seq, "numbers start at 1")
            return
        if gap := row.seq - self._seq - 1:
            self._fault("deleted", self._seq + 1, row.seq - 1, f"{gap} missing")
        linked = row.previous == self._hash
        if row.holds_as(row.seq + self._shift):
            if not linked and not gap and not self._last_was_odd():
                self._rehashed(row)
        else:
            self._look_into(_Odd(row, self._find_shift(row), linked))
        self._check_marks(row)
        self._seq, self._hash = row.seq, row.hash

    def finish(self) -> list[Fault]:
        self._match_moved()
        for odd in self._odd:
            self._faults.append(_explain(odd, self._shift))
        missing = [size for size, _ in self._marks[self._next_mark :]]
        if missing:
            text = f"{missing[-1] - self._seq} fewer than signed: cut off the end, or taken out and the rest rewritten"
            self._fault("cut", self._good + 1, missing[-1], text)
        return self._faults

    def _find_shift(self, row: _Row) -> int | None:
        if len(self._odd) > MOST_ODD:
            return None
        return next((shift for shift in NEAREST_SHIFTS if row.holds_as(row.seq + shift)), None)

    def _last_was_odd(self) -> bool:
        return bool(self._odd) and self._odd[-1].row.seq == self._seq

    def _look_into(self, odd: _Odd) -> None:
        before = self._odd[-1] if self._last_was_odd() else None
        self._odd.append(odd)
        if before is None or odd.shift is None or before.shift != odd.shift or not odd.linked:
            return
        # Two in a row agree on another numbering: entries were put in or taken out before them, the rest renumbered.
        del self._odd[-2:]
        first, moved = before.row.seq, odd.shift - self._shift
        if moved < 0:
            self._odd = [other for other in self._odd if other.row.seq < first + moved]
            self._fault("inserted", first + moved, first - 1, "not of the chain; the entries after were renumbered")
        else:
            true = first + self._shift
            self._fault("deleted", true, true + moved - 1, "taken out; the entries after were renumbered")
        self._shift = odd.shift

    def _rehashed(self, row: _Row) -> None:
        text = f"hashes were recomputed; entry {row.seq} does not follow the one before it"
        self._fault("edited", self._good + 1, row.seq - 1, text)

    def _check_marks(self, row: _Row) -> None:
        while self._next_mark < len(self._marks) and self._marks[self._next_mark][0] <= row.seq:
            size, head = self._marks[self._next_mark]
            self._next_mark += 1
            if (size, head) == (row.seq, row.hash):
                self._good = size
            else:
                text = f"the chain at entry {size} is not the one that was signed"
                self._fault("checkpoint-broken", self._good + 1, size, text)

    def _match_moved(self) -> None:
        """Odd rows that hold under each other's numbers changed places."""
        places = {odd.row.seq for odd in self._odd[:MOST_ODD]}
        for odd in self._odd[:MOST_ODD]:
            true = next((seq for seq in places if seq != odd.row.seq and odd.row.holds_as(seq)), None)
            if true is not None:
                self._odd.remove(odd)
                self._fault("reordered", odd.row.seq, odd.row.seq, f"belongs at {true}")

    def _fault(self, kind: Kind, first: int, last: int, text: str) -> None:
        self._faults.append(Fault(kind, first, last, text))


def _explain(odd: _Odd, shift: int) -> Fault:
    seq = odd.row.seq
    if odd.shift is not None and odd.shift > shift:
        return Fault("deleted", seq, seq + odd.shift - shift - 1, "taken out; the entry after was renumbered")
    if odd.shift is not None or not odd.linked:
        return Fault("inserted", seq, seq, "does not follow the entry before it and does not match its hash")
    return Fault("edited", seq, seq, "does not match its hash")


def _stream(session: Session) -> Iterator[tuple[int, int, _Row]]:
    connection = session.connection()
    total = connection.execute(select(func.count()).select_from(AuditEntry)).scalar_one()
    columns = [getattr(AuditEntry, name) for name in ("prev_hash", "hash", *HASHED)]
    query = select(*columns).order_by(col(AuditEntry.seq))
    with connection.execute(query, execution_options={"yield_per": BATCH}) as rows:
        for done, (previous, head, *values) in enumerate(rows, start=1):
            yield done, total, _Row(values[0], previous, head, tuple(values))


def _signed(mark: Anchored, keys: Keys) -> bool:
    return mark.statement.fingerprint == keys.fingerprint and keys.verify(mark.statement.signed_bytes(), mark.signature)


def _check_checkpoints(kept: Iterable[Anchored], keys: Keys) -> Iterator[Fault]:
    """Each is signed by this office, follows the one before it and covers more entries."""
    number, size, digest = 0, 0, GENESIS
    for mark in kept:
        said = mark.statement
        first, number = size + 1, number + 1
        if not _signed(mark, keys):
            yield Fault(
                "checkpoint-broken", first, said.size, f"checkpoint {said.id} is not signed by this office's key"
            )
        elif said.previous != digest or said.id != number or said.size <= size:
            yield Fault(
                "checkpoint-broken", first, said.size, f"checkpoint {said.id} does not follow the one before it"
            )
        number, size, digest = said.id, said.size, said.digest(mark.signature)


def _check_anchor(
    lines: Iterable[Anchored | None], kept: Iterable[Anchored], keys: Keys, exists: bool
) -> Iterator[Fault]:
    by_id = {mark.statement.id: mark for mark in kept}
    if by_id and not exists:
        yield Fault("anchor-missing", 1, max(mark.statement.size for mark in by_id.values()), "there is no anchor file")
    size = 0
    for number, line in enumerate(lines, start=1):
        if line is None or not _signed(line, keys):
            yield Fault("anchor-missing", size + 1, size + 1, f"line {number} of the anchor file was changed")
            continue
        if by_id.get(line.statement.id) != line:
            text = f"checkpoint {line.statement.id} of the anchor file is not in the database"
            yield Fault("anchor-missing", size + 1, line.statement.size, text)
        size = line.statement.size


def _merged(faults: Iterable[Fault]) -> Iterator[Fault]:
    """Neighbouring faults of one kind and wording as one, in order of the entries."""
    last: Fault | None = None
    for fault in sorted(faults, key=lambda fault: (fault.first_seq, fault.last_seq, fault.kind)):
        if last and (last.kind, last.text, last.last_seq + 1) == (fault.kind, fault.text, fault.first_seq):
            last = Fault(last.kind, last.first_seq, fault.last_seq, last.text)
            continue
        if last:
            yield last
        last = fault
    if last:
        yield last
