from __future__ import annotations

import json
import stat
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session, col, select

from casework.audit.models import APPEND_ONLY, AuditEntry
from casework.audit.queries import Filters, entries_of_case, last_checkpoint, recent
from casework.audit.service import anchor, record, seal_checkpoint
from casework.audit.tags import Tag
from casework.audit.verifier import verify
from casework.work import SYSTEM, Actor


def entries(trail: Any) -> list[AuditEntry]:
    with Session(trail.engine) as session:
        return list(session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))))


def verified(trail: Any) -> bool:
    with Session(trail.engine) as session:
        return verify(session, trail.keys, trail.anchor).ok


def test_an_entry_says_who_did_what_when_and_to_what(trail: Any) -> None:
    actor = Actor(id=uuid4(), role="chair", unit_id=uuid4(), request_id="q9")
    case_id, object_id = uuid4(), uuid4()
    with trail.work(actor=actor) as work:
        record(work, "case:plan:approved", case_id=case_id, object_type="document", object_id=object_id,
               result="refused", fields=["child.name"], reason="thiếu chữ ký")  # fmt: skip
        now = work.now
    (entry,) = entries(trail)
    assert (entry.seq, entry.at, entry.tag, entry.result) == (1, now, "case:plan:approved", "refused")
    assert (entry.actor_id, entry.actor_role, entry.unit_id) == (actor.id, "chair", actor.unit_id)
    assert (entry.case_id, entry.object_type, entry.object_id) == (case_id, "document", object_id)
    assert (json.loads(entry.fields), entry.request_id) == (["child.name"], "q9")


def test_the_reason_is_sealed_and_opens_again(trail: Any) -> None:
    with trail.work() as work:
        record(work, Tag.MOVE_REFUSED, case_id=uuid4(), reason="bà Mận chưa đồng ý")
        record(work, Tag.SESSION_REFUSED, reason="thử mật khẩu")
    with trail.owner.connect() as connection:
        raw = connection.execute(text("select row_to_json(e)::text, reason from audit_entry e")).all()
    assert all("Mận" not in line and "Mận".encode() not in reason for line, reason in raw)
    with trail.work() as work:
        stored = list(work.session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))))
        assert work.open_all(stored, "reason") == ["bà Mận chưa đồng ý", "thử mật khẩu"]


def test_the_trail_still_verifies_after_a_case_is_made_unreadable(trail: Any) -> None:
    trail.write(8, checkpoint=True)
    with trail.owner.begin() as connection:
        connection.execute(text("delete from keystore.scope_key"))
    assert verified(trail)


def test_dropped_work_leaves_no_entry(trail: Any) -> None:
    with pytest.raises(ZeroDivisionError), trail.work() as work:
        record(work, Tag.CASE_READ)
        raise ZeroDivisionError
    assert entries(trail) == []


def test_entries_of_one_work_keep_their_order(trail: Any) -> None:
    with trail.work(actor=SYSTEM) as work:
        for tag in (Tag.CLOCK_STARTED, Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED):
            record(work, tag)
    assert [(entry.seq, entry.tag) for entry in entries(trail)] == [
        (1, "clock:started"), (2, "clock:warned"), (3, "clock:breached"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Lò Thị Mận", "0912 345 678", "tên", "", "a" * 81])
def test_a_value_cannot_pass_for_a_field_name(trail: Any, name: str) -> None:
    with trail.work() as work:
        with pytest.raises(ValueError, match="look like values") as refused:
            record(work, Tag.CASE_READ, fields=[name])
        assert not name or name not in str(refused.value)


def test_eight_writers_at_once_leave_one_chain_without_gaps(trail: Any) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with trail.work() as work:
                for _ in range(5):
                    record(work, Tag.CASE_READ, case_id=UUID(int=number + 1), reason="x" if turn % 5 == 0 else None)
            if turn == 5:
                with trail.work() as work:
                    seal_checkpoint(work, force=True)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with trail.work() as work:
        anchor(work, trail.anchor)
    assert [entry.seq for entry in entries(trail)] == list(range(1, 401))
    assert verified(trail)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["update {table} set at = at", "delete from {table}", "truncate {table}"])
@pytest.mark.parametrize("who", ["engine", "owner"])
def test_nobody_changes_or_deletes_what_was_written(trail: Any, table: str, statement: str, who: str) -> None:
    """The application has no right to; the owner, who has, meets a trigger."""
    trail.write(2, checkpoint=True)
    with (
        getattr(trail, who).connect() as connection,
        pytest.raises(ProgrammingError, match="permission denied" if who == "engine" else "append-only") as refused,
    ):
        connection.execute(text(statement.format(table=table)))
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_a_checkpoint_is_sealed_only_when_enough_was_written(trail: Any) -> None:
    def sealed(**options: Any) -> int | None:
        with trail.work() as work:
            checkpoint = seal_checkpoint(work, **options)
            return checkpoint.size if checkpoint else None

    assert sealed(force=True) is None
    trail.write(3)
    assert sealed() is None
    assert sealed(every_rows=4) is None
    assert sealed(every_rows=3) == 3
    assert sealed(force=True) is None
    trail.write(1)
    assert sealed(force=True) == 4
    with trail.work() as work:
        last = last_checkpoint(work)
        assert last is not None
        assert (last.id, last.size, last.fingerprint) == (2, 4, trail.keys.fingerprint)


def test_a_checkpoint_covers_what_is_committed_not_what_its_own_work_will_write(trail: Any) -> None:
    trail.write(2)
    with trail.work() as work:
        record(work, Tag.CHECKPOINT_SEALED)
        checkpoint = seal_checkpoint(work, force=True)
        assert checkpoint is not None
        assert checkpoint.size == 2
    with trail.work() as work:
        anchor(work, trail.anchor)
    assert verified(trail)


def test_the_anchor_file_is_private_and_gets_each_checkpoint_once(trail: Any) -> None:
    trail.write(2, checkpoint=True)
    trail.write(2, checkpoint=True)
    with trail.work() as work:
        assert anchor(work, trail.anchor) == 0
    assert [json.loads(line)["size"] for line in trail.anchor.read_text().splitlines()] == [2, 4]
    assert stat.S_IMODE(trail.anchor.stat().st_mode) == 0o600


def test_a_line_that_a_crash_cut_short_is_written_again(trail: Any) -> None:
    trail.write(2, checkpoint=True)
    trail.write(2, checkpoint=True)
    whole = trail.anchor.read_bytes()
    trail.anchor.write_bytes(whole[:-20])
    assert verified(trail)
    with trail.work() as work:
        assert anchor(work, trail.anchor) == 1
    assert trail.anchor.read_bytes() == whole
    assert verified(trail)


def test_an_empty_trail_verifies(trail: Any) -> None:
    assert verified(trail)


def test_the_entries_of_a_case_come_newest_first(trail: Any) -> None:
    case_id = uuid4()
    with trail.work() as work:
        record(work, Tag.CASE_READ, case_id=case_id)
        record(work, Tag.CASE_READ, case_id=uuid4())
        record(work, Tag.DOCUMENT_READ, case_id=case_id)
    with trail.work() as work:
        assert [entry.seq for entry in entries_of_case(work, case_id)] == [3, 1]
        assert [entry.seq for entry in entries_of_case(work, case_id, tags=[Tag.CASE_READ])] == [1]
        assert [entry.seq for entry in entries_of_case(work, case_id, limit=1)] == [3]


def test_the_trail_is_read_by_page_and_filter(trail: Any) -> None:
    actor = Actor(id=uuid4(), role="worker")
    for minute in range(3):
        with trail.work() as work:
            now = work.now
        with trail.work(now=now + timedelta(minutes=minute), actor=actor if minute else SYSTEM) as work:
            record(work, Tag.CASE_READ, result="refused" if minute == 2 else "done")

    def found(page: int = 1, per_page: int = 50, **filters: Any) -> list[int]:
        with trail.work() as work:
            return [entry.seq for entry in recent(work, Filters(**filters), page, per_page)]

    assert found() == [3, 2, 1]
    assert (found(1, 2), found(2, 2), found(3, 2)) == ([3, 2], [1], [])
    assert found(actor_id=actor.id) == [3, 2]
    assert found(result="refused") == [3]
    assert found(tags=(Tag.CASE_READ,), since=now + timedelta(minutes=1), until=now + timedelta(minutes=2)) == [2]


def test_each_tag_is_written_once_and_reads_as_a_name() -> None:
    values = [tag.value for tag in Tag]
    assert len(set(values)) == len(values)
    assert all(value.count(":") == 1 and value.islower() for value in values)
