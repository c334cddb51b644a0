"""Acts of two persons: one proposes, another decides, and nothing is done before. What may be proposed is data (acts.toml).

Who decides is never who proposed, never the person it is about, and never somebody whose account the proposer has lately
opened or changed: an administrator would otherwise make the second person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from tomllib import loads
from typing import Any
from uuid import UUID

from sqlmodel import col, or_, select

from casework.access.models import CaseGrant, TwoPersonAct
from casework.access.queries import forget_access, is_excluded, may_be_told
from casework.audit.models import AuditEntry
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.exclusions import end_exclusion
from casework.cases.models import Case
from casework.cases.queries import case_by_id
from casework.errors import Forbidden, NotFound
from casework.law.model import Text
from casework.notices.service import About, notify, notify_post
from casework.people.enrolment import reset_factors
from casework.people.models import Staff, Unit
from casework.people.rules import Role
from casework.people.service import confirm_account
from casework.work import Actor, Work

MADE_BY_THEM: tuple[Tag, ...] = (Tag.ACCOUNT_CREATED, Tag.ACCOUNT_CHANGED, Tag.PASSWORD_CHANGED, Tag.FACTORS_RESET)
CONFIRMING = ("confirm-account", "create-auditor")
REPORTER = "reporter"
LETTING_IN = "grant"
RELEASE = "reporter-release"  # the purpose of a grant of the reporter's group
SHOWN = 50
SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Kind:
    """One kind of act. `waits`: how long a proposal may wait; `opens_for`: how long at most what it gives is given.

    `groups`, `purposes`: what of a case may be given, and for what."""

    id: str
    title: Text
    propose: tuple[str, ...]
    decide: tuple[str, ...]
    waits: timedelta
    opens_for: timedelta
    groups: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


@cache
def kinds() -> Mapping[str, Kind]:
    """As committed in acts.toml (read once: it is part of the program)."""
    return {
        name: Kind(
            name,
            Text(one["title"]["vi"], one["title"]["en"]),
            tuple(one["propose"]),
            tuple(one["decide"]),
            timedelta(hours=one["hours"]),
            timedelta(hours=one.get("hours_open", 0)),
            tuple(one.get("groups", ())),
            tuple(one.get("purposes", ())),
        )
        for name, one in _book()["act"].items()
    }


@cache
def newcomer_for() -> timedelta:
    return timedelta(days=_book()["newcomer_days"])


def _book() -> dict[str, Any]:
    return loads(resources.files("casework.oversight").joinpath("acts.toml").read_text("utf-8"))


# ---------------------------------------------------------------- to propose


def propose(
    work: Work,
    kind_id: str,
    *,
    case: Case | None = None,
    object_id: UUID | None = None,
    payload: Mapping[str, Any] | None = None,
    until: datetime | None = None,
) -> TwoPersonAct:
    """Asks for a second person, who is told at once. What already waits is not asked for twice. `until` (UTC): when there
    is nothing left to decide, if that is sooner than the kind's own time.

    Raises Forbidden for a role that does not propose it, NotFound for who was only let in to read the case."""
    if work.actor.role not in kinds()[kind_id].propose or work.actor.id is None:
        raise Forbidden("role")
    if case is not None and not is_of(work.actor, case):
        raise NotFound
    return _ask(work, kind_id, work.actor.id, case=case, object_id=object_id, payload=payload, until=until)


def is_of(actor: Actor, case: Case) -> bool:
    """Whether the case is this office's own: held, of its commune or its province, and not only opened to it for a time."""
    own = (case.responsible_unit_id, case.incident_unit_id, case.residence_unit_id, case.province_id)
    return actor.unit_id is not None and actor.unit_id in own


def ask_for_accounts(work: Work, entries: Iterable[AuditEntry]) -> None:
    """Every account that these entries left waiting for a second person is put to one, whichever door it was made at.

    What somebody does to their own account puts it to nobody anew: they would count as who proposed it, and whoever made
    the account would have become the second person.
    """
    made = [one for one in entries if one.tag in MADE_BY_THEM and one.actor_id != one.object_id]
    told: set[tuple[UUID, datetime]] = set()  # a file of a hundred accounts rings no telephone a hundred times
    for staff_id in {one.object_id for one in made if one.object_id is not None}:
        staff = work.session.get(Staff, staff_id)
        if staff is not None and staff.waits_since is not None and staff.closed_at is None:
            kind = "create-auditor" if staff.role == Role.AUDITOR else "confirm-account"
            _ask(work, kind, work.actor.id or staff.id, object_id=staff.id, told=told)


def _ask(
    work: Work,
    kind_id: str,
    proposer: UUID,
    *,
    case: Case | None = None,
    object_id: UUID | None = None,
    payload: Mapping[str, Any] | None = None,
    until: datetime | None = None,
    told: set[tuple[UUID, datetime]] | None = None,
) -> TwoPersonAct:
    """`told`: who has heard in this piece of work that something waits for them, and until when; they hear it once."""
    told = set() if told is None else told
    case_id = case.id if case else None
    lapses = work.now + kinds()[kind_id].waits
    for one in _open(work, kind_id):
        if (one.case_id, one.object_id) == (case_id, object_id) and one.expires_at > work.now:
            return one
    act = TwoPersonAct(
        kind=kind_id,
        case_id=case_id,
        object_id=object_id,
        proposed_by=proposer,
        proposed_at=work.now,
        expires_at=min(lapses, until or lapses),
    )
    work.seal(act, payload=dict(payload or {}))
    work.session.add(act)
    work.session.flush()
    record(work, Tag.ACT_PROPOSED, case_id=case_id, object_type=kind_id, object_id=act.id)
    for staff in deciders(work, act):
        if (staff.id, act.expires_at) in told:
            continue
        told.add((staff.id, act.expires_at))
        notify(work, staff, text_id="second-person", about=_about(act), due_at=act.expires_at)
    return act


def _about(act: TwoPersonAct) -> About:
    """Without the code: the reader hears of the case on the page alone. With its id: who is kept from the case meanwhile is
    told no more of the act."""
    return About(act.case_id, "")


def _open(work: Work, kind_id: str) -> Sequence[TwoPersonAct]:
    return work.session.exec(
        select(TwoPersonAct).where(TwoPersonAct.kind == kind_id, col(TwoPersonAct.outcome).is_(None))
    ).all()


# ---------------------------------------------------------------- to decide


def deciders(work: Work, act: TwoPersonAct) -> list[Staff]:
    """Everybody who may decide it: of the place it is about, with the role, and truly a second person."""
    province = _province_of(work, act)
    rows = work.session.exec(
        select(Staff)
        .join(Unit, col(Unit.id) == Staff.unit_id)
        .where(
            col(Staff.role).in_(kinds()[act.kind].decide),
            col(Staff.closed_at).is_(None),
            col(Staff.waits_since).is_(None),
            or_(Unit.id == province, Unit.province_id == province),
        )
        .order_by(Staff.username)
    )
    return [one for one in rows if _is_second(work, act, one)]


def _province_of(work: Work, act: TwoPersonAct) -> UUID | None:
    if act.case_id is not None:
        return case_by_id(work, act.case_id).province_id
    staff = work.session.get(Staff, act.object_id) if act.object_id else None
    home = work.session.get(Unit, staff.unit_id) if staff else None
    return (home.province_id or home.id) if home else None


def _is_second(work: Work, act: TwoPersonAct, staff: Staff) -> bool:
    if staff.id in (act.proposed_by, act.object_id):
        return False
    if act.case_id is not None and is_excluded(work, act.case_id, unit_id=staff.unit_id, staff_id=staff.id):
        return False
    lately = select(AuditEntry.id).where(
        AuditEntry.actor_id == act.proposed_by,
        AuditEntry.object_id == staff.id,
        col(AuditEntry.tag).in_(MADE_BY_THEM),
        AuditEntry.at > work.now - newcomer_for(),
    )
    return work.session.exec(lately.limit(1)).first() is None


def decide_act(work: Work, act_id: UUID, *, agree: bool) -> TwoPersonAct:
    """Does what was proposed, or refuses it. Raises NotFound for one that is not this person's to decide, or no longer."""
    act = _waiting(work, act_id)
    if work.actor.id not in {one.id for one in deciders(work, act)}:
        raise NotFound
    act.decided_by, act.decided_at, act.outcome = work.actor.id, work.now, "done" if agree else "refused"
    work.session.add(act)
    work.session.flush()
    tag = Tag.ACT_DONE if agree else Tag.ACT_REFUSED
    record(work, tag, case_id=act.case_id, object_type=act.kind, object_id=act.id)
    if agree:
        DOERS[act.kind](work, act, work.open(act, "payload") or {})
    proposer = work.session.get_one(Staff, act.proposed_by)
    if proposer.closed_at is None and may_be_told(work, act.case_id, [proposer]):
        notify(work, proposer, text_id="second-person-decided", about=_about(act))
    return act


def was_theirs(work: Work, act_id: UUID, *, to_decide: bool) -> bool:
    """Whether the act is, or was until it was closed, this person's to decide (else: to take back). For who pressed a button a
    moment too late; who presses the other's button is told of nothing."""
    act = work.session.get(TwoPersonAct, act_id)
    if act is None:
        return False
    return work.actor.id in {one.id for one in deciders(work, act)} if to_decide else act.proposed_by == work.actor.id


def drop_acts_of_leavers(work: Work, entries: Iterable[AuditEntry]) -> None:
    """An account is closed for good: what was to be decided about it, or given to its owner, waits no more.

    Other proposals of who has left stay: the second person decides on them as on any."""
    gone = {one.object_id for one in entries if one.tag == Tag.ACCOUNT_CLOSED}
    if not gone:
        return
    with work.whole_sight():  # whoever keeps the accounts knows of no case, and of no act about one
        rows = work.session.exec(
            select(TwoPersonAct)
            .where(col(TwoPersonAct.outcome).is_(None), col(TwoPersonAct.object_id).in_(gone))
            .with_for_update()
        ).all()
        for act in rows:
            _close(work, act, "withdrawn", Tag.ACT_WITHDRAWN)
        work.session.flush()


def withdraw_act(work: Work, act_id: UUID) -> None:
    """Takes back one's own proposal. Raises NotFound for another's."""
    act = _waiting(work, act_id)
    if act.proposed_by != work.actor.id:
        raise NotFound
    _close(work, act, "withdrawn", Tag.ACT_WITHDRAWN)


@dataclass(frozen=True)
class Waiting:
    """An account that a second person has yet to agree to, and who may. `asked`: a proposal waits for them now; else it has
    lapsed, or one of them has `refused`."""

    staff: Staff
    deciders: Sequence[Staff]
    asked: bool
    refused: bool


def waiting_accounts(work: Work) -> list[Waiting]:
    """Every open account that waits, the longest first."""
    rows = work.session.exec(
        select(Staff)
        .where(col(Staff.waits_since).is_not(None), col(Staff.closed_at).is_(None))
        .order_by(col(Staff.waits_since), Staff.username)
    )
    return [waiting_account(work, one) for one in rows]


def waiting_account(work: Work, staff: Staff) -> Waiting:
    """What one account that waits is waiting for."""
    act = _proposal_of(work, staff)
    if act is None:
        return Waiting(staff, (), asked=False, refused=False)
    asked = act.outcome is None and act.expires_at > work.now
    return Waiting(staff, deciders(work, act), asked, act.outcome == "refused")


def _proposal_of(work: Work, staff: Staff) -> TwoPersonAct | None:
    """The latest one to agree to the account as it stands now."""
    return work.session.exec(
        select(TwoPersonAct)
        .where(
            col(TwoPersonAct.kind).in_(CONFIRMING),
            TwoPersonAct.object_id == staff.id,
            col(TwoPersonAct.expires_at) > staff.waits_since,
        )
        .order_by(col(TwoPersonAct.proposed_at).desc())
        .limit(1)
    ).first()


def confirm_at_machine(work: Work, staff: Staff) -> None:
    """Agrees to a waiting account where nobody of its province may: for whoever runs the machine, never for a page.

    The supervisor and the owner are told at once (alerts.toml). Raises Forbidden: "not-waiting", "others-may" while there is
    somebody who may decide, "was-refused" where a second person has said no.
    """
    if staff.waits_since is None or staff.closed_at is not None:
        raise Forbidden("not-waiting")
    found = waiting_account(work, staff)
    if found.refused:
        raise Forbidden("was-refused")
    if found.deciders:
        raise Forbidden("others-may")
    act = _proposal_of(work, staff)
    if act is not None and act.outcome is None:
        _close(work, act, "withdrawn", Tag.ACT_WITHDRAWN)  # nothing is left of it to decide
    confirm_account(work, staff, Tag.ACCOUNT_CONFIRMED_AT_MACHINE)


def expire_acts(work: Work) -> int:
    """Closes what nobody decided in time. Returns how many; any number of processes may do this at once."""
    rows = work.session.exec(
        select(TwoPersonAct)
        .where(col(TwoPersonAct.outcome).is_(None), TwoPersonAct.expires_at <= work.now)
        .with_for_update(skip_locked=True)
    ).all()
    for act in rows:
        _close(work, act, "expired", Tag.ACT_EXPIRED)
    return len(rows)


def _close(work: Work, act: TwoPersonAct, outcome: str, tag: Tag) -> None:
    act.outcome, act.decided_at = outcome, work.now
    work.session.add(act)
    record(work, tag, case_id=act.case_id, object_type=act.kind, object_id=act.id)


def _waiting(work: Work, act_id: UUID) -> TwoPersonAct:
    act = work.session.exec(select(TwoPersonAct).where(TwoPersonAct.id == act_id).with_for_update()).first()
    if act is None or act.outcome is not None or act.expires_at <= work.now:
        raise NotFound
    return act


# ---------------------------------------------------------------- to see


@dataclass(frozen=True)
class Queue:
    """What waits for this person, and what they proposed themselves lately, newest first."""

    waiting: Sequence[TwoPersonAct]
    own: Sequence[TwoPersonAct]


def queue_of(work: Work) -> Queue:
    open_acts = work.session.exec(
        select(TwoPersonAct)
        .where(col(TwoPersonAct.outcome).is_(None), TwoPersonAct.expires_at > work.now)
        .order_by(col(TwoPersonAct.expires_at))
    ).all()
    mine = [
        one
        for one in open_acts
        if work.actor.role in kinds()[one.kind].decide and work.actor.id in {who.id for who in deciders(work, one)}
    ]
    own = work.session.exec(
        select(TwoPersonAct)
        .where(TwoPersonAct.proposed_by == work.actor.id, TwoPersonAct.proposed_at > work.now - SHOWN_FOR)
        .order_by(col(TwoPersonAct.proposed_at).desc())
        .limit(SHOWN)
    ).all()
    return Queue(mine, own)


def acts_on(work: Work, case: Case) -> Sequence[TwoPersonAct]:
    """The proposals about one case that wait, oldest first."""
    return work.session.exec(
        select(TwoPersonAct)
        .where(
            TwoPersonAct.case_id == case.id,
            col(TwoPersonAct.outcome).is_(None),
            TwoPersonAct.expires_at > work.now,
        )
        .order_by(col(TwoPersonAct.proposed_at))
    ).all()


# ---------------------------------------------------------------- what is done


def _end_exclusion(work: Work, act: TwoPersonAct, payload: Mapping[str, Any]) -> None:
    if act.object_id is None or act.case_id is None:
        raise NotFound
    end_exclusion(work, act.object_id)


def _release_reporter(work: Work, act: TwoPersonAct, payload: Mapping[str, Any]) -> None:
    """To the one person who asked, and for a day."""
    _grant(work, act, [REPORTER], RELEASE, reason=str(payload.get("reason") or ""), staff_id=act.proposed_by)


def can_be_done(work: Work, act: TwoPersonAct) -> bool:
    """Whether agreeing would still do it: whom a case would be opened to may have been kept from it, or have left, since."""
    return act.kind != LETTING_IN or _receiver(work, act) is not None


def _receiver(work: Work, act: TwoPersonAct) -> Staff | Unit | None:
    """The person or the unit that the act names; None where it is kept from the case meanwhile or not there any more."""
    found = work.session.get(Staff, act.object_id) or work.session.get(Unit, act.object_id) if act.object_id else None
    if found is None:
        return None
    staff = found if isinstance(found, Staff) else None
    unit_id = staff.unit_id if staff else found.id
    gone = staff is not None and staff.closed_at is not None
    kept = is_excluded(work, _case_of(act), unit_id=unit_id, staff_id=staff.id if staff else None)
    return None if gone or kept else found


def _let_in(work: Work, act: TwoPersonAct, payload: Mapping[str, Any]) -> None:
    """The unit or the person that the act names, who is told. Raises NotFound where it can no longer be let in
    (`can_be_done`), or where nothing is given."""
    kind = kinds()[act.kind]
    whom = _receiver(work, act)
    groups = [one for one in payload.get("groups") or [] if one in kind.groups]
    if whom is None or not groups:
        raise NotFound
    purpose = payload.get("purpose")
    grant = _grant(
        work,
        act,
        groups,
        purpose if purpose in kind.purposes else kind.purposes[0],
        reason=str(payload.get("reason") or ""),
        until=datetime.fromisoformat(payload["until"]) if payload.get("until") else None,
        **{"staff_id" if isinstance(whom, Staff) else "unit_id": whom.id},
    )
    about = About(grant.case_id, case_by_id(work, grant.case_id).code)
    if isinstance(whom, Staff):
        notify(work, whom, text_id="case-opened-to-you", about=about, due_at=grant.expires_at)
    else:
        notify_post(
            work, unit_id=whom.id, role=Role.WORKER, text_id="case-opened-to-you", about=about, due_at=grant.expires_at
        )


def _grant(
    work: Work,
    act: TwoPersonAct,
    groups: list[str],
    purpose: str,
    *,
    reason: str,
    until: datetime | None = None,
    unit_id: UUID | None = None,
    staff_id: UUID | None = None,
) -> CaseGrant:
    longest = work.now + kinds()[act.kind].opens_for
    grant = CaseGrant(
        case_id=_case_of(act),
        unit_id=unit_id,
        staff_id=staff_id,
        groups=groups,
        purpose=purpose,
        starts_at=work.now,
        expires_at=min(longest, until or longest),
        granted_by=work.actor.id,
    )
    work.seal(grant, reason={"reason": reason})
    work.session.add(grant)
    work.session.flush()
    forget_access(work, grant.case_id)
    record(work, Tag.GRANT_MADE, case_id=grant.case_id, object_type="grant", object_id=grant.id, fields=groups)
    return grant


def _case_of(act: TwoPersonAct) -> UUID:
    if act.case_id is None:
        raise NotFound
    return act.case_id


def _account_of(work: Work, act: TwoPersonAct) -> Staff:
    staff = work.session.get(Staff, act.object_id) if act.object_id else None
    if staff is None or staff.closed_at is not None:
        raise NotFound
    return staff


def _confirm(work: Work, act: TwoPersonAct, payload: Mapping[str, Any]) -> None:
    confirm_account(work, _account_of(work, act))


def _reset_factor(work: Work, act: TwoPersonAct, payload: Mapping[str, Any]) -> None:
    if act.decided_by is None:
        raise NotFound
    owner = _account_of(work, act)
    reset_factors(work, owner, proposed_by=act.proposed_by, confirmed_by=act.decided_by)
    notify(work, owner, text_id="factor-changed", about=About(None, ""))


DOERS: Mapping[str, Callable[[Work, TwoPersonAct, Mapping[str, Any]], None]] = {
    "end-exclusion": _end_exclusion,
    "release-reporter": _release_reporter,
    LETTING_IN: _let_in,
    "confirm-account": _confirm,
    "create-auditor": _confirm,
    "reset-factor": _reset_factor,
}
