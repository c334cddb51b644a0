"""The page of one case as plain values: who, what next and by when, how far, what happened, which papers there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import current_app, url_for
from flask_babel import gettext as _

from casework.cases.drafts import drafts_on
from casework.cases.models import Case, Document, Draft
from casework.cases.queries import (
    activities_of,
    approved_plan,
    documents_of,
    hand_overs_of,
    state_of,
)
from casework.cases.rules import Facts, fact
from casework.cases.service import Offer, offers
from casework.cases.sight import facts_for
from casework.clock import local
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import changes_of, clocks_of, read_clock
from casework.law.forms import asked, prefill, read, to_submitted
from casework.law.model import Action, Law, Stage, State
from casework.notices.rules import word
from casework.people.models import Unit
from casework.people.queries import units_by_id
from casework.people.rules import LIAISON_ROLES
from casework.referral.queries import referrals_of
from casework.web import wording
from casework.web.access import declared
from casework.web.courseparts import activity_rows, activity_url, change_items, hand_over_state, with_changes
from casework.web.faults import guard_words
from casework.web.sharing import sharing
from casework.web.story import latest_papers, story, updated_at
from casework.web.timeline import events_of, is_reporter, papers_said, post, timeline
from casework.work import Work

__all__ = ["alert", "author", "clock_that_matters", "look_at", "page_of", "paper_title", "post", "start_of"]

SEPARATION = "separation"
LATEST = 6  # events and papers on the case's own page; their tabs have them all
EVENTS_READ = 24  # entries: several may be one event
# A button of its own; every other move waits under "other work", so that the next step stays the one thing seen.
PROMINENT = ("return-plan", "decide-new-plan", "order-separation", "refer-police", "refer-health", "end-observation")
VISIT = "record-progress"  # has a page of its own
ON_SEPARATION = ("extend-separation", "cancel-separation", "court-request")  # forms of what may be done about one


@dataclass(frozen=True)
class Sight:
    """What every page of a case stands on: its law, facts and clocks, read once."""

    case: Case
    law: Law
    state: State
    facts: Facts
    clocks: Sequence[CaseClock]
    units: Mapping[UUID, Unit]
    today: date

    @property
    def running(self) -> list[CaseClock]:
        return [clock for clock in self.clocks if clock.state == ClockState.RUNNING]

    @property
    def separated(self) -> CaseClock | None:
        return next((clock for clock in self.running if clock.rule == SEPARATION), None)


def look_at(work: Work, case: Case, more_units: Iterable[UUID | None] = ()) -> Sight:
    """Opens the facts. `more_units` are looked up along with the case's own."""
    return Sight(
        case=case,
        law=work.law_for(case.edition),
        state=state_of(work, case),
        facts=facts_for(work, case),
        clocks=clocks_of(work, case.id),
        units=units_by_id(work, [case.responsible_unit_id, case.incident_unit_id, *more_units]),
        today=local(work.now).date(),
    )


def frame_of(work: Work, sight: Sight, here: str, *, name_shown: bool = False) -> dict[str, Any]:
    """What stands on top of every page of the case: who it is, and the way to its other pages."""
    return {
        "case": sight.case,
        "code": sight.case.code,
        "state": sight.state,
        "identity": {
            **identity(work, sight, name_shown=name_shown),
            # The name is asked for on the case's own page, not on every other.
            **({} if here == "home" else {"reveal_url": None}),
        },
        "tabs": tabs(work, sight, here),
    }


def safe_message(sight: Sight) -> str | None:
    """What may be sent to somebody by hand: the code and the soonest limit; None where no limit runs."""
    due = min((clock.due_at for clock in sight.running), default=None)
    return word("safe-message", code=sight.case.code, due_at=due) if due else None


def page_of(work: Work, case: Case, *, name_shown: bool = False) -> dict[str, Any]:
    """Everything templates/case/home.html shows. A constant number of queries, whatever the case has been through."""
    documents = documents_of(work, case.id)
    referrals = referrals_of(work, case.id)
    events = events_of(work, work.law_for(case.edition), case, limit=EVENTS_READ)
    handed = hand_overs_of(work, case.id)
    units = (
        *(one.unit_id for one in events),
        *(one.to_unit_id for one in referrals),
        *(one.to_unit_id for one in handed),
    )
    sight = look_at(work, case, units)
    law = sight.law
    drafts = drafts_on(work, case.id)
    moves = offers(work, case)
    step = next_step(work, sight, moves, drafts)
    named = {one.object_id for one in events[:LATEST] if one.object_type == "document"}
    said = papers_said(work, law, case, [one for one in documents if one.id in named])
    past = [clock for clock in sight.clocks if clock.state != ClockState.RUNNING]
    return {
        **frame_of(work, sight, "home", name_shown=name_shown),
        "step": step,
        "separation": separation(work, sight, moves),
        "clocks": [dated(work, clock) for clock in sight.running],
        "safe": safe_message(sight),
        "past_clocks": [dated(work, clock) for clock in past],
        "stages": stages(sight, documents, step),
        "story_lines": story(law, case, sight.facts, latest_papers(work, case, documents)),
        "story_updated": wording.short_moment(updated_at(sight.facts, documents)),
        "timeline_items": with_changes(
            timeline(law, case, events, sight.units, said), change_items(work, changes_of(work, case.id))
        )[:LATEST],
        "hand_over": hand_over_state(handed, case, sight.units),
        "activities": activity_rows(work, activities_of(work, case)) if approved_plan(documents) else [],
        "activity_url": activity_url(case, moves),
        "papers": [paper(law, case, document) for document in reversed(documents[-LATEST:])],
        "papers_more": max(0, len(documents) - LATEST),
        "papers_url": papers_url(case),
        "sharing": sharing(law, referrals, sight.units),
    }


# ---------------------------------------------------------------- who


def identity(work: Work, sight: Sight, *, name_shown: bool = False) -> dict[str, Any]:
    case = sight.case
    child = wording.child_line(sight.facts, sight.today)
    incident = sight.units[case.incident_unit_id].name if case.incident_unit_id else _("chưa rõ xã")
    place = ", ".join(part for part in (child.place, incident) if part)
    clock = clock_that_matters(sight.law, sight.state, sight.running)
    return {
        "shown_name": child.full if name_shown else child.masked,
        "code": case.code,
        "line": " · ".join((place, _("giữ ca: %(unit)s", unit=sight.units[case.responsible_unit_id].name))),
        "band": case.risk,
        "band_words": wording.band_words(case.risk),
        "clock": wording.clock_chip(read_clock(work, clock)) if clock else None,
        "alert": alert(sight.facts, separated=sight.separated is not None),
        "reveal_url": url_for("cases.reveal", code=case.code),
        "name_shown": name_shown,
    }


def alert(facts: Facts, *, separated: bool = False) -> str | None:
    """The safety line under the child's name."""
    if fact(facts, "harmer.lives_with_child") is not True:
        return None
    if separated:
        return _("Người bị cho là gây tổn hại ở cùng nhà; trẻ đang được tạm thời cách ly")
    return _("Người bị cho là gây tổn hại đang ở cùng nhà với trẻ")


def tabs(work: Work, sight: Sight, here: str) -> list[dict[str, Any]]:
    """The pages of a case. One that this person cannot open now, or this installation does not have, is left out."""
    code = sight.case.code
    writes = sight.case.responsible_unit_id == work.actor.unit_id and not sight.state.final
    titles = {
        "cases.home": _("Bước tiếp"),
        "casefile.course": _("Diễn biến"),
        "casefile.people_page": _("Người"),
        PAPERS: _("Giấy tờ"),
        "casefile.shared": _("Chia sẻ"),
        "casefile.readers_page": _("Ai đã xem"),
        "conflict.exclusions": _("Loại trừ"),
        "casefile.visit": _("Ghi nhận"),
        "casefile.sheet": _("Bản in"),
    }
    return [
        {
            "url": url_for(endpoint, code=code),
            "title": title,
            "current": endpoint.rpartition(".")[2] == here,
            "count": None,
        }
        for endpoint, title in titles.items()
        if work.actor.role in _open_to(endpoint) and (writes or endpoint != "casefile.visit")
    ]


def _open_to(endpoint: str) -> frozenset[str]:
    """The roles a page is open to; nobody where there is no such page."""
    view = current_app.view_functions.get(endpoint)
    roles: frozenset[str] = declared(view) if view else frozenset()
    return roles


PAPERS = "papers.register"  # the papers' own room


def papers_url(case: Case) -> str | None:
    return url_for(PAPERS, code=case.code) if PAPERS in current_app.view_functions else None


# ---------------------------------------------------------------- what next


def clock_that_matters(law: Law, state: State, running: Sequence[CaseClock]) -> CaseClock | None:
    """The running clock that the next step stops; where it stops none, the soonest that is the commune's own."""
    own = [clock for clock in running if clock.rule in law.deadlines]
    own = [clock for clock in own if law.deadlines[clock.rule].owner not in LIAISON_ROLES]
    primary = law.actions[state.primary] if state.primary else None
    stopped = _stopped_by(primary) if primary else frozenset()
    return next((clock for clock in own if clock.rule in stopped), next(iter(own), None))


def next_step(work: Work, sight: Sight, moves: Sequence[Offer], drafts: Mapping[str, Draft]) -> dict[str, Any]:
    """What has to happen now, by when and why, who decides and signs, and what this person may do about it."""
    law, state, case = sight.law, sight.state, sight.case
    clock = clock_that_matters(law, state, sight.running)
    rule = law.deadlines[clock.rule] if clock else None
    open_moves = [one.action for one in moves if one.blocked_by is None and one.action.id != VISIT]
    primary = next((one for one in open_moves if one.id == state.primary), None)
    blocked = next((one.blocked_by for one in moves if one.action.id == state.primary and one.blocked_by), None)
    prominent = [one for one in open_moves if one is not primary and one.id in PROMINENT]
    others = [one for one in open_moves if one is not primary and one not in prominent]
    start = start_of(work, case, sight.facts, primary, drafts) if primary else None
    visit = next((one.action for one in moves if one.action.id == VISIT), None)
    buttons = [
        start,
        *(_button(case, one, drafts) for one in prominent),
        _visit(case, visit, drafts) if visit else None,
    ]
    return {
        "title": wording.law_text(state.next),
        "text": wording.law_text(law.articles.get(state.article)).rstrip("."),
        "article": state.article,
        "article_url": url_for("pages.legal_grounds", _anchor=f"dieu-{state.article}"),
        "clock": dated(work, clock) if clock else None,
        "period": rule.period if rule else False,
        "decides": wording.law_text(state.decides),
        "signs": _signs(law, state),
        "late": clock is not None and read_clock(work, clock).look == "late",
        "actions": [one for one in buttons if one],
        "start": start,
        "others": [_button(case, one, drafts) for one in others],
        "blocked": guard_words(blocked) if blocked else None,
        "awaited": None if primary or blocked or state.final else _awaited(law, state),
        "by_product": state.by_product,
    }


def _stopped_by(action: Action) -> frozenset[str]:
    return frozenset((*action.stops, *(rule for rules in action.outcome_stops.values() for rule in rules)))


def _signs(law: Law, state: State) -> str:
    """Who signs the paper of the step, as the form prints it."""
    primary = law.actions[state.primary] if state.primary else None
    form = law.forms[primary.form] if primary and primary.form else None
    return wording.law_text(form.signer) if form else ""


def _button(case: Case, action: Action, drafts: Mapping[str, Draft]) -> dict[str, Any]:
    title = wording.law_text(action.title)
    if f"action:{action.id}" in drafts:
        title = _("Làm tiếp: %(title)s", title=title)
    return {
        "url": url_for("cases.step", code=case.code, action=action.id),
        "title": title,
        "primary": False,
        "post": action.form is None,
        "note": "",
    }


def start_of(work: Work, case: Case, facts: Facts, action: Action, drafts: Mapping[str, Draft]) -> dict[str, Any]:
    """The step's own button. It opens the form at its first question without an answer and says how many are left."""
    button = {**_button(case, action, drafts), "primary": True}
    if action.form is None:
        return button
    draft = drafts.get(f"action:{action.id}")
    form = work.law_for(case.edition).forms[action.form]
    if draft is not None:
        typed = work.open(draft, "content") or {}
    else:
        typed = to_submitted(form, {one: found.value for one, found in prefill(form, facts).items()})
    filled = read(form, typed, today=local(work.now).date())
    empty = [
        one
        for one in form.fields
        if asked(one, filled.values) and one.id not in filled.values and (draft is not None or one.default is None)
    ]
    needed = [one for one in empty if one.required]
    first = next(iter((*needed, *empty)), None)
    if first is not None and first is not form.fields[0]:
        button["url"] = url_for("cases.step", code=case.code, action=action.id, _anchor=f"q-{first.id}")
    if draft is not None:
        saved = _("đã lưu nháp %(when)s", when=wording.short_moment(draft.saved_at))
        left = _("còn %(count)s câu phải trả lời", count=len(needed)) if needed else _("đã đủ câu phải trả lời")
        button["note"] = f"{saved}, {left}"
    return button


def _visit(case: Case, action: Action, drafts: Mapping[str, Draft]) -> dict[str, Any]:
    return {**_button(case, action, drafts), "url": url_for("casefile.visit", code=case.code)}


def _awaited(law: Law, state: State) -> str | None:
    if state.primary is None:
        return None
    titles = " / ".join(wording.role_title(role) for role in law.actions[state.primary].roles)
    return _("Đang chờ: %(who)s", who=titles)


def dated(work: Work, clock: CaseClock) -> dict[str, Any]:
    """A clock with how its due time was counted, day by day, where it counts working days."""
    chip = wording.clock_chip(read_clock(work, clock)) or {}
    return {**chip, "counted": wording.counted_days(clock.counted), "rule": clock.rule}


def separation(work: Work, sight: Sight, moves: Sequence[Offer]) -> dict[str, Any] | None:
    """A running separation: which of its days this is, and what may be done about it by whom (article 32.3)."""
    clock = sight.separated
    if clock is None:
        return None
    rule = sight.law.deadlines[SEPARATION]
    first, last = local(clock.started_at).date(), local(clock.due_at).date()
    offered = {one.action.id: one for one in moves}
    acts = [one for one in sight.law.actions.values() if one.form in ON_SEPARATION]
    acts = [one for one in acts if sight.case.state in one.sources or "*" in one.sources]
    day = max(0, (sight.today - first).days)  # the first day itself is not counted (Civil Code 147)
    return {
        "day": day,
        "most": max(rule.amount, (last - first).days),
        "allowed": rule.amount,
        "first": wording.day_text(first),
        "last": wording.day_text(last),
        "limit": wording.day_text(first + timedelta(days=rule.amount)),
        "over": sight.today > last,
        "chip": wording.clock_chip(read_clock(work, clock)),
        "article": rule.article,
        "acts": [_act_on_separation(sight.case, one, offered.get(one.id)) for one in acts],
    }


def _act_on_separation(case: Case, action: Action, offer: Offer | None) -> dict[str, Any]:
    who = " / ".join(wording.role_title(role) for role in action.roles)
    blocked = guard_words(offer.blocked_by) if offer and offer.blocked_by else ""
    note = blocked if offer else _("do %(who)s quyết định", who=who)
    return {
        "title": wording.law_text(action.title),
        "url": url_for("cases.step", code=case.code, action=action.id) if offer and not offer.blocked_by else None,
        "note": note,
        "article": action.article,
    }


# ---------------------------------------------------------------- how far


def stages(sight: Sight, documents: Sequence[Document], step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The course of a case with where this one stands; a step it went round is said to be so."""
    law, state, case = sight.law, sight.state, sight.case
    order = [stage.id for stage in law.stages]
    here = order.index(state.stage)
    latest = {document.form: document for document in documents}
    rows = []
    for place, stage in enumerate(law.stages):
        done = [latest[form] for form in _forms_of(law, stage) if form in latest]
        look, words = _standing(place, here, state, done=bool(done))
        last = max(done, key=lambda document: document.at, default=None)
        url = url_for("cases.document", code=case.code, document_id=last.id) if last else None
        start = step["start"] if look == "now" else None
        rows.append(
            {
                "title": wording.law_text(stage.title),
                "detail": _stage_detail(stage, last, look, start["note"] if start else ""),
                "state": look,
                "words": words,
                "url": start["url"] if start and not start["post"] else url,
            }
        )
    return rows


def _standing(place: int, here: int, state: State, *, done: bool) -> tuple[str, str]:
    """(look, words): the four words of a task list, and one for a step that this case did not need."""
    if place == here and not state.final:
        return "now", _("Đang làm")
    if place < here or state.final:
        return ("done", _("Hoàn thành")) if done or place == here else ("todo", _("Không phải làm"))
    return ("todo", _("Chưa bắt đầu")) if place == here + 1 else ("blocked", _("Chưa thể bắt đầu"))


def _forms_of(law: Law, stage: Stage) -> tuple[str, ...]:
    """The forms whose handing in is this stage's work: those of its states' first moves."""
    if law.initial_state.stage == stage.id:
        return ("01",)
    moves = [law.actions[state.primary] for state in law.states.values() if state.stage == stage.id and state.primary]
    return tuple(move.form for move in moves if move.form)


def _stage_detail(stage: Stage, last: Document | None, look: str, note: str) -> str:
    parts = [wording.law_text(stage.detail)]
    if last is not None:
        when = wording.short_moment(last.at)
        parts.append(when if look == "done" else _("lần trước %(when)s", when=when))
    return " · ".join(part for part in (*parts, note) if part)


# ---------------------------------------------------------------- papers


def author(document: Document) -> str:
    """By whose post a paper was handed in; of Mẫu 01 by a villager, that somebody reported."""
    return (
        _("Người báo tin") if is_reporter(document.author_role, document.form == "01") else post(document.author_role)
    )


def paper_title(law: Law, document: Document) -> str:
    form = law.forms[document.form]
    title = wording.form_number(form) or wording.law_text(form.title)
    return f"{title} ({document.serial})" if document.serial > 1 else title


def paper(law: Law, case: Case, document: Document) -> dict[str, Any]:
    form = law.forms[document.form]
    return {
        "title": paper_title(law, document),
        "says": wording.law_text(form.title) if form.number else "",
        "at": wording.moment_text(document.at),
        "by": author(document),
        "url": url_for("cases.document", code=case.code, document_id=document.id),
    }
