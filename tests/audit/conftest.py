"""A database with the trail and the key store alone, written as the application and tampered with as the owner."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel

from casework.audit.models import APPEND_ONLY, APPEND_ONLY_DDL
from casework.audit.service import anchor, record, seal_checkpoint
from casework.audit.tags import Tag
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer, make_engine
from casework.law.book import LawBook
from casework.vault.keys import Keys, create_key_file
from casework.vault.models import KEYSTORE
from casework.work import Actor, CalendarSource, Work, begin

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CASES = [UUID(int=1000 + number) for number in range(5)]
# There are no cases here whose rows could be kept from anybody: each work still says who it is for.
NO_SIGHT = """create function enter_sight(text, uuid, uuid, uuid, timestamptz, boolean, boolean, uuid[]) returns boolean
    language sql as 'select false'"""


@dataclass
class Trail:
    """`engine` connects as the application, `owner` as the role that owns the tables."""

    engine: Engine
    owner: Engine
    keys: Keys
    anchor: Path

    def work(self, now: datetime = NOW, actor: Actor | None = None) -> AbstractContextManager[Work]:
        # The trail asks neither the law nor the calendar.
        book, calendar = cast(LawBook, None), cast(CalendarSource, None)
        actor = actor or Actor(id=uuid4(), role="worker", unit_id=uuid4(), request_id="r1")
        return begin(self.engine, actor, now, book, calendar, self.keys)

    def write(self, entries: int, checkpoint: bool = False) -> None:
        """`entries` in one work; with `checkpoint`, sealed and anchored after it."""
        with self.work() as work:
            for number in range(entries):
                case_id = CASES[number % len(CASES)]
                reason = "vì trẻ đang ở nhà bà ngoại" if number % 4 == 0 else None
                record(work, Tag.CASE_READ, case_id=case_id, object_type="case", object_id=case_id,
                       fields=("child.name", "narrative"), reason=reason)  # fmt: skip
        if checkpoint:
            self.seal()

    def seal(self) -> None:
        with self.work(now=NOW + timedelta(minutes=5)) as work:
            seal_checkpoint(work, force=True)
        with self.work() as work:
            anchor(work, self.anchor)


@pytest.fixture(scope="session")
def trail_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return create_key_file(tmp_path_factory.mktemp("audit") / "keys" / "office.key")


@pytest.fixture(scope="session")
def trail_template(server: EmbeddedServer) -> str:
    server.create_database("template_trail")
    owner = make_engine(server.url(OWNER_ROLE, "template_trail"))
    tables = [SQLModel.metadata.tables[name] for name in (*APPEND_ONLY, f"{KEYSTORE}.scope_key")]
    with owner.begin() as connection:
        connection.exec_driver_sql(NO_SIGHT)
        connection.exec_driver_sql(f"create schema {KEYSTORE}")
        SQLModel.metadata.create_all(connection, tables=tables)
        for statement in APPEND_ONLY_DDL:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"grant usage on schema {KEYSTORE} to {APP_ROLE}")
        for schema in ("public", KEYSTORE):
            connection.exec_driver_sql(f"grant select, insert on all tables in schema {schema} to {APP_ROLE}")
    owner.dispose()
    return "template_trail"


def open_trail(server: EmbeddedServer, template: str, keys: Keys, folder: Path) -> Iterator[Trail]:
    name = f"trail_{uuid.uuid4().hex[:12]}"
    server.create_database(name, template)
    engine, owner = make_engine(server.url(APP_ROLE, name)), make_engine(server.url(OWNER_ROLE, name))
    yield Trail(engine, owner, keys, folder / "anchor" / "checkpoints.jsonl")
    engine.dispose()
    owner.dispose()
    server.drop_database(name)


@pytest.fixture
def trail(server: EmbeddedServer, trail_template: str, trail_keys: Keys, tmp_path: Path) -> Iterator[Trail]:
    """Empty."""
    yield from open_trail(server, trail_template, trail_keys, tmp_path)


@pytest.fixture(scope="session")
def long_trail(
    server: EmbeddedServer, trail_template: str, trail_keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trail]:
    """70 entries with checkpoints at 15, 30, 45 and 60, all anchored. Tests change it only in what they roll back."""
    for trail in open_trail(server, trail_template, trail_keys, tmp_path_factory.mktemp("long")):
        for _ in range(4):
            trail.write(15, checkpoint=True)
        trail.write(10)
        yield trail
