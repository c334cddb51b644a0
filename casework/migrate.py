"""The database's shape: bringing it to the revision the program needs, and giving the application its few rights.

Migrations run as the owner of the tables, in one transaction with the grants. The application is never the owner.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from casework.access.rowsecurity import FUNCTIONS
from casework.audit.models import APPEND_ONLY
from casework.db import make_engine
from casework.errors import UnsafeStart

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
SCHEMAS = ("public", "keystore")
VERSION_TABLE = "alembic_version"
# What was printed, and what came back signed, is evidence: a better copy is added, none is changed or taken away.
KEPT = ("stored_file", "file_chunk", "paper_version", "signed_scan", "case_export")
# The rows that the program itself takes away. Nobody deletes a case, a report or what was done with them: that ends by a further
# word in the row, and a table that is not here keeps its rows even from somebody who has the application's place.
TAKEN_AWAY = (
    "draft", "duty", "staff_leave", "contact", "unit_succession", "missed_message", "notice_attempt", "sms_stop",
    "sign_in_attempt", "sign_in_challenge", "code_failures", "totp", "recovery_code", "oidc_flow", "oidc_link",
)  # fmt: skip
_ONE_AT_A_TIME = 7415002


def upgrade(owner_url: str, app_role: str, revision: str = "head") -> None:
    """Migrates up to `revision` and renews the rights of `app_role`; all or nothing.

    Safe to run twice and from two places at once. Raises UnsafeStart if `owner_url` connects as `app_role` itself.
    """
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            _begin_alone(connection)
            if connection.scalar(text("select current_user")) == app_role:
                raise UnsafeStart("migrations run as the owner of the tables, not as the application's role")
            command.upgrade(_config(connection), revision)
            grant_application_rights(connection, app_role)
    finally:
        engine.dispose()


def downgrade(owner_url: str, revision: str) -> None:
    """Migrates down to `revision` ("base" for none). The application's rights go with the tables."""
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            _begin_alone(connection)
            command.downgrade(_config(connection), revision)
    finally:
        engine.dispose()


def write_revision(owner_url: str, message: str, folder: Path | None = None) -> Path:
    """Compares the tables in code with the migrated database and writes the difference as a new revision to review.

    The file goes to migrations/versions, or to `folder`.
    """
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            config = _config(connection)
            if folder is not None:
                config.set_main_option("version_locations", _escaped(MIGRATIONS / "versions", folder))
            place = str(folder) if folder is not None else None
            script = command.revision(config, message, autogenerate=True, version_path=place)
    finally:
        engine.dispose()
    if script is None or isinstance(script, list):
        raise UnsafeStart("no single revision was written")
    return Path(script.path)


@cache
def head_revision() -> str:
    """The revision this program needs, read once. Raises UnsafeStart if there is none."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise UnsafeStart("the program has no migrations")
    return head


def current_revision(engine: Engine) -> str | None:
    """The revision the database is at; None if it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check_current(engine: Engine) -> None:
    """Raises UnsafeStart unless the database is at exactly the revision the program needs."""
    found, needed = current_revision(engine), head_revision()
    if found != needed:
        raise UnsafeStart(
            f"database is at revision {found or 'none'}, the program needs {needed}: run `casework migrate`"
        )


def grant_application_rights(connection: Connection, app_role: str) -> None:
    """Takes every right from PUBLIC and `app_role`, then gives `app_role` what the program uses and no more.

    Append-only tables can be read and added to; which revision the database is at can be read.
    """
    quote = connection.dialect.identifier_preparer.quote
    role = quote(app_role)
    for schema in SCHEMAS:
        connection.execute(text(f"revoke all on schema {schema} from public, {role}"))
        connection.execute(text(f"revoke all on all tables in schema {schema} from public, {role}"))
        connection.execute(text(f"revoke all on all functions in schema {schema} from public, {role}"))
        connection.execute(text(f"grant usage on schema {schema} to {role}"))
        connection.execute(text(f"grant usage on all sequences in schema {schema} to {role}"))
        for table in _tables(connection, schema):
            rights = _rights(table)
            connection.execute(text(f"grant {rights} on {quote(schema)}.{quote(table)} to {role}"))
    for function in FUNCTIONS:
        # A database that is held at an older revision has none yet.
        if connection.scalar(text("select to_regproc(:name)"), {"name": function}):
            connection.execute(text(f"grant execute on function {function} to {role}"))
    # Functions made later are not everybody's either (tables never are).
    connection.execute(text("alter default privileges revoke execute on functions from public"))


def _rights(table: str) -> str:
    if table == VERSION_TABLE:
        return "select"
    if table in APPEND_ONLY or table in KEPT:
        return "select, insert"
    return "select, insert, update, delete" if table in TAKEN_AWAY else "select, insert, update"


def _tables(connection: Connection, schema: str) -> list[str]:
    query = text("select tablename from pg_tables where schemaname = :schema order by tablename")
    return list(connection.scalars(query, {"schema": schema}))


def _begin_alone(connection: Connection) -> None:
    # A migration may take longer than a page may: only the wait for others is bounded.
    connection.execute(text("set local statement_timeout = 0"))
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    # Row security is forced upon the owner too, and a migration of rows must see them.
    connection.execute(text("select set_config('app.whole', 'on', true), set_config('app.excluded', '{}', true)"))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _escaped(*folders: Path) -> str:
    """As Alembic's configuration reads them: one a line, with its own sign doubled."""
    return "\n".join(str(folder).replace("%", "%%") for folder in folders)
