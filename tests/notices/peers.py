"""Local servers at the other end of the channels: a browser's push service that can read what it was sent, and an SMTP server.

They are written from the public standards (RFC 8030, 8291, 8292; RFC 5321, 3207) and share no code with the program.
"""

from __future__ import annotations

import base64
import datetime
import email
import email.policy
import ipaddress
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---------------------------------------------------------------- a browser and its push service


@dataclass
class PushService:
    """`got` is what the browser would show: (title and body as JSON, headers). `status` answers every push."""

    address: str = ""
    status: int = 201
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen bytes!!!"
    at_send: Callable[[], None] | None = None

    def subscription(self, name: str = "one") -> dict[str, str]:
        """What a browser's `PushSubscription.toJSON()` gives, laid flat."""
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"endpoint": f"{self.address}/push/{name}", "p256dh": b64(point), "auth": b64(self.secret)}

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        self.raw.append(body)
        self.headers.append(headers)
        text = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        self.got.append(json.loads(text))


def vapid_claims(authorization: str) -> tuple[dict[str, Any], str]:
    """(claims, public key) of an Authorization header, its signature checked. Raises InvalidSignature."""
    parts = dict(part.strip().split("=", 1) for part in authorization.removeprefix("vapid ").split(","))
    signed, _dot, signature = parts["t"].rpartition(".")
    raw = unb64(signature)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(parts["k"]))
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(unb64(signed.partition(".")[2]))
    return claims, parts["k"]


@contextmanager
def push_service() -> Iterator[PushService]:
    """On a free port of this machine, until the block ends."""
    peer = PushService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if peer.at_send is not None:
                peer.at_send()
            if peer.status == 201:
                peer.take(body, dict(self.headers))
            self.send_response(peer.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """A test prints nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    peer.address = f"http://127.0.0.1:{server.server_port}"
    with _serving(server):
        yield peer


# ---------------------------------------------------------------- a mail server


@dataclass
class MailHost:
    """`letters` are what it took, each with the recipients of its envelope. `refuse`: the code for every recipient."""

    port: int = 0
    ca_file: Path = Path()
    tls: ssl.SSLContext | None = None
    refuse: int | None = None
    starttls: bool = True
    letters: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    in_clear: list[str] = field(default_factory=list)  # commands spoken before TLS
    signed_in: list[str] = field(default_factory=list)
    at_send: Callable[[], None] | None = None


class _Conversation(socketserver.StreamRequestHandler):
    """One connection, as RFC 5321 has it, as far as smtplib speaks."""

    peer: MailHost

    def handle(self) -> None:
        self.secure = False
        self.rcpt: list[str] = []
        self._say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            if not self.secure:
                self.peer.in_clear.append(line)
            verb, _blank, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
                return
            self._answer(verb.upper(), rest)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _answer(self, verb: str, rest: str) -> None:
        if verb == "EHLO":
            offers = ["AUTH PLAIN"] if self.secure else ["STARTTLS"] if self.peer.starttls else []
            words = ["mail.test", *offers]
            for number, word in enumerate(words, 1):
                self._say(f"250{' ' if number == len(words) else '-'}{word}")
        elif verb == "STARTTLS" and self.peer.tls is not None:
            self._say("220 go on")
            self.connection = self.peer.tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.secure = True
        elif verb == "AUTH":
            self.peer.signed_in.append(base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1])
            self._say("235 welcome")
        elif verb == "RCPT" and self.peer.refuse is not None:
            self._say(f"{self.peer.refuse} no")
        elif verb == "RCPT":
            self.rcpt.append(rest.partition(":")[2].partition(">")[0].strip("<"))
            self._say("250 ok")
        elif verb == "DATA":
            self._take()
        else:
            self._say("250 ok")

    def _take(self) -> None:
        if self.peer.at_send is not None:
            self.peer.at_send()
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        letter = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.peer.letters.append((self.rcpt, letter))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def mail_host(folder: Path) -> Iterator[MailHost]:
    """On a free port of this machine, with a certificate of its own in `folder`, until the block ends."""
    peer = MailHost()
    peer.ca_file, peer.tls = _certificate(folder)
    handler = type("Handler", (_Conversation,), {"peer": peer})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    peer.port = server.server_address[1]
    with _serving(server):
        yield peer


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=lambda: server.serve_forever(0.05), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
