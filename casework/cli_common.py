"""What the commands share: how a moment is written, and a database that runs for as long as a command does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from casework.bootstrap import Office, open_office
from casework.clock import VIETNAM
from casework.db import EmbeddedServer
from casework.settings import Settings, from_environment
from casework.work import SYSTEM, Work

CLOCK_FORMATS = "2026-11-22T22:14+07:00"


class Moment(click.ParamType[datetime]):
    """An ISO 8601 moment; without an offset it is Vietnam's time."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"not a moment: write it like {CLOCK_FORMATS}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def settings_now() -> Settings:
    """The environment's settings. Raises UnsafeStart."""
    return from_environment(os.environ)


@contextmanager
def database(settings: Settings) -> Iterator[None]:
    """The embedded server for as long as this command runs, if it is the embedded one."""
    if not settings.embedded:
        yield
        return
    server = EmbeddedServer(settings.data_dir)
    server.start()
    try:
        yield
    finally:
        if server.started_here:
            server.stop_if_last()


@contextmanager
def the_office() -> Iterator[Office]:
    """The environment's office, for as long as a command runs."""
    settings = settings_now()
    with database(settings):
        office = open_office(settings)
        try:
            yield office
        finally:
            office.engine.dispose()


@contextmanager
def office_work() -> Iterator[Work]:
    """One piece of work of whoever runs the machine, committed when the command ends well."""
    with the_office() as office, office.begin(SYSTEM) as work:
        yield work
