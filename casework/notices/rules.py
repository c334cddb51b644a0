"""How an alert is worded and when it is tried again: pure."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from functools import cache
from importlib import resources

from casework.clock import local

SMS_LIMIT = 160
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=5)
SEND_LEASE = timedelta(seconds=60)  # after this a claimed but unsettled notice is tried again


@cache
def texts() -> dict[str, str]:
    """Text id → body, as committed in texts.toml (read once: it is part of the program)."""
    raw = tomllib.loads(resources.files("casework.notices").joinpath("texts.toml").read_text("utf-8"))
    return {text_id: entry["body"] for text_id, entry in raw.items()}


def word(text_id: str, *, code: str = "", due_at: datetime | None = None, many: int = 1) -> str:
    """The body of an SMS. Raises KeyError for a text that is not on the list. `due_at` is shown in Vietnam's time."""
    time = local(due_at).strftime("%H:%M %d/%m") if due_at is not None else "som nhat"
    return texts()[text_id].format(code=code, time=time, many=many)


def retry_after(attempts: int) -> timedelta:
    """10 s doubling to 5 min: an alert about a child is never given up for a fault that may pass."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_RETRY)
