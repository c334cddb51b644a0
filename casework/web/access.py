"""Who may open which page. Every route says so itself; the app does not start with one that does not."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from casework.errors import UnsafeStart
from casework.policy import (
    MACHINE,
    PUBLIC,
    STAFF,
    View,
    declared,
    open_to,
    open_to_all,
    open_to_machines,
    open_to_staff,
)

__all__ = [
    "MACHINE",
    "PUBLIC",
    "STAFF",
    "check_every_route_declares",
    "declared",
    "in_background",
    "keeps_draft",
    "open_to",
    "open_to_all",
    "open_to_machines",
    "open_to_staff",
    "while_enrolling",
    "while_locked",
]


def keeps_draft(page: Callable[..., str]) -> Callable[[View], View]:
    """What is posted here after the session has run out is kept as the person's draft of `page(**view_args)`."""

    def mark(view: View) -> View:
        view.draft_page = page  # type: ignore[attr-defined]  # a note on the function, read by the guard
        return view

    return mark


def in_background(view: View) -> View:
    """Asked by open pages by themselves: it keeps no session alive."""
    view.in_background = True  # type: ignore[attr-defined]  # a note on the function, read by the guard
    return view


def while_locked(view: View) -> View:
    """Open also while the screen is locked: the way out of it, and of the house."""
    view.while_locked = True  # type: ignore[attr-defined]  # a note on the function, read by the guard
    return view


def while_enrolling(view: View) -> View:
    """Open also to who has yet to set up a second factor: nothing else is to them."""
    view.while_enrolling = True  # type: ignore[attr-defined]  # a note on the function, read by the guard
    return view


def check_every_route_declares(app: Flask) -> None:
    """Raises UnsafeStart naming the routes that do not say who may open them."""
    silent = sorted(
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if declared(app.view_functions[rule.endpoint]) is None
    )
    if silent:
        raise UnsafeStart(f"routes that do not say who may open them: {', '.join(silent)}")
