"""What the outbox asks of whoever carries its messages, and what it is told in answer. No provider is named here.

It was written for SMS and keeps that name; every other channel answers to the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from casework.notices.models import Channel, Delivery


class SmsRefused(Exception):
    """The provider did not take the message. `code` is the provider's number, never its words.

    `permanent`: trying again cannot help. `unsure`: it may have taken it all the same, so it is asked before a second try.
    `line`: the fault is of the provider or of our account, not of this one message. `gone`: the address is no longer one.
    """

    def __init__(
        self, code: str, *, permanent: bool = False, unsure: bool = False, line: bool = False, gone: bool = False
    ) -> None:
        self.code, self.permanent, self.unsure, self.line, self.gone = code, permanent, unsure, line, gone
        super().__init__(code)


class CallbackRefused(Exception):
    """A status callback that is not the provider's, or not about what it says. `reason` is a slug."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Outgoing:
    """One message on its way out. `seconds` is how long it is worth delivering; `reference` is the attempt's id.

    `to` is a phone (E.164), a mail address, or a browser's subscription as JSON; empty where the person has none any more.
    """

    to: str
    body: str
    reference: str = ""
    seconds: int | None = None
    callback: str | None = None


@dataclass(frozen=True)
class Fate:
    """What the provider knows of one message. `price` is as it writes it; None where it does not say (yet)."""

    provider_id: str
    state: Delivery = Delivery.ACCEPTED
    fault: str | None = None
    segments: int | None = None
    price: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Callback:
    """A status callback as it came in: the configured address it was made for, its fields and its headers."""

    url: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answered:
    """What somebody answered to an SMS, for as long as it takes to see what it asks for. `body` may say anything: it is
    kept nowhere, and shown by no error. `said_by_provider`: what the provider made of it, empty where it does not say."""

    provider_id: str
    phone: str = field(repr=False)
    body: str = field(repr=False)
    said_by_provider: str = ""


@runtime_checkable
class Listens(Protocol):
    """A provider that passes on what people answer."""

    def read_answer(self, callback: Callback) -> Answered:
        """Raises CallbackRefused where it is not the provider's."""
        ...


class SmsSender(Protocol):
    """One provider. `name` tells its messages from another's, `channel` says by which way they go."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> Channel: ...

    def send(self, message: Outgoing) -> Fate:
        """Hands one message over. Raises SmsRefused."""
        ...

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        """What the provider has taken for this phone with this body since then (UTC), oldest first; None: it keeps no
        list. Raises SmsRefused while it cannot be asked."""
        ...

    def fate(self, provider_id: str) -> Fate | None:
        """How one message stands; None: it cannot be asked that. Raises SmsRefused."""
        ...

    def read_callback(self, callback: Callback) -> Fate:
        """Raises CallbackRefused where it is not the provider's."""
        ...


@dataclass
class ConsoleSender:
    """Takes every message and sends none: the demo's page shows the outbox instead."""

    count: int = field(default=0)
    name: str = "console"
    channel: Channel = Channel.SMS

    def send(self, message: Outgoing) -> Fate:
        self.count += 1
        return Fate(f"console-{message.reference or self.count}", segments=1)

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        return []

    def fate(self, provider_id: str) -> Fate | None:
        return None

    def read_callback(self, callback: Callback) -> Fate:
        raise CallbackRefused("no-callbacks")
