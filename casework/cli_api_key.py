"""`casework api-key`: which other systems may post reports, given out and taken back by whoever runs the machine."""

from __future__ import annotations

from datetime import datetime

import click

from casework.cli_common import office_work
from casework.clock import local
from casework.people.models import ApiKey, Unit, UnitKind
from casework.people.queries import api_keys, unit_named
from casework.people.service import create_api_key, revoke_api_key
from casework.work import Work

LONGEST_NAME = 80


@click.group(name="api-key")
def api_key() -> None:
    """Keys of other systems that post reports to POST /api/v1/reports.

    Needs the key file and the database (CASEWORK_KEY_FILE, CASEWORK_DATABASE_URL or CASEWORK_DATA_DIR). A key may post
    reports and nothing else: it reads no case. Each that is made or taken back stands in the audit trail as the machine's
    act, and is told at once to the supervisor of that body's province, or to the administrators where it has none.
    """


@api_key.command()
@click.argument("name")
@click.option("--unit", "code", required=True, help="Code of the body whose system it is, such as TD-111.")
def make(name: str, code: str) -> None:
    """Make a key and print it, once: the office keeps only its digest.

    NAME is what the office calls that system, and no key in use may have it already.

    \b
    Example: casework api-key make "Hệ thống 111" --unit TD-111
    """
    called = " ".join(name.split())
    if not 0 < len(called) <= LONGEST_NAME or not called.isprintable():
        raise click.ClickException(f"a name has 1 to {LONGEST_NAME} letters")
    with office_work() as work:
        if any(one.name == called for one, _unit in _in_use(work)):
            raise click.ClickException(
                f"there is a key in use named {called}: take it back first, or choose another name"
            )
        owner = unit_named(work, code, UnitKind)
        if owner is None:
            raise click.ClickException(f"there is no unit {code} today")
        raw = create_api_key(work, name=called, unit=owner)
    click.echo(raw)
    click.echo("It is shown this once. Send it as: Authorization: Bearer <key>", err=True)


@api_key.command(name="list")
def listing() -> None:
    """List every key: its name, the body's code, since when, and until when where it was taken back."""
    with office_work() as work:
        for one, owner in api_keys(work):
            until = f", taken back {_day(one.revoked_at)}" if one.revoked_at else ""
            click.echo(f"{one.name}  {owner.code}  since {_day(one.created_at)}{until}")
        click.echo(f"{len(_in_use(work))} in use")


@api_key.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Take a key back: it opens nothing from the next request on. What it has brought stays."""
    with office_work() as work:
        found = [one for one, _unit in _in_use(work) if one.name == name]
        if not found:
            raise click.ClickException(f"there is no key in use named {name}: see `casework api-key list`")
        for one in found:
            revoke_api_key(work, one)
    click.echo(f"taken back: {name}; it opens nothing from now on")


def _in_use(work: Work) -> list[tuple[ApiKey, Unit]]:
    return [(one, owner) for one, owner in api_keys(work) if one.revoked_at is None]


def _day(moment: datetime) -> str:
    return f"{local(moment):%d/%m/%Y %H:%M}"
