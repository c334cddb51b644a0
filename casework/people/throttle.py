"""How often somebody may try a password: counted in rows before it is checked, so that every process counts the same and a
caller that rolls back, is killed, or comes a thousand times at once cannot try for nothing.

A passkey is never asked of here: who tries out passwords cannot lock out a colleague who holds one.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from uuid import UUID

from sqlalchemy import delete, func, text
from sqlmodel import Session, col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import TooManyAttempts
from casework.people.models import SignInAttempt, Staff, Unit
from casework.work import Work

KEPT_FOR_NOBODY = timedelta(days=365)  # guesses at names without an account; until then they are answered as others are
_ONE_AT_A_TIME = 7415009  # with the digest's first bytes: two tries for one name are counted one after the other


@dataclass(frozen=True)
class Bucket:
    """`free` tries within `window`, then a wait after the latest that doubles from `first_wait` to `longest_wait`."""

    free: int
    window: timedelta
    first_wait: timedelta
    longest_wait: timedelta

    def wait(self, failures: int) -> timedelta:
        if failures < self.free:
            return timedelta(0)
        doubled: timedelta = self.first_wait * 2 ** min(failures - self.free, 20)
        return min(doubled, self.longest_wait)


@dataclass(frozen=True)
class Limits:
    """What `throttle.toml` says. `most` is how many wrong guesses an account ever takes before somebody opens it again."""

    account: Bucket
    network: Bucket
    everybody: Bucket
    most: int


@cache
def limits() -> Limits:
    raw = tomllib.loads(resources.files("casework.people").joinpath("throttle.toml").read_text("utf-8"))

    def bucket(name: str) -> Bucket:
        said = raw[name]
        return Bucket(
            free=said["free"],
            window=timedelta(minutes=said["window_minutes"]),
            first_wait=timedelta(seconds=said["first_wait_seconds"]),
            longest_wait=timedelta(seconds=said["longest_wait_seconds"]),
        )

    return Limits(bucket("account"), bucket("network"), bucket("everybody"), raw["account"]["most"])


def count_guess(work: Work, name: str, staff: Staff | None, network: str, *, bounded: bool = True) -> None:
    """Counts one guess for the account called `name` (whether there is one or not), before anything is checked.

    `network` is the /24 or /48 it comes from, "" where that says nothing. In a transaction of its own, which is committed
    when this returns. Raises TooManyAttempts with the seconds to wait, or `closed` when the account takes no more guesses
    (`bounded`: there is such an end).
    """
    allowed = limits()
    who = work.keys.digest("sign-in", name)
    where = work.keys.digest("sign-in-network", network) if network else None
    with Session(work.session.get_bind()) as own:
        own.connection().execute(
            text("select pg_advisory_xact_lock(:key, :who)"),
            {"key": _ONE_AT_A_TIME, "who": int.from_bytes(who[:4], "big", signed=True)},
        )
        _check(own, work.now, who, where, allowed if bounded else replace(allowed, most=sys.maxsize))
        if staff is None:
            # Names that nobody has may be made up without end.
            own.connection().execute(
                delete(SignInAttempt).where(
                    col(SignInAttempt.staff_id).is_(None), col(SignInAttempt.at) < work.now - KEPT_FOR_NOBODY
                )
            )
        own.add(
            SignInAttempt(username_digest=who, network_digest=where, staff_id=staff.id if staff else None, at=work.now)
        )
        own.commit()


def forgive_guesses(work: Work, name: str, network: str) -> None:
    """The right password came from `network`: what was mistyped there is forgotten, what others tried elsewhere is not."""
    query = delete(SignInAttempt).where(col(SignInAttempt.username_digest) == work.keys.digest("sign-in", name))
    if network:
        where = work.keys.digest("sign-in-network", network)
        query = query.where((col(SignInAttempt.network_digest) == where) | col(SignInAttempt.network_digest).is_(None))
    work.session.execute(query)


def waits(work: Work, name: str) -> bool:
    """Whether the next guess for this name has to wait."""
    who = work.keys.digest("sign-in", name)
    try:
        _check(work.session, work.now, who, None, limits())
    except TooManyAttempts:
        return True
    return False


def open_again(work: Work, staff: Staff) -> int:
    """An administrator or supervisor lets the account take guesses again. Returns how many had been counted."""
    gone = work.session.connection().execute(
        delete(SignInAttempt)
        .where(col(SignInAttempt.username_digest) == work.keys.digest("sign-in", staff.username))
        .returning(col(SignInAttempt.id))
    )
    count = len(gone.all())
    record(work, Tag.SIGN_IN_REOPENED, object_type="staff", object_id=staff.id)
    return count


@dataclass(frozen=True)
class Guessed:
    staff: Staff
    guesses: int
    latest: datetime

    @property
    def closed(self) -> bool:
        return self.guesses >= limits().most


def guessed_at(work: Work, *, province_id: UUID | None = None, least: int | None = None) -> list[Guessed]:
    """The accounts (of one province, or all) with so many wrong guesses that somebody should look: by default those that
    wait or are closed, the most tried first."""
    query = (
        select(Staff, func.count().label("guesses"), func.max(SignInAttempt.at))
        .join(SignInAttempt, col(SignInAttempt.staff_id) == Staff.id)
        .where(col(Staff.closed_at).is_(None))
        .group_by(col(Staff.id))
        .having(func.count() >= (limits().account.free if least is None else least))
        .order_by(text("guesses desc"))
        .limit(200)
    )
    if province_id is not None:
        query = query.join(Unit, col(Unit.id) == Staff.unit_id).where(
            (col(Unit.province_id) == province_id) | (col(Unit.id) == province_id)
        )
    return [Guessed(staff, guesses, latest) for staff, guesses, latest in work.session.exec(query)]


def _check(own: Session, now: datetime, who: bytes, where: bytes | None, allowed: Limits) -> None:
    ever = own.exec(select(func.count()).where(SignInAttempt.username_digest == who)).one()
    if ever >= allowed.most:
        raise TooManyAttempts(0, closed=True)
    _wait(own, now, allowed.account, SignInAttempt.username_digest == who)
    if where is None:
        return
    _wait(own, now, allowed.network, SignInAttempt.network_digest == where)
    # Somebody tries everywhere at once: only networks that have failed themselves are made to wait for it.
    failed_here = own.exec(
        select(func.count()).where(
            SignInAttempt.network_digest == where, SignInAttempt.at > now - allowed.everybody.window
        )
    ).one()
    if failed_here:
        _wait(own, now, allowed.everybody, None)


def _wait(own: Session, now: datetime, bucket: Bucket, which: object) -> None:
    query = select(func.count(), func.max(SignInAttempt.at)).where(SignInAttempt.at > now - bucket.window)
    if which is not None:
        query = query.where(which)  # type: ignore[arg-type]  # a column's comparison, which mypy reads as its value
    failures, latest = own.exec(query).one()
    wait = bucket.wait(failures)
    if latest is not None and now < latest + wait:
        raise TooManyAttempts(int((latest + wait - now).total_seconds()) + 1)
