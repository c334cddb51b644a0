"""SMS through a gateway that takes JSON over HTTP, as Vietnamese providers do. What it looks like is data, not code.

A shape (gateways.toml, or a file of the office's own) names the address, the fields, the words of its answers and how it
reports back. A gateway that refuses a reference it has seen before makes a second try after a lost answer harmless.
"""

from __future__ import annotations

import http.client
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from casework.errors import UnsafeStart
from casework.notices.models import Channel, Delivery
from casework.notices.senders import Callback, CallbackRefused, Fate, Outgoing, SmsRefused

ANSWER_LIMIT = 64 * 1024  # bytes


@dataclass(frozen=True)
class Shape:
    """One gateway's manner of speaking. Answers are matched by the text of their code."""

    name: str
    api: str
    path: str
    phone: str  # "national" (0…) or "international" (+84…)
    fields: Mapping[str, str]  # field → text with {to} {body} {key} {secret} {sender} {reference} {callback}
    headers: Mapping[str, str]
    code: str  # the answer's field that tells how it went
    taken: tuple[str, ...]
    seen_before: tuple[str, ...]  # the reference is known: the first try had reached it
    about_the_message: tuple[str, ...]
    id: str
    callback_id: str
    callback_reference: str
    delivered: tuple[str, tuple[str, ...]]  # callback field, and the values that mean it
    failed: tuple[str, tuple[str, ...]]


def load_shape(name: str) -> Shape:
    """A shape of gateways.toml by its name, or of the TOML file at that path. Raises UnsafeStart with one plain line."""
    path = Path(name)
    try:
        source = path.read_text("utf-8") if path.suffix == ".toml" else _committed()
        raw = tomllib.loads(source)
        entry = raw if path.suffix == ".toml" else raw[name]
        return _shape(entry, path.stem)
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as fault:
        raise UnsafeStart(f"CASEWORK_SMS_GATEWAY: {name} is no gateway's shape ({type(fault).__name__})") from None


def _committed() -> str:
    return resources.files("casework.notices").joinpath("gateways.toml").read_text("utf-8")


def _shape(raw: Mapping[str, Any], name: str) -> Shape:
    answer, callback = raw["answer"], raw["callback"]
    return Shape(
        name=name,
        api=raw["api"],
        path=raw["path"],
        phone=raw["phone"],
        fields=dict(raw["fields"]),
        headers=dict(raw.get("headers", {})),
        code=answer["code"],
        taken=tuple(answer["taken"]),
        seen_before=tuple(answer.get("seen_before", ())),
        about_the_message=tuple(answer.get("about_the_message", ())),
        id=answer["id"],
        callback_id=callback["id"],
        callback_reference=callback.get("reference", ""),
        delivered=(callback["delivered"]["field"], tuple(callback["delivered"]["values"])),
        failed=(callback["failed"]["field"], tuple(callback["failed"]["values"])),
    )


class JsonGateway:
    """Sends by one POST of JSON a message. Keeps no list that could be asked: its reference is what prevents a second."""

    channel = Channel.SMS

    def __init__(self, shape: Shape, *, key: str, secret: str, sender: str, api: str | None, timeout: float) -> None:
        self._shape = shape
        self._words = {"key": key, "secret": secret, "sender": sender}
        self._api = urlsplit(api or shape.api)
        self._timeout = timeout

    @property
    def name(self) -> str:
        return self._shape.name

    def send(self, message: Outgoing) -> Fate:
        words = self._words | {
            "to": _national(message.to) if self._shape.phone == "national" else message.to,
            "body": message.body,
            "reference": message.reference,
            "callback": message.callback or "",
        }
        fields = {name: text.format_map(words) for name, text in self._shape.fields.items()}
        answer = self._post({name: text for name, text in fields.items() if text})
        code, provider_id = str(answer.get(self._shape.code, "")), str(answer.get(self._shape.id) or "")
        if code in self._shape.taken and provider_id:
            return Fate(provider_id)
        if code in self._shape.seen_before:
            return Fate(provider_id or f"reference-{message.reference}")
        about_it = code in self._shape.about_the_message
        raise SmsRefused(f"{self.name}-{code[:16] or 'no-code'}", permanent=about_it, line=not about_it)

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        return None

    def fate(self, provider_id: str) -> Fate | None:
        return None

    def read_callback(self, callback: Callback) -> Fate:
        """The gateway signs nothing: that the address holds the attempt's secret token is all the proof there is, and the
        id must be the one it gave us."""
        provider_id = callback.fields.get(self._shape.callback_id, "")
        if not provider_id:
            raise CallbackRefused("unreadable")
        for (name, values), state in (
            (self._shape.delivered, Delivery.DELIVERED),
            (self._shape.failed, Delivery.FAILED),
        ):
            if callback.fields.get(name) in values:
                fault = f"{self.name}-undelivered" if state == Delivery.FAILED else None
                return Fate(provider_id, state, fault)
        return Fate(provider_id)

    def _post(self, fields: Mapping[str, str]) -> Mapping[str, Any]:
        made = http.client.HTTPSConnection if self._api.scheme == "https" else http.client.HTTPConnection
        line = made(self._api.hostname or "", self._api.port, timeout=self._timeout)
        try:
            line.connect()
        except OSError:
            raise SmsRefused("no-answer", line=True) from None
        try:
            headers = {"Content-Type": "application/json"} | {
                name: text.format_map(self._words) for name, text in self._shape.headers.items()
            }
            line.request("POST", self._api.path.rstrip("/") + self._shape.path, json.dumps(fields), headers)
            answer = line.getresponse()
            body = answer.read(ANSWER_LIMIT)
        except (OSError, http.client.HTTPException):
            raise SmsRefused("no-answer", unsure=True, line=True) from None
        finally:
            line.close()
        if answer.status != 200:
            raise SmsRefused(f"{self.name}-http-{answer.status}", unsure=answer.status >= 500, line=True)
        try:
            read = json.loads(body)
        except ValueError:
            raise SmsRefused("unreadable-answer", unsure=True, line=True) from None
        if not isinstance(read, dict):
            raise SmsRefused("unreadable-answer", unsure=True, line=True)
        return read


def _national(phone: str) -> str:
    return "0" + phone.removeprefix("+84") if phone.startswith("+84") else phone
