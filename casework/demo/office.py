"""The demo's own office: a folder with an embedded database, an invented province and a dozen invented cases."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from casework.bootstrap import Office, open_office
from casework.clock import Clock
from casework.db import APP_ROLE, DATABASE, OWNER_ROLE, EmbeddedServer
from casework.deadlines.days import office_calendar
from casework.demo.cases import tell_stories
from casework.demo.contacts import invent_contacts
from casework.demo.world import Account, World, build_world
from casework.errors import UnsafeStart
from casework.jobs.runner import seal_trail
from casework.migrate import upgrade
from casework.settings import Settings
from casework.vault.keys import create_key_file
from casework.work import SYSTEM, begin

MARK = "DEMO"  # a folder so marked holds invented data only: nothing else may ever be reset
ACCOUNTS = "demo.json"
RIBBON = "Dữ liệu diễn tập – tỉnh Sơn Lâm (hư cấu)"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Demo:
    """A prepared demo: its settings, its server, and what it gives out."""

    settings: Settings
    server: EmbeddedServer
    world: World

    def as_json(self, url: str) -> dict[str, Any]:
        """The public contract of `casework demo --json`."""
        return {
            "url": url,
            "database_url": self.server.url(),
            "api_key": self.world.api_key,
            "accounts": [asdict(account) for account in self.world.accounts],
            "communes": [{"code": code, "name": name} for code, name in self.world.communes],
        }


def prepare_demo(data_dir: Path, clock: Clock, *, public_url: str, reset: bool, say: Say) -> Demo:
    """Starts the demo's database and fills it the first time; later times find the same accounts and cases.

    Raises UnsafeStart if the folder holds a real office.
    """
    data_dir = data_dir.expanduser().resolve()
    settings = Settings(
        data_dir=data_dir, key_file=data_dir / "keys" / "office.key", public_url=public_url.rstrip("/"), sms="console"
    )
    _check_folder(data_dir)
    server = EmbeddedServer(data_dir)
    if reset:
        _empty(data_dir, server)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data_dir / MARK).touch()
    say("khởi động cơ sở dữ liệu nhúng / starting the embedded database")
    server.start()
    accounts = data_dir / ACCOUNTS
    if not accounts.exists():
        _fill(settings, server, clock, say)
    upgrade(server.url(OWNER_ROLE), APP_ROLE)
    return Demo(settings, server, _read_accounts(accounts))


def _fill(settings: Settings, server: EmbeddedServer, clock: Clock, say: Say) -> None:
    # A demo that was interrupted half-way is begun anew: it holds nothing anybody entered.
    server.drop_database(DATABASE)
    server.create_database(DATABASE)
    settings.key_file.unlink(missing_ok=True)
    create_key_file(settings.key_file)
    say("tạo bảng / migrating")
    upgrade(server.url(OWNER_ROLE), APP_ROLE)
    office = open_office(settings, clock=clock)
    say("tạo tỉnh và tài khoản diễn tập / inventing a province and its accounts")
    # Not through the office's own door: nobody is told of accounts that are only being invented.
    with begin(office.engine, SYSTEM, clock.now(), office.book, office_calendar, office.keys) as work:
        world = build_world(work)
        invent_contacts(work)
    say("kể các ca diễn tập / inventing a dozen cases")
    tell_stories(office)
    seal_trail(office)
    office.engine.dispose()
    _write_accounts(settings.data_dir / ACCOUNTS, world)


def open_demo(demo: Demo, clock: Clock, sms: Settings | None = None) -> Office:
    """`sms`: the environment's settings, where it asks for another way than the demo's own page of messages."""
    if sms is None or sms.sms == "console":
        return open_office(demo.settings, clock=clock)
    kept = {name: getattr(demo.settings, name) for name in ("data_dir", "key_file", "database_url", "public_url")}
    return open_office(replace(sms, **kept), clock=clock)


def _check_folder(data_dir: Path) -> None:
    if data_dir.exists() and any(data_dir.iterdir()) and not (data_dir / MARK).exists():
        raise UnsafeStart(f"{data_dir} holds something that is not a demo: choose another folder with --data")


def _empty(data_dir: Path, server: EmbeddedServer) -> None:
    if not (data_dir / MARK).exists():
        return
    server.stop()
    for name in ("pg", "run", "keys", "anchor"):
        shutil.rmtree(data_dir / name, ignore_errors=True)
    (data_dir / ACCOUNTS).unlink(missing_ok=True)


def _write_accounts(path: Path, world: World) -> None:
    body = {
        "accounts": [asdict(account) for account in world.accounts],
        "api_key": world.api_key,
        "communes": list(world.communes),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(body, file, ensure_ascii=False, indent=1)


def _read_accounts(path: Path) -> World:
    body = json.loads(path.read_text("utf-8"))
    return World(
        accounts=tuple(Account(**account) for account in body["accounts"]),
        api_key=body["api_key"],
        communes=tuple((code, name) for code, name in body["communes"]),
    )
