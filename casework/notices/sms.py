"""How an SMS leaves the office. The only importer of twilio."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from casework.settings import Settings

SEND_TIMEOUT_SECONDS = 10
ABOUT_THE_MESSAGE = (400, 422)  # a dead number, say; 401, 403 and 404 are about our account, and somebody can mend that


class SmsRefused(Exception):
    """The provider did not take the message. `permanent`: trying again cannot help. `code` is the provider's number."""

    def __init__(self, code: str, *, permanent: bool) -> None:
        self.code, self.permanent = code, permanent
        super().__init__(code)


class SmsSender(Protocol):
    """Sends one message; returns the provider's id for it. Raises SmsRefused."""

    def send(self, to: str, body: str) -> str: ...


@dataclass
class ConsoleSender:
    """Takes every message and sends none: the demo's page shows the outbox instead."""

    count: int = field(default=0)

    def send(self, to: str, body: str) -> str:
        self.count += 1
        return f"console-{self.count}"


class _Rebased(TwilioHttpClient):  # type: ignore[misc]  # twilio ships no types: its class is Any
    """Twilio's own client speaks to fixed hosts; a local API under another address is reached by rewriting the base."""

    def __init__(self, base: str | None) -> None:
        super().__init__(timeout=SEND_TIMEOUT_SECONDS)
        self._base = urlsplit(base) if base else None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self._base is not None:
            wanted = urlsplit(url)
            path = self._base.path.rstrip("/") + wanted.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, wanted.query, ""))
        return super().request(method, url, *args, **kwargs)


class TwilioSender:
    """Sends through Twilio's REST API."""

    def __init__(self, *, account_sid: str, auth_token: str, sender: str, api: str | None = None) -> None:
        self._from = sender
        self._client = Client(account_sid, auth_token, http_client=_Rebased(api))

    def send(self, to: str, body: str) -> str:
        try:
            message = self._client.messages.create(to=to, from_=self._from, body=body)
        except TwilioRestException as refused:
            permanent = refused.status in ABOUT_THE_MESSAGE
            raise SmsRefused(f"twilio-{refused.code or refused.status}", permanent=permanent) from None
        except OSError:  # requests' errors are OSErrors: no answer, or none in time
            raise SmsRefused("no-answer", permanent=False) from None
        except ValueError:  # an answer that is not Twilio's: something between us and it spoke
            raise SmsRefused("unreadable-answer", permanent=False) from None
        return str(message.sid)


def sender_for(settings: Settings) -> SmsSender:
    if settings.sms == "twilio":
        return TwilioSender(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token,
            sender=settings.twilio_from,
            api=settings.twilio_api,
        )
    return ConsoleSender()
