"""The embedded PostgreSQL: durable, private, and safe to start from several processes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer, check_application_role, make_engine
from casework.errors import UnsafeStart


@pytest.fixture(scope="module")
def fresh() -> Iterator[EmbeddedServer]:
    """A server of its own, as the demo starts it (the session's has fsync off)."""
    folder = Path(tempfile.mkdtemp(prefix="casework-tests-"))
    server = EmbeddedServer(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


def test_what_was_acknowledged_is_on_the_disk(fresh: EmbeddedServer) -> None:
    with psycopg.connect(fresh.url(OWNER_ROLE)) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert connection.execute(f"show {name}").fetchone() == ("on",), name


def test_the_server_listens_nowhere_but_on_a_private_socket(fresh: EmbeddedServer) -> None:
    with psycopg.connect(fresh.url(OWNER_ROLE)) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
    for folder in (fresh.cluster, fresh.socket_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_several_starters_get_one_server(server_folder: Path) -> None:
    servers = [EmbeddedServer(server_folder / "office") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(EmbeddedServer.start, servers))
    assert [one.started_here for one in servers].count(True) == 1
    servers[0].stop()
    assert not servers[0].running()


def test_the_last_one_out_stops_the_server_and_nobody_before(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder / "office")
    server.start()
    with psycopg.connect(server.url()):
        server.stop_if_last()
        assert server.running()
    server.stop_if_last()
    assert not server.running()


def test_a_deep_data_folder_gets_a_short_socket(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder / ("deep" * 30))
    server.start()
    assert server.running()
    server.stop()
    server.socket_dir.rmdir()


def test_a_foreign_folder_in_the_socket_s_place_is_refused(server_folder: Path) -> None:
    server = EmbeddedServer(server_folder / ("planted" * 20))
    (server_folder / "theirs").mkdir()
    server.socket_dir.symlink_to(server_folder / "theirs")
    try:
        with pytest.raises(UnsafeStart, match="belongs to somebody else"):
            server.start()
    finally:
        server.socket_dir.unlink()


def test_the_application_does_not_start_as_a_superuser(fresh: EmbeddedServer) -> None:
    plain, mighty = make_engine(fresh.url(APP_ROLE)), make_engine(fresh.url(OWNER_ROLE))
    check_application_role(plain)
    with pytest.raises(UnsafeStart, match="plain role"):
        check_application_role(mighty)
    plain.dispose()
    mighty.dispose()


def test_another_database_than_postgresql_is_refused() -> None:
    with pytest.raises(UnsafeStart, match="PostgreSQL"):
        make_engine("sqlite://")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the system account")
def test_root_s_server_runs_as_an_account_of_its_own(fresh: EmbeddedServer) -> None:
    assert fresh.cluster.stat().st_uid != 0
