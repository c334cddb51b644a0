"""An identity provider on loopback: discovery, keys, authorisation and token end points over real HTTP, signing with RS256.

`faults` makes its next token wrong in one way; what it is asked must be right, or it answers with an error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "casework-van-phong", "bi-mat-cua-van-phong-thu-nghiem"


@dataclass
class Issuer:
    """`subject` is who signs in there next; `amr` how, and so many seconds `ago`. `asked` are the authorisation requests it was
    sent."""

    url: str
    now: Callable[[], datetime]
    subject: str = "nguoi-dung-17"
    amr: tuple[str, ...] = ("pwd",)
    ago: int | None = 0
    faults: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    exchanges: int = 0
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "mot", "use": "sig"}))
    _forger: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "mot", "use": "sig"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def sign_in(self, address: str) -> str:
        """What the browser does there: follows the address it was sent to. Returns the path and query it is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID and asked["scope"] == "openid"
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def discovery(self) -> dict[str, str]:
        return {
            "issuer": self.faults.get("issuer", self.url),
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }

    def jwks(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False))

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.exchanges += 1
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or authorization != expected or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if proof.rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        seconds = int(self.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": seconds,
            "exp": seconds + 300,
            "nonce": asked["nonce"],
            "amr": list(self.amr),
            "auth_time": None if self.ago is None else seconds - self.ago,
            **self.faults.get("claims", {}),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self._signed(claims)}

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.faults.get("signature") == "none":
            head, body = (_b64(json.dumps(part).encode()) for part in ({"alg": "none"}, claims))
            return f"{head}.{body}."
        if self.faults.get("signature") == "shared":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])
        key = self._forger if self.faults.get("signature") == "forged" else self._key
        return jwt.encode({"alg": "RS256", "kid": "mot"}, claims, key)


@contextmanager
def running_issuer(now: Callable[[], datetime]) -> Iterator[Issuer]:
    """Listens on a port of its own until the end of the block."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages = {"/.well-known/openid-configuration": issuer.discovery, "/jwks": issuer.jwks}
            page = pages.get(self.path)
            self._answer(200 if page else 404, page() if page else {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*issuer.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}", now)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
