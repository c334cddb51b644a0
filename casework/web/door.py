"""What every page stands on: the office, the person signed in, the actor, one piece of work."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import current_app, g

from casework.bootstrap import Office
from casework.work import Actor, Work


@dataclass(frozen=True)
class Viewer:
    """The person signed in, as pages show them. Flask-Login's idea of a user; `token` is the session's.

    `limited`: they have yet to set up a second factor. `factor_at` (UTC): when they last proved who they are.
    `locked`: the screen is locked. `by_phone`: they came with a telephone and its PIN.
    """

    token: str
    actor: Actor
    username: str
    role: str
    unit_title: str
    hamlet: str | None
    limited: bool = False
    factor_at: datetime | None = None
    locked: bool = False
    by_phone: bool = False

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return self.token


def the_office() -> Office:
    return cast(Office, current_app.extensions["office"])


def the_viewer() -> Viewer:
    """The person signed in. Only for pages that the guard lets signed-in people through to."""
    return cast(Viewer, g.viewer)


def actor() -> Actor:
    viewer = g.get("viewer")
    return viewer.actor if viewer else Actor(id=None, role="public", request_id=g.request_id)


def begin() -> AbstractContextManager[Work]:
    """One piece of work in the name of the person signed in."""
    return the_office().begin(actor())
