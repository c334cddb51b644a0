"""The office's ways out besides SMS, as the settings have them: what is not set up does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from casework.notices.channels import plan
from casework.notices.mail import MailSender, MailServer
from casework.notices.models import Channel
from casework.notices.push import PushSender
from casework.notices.senders import SmsSender
from casework.notices.sms import SEND_TIMEOUT_SECONDS, TwilioAccount
from casework.notices.voice import VoiceSender
from casework.settings import Settings
from casework.vault.keys import Keys
from casework.vault.vapid import vapid_of


def other_lines(settings: Settings, keys: Keys) -> Mapping[Channel, SmsSender]:
    """Channel → sender. Push is always there, for who allows it; mail and voice where the office has set them up."""
    lines: dict[Channel, SmsSender] = {Channel.PUSH: push_line(settings, keys)}
    if settings.smtp_host:
        server = MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from,
            user=settings.smtp_user,
            password=settings.smtp_password,
            ca_file=settings.smtp_ca_file,
        )
        lines[Channel.MAIL] = MailSender(server, subject=plan().words[Channel.MAIL].subject)
    if settings.voice_from:
        account = TwilioAccount(
            settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_api, SEND_TIMEOUT_SECONDS
        )
        lines[Channel.VOICE] = VoiceSender(account, number=settings.voice_from, reader=plan().reader)
    return lines


def push_line(settings: Settings, keys: Keys) -> PushSender:
    return PushSender(
        vapid_of(keys),
        contact=_contact(settings.public_url),
        title=plan().words[Channel.PUSH].subject,
        service=settings.push_service,
    )


def _contact(public_url: str) -> str:
    """Whom a push service's operator would write to (RFC 8292, 2.1): the office's own address, or its host's postmaster."""
    address = urlsplit(public_url)
    if address.scheme == "https" and address.port is None:
        return f"https://{address.hostname}"
    return f"mailto:postmaster@{address.hostname or 'localhost'}"
