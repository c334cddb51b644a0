"""Handing a case over to another commune: offered, then accepted or refused; refused twice, the province decides.

The sender stays responsible until the other commune accepts: there is no moment without a commune, and no clock starts
again. Until then the other commune sees the letter and nothing of the file (docs/decisions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select

from casework.access.queries import not_excluded
from casework.access.rules import about, decide
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.clocks import late_clocks
from casework.cases.models import Case, HandOver
from casework.cases.queries import case_by_id, facts_of_case, hand_overs_of
from casework.cases.rules import age_band
from casework.cases.service import Taken, lock_case, take_action
from casework.clock import local
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import clocks_of_subjects, running_of
from casework.errors import IllegalMove, Invalid, NotFound
from casework.notices.service import About, notify_post
from casework.people.models import Unit
from casework.people.queries import commune_by_code
from casework.people.rules import Role
from casework.work import Work


@dataclass(frozen=True)
class Letter:
    """All that the offered commune sees before it accepts: no name, no place, nothing of what happened."""

    code: str
    age_band: str  # an id of `rules.AGE_BANDS`, or "unknown"
    reason: str
    outstanding: str
    answer_by: datetime | None
    clocks: Sequence[CaseClock]  # the case's own, as they run now


def offer_hand_over(work: Work, case: Case, values: Mapping[str, Any], *, late_reason: str | None = None) -> HandOver:
    """Offers the case to `values["to_commune"]` (its code). Raises Invalid for a commune that is unknown, of another
    province or the case's own, and what `take_action` raises."""
    to = _commune(work, case, values)
    if to.id == case.responsible_unit_id:
        raise Invalid({"to_commune": "not-a-commune"})
    offer_id = uuid4()
    holder = case.responsible_unit_id
    take_action(work, case, "offer-hand-over", values, liaison_unit=to.id, subject_id=offer_id, late_reason=late_reason)
    offer = HandOver(
        id=offer_id,
        case_id=case.id,
        case_code=case.code,
        from_unit_id=holder,
        to_unit_id=to.id,
        offered_at=work.now,
        offered_by=work.actor.id,
    )
    letter = {key: str(values.get(key) or "") for key in ("reason", "outstanding")}
    work.seal(offer, letter={**letter, "age_band": age_band(facts_of_case(work, case), local(work.now).date())})
    work.session.add(offer)
    work.session.flush()
    clock = clocks_of_subjects(work, [offer.id]).get(offer.id)
    _tell_commune(work, case, to.id, "hand-over-offered", due_at=clock.due_at if clock else None)
    return offer


def accept_hand_over(
    work: Work, offer_id: UUID, values: Mapping[str, Any] | None = None, *, late_reason: str | None = None
) -> Taken:
    """From here on the case is this commune's: the file, the responsibility and the clocks as they run."""
    offer, case = _locked(work, offer_id, "accept-hand-over")
    sender = case.responsible_unit_id
    taken = take_action(
        work,
        case,
        "accept-hand-over",
        values,
        liaison_unit=offer.to_unit_id,
        subject_id=offer.id,
        home_unit=offer.to_unit_id,
        late_reason=late_reason,
    )
    _settle(work, offer, "accepted")
    _tell_commune(work, case, sender, "hand-over-answered")
    return taken


def refuse_hand_over(work: Work, offer_id: UUID, values: Mapping[str, Any], *, late_reason: str | None = None) -> Taken:
    """The case stays where it is. The second refusal calls the province in."""
    action = "refuse-hand-over"
    offer, case = _locked(work, offer_id, action)
    if _refused_before(work, case):
        action = "refuse-hand-over-again"
    taken = take_action(
        work,
        case,
        action,
        values,
        liaison_unit=offer.to_unit_id,
        subject_id=offer.id,
        late_reason=late_reason,
    )
    _settle(work, offer, "refused")
    _tell_commune(work, case, case.responsible_unit_id, "hand-over-answered")
    return taken


def decide_hand_over(work: Work, case: Case, values: Mapping[str, Any], *, late_reason: str | None = None) -> HandOver:
    """The province names the commune responsible; it binds at once and asks no acceptance. It may name the one that
    holds the case. Raises as `offer_hand_over` does."""
    to = _commune(work, case, values)
    sender = case.responsible_unit_id
    refused = [one for one in hand_overs_of(work, case.id) if one.answer == "refused"]
    take_action(
        work,
        case,
        "decide-hand-over",
        values,
        subject_id=refused[-1].id if refused else None,
        home_unit=to.id,
        late_reason=late_reason,
    )
    decision = HandOver(
        case_id=case.id,
        case_code=case.code,
        from_unit_id=sender,
        to_unit_id=to.id,
        offered_at=work.now,
        offered_by=work.actor.id,
        answer="decided",
        answered_at=work.now,
    )
    work.session.add(decision)
    work.session.flush()
    for unit_id in {sender, to.id}:
        _tell_commune(work, case, unit_id, "hand-over-decided")
    return decision


def late_answer(work: Work, offer: HandOver, action_id: str) -> list[CaseClock]:
    """The limit of the answer, where it has passed: an answer then says why."""
    return late_clocks(work, case_by_id(work, offer.case_id), action_id, subject_id=offer.id)


def decision_late(work: Work, case: Case) -> list[CaseClock]:
    """The limit of the province's decision, where it has passed."""
    refused = [one for one in hand_overs_of(work, case.id) if one.answer == "refused"]
    return late_clocks(work, case, "decide-hand-over", subject_id=refused[-1].id) if refused else []


def offers_to_me(work: Work) -> Sequence[HandOver]:
    """The hand-overs that wait for this person's commune, oldest first; none for anybody but a commune's staff."""
    if not decide(work.actor, "read-offer", about(offered_to=work.actor.unit_id), now=work.now).allowed:
        return []
    return work.session.exec(
        select(HandOver)
        .where(
            HandOver.to_unit_id == work.actor.unit_id,
            col(HandOver.answer).is_(None),
            not_excluded(col(HandOver.case_id), work.actor),
        )
        .order_by(col(HandOver.offered_at))
    ).all()


def find_offer(work: Work, offer_id: UUID) -> HandOver:
    """Raises NotFound for an offer that does not exist, is answered, or is not this person's commune's to answer."""
    wanted = select(HandOver).where(HandOver.id == offer_id, not_excluded(col(HandOver.case_id), work.actor))
    offer = work.session.exec(wanted).first()
    if offer is None or offer.answer is not None:
        raise NotFound
    if not decide(work.actor, "read-offer", about(offered_to=offer.to_unit_id), now=work.now).allowed:
        raise NotFound
    return offer


def read_letter(work: Work, offer: HandOver) -> Letter:
    """Opens the letter and keeps that it was read."""
    said = work.open(offer, "letter") or {}
    record(work, Tag.HAND_OVER_READ, case_id=offer.case_id, object_type="hand-over", object_id=offer.id)
    clocks = running_of(work, [offer.case_id]).get(offer.case_id, [])
    own = next((clock for clock in clocks if clock.subject_id == offer.id), None)
    return Letter(
        code=offer.case_code,
        age_band=str(said.get("age_band") or "unknown"),
        reason=str(said.get("reason") or ""),
        outstanding=str(said.get("outstanding") or ""),
        answer_by=own.due_at if own else None,
        # A referral's or an activity's clock would tell of police, of a hospital, of a service: not before acceptance.
        clocks=[clock for clock in clocks if clock.subject_id is None],
    )


def _locked(work: Work, offer_id: UUID, action_id: str) -> tuple[HandOver, Case]:
    """The offer as it stands now. Two pressing at once: the second finds it answered. Raises NotFound, IllegalMove."""
    offer = work.session.get(HandOver, offer_id)
    if offer is None:
        raise NotFound
    case = case_by_id(work, offer.case_id)
    work.reach(case.id)  # how often it was refused is told by the offers to others, too
    lock_case(work, case)
    work.session.refresh(offer, with_for_update=True)
    if offer.answer is not None:
        raise IllegalMove(case.state, action_id)
    return offer, case


def _settle(work: Work, offer: HandOver, answer: str) -> None:
    offer.answer, offer.answered_at = answer, work.now
    work.session.add(offer)
    work.session.flush()


def _refused_before(work: Work, case: Case) -> bool:
    last = [one.answer for one in hand_overs_of(work, case.id) if one.answer not in (None, "lapsed")]
    return bool(last) and last[-1] == "refused"


def _commune(work: Work, case: Case, values: Mapping[str, Any]) -> Unit:
    """The clocks, the supervisor and the tighter limits of a case are its province's: it stays there."""
    found = commune_by_code(work, str(values.get("to_commune", "")))
    if found is None or found.province_id != case.province_id:
        raise Invalid({"to_commune": "not-a-commune"})
    return found


def _tell_commune(work: Work, case: Case, unit_id: UUID, text_id: str, *, due_at: datetime | None = None) -> None:
    about = About(case.id, case.code)
    notify_post(work, unit_id=unit_id, role=Role.WORKER, text_id=text_id, about=about, due_at=due_at)
