"""Accounts, sign-in and duty: the use cases of the staff room."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, update
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Forbidden, Invalid, SignInRefused
from casework.people.agents import Client
from casework.people.factormodels import Passkey, SignInChallenge, Totp
from casework.people.models import ApiKey, Duty, Heartbeat, Leave, Post, SignedInSession, SignInAttempt, Staff, Unit
from casework.people.passwords import NO_PASSWORD, hash_password, is_outdated, is_right, is_run_out
from casework.people.queries import holds_post, next_of_post
from casework.people.rules import (
    ENROLMENT_LIMIT,
    OPENS_NO_CASE,
    SESSION_LIMIT,
    THROTTLE_LONGEST_WAIT,
    WAITING,
    Role,
    idle_limit,
    throttle_wait,
)
from casework.people.throttle import count_guess, forgive_guesses, open_again, waits
from casework.vault.fold import fold_name
from casework.work import Actor, Work

PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105  # no l, o, 0, 1
SEEN_EVERY = timedelta(minutes=1)  # how often a session's last use is written down


@dataclass(frozen=True)
class SignedIn:
    """A live session: the raw token goes into the browser's cookie and nowhere else."""

    token: str
    staff: Staff


@dataclass(frozen=True)
class Resumed:
    """Whose live session a token is. `limited` and `factor_at` (UTC) as on `SignedInSession`."""

    staff: Staff
    limited: bool
    factor_at: datetime | None
    locked: bool = False
    phone_id: UUID | None = None


def create_unit(
    work: Work, *, code: str, name: str, kind: str, province_id: UUID | None = None, valid_from: date | None = None
) -> Unit:
    unit = Unit(
        code=code, name=name, folded_name=fold_name(name), kind=kind, province_id=province_id, valid_from=valid_from
    )
    work.session.add(unit)
    work.session.flush()
    return unit


def create_staff(
    work: Work,
    *,
    username: str,
    password: str | None,
    role: Role,
    unit: Unit,
    name: str,
    phone: str | None = None,
    hamlet: str | None = None,
    post: Post | None = None,
) -> Staff:
    """Opens an account, of the role `chair` as the chair unless `post` says deputy.

    The password is hashed here and kept nowhere; its owner has to choose another before it opens anything, and in time
    (`Staff.first_password_at`). Without one nobody can sign in yet. `hamlet` is a collaborator's own
    village: sealed, for it is also where the children live whom they report.
    """
    staff = Staff(
        username=username.strip().lower(),
        password_hash=NO_PASSWORD if password is None else hash_password(work.keys, password),
        role=role.value,
        post=post_of(role, post),
        unit_id=unit.id,
        created_at=work.now,
        first_password_at=None if password is None else work.now,
    )
    _wait_for_second_person(work, staff)
    work.seal(staff, person={"name": name, "phone": phone, "hamlet": hamlet})
    work.session.add(staff)
    work.session.flush()
    record(work, Tag.ACCOUNT_CREATED, object_type="staff", object_id=staff.id)
    return staff


def close_account(work: Work, staff: Staff, *, to: Staff | None = None) -> None:
    """Closes the account for good and hands its duties over. Old papers still name the person.

    Duty goes to `to`, else to the next of the post; where nobody is left the province gets its alerts. Raises Forbidden
    for one's own account and for the last administrator's, Invalid where `to` is not of the same post.
    """
    _check_not_own(work, staff)
    _check_not_last_administrator(work, staff)
    _hand_over_duties(work, staff, to)
    staff.closed_at = work.now
    work.session.add(staff)
    end_sessions(work, staff)
    record(work, Tag.ACCOUNT_CLOSED, object_type="staff", object_id=staff.id)


def move_account(work: Work, staff: Staff, *, role: Role, unit: Unit, post: Post | None = None) -> None:
    """Gives the person another role, post or unit. Their duties stay behind with the old post and their sessions end.

    Raises Forbidden for one's own account and for the last administrator's.
    """
    _check_not_own(work, staff)
    if role != Role.ADMINISTRATOR:
        _check_not_last_administrator(work, staff)
    _hand_over_duties(work, staff, None)
    was_administrator = staff.role == Role.ADMINISTRATOR
    staff.role = role.value
    staff.post = post_of(role, post)
    staff.unit_id = unit.id
    _wait_for_second_person(work, staff, always=was_administrator)
    work.session.add(staff)
    end_sessions(work, staff)
    record(work, Tag.ACCOUNT_CHANGED, object_type="staff", object_id=staff.id, fields=["role", "unit"])


def reset_password(work: Work, staff: Staff) -> str:
    """A new first password, told once, in place of the old one; every session and open question ends.

    Raises Forbidden for one's own account.
    """
    _check_not_own(work, staff)
    password = new_password()
    staff.password_hash = hash_password(work.keys, password)
    staff.first_password_at = work.now
    work.session.execute(delete(SignInChallenge).where(col(SignInChallenge.staff_id) == staff.id))
    if not _has_own_factor(work, staff):
        _wait_for_second_person(work, staff)
    work.session.add(staff)
    open_again(work, staff)
    end_sessions(work, staff)
    record(work, Tag.PASSWORD_CHANGED, object_type="staff", object_id=staff.id)
    return password


def set_person(work: Work, staff: Staff, *, name: str | None, phone: str | None, hamlet: str | None) -> None:
    """Replaces the sealed name, phone and hamlet; a mail address stays."""
    work.seal(staff, person={**person_of(work, staff), "name": name, "phone": phone, "hamlet": hamlet})
    work.session.add(staff)
    record(work, Tag.ACCOUNT_CHANGED, object_type="staff", object_id=staff.id, fields=["person"])


def set_mail(work: Work, staff: Staff, mail: str | None) -> None:
    """Replaces the sealed mail address; None: mail is no way to reach this person."""
    work.seal(staff, person={**person_of(work, staff), "mail": mail})
    work.session.add(staff)
    record(work, Tag.ACCOUNT_CHANGED, object_type="staff", object_id=staff.id, fields=["mail"])


def new_password() -> str:
    """Sixteen letters and digits in four groups: told over the telephone, so none that look alike."""
    groups = ("".join(secrets.choice(PASSWORD_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def post_of(role: Role, post: Post | None) -> str | None:
    return (post or Post.CHAIR).value if role == Role.CHAIR else None


def _wait_for_second_person(work: Work, staff: Staff, *, always: bool = False) -> None:
    """What an administrator does to an account alone opens no case with it: a second person has to agree first. `always`:
    whoever does it, the machine's operator included (somebody who kept the accounts is to read cases now)."""
    if staff.role not in OPENS_NO_CASE and (always or work.actor.role == Role.ADMINISTRATOR):
        staff.waits_since = work.now


def confirm_account(work: Work, staff: Staff, tag: Tag = Tag.ACCOUNT_CONFIRMED) -> None:
    """A second person has agreed to the account as it now stands; it opens what its role opens from the next request on."""
    staff.waits_since = None
    work.session.add(staff)
    record(work, tag, object_type="staff", object_id=staff.id)


def _has_own_factor(work: Work, staff: Staff) -> bool:
    """Whether a password alone does not open the account: then a new one opens nothing to who set it."""
    passkey = exists().where(col(Passkey.staff_id) == staff.id, col(Passkey.closed_at).is_(None))
    code = exists().where(col(Totp.staff_id) == staff.id, col(Totp.confirmed_at).is_not(None))
    return bool(work.session.connection().scalar(select(or_(passkey, code))))


def end_sessions(work: Work, staff: Staff) -> None:
    """Signs the person out everywhere, from their next request on."""
    work.session.execute(
        update(SignedInSession)
        .where(col(SignedInSession.staff_id) == staff.id, col(SignedInSession.ended_at).is_(None))
        .values(ended_at=work.now)
    )


def _check_not_own(work: Work, staff: Staff) -> None:
    # Whoever gives out accounts would otherwise give themselves one that opens cases.
    if work.actor.id == staff.id:
        raise Forbidden("own-account")


def _check_not_last_administrator(work: Work, staff: Staff) -> None:
    if staff.role != Role.ADMINISTRATOR:
        return
    others = select(func.count()).where(
        Staff.role == Role.ADMINISTRATOR, col(Staff.closed_at).is_(None), col(Staff.id) != staff.id
    )
    if work.session.exec(others).one() == 0:
        raise Forbidden("last-administrator")


# ---------------------------------------------------------------- the rota


def put_on_duty(work: Work, staff: Staff, *, starts_at: datetime, ends_at: datetime | None = None) -> Duty:
    """Puts a person on the rota of their own post. Raises Invalid for an end that is not after the start."""
    _check_span(starts_at, ends_at)
    duty = Duty(unit_id=staff.unit_id, role=staff.role, staff_id=staff.id, starts_at=starts_at, ends_at=ends_at)
    work.session.add(duty)
    record(work, Tag.DUTY_CHANGED, object_type="staff", object_id=staff.id)
    return duty


def end_duty(work: Work, duty: Duty) -> None:
    """Takes a person off the rota from now on; what has been stays written down, what has not begun is struck."""
    if duty.starts_at >= work.now:
        work.session.delete(duty)
    elif duty.ends_at is None or duty.ends_at > work.now:
        duty.ends_at = work.now
        work.session.add(duty)
    record(work, Tag.DUTY_CHANGED, object_type="staff", object_id=duty.staff_id, fields=["ended"])


def take_leave(work: Work, staff: Staff, *, starts_at: datetime, ends_at: datetime) -> Leave:
    """Writes down when a person is away; their posts pass on by themselves for that time. Raises Invalid as put_on_duty."""
    _check_span(starts_at, ends_at)
    leave = Leave(staff_id=staff.id, starts_at=starts_at, ends_at=ends_at)
    work.session.add(leave)
    record(work, Tag.DUTY_CHANGED, object_type="staff", object_id=staff.id, fields=["leave"])
    return leave


def end_leave(work: Work, leave: Leave) -> None:
    """The person is back from now on; leave that has not begun is struck."""
    if leave.starts_at >= work.now:
        work.session.delete(leave)
    elif leave.ends_at > work.now:
        leave.ends_at = work.now
        work.session.add(leave)
    record(work, Tag.DUTY_CHANGED, object_type="staff", object_id=leave.staff_id, fields=["leave", "ended"])


def _check_span(starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise Invalid({"ends_at": "out-of-range"})


def _hand_over_duties(work: Work, staff: Staff, to: Staff | None) -> None:
    """What is left of the person's duties goes to `to`, else to the next of the post; nobody left: it ends."""
    if to is not None and (to.unit_id, to.role, to.closed_at) != (staff.unit_id, staff.role, None):
        raise Invalid({"to": "not-of-this-post"})
    heir = to or next_of_post(work, staff)
    left = work.session.exec(
        select(Duty).where(Duty.staff_id == staff.id, or_(col(Duty.ends_at).is_(None), col(Duty.ends_at) > work.now))
    ).all()
    for duty in left:
        if heir is not None:
            put_on_duty(work, heir, starts_at=max(duty.starts_at, work.now), ends_at=duty.ends_at)
        end_duty(work, duty)


def create_api_key(work: Work, *, name: str, unit: Unit) -> str:
    """Returns the raw key once; only its digest is kept."""
    raw = "cw_" + secrets.token_urlsafe(32)
    work.session.add(ApiKey(name=name, digest=work.keys.digest("api-key", raw), unit_id=unit.id, created_at=work.now))
    record(work, Tag.API_KEY_CREATED, object_type="unit", object_id=unit.id)
    return raw


def revoke_api_key(work: Work, key: ApiKey) -> None:
    """It opens nothing from the next request on. What it has brought stays."""
    key.revoked_at = work.now
    work.session.add(key)
    record(work, Tag.API_KEY_REVOKED, object_type="unit", object_id=key.unit_id)


def check_password(work: Work, username: str, password: str, *, network: str = "") -> Staff:
    """Whose name and password these are. Opens nothing: `factors.sign_in` says what else is asked. A first password that has
    run out is a wrong one.

    The guess is counted before it is checked and stays counted whatever becomes of this work. `network`: as in
    `throttle.count_guess`. Raises SignInRefused or TooManyAttempts; the door notes it with `note_failed_sign_in`.
    """
    name = username.strip().lower()
    staff = work.session.exec(select(Staff).where(Staff.username == name, col(Staff.closed_at).is_(None))).first()
    count_guess(work, name, staff, network)
    if not is_right(work.keys, staff.password_hash if staff else None, password) or staff is None:
        raise SignInRefused
    if is_run_out(staff.first_password_at, work.now):
        raise SignInRefused
    forgive_guesses(work, name, network)
    if is_outdated(staff.password_hash):
        staff.password_hash = hash_password(work.keys, password)
        work.session.add(staff)
    return staff


def open_session(work: Work, staff: Staff, *, limited: bool = False, phone_id: UUID | None = None) -> SignedIn:
    """Signs the person in, now. `limited`: to the pages where a second factor is set up and to no other.

    Only for who has proved what `factors` asks of them: nothing is checked here.
    """
    token = secrets.token_urlsafe(32)
    work.session.add(
        SignedInSession(
            token_digest=work.keys.digest("session", token),
            staff_id=staff.id,
            created_at=work.now,
            last_seen_at=work.now,
            limited=limited,
            factor_at=None if limited else work.now,
            phone_id=phone_id,
        )
    )
    work.actor = actor_of(work, staff)
    record(work, Tag.SESSION_OPENED, object_type="staff", object_id=staff.id, fields=["limited"] if limited else ())
    return SignedIn(token, staff)


def note_failed_sign_in(work: Work, username: str, *, throttled: bool) -> None:
    """Tells the trail of a checked guess, and that it started a wait. Of one that only had to wait it tells nothing: nobody
    shall be able to fill the trail."""
    if throttled:
        return
    record(work, Tag.SESSION_REFUSED, result="refused")
    if waits(work, username.strip().lower()):
        record(work, Tag.SESSION_THROTTLED, result="refused")


def note_refused_stranger(work: Work, tag: Tag, network: str) -> None:
    """Tells the trail that somebody nobody knows was refused, at most as often as `network` may guess: asking costs nothing
    there, and what the trail holds it holds for ever."""
    digest = work.keys.digest("refused-stranger", network)
    if _wait_left(work, digest) == 0:
        work.session.add(SignInAttempt(username_digest=digest, at=work.now))
        record(work, tag, result="refused")


def note_unknown_api_key(work: Work, network: str) -> int:
    """Keeps that somebody came from `network` with a key we do not know. Returns the seconds until the next try counts.

    While a network has to wait nothing more is written, so that nobody can fill the trail. A good key never waits: it is
    not asked here.
    """
    digest = work.keys.digest("unknown-api-key", network)
    wait = _wait_left(work, digest)
    if wait == 0:
        work.session.add(SignInAttempt(username_digest=digest, at=work.now))
        record(work, Tag.ACCESS_REFUSED, object_type="api-key", result="refused")
    return wait


def _wait_left(work: Work, digest: bytes) -> int:
    """Whole seconds that this name or network still has to wait after its failed tries."""
    since = work.now - THROTTLE_LONGEST_WAIT * 2
    failures, latest = work.session.exec(
        select(func.count(), func.max(SignInAttempt.at)).where(
            SignInAttempt.username_digest == digest, SignInAttempt.at > since
        )
    ).one()
    wait = throttle_wait(failures)
    if latest is None or work.now >= latest + wait:
        return 0
    return int((latest + wait - work.now).total_seconds()) + 1


def resume_session(work: Work, token: str, *, used: bool = True, client: Client | None = None) -> Resumed | None:
    """The live session this token is, or None. Writes the last use down at most once a minute, unless nobody
    used it: a page that asks by itself must not keep a session alive. `client` is written down with it."""
    found = _session_of(work, token)
    if found is None:
        return None
    session, staff = found
    if not _is_live(session, staff, work.now):
        return None
    if used and work.now - session.last_seen_at > SEEN_EVERY:
        session.last_seen_at = work.now
        if client is not None:
            session.network, session.agent = client.network, client.agent
        work.session.add(session)
    return Resumed(staff, session.limited, session.factor_at, session.locked_at is not None, session.phone_id)


def owner_of_expired_session(work: Work, token: str) -> Staff | None:
    """Whose session this was, though it is over: what they typed is kept as their draft until they are back."""
    found = _session_of(work, token)
    if found is None or found[0].ended_at is not None or found[1].closed_at is not None:
        return None
    return found[1]


def renew_session(work: Work, token: str, *, fresh: bool = True) -> str:
    """The person has just proved again who they are: the session goes on under a new token, which is returned.

    `fresh`: by as much as an act that needs a fresh proof asks; a password alone is that only where no factor is asked of
    them. Raises SignInRefused for a session that is not live.
    """
    found = _session_of(work, token)
    if found is None or not _is_live(*found, work.now):
        raise SignInRefused
    renewed = secrets.token_urlsafe(32)
    found[0].token_digest = work.keys.digest("session", renewed)
    if fresh:
        found[0].factor_at = work.now
    work.session.add(found[0])
    return renewed


def password_is(work: Work, staff: Staff, password: str) -> bool:
    """Whether this is the person's password. Counts nothing: the caller does."""
    return is_right(work.keys, staff.password_hash, password)


def sign_out(work: Work, token: str) -> None:
    found = _session_of(work, token)
    if found is not None and found[0].ended_at is None:
        found[0].ended_at = work.now
        work.session.add(found[0])
        record(work, Tag.SESSION_CLOSED, object_type="staff", object_id=found[1].id)


def _session_of(work: Work, token: str) -> tuple[SignedInSession, Staff] | None:
    row = work.session.exec(
        select(SignedInSession, Staff)
        .join(Staff, col(Staff.id) == SignedInSession.staff_id)
        .where(SignedInSession.token_digest == work.keys.digest("session", token))
    ).first()
    return (row[0], row[1]) if row else None


def _is_live(session: SignedInSession, staff: Staff, now: datetime) -> bool:
    return (
        session.ended_at is None
        and staff.closed_at is None
        and now - session.created_at <= (ENROLMENT_LIMIT if session.limited else SESSION_LIMIT)
        and now - session.last_seen_at <= idle_limit(staff.role)
    )


def actor_of(work: Work, staff: Staff, request_id: str = "") -> Actor:
    """The person as who acts. Doors ask anew at every request, so that a change of the rota counts at the next one."""
    unit = work.session.get_one(Unit, staff.unit_id)
    deputy = staff.post == Post.DEPUTY
    return Actor(
        id=staff.id,
        role=WAITING if staff.waits_since else staff.role,
        unit_id=unit.id,
        province_id=unit.province_id or unit.id,
        request_id=request_id or work.actor.request_id,
        deputy=deputy,
        on_duty=deputy and holds_post(work, unit.id, staff.role, staff.id, work.now),
    )


def person_of(work: Work, staff: Staff) -> dict[str, Any]:
    """The sealed {"name", "phone", "hamlet"} of a member of staff, and "mail" where one was written down."""
    opened: dict[str, Any] = work.open(staff, "person") or {}
    return opened


def hamlet_of(work: Work, staff: Staff) -> str | None:
    """The village a collaborator serves; None for everybody else, for whom nothing is opened."""
    return person_of(work, staff).get("hamlet") if staff.role == Role.COLLABORATOR else None


def beat(work: Work) -> None:
    """Writes down that the jobs process is alive; /readyz reads it."""
    work.session.merge(Heartbeat(name="jobs", at=work.now))
