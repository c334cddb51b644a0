"""What every page stands on: the office, the person signed in, the actor, one piece of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import current_app, g, request

from casework.bootstrap import Office
from casework.clock import as_seen_by
from casework.notices.queries import SILENT, Standing, standing
from casework.people.rules import Role
from casework.work import Actor, Work

WATCHERS = (Role.SUPERVISOR, Role.ADMINISTRATOR)  # who sees everything that did not get through


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


@contextmanager
def begin() -> Iterator[Work]:
    """One piece of work in the name of the person signed in. That of a page looks up what its header says as well: drawing
    the page then asks the database nothing more."""
    with the_office().begin(actor()) as work:
        yield work
        viewer = g.get("viewer")
        if viewer is not None and not viewer.limited and "news" not in g and _draws():
            g.news = news_of(work, viewer)


def the_news(viewer: Viewer) -> Standing:
    """What the header says, of a page that began no work of its own too."""
    if "news" not in g:
        with the_office().begin(viewer.actor) as work:
            g.news = news_of(work, viewer)
    news: Standing = g.news
    return news


def news_of(work: Work, viewer: Viewer) -> Standing:
    if viewer.actor.id is None:
        raise LookupError("a viewer without an account")
    unit = None if viewer.role in WATCHERS else viewer.actor.unit_id
    return standing(work, viewer.actor.id, unit_id=unit, patience=as_seen_by(the_office().clock, SILENT))


def _draws() -> bool:
    """Whether the request is for a page, as far as can be told: what is sent is answered by another page's address."""
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method == "GET" and not getattr(view, "in_background", False)
