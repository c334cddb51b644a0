"""Builds the office once: settings, database, law, keys, clock, SMS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from casework.access.queries import check_policy
from casework.access.rowsecurity import check_row_security
from casework.cases.house import open_book
from casework.clock import Clock, SystemClock, local
from casework.db import EmbeddedServer, check_application_role, make_engine
from casework.deadlines.days import office_calendar
from casework.law.book import LawBook
from casework.law.model import Law
from casework.migrate import check_current
from casework.notices.lines import other_lines
from casework.notices.models import Channel
from casework.notices.senders import SmsSender
from casework.notices.sms import sender_for
from casework.oversight.watching import look_over
from casework.settings import Settings
from casework.vault.keys import Keys, load_key_file
from casework.work import Actor, Work, begin


@dataclass(frozen=True)
class Office:
    """Everything a door needs, made once and passed along."""

    settings: Settings
    engine: Engine
    book: LawBook
    keys: Keys
    clock: Clock
    sms: SmsSender
    channels: Mapping[Channel, SmsSender] = field(default_factory=dict)  # the ways besides SMS

    @contextmanager
    def begin(self, actor: Actor) -> Iterator[Work]:
        """One piece of work: committed on leave, rolled back on any error. `now` is read from the office's clock.

        Last of all what it wrote in the trail is looked over (`oversight.watching`): raises ReadBudgetSpent there.
        """
        with begin(self.engine, actor, self.clock.now(), self.book, office_calendar, self.keys) as work:
            yield work
            look_over(work)

    @property
    def law(self) -> Law:
        """The edition in force now."""
        return self.book.in_force(local(self.clock.now()).date())


def open_office(settings: Settings, *, clock: Clock | None = None, sms: SmsSender | None = None) -> Office:
    """Raises UnsafeStart, LawFault: the office does not open on a half-made foundation.

    With no CASEWORK_DATABASE_URL the embedded server is expected to run already (`EmbeddedServer.start`).
    """
    url = settings.database_url or EmbeddedServer(settings.data_dir).url()
    check_policy()
    book = open_book(settings.law_dir)
    keys = load_key_file(settings.key_file)
    engine = make_engine(url)
    check_application_role(engine)
    check_current(engine)
    check_row_security(engine)
    return Office(
        settings=settings,
        engine=engine,
        book=book,
        keys=keys,
        clock=clock or SystemClock(),
        sms=sms or sender_for(settings),
        channels=other_lines(settings, keys),
    )
