"""Roles, who holds a post at a moment, and how long a sign-in lasts: pure. What a role may do with a case is `access.rules`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from casework.people.models import UnitKind
from casework.work import Actor


class Role(StrEnum):
    HOTLINE = "hotline"
    COLLABORATOR = "collaborator"
    WORKER = "worker"
    CHAIR = "chair"
    SUPERVISOR = "supervisor"
    POLICE = "police"
    HEALTH = "health"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


WAITING = "waiting"  # the role somebody acts in while a second person has yet to agree to their account: none
# What an administrator gives to an account of these roles lets nobody see more of a case than they had reported themselves.
OPENS_NO_CASE = (Role.COLLABORATOR,)
COMMUNE_ROLES = (Role.WORKER, Role.CHAIR)
LIAISON_ROLES = (Role.POLICE, Role.HEALTH)
UNITS_OF_ROLE = {
    Role.HOTLINE: (UnitKind.HOTLINE,),
    Role.COLLABORATOR: (UnitKind.COMMUNE,),
    Role.WORKER: (UnitKind.COMMUNE,),
    Role.CHAIR: (UnitKind.COMMUNE,),
    Role.SUPERVISOR: (UnitKind.PROVINCE,),
    Role.POLICE: (UnitKind.POLICE,),
    Role.HEALTH: (UnitKind.HEALTH,),
    Role.ADMINISTRATOR: (UnitKind.PROVINCE, UnitKind.NATIONAL),
    Role.AUDITOR: (UnitKind.PROVINCE, UnitKind.NATIONAL),
}
# Posts that must be held at every hour: a report, a decision or a referral waits for them.
WATCHED_POSTS = (Role.HOTLINE, Role.WORKER, Role.CHAIR, Role.SUPERVISOR, Role.POLICE, Role.HEALTH)

IDLE_LIMIT = timedelta(minutes=15)
FIELD_IDLE_LIMIT = timedelta(minutes=30)  # phones in a village
SESSION_LIMIT = timedelta(hours=12)
ENROLMENT_LIMIT = timedelta(minutes=20)  # of a session in which a second factor is set up
THROTTLE_WINDOW = timedelta(minutes=10)
THROTTLE_FREE_TRIES = 5
THROTTLE_FIRST_WAIT = timedelta(seconds=30)
THROTTLE_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """From `starts_at` to just before `ends_at`, both aware; None: until further notice."""

    starts_at: datetime
    ends_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True)
class Member:
    """Somebody of a post (a unit and a role) with an open account, with what the rota says of them. `waits`: a second person
    has yet to agree to the account."""

    staff_id: UUID
    deputy: bool = False
    duties: tuple[Span, ...] = ()
    leaves: tuple[Span, ...] = ()
    waits: bool = False

    def away(self, at: datetime) -> bool:
        """On leave, or not yet let in: who can open no case answers for none."""
        return self.waits or _within(self.leaves, at)


def holders_at(members: Iterable[Member], at: datetime) -> frozenset[UUID]:
    """Who holds the post at a moment: the one place that reads a rota.

    Leave beats everything, and so does an account that waits for a second person. Then whoever is on the rota; where it is
    silent, everybody of the post but the deputies, for better twice than nobody; and where they are all away, the deputies.
    Empty: nobody holds it, and it goes to the province.
    """
    present = [one for one in members if not one.away(at)]
    return frozenset(
        one.staff_id
        for one in [one for one in present if _within(one.duties, at)]
        or [one for one in present if not one.deputy]
        or present
    )


@dataclass(frozen=True)
class Held:
    """A stretch of time over which the same people hold a post (nobody: it is the province's)."""

    starts_at: datetime
    ends_at: datetime
    holders: frozenset[UUID]


def held_between(members: Sequence[Member], start: datetime, end: datetime) -> list[Held]:
    """Who holds the post from `start` to before `end`, as the rota stands: stretches without a gap, in order."""
    spans = [span for one in members for span in (*one.duties, *one.leaves)]
    edges = {edge for span in spans for edge in (span.starts_at, span.ends_at) if edge and start < edge < end}
    cuts = [start, *sorted(edges), end]
    found: list[Held] = []
    for first, last in pairwise(cuts):
        holders = holders_at(members, first)
        if found and found[-1].holders == holders:
            found[-1] = Held(found[-1].starts_at, last, holders)
        else:
            found.append(Held(first, last, holders))
    return found


def _within(spans: Iterable[Span], at: datetime) -> bool:
    return any(span.covers(at) for span in spans)


def stands_in(actor: Actor) -> bool:
    """Whether the actor may make the chair's decisions: the chair always, a deputy while they hold the post."""
    return actor.role == Role.CHAIR and (actor.on_duty or not actor.deputy)


def throttle_wait(failures: int) -> timedelta:
    """How long after the latest failure the next try must wait: free for five, then doubling from 30 s to 1 h."""
    if failures < THROTTLE_FREE_TRIES:
        return timedelta(0)
    doubled: timedelta = THROTTLE_FIRST_WAIT * 2 ** min(failures - THROTTLE_FREE_TRIES, 10)
    return min(doubled, THROTTLE_LONGEST_WAIT)


def idle_limit(role: str) -> timedelta:
    return FIELD_IDLE_LIMIT if role in (Role.COLLABORATOR, Role.WORKER) else IDLE_LIMIT
