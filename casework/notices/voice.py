"""A voice call through Twilio that reads a case's code aloud: the last way when nobody can be sure that an SMS rang."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from casework.notices.channels import Reader
from casework.notices.models import Channel, Delivery
from casework.notices.senders import Callback, CallbackRefused, Fate, Outgoing, SmsRefused
from casework.notices.sms import TwilioAccount, asked

LISTED = 50  # calls to one phone: more than are made in the time an attempt can stay open
RINGS_SECONDS = 40
ENDED = "completed"  # the one event asked for: Twilio reports it for every end of a call, answered or not

STATES = {
    "queued": Delivery.ACCEPTED,
    "initiated": Delivery.ACCEPTED,
    "ringing": Delivery.ACCEPTED,
    "in-progress": Delivery.ACCEPTED,
    "completed": Delivery.DELIVERED,  # somebody or something picked up: no acknowledgement
    "busy": Delivery.FAILED,
    "no-answer": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}


class VoiceSender:
    """Calls through Twilio's Calls API from `number`; what is said goes along with the order, nothing is fetched from us."""

    name = "twilio-voice"
    channel = Channel.VOICE

    def __init__(self, account: TwilioAccount, *, number: str, reader: Reader) -> None:
        self._account = account
        self._calls = account.client.calls
        self._number = number
        self._reader = reader

    def send(self, message: Outgoing) -> Fate:
        if not message.to:
            raise SmsRefused("no-phone", permanent=True)
        options: dict[str, Any] = {"timeout": RINGS_SECONDS}
        if message.callback is not None:
            options |= {"status_callback": message.callback, "status_callback_event": [ENDED]}
        twiml = spoken(message.body, self._reader)
        return _fate(asked(lambda: self._calls.create(to=message.to, from_=self._number, twiml=twiml, **options)))

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        listed = asked(lambda: self._calls.list(to=message.to, limit=LISTED))
        own = [one for one in listed if one.date_created and one.date_created >= since]
        return [_fate(one) for one in sorted(own, key=lambda one: one.date_created)]

    def fate(self, provider_id: str) -> Fate | None:
        return _fate(asked(lambda: self._calls(provider_id).fetch()))

    def read_callback(self, callback: Callback) -> Fate:
        self._account.check(callback)
        sid, status = callback.fields.get("CallSid", ""), callback.fields.get("CallStatus", "")
        if not sid or status not in STATES:
            raise CallbackRefused("unreadable")
        return Fate(sid, STATES[status], _fault(status))


def spoken(text: str, reader: Reader) -> str:
    """TwiML that reads the text aloud, with a breath between the times."""
    say = f'<Say language="{escape(reader.language)}" voice="{escape(reader.voice)}">{escape(text)}</Say>'
    return f"<Response>{'<Pause/>'.join([say] * reader.times)}</Response>"


def _fault(status: str) -> str | None:
    return f"voice-{status}" if STATES[status] == Delivery.FAILED else None


def _fate(call: Any) -> Fate:
    sid, status = getattr(call, "sid", None), str(getattr(call, "status", ""))
    if not sid:
        raise SmsRefused("unreadable-answer", unsure=True, line=True)
    known = status if status in STATES else "queued"
    price = str(call.price) if call.price is not None else None
    return Fate(str(sid), STATES[known], _fault(known), price=price, currency=call.price_unit)
