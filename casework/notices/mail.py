"""An e-mail without content: a code and a time, so that an urgent message is seen on another machine too."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from casework.notices.models import Channel
from casework.notices.senders import Callback, CallbackRefused, Fate, Outgoing, SmsRefused

TIMEOUT_SECONDS = 10
PERMANENT = range(500, 600)
UNKNOWN_PERSON = (550, 551, 553)


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over: always under TLS, begun by STARTTLS. `ca_file`: of a server with a root of its own."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None


class MailSender:
    """One connection a message: they are few, and none may wait for another."""

    name = "mail"
    channel = Channel.MAIL

    def __init__(self, server: MailServer, *, subject: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._server = server
        self._subject = subject
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=server.ca_file)

    def send(self, message: Outgoing) -> Fate:
        if not message.to:
            raise SmsRefused("no-address", permanent=True)
        letter = self._letter(message)
        try:
            with smtplib.SMTP(self._server.host, self._server.port, timeout=self._timeout) as line:
                line.starttls(context=self._tls)
                if self._server.user:
                    line.login(self._server.user, self._server.password)
                line.send_message(letter)
        except smtplib.SMTPRecipientsRefused as refused:
            code, _words = next(iter(refused.recipients.values()))
            gone = code in UNKNOWN_PERSON
            raise SmsRefused(f"mail-{code}", permanent=gone, line=not gone) from None
        except smtplib.SMTPResponseException as refused:
            raise SmsRefused(f"mail-{refused.smtp_code}", line=True) from None
        except smtplib.SMTPServerDisconnected:
            raise SmsRefused("mail-cut", unsure=True, line=True) from None
        except smtplib.SMTPException as refused:  # no STARTTLS, no way to sign in: nothing has left
            raise SmsRefused(f"mail-{type(refused).__name__[:24]}", line=True) from None
        except ssl.SSLError:
            raise SmsRefused("mail-tls", line=True) from None
        except OSError:
            raise SmsRefused("no-answer", unsure=True, line=True) from None
        return Fate(f"mail-{message.reference}")

    def find(self, message: Outgoing, since: datetime) -> Sequence[Fate] | None:
        return None  # a second letter carries the first one's Message-ID, and mail programs show one

    def fate(self, provider_id: str) -> Fate | None:
        return None

    def read_callback(self, callback: Callback) -> Fate:
        raise CallbackRefused("no-callbacks")

    def _letter(self, message: Outgoing) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self._server.sender
        letter["To"] = message.to
        letter["Subject"] = self._subject
        letter["Date"] = formatdate()
        domain = parseaddr(self._server.sender)[1].partition("@")[2] or "localhost"
        letter["Message-ID"] = f"<{message.reference}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter["Importance"] = "high"
        letter.set_content(message.body)
        return letter
