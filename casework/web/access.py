"""Who may open which page. Every route says so itself; the app does not start with one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

from casework.errors import UnsafeStart
from casework.people.rules import Role

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"  # anybody, signed in or not
MACHINE = "machine"  # a bearer key, checked by the API's own door
STAFF = frozenset(role.value for role in Role)


def open_to(*roles: Role) -> Callable[[View], View]:
    """Only people of these roles; to everybody else the page does not exist."""
    return lambda view: _declare(view, frozenset(role.value for role in roles))


def open_to_staff(view: View) -> View:
    """Everybody who is signed in."""
    return _declare(view, STAFF)


def open_to_all(view: View) -> View:
    return _declare(view, PUBLIC)


def open_to_machines(view: View) -> View:
    return _declare(view, MACHINE)


def keeps_draft(page: Callable[..., str]) -> Callable[[View], View]:
    """What is posted here after the session has run out is kept as the person's draft of `page(**view_args)`."""

    def mark(view: View) -> View:
        view.draft_page = page  # type: ignore[attr-defined]  # a note on the function, read by the guard
        return view

    return mark


def declared(view: Callable[..., Any]) -> Any:
    return getattr(view, "open_to", None)


def check_every_route_declares(app: Flask) -> None:
    """Raises UnsafeStart naming the routes that do not say who may open them."""
    silent = sorted(
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if declared(app.view_functions[rule.endpoint]) is None
    )
    if silent:
        raise UnsafeStart(f"routes that do not say who may open them: {', '.join(silent)}")


def _declare(view: View, who: Any) -> View:
    view.open_to = who  # type: ignore[attr-defined]  # a note on the function, read by the guard and the start check
    return view
