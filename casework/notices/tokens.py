"""The secret part of addresses that the office gives out: where a provider reports, where a calendar reads."""

from __future__ import annotations

import hmac
from uuid import UUID

from casework.notices.models import Channel
from casework.vault.keys import Keys

CALLBACK_PATH = "/api/v1/sms/"
VOICE_PATH = "/api/v1/voice/"
ANSWER_PATH = "/api/v1/sms-answers"  # where Twilio passes on what people answer: the same for all of them, so no token
PURPOSE = "sms-callback"
SECRET_LENGTH = 32  # hexadecimal digits of the digest: 128 bits


def callback_address(keys: Keys, base: str, attempt: UUID, channel: Channel = Channel.SMS) -> str:
    """Where the provider reports on this attempt. Nobody without the office's keys can make one, not even from the rows."""
    path = VOICE_PATH if channel == Channel.VOICE else CALLBACK_PATH
    return f"{base}{path}{callback_token(keys, attempt)}"


def callback_token(keys: Keys, attempt: UUID) -> str:
    return f"{attempt.hex}{keys.digest(PURPOSE, attempt.hex).hex()[:SECRET_LENGTH]}"


def attempt_of(keys: Keys, token: str) -> UUID | None:
    """The attempt that this token was made for; None if it was never made."""
    try:
        attempt = UUID(hex=token[:32])
    except ValueError:
        return None
    return attempt if hmac.compare_digest(token.encode(), callback_token(keys, attempt).encode()) else None
