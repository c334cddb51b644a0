"""The page of one case as plain values: who, what next and by when, how far, what happened, who saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _

from casework.audit.models import AuditEntry
from casework.audit.queries import entries_of_case
from casework.audit.tags import Tag
from casework.cases.drafts import drafts_on
from casework.cases.models import Case, Document, Draft
from casework.cases.queries import documents_of, facts_of_case, state_of
from casework.cases.rules import Facts, fact
from casework.cases.service import Offer, offers
from casework.clock import local
from casework.deadlines.models import CaseClock, ClockState
from casework.deadlines.queries import clocks_of, read_clock
from casework.law.model import Action, Law, Stage, State
from casework.people.models import Unit
from casework.people.queries import units_by_id
from casework.people.rules import LIAISON_ROLES, Role
from casework.referral.models import Referral
from casework.referral.queries import referrals_of
from casework.web import wording
from casework.web.faults import guard_words
from casework.work import Work

READ_TAGS = (Tag.CASE_READ, Tag.DOCUMENT_READ, Tag.IDENTITY_REVEALED, Tag.REFERRAL_READ)
EVENT_TAGS = (Tag.CASE_OPENED, Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED, Tag.NOTICE_SENT)
TIMELINE_LENGTH = 60
SMS_BELONGS_WITHIN = timedelta(minutes=10)  # an SMS that left so soon after an event was about it
READS_LENGTH = 80
STORY_LENGTH = 700  # characters of the account; the whole of it is in Mẫu 01
# A button of its own; every other move waits under "other work", so that the next step stays the one thing seen.
JOINED = "case:report:joined"  # the law's tag of a further report
REPORTING_ROLES = (Role.COLLABORATOR.value, Role.POLICE.value, Role.HEALTH.value)
PROMINENT = ("return-plan", "decide-new-plan", "order-separation", "refer-police", "refer-health", "end-observation")


def page_of(work: Work, case: Case, *, name_shown: bool = False) -> dict[str, Any]:
    """Everything templates/case/home.html shows. A constant number of queries, whatever the case has been through."""
    facts = facts_of_case(work, case)
    clocks = clocks_of(work, case.id)
    running = [clock for clock in clocks if clock.state == ClockState.RUNNING]
    documents = documents_of(work, case.id)
    referrals = referrals_of(work, case.id)
    events = entries_of_case(work, case.id, _timeline_tags(work.law_for(case.edition)), TIMELINE_LENGTH)
    reads = entries_of_case(work, case.id, READ_TAGS, READS_LENGTH)
    units = units_by_id(
        work,
        [
            case.responsible_unit_id,
            case.incident_unit_id,
            *(one.unit_id for one in (*events, *reads)),
            *(one.to_unit_id for one in referrals),
        ],
    )
    moves = offers(work, case)
    drafts = drafts_on(work, case.id)
    return {
        "case": case,
        "state": state_of(work, case),
        "identity": identity(work, case, facts, running, units, name_shown=name_shown),
        "step": next_step(work, case, running, moves, drafts),
        "clocks": [wording.clock_chip(read_clock(work, clock)) for clock in running],
        "past_clocks": [wording.clock_chip(read_clock(work, clock)) for clock in clocks if clock not in running],
        "stages": stages(work.law_for(case.edition), case, documents, drafts),
        "story_text": story(work.law_for(case.edition), facts),
        "story_updated": story_updated(facts),
        "timeline_items": timeline(work.law_for(case.edition), events, units),
        "papers": [paper(work.law_for(case.edition), case, document) for document in reversed(documents)],
        "sharing": sharing(work.law_for(case.edition), referrals, units),
        "reads": readers(reads, units),
    }


# ---------------------------------------------------------------- who


def identity(
    work: Work,
    case: Case,
    facts: Facts,
    running: Sequence[CaseClock],
    units: Mapping[UUID, Unit],
    *,
    name_shown: bool = False,
) -> dict[str, Any]:
    child = wording.child_line(facts, local(work.now).date())
    holder = units[case.responsible_unit_id].name
    incident = units[case.incident_unit_id].name if case.incident_unit_id else _("chưa rõ xã")
    place = ", ".join(part for part in (child.place, incident) if part)
    clock = clock_that_matters(work.law_for(case.edition), state_of(work, case), running)
    return {
        "shown_name": child.full if name_shown else child.masked,
        "code": case.code,
        "line": " · ".join((place, _("giữ ca: %(unit)s", unit=holder))),
        "band": case.risk,
        "band_words": wording.band_words(case.risk),
        "clock": wording.clock_chip(read_clock(work, clock)) if clock else None,
        "alert": alert(facts),
        "reveal_url": url_for("cases.reveal", code=case.code),
        "name_shown": name_shown,
    }


def alert(facts: Facts) -> str | None:
    """The safety line under the child's name."""
    if fact(facts, "harmer.lives_with_child") is True:
        return _("Người bị cho là gây tổn hại đang ở cùng trẻ")
    return None


# ---------------------------------------------------------------- what next


def clock_that_matters(law: Law, state: State, running: Sequence[CaseClock]) -> CaseClock | None:
    """The running clock that the next step stops; where it stops none, the soonest that is the commune's own."""
    own = [clock for clock in running if law.deadlines[clock.rule].owner not in LIAISON_ROLES]
    primary = law.actions[state.primary] if state.primary else None
    stopped = _stopped_by(primary) if primary else frozenset()
    return next((clock for clock in own if clock.rule in stopped), next(iter(own), None))


def next_step(
    work: Work, case: Case, running: Sequence[CaseClock], moves: Sequence[Offer], drafts: Mapping[str, Draft]
) -> dict[str, Any]:
    """What has to happen now, by when and why, who decides, and what this person may do about it."""
    law, state = work.law_for(case.edition), state_of(work, case)
    clock = clock_that_matters(law, state, running)
    rule = law.deadlines[clock.rule] if clock else None
    open_moves = [one.action for one in moves if one.blocked_by is None]
    primary = next((one for one in open_moves if one.id == state.primary), None)
    blocked = next((one.blocked_by for one in moves if one.action.id == state.primary and one.blocked_by), None)
    prominent = [one for one in open_moves if one is not primary and one.id in PROMINENT]
    others = [one for one in open_moves if one is not primary and one not in prominent]
    buttons = ([_button(case, primary, drafts, primary=True)] if primary else []) + [
        _button(case, one, drafts) for one in prominent
    ]
    says = law.articles.get(state.article)
    reading = read_clock(work, clock) if clock else None
    return {
        "title": wording.law_text(state.next),
        "text": wording.law_text(says).rstrip("."),
        "by": wording.moment_text(clock.due_at) if clock and rule and not rule.period else None,
        "until": wording.moment_text(clock.due_at) if clock and rule and rule.period else None,
        "article": state.article,
        "article_url": url_for("pages.legal_grounds", _anchor=f"dieu-{state.article}"),
        "decides": wording.law_text(state.decides),
        "late": reading is not None and reading.look == "late",
        "clock": None,
        "line": wording.clock_chip(reading),
        "actions": buttons,
        "others": [_button(case, one, drafts) for one in others],
        "blocked": guard_words(blocked) if blocked else None,
        "awaited": None if primary or blocked or state.final else _awaited(law, state),
        "by_product": state.by_product,
    }


def _stopped_by(action: Action) -> frozenset[str]:
    return frozenset((*action.stops, *(rule for rules in action.outcome_stops.values() for rule in rules)))


def _button(case: Case, action: Action, drafts: Mapping[str, Draft], *, primary: bool = False) -> dict[str, Any]:
    title = wording.law_text(action.title)
    if f"action:{action.id}" in drafts:
        title = _("Làm tiếp: %(title)s", title=title)
    return {
        "url": url_for("cases.step", code=case.code, action=action.id),
        "title": title,
        "primary": primary,
        "post": action.form is None,
    }


def _awaited(law: Law, state: State) -> str | None:
    if state.primary is None:
        return None
    titles = " / ".join(wording.role_title(role) for role in law.actions[state.primary].roles)
    return _("Đang chờ: %(who)s", who=titles)


# ---------------------------------------------------------------- how far


def stages(law: Law, case: Case, documents: Sequence[Document], drafts: Mapping[str, Draft]) -> list[dict[str, Any]]:
    """The course of a case with where this one stands; a step it went round is said to be so."""
    order = [stage.id for stage in law.stages]
    state = law.states[case.state]
    here = order.index(state.stage)
    latest = {document.form: document for document in documents}
    rows = []
    for place, stage in enumerate(law.stages):
        done = [latest[form] for form in _forms_of(law, stage) if form in latest]
        if place == here and not state.final:
            look, words = "now", _("Đang làm")
        elif place < here or state.final:
            look, words = ("done", _("Hoàn thành")) if done or place == here else ("todo", _("Không phải làm"))
        else:
            look, words = ("todo", _("Chưa bắt đầu")) if place == here + 1 else ("blocked", _("Chưa thể bắt đầu"))
        last = max(done, key=lambda document: document.at, default=None)
        rows.append(
            {
                "title": wording.law_text(stage.title),
                "detail": _stage_detail(stage, last, drafts.get(f"action:{state.primary}") if look == "now" else None),
                "state": look,
                "words": words,
                "url": url_for("cases.document", code=case.code, document_id=last.id) if last else None,
            }
        )
    return rows


def _forms_of(law: Law, stage: Stage) -> tuple[str, ...]:
    """The forms whose handing in is this stage's work: those of its states' first moves."""
    if law.initial_state.stage == stage.id:
        return ("01",)
    moves = [law.actions[state.primary] for state in law.states.values() if state.stage == stage.id and state.primary]
    return tuple(move.form for move in moves if move.form)


def _stage_detail(stage: Stage, last: Document | None, draft: Draft | None) -> str:
    parts = [wording.law_text(stage.detail)]
    if last is not None:
        parts.append(wording.short_moment(last.at))
    if draft is not None:
        parts.append(_("đã lưu nháp %(when)s", when=wording.short_moment(draft.saved_at)))
    return " · ".join(parts)


# ---------------------------------------------------------------- what is known


def story(law: Law, facts: Facts) -> str:
    """3–6 lines from what the forms say now; nothing is written twice."""
    lines = [_shortened(fact(facts, "narrative"))]
    kinds = [wording.list_word(law, "kinds", kind) for kind in fact(facts, "kinds") or []]
    if kinds:
        lines.append(_("Hình thức: %(kinds)s.", kinds=", ".join(kinds)))
    if condition := _shortened(fact(facts, "child.condition")):
        lines.append(_("Tình trạng của em: %(text)s", text=condition))
    if where := fact(facts, "child.safe_place") or fact(facts, "child.whereabouts"):
        lines.append(_("Em đang ở: %(where)s.", where=str(where).rstrip(".")))
    if relation := wording.list_word(law, "harmer_relations", fact(facts, "harmer.relation")):
        together = fact(facts, "harmer.lives_with_child")
        tail = {True: _(", sống cùng em"), False: _(", không sống cùng em")}.get(together, "")
        lines.append(_("Người bị cho là gây tổn hại: %(who)s%(tail)s.", who=relation, tail=tail))
    danger = {
        "yes": _("Nguy hiểm ngay lúc báo tin: có."),
        "no": _("Nguy hiểm ngay lúc báo tin: không."),
        "unknown": _("Nguy hiểm ngay lúc báo tin: chưa rõ."),
    }.get(fact(facts, "danger_now") or "")
    return "\n".join(line for line in (*lines, danger) if line)


def story_updated(facts: Facts) -> str | None:
    moments = [datetime.fromisoformat(entry["at"]) for entry in facts.values()]
    return _("Cập nhật %(when)s", when=wording.short_moment(max(moments))) if moments else None


def _shortened(text: str | None) -> str:
    text = (text or "").strip()
    return text if len(text) <= STORY_LENGTH else text[:STORY_LENGTH].rsplit(" ", 1)[0] + " …"


# ---------------------------------------------------------------- what happened


def _timeline_tags(law: Law) -> list[str]:
    return [*EVENT_TAGS, *(action.tag for action in law.actions.values())]


def timeline(law: Law, events: Sequence[AuditEntry], units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    """Newest first. The same event told to several people at once is one line, and an SMS is told with what caused it."""
    items: list[dict[str, Any]] = []
    reminded: datetime | None = None
    for entry in events:
        if entry.tag == Tag.NOTICE_SENT:
            reminded = entry.at
            continue
        title, kind = _event_words(law, entry)
        told = reminded is not None and reminded - entry.at <= SMS_BELONGS_WITHIN
        reminded = None
        item = {
            "title": title,
            "kind": kind,
            "time_text": wording.moment_text(entry.at),
            "time_iso": local(entry.at).isoformat(timespec="seconds"),
            "by": _who(entry, units),
            "detail": _("Đã nhắn SMS") if told else None,
            "url": None,
        }
        if not items or (items[-1]["title"], items[-1]["time_text"]) != (item["title"], item["time_text"]):
            items.append(item)
    return items


def _event_words(law: Law, entry: AuditEntry) -> tuple[str, str]:
    rule = law.deadlines.get(entry.object_type or "")
    if entry.tag == Tag.CASE_OPENED:
        return _("Tiếp nhận thông tin (Mẫu 01)"), "act"
    if entry.tag == Tag.CLOCK_WARNED and rule:
        return _("Sắp hết hạn: %(title)s", title=wording.law_text(rule.title)), "note"
    if entry.tag == Tag.CLOCK_BREACHED and rule:
        if rule.period:
            return _("Đã đủ thời gian: %(title)s", title=wording.law_text(rule.title)), "ok"
        return _("Quá hạn: %(title)s", title=wording.law_text(rule.title)), "bad"
    action = next(one for one in law.actions.values() if one.tag == entry.tag)
    return wording.law_text(action.done), "ok" if action.liaison else "act"


def _who(entry: AuditEntry, units: Mapping[UUID, Unit]) -> str:
    if _is_reporter(entry.actor_role, entry.tag == Tag.CASE_OPENED or entry.tag == JOINED):
        return _("Người báo tin")
    unit = units.get(entry.unit_id) if entry.unit_id else None
    return post(entry.actor_role, unit.name if unit else "")


def _is_reporter(role: str, reporting: bool) -> bool:
    """Whose post would name them: a village has one collaborator. Article 24: an informant stays unknown, also to the commune."""
    return reporting and role in REPORTING_ROLES


def author(document: Document) -> str:
    """By whose post a paper was handed in; of Mẫu 01 by a villager, that somebody reported."""
    return (
        _("Người báo tin") if _is_reporter(document.author_role, document.form == "01") else post(document.author_role)
    )


def post(role: str, unit_name: str = "") -> str:
    """Who acted, by post and office: `Chủ tịch UBND, Xã Nà Lũng`. Short, for it stands on every line."""
    short = {Role.WORKER.value: _("Cán bộ bảo vệ trẻ em"), Role.CHAIR.value: _("Chủ tịch UBND")}
    title = short.get(role) or wording.role_title(role)
    return f"{title}, {unit_name}" if unit_name and unit_name not in title else title


# ---------------------------------------------------------------- papers, sharing, reading


def paper_title(law: Law, document: Document) -> str:
    form = law.forms[document.form]
    title = form.number or wording.law_text(form.title)
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


def sharing(law: Law, referrals: Sequence[Referral], units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    """Who outside the office was given what. The reporter is on the list because nobody is given them."""
    rows = []
    for referral in referrals:
        groups = ", ".join(wording.law_text(law.groups[group]).lower() for group in referral.shows)
        rows.append(
            {
                "who": units[referral.to_unit_id].name,
                "what": f"{groups} · {_referral_state(referral)}",
                "withheld": False,
            }
        )
    for kind, title in (("police", _("Công an")), ("health", _("Cơ sở y tế"))):
        if all(referral.kind != kind for referral in referrals):
            rows.append({"who": title, "what": _("chưa chuyển"), "withheld": False})
    rows.append({"who": _("Người báo tin"), "what": _("không chia sẻ"), "withheld": True})
    return rows


def _referral_state(referral: Referral) -> str:
    if referral.answered_at:
        return _("đã phản hồi %(when)s", when=wording.short_moment(referral.answered_at))
    if referral.acknowledged_at:
        return _("đã nhận %(when)s", when=wording.short_moment(referral.acknowledged_at))
    return _("chưa xác nhận, chuyển lúc %(when)s", when=wording.short_moment(referral.sent_at))


def readers(reads: Sequence[AuditEntry], units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    what = {
        Tag.CASE_READ.value: _("xem ca"),
        Tag.DOCUMENT_READ.value: _("xem giấy tờ"),
        Tag.IDENTITY_REVEALED.value: _("hiện tên trẻ"),
        Tag.REFERRAL_READ.value: _("xem phiếu chuyển"),
    }
    return [
        {"who": _who(entry, units), "what": what[entry.tag], "when": wording.moment_text(entry.at)} for entry in reads
    ]
