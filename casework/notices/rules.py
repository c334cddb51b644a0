"""How an alert is worded, when it may leave, what may follow what, when it is tried again: pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from importlib import resources

from casework.clock import local
from casework.errors import IllegalMove
from casework.notices.models import Delivery

SMS_LIMIT = 160
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=5)
SEND_LEASE = timedelta(seconds=60)  # after this a claimed but unsettled notice is asked after
CARRIED_TRIES = 5  # so often a message that a network did not deliver is sent anew, before the ladder alone goes on
LONGEST_VALIDITY = timedelta(hours=4)  # what every provider takes; some take more

QUIET_FROM, QUIET_UNTIL = time(21, 0), time(6, 30)  # on Vietnam's clock
ENOUGH_LEFT = timedelta(hours=4)  # a limit that leaves less than this after the quiet hours is told at once

# What may follow what, of a message. Delivered is the end of it; nothing leads back to a state before a provider took it but
# the provider's own word that it was not delivered, or that it was never there.
FOLLOWS = {
    Delivery.READY: {Delivery.SENDING, Delivery.KEPT, Delivery.ACCEPTED, Delivery.DELIVERED},
    Delivery.SENDING: {
        Delivery.UNKNOWN, Delivery.ACCEPTED, Delivery.DELIVERED, Delivery.READY, Delivery.FAILED,
    },
    Delivery.UNKNOWN: {Delivery.ACCEPTED, Delivery.DELIVERED, Delivery.READY, Delivery.FAILED},
    Delivery.ACCEPTED: {Delivery.DELIVERED, Delivery.FAILED, Delivery.READY},
    Delivery.FAILED: {Delivery.DELIVERED},
    Delivery.DELIVERED: set(),
    Delivery.KEPT: set(),
}  # fmt: skip
# Of one attempt: only ever forwards, whatever order a provider's words come in.
RANK = {Delivery.SENDING: 0, Delivery.UNKNOWN: 1, Delivery.ACCEPTED: 2, Delivery.FAILED: 3, Delivery.DELIVERED: 4}

STOPPED = "twilio-21610"  # the owner of the phone has asked for no more messages
# A network's reasons that trying again cannot mend: unknown or blocked number, landline, unreachable for good.
GIVEN_UP = {f"twilio-{code}" for code in (21211, 21610, 21612, 21614, 30004, 30005, 30006, 30007, 30034)}


@dataclass(frozen=True)
class Pace:
    """How patient the outbox is. Lease and rest are the database's time, the rest the office's."""

    lease: timedelta = SEND_LEASE
    rest: timedelta = timedelta(seconds=30)  # of a line that has failed, before one message tries it again
    rests_after: int = 5  # failures in a row within `window`
    window: timedelta = timedelta(seconds=60)
    ask_after: timedelta = timedelta(seconds=15)  # a provider's list may lag behind its answers
    asks: int = 3  # unanswered questions about one attempt; then it is sent again rather than not at all
    follow_up: timedelta = timedelta(
        seconds=20
    )  # an accepted message nobody reports on is asked after, ever more rarely


@dataclass(frozen=True)
class TextRule:
    """A text of the closed list. `wait`: never (rings at any hour), quiet (not at night), digest (the next morning)."""

    body: str
    wait: str


@cache
def text_rules() -> dict[str, TextRule]:
    """Text id → its rule, as committed in texts.toml (read once: it is part of the program)."""
    raw = tomllib.loads(resources.files("casework.notices").joinpath("texts.toml").read_text("utf-8"))
    return {text_id: TextRule(entry["body"], entry["wait"]) for text_id, entry in raw.items()}


def texts() -> dict[str, str]:
    """Text id → body."""
    return {text_id: rule.body for text_id, rule in text_rules().items()}


def word(text_id: str, *, code: str = "", due_at: datetime | None = None, many: int = 1) -> str:
    """The body of an SMS. Raises KeyError for a text that is not on the list. `due_at` is shown in Vietnam's time."""
    moment = local(due_at).strftime("%H:%M %d/%m") if due_at is not None else "som nhat"
    return texts()[text_id].format(code=code, time=moment, many=many)


def retry_after(attempts: int) -> timedelta:
    """10 s doubling to 5 min: an alert about a child is never given up for a fault that may pass."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(max(attempts, 1) - 1, 10)
    return min(doubled, LONGEST_RETRY)


def step(now: str, then: Delivery) -> str:
    """The state after this step. Raises IllegalMove for a step that a message cannot take."""
    if then not in FOLLOWS[Delivery(now)]:
        raise IllegalMove(now, then.value)
    return then.value


def goes_forward(now: str, then: Delivery) -> bool:
    """Whether a provider's word about an attempt says more than is known."""
    return RANK[then] > RANK[Delivery(now)]


def validity_seconds(due_at: datetime | None, now: datetime) -> int:
    """How long a provider may hold a message: no longer than the time left, where there is any."""
    left = due_at - now if due_at is not None and due_at > now else LONGEST_VALIDITY
    return max(1, int(min(left, LONGEST_VALIDITY).total_seconds()))


def is_urgent(text_id: str) -> bool:
    """Whether this text rings at any hour, and is told again by other channels when nobody can be sure that it rang."""
    return text_rules()[text_id].wait == "never"


def leaves_at(text_id: str, due_at: datetime | None, now: datetime) -> datetime:
    """When this text may ring a phone: now, or where it is not urgent, after the quiet hours (UTC)."""
    wait = text_rules()[text_id].wait
    if wait == "never":
        return now
    morning = _morning_after(now)
    pressing = due_at is not None and now < due_at < morning + ENOUGH_LEFT
    if pressing or (wait == "quiet" and not _is_quiet(now)):
        return now
    return morning


def _is_quiet(now: datetime) -> bool:
    clock = local(now).time()
    return clock >= QUIET_FROM or clock < QUIET_UNTIL


def _morning_after(now: datetime) -> datetime:
    here = local(now)
    day = here.date() + timedelta(days=1) if here.time() >= QUIET_UNTIL else here.date()
    return datetime.combine(day, QUIET_UNTIL, here.tzinfo).astimezone(now.tzinfo)
