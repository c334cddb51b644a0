"""A database with the key store and two tables of sealed rows that exist only for these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel

from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer, make_engine
from casework.vault.cabinet import Cabinet
from casework.vault.columns import Sealed, sealed_column
from casework.vault.keys import Keys, create_key_file
from casework.vault.models import KEYSTORE

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class RowBase(SQLModel, registry=registry()):
    """A registry of its own: these tables must not appear among the office's."""


class Note(RowBase, table=True):
    __tablename__ = "vault_note"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    scope_id: UUID
    rev: int = 0
    story: bytes | None = Field(default=None, sa_column=sealed_column())
    place: bytes | None = Field(default=None, sa_type=Sealed)


class Letter(RowBase, table=True):
    __tablename__ = "vault_letter"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    scope_id: UUID
    rev: int = 0
    story: bytes = Field(sa_column=sealed_column(nullable=False))


@pytest.fixture
def note() -> type[Note]:
    return Note


@pytest.fixture
def letter() -> type[Letter]:
    return Letter


@pytest.fixture(scope="session")
def vault_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return create_key_file(tmp_path_factory.mktemp("vault") / "keys" / "office.key")


@pytest.fixture(scope="session")
def vault_engine(server: EmbeddedServer) -> Iterator[Engine]:
    """Connects as the application does."""
    server.create_database("vault_rows")
    owner = make_engine(server.url(OWNER_ROLE, "vault_rows"))
    with owner.begin() as connection:
        connection.exec_driver_sql(f"create schema {KEYSTORE}")
        SQLModel.metadata.create_all(connection, tables=[SQLModel.metadata.tables[f"{KEYSTORE}.scope_key"]])
        RowBase.metadata.create_all(connection)
        connection.exec_driver_sql(f"grant usage on schema {KEYSTORE} to {APP_ROLE}")
        connection.exec_driver_sql(f"grant select, insert on all tables in schema {KEYSTORE} to {APP_ROLE}")
        connection.exec_driver_sql(f"grant select, insert, update on all tables in schema public to {APP_ROLE}")
    owner.dispose()
    engine = make_engine(server.url(APP_ROLE, "vault_rows"))
    yield engine
    engine.dispose()


@pytest.fixture
def session(vault_engine: Engine) -> Iterator[Session]:
    with Session(vault_engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def cabinet(session: Session, vault_keys: Keys) -> Cabinet:
    return Cabinet(session, vault_keys, NOW)


@pytest.fixture
def new_cabinet(vault_keys: Keys) -> Callable[[Session], Cabinet]:
    """A cabinet that has unwrapped nothing yet."""
    return lambda session: Cabinet(session, vault_keys, NOW)


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "office.key"


@pytest.fixture
def count_queries(vault_engine: Engine) -> Iterator[Callable[[], int]]:
    """How many statements have been sent since the test began."""
    seen: list[None] = []

    def count(*_: object) -> None:
        seen.append(None)

    event.listen(vault_engine, "before_cursor_execute", count)
    yield lambda: len(seen)
    event.remove(vault_engine, "before_cursor_execute", count)
