"""What pages and machines' doors agree on: who may open which route, and how much of an address is kept."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
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


def network_of(address: str | None) -> str:
    """The network an address belongs to, /24 or /48: enough to slow a guesser down, not enough to name a person."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False).network_address)


def _declare(view: View, who: Any) -> View:
    view.open_to = who  # type: ignore[attr-defined]  # a note on the function, read by the guard and the start check
    return view
