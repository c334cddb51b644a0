"""Web push: rings a browser that its person has allowed to, even while no page is open. The only importer of pywebpush.

What is sent is encrypted for that browser alone (RFC 8291); the browser maker's push service in between sees when and how
much, not what. And what it says is a code and a time all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from casework.notices.channels import is_push_service
from casework.notices.models import Channel
from casework.notices.senders import Callback, CallbackRefused, Fate, Outgoing, SmsRefused
from casework.vault.vapid import Vapid

TIMEOUT_SECONDS = 10
GONE = (404, 410)  # RFC 8030, 7.3: the person or the browser has taken the permission back
ABOUT_THE_MESSAGE = (400, 413)
TOPIC_LENGTH = 32  # RFC 8030, 5.4: a later message of the same topic takes the place of one that still waits


class PushSender:
    """`contact` is a mailto: or https: address for the push service's operator; `service` an own one beside the known."""

    name = "push"
    channel = Channel.PUSH

    def __init__(
        self, vapid: Vapid, *, contact: str, title: str, service: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self.public_key = vapid.public
        self._private = vapid.private
        self._contact = contact
        self._title = title
        self._service = service
        self._timeout = timeout

    def takes(self, endpoint: str) -> bool:
        """Whether the office calls this address at all: a known push service over TLS, or the one it was set up with."""
        address = urlsplit(endpoint)
        own = self._service is not None and f"{address.scheme}://{address.netloc}" == self._service
        known = address.scheme == "https" and address.port in (None, 443) and is_push_service(address.hostname or "")
        return (own or known) and not address.username and not address.password

    def send(self, message: Outgoing) -> Fate:
        device = json.loads(message.to) if message.to else {}
        if not device or not self.takes(device["endpoint"]):
            raise SmsRefused("push-no-device", permanent=True, gone=True)
        # Here and not above: it brings a whole asynchronous client along, and every process that starts would wait for it.
        from pywebpush import WebPushException, webpush

        said = json.dumps({"title": self._title, "body": message.body, "tag": message.reference}, ensure_ascii=False)
        try:
            webpush(
                {"endpoint": device["endpoint"], "keys": {"p256dh": device["p256dh"], "auth": device["auth"]}},
                data=said,
                vapid_private_key=self._private,
                vapid_claims={"sub": self._contact},
                ttl=message.seconds or 0,
                timeout=self._timeout,
                headers={"Urgency": "high", "Topic": message.reference[:TOPIC_LENGTH]},
            )
        except WebPushException as refused:
            raise _refusal(refused.status_code) from None
        except OSError:
            # Another try is harmless: the topic makes it take the first one's place.
            raise SmsRefused("no-answer", line=True) from None
        except (ValueError, TypeError):  # keys that are no point on the curve: of a browser that does not exist
            raise SmsRefused("push-no-device", permanent=True, gone=True) from None
        return Fate(f"push-{message.reference}")

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        return None

    def fate(self, provider_id: str) -> Fate | None:
        return None

    def read_callback(self, callback: Callback) -> Fate:
        raise CallbackRefused("no-callbacks")


def _refusal(status: int | None) -> SmsRefused:
    code = f"push-{status or 'refused'}"
    if status in GONE:
        return SmsRefused(code, permanent=True, gone=True)
    if status in ABOUT_THE_MESSAGE:
        return SmsRefused(code, permanent=True)
    return SmsRefused(code, line=True)
