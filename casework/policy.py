"""Who may open which door. Every route says so itself, in words that pages and machines' doors share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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


def declared(view: Callable[..., Any]) -> Any:
    return getattr(view, "open_to", None)


def _declare(view: View, who: Any) -> View:
    view.open_to = who  # type: ignore[attr-defined]  # a note on the function, read by the guard and the start check
    return view
