from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import StatementError
from sqlmodel import Session

from casework.errors import KeyMissing, Stale, Tampered
from casework.vault import cabinet as cabinet_module
from casework.vault.cabinet import Cabinet
from casework.vault.columns import Sealed, SealedBytes
from casework.vault.keys import Keys, create_key_file

STORY = {"tên": "Lò Thị Mận", "kể lại": ["em sợ", 12, True, None]}
NewCabinet = Callable[[Session], Cabinet]


def test_what_was_sealed_opens_in_another_piece_of_work(
    session: Session, cabinet: Cabinet, new_cabinet: NewCabinet, note: Any
) -> None:
    row = note(scope_id=uuid4())
    session.add(row)
    cabinet.seal(row, story=STORY, place="Bản Sen")
    session.commit()
    session.expunge_all()
    found: Any = session.get(note, row.id)
    fresh = new_cabinet(session)
    assert fresh.open(found, "story") == STORY
    assert fresh.open(found, "place") == "Bản Sen"
    assert found.rev == 1


def test_the_stored_row_does_not_contain_what_was_sealed(session: Session, cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    session.add(row)
    cabinet.seal(row, story=STORY)
    session.commit()
    raw = session.connection().execute(text("select row_to_json(n)::text, n.story from vault_note n")).all()
    assert all("Mận".encode() not in story and "Mận" not in line for line, story in raw)


def test_sealing_the_same_value_twice_gives_different_bytes(cabinet: Cabinet, note: Any) -> None:
    one, two = note(scope_id=(scope := uuid4())), note(scope_id=scope)
    cabinet.seal(one, story="x")
    cabinet.seal(two, story="x")
    assert one.story != two.story


def test_sealing_one_column_seals_its_neighbours_anew_under_the_new_revision(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a", place="b")
    before = row.story
    cabinet.seal(row, place="c")
    assert (row.rev, cabinet.open(row, "story"), cabinet.open(row, "place")) == (2, "a", "c")
    assert row.story != before
    cabinet.seal(row, story=None)
    assert (row.story, cabinet.open(row, "story"), cabinet.open(row, "place")) == (None, None, "c")


def test_any_single_changed_bit_is_refused(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="Nà Lũng")
    whole = row.story
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        row.story = SealedBytes(changed)
        with pytest.raises(Tampered):
            cabinet.open(row, "story")
    for cut in (whole[:-1], whole + b"\0", b"", b"v1", whole[:38]):
        row.story = SealedBytes(cut)
        with pytest.raises(Tampered):
            cabinet.open(row, "story")


def _move_to_another_row(cabinet: Cabinet, note: Any, _letter: Any) -> tuple[Any, str]:
    one, two = note(scope_id=(scope := uuid4())), note(scope_id=scope)
    cabinet.seal(one, story="a")
    cabinet.seal(two, story="b")
    two.story = one.story
    return two, "story"


def _move_to_another_column(cabinet: Cabinet, note: Any, _letter: Any) -> tuple[Any, str]:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a", place="b")
    row.place = row.story
    return row, "place"


def _move_to_another_table(cabinet: Cabinet, note: Any, letter: Any) -> tuple[Any, str]:
    one = note(scope_id=uuid4())
    two = letter(id=one.id, scope_id=one.scope_id)
    cabinet.seal(one, story="a")
    cabinet.seal(two, story="b")
    two.story = one.story
    return two, "story"


def _put_the_older_value_back(cabinet: Cabinet, note: Any, _letter: Any) -> tuple[Any, str]:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="older")
    older = row.story
    cabinet.seal(row, story="newer")
    row.story = older
    return row, "story"


LABELS = {"table": 0, "column": 1, "row": 2, "revision": 4}
MOVES = {
    "table": _move_to_another_table,
    "column": _move_to_another_column,
    "row": _move_to_another_row,
    "revision": _put_the_older_value_back,
}


@pytest.mark.parametrize("bound_to", MOVES)
def test_an_envelope_opens_only_where_it_stands(cabinet: Cabinet, note: Any, letter: Any, bound_to: str) -> None:
    row, column = MOVES[bound_to](cabinet, note, letter)
    with pytest.raises(Tampered) as refused:
        cabinet.open(row, column)
    assert str(row.id) in str(refused.value)
    assert column in str(refused.value)


@pytest.mark.parametrize("bound_to", MOVES)
def test_planted_a_label_left_out_lets_the_move_pass(
    cabinet: Cabinet, note: Any, letter: Any, bound_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect that the test above must catch: without this label the moved envelope opens."""
    whole = cabinet_module._labels

    def without(*arguments: Any) -> tuple[bytes, ...]:
        return tuple(label for at, label in enumerate(whole(*arguments)) if at != LABELS[bound_to])

    monkeypatch.setattr(cabinet_module, "_labels", without)
    row, column = MOVES[bound_to](cabinet, note, letter)
    assert cabinet.open(row, column) is not None


def test_an_envelope_of_another_case_is_refused(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a")
    moved = note(id=row.id, scope_id=uuid4(), rev=row.rev, story=row.story)
    cabinet.seal(note(scope_id=moved.scope_id), story="b")
    with pytest.raises(Tampered):
        cabinet.open(moved, "story")


def test_a_wrapped_key_moved_to_another_case_is_refused(
    session: Session, cabinet: Cabinet, vault_keys: Keys, note: Any
) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a")
    session.commit()
    other = uuid4()
    session.connection().execute(
        text("insert into keystore.scope_key select :other, kek_id, wrapped, created_at from keystore.scope_key"
             " where scope_id = :scope"),
        {"other": other, "scope": row.scope_id},
    )  # fmt: skip
    with pytest.raises(Tampered, match=str(other)):
        cabinet.load([other])


def test_rows_of_another_key_file_say_that_the_key_is_missing(
    session: Session, cabinet: Cabinet, note: Any, tmp_path: Any
) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a")
    stranger = Cabinet(session, create_key_file(tmp_path / "other" / "office.key"), datetime.now(UTC))
    with pytest.raises(KeyMissing):
        stranger.open(row, "story")


def test_a_case_whose_key_was_erased_says_that_the_key_is_missing(cabinet: Cabinet, note: Any) -> None:
    with pytest.raises(KeyMissing):
        cabinet.open(note(scope_id=uuid4(), rev=1, story=SealedBytes(b"v1" + bytes(40))), "story")


def test_two_workers_who_seal_into_a_new_case_at_once_use_one_key(
    vault_engine: Engine, new_cabinet: NewCabinet, note: Any
) -> None:
    scope, start = uuid4(), threading.Barrier(4)
    rows: list[UUID] = []

    def seal_one() -> None:
        with Session(vault_engine) as session:
            row = note(scope_id=scope)
            session.add(row)
            start.wait()
            new_cabinet(session).seal(row, story="x")
            session.commit()
            rows.append(row.id)

    threads = [threading.Thread(target=seal_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(vault_engine) as session:
        found: list[Any] = [session.get(note, row_id) for row_id in rows]
        assert new_cabinet(session).open_all(found, "story") == ["x"] * 4


def test_sealing_a_row_that_somebody_else_sealed_meanwhile_is_stale(
    vault_engine: Engine, new_cabinet: NewCabinet, note: Any
) -> None:
    """Otherwise the row would hold cells of two revisions, and the child's story would not open any more."""
    with Session(vault_engine, expire_on_commit=False) as first, Session(vault_engine) as second:
        row = note(scope_id=uuid4())
        first.add(row)
        new_cabinet(first).seal(row, story="a")
        first.commit()
        same: Any = second.get(note, row.id)
        new_cabinet(first).seal(row, place="b")
        first.commit()
        with pytest.raises(Stale):
            new_cabinet(second).seal(same, story="c")


def test_a_row_may_be_sealed_many_times_in_one_piece_of_work(session: Session, cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    session.add(row)
    for turn in range(3):
        cabinet.seal(row, story=turn)
        session.flush()
        cabinet.seal(row, story=turn)
    session.commit()
    assert cabinet.open(row, "story") == 2


def test_opening_many_rows_asks_for_their_keys_once(
    session: Session, cabinet: Cabinet, new_cabinet: NewCabinet, note: Any, count_queries: Callable[[], int]
) -> None:
    rows = [note(scope_id=uuid4()) for _ in range(20)]
    for at, row in enumerate(rows):
        cabinet.seal(row, story=at)
    before = count_queries()
    assert new_cabinet(session).open_all(rows, "story") == list(range(20))
    assert count_queries() - before == 1


@pytest.mark.parametrize("value", [b"plain", "plain", bytearray(b"plain"), SealedBytes(b"plain"), SealedBytes(b"v1")])
def test_plain_text_cannot_be_written_into_a_sealed_column(session: Session, note: Any, value: Any) -> None:
    session.add(note(scope_id=uuid4(), story=value))
    with pytest.raises(StatementError, match="only what the cabinet sealed"):
        session.flush()


def test_a_sealed_column_cannot_be_compared_or_sorted(note: Any) -> None:
    column = note.__table__.c.story
    for attempt in (
        lambda: note.story == b"x",
        lambda: note.story == b"x",
        lambda: column != b"x",
        lambda: note.story.in_([b"x"]),
        lambda: column.like("x"),
        lambda: select(note).order_by(note.story.desc()),
        lambda: column < b"x",
    ):
        with pytest.raises(TypeError, match="search digest"):
            attempt()
    assert "IS NULL" in str(note.story.is_(None))


def test_a_sealed_column_can_be_selected_again_and_again(session: Session, note: Any) -> None:
    """A second run takes the compiled query from SQLAlchemy's cache, which compares columns."""
    for _ in range(3):
        session.connection().execute(select(note.id, note.story).where(note.story.is_not(None))).mappings().all()


def test_only_sealed_columns_are_sealed(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    with pytest.raises(TypeError, match="rev"):
        cabinet.seal(row, rev=3)
    assert row.rev == 0


def test_a_value_that_cannot_be_sealed_leaves_the_row_as_it_was(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="a")
    before = row.story
    with pytest.raises(TypeError):
        cabinet.seal(row, story="b", place=object())
    assert (row.rev, row.story, row.place) == (1, before, None)


def test_nothing_secret_shows_in_a_repr(cabinet: Cabinet, note: Any) -> None:
    row = note(scope_id=uuid4())
    cabinet.seal(row, story="Mận")
    assert "Mận" not in repr(row)
    assert repr(row.story) == f"SealedBytes({len(row.story)} bytes)"
    assert repr(Sealed()) == "Sealed()"
    key = cabinet._unwrapped[row.scope_id]
    assert repr(key) not in repr(cabinet)
    assert key.hex() not in repr(cabinet)
