"""One's own sessions: what is signed in where, ended one by one or all but this; the screen lock; one's own password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Invalid, NotFound, SignInRefused
from casework.people.agents import Client
from casework.people.factormodels import SignInChallenge
from casework.people.factors import Admission, Purpose, admit, asked_of, question
from casework.people.models import SecondFactor, SignedInSession, Staff, Unit
from casework.people.passwords import LEAST_ALONE, LEAST_WITH_FACTOR, fault_of, hash_password, is_right, is_run_out
from casework.people.rules import SESSION_LIMIT, idle_limit
from casework.people.service import actor_of, check_password, end_sessions, person_of
from casework.work import Work


@dataclass(frozen=True)
class SessionShown:
    """`network` is a /24 or /48, `agent` a word of `agents.family_of`; both None before the session's first page."""

    id: UUID
    network: str | None
    agent: str | None
    created_at: datetime
    last_seen_at: datetime
    locked: bool
    by_phone: bool
    own: bool


def own_sessions(work: Work, staff: Staff, token: str) -> list[SessionShown]:
    """The person's live sessions, the newest used first; `own` is the one `token` belongs to."""
    here = work.keys.digest("session", token)
    rows = work.session.exec(
        select(SignedInSession)
        .where(
            SignedInSession.staff_id == staff.id,
            col(SignedInSession.ended_at).is_(None),
            SignedInSession.created_at >= work.now - SESSION_LIMIT,
            SignedInSession.last_seen_at >= work.now - idle_limit(staff.role),
        )
        .order_by(col(SignedInSession.last_seen_at).desc())
    )
    return [
        SessionShown(
            id=one.id,
            network=one.network,
            agent=one.agent,
            created_at=one.created_at,
            last_seen_at=one.last_seen_at,
            locked=one.locked_at is not None,
            by_phone=one.phone_id is not None,
            own=one.token_digest == here,
        )
        for one in rows
    ]


def revoke_session(work: Work, staff: Staff, session_id: UUID) -> None:
    """Ends one of the person's own sessions, from its next request on. Raises NotFound for any other."""
    found = work.session.get(SignedInSession, session_id)
    if found is None or found.staff_id != staff.id or found.ended_at is not None:
        raise NotFound
    found.ended_at = work.now
    work.session.add(found)
    record(work, Tag.SESSION_REVOKED, object_type="staff", object_id=staff.id)


def revoke_other_sessions(work: Work, staff: Staff, token: str) -> int:
    """Ends all of the person's sessions but the one `token` belongs to. Returns how many."""
    ended = work.session.connection().execute(
        update(SignedInSession)
        .where(
            col(SignedInSession.staff_id) == staff.id,
            col(SignedInSession.ended_at).is_(None),
            col(SignedInSession.token_digest) != work.keys.digest("session", token),
        )
        .values(ended_at=work.now)
        .returning(col(SignedInSession.id))
    )
    count = len(ended.all())
    if count:
        record(work, Tag.SESSION_REVOKED, object_type="staff", object_id=staff.id, fields=["others"])
    return count


def note_client(work: Work, token: str, client: Client) -> None:
    """Writes down what browser a session was just opened in, and from which network."""
    work.session.execute(
        update(SignedInSession)
        .where(col(SignedInSession.token_digest) == work.keys.digest("session", token))
        .values(network=client.network, agent=client.agent)
    )


def lock_session(work: Work, token: str) -> None:
    """From now on this session opens nothing until its owner proves who they are."""
    _set_locked(work, token, work.now)
    record(work, Tag.SESSION_LOCKED, object_type="staff", object_id=work.actor.id)


def unlock_session(work: Work, token: str) -> None:
    """Only for who has just proved who they are: nothing is checked here."""
    _set_locked(work, token, None)
    record(work, Tag.SESSION_UNLOCKED, object_type="staff", object_id=work.actor.id)


def change_own_password(work: Work, staff: Staff, *, old: str, new: str, alone: bool, network: str, token: str) -> None:
    """Sets a new password for who knows the old one, and ends all their other sessions.

    `alone`: nothing else is asked of them at sign-in. Raises SignInRefused or TooManyAttempts for the old one, Invalid
    {"new": code} as `passwords.fault_of` has it, or "same".
    """
    if check_password(work, staff.username, old, network=network).id != staff.id:
        raise SignInRefused
    fault = "same" if new == old else fault_of(new, alone=alone, context=_own_words(work, staff))
    if fault:
        raise Invalid({"new": fault})
    _set_own_password(work, staff, new)
    revoke_other_sessions(work, staff, token)
    # Whoever gave the old password a moment ago is still asked for the factor.
    work.session.execute(
        delete(SignInChallenge).where(
            col(SignInChallenge.staff_id) == staff.id, col(SignInChallenge.purpose) == Purpose.SIGN_IN.value
        )
    )


def chooser(work: Work, token: str) -> Staff | None:
    """Who has given a first password and has to choose one of their own (`factors.Step.PASSWORD`); None: no such question is
    open any more."""
    staff = asked_of(work, Purpose.NEW_PASSWORD, token)
    if staff is None or staff.closed_at is not None or staff.first_password_at is None:
        return None
    return None if is_run_out(staff.first_password_at, work.now) else staff


def choose_password(work: Work, token: str, new: str) -> Admission:
    """Puts a password of their own in place of the first one, and goes on with the sign-in.

    Raises SignInRefused where the question `token` is over, Invalid {"new": code} as `change_own_password` does.
    """
    asked = question(work, Purpose.NEW_PASSWORD, token, hold=True)
    staff = chooser(work, token) if asked is not None else None
    if asked is None or staff is None:
        raise SignInRefused
    fault = fault_of(new, alone=not asks_two(staff), context=_own_words(work, staff))
    if fault is None and is_right(work.keys, staff.password_hash, new):
        fault = "same"
    if fault:
        raise Invalid({"new": fault})
    work.session.delete(asked)
    work.actor = actor_of(work, staff)
    _set_own_password(work, staff, new)
    end_sessions(work, staff)
    return admit(work, staff)


def _set_own_password(work: Work, staff: Staff, new: str) -> None:
    staff.password_hash = hash_password(work.keys, new)
    staff.first_password_at = None
    work.session.add(staff)
    record(work, Tag.PASSWORD_CHANGED, object_type="staff", object_id=staff.id, fields=["own"])


def asks_two(staff: Staff) -> bool:
    """Whether more than the password is asked of this person at sign-in."""
    return staff.second_factor == SecondFactor.REQUIRED


def least_of(staff: Staff) -> int:
    """The fewest characters a password of theirs may have."""
    return LEAST_WITH_FACTOR if asks_two(staff) else LEAST_ALONE


def _own_words(work: Work, staff: Staff) -> list[str]:
    """What a colleague would try first: the account's name, the unit's, the person's, whole and in parts."""
    place = work.session.get_one(Unit, staff.unit_id)
    words = [staff.username, place.name, str(person_of(work, staff).get("name") or "")]
    return [*words, *(part for word in words for part in word.replace("-", " ").split())]


def _set_locked(work: Work, token: str, at: datetime | None) -> None:
    work.session.execute(
        update(SignedInSession)
        .where(
            col(SignedInSession.token_digest) == work.keys.digest("session", token),
            col(SignedInSession.ended_at).is_(None),
        )
        .values(locked_at=at)
    )
