"""Real parts for every room: the session's own PostgreSQL, a migrated database a test, keys, the law, the office."""

from __future__ import annotations

import gc
import io
import logging
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import structlog
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlmodel import select
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from casework.clock import FrozenClock
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer, make_engine
from casework.law.book import LawBook
from casework.law.calendar import calendar_of
from casework.law.loader import load_law
from casework.law.model import Law
from casework.migrate import upgrade
from casework.people.models import Staff
from casework.people.service import actor_of
from casework.settings import Settings
from casework.vault.keys import Keys, create_key_file
from casework.web.logs import configure_logs
from casework.work import SYSTEM, Actor, begin

if TYPE_CHECKING:
    from casework.bootstrap import Office
    from casework.demo.world import World

TEMPLATE = "template_migrated"
WORLD_TEMPLATE = "template_world"
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of a name nobody can guess is made in it
MEMORY_LEAST = 4 * 1024**3  # bytes; a container has often 64 MiB
PASSWORD = "mat khau dien tap"  # of every account of the invented province


class Compiled(BytecodeCache):
    """Templates, compiled once for all applications of this process: a test that makes one of its own would else spend a
    third of its time on theirs."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}

ONE_LOT = ("tests/browser/", "tests/demo/")  # whose files share a demo, which takes a quarter of a minute to raise
LOTS_OF_THEIR_OWN = ("test_every_form.py", "test_notices.py", "test_passkeys.py", "test_stories.py")


def pytest_collection_finish() -> None:
    """As `serve` does: what was imported and collected lives to the end, and is not walked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Lots(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Spread over several processes, a file's tests stay together, and so do the files that share a demo."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        shared = next((folder for folder in ONE_LOT if file.startswith(folder)), None)
        return file if shared is None or file.endswith(LOTS_OF_THEIR_OWN) else shared


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lots | None:
    return Lots(config, log) if config.getvalue("dist") == "loadfile" else None


@dataclass(frozen=True)
class Database:
    """A fresh, migrated, empty database. `url` is the application's role, `owner_url` the owner's."""

    name: str
    url: str
    owner_url: str


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A place for a server of the test's own. Not `tmp_path`: pytest closes its parent to other accounts at every start,
    and as root the server runs as another account."""
    folder = Path(tempfile.mkdtemp(prefix="casework-tests-"))
    yield folder
    shutil.rmtree(folder)


def _is_roomy(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_LEAST


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """The session's PostgreSQL, stopped and removed at the end. In memory where there is plenty: a test's database is
    three hundred files."""
    folder = Path(tempfile.mkdtemp(prefix="casework-tests-", dir=MEMORY if _is_roomy(MEMORY) else None))
    server = EmbeddedServer(folder)
    server.start()
    # Tests kill our processes, never the machine, and only a machine's fall loses what was not flushed. Making a
    # database takes 20 ms without fsync and 150 with it. The server that a demo or an office starts keeps it on.
    with psycopg.connect(server.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    try:
        yield server
    finally:
        server.stop(how="immediate")  # nothing of it is wanted any more
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    """Name of the database that was migrated once and is copied for each test."""
    server.create_database(TEMPLATE)
    upgrade(server.url(OWNER_ROLE, TEMPLATE), APP_ROLE)
    return TEMPLATE


@pytest.fixture
def database(server: EmbeddedServer, template: str) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.create_database(name, template)
    yield Database(name, server.url(APP_ROLE, name), server.url(OWNER_ROLE, name))
    server.drop_database(name)


@pytest.fixture
def empty_database(server: EmbeddedServer) -> Iterator[Database]:
    """A database that was never migrated."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    yield Database(name, server.url(APP_ROLE, name), server.url(OWNER_ROLE, name))
    server.drop_database(name)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Connects as the application does."""
    engine = make_engine(database.url)
    yield engine
    engine.dispose()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Where `keys` were written."""
    return tmp_path / "keys" / "office.key"


@pytest.fixture
def keys(key_file: Path) -> Keys:
    return create_key_file(key_file)


@pytest.fixture(scope="session")
def law() -> Law:
    return load_law()


@pytest.fixture
def clock() -> FrozenClock:
    """Monday 23 November 2026, 08:00 in Việt Nam."""
    return FrozenClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path, key_file: Path, keys: Keys, database: Database) -> Settings:
    return Settings(
        data_dir=tmp_path,
        key_file=key_file,
        database_url=database.url,
        owner_database_url=database.owner_url,
    )


@pytest.fixture
def office(settings: Settings, clock: FrozenClock) -> Iterator[Office]:
    # Imported here: the tests of a low room do not need the whole house to stand.
    from casework.bootstrap import open_office

    office = open_office(settings, clock=clock)
    yield office
    office.engine.dispose()


@dataclass(frozen=True)
class Town:
    """An office with the invented province in it. Every account's password is `password`; `act_as(username)` is its actor."""

    office: Office
    world: World
    clock: FrozenClock
    database: Database
    password: str

    def act_as(self, username: str) -> Actor:
        with self.office.begin(SYSTEM) as work:
            staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
            return actor_of(work, staff)


@pytest.fixture(scope="session")
def peopled(
    server: EmbeddedServer, template: str, law: Law, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, World]:
    """A database with the invented province, made once and copied for each test, and the key file it is sealed under."""
    from casework.demo.world import build_world

    key_file = tmp_path_factory.mktemp("world") / "keys" / "office.key"
    keys = create_key_file(key_file)
    server.create_database(WORLD_TEMPLATE, template)
    engine = make_engine(server.url(APP_ROLE, WORLD_TEMPLATE))
    at = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    with begin(engine, SYSTEM, at, LawBook([law]), lambda _: calendar_of(law), keys) as work:
        world = build_world(work, password=PASSWORD)
    engine.dispose()
    return key_file, world


@pytest.fixture
def town(server: EmbeddedServer, peopled: tuple[Path, World], clock: FrozenClock, tmp_path: Path) -> Iterator[Town]:
    """A fresh copy of the invented province; the clock stands at Monday 23 November 2026, 08:00 in Việt Nam."""
    with new_town(server, peopled, clock, tmp_path) as town:
        yield town


@contextmanager
def new_town(server: EmbeddedServer, peopled: tuple[Path, World], clock: FrozenClock, folder: Path) -> Iterator[Town]:
    """A copy of the invented province that lasts as long as the block."""
    from casework.bootstrap import open_office

    key_file, world = peopled
    name = f"town_{uuid.uuid4().hex[:12]}"
    server.create_database(name, WORLD_TEMPLATE)
    database = Database(name, server.url(APP_ROLE, name), server.url(OWNER_ROLE, name))
    settings = Settings(data_dir=folder, key_file=key_file, database_url=database.url)
    office = open_office(settings, clock=clock)
    yield Town(office, world, clock, database, PASSWORD)
    office.engine.dispose()
    server.drop_database(name)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The session's one browser. Playwright's driver may be started once a process, so every file shares it."""
    from tests.browser.stage import CHROMIUM, NO_BROWSER
    from tests.browser.stage import chromium as launched

    if not CHROMIUM.exists():
        pytest.skip(NO_BROWSER)
    with launched() as browser:
        yield browser


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the office logs while the test runs, as its log would have it."""
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    quiet = {name: logging.getLogger(name).disabled for name in ("werkzeug", "gunicorn.access")}
    level = root.level
    out = io.StringIO()
    configure_logs(out)
    yield out
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)
    for name, disabled in quiet.items():
        logging.getLogger(name).disabled = disabled
