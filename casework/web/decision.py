"""The chair's page of one decision: a case told in one sheet, what was found and is proposed, and what may be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from casework.cases.drafts import drafts_on
from casework.cases.models import Case
from casework.cases.queries import documents_of
from casework.cases.service import Offer, offers
from casework.law.model import Law
from casework.people.rules import Role
from casework.web import casebook, stepform, wording
from casework.web.faults import guard_words
from casework.web.story import ASSESSMENTS, PLAN, Paper, latest_papers, story
from casework.work import Work


def decision_page(work: Work, case: Case) -> dict[str, Any]:
    """What templates/desk/decide.html shows."""
    documents = documents_of(work, case.id)
    sight = casebook.look_at(work, case)
    moves = offers(work, case)
    papers = latest_papers(work, case, documents)
    step = casebook.next_step(work, sight, moves, drafts_on(work, case.id))
    decisions = [one for one in moves if _is_decision(sight.law, one)]
    return {
        **casebook.frame_of(work, sight, "decide"),
        "step": step,
        "story_lines": story(sight.law, case, sight.facts, papers),
        "assessment": _assessment(sight.law, papers),
        "plan": _plan(papers) if sight.state.primary == "approve-plan" else None,
        "papers": [casebook.paper(sight.law, case, one) for one in reversed(documents[-casebook.LATEST :])],
        "acts": [_act(case, one, first=one.action.id == sight.state.primary) for one in _main(sight, decisions)],
        "others": step["others"],
        "warning": _warning(work, sight, decisions),
        "separation": casebook.separation(work, sight, moves),
    }


def _is_decision(law: Law, offer: Offer) -> bool:
    """An act that is the chair's alone; what a worker may do as well is the worker's to do."""
    return Role.WORKER not in offer.action.roles


def _main(sight: casebook.Sight, decisions: Sequence[Offer]) -> list[Offer]:
    """The step's own decision first, then those that stand beside it; the rest waits under "other work"."""
    primary = [one for one in decisions if one.action.id == sight.state.primary]
    beside = [one for one in decisions if one.action.id in casebook.PROMINENT and one.blocked_by is None]
    beside.sort(key=lambda one: casebook.PROMINENT.index(one.action.id))
    return [*primary, *(one for one in beside if one not in primary)]


def _act(case: Case, offer: Offer, *, first: bool) -> dict[str, Any]:
    action = offer.action
    return {
        "title": wording.law_text(action.title),
        "first": first,
        # The decision that the step calls for is drawn up from the case; any other begins with its form.
        "draw_up": url_for("desk.draw_up", code=case.code, action=action.id) if first and action.form else None,
        "url": url_for("cases.step", code=case.code, action=action.id),
        "blocked": guard_words(offer.blocked_by) if offer.blocked_by else "",
    }


def _assessment(law: Law, papers: Mapping[str, Paper]) -> dict[str, Any] | None:
    """The latest risk form counted, as it stands."""
    found = max((papers[form] for form in ASSESSMENTS if form in papers), key=lambda one: one.document.at, default=None)
    if found is None:
        return None
    form = law.forms[found.document.form]
    return {
        "title": _("%(form)s, %(when)s", form=wording.form_number(form), when=wording.short_moment(found.document.at)),
        "reading": stepform.reading_of(form, found.content),
        "reason": found.content.get("reason") or "",
    }


def _plan(papers: Mapping[str, Paper]) -> dict[str, Any] | None:
    """The activities proposed, and what they come to in VND."""
    plan = papers.get(PLAN)
    if plan is None:
        return None
    rows = plan.content.get("activities") or []
    return {
        "rows": [
            {
                "name": row.get("name") or "–",
                "who": ", ".join(str(row[one]) for one in ("officer", "provider") if row.get(one)) or "–",
                "when": " – ".join(_day(row[one]) for one in ("from", "to") if row.get(one)) or "–",
                "cost": _money(row.get("cost") or 0),
            }
            for row in rows
        ],
        "total": _money(sum(row.get("cost") or 0 for row in rows)),
    }


def _day(iso: str) -> str:
    return wording.day_text(date.fromisoformat(iso))


def _money(amount: float) -> str:
    return f"{amount:,.0f}".replace(",", ".")


def _warning(work: Work, sight: casebook.Sight, decisions: Sequence[Offer]) -> str | None:
    """Before a paper goes to who is named as harming."""
    primary = next((one.action for one in decisions if one.action.id == sight.state.primary), None)
    if primary is None or primary.form is None:
        return None
    return stepform.parent_warning(sight.law, sight.law.forms[primary.form], sight.facts)
