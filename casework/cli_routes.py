"""`casework routes`: every address the program answers, and who may open it, read from the program itself."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from casework.bootstrap import Office
from casework.cases.house import open_book
from casework.cli_common import settings_now
from casework.clock import SystemClock
from casework.db import make_engine
from casework.notices.senders import ConsoleSender
from casework.people.rules import Role
from casework.policy import MACHINE, PUBLIC, declared
from casework.settings import Settings
from casework.vault.keys import Keys

PARAMETER = re.compile(r"<(?:(?P<kind>[^:<>]+):)?(?P<name>[^<>]+)>")
# What a `code` in an address is the code of, by how the address begins.
CODES = {"/ca/": "ma", "/ky/": "ma", "/tiep-nhan/": "report", "/bao-tin/": "report", "/su-co/": "incident"}


@dataclass(frozen=True)
class Route:
    """One address. `roles` as declared: names of roles, or `public`, or `machine` (its own key or signature).

    `parameters`: name → what fits there (`uuid`, `int`, `path`, the words of a choice; else `text`).
    """

    path: str
    methods: tuple[str, ...]
    roles: tuple[str, ...]
    parameters: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "methods": list(self.methods), "roles": list(self.roles)}


@click.command()
@click.option("--json", "as_json", is_flag=True, help='Print [{"path", "methods", "roles"}] on stdout.')
@click.option("--demo", is_flag=True, help="With the pages that only `casework demo` has.")
def routes(as_json: bool, demo: bool) -> None:
    """Print every route, its methods, its parameters and who may open it.

    A part of an address that changes stands in angle brackets; <ma> is a case's code. Roles are those the route
    declares: `public` is anybody, signed in or not; `machine` is another program with a key or signature of its own.
    Being let in to a page is not yet sight of a case: what is out of a person's sight answers 404 on the same address.

    Needs no database, no key file and no running office; what only some settings bring (an identity provider's addresses) is
    there where the environment has them.
    """
    found = routes_of(program(settings_now(), demo=demo))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], indent=1))
        return
    width = max(len(one.path) for one in found)
    for one in found:
        takes = ", ".join(f"{name}: {fits}" for name, fits in one.parameters.items())
        click.echo(f"{','.join(one.methods):<9} {one.path:<{width}}  {', '.join(one.roles)}{takes and f'  ({takes})'}")


def program(settings: Settings | None = None, *, demo: bool = False) -> Any:
    """The application as these settings would have it served, over a database that is never asked and keys that open
    nothing."""
    from casework.app import create_app  # as in cli.py: what no other command needs
    from casework.demo.pages import demo_pages

    here = Path()
    office = Office(
        settings=settings or Settings(data_dir=here, key_file=here / "none"),
        engine=make_engine("postgresql:///"),
        book=open_book(None),
        keys=Keys("none", {}, root=secrets.token_bytes(32), signing=secrets.token_bytes(32)),
        clock=SystemClock(),
        sms=ConsoleSender(),
    )
    return create_app(office, more_pages=(demo_pages(()),) if demo else ())


def routes_of(app: Any) -> list[Route]:
    """Every route of an application, in the order of their paths."""
    return sorted(_routes(app), key=lambda one: (one.path, one.methods))


def _routes(app: Any) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        parameters = {
            found["name"]: (shown_name(rule.rule, found["name"]), found["kind"] or "text")
            for found in PARAMETER.finditer(rule.rule)
        }
        path = PARAMETER.sub(r"<\g<name>>", rule.rule)
        for name, (shown, _fits) in parameters.items():
            path = path.replace(f"<{name}>", f"<{shown}>")
        yield Route(
            path=path,
            methods=tuple(sorted(rule.methods - {"HEAD", "OPTIONS"})),
            roles=roles_of(declared(app.view_functions[rule.endpoint])),
            parameters=dict(parameters.values()),
        )


def shown_name(rule: str, name: str) -> str:
    """How a parameter is printed: a case's code as `ma`, the code of anything else as what it is the code of."""
    if name != "code":
        return name
    return next((shown for start, shown in CODES.items() if rule.startswith(start)), name)


def roles_of(who: Any) -> tuple[str, ...]:
    """What a route declared, in the order of the roles."""
    if who in (PUBLIC, MACHINE):
        return (str(who),)
    return tuple(role.value for role in Role if role.value in who)
