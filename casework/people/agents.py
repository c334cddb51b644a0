"""What is kept of the browser behind a session: one word for its family, and the network it came from. No more."""

from __future__ import annotations

from dataclasses import dataclass

# In this order: each of the later names also stands in what the earlier ones say of themselves.
_BROWSERS = (("edg", "edge"), ("firefox", "firefox"), ("fxios", "firefox"), ("coc_coc", "coccoc"), ("crios", "chrome"),
             ("chrome", "chrome"), ("safari", "safari"))  # fmt: skip
_MACHINES = (("android", "android"), ("iphone", "iphone"), ("ipad", "ipad"), ("windows", "windows"), ("mac os", "mac"),
             ("cros", "chromebook"), ("linux", "linux"))  # fmt: skip
OTHER = "other"


@dataclass(frozen=True)
class Client:
    """`network`: a /24 or /48, "" where it says nothing. `agent`: as `family_of` makes it."""

    network: str = ""
    agent: str = OTHER


def family_of(user_agent: str) -> str:
    """Machine and browser in one word of a closed list, such as "android-chrome": enough to know one's own by."""
    said = user_agent.lower()
    machine = next((name for mark, name in _MACHINES if mark in said), OTHER)
    browser = next((name for mark, name in _BROWSERS if mark in said), OTHER)
    return f"{machine}-{browser}"
