"""The migrations build exactly the tables in code, can be taken back, and leave the application its few rights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import SQLModel

import casework.tables  # noqa: F401 - fills SQLModel.metadata
from casework.audit.models import APPEND_ONLY
from casework.db import APP_ROLE, make_engine
from casework.errors import UnsafeStart
from casework.migrate import (
    TAKEN_AWAY,
    check_current,
    current_revision,
    downgrade,
    head_revision,
    upgrade,
    write_revision,
)
from tests.conftest import Database

OBJECTS = text(
    "select 'table ' || schemaname || '.' || tablename from pg_tables"
    " where schemaname not in ('pg_catalog', 'information_schema')"
    " union all select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace"
    " union all select 'type ' || typname from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'"
    " union all select 'schema ' || nspname from pg_namespace where nspname = 'keystore'"
)


@pytest.fixture
def owner(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.owner_url)
    yield engine
    engine.dispose()


def differences(connection: Connection) -> list[Any]:
    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "schema" or name in (None, "keystore")

    options = {"include_schemas": True, "include_name": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))


def test_the_migrated_schema_is_the_one_in_code(owner: Engine) -> None:
    with owner.connect() as connection:
        assert differences(connection) == []


def test_a_column_missing_from_the_migrations_is_noticed(owner: Engine) -> None:
    with owner.connect() as connection:
        connection.execute(text("alter table audit_entry drop column reason"))
        assert [one[0] for one in differences(connection)] == ["add_column"]


def test_migrations_go_up_down_and_up_again(empty_database: Database) -> None:
    engine = make_engine(empty_database.owner_url)
    with engine.connect() as connection:
        before = set(connection.scalars(OBJECTS))
    upgrade(empty_database.owner_url, APP_ROLE)
    assert current_revision(engine) == head_revision()
    downgrade(empty_database.owner_url, "base")
    with engine.connect() as connection:
        assert set(connection.scalars(OBJECTS)) - before == {"table public.alembic_version"}
    upgrade(empty_database.owner_url, APP_ROLE)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


def test_a_new_database_holds_no_account_and_no_key(empty_database: Database) -> None:
    upgrade(empty_database.owner_url, APP_ROLE)
    engine = make_engine(empty_database.owner_url)
    with engine.connect() as connection:
        for table in ("staff", "api_key", "signed_in_session"):
            assert connection.scalar(text(f"select count(*) from {table}")) == 0, table
    engine.dispose()


def test_migrating_twice_changes_nothing(database: Database, owner: Engine) -> None:
    upgrade(database.owner_url, APP_ROLE)
    with owner.connect() as connection:
        assert differences(connection) == []


def test_the_office_refuses_a_database_at_another_revision(empty_database: Database) -> None:
    engine = make_engine(empty_database.owner_url)
    with pytest.raises(UnsafeStart, match="run `casework migrate`"):
        check_current(engine)
    upgrade(empty_database.owner_url, APP_ROLE)
    check_current(engine)
    engine.dispose()


def test_migrations_do_not_run_as_the_application(database: Database) -> None:
    with pytest.raises(UnsafeStart, match="owner"):
        upgrade(database.url, APP_ROLE)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"update {table} set at = at" for table in APPEND_ONLY),
        *(f"delete from {table}" for table in APPEND_ONLY),
        *(f"truncate {table}" for table in APPEND_ONLY),
        f"alter table {APPEND_ONLY[0]} disable trigger all",
        "update alembic_version set version_num = 'x'",
        *(f"delete from {table}" for table in ("case_file", "report", "document", "referral", "case_clock", "notice")),
        "delete from keystore.scope_key",
        "truncate keystore.scope_key",
        "create table public.mine (id int)",
        "create table keystore.mine (id int)",
        "create schema mine",
    ],
)
def test_the_application_s_role_may_not(engine: Engine, statement: str) -> None:
    with engine.connect() as connection, pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        connection.execute(text(statement))


def test_the_application_s_role_may_read_and_add_to_every_table(engine: Engine) -> None:
    for table in SQLModel.metadata.sorted_tables:
        with engine.connect() as connection:
            rights = connection.execute(
                text("select has_table_privilege(:name, 'select') and has_table_privilege(:name, 'insert')"),
                {"name": table.fullname},
            )
            assert rights.scalar_one(), table.fullname


def test_the_application_s_role_takes_away_no_row_but_of_the_tables_named_for_it(engine: Engine) -> None:
    with engine.connect() as connection:
        may = {
            table.name
            for table in SQLModel.metadata.sorted_tables
            if connection.scalar(text("select has_table_privilege(:name, 'delete')"), {"name": table.fullname})
        }
    assert may == set(TAKEN_AWAY)


def test_a_written_revision_names_our_own_column_types(database: Database, owner: Engine, tmp_path: Path) -> None:
    with owner.begin() as connection:
        connection.execute(text("alter table audit_entry drop column reason"))
    path = write_revision(database.owner_url, "Bring the reason back", tmp_path)
    source = path.read_text("utf-8")
    assert "import casework.vault.columns" in source
    assert "casework.vault.columns.Sealed()" in source
    spec = importlib.util.spec_from_file_location("written", path)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
