"""Where each person's day starts: the worker's tasks, what waits for the chair, the supervisor's deadlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.access.rules import may_read_case
from casework.audit.queries import Filters, recent
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drafts_on, own_drafts, save_draft
from casework.cases.queries import (
    Ageing,
    Filter,
    Listed,
    Page,
    ageing,
    codes_of,
    find_case,
    list_cases,
    state_of,
    units_of,
)
from casework.cases.rules import fact
from casework.cases.service import record_read
from casework.clock import local
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import read_clock
from casework.errors import Forbidden, IllegalMove
from casework.law.model import Law, State
from casework.notices.queries import to_staff
from casework.people.models import Unit
from casework.people.queries import decides_for_chair, unit, units_by_id
from casework.people.rules import LIAISON_ROLES, Role
from casework.web import casebook, stepform, wording
from casework.web.access import open_to
from casework.web.cases import draft_page, move_of, opened_form, refusal_page
from casework.web.decision import decision_page
from casework.web.door import begin
from casework.web.strip import strip_plot
from casework.work import Work

bp = Blueprint("desk", __name__)

DESK_SIZE = 100  # cases on one desk; the list of cases has them all
SIGN_SIZE = 40
OVERVIEW_SIZE = 20  # rows of each list under the sentence; the sentence leads to all of them
WEEK = timedelta(days=7)
FIRST = ("acknowledge", "emergency")  # article 26.3: nothing waits for less
DECIDED_LENGTH = 10
SMS_LENGTH = 5


# ---------------------------------------------------------------- the worker


@bp.get("/viec")
@open_to(Role.WORKER)
def tasks() -> ResponseReturnValue:
    with begin() as work:
        found = list_cases(work, Filter(unit_id=work.actor.unit_id), size=DESK_SIZE)
        units = units_by_id(work, [one.case.responsible_unit_id for one in found.rows])
        page = {
            "card": _card(work, found.rows),
            "groups": _groups(work, found.rows),
            "waiting": [row for one in found.rows for row in _waiting(work, one)],
            "more": found.total - len(found.rows),
            "drafts": _drafts(work),
            "alerts": _alerts(work),
            "unit": units[found.rows[0].case.responsible_unit_id].name if found.rows else "",
        }
        record(work, Tag.CASE_LIST_READ, object_type="tasks")
    return render_template("desk/tasks.html", **page)


def _groups(work: Work, rows: Sequence[Listed]) -> dict[str, list[dict[str, Any]]]:
    """The worker's own steps by how near their clock is, and beside them every other limit of theirs that is late or
    within the week (a separation's end, an activity of the plan). What waits for somebody else stands apart."""
    groups: dict[str, list[dict[str, Any]]] = {"new": [], "late": [], "today": [], "week": [], "later": []}
    for one in rows:
        state = state_of(work, one.case)
        if state.initial:
            groups["new"].append(_task(work, one))
            continue
        main = _clock_of(work, one)
        if _is_for(work.law_for(one.case.edition), state, Role.WORKER):
            groups[_nearness(work, main)].append(_task(work, one))
        for clock in one.clocks:
            near = _nearness(work, clock)
            if clock is not main and near != "later" and _is_workers_limit(work, clock):
                groups[near].append(_limit(work, one, clock))
    for name in ("late", "today", "week"):
        groups[name].sort(key=lambda row: row["clock"]["due_iso"])
    return groups


def _nearness(work: Work, clock: CaseClock | None) -> str:
    if clock is None or clock.due_at > work.now + WEEK:
        return "later"
    if read_clock(work, clock).look == "late":
        return "late"
    return "today" if local(clock.due_at).date() <= local(work.now).date() else "week"


def _is_workers_limit(work: Work, clock: CaseClock) -> bool:
    rule = work.law_for(clock.edition).deadlines[clock.rule]
    return rule.owner == Role.WORKER and not rule.period


def _limit(work: Work, one: Listed, clock: CaseClock) -> dict[str, Any]:
    """A limit that is not the next step's: what it is of, and the case it leads to."""
    child = wording.child_line(one.facts, local(work.now).date())
    return {
        "title": wording.law_text(work.law_for(clock.edition).deadlines[clock.rule].title),
        "detail": " · ".join(part for part in (child.masked, child.place, one.case.code) if part),
        "url": url_for("cases.home", code=one.case.code),
        "clock": wording.bare_chip(read_clock(work, clock)),
        "band": one.case.risk,
        "accept": None,
    }


def _is_for(law: Law, state: State, role: str) -> bool:
    return state.primary is not None and role in law.actions[state.primary].roles


def _clock_of(work: Work, one: Listed) -> CaseClock | None:
    return casebook.clock_that_matters(work.law_for(one.case.edition), state_of(work, one.case), one.clocks)


def _task(work: Work, one: Listed) -> dict[str, Any]:
    """A row: the verb of the step, the child's initials, the place, the clock, and where one tap leads."""
    state = state_of(work, one.case)
    child = wording.child_line(one.facts, local(work.now).date())
    clock = _clock_of(work, one)
    primary = work.law_for(one.case.edition).actions[state.primary] if state.primary else None
    one_tap = primary is not None and primary.form is None
    # A new report has nothing to open first: the row says whose it is, and its button is the verb.
    words = [child.masked] if one_tap else [wording.law_text(primary.title if primary else state.next), child.masked]
    return {
        "title": words[0],
        "detail": " · ".join(part for part in (*words[1:], child.place, one.case.code) if part),
        "url": url_for("cases.home", code=one.case.code),
        "clock": wording.bare_chip(read_clock(work, clock)) if clock else None,
        "band": one.case.risk,
        "accept": url_for("cases.submit", code=one.case.code, action=primary.id) if primary and one_tap else None,
    }


def _card(work: Work, rows: Sequence[Listed]) -> dict[str, Any] | None:
    """The single next deadline: what the worker can do before what waits for others, the twelve hours of a child who may
    be in danger before any other limit. Liaison bodies' clocks are theirs."""
    timed = [
        (
            not _is_for(work.law_for(one.case.edition), state_of(work, one.case), Role.WORKER),
            clock.rule not in FIRST,
            clock.due_at,
            place,
        )
        for place, one in enumerate(rows)
        if (clock := _limit_of(work, one))
    ]
    if not timed:
        return None
    others, _later, _due, place = min(timed)
    one, mine = rows[place], not others
    clock = _limit_of(work, one)
    state = state_of(work, one.case)
    primary = work.law_for(one.case.edition).actions[state.primary] if state.primary else None
    return {
        **_task(work, one),
        "title": wording.law_text(state.next),
        "code": one.case.code,
        "chip": wording.clock_chip(read_clock(work, clock)) if clock else None,
        "child": " · ".join(_summary(work, one)),
        "alert": casebook.alert(one.facts),
        # One tap to the form's first empty question.
        "act": casebook.start_of(work, one.case, one.facts, primary, drafts_on(work, one.case.id))
        if primary and mine
        else None,
        "awaited": None if mine else wording.law_text(state.decides),
    }


def _limit_of(work: Work, one: Listed) -> CaseClock | None:
    clock = _clock_of(work, one)
    return clock if clock is not None and not work.law_for(clock.edition).deadlines[clock.rule].period else None


def _summary(work: Work, one: Listed) -> list[str]:
    """Who and what in one line: initials, place, kind of harm."""
    child = wording.child_line(one.facts, local(work.now).date())
    kinds = [wording.list_word(work.law, "kinds", kind) for kind in fact(one.facts, "kinds") or []]
    return [part for part in (child.masked, child.place, ", ".join(kinds)) if part]


def _waiting(work: Work, one: Listed) -> list[dict[str, Any]]:
    """What others owe on this case, since when; the clock runs on meanwhile."""
    state = state_of(work, one.case)
    child = wording.child_line(one.facts, local(work.now).date()).masked
    url = url_for("cases.home", code=one.case.code)
    rows = []
    if not state.initial and state.primary and not _is_for(work.law, state, Role.WORKER):
        clock = _clock_of(work, one)
        since = _("từ %(when)s", when=wording.short_moment(one.case.changed_at))
        rows.append(
            {
                "title": _(
                    "Chờ Chủ tịch: %(step)s",
                    step=wording.law_text(work.law_for(one.case.edition).actions[state.primary].title),
                ),
                "detail": f"{child} · {since}",
                "url": url,
                "clock": wording.bare_chip(read_clock(work, clock)) if clock else None,
            }
        )
    for clock in one.clocks:
        rule = work.law_for(clock.edition).deadlines[clock.rule]
        if rule.owner in LIAISON_ROLES:
            since = _("từ %(when)s", when=wording.short_moment(clock.started_at))
            rows.append(
                {
                    "title": wording.law_text(rule.title),
                    "detail": f"{child} · {since}",
                    "url": url,
                    "clock": wording.bare_chip(read_clock(work, clock)),
                }
            )
    return rows


def _drafts(work: Work) -> list[dict[str, Any]]:
    """The person's unfinished pages. A draft on a case that has gone elsewhere is kept, but leads nowhere."""
    drafts = own_drafts(work)
    cases = codes_of(work, [draft.scope_id for draft in drafts])
    rows = []
    for draft in drafts:
        kind, _colon, name = draft.page.partition(":")
        case = cases.get(draft.scope_id)
        saved = _("đã lưu nháp %(when)s", when=wording.short_moment(draft.saved_at))
        if kind == "action" and case is not None and name in work.law_for(case.edition).actions:
            if may_read_case(work.actor, units_of(work, case), work.now).allowed:
                title = wording.law_text(work.law_for(case.edition).actions[name].title)
                url = url_for("cases.step", code=case.code, action=name)
                rows.append({"title": title, "detail": f"{case.code} · {saved}", "url": url})
        elif kind == "intake" and "operator.new" in current_app.view_functions:
            rows.append({"title": _("Phiếu tiếp nhận"), "detail": saved, "url": url_for("operator.new")})
    return rows


def _alerts(work: Work) -> list[dict[str, Any]]:
    if work.actor.id is None:
        return []
    return [
        {"body": one.body, "at": wording.short_moment(one.created_at), "code": one.case_code}
        for one in to_staff(work, work.actor.id, limit=SMS_LENGTH)
    ]


# ---------------------------------------------------------------- the chair


@bp.get("/ky")
@open_to(Role.CHAIR)
def to_sign() -> ResponseReturnValue:
    with begin() as work:
        states = work.law.states.values()
        own = tuple(one.id for one in states if _is_for(work.law, one, Role.CHAIR) and not one.initial)
        found = list_cases(work, Filter(unit_id=work.actor.unit_id, states=own), size=SIGN_SIZE)
        ripe = [one for one in found.rows if not _still_monitored(work, one)]
        alone = [
            one for one in ripe if not _is_for(work.law_for(one.case.edition), state_of(work, one.case), Role.WORKER)
        ]
        page = {
            "waiting": [_decision(work, one) for one in alone],
            "shared": [_decision(work, one) for one in ripe if one not in alone],
            "decided": _decided(work),
            "more": found.total - len(found.rows),
            "off_duty": not decides_for_chair(work),
        }
        record(work, Tag.CASE_LIST_READ, object_type="to-sign")
    return render_template("desk/to_sign.html", **page)


def _still_monitored(work: Work, one: Listed) -> bool:
    """A time that has to pass, and has not: nothing to decide yet."""
    return any(
        work.law_for(clock.edition).deadlines[clock.rule].period and clock.due_at > work.now for clock in one.clocks
    )


def _decision(work: Work, one: Listed) -> dict[str, Any]:
    state = state_of(work, one.case)
    law = work.law_for(one.case.edition)
    relation = wording.list_word(law, "harmer_relations", fact(one.facts, "harmer.relation"))
    harmer = _("người bị cho là gây tổn hại: %(who)s", who=relation.lower()) if relation else ""
    return {
        **_task(work, one),
        "title": wording.law_text(state.next),
        "code": one.case.code,
        "summary": " · ".join(part for part in (*_summary(work, one), harmer) if part),
        "alert": casebook.alert(one.facts),
        "since": _("Chờ từ %(when)s", when=wording.moment_text(one.case.changed_at)),
        "article": state.article,
        "decide": url_for("desk.decide", code=one.case.code),
    }


@bp.get("/ky/<code>")
@open_to(Role.CHAIR)
def decide(code: str) -> ResponseReturnValue:
    """One page to decide on: what happened, what was found, what is proposed, and the two ways on."""
    with begin() as work:
        case = find_case(work, code)
        page = decision_page(work, case)
        record_read(work, case, what="decision")
    return render_template("desk/decide.html", **page)


@bp.post("/ky/<code>/<action>")
@open_to(Role.CHAIR)
def draw_up(code: str, action: str) -> ResponseReturnValue:
    """Draws the decision up from what the case says and goes on to have it read and signed; to the form only where an
    answer is still needed. A draft that the chair has begun is kept as it is."""
    try:
        with begin() as work:
            case = find_case(work, code)
            move, form = move_of(work, case, action)
            if form is None:
                return redirect(url_for("cases.step", code=code, action=action), code=303)
            typed = opened_form(work, case, move, form).typed
            read = stepform.answered(work, case, form, typed)
            save_draft(work, draft_page(code, action), read.typed, case)
    except (IllegalMove, Forbidden) as error:
        return refusal_page(code, action, error)
    return redirect(url_for("cases.step" if read.faults else "cases.check", code=code, action=action), code=303)


def _decided(work: Work) -> list[dict[str, Any]]:
    """The person's own latest decisions, from the trail."""
    titles = {one.tag: one.done for one in work.law.actions.values() if Role.CHAIR in one.roles}
    entries = recent(work, Filters(tags=tuple(titles), actor_id=work.actor.id), per_page=DECIDED_LENGTH)
    cases = codes_of(work, {entry.case_id for entry in entries if entry.case_id})
    return [
        {
            "title": wording.law_text(titles[entry.tag]),
            "detail": f"{cases[entry.case_id].code} · {wording.moment_text(entry.at)}",
            "url": url_for("cases.home", code=cases[entry.case_id].code),
        }
        for entry in entries
        if entry.case_id in cases
    ]


# ---------------------------------------------------------------- the supervisor


@bp.get("/giam-sat")
@open_to(Role.SUPERVISOR)
def supervise() -> ResponseReturnValue:
    """Every number is the total of the list it leads to. Nothing of a child is opened on this page."""
    with begin() as work:
        province = unit(work, _own_unit(work))
        late = _overview(work, Filter(lateness="late"))
        soon = _overview(work, Filter(lateness="soon"))
        new = _overview(work, Filter(stage=work.law.initial_state.stage))
        lost = _overview(work, Filter(unit_id=province.id))
        every = [*late.rows, *soon.rows, *new.rows, *lost.rows]
        units = units_by_id(work, [one.case.responsible_unit_id for one in every])
        page = {
            "province": province.name,
            "at": wording.moment_text(work.now),
            "late": _overdue(work, late, units),
            "soon": _overdue(work, soon, units),
            "new": _overdue(work, new, units),
            "lost": _overdue(work, lost, units),
            "all": {
                "late": {"total": late.total, "url": url_for("cases.listing", han="qua-han")},
                "soon": {"total": soon.total, "url": url_for("cases.listing", han="sap-han")},
                "new": {"total": new.total, "url": url_for("cases.listing", buoc=work.law.initial_state.stage)},
                "lost": {"total": lost.total, "url": url_for("cases.listing", xa=province.code)},
            },
            "strip": _strip(work.law, ageing(work)),
        }
        record(work, Tag.CASE_LIST_READ, object_type="overview")
    return render_template("desk/supervise.html", **page)


def _own_unit(work: Work) -> UUID:
    if work.actor.unit_id is None:
        raise LookupError("a supervisor without a unit")
    return work.actor.unit_id


def _overview(work: Work, wanted: Filter) -> Page:
    return list_cases(work, wanted, size=OVERVIEW_SIZE, with_facts=False)


def _overdue(work: Work, found: Page, units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    rows = []
    for one in found.rows:
        clock = _soonest_limit(work, one)
        reading = read_clock(work, clock) if clock else None
        rows.append(
            {
                "code": one.case.code,
                "url": url_for("cases.home", code=one.case.code),
                "unit": units[one.case.responsible_unit_id].name,
                "step": wording.law_text(reading.rule.title if reading else state_of(work, one.case).title),
                "holder": casebook.post(reading.rule.owner) if reading else "",
                "moved": wording.short_moment(one.case.changed_at),
                "clock": wording.bare_chip(reading) if reading else None,
                # What the province holds for a conflict of interest is not sent back to the commune.
                "route": url_for("cases.step", code=one.case.code, action="route")
                if one.case.incident_unit_id is None
                else None,
            }
        )
    return rows


def _soonest_limit(work: Work, one: Listed) -> CaseClock | None:
    return next((clock for clock in one.clocks if not work.law_for(clock.edition).deadlines[clock.rule].period), None)


def _strip(law: Law, found: Ageing) -> dict[str, Any]:
    """The running limits by step: dots for the picture, counts for its table."""
    order = [stage.id for stage in law.stages]
    counts = [[0] * 5 for _stage in order]
    for state, quarters in found.counts.items():
        for quarter, count in quarters.items():
            counts[order.index(law.states[state].stage)][quarter] += count
    dots = [(order.index(law.states[dot.state].stage), dot.used, dot.code) for dot in found.dots]
    titles = [wording.law_text(stage.title) for stage in law.stages]
    return {
        "plot": strip_plot(len(order), dots),
        "titles": titles,
        "rows": [{"title": title, "counts": row} for title, row in zip(titles, counts, strict=True)],
        "shown": len(found.dots),
        "total": sum(map(sum, counts)),
    }
