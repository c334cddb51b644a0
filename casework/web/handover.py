"""What another commune is asked to take on: the letter, and its answer. The file itself opens only with acceptance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drop_draft, find_draft, read_draft, save_draft
from casework.cases.handover import (
    accept_hand_over,
    find_offer,
    late_answer,
    offers_to_me,
    read_letter,
    refuse_hand_over,
)
from casework.cases.models import HandOver
from casework.cases.queries import case_by_id
from casework.cases.service import Taken
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import clocks_of_subjects, read_clock
from casework.errors import NotFound
from casework.law.model import Form, Law
from casework.people.queries import units_by_id
from casework.people.rules import Role
from casework.web.access import keeps_draft, open_to
from casework.web.door import begin
from casework.web.lawform import Shown, checked, fresh, posted
from casework.web.stepform import LATE_FIELD, asking_late_reason
from casework.web.wording import clock_chip, law_text, moment_text
from casework.work import Work

bp = Blueprint("handover", __name__)

Answering = Callable[..., Taken]
# What is answered, in the address → the law's action and the use case that makes it.
ANSWERS: Mapping[str, tuple[str, Answering]] = {
    "nhan": ("accept-hand-over", accept_hand_over),
    "tu-choi": ("refuse-hand-over", refuse_hand_over),
}


def draft_page(offer_id: UUID, answer: str) -> str:
    return f"hand-over:{answer}:{offer_id}"


@bp.get("/ban-giao")
@open_to(Role.WORKER, Role.CHAIR)
def listing() -> ResponseReturnValue:
    with begin() as work:
        offers = offers_to_me(work)
        clocks = clocks_of_subjects(work, [one.id for one in offers])
        units = units_by_id(work, [one.from_unit_id for one in offers])
        record(work, Tag.CASE_LIST_READ, object_type="hand-overs")
        rows = [
            {
                "title": one.case_code,
                "detail": _("%(unit)s đề nghị bàn giao", unit=units[one.from_unit_id].name),
                "url": url_for("handover.show", offer_id=one.id),
                "clock": clock_chip(read_clock(work, clocks[one.id])) if one.id in clocks else None,
            }
            for one in offers
        ]
    return render_template("handover/listing.html", rows=rows)


@bp.get("/ban-giao/<uuid:offer_id>")
@open_to(Role.WORKER, Role.CHAIR)
def show(offer_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        offer = find_offer(work, offer_id)
        letter = read_letter(work, offer)
        units = units_by_id(work, [offer.from_unit_id])
        page = {
            "code": letter.code,
            "sender": units[offer.from_unit_id].name,
            "offered_at": moment_text(offer.offered_at),
            "answer_by": moment_text(letter.answer_by) if letter.answer_by else None,
            "age": _age_words(letter.age_band),
            "reason": letter.reason,
            "outstanding": letter.outstanding,
            "clocks": [_clock_line(work, clock) for clock in letter.clocks],
            "accept_url": url_for("handover.form", offer_id=offer_id, answer="nhan"),
            "refuse_url": url_for("handover.form", offer_id=offer_id, answer="tu-choi"),
        }
    return render_template("handover/letter.html", **page)


@bp.get("/ban-giao/<uuid:offer_id>/<any(nhan, 'tu-choi'):answer>")
@open_to(Role.WORKER, Role.CHAIR)
def form(offer_id: UUID, answer: str) -> ResponseReturnValue:
    with begin() as work:
        offer = find_offer(work, offer_id)
        asked = _form(work, offer, answer)
        draft = find_draft(work, draft_page(offer_id, answer))
        typed = read_draft(work, draft_page(offer_id, answer))
        shown = fresh(_law(work, offer), asked, {}, draft=typed, saved_at=draft.saved_at if draft else None)
        page = _page(work, offer, answer, shown)
    return render_template("handover/answer.html", **page)


@bp.post("/ban-giao/<uuid:offer_id>/<any(nhan, 'tu-choi'):answer>")
@keeps_draft(draft_page)
@open_to(Role.WORKER, Role.CHAIR)
def make(offer_id: UUID, answer: str) -> ResponseReturnValue:
    """Answers at once: there is little to check, and a child's case waits for a commune."""
    typed = posted()
    with begin() as work:
        offer = find_offer(work, offer_id)
        asked = _form(work, offer, answer)
        filled = checked(asked, typed, work.now)
        if filled.faults:
            save_draft(work, draft_page(offer_id, answer), typed)
            page = _page(work, offer, answer, Shown(asked, typed, filled.faults, {}))
            return render_template("handover/answer.html", **page), 422
        code = offer.case_code
        values = {name: value for name, value in filled.values.items() if name != LATE_FIELD}
        ANSWERS[answer][1](work, offer_id, values, late_reason=filled.values.get(LATE_FIELD))
        drop_draft(work, draft_page(offer_id, answer))
    if answer == "nhan":
        flash(_("Đã nhận bàn giao. Từ lúc này xã chịu trách nhiệm về ca."), "success")
        return redirect(url_for("cases.home", code=code), code=303)
    flash(_("Đã từ chối. Ca vẫn do xã đề nghị chịu trách nhiệm."), "success")
    return redirect(url_for("handover.listing"), code=303)


def _law(work: Work, offer: HandOver) -> Law:
    return work.law_for(case_by_id(work, offer.case_id).edition)


def _form(work: Work, offer: HandOver, answer: str) -> Form:
    law, action_id = _law(work, offer), ANSWERS[answer][0]
    form_id = law.actions[action_id].form
    if form_id is None:
        raise NotFound
    asked = asking_late_reason(law, law.forms[form_id], late_answer(work, offer, action_id))
    return asked or law.forms[form_id]


def _page(work: Work, offer: HandOver, answer: str, shown: Shown) -> dict[str, Any]:
    law = _law(work, offer)
    return {
        **shown.for_template(law),
        "code": offer.case_code,
        "button": law_text(law.actions[ANSWERS[answer][0]].title),
        "letter_url": url_for("handover.show", offer_id=offer.id),
        "action_url": url_for("handover.make", offer_id=offer.id, answer=answer),
        "accepts": answer == "nhan",
    }


def _age_words(band: str) -> str:
    return _("Chưa rõ") if band == "unknown" else _("%(band)s tuổi", band=band.replace("-", "–"))


def _clock_line(work: Work, clock: CaseClock) -> dict[str, Any]:
    reading = read_clock(work, clock)
    return {"title": law_text(reading.rule.title), "clock": clock_chip(reading)}
