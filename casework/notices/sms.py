"""How an SMS leaves the office through Twilio. The only importer of twilio: a voice call borrows the account from here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from casework.notices.gateway import JsonGateway, load_shape
from casework.notices.models import Channel, Delivery
from casework.notices.senders import (
    Answered,
    Callback,
    CallbackRefused,
    ConsoleSender,
    Fate,
    Outgoing,
    SmsRefused,
    SmsSender,
)
from casework.settings import Settings

SEND_TIMEOUT_SECONDS = 10
ABOUT_THE_MESSAGE = (400, 422)  # a dead number, say; 401, 403 and 404 are about our account, and somebody can mend that
SERVICE_PREFIX = "MG"  # a Messaging Service; anything else is a number or a registered name
# By name: they are of the library under Twilio's, which this program does not choose.
NEVER_LEFT = ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError")
PHONE = re.compile(
    r"\+[1-9][0-9]{6,14}"
)  # E.164; whoever answers from a short code or by another way is nobody of ours
LISTED = 100  # messages to one phone: more than anybody is sent in the time an attempt can stay open

STATES = {
    "accepted": Delivery.ACCEPTED,
    "scheduled": Delivery.ACCEPTED,
    "queued": Delivery.ACCEPTED,
    "sending": Delivery.ACCEPTED,
    "sent": Delivery.ACCEPTED,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}

T = TypeVar("T")


class _Rebased(TwilioHttpClient):  # type: ignore[misc]  # twilio ships no types: its class is Any
    """Twilio's own client speaks to fixed hosts; a local API under another address is reached by rewriting the base."""

    def __init__(self, base: str | None, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._base = urlsplit(base) if base else None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self._base is not None:
            wanted = urlsplit(url)
            path = self._base.path.rstrip("/") + wanted.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, wanted.query, ""))
        return super().request(method, url, *args, **kwargs)


class TwilioAccount:
    """One Twilio account: its client, and the check of what it reports. `api` is a base address instead of Twilio's own."""

    def __init__(self, sid: str, auth_token: str, api: str | None, timeout: float) -> None:
        self.sid = sid
        self.client = Client(sid, auth_token, http_client=_Rebased(api, timeout))
        self._validator = RequestValidator(auth_token)

    def check(self, callback: Callback) -> None:
        """Raises CallbackRefused unless Twilio signed it for the address we gave out, for this account."""
        signature = callback.headers.get("X-Twilio-Signature", "")
        if not signature or not self._validator.validate(callback.url, dict(callback.fields), signature):
            raise CallbackRefused("signature")
        if callback.fields.get("AccountSid", self.sid) != self.sid:
            raise CallbackRefused("account")


class TwilioSender:
    """Sends through Twilio's Messages API; `sender` is a Messaging Service (MG…), a number or a registered name."""

    name = "twilio"
    channel = Channel.SMS

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        api: str | None = None,
        timeout: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        key = "messaging_service_sid" if sender.startswith(SERVICE_PREFIX) else "from_"
        self._sender = {key: sender}
        self._account = TwilioAccount(account_sid, auth_token, api, timeout)
        self._client = self._account.client

    def send(self, message: Outgoing) -> Fate:
        options: dict[str, Any] = dict(self._sender)
        if message.seconds is not None:
            options["validity_period"] = message.seconds
        if message.callback is not None:
            options["status_callback"] = message.callback
        return _fate(asked(lambda: self._client.messages.create(to=message.to, body=message.body, **options)))

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        # Asked by phone only: a message that still queues has no date of sending, and would be left out by one.
        listed = asked(lambda: self._client.messages.list(to=message.to, limit=LISTED))
        own = [one for one in listed if one.body == message.body and one.date_created and one.date_created >= since]
        return [_fate(one) for one in sorted(own, key=lambda one: one.date_created)]

    def fate(self, provider_id: str) -> Fate | None:
        return _fate(asked(lambda: self._client.messages(provider_id).fetch()))

    def read_callback(self, callback: Callback) -> Fate:
        self._account.check(callback)
        sid, status = callback.fields.get("MessageSid", ""), callback.fields.get("MessageStatus", "")
        if not sid or status not in STATES:
            raise CallbackRefused("unreadable")
        code = callback.fields.get("ErrorCode") or None
        return Fate(sid, STATES[status], f"twilio-{code}" if code else None)

    def read_answer(self, callback: Callback) -> Answered:
        """What Twilio's webhook of an incoming message says; its signature is over the address and every field."""
        self._account.check(callback)
        sid, phone = callback.fields.get("MessageSid", ""), callback.fields.get("From", "")
        if not sid or not PHONE.fullmatch(phone):
            raise CallbackRefused("unreadable")
        return Answered(sid, phone, callback.fields.get("Body", ""), callback.fields.get("OptOutType", ""))


def asked(ask: Callable[[], T]) -> T:
    """Asks Twilio. Raises SmsRefused for every way in which it may not answer."""
    try:
        return ask()
    except TwilioRestException as refused:
        about_it = refused.status in ABOUT_THE_MESSAGE
        raise SmsRefused(
            f"twilio-{refused.code or refused.status}",
            permanent=about_it,
            unsure=refused.status >= 500,  # a gateway that gave up may have passed it on first
            line=not about_it,
        ) from None
    except TwilioException:  # a list's page that is no page
        raise SmsRefused("no-list", unsure=True, line=True) from None
    except OSError as fault:  # requests' errors are OSErrors: no answer, or none in time
        raise SmsRefused("no-answer", unsure=not _never_left(fault), line=True) from None
    except (ValueError, TypeError, KeyError):  # an answer that is not Twilio's: something between us and it spoke
        raise SmsRefused("unreadable-answer", unsure=True, line=True) from None


def _never_left(fault: OSError) -> bool:
    """Whether no connection was made at all, so that nothing can have been taken."""
    reason = getattr(fault.args[0] if fault.args else None, "reason", None)
    return type(reason).__name__ in NEVER_LEFT


def _fate(message: Any) -> Fate:
    sid = getattr(message, "sid", None)
    if not sid:
        raise SmsRefused("unreadable-answer", unsure=True, line=True)
    code = message.error_code
    return Fate(
        provider_id=str(sid),
        state=STATES.get(str(message.status), Delivery.ACCEPTED),
        fault=f"twilio-{code}" if code else None,
        segments=int(message.num_segments) if message.num_segments else None,
        price=str(message.price) if message.price is not None else None,
        currency=message.price_unit,
    )


def sender_for(settings: Settings) -> SmsSender:
    if settings.sms == "twilio":
        return TwilioSender(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token,
            sender=settings.twilio_from,
            api=settings.twilio_api,
        )
    if settings.sms == "gateway":
        return JsonGateway(
            load_shape(settings.sms_gateway),
            key=settings.sms_key,
            secret=settings.sms_secret,
            sender=settings.sms_from,
            api=settings.sms_api,
            timeout=SEND_TIMEOUT_SECONDS,
        )
    return ConsoleSender()


def callback_base(settings: Settings) -> str | None:
    """Where a provider may report to: the configured public address, unless nobody but this machine could reach it."""
    local_api = settings.twilio_api or settings.sms_api
    host = urlsplit(settings.public_url).hostname or ""
    return settings.public_url if local_api or not _only_here(host) else None


def _only_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
