"""Sign-in through the office's identity provider (OpenID Connect, code flow with PKCE): an option, off unless it is set up.

The provider says who somebody is; what they may do stays here. It opens accounts that exist and that an administrator linked
and the owner agreed to; it makes none. Nothing secret of a flow is kept: nonce and verifier are derived from the state and from
a cookie of the browser that began it, so that an answer is worth nothing in any other browser.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Forbidden, Invalid, NotFound, SignInRefused
from casework.people.factors import FRESH
from casework.people.models import Staff
from casework.people.phonemodels import OidcFlow, OidcLink
from casework.work import Work

FLOW_LASTS = timedelta(minutes=10)
KEYS_KEPT = timedelta(minutes=10)
SECONDS = 10  # the provider's, to answer one question
LEEWAY = 60  # seconds its clock may differ from ours
# How long ago a second factor may have been asked for there: a session at the provider lives for hours, and would open a
# locked screen, or an act that asks for a fresh proof, to whoever sits down at it.
PROVED_WITHIN = FRESH
ALGORITHMS = ("RS256", "PS256", "ES256")  # signatures only: "none" and shared secrets are no proof of who signed
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, 2


class ProviderFault(SignInRefused):
    """The provider could not be asked, or answered what cannot be believed. `why` is a slug for the log."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True)
class Person:
    """Whom the provider has vouched for. `second_factor`: it has asked for more than a password, as the office counts it, and
    just now."""

    subject: str
    second_factor: bool


@dataclass
class Provider:
    """The provider as the settings name it. `trusted`: values of `amr` or `acr` that stand for a second factor (none: ours is
    always asked)."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    trusted: frozenset[str] = frozenset()
    _said: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: KeySet | None = field(default=None, repr=False)
    _read_at: datetime | None = field(default=None, repr=False)

    def address(self, state: str, nonce: str, verifier: str, now: datetime) -> str:
        """Where the browser is sent. Raises ProviderFault."""
        self._read(now)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.trusted:
            query["max_age"] = str(int(PROVED_WITHIN.total_seconds()))  # asks it to say when, and to ask anew
        address = self._said["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    def person(self, code: str, nonce: str, verifier: str, now: datetime) -> Person:
        """Exchanges the code and believes the token only if signature, issuer, audience, time and nonce hold.

        Raises ProviderFault.
        """
        self._read(now)
        try:
            with self._session() as session:
                given = session.fetch_token(
                    self._said["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    timeout=SECONDS,
                    allow_redirects=False,
                )
        except (OAuthError, OSError, ValueError) as error:
            raise ProviderFault("code-refused") from error
        return self._believed(str(given.get("id_token") or ""), nonce, now)

    def _believed(self, token: str, nonce: str, now: datetime) -> Person:
        assert self._keys is not None  # noqa: S101  # `_read` has set them
        try:
            claims = jwt.decode(token, self._keys, algorithms=list(ALGORITHMS)).claims
            known = CodeIDToken(
                claims,
                {},
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self.client_id},
                },
                {"nonce": nonce, "client_id": self.client_id},
            )
            known.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError) as error:
            raise ProviderFault("token-not-believed") from error
        subject = claims.get("sub")
        # Authlib compares the nonce only where the token names one.
        same = hmac.compare_digest(str(claims.get("nonce") or ""), nonce)
        if not same or not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise ProviderFault("token-not-believed")
        methods = claims.get("amr")
        said = {str(one) for one in methods} if isinstance(methods, list) else set()
        trusted = bool(self.trusted & (said | {str(claims.get("acr") or "")}))
        return Person(subject, trusted and _is_recent(claims.get("auth_time"), now))

    def _read(self, now: datetime) -> None:
        """What the provider says of itself, and its keys, anew after ten minutes."""
        if self._read_at is not None and abs(now - self._read_at) < KEYS_KEPT:
            return
        try:
            with self._session() as session:
                said = self._ask(session, f"{self.issuer}/.well-known/openid-configuration")
                if said.get("issuer") != self.issuer:
                    raise ProviderFault("another-issuer")
                keys = KeySet.import_key_set(self._ask(session, str(said["jwks_uri"])))  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError, JoseError) as error:
            raise ProviderFault("provider-out-of-reach") from error
        if not all(_is_safe(str(said.get(name, ""))) for name in ("authorization_endpoint", "token_endpoint")):
            raise ProviderFault("unsafe-address")
        self._said, self._keys, self._read_at = said, keys, now

    def _ask(self, session: OAuth2Session, address: str) -> dict[str, Any]:
        if not _is_safe(address):
            raise ProviderFault("unsafe-address")
        answer = session.get(address, withhold_token=True, timeout=SECONDS, allow_redirects=False)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said

    def _session(self) -> OAuth2Session:
        return OAuth2Session(self.client_id, self.client_secret, redirect_uri=self.redirect_uri, scope="openid")


def begin_flow(work: Work, provider: Provider, browser: str, target: str) -> str:
    """Remembers that this browser has gone to the provider. Returns the address to send it to. Raises ProviderFault."""
    state = secrets.token_urlsafe(32)
    work.session.execute(delete(OidcFlow).where(col(OidcFlow.expires_at) <= work.now))
    work.session.add(
        OidcFlow(state_digest=_digest(work, "state", state, browser), target=target, expires_at=work.now + FLOW_LASTS)
    )
    return provider.address(
        state, _digest(work, "nonce", state, browser).hex(), _digest(work, "verifier", state, browser).hex(), work.now
    )


def take_flow(work: Work, state: str, browser: str) -> tuple[str, str, str]:
    """(where to go on, nonce, verifier) of a flow this browser began, which is over with this. Raises SignInRefused."""
    flow = work.session.exec(
        select(OidcFlow)
        .where(OidcFlow.state_digest == _digest(work, "state", state, browser), OidcFlow.expires_at > work.now)
        .with_for_update()
    ).first()
    if flow is None or not browser:
        raise SignInRefused
    work.session.delete(flow)
    return (
        flow.target,
        _digest(work, "nonce", state, browser).hex(),
        _digest(work, "verifier", state, browser).hex(),
    )


def account_of(work: Work, provider: Provider, person: Person) -> Staff:
    """The open account this person's subject is linked to, with its owner's consent. Raises SignInRefused."""
    link = work.session.exec(
        select(OidcLink).where(
            OidcLink.subject_digest == _subject_digest(work, provider.issuer, person.subject),
            col(OidcLink.confirmed_at).is_not(None),
        )
    ).first()
    staff = work.session.get(Staff, link.staff_id) if link else None
    if staff is None or staff.closed_at is not None:
        raise SignInRefused
    return staff


def link_of(work: Work, staff_id: UUID) -> OidcLink | None:
    return work.session.exec(select(OidcLink).where(OidcLink.staff_id == staff_id)).first()


def propose_link(work: Work, issuer: str, staff: Staff, subject: str) -> None:
    """An administrator names the subject of an account. It opens nothing until the account's owner agrees.

    Raises Forbidden for one's own account, Invalid {"subject": code} for one that is empty, too long or another's.
    """
    if work.actor.id is None or work.actor.id == staff.id:
        raise Forbidden("own-account")
    if not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Invalid({"subject": "missing"})
    digest = _subject_digest(work, issuer, subject)
    other = work.session.exec(select(OidcLink).where(OidcLink.subject_digest == digest)).first()
    if other is not None and other.staff_id != staff.id:
        raise Invalid({"subject": "taken"})
    link = link_of(work, staff.id) or OidcLink(
        staff_id=staff.id, subject_digest=digest, made_at=work.now, made_by=work.actor.id
    )
    link.subject_digest, link.made_at, link.made_by, link.confirmed_at = digest, work.now, work.actor.id, None
    work.session.add(link)
    record(work, Tag.IDENTITY_LINKED, object_type="staff", object_id=staff.id, fields=["proposed"])


def agree_to_link(work: Work, staff: Staff) -> None:
    """The owner agrees, having proved who they are in another way. Raises NotFound where nothing was proposed."""
    link = link_of(work, staff.id)
    if link is None or link.confirmed_at is not None or work.actor.id != staff.id:
        raise NotFound
    link.confirmed_at = work.now
    work.session.add(link)
    record(work, Tag.IDENTITY_LINKED, object_type="staff", object_id=staff.id)


def unlink(work: Work, staff: Staff) -> None:
    """By the owner or an administrator. Raises NotFound where there is no link."""
    link = link_of(work, staff.id)
    if link is None:
        raise NotFound
    work.session.delete(link)
    record(work, Tag.IDENTITY_UNLINKED, object_type="staff", object_id=staff.id)


def _digest(work: Work, what: str, state: str, browser: str) -> bytes:
    return work.keys.digest(f"oidc-{what}", f"{len(state)} {state}{browser}")


def _subject_digest(work: Work, issuer: str, subject: str) -> bytes:
    return work.keys.digest("oidc-subject", f"{len(issuer)} {issuer}{subject}")


def _is_recent(at: object, now: datetime) -> bool:
    """Whether this `auth_time` (seconds) is of just now. One that says nothing may be of this morning."""
    if not isinstance(at, int | float):
        return False
    return -LEEWAY <= now.timestamp() - at <= PROVED_WITHIN.total_seconds() + LEEWAY


def _is_safe(address: str) -> bool:
    """TLS, or this machine: a code and a secret go there."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
