"""A person's own second factors: set up, named, replaced, removed; and taken away together when they are lost."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
import webauthn
from sqlalchemy import delete, func, update
from sqlmodel import col, select
from webauthn.helpers.exceptions import WebAuthnException

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Forbidden, NotFound, SignInRefused
from casework.people.factormodels import CodeFailures, Passkey, RecoveryCode, SignInChallenge, Totp
from casework.people.factors import (
    ISSUER,
    LONGEST_CREDENTIAL,
    STEP_SECONDS,
    Purpose,
    Site,
    has_factor,
    passkeys_of,
    question,
    recovery_digest,
    take_step,
)
from casework.people.models import SecondFactor, Staff
from casework.people.service import PASSWORD_LETTERS, SignedIn, end_sessions, open_session, resume_session
from casework.work import Work

SEED_OPEN_FOR = timedelta(minutes=15)  # a seed that is shown and not yet confirmed
RECOVERY_CODES = 10
MOST_PASSKEYS = 10
LONGEST_NAME = 60


@dataclass(frozen=True)
class PasskeyShown:
    id: UUID
    name: str
    made_at: datetime
    last_used_at: datetime | None
    suspect: bool


@dataclass(frozen=True)
class Factors:
    """What a person has set up. `totp_since`: when the application was confirmed."""

    passkeys: tuple[PasskeyShown, ...]
    totp_since: datetime | None
    codes_left: int

    @property
    def usable(self) -> int:
        return sum(not one.suspect for one in self.passkeys) + (self.totp_since is not None)


def factors_of(work: Work, staff: Staff) -> Factors:
    """What the person has set up, in at most three questions."""
    rows = passkeys_of(work, staff.id)
    names = work.open_all(rows, "name")
    passkeys = tuple(
        PasskeyShown(one.id, name or "", one.made_at, one.last_used_at, one.suspect_at is not None)
        for one, name in zip(rows, names, strict=True)
    )
    since = work.session.exec(
        select(Totp.confirmed_at).where(Totp.staff_id == staff.id, col(Totp.confirmed_at).is_not(None))
    ).first()
    left = work.session.exec(
        select(func.count()).where(RecoveryCode.staff_id == staff.id, col(RecoveryCode.used_at).is_(None))
    ).one()
    return Factors(passkeys, since, left)


def finish_enrolment(work: Work, staff: Staff, session_token: str) -> SignedIn:
    """The first factor is set up: every limited session ends and a whole one begins.

    Raises Forbidden where there is no factor, SignInRefused for a session that is over: of two people who hold the password
    and set up at once, the later one's work is dropped.
    """
    _hold_factors(work, staff)
    if not has_factor(work, staff.id):
        raise Forbidden("no-factor")
    if resume_session(work, session_token) is None:
        raise SignInRefused
    end_sessions(work, staff)
    return open_session(work, staff)


def reset_factors(work: Work, staff: Staff, *, proposed_by: UUID, confirmed_by: UUID) -> None:
    """Takes all factors from who has lost them: the next sign-in sets up new ones. Sessions end.

    Two persons, neither of them the owner: whoever does it alone could be whoever stole the password. Raises Forbidden.
    """
    if proposed_by == confirmed_by or staff.id in (proposed_by, confirmed_by):
        raise Forbidden("same-person")
    work.session.execute(
        update(Passkey)
        .where(col(Passkey.staff_id) == staff.id, col(Passkey.closed_at).is_(None))
        .values(closed_at=work.now)
    )
    for table in (Totp, RecoveryCode, CodeFailures, SignInChallenge):
        work.session.execute(delete(table).where(col(table.staff_id) == staff.id))
    end_sessions(work, staff)
    record(work, Tag.FACTORS_RESET, object_type="staff", object_id=staff.id)


def _hold_factors(work: Work, staff: Staff) -> None:
    """Two that remove the last two factors at once would leave none. `key_share`: rows just added name the person already,
    and two that wait for each other's would wait for ever."""
    work.session.exec(select(Staff.id).where(Staff.id == staff.id).with_for_update(key_share=True)).one()


def _check_not_last(work: Work, staff: Staff, *, suspect: bool = False) -> None:
    """`suspect`: what is removed is of no use as it is, so that one other has to be left and not two."""
    least = 0 if suspect else 1
    if staff.second_factor == SecondFactor.REQUIRED and factors_of(work, staff).usable <= least:
        raise Forbidden("last-factor")


# ---------------------------------------------------------------- passkeys


def add_passkey(work: Work, staff: Staff, token: str, given: str, name: str, site: Site) -> Passkey | None:
    """Keeps the passkey a browser has just made for the open question `token`. None where it is not what was asked for."""
    asked = question(work, Purpose.ENROL, token, hold=True)
    if asked is None or asked.staff_id != staff.id or len(given) > LONGEST_CREDENTIAL:
        return None
    if len(passkeys_of(work, staff.id)) >= MOST_PASSKEYS:
        raise Forbidden("too-many-passkeys")
    asked.tries += 1
    work.session.add(asked)
    try:
        made = webauthn.verify_registration_response(
            credential=given,
            expected_challenge=asked.challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return None
    if work.session.exec(select(Passkey.id).where(Passkey.credential_id == made.credential_id)).first() is not None:
        return None
    work.session.delete(asked)
    passkey = Passkey(
        staff_id=staff.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        made_at=work.now,
    )
    work.seal(passkey, name=_name_of(name))
    work.session.add(passkey)
    record(work, Tag.FACTOR_ADDED, object_type="passkey", object_id=passkey.id)
    return passkey


def rename_passkey(work: Work, staff: Staff, passkey_id: UUID, name: str) -> None:
    """Raises NotFound for a passkey that is not this person's."""
    passkey = _own_passkey(work, staff, passkey_id)
    work.seal(passkey, name=_name_of(name))
    work.session.add(passkey)
    record(work, Tag.FACTOR_RENAMED, object_type="passkey", object_id=passkey.id)


def close_passkey(work: Work, staff: Staff, passkey_id: UUID) -> None:
    """Raises NotFound for a passkey that is not this person's, Forbidden for the last factor of an account that needs one."""
    _hold_factors(work, staff)
    passkey = _own_passkey(work, staff, passkey_id)
    _check_not_last(work, staff, suspect=passkey.suspect_at is not None)
    passkey.closed_at = work.now
    work.session.add(passkey)
    record(work, Tag.FACTOR_REMOVED, object_type="passkey", object_id=passkey.id)


def _own_passkey(work: Work, staff: Staff, passkey_id: UUID) -> Passkey:
    found = work.session.get(Passkey, passkey_id)
    if found is None or found.staff_id != staff.id or found.closed_at is not None:
        raise NotFound
    return found


def _name_of(typed: str) -> str:
    return " ".join(typed.split())[:LONGEST_NAME]


# ---------------------------------------------------------------- an authenticator application


def start_totp(work: Work, staff: Staff) -> None:
    """A new seed to be shown and confirmed. What was confirmed before stays good until then."""
    work.session.execute(delete(Totp).where(col(Totp.staff_id) == staff.id, col(Totp.confirmed_at).is_(None)))
    totp = Totp(staff_id=staff.id, made_at=work.now)
    work.seal(totp, seed=pyotp.random_base32())
    work.session.add(totp)


def seed_to_confirm(work: Work, staff: Staff) -> tuple[str, str] | None:
    """(the seed in base32, the `otpauth:` address for a QR code), while it waits to be confirmed. Never in a log or a URL."""
    totp = _unconfirmed(work, staff)
    if totp is None:
        return None
    seed: str = work.open(totp, "seed")
    return seed, pyotp.TOTP(seed, interval=STEP_SECONDS).provisioning_uri(name=staff.username, issuer_name=ISSUER)


def confirm_totp(work: Work, staff: Staff, code: str) -> bool:
    """Whether the code is the waiting seed's; the seed then takes the place of the one before."""
    totp = _unconfirmed(work, staff)
    if totp is None or not take_step(work, totp, code):
        return False
    work.session.execute(delete(Totp).where(col(Totp.staff_id) == staff.id, col(Totp.id) != totp.id))
    totp.confirmed_at = work.now
    work.session.add(totp)
    record(work, Tag.FACTOR_ADDED, object_type="totp", object_id=totp.id)
    return True


def remove_totp(work: Work, staff: Staff) -> None:
    """Raises NotFound where there is none, Forbidden for the last factor of an account that needs one."""
    _hold_factors(work, staff)
    totp = work.session.exec(
        select(Totp).where(Totp.staff_id == staff.id, col(Totp.confirmed_at).is_not(None))
    ).first()  # fmt: skip
    if totp is None:
        raise NotFound
    _check_not_last(work, staff)
    work.session.delete(totp)
    record(work, Tag.FACTOR_REMOVED, object_type="totp", object_id=totp.id)


def _unconfirmed(work: Work, staff: Staff) -> Totp | None:
    query = select(Totp).where(
        Totp.staff_id == staff.id, col(Totp.confirmed_at).is_(None), Totp.made_at > work.now - SEED_OPEN_FOR
    )
    return work.session.exec(query.order_by(col(Totp.made_at).desc()).with_for_update()).first()


def new_recovery_codes(work: Work, staff: Staff) -> list[str]:
    """Ten codes of fifty random bits, told once, in place of all earlier ones."""
    codes = ["".join(secrets.choice(PASSWORD_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    work.session.execute(delete(RecoveryCode).where(col(RecoveryCode.staff_id) == staff.id))
    for code in codes:
        digest = recovery_digest(work, staff.id, code)
        work.session.add(RecoveryCode(staff_id=staff.id, digest=digest, made_at=work.now))
    record(work, Tag.RECOVERY_CODES_MADE, object_type="staff", object_id=staff.id)
    return [f"{code[:5]}-{code[5:]}" for code in codes]
