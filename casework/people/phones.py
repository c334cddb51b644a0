"""A collaborator's telephone with its PIN in place of a password: made theirs with a code, and taken away from afar.

The telephone holds a token (something one has), its owner the PIN (something one knows). The PIN is guessed at most five times
in a row, on that telephone alone: then the telephone opens nothing any more.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Invalid, NotFound, SignInRefused
from casework.people.agents import Client
from casework.people.models import SignedInSession, Staff, Unit
from casework.people.passwords import hash_password, is_right, pin_fault
from casework.people.phonemodels import Phone, PhoneCode
from casework.people.rules import Role
from casework.people.service import PASSWORD_LETTERS, SignedIn, open_session
from casework.people.throttle import count_guess, forgive_guesses
from casework.work import Work

CODE_LASTS = timedelta(minutes=15)
CODE_LENGTH = 8  # of 32 letters and digits: 40 bits, for a quarter of an hour, throttled
MOST_WRONG = 5
MOST_PHONES = 3  # a person's at once: more are forgotten ones
_CODE_GUESSES = "phone code"  # no user name has a blank


@dataclass(frozen=True)
class PhoneShown:
    id: UUID
    agent: str
    made_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Collaborator:
    """Somebody who may report from a telephone, and which ones are theirs."""

    staff: Staff
    phones: tuple[PhoneShown, ...]


@dataclass(frozen=True)
class PinRefused:
    """`left`: how many tries the telephone still has; 0: it was taken away just now. `staff`: whose it is."""

    left: int
    staff: Staff


def collaborators_of(work: Work, unit_id: UUID) -> list[Collaborator]:
    """The open collaborators' accounts of one commune, by user name, each with its telephones."""
    staff = work.session.exec(
        select(Staff)
        .where(Staff.unit_id == unit_id, Staff.role == Role.COLLABORATOR, col(Staff.closed_at).is_(None))
        .order_by(col(Staff.username))
    ).all()
    phones = _live_phones(work, [one.id for one in staff])
    return [Collaborator(one, tuple(phones.get(one.id, ()))) for one in staff]


def phones_of(work: Work, staff: Staff) -> list[PhoneShown]:
    return _live_phones(work, [staff.id]).get(staff.id, [])


def give_code(work: Work, staff: Staff) -> str:
    """A code for one telephone, told once; an earlier one that was not used is void. Raises NotFound for who reports from no
    telephone."""
    if staff.role != Role.COLLABORATOR or staff.closed_at is not None or work.actor.id is None:
        raise NotFound
    work.session.execute(
        update(PhoneCode)
        .where(col(PhoneCode.staff_id) == staff.id, col(PhoneCode.used_at).is_(None))
        .values(used_at=work.now)
    )
    code = "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(CODE_LENGTH))
    work.session.add(
        PhoneCode(
            staff_id=staff.id,
            digest=_code_digest(work, code),
            made_at=work.now,
            made_by=work.actor.id,
            expires_at=work.now + CODE_LASTS,
        )
    )
    record(work, Tag.PHONE_CODE_GIVEN, object_type="staff", object_id=staff.id)
    return f"{code[:4]}-{code[4:]}"


def enrol_phone(work: Work, *, code: str, pin: str, client: Client) -> tuple[str, SignedIn]:
    """Makes a telephone its owner's and signs them in. Returns the telephone's token, which only its cookie keeps.

    Raises SignInRefused for a code that is wrong, used or too old, TooManyAttempts, and Invalid {"pin": code}.
    """
    if fault := pin_fault(pin):
        raise Invalid({"pin": fault})
    # One name for each network: who guesses codes makes nobody elsewhere wait.
    guesses = f"{_CODE_GUESSES} {client.network}"
    count_guess(work, guesses, None, client.network, bounded=False)
    given = work.session.exec(
        select(PhoneCode)
        .where(
            PhoneCode.digest == _code_digest(work, code),
            col(PhoneCode.used_at).is_(None),
            PhoneCode.expires_at > work.now,
        )
        .with_for_update()
    ).first()
    staff = work.session.get(Staff, given.staff_id) if given else None
    if given is None or staff is None or staff.closed_at is not None or staff.role != Role.COLLABORATOR:
        raise SignInRefused
    forgive_guesses(work, guesses, client.network)
    given.used_at = work.now
    work.session.add(given)
    for surplus in phones_of(work, staff)[MOST_PHONES - 1 :]:
        _revoke(work, work.session.get_one(Phone, surplus.id), why="replaced")
    token = secrets.token_urlsafe(32)
    phone = Phone(
        staff_id=staff.id,
        token_digest=work.keys.digest("phone", token),
        pin_hash=hash_password(work.keys, pin),
        agent=client.agent,
        made_at=work.now,
        made_by=given.made_by,
        last_used_at=work.now,
    )
    work.session.add(phone)
    work.session.flush()
    signed_in = open_session(work, staff, phone_id=phone.id)
    record(work, Tag.PHONE_ENROLLED, object_type="staff", object_id=staff.id)
    return token, signed_in


def known_phone(work: Work, token: str) -> bool:
    """Whether this telephone may still ask for its PIN."""
    return _phone_of(work, token) is not None


def enter_by_pin(work: Work, token: str, pin: str) -> SignedIn | PinRefused:
    """Signs in who has the telephone and knows its PIN. A wrong PIN is counted whatever becomes of this work; with the fifth
    in a row the telephone is taken away: the door tells its owner and the commune.

    Raises SignInRefused for a telephone that is not known any more.
    """
    phone, staff = check_pin(work, token, pin)
    if isinstance(phone, PinRefused):
        return phone
    return open_session(work, staff, phone_id=phone.id)


def check_pin(work: Work, token: str, pin: str) -> tuple[Phone | PinRefused, Staff]:
    """As `enter_by_pin`, opening nothing."""
    phone = _phone_of(work, token)
    if phone is None:
        raise SignInRefused
    staff = work.session.get_one(Staff, phone.staff_id)
    wrong = _count_pin(work, phone.id)
    if wrong is None:
        raise SignInRefused
    work.session.refresh(phone)
    if is_right(work.keys, phone.pin_hash, pin):
        phone.wrong, phone.last_used_at = 0, work.now
        work.session.add(phone)
        return phone, staff
    left = max(0, MOST_WRONG - wrong)
    if left == 0:
        _revoke(work, phone, why="pin")
    record(work, Tag.PHONE_PIN_REFUSED, object_type="staff", object_id=staff.id, result="refused")
    return PinRefused(left, staff), staff


def revoke_phone(work: Work, staff: Staff, phone_id: UUID, *, why: str) -> None:
    """Takes one of the person's telephones away: it and its sessions open nothing from their next request on.

    `why` as on `Phone.revoked_why`. Raises NotFound for any other's.
    """
    phone = work.session.get(Phone, phone_id)
    if phone is None or phone.staff_id != staff.id or phone.revoked_at is not None:
        raise NotFound
    _revoke(work, phone, why=why)


def find_collaborator(work: Work, staff_id: UUID) -> Staff:
    """A collaborator whose telephones the actor looks after: of their own commune, or for an administrator of their province.

    Raises NotFound for everybody else's.
    """
    staff = work.session.get(Staff, staff_id)
    if staff is None or staff.role != Role.COLLABORATOR or staff.closed_at is not None:
        raise NotFound
    home = work.session.get_one(Unit, staff.unit_id)
    near = staff.unit_id == work.actor.unit_id and work.actor.role in (Role.WORKER, Role.CHAIR)
    above = work.actor.role == Role.ADMINISTRATOR and _administers(work, home)
    if not near and not above:
        raise NotFound
    return staff


def _administers(work: Work, home: Unit) -> bool:
    own = work.session.get(Unit, work.actor.unit_id) if work.actor.unit_id else None
    return own is not None and (own.id in (home.id, home.province_id) or own.kind == "national")


def _revoke(work: Work, phone: Phone, *, why: str) -> None:
    phone.revoked_at, phone.revoked_by, phone.revoked_why = work.now, work.actor.id, why
    work.session.add(phone)
    work.session.execute(
        update(SignedInSession)
        .where(col(SignedInSession.phone_id) == phone.id, col(SignedInSession.ended_at).is_(None))
        .values(ended_at=work.now)
    )
    record(work, Tag.PHONE_REVOKED, object_type="staff", object_id=phone.staff_id, fields=[why])


def _count_pin(work: Work, phone_id: UUID) -> int | None:
    """Counts one try, committed before the PIN is looked at; None where the telephone has none left."""
    with Session(work.session.get_bind()) as own:
        row = (
            own.connection()
            .execute(
                update(Phone)
                .where(col(Phone.id) == phone_id, col(Phone.revoked_at).is_(None), col(Phone.wrong) < MOST_WRONG)
                .values(wrong=Phone.wrong + 1)
                .returning(col(Phone.wrong))
            )
            .first()
        )
        own.commit()
    return row[0] if row else None


def _phone_of(work: Work, token: str) -> Phone | None:
    return work.session.exec(
        select(Phone)
        .join(Staff, col(Staff.id) == Phone.staff_id)
        .where(
            Phone.token_digest == work.keys.digest("phone", token),
            col(Phone.revoked_at).is_(None),
            col(Staff.closed_at).is_(None),
            Staff.role == Role.COLLABORATOR,
        )
    ).first()


def _live_phones(work: Work, staff_ids: list[UUID]) -> dict[UUID, list[PhoneShown]]:
    """The newest used first."""
    found: dict[UUID, list[PhoneShown]] = {}
    rows = work.session.exec(
        select(Phone)
        .where(col(Phone.staff_id).in_(staff_ids), col(Phone.revoked_at).is_(None))
        .order_by(col(Phone.last_used_at).desc())
    )
    for one in rows:
        shown = PhoneShown(one.id, one.agent, one.made_at, one.last_used_at)
        found.setdefault(one.staff_id, []).append(shown)
    return found


def _code_digest(work: Work, typed: str) -> bytes:
    return work.keys.digest("phone-code", re.sub(r"[^a-z0-9]", "", typed.lower()))
