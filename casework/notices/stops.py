"""Which phones take no more SMS, each known by a keyed digest alone. What follows from it is in `optout`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, literal_column, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.notices.models import SmsStop
from casework.work import Work

HOLDS = timedelta(
    hours=24
)  # of a stop known from a refusal alone: then one message tries whether the phone takes them again


def stop_key(work: Work, phone: str) -> bytes:
    """What a phone is known by among those that asked for no more messages."""
    return work.keys.digest("sms-stop", phone)


def mark(work: Work, phone: str, *, heard: bool) -> bool:
    """Writes down that this phone takes no more. `heard`: its own answer said so. Returns whether that is new."""
    key = stop_key(work, phone)
    made = insert(SmsStop).values(phone_digest=key, at=work.now, heard=heard)
    known = {"at": work.now, "heard": or_(col(SmsStop.heard), made.excluded.heard)}
    again = made.on_conflict_do_update(index_elements=[col(SmsStop.phone_digest)], set_=known)
    work.forget(_kept(key))
    return bool(work.session.connection().execute(again.returning(literal_column("xmax = 0"))).scalar_one())


def clear(work: Work, phone: str, *, before: datetime | None = None) -> bool:
    """The phone takes messages again. `before`: something queued at that moment has reached it, which ends a stop that is
    older and was never heard from the phone itself. Returns whether there was one."""
    key = stop_key(work, phone)
    gone = delete(SmsStop).where(col(SmsStop.phone_digest) == key)
    if before is not None:
        gone = gone.where(col(SmsStop.at) < before, ~col(SmsStop.heard))
    work.forget(_kept(key))
    return work.session.connection().execute(gone.returning(col(SmsStop.phone_digest))).first() is not None


def stop_of(work: Work, phone: str) -> SmsStop | None:
    return work.session.get(SmsStop, stop_key(work, phone), populate_existing=True)


def refuses(work: Work, phone: str) -> bool:
    """Whether nothing is sent to this phone now."""
    key = stop_key(work, phone)
    stop = work.keep(_kept(key), lambda: stop_of(work, phone))
    return stop is not None and _holds(stop, work.now)


def refusing(work: Work, phones: Collection[str]) -> set[str]:
    """Those of these phones to which nothing is sent now: one question for all of them."""
    keys = {stop_key(work, phone): phone for phone in phones}
    rows = work.session.exec(select(SmsStop).where(col(SmsStop.phone_digest).in_(keys))).all()
    return {keys[row.phone_digest] for row in rows if _holds(row, work.now)}


def all_stops(work: Work) -> Mapping[bytes, datetime]:
    """Every phone that takes no more, by its digest, with the moment from which it does not."""
    return {row.phone_digest: row.at for row in work.session.exec(select(SmsStop))}


def _holds(stop: SmsStop, now: datetime) -> bool:
    """What the phone itself said holds until it says otherwise. A refusal alone does not: an office that Twilio does not
    pass answers on to would never hear a START."""
    return stop.heard or now - stop.at < HOLDS


def _kept(key: bytes) -> tuple[str, bytes]:
    return ("sms stop", key)
