"""`Work`: one piece of the office's work, kept or dropped whole.

It carries the session, who acts, the one `now` of the decision, the law's editions and the key cabinet. Rooms add rows to it and
never commit; only the door that began it does, by leaving the `with` block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from casework.clock import local
from casework.db import Sight, enter, has_failed
from casework.errors import NotFound
from casework.law.book import LawBook
from casework.law.calendar import Calendar
from casework.law.model import Law
from casework.vault.cabinet import OFFICE_SCOPE, Cabinet, SealedRow
from casework.vault.keys import Keys

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Actor:
    """Who acts: a plain value. `role` is one of the roles of `people`, or "system" for the office's own clock.

    `request_id` ties the audit entries of one request together; it is random and says nothing. A `deputy` decides as the
    chair only while `on_duty`, which is read from the rota anew at every request.
    """

    id: UUID | None
    role: str
    unit_id: UUID | None = None
    province_id: UUID | None = None
    request_id: str = ""
    deputy: bool = False
    on_duty: bool = False


SYSTEM = Actor(id=None, role="system")
UNKNOWN = "unknown"  # the role until it is known who asks: a look at sessions and accounts, and no sight of any case
OPEN_NO_CASE = frozenset(("administrator", "auditor"))  # roles of `people` that no content of any case opens for


class Work:
    """Use through `begin`. `now` is aware and in UTC and the same for the whole piece of work."""

    def __init__(
        self, session: Session, actor: Actor, now: datetime, book: LawBook, calendar: CalendarSource, keys: Keys
    ) -> None:
        self.session = session
        self._actor = actor
        self.now = now
        self.book = book
        self._calendar_source = calendar
        self.keys = keys
        self.cabinet = Cabinet(session, keys, now)
        self._last: dict[Hashable, Callable[[], None]] = {}
        self._kept: dict[Hashable, Any] = {}
        self._reached: frozenset[UUID] = frozenset()
        self._whole = (False, True)  # whether every case is seen, and whether exclusions hold
        self._let_in = False
        event.listen(session, "after_begin", self._enter)

    @property
    def actor(self) -> Actor:
        return self._actor

    @actor.setter
    def actor(self, actor: Actor) -> None:
        """Who acts from here on (a sign-in makes somebody of nobody); the database's row security follows."""
        self._actor = actor
        self._see_anew()

    def reach(self, case_id: UUID) -> None:
        """Lets this piece of work read and write one case whatever its actor's own sight says: the right to it was found
        elsewhere (a move that was checked, a case just being opened), and the act itself may take the case out of their
        sight. An exclusion still beats it."""
        if case_id not in self._reached and self._actor.role != SYSTEM.role:
            self._reached |= {case_id}
            self._see_anew()

    @contextmanager
    def whole_sight(self, *, excluding: bool = False) -> Iterator[None]:
        """Inside the block the database shows every case, as to the office itself: for what must know of cases the actor
        may not see (is this code taken, is this child known). Of what is read so, the actor may learn codes at most.

        `excluding` hides those that the actor is kept from even so: for whatever the actor will learn anything of.
        """
        before, self._whole = self._whole, (True, excluding)
        self._see_anew()
        try:
            yield
            self.session.flush()  # what was added in here may be written in here only
        finally:
            self._whole = before
            self._see_anew()

    @property
    def sight(self) -> Sight:
        """What row security is told of this piece of work."""
        who = self._actor
        whole, excluding = (True, False) if who.role == SYSTEM.role else self._whole
        return Sight(who.role, who.id, who.unit_id, who.province_id, self.now, whole, excluding, self._reached)

    def _see_anew(self) -> None:
        # Before the first use of the connection there is nothing to tell: `after_begin` will. A transaction that an error
        # has ended is told nothing any more either; the next one begins with what stands here.
        if self.session.in_transaction() and self.session.is_active:
            connection = self.session.connection()
            if not has_failed(connection):
                self._tell(connection)

    def _enter(self, session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        if not transaction.nested and self._actor.role != UNKNOWN:  # who is told nothing sees nothing
            self._tell(connection)

    def _tell(self, connection: Connection) -> None:
        sight = self.sight
        let_in = enter(connection, sight)
        if not sight.whole:
            self._let_in = let_in

    @property
    def let_in(self) -> bool:
        """Whether somebody let the actor into a case by name, as the database found when it was told whose sight it has. To
        be taken for a reason to look; never for a right."""
        self.session.connection()  # the first use tells it
        return self._let_in

    @property
    def law(self) -> Law:
        """The edition in force now: for what is new. What concerns one case asks `law_for` its own edition."""
        return self.keep("law", lambda: self.book.in_force(local(self.now).date()))

    @property
    def calendar(self) -> Calendar:
        """The office's days as they stand in this transaction, read once and only if somebody counts."""
        return self.keep("calendar", lambda: self._calendar_source(self))

    def law_for(self, edition: str) -> Law:
        """The edition a case runs under, its province's tighter limits included. Raises KeyError for an unknown key."""
        return self.book.get(edition)

    def seal(self, row: SealedRow, **columns: Any) -> None:
        """Seals JSON values into columns of `row` under its scope's key and raises its revision by one."""
        self.cabinet.seal(row, **columns)

    def open(self, row: SealedRow, column: str) -> Any:
        """The JSON value sealed in `column`, or None. Raises Tampered if it does not belong where it stands, NotFound for
        what is a case's where the actor's role opens no case at all."""
        self._check_may_open(row)
        return self.cabinet.open(row, column)

    def open_all(self, rows: Iterable[SealedRow], column: str) -> list[Any]:
        """Opens one column of many rows with one look-up of their keys. Raises as `open` does."""
        rows = list(rows)
        for row in rows:
            self._check_may_open(row)
        return self.cabinet.open_all(rows, column)

    def _check_may_open(self, row: SealedRow) -> None:
        # Here and not in the policy: whatever page is written, for these two roles there is no way to a child's data.
        if self.actor.role in OPEN_NO_CASE and row.scope_id not in (OFFICE_SCOPE, self.actor.id):
            raise NotFound

    def at_the_end(self, key: Hashable, act: Callable[[], None]) -> None:
        """Runs `act` once just before the commit (the audit chain is written there, so its lock is held shortest)."""
        self._last.setdefault(key, act)

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value made once for this piece of work."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def forget(self, key: Hashable) -> None:
        """Drops what `keep` keeps under `key`, after this work itself has changed it."""
        self._kept.pop(key, None)

    def finish(self) -> None:
        self.session.flush()
        for act in self._last.values():
            act()
        self.session.commit()


def in_whole_sight(act: Callable[Concatenate[Work, P], T]) -> Callable[Concatenate[Work, P], T]:
    """A use case that sees every case from its first line to its last; see `Work.whole_sight`."""

    @wraps(act)
    def seeing(work: Work, /, *args: P.args, **more: P.kwargs) -> T:
        with work.whole_sight():
            return act(work, *args, **more)

    return seeing


CalendarSource = Callable[[Work], Calendar]


@contextmanager
def begin(
    engine: Engine, actor: Actor, now: datetime, book: LawBook, calendar: CalendarSource, keys: Keys
) -> Iterator[Work]:
    """Commits on leave, rolls back on any error. Nothing outside may be told of success before this returns."""
    with Session(engine, expire_on_commit=False) as session:
        work = Work(session, actor, now, book, calendar, keys)
        yield work
        work.finish()
