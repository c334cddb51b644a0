"""What the owner of the database can do to the trail, and that each of it is found."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlmodel import Session, col

from casework.audit.chain import GENESIS, HASHED, Statement, entry_hash
from casework.audit.models import AuditCheckpoint, AuditEntry
from casework.audit.verifier import Verdict, verify
from casework.vault.keys import Keys, create_key_file

ENTRIES, SIGNED, EVERY = 70, 60, 15


class Owner:
    """The owner's hands on the trail, with the triggers off."""

    def __init__(self, session: Session, stranger: Keys) -> None:
        self.session = session
        self.connection = session.connection()
        self.connection.execute(text("set local session_replication_role = replica"))
        self.stranger = stranger

    def rows(self) -> list[dict[str, Any]]:
        query = select(AuditEntry.__table__).order_by(col(AuditEntry.seq))  # type: ignore[attr-defined]
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def change(self, at: int, /, **values: Any) -> None:
        self.connection.execute(update(AuditEntry).where(col(AuditEntry.seq) == at).values(**values))

    def remove(self, first: int, last: int) -> None:
        self.connection.execute(delete(AuditEntry).where(col(AuditEntry.seq).between(first, last)))

    def renumber(self, first: int, by: int) -> None:
        """Two steps, for no two rows may bear one number on the way."""
        for shift in (1_000_000, by - 1_000_000):
            start = first if shift > 0 else first + 1_000_000
            self.connection.execute(
                update(AuditEntry).where(col(AuditEntry.seq) >= start).values(seq=col(AuditEntry.seq) + shift)
            )

    def swap(self, one: int, two: int) -> None:
        self.change(one, seq=-1)
        self.change(two, seq=one)
        self.change(-1, seq=two)

    def add(self, seq: int, **values: Any) -> None:
        row = self.rows()[3] | {"id": uuid4(), "seq": seq, "tag": "case:searched"} | values
        self.connection.execute(insert(AuditEntry), [row])

    def rehash(self, first: int = 1, last: int = 10**9) -> None:
        head, changes = GENESIS, []
        for row in self.rows():
            if first <= row["seq"] <= last:
                row["prev_hash"] = head
                row["hash"] = entry_hash(head, [row[column] for column in HASHED])
                changes.append({"at_seq": row["seq"], "p": row["prev_hash"], "h": row["hash"]})
            head = row["hash"]
        statement = update(AuditEntry.__table__).where(col(AuditEntry.seq) == bindparam("at_seq"))  # type: ignore[attr-defined]
        self.connection.execute(statement.values(prev_hash=bindparam("p"), hash=bindparam("h")), changes)

    def sign_all_again(self, keys: Keys, fingerprint: str) -> None:
        """Every checkpoint anew over the chain as it now is, with a key that is not the office's."""
        heads = {row["seq"]: row["hash"] for row in self.rows()}
        previous = GENESIS
        for mark in self.checkpoints():
            statement = Statement(mark["id"], mark["at"], mark["size"], heads[mark["size"]], previous, fingerprint)
            signature = keys.sign(statement.signed_bytes())
            previous = statement.digest(signature)
            self.connection.execute(
                update(AuditCheckpoint)
                .where(col(AuditCheckpoint.id) == mark["id"])
                .values(head=statement.head, previous=statement.previous, fingerprint=fingerprint, signature=signature)
            )

    def checkpoints(self) -> list[dict[str, Any]]:
        query = select(AuditCheckpoint.__table__).order_by(col(AuditCheckpoint.id))  # type: ignore[attr-defined]
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def remove_checkpoints(self, first_id: int, last_id: int = 10**9) -> None:
        self.connection.execute(delete(AuditCheckpoint).where(col(AuditCheckpoint.id).between(first_id, last_id)))


Tampering = Callable[[Owner, random.Random], tuple[str, int, int] | None]
"""Does it, and says which (kind, first, last) must be among the faults; None if it only has to be found."""


def edit(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, ENTRIES)
    before = owner.rows()[seq - 1]
    values: dict[str, Any] = {
        "tag": "case:searched",
        "actor_role": "chair",
        "actor_id": uuid4(),
        "unit_id": None,
        "case_id": None,
        "object_type": "report",
        "object_id": uuid4(),
        "result": "refused",
        "fields": "[]",
        "request_id": "r2",
        "at": before["at"] - timedelta(microseconds=1),
        "id": uuid4(),
        "rev": before["rev"] + 1,
    }
    column = chance.choice(sorted(values))
    owner.change(seq, **{column: values[column]})
    return "edited", seq, seq


def edit_reason(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    """Puts another entry's reason, still a true envelope, in place of this one's."""
    with_reason = [row for row in owner.rows() if row["reason"]]
    one, two = chance.sample(with_reason, 2)
    owner.change(one["seq"], reason=two["reason"])
    return "edited", one["seq"], one["seq"]


def edit_hash(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, ENTRIES)
    owner.change(seq, hash=bytes(32))
    return "edited", seq, seq


def edit_and_rehash_the_row(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, ENTRIES - 1)
    owner.change(seq, tag="case:searched")
    owner.rehash(seq, seq)
    return "edited", _good_before(seq) + 1, seq


def edit_and_rehash_all_after(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, SIGNED)
    owner.change(seq, tag="case:searched")
    owner.rehash(seq)
    return _first_broken(seq)


def delete_in_the_middle(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    first = chance.randint(1, ENTRIES - 6)
    last = first + chance.randint(0, 5)
    owner.remove(first, last)
    return "deleted", first, last


def delete_and_renumber(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    first = chance.randint(1, ENTRIES - 6)
    last = first + chance.randint(0, 5)
    owner.remove(first, last)
    owner.renumber(last + 1, first - last - 1)
    return "deleted", first, last


def delete_and_rehash(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, SIGNED)
    owner.remove(seq, seq)
    owner.renumber(seq + 1, -1)
    owner.rehash(seq)
    return _first_broken(seq)


def cut_the_tail(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    first = chance.randint(1, SIGNED)
    owner.remove(first, ENTRIES)
    return "cut", _good_before(first) + 1, SIGNED


def cut_the_tail_and_its_checkpoints(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    first = chance.randint(1, SIGNED)
    owner.remove(first, ENTRIES)
    kept = (first - 1) // EVERY
    owner.remove_checkpoints(kept + 1)
    return "anchor-missing", kept * EVERY + 1, (kept + 1) * EVERY


def insert_and_renumber(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, ENTRIES - 2)
    owner.renumber(seq, 1)
    owner.add(seq, hash=chance.randbytes(32))
    return "inserted", seq, seq


def insert_a_fitting_row_and_renumber(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, ENTRIES - 2)
    owner.renumber(seq, 1)
    owner.add(seq)
    owner.rehash(seq, seq)
    return "inserted", seq, seq


def insert_and_rehash(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    seq = chance.randint(1, SIGNED)
    owner.renumber(seq, 1)
    owner.add(seq)
    owner.rehash(seq)
    return _first_broken(seq)


def append_a_row_that_does_not_fit(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    owner.add(ENTRIES + 1, hash=chance.randbytes(32))
    return "inserted", ENTRIES + 1, ENTRIES + 1


def swap_two(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    one, two = chance.sample(range(1, ENTRIES + 1), 2)
    owner.swap(one, two)
    return "reordered", one, one


def swap_neighbours(owner: Owner, chance: random.Random) -> None:
    # Neighbouring faults are told as one.
    seq = chance.randint(1, ENTRIES - 1)
    owner.swap(seq, seq + 1)


def swap_and_rehash(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    one = chance.randint(1, SIGNED)
    owner.swap(one, one + 1)
    owner.rehash(one)
    return _first_broken(one)


def replace_a_checkpoint(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    number = chance.randint(1, SIGNED // EVERY)
    changes: dict[str, Any] = {
        "head": bytes(32),
        "size": number * EVERY + 1,
        "signature": bytes(64),
        "previous": bytes(32),
    }
    column = chance.choice(sorted(changes))
    row = update(AuditCheckpoint).where(col(AuditCheckpoint.id) == number)
    owner.connection.execute(row.values(**{column: changes[column]}))
    return "checkpoint-broken", (number - 1) * EVERY + 1, changes["size"] if column == "size" else number * EVERY


def delete_a_checkpoint(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    number = chance.randint(1, SIGNED // EVERY)
    owner.remove_checkpoints(number, number)
    return "anchor-missing", (number - 1) * EVERY + 1, number * EVERY


def rewrite_everything_and_sign_with_another_key(owner: Owner, chance: random.Random) -> tuple[str, int, int]:
    owner.change(chance.randint(1, SIGNED), tag="case:searched")
    owner.rehash()
    owner.sign_all_again(owner.stranger, owner.stranger.fingerprint)
    return "checkpoint-broken", 1, EVERY


TAMPERINGS: list[Tampering] = [
    edit, edit_reason, edit_hash, edit_and_rehash_the_row, edit_and_rehash_all_after, delete_in_the_middle,
    delete_and_renumber, delete_and_rehash, cut_the_tail, cut_the_tail_and_its_checkpoints, insert_and_renumber,
    insert_a_fitting_row_and_renumber, insert_and_rehash, append_a_row_that_does_not_fit, swap_two, swap_neighbours,
    swap_and_rehash, replace_a_checkpoint, delete_a_checkpoint, rewrite_everything_and_sign_with_another_key,
]  # fmt: skip


def _good_before(seq: int) -> int:
    return (seq - 1) // EVERY * EVERY


def _first_broken(seq: int) -> tuple[str, int, int]:
    good = _good_before(seq)
    return "checkpoint-broken", good + 1, good + EVERY


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return create_key_file(tmp_path_factory.mktemp("stranger") / "keys" / "office.key")


@pytest.fixture
def owner(long_trail: Any, stranger: Keys) -> Iterator[Owner]:
    with Session(long_trail.owner) as session:
        yield Owner(session, stranger)
        session.rollback()


def _verify(owner: Owner, trail: Any, anchor: Path | None) -> Verdict:
    return verify(owner.session, trail.keys, anchor)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.__name__)
def test_every_tampering_is_found_and_named(owner: Owner, long_trail: Any, tampering: Tampering, seed: int) -> None:
    expected = tampering(owner, random.Random(seed))
    verdict = _verify(owner, long_trail, long_trail.anchor)
    assert not verdict.ok
    if expected:
        assert expected in {(fault.kind, fault.first_seq, fault.last_seq) for fault in verdict.faults}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tampering", [edit, edit_reason, delete_in_the_middle], ids=lambda known: known.__name__)
def test_a_row_touched_without_rehashing_is_the_only_one_named(
    owner: Owner, long_trail: Any, tampering: Tampering, seed: int
) -> None:
    expected = tampering(owner, random.Random(seed))
    named = {(f.kind, f.first_seq, f.last_seq) for f in _verify(owner, long_trail, long_trail.anchor).faults}
    # A deleted row may be one that a checkpoint stands on.
    assert {one for one in named if one[0] != "checkpoint-broken"} == {expected}


def test_two_neighbours_that_changed_places_are_named(owner: Owner, long_trail: Any) -> None:
    owner.swap(33, 34)
    faults = _verify(owner, long_trail, long_trail.anchor).faults
    assert {(fault.kind, fault.first_seq) for fault in faults} == {("reordered", 33), ("reordered", 34)}


def test_every_broken_checkpoint_is_reported(owner: Owner, long_trail: Any) -> None:
    owner.change(20, tag="case:searched")
    owner.rehash(20)
    faults = _verify(owner, long_trail, long_trail.anchor).faults
    assert [(fault.kind, fault.last_seq) for fault in faults] == [("checkpoint-broken", end) for end in (30, 45, 60)]


def test_an_untouched_trail_verifies(owner: Owner, long_trail: Any) -> None:
    seen: list[tuple[int, int]] = []
    verdict = verify(owner.session, long_trail.keys, long_trail.anchor, lambda done, total: seen.append((done, total)))
    assert (verdict.ok, verdict.entries, verdict.checkpoints, seen[-1]) == (True, ENTRIES, 4, (ENTRIES, ENTRIES))


def test_planted_without_the_anchor_a_cut_tail_and_its_checkpoints_pass_unseen(owner: Owner, long_trail: Any) -> None:
    """Shows that the anchor file is no decoration."""
    cut_the_tail_and_its_checkpoints(owner, random.Random(1))
    assert _verify(owner, long_trail, None).ok
    assert not _verify(owner, long_trail, long_trail.anchor).ok


def test_planted_without_checkpoints_an_edit_with_rehash_passes_unseen(owner: Owner, long_trail: Any) -> None:
    """Shows that checkpoints are no decoration."""
    edit_and_rehash_all_after(owner, random.Random(1))
    owner.remove_checkpoints(1)
    assert _verify(owner, long_trail, None).ok


def test_a_changed_or_missing_anchor_file_is_a_fault(owner: Owner, long_trail: Any, tmp_path: Path) -> None:
    lines = long_trail.anchor.read_text().splitlines(keepends=True)
    changed = tmp_path / "anchor.jsonl"
    changed.write_text("".join([lines[0], lines[1].replace('"size": 30', '"size": 31'), "{}\n", *lines[2:]]))
    kinds = [fault.kind for fault in _verify(owner, long_trail, changed).faults]
    assert kinds == ["anchor-missing", "anchor-missing"]
    assert [fault.kind for fault in _verify(owner, long_trail, tmp_path / "none").faults] == ["anchor-missing"]
