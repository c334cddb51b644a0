"""Second factors: set up, asked for at sign-in, and asked for again before an act that needs a fresh one.

A question (`ask`) is open for a few minutes and five tries; the right answer takes it away. Wrong codes are counted over all
questions of a person and slow down, then stop, further codes. A passkey answers regardless: guessing cannot lock it out.
Only `webauthn` and `pyotp` look into what they verify; `site` says where a passkey must have been made and used.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import pyotp
import webauthn
from sqlalchemy import delete, exists, or_, update
from sqlalchemy import select as sql_select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from webauthn.helpers import options_to_json, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import NotFound, TooManyAttempts
from casework.people.factormodels import CodeFailures, Passkey, RecoveryCode, SignInChallenge, Totp
from casework.people.models import SecondFactor, Staff
from casework.people.service import (
    SignedIn,
    check_password,
    note_refused_stranger,
    open_session,
    password_is,
    renew_session,
)
from casework.people.throttle import limits
from casework.work import Work

OPEN_FOR = timedelta(minutes=10)  # a question; long enough to fetch the paper with the recovery codes
TRIES = 5  # answers to one question
FRESH = timedelta(minutes=5)  # how long a proof counts for acts that need a fresh one
STEP_SECONDS = 30  # RFC 6238
LONGEST_CREDENTIAL = 16_384  # characters of JSON
ISSUER = "casework"


class Purpose(StrEnum):
    """What a question was asked for. An answer to one is none to another."""

    SIGN_IN = "sign-in"
    PASSKEY = "passkey"  # a sign-in by passkey alone: whose, the passkey says
    ENROL = "enrol"
    STEP_UP = "step-up"
    NEW_PASSWORD = "new-password"  # noqa: S105  # what is asked: a password of one's own instead of a first one


class Step(StrEnum):
    """What the password alone has come to."""

    OPEN = "open"  # signed in
    ENROL = "enrol"  # signed in to the pages of second factors only
    FACTOR = "factor"  # not signed in: `token` is that of the question
    PASSWORD = "password"  # noqa: S105  # not signed in: a password of one's own has to be chosen for the question `token`


@dataclass(frozen=True)
class Admission:
    """What is open after a first proof. `token`: of the session, or where `step` is FACTOR or PASSWORD of the question."""

    step: Step
    token: str
    staff: Staff


@dataclass(frozen=True)
class Site:
    """Where the office's passkeys belong: `rp_id` is a host name, `origin` as the browser writes it."""

    rp_id: str
    origin: str


@dataclass(frozen=True)
class Answer:
    """What was given: at most one of them is not empty. `passkey` is the JSON of the browser's credential."""

    code: str = ""
    recovery: str = ""
    passkey: str = ""
    password: str = ""


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    CLONED = "cloned"  # a passkey whose counter went back
    OVER = "over"  # no such question any more


@dataclass(frozen=True)
class Outcome:
    """How an answer was taken. `staff`: whose it was, where it is known. `by`: which factor."""

    verdict: Verdict
    staff: Staff | None = None
    by: str = ""


def site_of(public_url: str) -> Site | None:
    """None where browsers know no passkeys: at an IP address, and without TLS anywhere but on `localhost`."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if not host or _is_address(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- signing in


def sign_in(work: Work, username: str, password: str, *, network: str = "") -> Admission:
    """Raises SignInRefused or TooManyAttempts, as `check_password` does. A first password opens nothing but the question for
    one of the person's own (`sessions.choose_password`)."""
    staff = check_password(work, username, password, network=network)
    if staff.first_password_at is not None:
        return Admission(Step.PASSWORD, ask(work, Purpose.NEW_PASSWORD, staff.id), staff)
    return admit(work, staff)


def admit(work: Work, staff: Staff) -> Admission:
    """What opens for who has given a first proof: a question for the second, or the pages to set one up.

    The invented people of a drill are signed in at once, unless they have set up a factor.
    """
    if has_factor(work, staff.id):
        return Admission(Step.FACTOR, ask(work, Purpose.SIGN_IN, staff.id), staff)
    limited = staff.second_factor != SecondFactor.WAIVED
    opened = open_session(work, staff, limited=limited)
    return Admission(Step.ENROL if limited else Step.OPEN, opened.token, staff)


def finish_sign_in(work: Work, token: str, answer: Answer, site: Site | None) -> tuple[Outcome, SignedIn | None]:
    """Answers the question of a sign-in. The session is open where the verdict is RIGHT, and only there.

    Raises TooManyAttempts after too many wrong codes. Everything else must be kept: a wrong answer is counted.
    """
    outcome = _answer(work, Purpose.SIGN_IN, token, answer, site)
    return outcome, _opened(work, outcome)


def sign_in_by_passkey(
    work: Work, token: str, passkey: str, site: Site | None, *, network: str = ""
) -> tuple[Outcome, SignedIn | None]:
    """A passkey alone: it is something one has, and its owner was verified by the device. Knows no user name. `network`: as
    in `throttle.count_guess`; no passkey is refused for it."""
    outcome = _answer(work, Purpose.PASSKEY, token, Answer(passkey=passkey), site, network=network)
    return outcome, _opened(work, outcome)


def _opened(work: Work, outcome: Outcome) -> SignedIn | None:
    right = outcome.verdict == Verdict.RIGHT and outcome.staff is not None and outcome.staff.closed_at is None
    return open_session(work, outcome.staff) if right and outcome.staff is not None else None


def is_fresh(factor_at: datetime | None, now: datetime, within: timedelta = FRESH) -> bool:
    return factor_at is not None and now - factor_at <= within


def confirm(
    work: Work, staff: Staff, session_token: str, token: str, answer: Answer, site: Site | None
) -> tuple[Outcome, str | None]:
    """A fresh proof inside a session. Returns the session's new token where the verdict is RIGHT, and only there.

    Who has no factor because a drill waives it gives the password again; nobody else may. Raises TooManyAttempts.
    """
    outcome = _answer(work, Purpose.STEP_UP, token, answer, site, of=staff)
    if outcome.verdict != Verdict.RIGHT:
        return outcome, None
    record(work, Tag.FACTOR_CONFIRMED, object_type="staff", object_id=staff.id, fields=[outcome.by])
    return outcome, renew_session(work, session_token)


def asks_password(work: Work, staff: Staff) -> bool:
    """Whether a fresh proof of this person is their password."""
    return staff.second_factor == SecondFactor.WAIVED and not has_factor(work, staff.id)


# ---------------------------------------------------------------- questions


def ask(work: Work, purpose: Purpose, staff_id: UUID | None = None) -> str:
    """Opens a question and returns its token, of which only a digest is kept."""
    work.session.execute(delete(SignInChallenge).where(col(SignInChallenge.expires_at) <= work.now))
    token = secrets.token_urlsafe(32)
    work.session.add(
        SignInChallenge(
            token_digest=_token_digest(work, token),
            staff_id=staff_id,
            purpose=purpose.value,
            challenge=secrets.token_bytes(32),
            expires_at=work.now + OPEN_FOR,
        )
    )
    return token


def is_open(work: Work, purpose: Purpose, token: str, staff_id: UUID | None = None) -> bool:
    """Whether this question may still be answered, by `staff_id` where it is given."""
    found = question(work, purpose, token)
    return found is not None and (staff_id is None or found.staff_id == staff_id)


def asked_of(work: Work, purpose: Purpose, token: str) -> Staff | None:
    found = question(work, purpose, token)
    return work.session.get(Staff, found.staff_id) if found is not None and found.staff_id is not None else None


def passkey_question(work: Work, purpose: Purpose, token: str, site: Site) -> str:
    """The JSON that a browser hands to its authenticator. Raises NotFound for a question that is over."""
    found = question(work, purpose, token)
    if found is None:
        raise NotFound
    if purpose == Purpose.ENROL:
        return _creation(work, found, site)
    allowed = (
        [] if found.staff_id is None else [one for one in passkeys_of(work, found.staff_id) if one.suspect_at is None]
    )
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=found.challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in allowed],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def _creation(work: Work, question: SignInChallenge, site: Site) -> str:
    staff = work.session.get_one(Staff, question.staff_id)
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=ISSUER,
        # The account's name and a random id: an authenticator keeps both, and syncs them to who knows where.
        user_id=staff.id.bytes,
        user_name=staff.username,
        user_display_name=staff.username,
        challenge=question.challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=one.credential_id) for one in passkeys_of(work, staff.id)
        ],
    )
    return options_to_json(options)


def question(work: Work, purpose: Purpose, token: str, *, hold: bool = False) -> SignInChallenge | None:
    query = select(SignInChallenge).where(
        SignInChallenge.token_digest == _token_digest(work, token),
        SignInChallenge.purpose == purpose.value,
        SignInChallenge.expires_at > work.now,
        SignInChallenge.tries < TRIES,
    )
    if hold:
        query = query.with_for_update().execution_options(populate_existing=True)
    return work.session.exec(query).first()


def _token_digest(work: Work, token: str) -> bytes:
    return work.keys.digest("sign-in-question", token)


def _answer(
    work: Work,
    purpose: Purpose,
    token: str,
    answer: Answer,
    site: Site | None,
    *,
    of: Staff | None = None,
    network: str = "",
) -> Outcome:
    asked = question(work, purpose, token, hold=True)
    if asked is None or (of is not None and asked.staff_id != of.id):
        return Outcome(Verdict.OVER)
    asked.tries += 1
    staff = work.session.get_one(Staff, asked.staff_id) if asked.staff_id is not None else None
    outcome = _by_passkey(work, asked, staff, answer.passkey, site) if answer.passkey else _by_word(work, staff, answer)
    if outcome.verdict == Verdict.RIGHT and outcome.staff is not None:
        # The row is held: of two that answer at once the later finds it gone.
        work.session.delete(asked)
        # Emptied, not taken away: another answer may be waiting for the row that counts it.
        emptied = update(CodeFailures).where(col(CodeFailures.staff_id) == outcome.staff.id).values(failures=0)
        work.session.execute(emptied)
    else:
        work.session.add(asked)
        whose = outcome.staff or staff
        if whose is None:
            note_refused_stranger(work, Tag.FACTOR_REFUSED, network)
        else:
            record(work, Tag.FACTOR_REFUSED, object_type="staff", object_id=whose.id, result="refused")
    return outcome


# ---------------------------------------------------------------- codes


def _by_word(work: Work, staff: Staff | None, answer: Answer) -> Outcome:
    """A code, a recovery code or, where it is enough, the password. Raises TooManyAttempts."""
    if staff is None:
        return Outcome(Verdict.WRONG)
    failures = _failures(work, staff.id)
    _check_codes_may_be_tried(work, failures)
    by = _right_word(work, staff, answer)
    if by:
        return Outcome(Verdict.RIGHT, staff, by)
    failures.failures += 1
    failures.latest_at = work.now
    work.session.add(failures)
    return Outcome(Verdict.WRONG, staff)


def _right_word(work: Work, staff: Staff, answer: Answer) -> str:
    """The name of the factor that was proved, or nothing."""
    if answer.code:
        return "totp" if _take_code(work, staff.id, answer.code) else ""
    if answer.recovery:
        return "recovery-code" if _take_recovery_code(work, staff, answer.recovery) else ""
    if answer.password and asks_password(work, staff):
        return "password" if password_is(work, staff, answer.password) else ""
    return ""


def _failures(work: Work, staff_id: UUID) -> CodeFailures:
    """The person's count, held until the end of the work: of many tries at once each finds what the one before it counted."""
    work.session.connection().execute(
        insert(CodeFailures).values(staff_id=staff_id, failures=0, latest_at=work.now).on_conflict_do_nothing()
    )
    query = select(CodeFailures).where(CodeFailures.staff_id == staff_id).with_for_update()
    return work.session.exec(query.execution_options(populate_existing=True)).one()


def _check_codes_may_be_tried(work: Work, failures: CodeFailures) -> None:
    allowed = limits()
    if failures.failures >= allowed.most:
        raise TooManyAttempts(0, closed=True)
    until = failures.latest_at + allowed.account.wait(failures.failures)
    if work.now < until:
        raise TooManyAttempts(int((until - work.now).total_seconds()) + 1)


def _take_code(work: Work, staff_id: UUID, code: str) -> bool:
    query = select(Totp).where(Totp.staff_id == staff_id, col(Totp.confirmed_at).is_not(None)).with_for_update()
    totp = work.session.exec(query.execution_options(populate_existing=True)).first()
    return totp is not None and take_step(work, totp, code)


def take_step(work: Work, totp: Totp, code: str) -> bool:
    """Whether the code is of this step, the one before or the one after, and none as late was taken yet."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return False
    generator = pyotp.TOTP(work.open(totp, "seed"), interval=STEP_SECONDS)
    here = int(work.now.timestamp()) // STEP_SECONDS
    matching = [step for step in (here - 1, here, here + 1) if hmac.compare_digest(generator.generate_otp(step), typed)]
    fresh = [step for step in matching if step > totp.last_step]
    if fresh:
        totp.last_step = fresh[0]
        work.session.add(totp)
    return bool(fresh)


def _take_recovery_code(work: Work, staff: Staff, code: str) -> bool:
    done = work.session.connection().execute(
        update(RecoveryCode)
        .where(
            col(RecoveryCode.staff_id) == staff.id,
            col(RecoveryCode.digest) == recovery_digest(work, staff.id, code),
            col(RecoveryCode.used_at).is_(None),
        )
        .values(used_at=work.now)
        .returning(col(RecoveryCode.id))
    )
    used = done.first() is not None
    if used:
        record(work, Tag.RECOVERY_CODE_USED, object_type="staff", object_id=staff.id)
    return used


def recovery_digest(work: Work, staff_id: UUID, code: str) -> bytes:
    typed = "".join(letter for letter in code.lower() if letter.isalnum())[:40]
    return work.keys.digest("recovery-code", f"{staff_id}/{typed}")


# ---------------------------------------------------------------- passkeys


def _by_passkey(work: Work, question: SignInChallenge, staff: Staff | None, given: str, site: Site | None) -> Outcome:
    passkey = _passkey_named(work, given) if site is not None else None
    if passkey is None or site is None or (staff is not None and passkey.staff_id != staff.id):
        return Outcome(Verdict.WRONG)
    owner = staff or work.session.get_one(Staff, passkey.staff_id)
    try:
        shown = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=question.challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared below: the library does not tell a copy from a bad signature
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return Outcome(Verdict.WRONG)
    if passkey.sign_count and shown.new_sign_count <= passkey.sign_count:
        passkey.suspect_at = work.now
        work.session.add(passkey)
        record(work, Tag.FACTOR_SUSPECTED, object_type="passkey", object_id=passkey.id, result="refused")
        return Outcome(Verdict.CLONED, owner)
    passkey.sign_count = shown.new_sign_count
    passkey.last_used_at = work.now
    work.session.add(passkey)
    return Outcome(Verdict.RIGHT, owner, "passkey")


def _passkey_named(work: Work, given: str) -> Passkey | None:
    """The live passkey a browser's credential claims to be, held until the end of the work."""
    if len(given) > LONGEST_CREDENTIAL:
        return None
    try:
        named = parse_authentication_credential_json(given)
    except (WebAuthnException, ValueError):
        return None
    query = (
        select(Passkey)
        .join(Staff, col(Staff.id) == Passkey.staff_id)
        .where(
            Passkey.credential_id == named.raw_id,
            col(Passkey.closed_at).is_(None),
            col(Passkey.suspect_at).is_(None),
            col(Staff.closed_at).is_(None),
        )
        .with_for_update(of=Passkey)
        .execution_options(populate_existing=True)
    )
    found = work.session.exec(query).first()
    handle = named.response.user_handle
    return found if found is not None and (handle is None or handle == found.staff_id.bytes) else None


def has_factor(work: Work, staff_id: UUID) -> bool:
    """Whether a second factor was ever set up and not removed. A suspect passkey counts: a copy must not bring back the days
    when the password was enough."""
    held = exists().where(col(Passkey.staff_id) == staff_id, col(Passkey.closed_at).is_(None))
    totp = exists().where(col(Totp.staff_id) == staff_id, col(Totp.confirmed_at).is_not(None))
    return bool(work.session.connection().execute(sql_select(or_(held, totp))).scalar_one())


@dataclass(frozen=True)
class Ways:
    """What a person may answer a question with."""

    passkey: bool
    code: bool
    recovery: bool
    password: bool


def ways_of(work: Work, staff: Staff) -> Ways:
    """In one question. The password is a way only for the invented people of a drill who have set up nothing."""
    passkeys = exists().where(
        col(Passkey.staff_id) == staff.id, col(Passkey.closed_at).is_(None), col(Passkey.suspect_at).is_(None)
    )
    held = exists().where(col(Passkey.staff_id) == staff.id, col(Passkey.closed_at).is_(None))
    totp = exists().where(col(Totp.staff_id) == staff.id, col(Totp.confirmed_at).is_not(None))
    codes = exists().where(col(RecoveryCode.staff_id) == staff.id, col(RecoveryCode.used_at).is_(None))
    found = work.session.connection().execute(sql_select(passkeys, totp, codes, held)).one()
    waived = staff.second_factor == SecondFactor.WAIVED and not found[1] and not found[3]
    return Ways(passkey=found[0], code=found[1], recovery=found[2], password=waived)


def passkeys_of(work: Work, staff_id: UUID) -> Sequence[Passkey]:
    query = select(Passkey).where(Passkey.staff_id == staff_id, col(Passkey.closed_at).is_(None))
    return work.session.exec(query.order_by(col(Passkey.made_at), col(Passkey.id))).all()
