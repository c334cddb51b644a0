"""Which clocks of a case a move stops, lets lapse, resumes, extends and starts, as the law's data say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from casework.cases.models import Case
from casework.cases.queries import activities_of, activity_subject, facts_of_case, hand_overs_of, latest_document
from casework.cases.rules import fact
from casework.clock import VIETNAM, local
from casework.deadlines import service as deadlines
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import running_of
from casework.deadlines.service import ClockOwner
from casework.law.forms import facts_of
from casework.law.model import Action, DeadlineRule
from casework.people.rules import Role
from casework.work import Work

REVIEW = "review-break-glass"  # of an emergency opening


def late_clocks(
    work: Work,
    case: Case,
    action_id: str,
    values: Mapping[str, Any] | None = None,
    *,
    subject_id: UUID | None = None,
) -> list[CaseClock]:
    """The running limits past their time that this move would stop, soonest due first: it has to say why it is late.

    Without `values` those of every activity count, with them only the one they name. A period that has to pass
    (monitoring) and a limit whose data ask for no reason are never among them.
    """
    law = work.law_for(case.edition)
    action = law.actions[action_id]
    ended = {*action.stops, *(rule for rules in action.outcome_stops.values() for rule in rules)}
    asking = {rule for rule in ended if law.deadlines[rule].late_reason and not law.deadlines[rule].period}
    if not asking:
        return []
    subject = subject_id or _subject_of(work, case, action, values or {})
    return [
        clock
        for clock in running_of(work, [case.id]).get(case.id, [])
        if clock.rule in asking
        and clock.due_at < work.now
        and (clock.subject_id == subject or (values is None and law.deadlines[clock.rule].set_by_row is not None))
    ]


def turn_clocks(
    work: Work,
    case: Case,
    action: Action,
    outcome: str | None,
    given: Mapping[str, Any],
    *,
    subject_id: UUID | None,
    liaison_unit: UUID | None,
    since: datetime | None,
) -> None:
    law = work.law_for(case.edition)
    owner = clock_owner(case, liaison_unit)
    subject = subject_id or _subject_of(work, case, action, given)
    chosen = outcome or ""
    for rule in (*action.stops, *action.outcome_stops.get(chosen, ())):
        deadlines.stop(work, case.id, rule, subject_id=subject)
    for rule in (*action.cancels, *action.outcome_cancels.get(chosen, ())):
        _let_lapse(work, case, rule, subject)
    for rule in action.resumes:
        deadlines.resume(work, owner, rule)
    set_days = _days_set(work, case, action, given)
    for rule in action.extends:
        last = _day_of(set_days, law.deadlines[rule].set_by_form)
        if last is not None:
            deadlines.extend(work, case.id, rule, last, reason=str(given.get("reason") or ""))
    for rule_id in (*action.starts, *action.outcome_starts.get(chosen, ())):
        _start_clock(work, case, law.deadlines[rule_id], owner, set_days, since=since, subject_id=subject)
    if law.states[case.state].final:
        _let_all_lapse(work, case)


def _start_clock(
    work: Work,
    case: Case,
    rule: DeadlineRule,
    owner: ClockOwner,
    set_days: Mapping[str, Any],
    *,
    since: datetime | None,
    subject_id: UUID | None,
) -> None:
    if rule.set_by_row is not None:
        _start_rows(work, case, rule, owner)
        return
    if rule.owner == Role.SUPERVISOR:
        owner = replace(owner, owner_unit_id=case.province_id)
    # A day that a form sets counts from its midnight: the first of a separation, the date of a review.
    first, last = _day_of(set_days, rule.start_by_form), _day_of(set_days, rule.set_by_form)
    began = datetime.combine(first, time.min, VIETNAM) if first else since
    deadlines.start(work, owner, rule.id, since=began, set_date=last, subject_id=subject_id)


def _start_rows(work: Work, case: Case, rule: DeadlineRule, owner: ClockOwner) -> None:
    """One clock for each row of the form in hand, due on the row's own day; a day that has passed meanwhile is today."""
    form_id, field, column = str(rule.set_by_row).split(".")
    document = latest_document(work, case.id, form_id)
    if document is None:
        return
    today = local(work.now).date()
    for number, row in enumerate((work.open(document, "content") or {}).get(field) or [], start=1):
        day = date.fromisoformat(row[column]) if row.get(column) else None
        deadlines.start(
            work,
            owner,
            rule.id,
            set_date=max(day, today) if day else None,
            subject_id=activity_subject(document, number),
        )


def _let_lapse(work: Work, case: Case, rule_id: str, subject_id: UUID | None) -> None:
    """Unmet, and nobody's fault. A plan that is replaced or given up takes the clocks of all its activities with it."""
    if subject_id is None and work.law_for(case.edition).deadlines[rule_id].set_by_row is not None:
        for clock in running_of(work, [case.id]).get(case.id, []):
            if clock.rule == rule_id:
                deadlines.stop(work, case.id, rule_id, met=False, subject_id=clock.subject_id)
        return
    deadlines.stop(work, case.id, rule_id, met=False, subject_id=subject_id)


def _let_all_lapse(work: Work, case: Case) -> None:
    """Nobody owes an ended case anything in time: what still runs, a referral's clock included, lapses unmet. But for the
    review of an emergency opening: that is owed for what a person did, and the case's end must not be a way out of it."""
    owed = work.law_for(case.edition).actions[REVIEW].stops
    for clock in running_of(work, [case.id]).get(case.id, []):
        if clock.rule in owed:
            continue
        deadlines.stop(work, case.id, clock.rule, met=False, subject_id=clock.subject_id)
    for hand_over in hand_overs_of(work, case.id):
        if hand_over.answer is None:
            hand_over.answer, hand_over.answered_at = "lapsed", work.now
            work.session.add(hand_over)


def _subject_of(work: Work, case: Case, action: Action, given: Mapping[str, Any]) -> UUID | None:
    """What tells the clock of the plan's activity that this move records from the others'."""
    key = given.get("activity")
    if key is None or "activity-of-the-plan" not in action.guards:
        return None
    return next((one.subject_id for one in activities_of(work, case) if one.key == key), None)


def _days_set(work: Work, case: Case, action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    """Datum → day, for the clocks this move starts: as its own form says, else as an earlier form of the case did (the
    plan sets the review's day, its approval starts that clock). An earlier day that has passed meanwhile is today."""
    law = work.law_for(case.edition)
    form = law.forms[action.form] if action.form else None
    found: dict[str, Any] = facts_of(form, given) if form else {}
    asked = {one.datum for one in form.fields} if form else set()
    rules = (*action.starts, *action.extends, *(rule for many in action.outcome_starts.values() for rule in many))
    earlier = {law.deadlines[rule].set_by_form for rule in rules} - asked - {None}
    facts = facts_of_case(work, case) if earlier else {}
    for datum in earlier:
        day = fact(facts, datum) if datum else None
        if datum and day:
            found[datum] = max(day, local(work.now).date().isoformat())
    return found


def _day_of(set_days: Mapping[str, Any], datum: str | None) -> date | None:
    value = set_days.get(datum) if datum else None
    return date.fromisoformat(value) if value else None


def clock_owner(case: Case, unit_id: UUID | None = None) -> ClockOwner:
    return ClockOwner(case.id, case.code, unit_id or case.responsible_unit_id, case.province_id, case.edition)
