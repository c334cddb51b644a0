"""Cases change here and nowhere else. `take_action` is the one door through which a case's state moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import InvalidRequestError
from sqlmodel import col, select

from casework.access.queries import is_excluded
from casework.access.rules import Decision, Step, decide
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.clocks import clock_owner, late_clocks, turn_clocks
from casework.cases.models import Case, Document, HandOver, NameBucket
from casework.cases.queries import (
    activities_of,
    documents_of,
    facts_of_case,
    hand_overs_of,
    latest_content,
    units_of,
)
from casework.cases.rules import (
    GUARDS,
    NAME_BUCKETS,
    STANDING_GUARDS,
    GuardSight,
    Separation,
    carers_of,
    concludes_below,
    fact,
    new_code,
)
from casework.clock import local
from casework.deadlines import service as deadlines
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import running_of
from casework.errors import Forbidden, GuardRefused, Invalid, NotFound
from casework.law.forms import facts_of, told_by_name
from casework.law.model import Action, Form, Law
from casework.law.procedure import actions_from, find_action, target_of
from casework.notices.service import About, notify_post
from casework.people.queries import unit
from casework.people.rules import LIAISON_ROLES, Role
from casework.vault.fold import fold_name
from casework.work import Work

SECOND_PERSON = "second-person"
LATE_REASON = "late-reason"  # the form whose one answer says why a step comes late
TO_PROVINCE = "take-to-province"
# Made by an arriving report or by a page that asks its own questions, not by a step's button.
INTAKE_ACTIONS = ("join-report", TO_PROVINCE, "open-break-glass", "review-break-glass")
NOTES = (
    "progress",
    "activity",
    "verify",
    LATE_REASON,
)  # forms that only note something: who wrote one has decided nothing
SETTLES_HAND_OVER = ("accepted", "decided")


@dataclass(frozen=True)
class Taken:
    """What an action did: the case as it now stands and the document it left, if it had a form."""

    case: Case
    action: Action
    document: Document | None


def open_case(
    work: Work,
    *,
    received_at: datetime,
    responsible_unit_id: UUID,
    province_id: UUID,
    incident_unit_id: UUID | None,
    danger: str,
    values: Mapping[str, Any],
) -> Case:
    """Opens a case with its Mẫu 01 (`values` by the form's field ids) and starts its first clocks.

    `received_at` (UTC) is the first receipt anywhere: the 12 running hours of article 26.3 count from it.
    """
    law = _law_of_new_case(work, received_at, province_id)
    first = law.initial_state
    case = Case(
        code=_free_code(work),
        state=first.id,
        risk=first.risk or "unassessed",
        edition=law.key,
        received_at=received_at,
        opened_at=work.now,
        changed_at=work.now,
        incident_unit_id=incident_unit_id,
        responsible_unit_id=responsible_unit_id,
        province_id=province_id,
    )
    work.reach(case.id)  # it may be another commune's from its first moment
    work.seal(case, facts={})
    work.session.add(case)
    work.session.flush()
    _hand_in(work, case, "01", values, action="open")
    record(work, Tag.CASE_OPENED, case_id=case.id, object_type="case", object_id=case.id)
    owner = clock_owner(case)
    clock = deadlines.start(work, owner, "emergency", since=received_at)
    if danger != "no":
        deadlines.start(work, owner, "acknowledge", since=work.now)
    for rule in law.opening:  # what the province limits besides
        deadlines.start(work, owner, rule, since=received_at)
    role = Role.SUPERVISOR if responsible_unit_id == province_id else Role.WORKER
    notify_post(
        work,
        unit_id=responsible_unit_id,
        role=role,
        text_id="report-received",
        about=About(case.id, case.code),
        due_at=clock.due_at,
    )
    return case


def take_action(
    work: Work,
    case: Case,
    action_id: str,
    values: Mapping[str, Any] | None = None,
    *,
    liaison_unit: UUID | None = None,
    subject_id: UUID | None = None,
    to_unit: UUID | None = None,
    home_unit: UUID | None = None,
    since: datetime | None = None,
    late_reason: str | None = None,
) -> Taken:
    """Makes one move of the procedure, with its form's `values` if it has one.

    law finds the transition → role and unit → guards → change → audit → clocks → notices, in the caller's transaction.
    Raises IllegalMove (with what is allowed instead), Forbidden, GuardRefused, Invalid, or NotFound for a case kept from the
    actor meanwhile; then nothing has changed and the caller must roll back. `liaison_unit` and `subject_id` name the body and
    the referral or hand-over an act is about; `to_unit` the commune of the incident a case is sent to, `home_unit` that of
    residence it is handed over to; `since`
    (UTC, default now) is the moment the clocks it starts count from. `late_reason` says why a step comes after its time:
    Invalid names it as missing where `late_clocks` finds one. Its moment is `work.now`, which nobody types.
    """
    # Whoever brings the case has found it by a right of theirs. What the move itself changes, or another did meanwhile, may
    # take it out of their sight: then they are refused by name.
    work.reach(case.id)
    # The row is locked and read anew: two people pressing at once make one move and one refusal, never half of each.
    lock_case(work, case)
    law = work.law_for(case.edition)
    action = check_move(work, case, action_id, liaison_unit=liaison_unit)
    given = dict(values or {})
    _check_guards(work, case, action, given)
    outcome = _outcome(work, case, action, given)
    late = late_clocks(work, case, action.id, given, subject_id=subject_id)
    if late and not (late_reason or "").strip():
        raise Invalid({"late_reason": "missing"})

    decided = {**given, action.outcome_field: outcome} if action.outcome_field else given
    target = target_of(action, case.state, decided)
    risk = action.outcome_risk.get(outcome or "") or law.states[target].risk
    moved = target != case.state
    case.state = target
    if risk and (moved or outcome):
        case.risk = risk
    case.changed_at = work.now
    _check_not_kept_from(work, case, incident_commune=to_unit, to_commune=home_unit)
    if action.id == TO_PROVINCE:
        _take_to_province(work, case)
    if to_unit is not None:
        _send_to_unit(work, case, to_unit)
    if home_unit is not None:
        _hand_to_unit(work, case, home_unit)
    document = _hand_in(work, case, action.form, given, action=action.id) if action.form else None
    work.session.add(case)
    record(
        work,
        action.tag,
        case_id=case.id,
        object_type="document" if document else action.liaison or "case",
        object_id=document.id if document else subject_id or case.id,
        fields=told_by_name(law.forms[action.form] if action.form else None, given),
    )
    if late:
        _keep_late_reason(work, case, action, late, str(late_reason))
    turn_clocks(work, case, action, outcome, given, subject_id=subject_id, liaison_unit=liaison_unit, since=since)
    _tell(work, case, action, liaison_unit)
    return Taken(case, action, document)


def lock_case(work: Work, case: Case) -> None:
    """Locks the case and reads it anew. Raises NotFound where it was kept from the actor since they found it."""
    try:
        work.session.refresh(case, with_for_update=True)
    except InvalidRequestError:  # no such row for them any more; to say so otherwise would say that there is one
        raise NotFound from None


def check_move(work: Work, case: Case, action_id: str, *, liaison_unit: UUID | None = None) -> Action:
    """The move, if the procedure has it in the case's state and it is this person's. Raises IllegalMove, Forbidden."""
    action = find_action(work.law_for(case.edition), case.state, action_id)
    decision = _may_take(work, case, action, liaison_unit)
    if not decision.allowed:
        raise Forbidden(decision.reason)
    return action


def _may_take(work: Work, case: Case, action: Action, liaison_unit: UUID | None = None) -> Decision:
    """`liaison_unit` is the body, or of a receiver's act the commune, that the case was referred or offered to."""
    units, kind = units_of(work, case), _kind_of_step(action)
    if kind == "liaison":
        units = replace(units, referred_to=liaison_unit)
    elif kind == "receiver":
        units = replace(units, offered_to=liaison_unit)
    # Looked up only where it matters: a second person is asked for where the province stands in for a commune.
    handed_in = work.actor.role == Role.SUPERVISOR and units.held_by_province and Role.CHAIR in action.roles
    step = Step(action.roles, kind, submitted_by=submitted_by(work, case) if handed_in else None)
    return decide(work.actor, "act", units, now=work.now, step=step)


def _kind_of_step(action: Action) -> str:
    if action.id in INTAKE_ACTIONS:
        return "intake"
    if action.receiver:
        return "receiver"
    return "liaison" if action.liaison is not None else "office"


def submitted_by(work: Work, case: Case) -> UUID | None:
    """Who handed in the worker's last step, if anybody did. Where the province holds the case its supervisors take the
    worker's steps and the chair's: two of them, for nobody decides on their own paper."""
    actions = work.law_for(case.edition).actions
    steps = [
        one
        for one in documents_of(work, case.id)
        if one.form not in NOTES and one.action in actions and Role.WORKER in actions[one.action].roles
    ]
    return steps[-1].author_id if steps else None


def _check_not_kept_from(work: Work, case: Case, **units: UUID | None) -> None:
    """No case is given to a unit that it is kept from. Raises Invalid under the field that named it."""
    for field, unit_id in units.items():
        if unit_id is not None and is_excluded(work, case.id, unit_id=unit_id):
            raise Invalid({field: "not-a-commune"})


def needs_reason(work: Work, case: Case, form: Form, values: Mapping[str, Any]) -> bool:
    """Whether this conclusion is below what the form and the case say, so that its reason has to be written down."""
    return concludes_below(form, values, facts_of_case(work, case), carers_of(work.law_for(case.edition)))


def record_refusal(work: Work, case: Case, action_id: str, reason: str) -> None:
    """Keeps a refused attempt, in a transaction of its own: the attempt's own work has rolled back."""
    with (
        work.whole_sight()
    ):  # the reason is sealed with the case's key, and the case may have left their sight meanwhile
        record(
            work,
            Tag.MOVE_REFUSED,
            case_id=case.id,
            object_type=action_id,
            object_id=case.id,
            result="refused",
            reason=reason,
        )


def record_read(work: Work, case: Case, *, what: str = "case", object_id: UUID | None = None) -> None:
    """Keeps that somebody saw content of a case; must be committed before the page leaves."""
    record(work, Tag.CASE_READ, case_id=case.id, object_type=what, object_id=object_id or case.id)


def keep_residence(work: Work, case: Case, residence_unit_id: UUID | None) -> None:
    """Notes the commune of residence, which leads the plan (Children Law 52.2)."""
    case.residence_unit_id = residence_unit_id
    work.session.add(case)


def name_bucket(work: Work, name: str) -> int:
    return int.from_bytes(work.keys.digest("child-name", fold_name(name))[:4], "big") % NAME_BUCKETS


# ---------------------------------------------------------------- the parts of a move


def _outcome(work: Work, case: Case, action: Action, given: Mapping[str, Any]) -> str | None:
    """The value that decides where the move leads. [D]: a conclusion below what is written down goes to a second person."""
    if action.outcome_field is None:
        return None
    value = given.get(action.outcome_field)
    if value is None:
        raise Invalid({action.outcome_field: "missing"})
    if (
        action.form
        and SECOND_PERSON in action.outcomes
        and needs_reason(work, case, work.law_for(case.edition).forms[action.form], given)
    ):
        return SECOND_PERSON
    return str(value)


def _check_guards(work: Work, case: Case, action: Action, given: Mapping[str, Any]) -> None:
    if action.guards:
        sight = _sight(work, case, action, given)
        for guard in action.guards:
            if not GUARDS[guard](sight):
                raise GuardRefused(guard)


def _sight(work: Work, case: Case, action: Action, given: Mapping[str, Any]) -> GuardSight:
    law = work.law_for(case.edition)
    running = {clock.rule: clock for clock in running_of(work, [case.id]).get(case.id, [])}
    documents = documents_of(work, case.id)
    hand_overs = hand_overs_of(work, case.id) if _HAND_OVER_GUARDS.intersection(action.guards) else ()
    return GuardSight(
        facts=facts_of_case(work, case),
        form=law.forms[action.form] if action.form else None,
        values=given,
        now=work.now,
        commune_known=case.incident_unit_id is not None,
        separation=separation_of(work, case, running.get("separation")),
        most_separated_days=law.deadlines["separation"].amount,
        monitored_until=running["monitoring"].due_at if "monitoring" in running else None,
        documents={one.form: one.at for one in documents},
        authors={one.form: one.author_id for one in documents},
        last_values=lambda form: latest_content(work, case.id, form),
        forms=law.forms,
        carers=carers_of(law),
        actor_id=work.actor.id,
        activities=_activity_keys(work, case, action),
        hand_over_open=any(one.answer is None for one in hand_overs),
        refusals=_refusals(hand_overs),
        with_province=case.responsible_unit_id == case.province_id,
    )


_HAND_OVER_GUARDS = frozenset(
    {"no-hand-over-open", "not-refused-before", "refused-before", "not-refused-twice", "refused-twice"}
)
_ACTIVITY_GUARDS = frozenset({"activity-of-the-plan", "plan-has-activities"})


def separation_of(work: Work, case: Case, clock: CaseClock | None) -> Separation | None:
    """The separation whose clock runs, over or not, for the guards and for whoever words them."""
    if clock is None:
        return None
    return Separation(clock.started_at, clock.due_at, work.law_for(case.edition).deadlines["separation"].amount)


def _activity_keys(work: Work, case: Case, action: Action) -> tuple[str, ...]:
    if not _ACTIVITY_GUARDS.intersection(action.guards):
        return ()
    return tuple(one.key for one in activities_of(work, case))


def _refusals(hand_overs: Sequence[HandOver]) -> int:
    """How often the case was refused since a commune last accepted it or the province named one."""
    count = 0
    for one in hand_overs:
        if one.answer in SETTLES_HAND_OVER:
            count = 0
        elif one.answer == "refused":
            count += 1
    return count


def _hand_in(work: Work, case: Case, form_id: str, values: Mapping[str, Any], *, action: str) -> Document:
    last = work.session.exec(
        select(func.max(Document.serial)).where(Document.case_id == case.id, Document.form == form_id)
    ).one()
    document = Document(
        case_id=case.id,
        form=form_id,
        edition=case.edition,
        serial=(last or 0) + 1,
        action=action,
        author_id=work.actor.id,
        author_role=work.actor.role,
        at=work.now,
    )
    work.seal(document, content=dict(values))
    work.session.add(document)
    _keep_facts(
        work,
        case,
        facts_of(work.law_for(case.edition).forms[form_id], values),
        source=form_id,
        add_only=action in INTAKE_ACTIONS,
    )
    return document


def _keep_facts(work: Work, case: Case, found: Mapping[str, Any], *, source: str, add_only: bool) -> None:
    """Writes the latest answers into the case's facts: one owner a datum, corrected once for all later forms.

    A further report only adds what nobody knew yet (`add_only`): hearsay does not overwrite what a worker has seen.
    """
    if not found:
        return
    facts = dict(facts_of_case(work, case))
    at = work.now.isoformat()
    for datum, value in found.items():
        if fact(facts, datum) != value and not (add_only and datum in facts):
            facts[datum] = {"value": value, "form": source, "at": at}
    work.seal(case, facts=facts)
    name = found.get("child.name")
    if name:
        bucket = NameBucket(case_id=case.id, bucket=name_bucket(work, name))
        work.session.merge(bucket)


def _keep_late_reason(work: Work, case: Case, action: Action, late: Sequence[CaseClock], reason: str) -> None:
    """A document of its own, so that it is read, printed and timed like every other; its moment is the server's."""
    document = _hand_in(work, case, LATE_REASON, {"late_reason": reason.strip()}, action=action.id)
    record(
        work,
        Tag.LATE_REASON_GIVEN,
        case_id=case.id,
        object_type="document",
        object_id=document.id,
        fields=tuple(sorted({clock.rule for clock in late})),
    )


def _tell(work: Work, case: Case, action: Action, liaison_unit: UUID | None) -> None:
    clocks = running_of(work, [case.id]).get(case.id, [])
    soonest = clocks[0].due_at if clocks else None
    for text_id, role in action.notify:
        if role in LIAISON_ROLES:
            unit = liaison_unit
        elif role == Role.SUPERVISOR:
            unit = case.province_id
        else:
            unit = case.responsible_unit_id
        if unit is None:
            continue
        due_at = next((one.due_at for one in clocks if one.owner_unit_id == unit), soonest)
        notify_post(work, unit_id=unit, role=role, text_id=text_id, about=About(case.id, case.code), due_at=due_at)


def _send_to_unit(work: Work, case: Case, to_unit: UUID) -> None:
    deadlines.move_to_unit(work, case.id, from_unit=case.responsible_unit_id, to_unit=to_unit)
    case.responsible_unit_id = to_unit
    case.incident_unit_id = to_unit


def _take_to_province(work: Work, case: Case) -> None:
    """The province holds the case itself; the communes of incident and residence stay noted."""
    deadlines.move_to_unit(work, case.id, from_unit=case.responsible_unit_id, to_unit=case.province_id)
    case.responsible_unit_id = case.province_id


def _hand_to_unit(work: Work, case: Case, home_unit: UUID) -> None:
    """Responsibility goes over in one moment, the clocks with it as they run; the commune of the incident stays noted."""
    deadlines.move_to_unit(work, case.id, from_unit=case.responsible_unit_id, to_unit=home_unit)
    case.responsible_unit_id = home_unit
    case.residence_unit_id = home_unit


def _law_of_new_case(work: Work, received_at: datetime, province_id: UUID) -> Law:
    """The edition in force on the day of the report, with the limits its province has tightened."""
    return work.book.for_province(local(received_at).date(), unit(work, province_id).code)


def _free_code(work: Work) -> str:
    """A code not in use. A clash is one in 33 million a year and case; the unique index decides in a race."""
    while True:
        code = new_code("TE", local(work.now).year)
        with work.whole_sight():
            taken = work.session.exec(select(Case.id).where(col(Case.code) == code)).first()
        if taken is None:
            return code


def allowed_now(work: Work, case: Case) -> tuple[Action, ...]:
    """The moves this person may make on this case now, in the law's order; liaison acts belong to referrals."""
    return tuple(
        action
        for action in actions_from(work.law_for(case.edition), case.state)
        if action.liaison is None
        and not action.receiver
        and action.id not in INTAKE_ACTIONS
        and _may_take(work, case, action).allowed
    )


@dataclass(frozen=True)
class Offer:
    """A move this person may make, and the guard that still stands in its way (None: nothing does)."""

    action: Action
    blocked_by: str | None


def offers(work: Work, case: Case) -> list[Offer]:
    """`allowed_now` with what can already be said of each move's conditions; what a form will answer is left to it."""
    found = []
    for action in allowed_now(work, case):
        standing = [guard for guard in action.guards if guard in STANDING_GUARDS]
        sight = _sight(work, case, action, {}) if standing else None
        blocked = next((guard for guard in standing if sight is not None and not GUARDS[guard](sight)), None)
        found.append(Offer(action, blocked))
    return found
