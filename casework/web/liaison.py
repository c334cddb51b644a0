"""Police and health: what was referred to their own body, and nothing else of any case."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.cases.drafts import drop_draft, find_draft, read_draft, save_draft
from casework.clock import local
from casework.deadlines.queries import clocks_of_subjects, read_clock
from casework.law.forms import Filled, answers
from casework.law.model import Form, Law
from casework.people.queries import commune_by_code
from casework.people.rules import Role
from casework.referral.models import Referral
from casework.referral.queries import find_referral, groups_of_referral, packet, referrals_to_me
from casework.referral.rules import packet_form
from casework.referral.service import acknowledge, answer, record_list_read, record_referral_read
from casework.web.access import keeps_draft, open_to
from casework.web.door import begin
from casework.web.lawform import Shown, checked, fresh, posted
from casework.web.wording import clock_chip, language, law_text, short_moment
from casework.work import Work

bp = Blueprint("liaison", __name__)

OWN_WORDS = ("danger_now", "reason", "safety_notes")  # what the sender wrote to this body, whatever its groups


def draft_page(referral_id: UUID) -> str:
    return f"answer:{referral_id}"


@bp.get("/chuyen-den")
@open_to(Role.POLICE, Role.HEALTH)
def listing() -> ResponseReturnValue:
    with begin() as work:
        referrals = referrals_to_me(work)
        clocks = clocks_of_subjects(work, [one.id for one in referrals])
        reasons = work.open_all(referrals, "reason")
        record_list_read(work)
        rows = [
            {
                "title": one.case_code,
                "detail": _detail(work.law, one, reason or {}),
                "url": url_for("liaison.show", referral_id=one.id),
                "clock": clock_chip(read_clock(work, clocks[one.id])) if one.id in clocks else None,
                "waiting": one.acknowledged_at is None,
                "acknowledge_url": url_for("liaison.take", referral_id=one.id),
            }
            for one, reason in zip(referrals, reasons, strict=True)
        ]
    return render_template(
        "liaison/listing.html",
        waiting=[row for row in rows if row["waiting"]],
        taken=[row for row in rows if not row["waiting"]],
    )


@bp.get("/cong-an")
@bp.get("/y-te")
@open_to(Role.POLICE, Role.HEALTH)
def own_name() -> ResponseReturnValue:
    """The addresses people know by heart lead to the one list."""
    return redirect(url_for("liaison.listing"))


@bp.get("/chuyen-den/<uuid:referral_id>")
@open_to(Role.POLICE, Role.HEALTH)
def show(referral_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        referral = find_referral(work, referral_id)
        record_referral_read(work, referral)
        clock = clocks_of_subjects(work, [referral.id]).get(referral.id)
        page = {
            "referral": _referral(referral),
            "own": _own_words(work, referral),
            "sections": _sections(work, referral),
            "withheld": [law_text(work.law.groups[one]) for one in work.law.audiences[referral.kind].withholds],
            "article": work.law.audiences[referral.kind].article,
            "clock": clock_chip(read_clock(work, clock)) if clock else None,
            "has_draft": find_draft(work, draft_page(referral_id)) is not None,
        }
    return render_template("liaison/packet.html", **page)


@bp.post("/chuyen-den/<uuid:referral_id>/xac-nhan")
@open_to(Role.POLICE, Role.HEALTH)
def take(referral_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        referral = find_referral(work, referral_id)
        if referral.acknowledged_at is None:
            acknowledge(work, referral_id)
    flash(_("Đã xác nhận. Xã giữ ca đã được báo."), "success")
    return redirect(url_for("liaison.show", referral_id=referral_id), code=303)


@bp.get("/chuyen-den/<uuid:referral_id>/phan-hoi")
@open_to(Role.POLICE, Role.HEALTH)
def form(referral_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        referral = find_referral(work, referral_id)
        draft = find_draft(work, draft_page(referral_id))
        shown = fresh(
            work.law,
            _answer_form(work.law, referral),
            {},
            draft=read_draft(work, draft_page(referral_id)),
            saved_at=draft.saved_at if draft else None,
        )
        return _form_page(work.law, referral, shown)


@bp.post("/chuyen-den/<uuid:referral_id>/phan-hoi")
@keeps_draft(draft_page)
@open_to(Role.POLICE, Role.HEALTH)
def hand_in(referral_id: UUID) -> ResponseReturnValue:
    typed = posted()
    with begin() as work:
        referral = find_referral(work, referral_id)
        if "_draft" in request.form:
            save_draft(work, draft_page(referral_id), typed)
            filled = None
        else:
            answer_form = _answer_form(work.law, referral)
            filled = checked(answer_form, typed, work.now)
            if filled.faults:
                save_draft(work, draft_page(referral_id), typed)
                return _form_page(work.law, referral, Shown(answer_form, typed, filled.faults, {})), 422
            answer(work, referral_id, filled.values)
            drop_draft(work, draft_page(referral_id))
    flash(*_said(filled))
    return redirect(url_for("liaison.show", referral_id=referral_id), code=303)


@bp.post("/chuyen-den/<uuid:referral_id>/nhap")
@keeps_draft(draft_page)
@open_to(Role.POLICE, Role.HEALTH)
def autosave(referral_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        find_referral(work, referral_id)
        draft = save_draft(work, draft_page(referral_id), posted())
        saved = local(draft.saved_at)
    return jsonify(saved_at=f"{saved:%H:%M}")


def _said(filled: Filled | None) -> tuple[str, str]:
    return (_("Đã lưu nháp."), "info") if filled is None else (_("Đã gửi phản hồi. Xã giữ ca đã được báo."), "success")


def _form_page(law: Law, referral: Referral, shown: Shown) -> str:
    return render_template("liaison/answer.html", referral=_referral(referral), **shown.for_template(law))


def _answer_form(law: Law, referral: Referral) -> Form:
    return law.forms[f"answer-{referral.kind}"]


def _referral(referral: Referral) -> dict[str, Any]:
    return {
        "code": referral.case_code,
        "kind": referral.kind,
        "sent": short_moment(referral.sent_at),
        "acknowledged": short_moment(referral.acknowledged_at),
        "answered": short_moment(referral.answered_at),
        "url": url_for("liaison.show", referral_id=referral.id),
        "acknowledge_url": url_for("liaison.take", referral_id=referral.id),
        "answer_url": url_for("liaison.form", referral_id=referral.id),
        "autosave_url": url_for("liaison.autosave", referral_id=referral.id),
    }


def _detail(law: Law, referral: Referral, reason: dict[str, Any]) -> str:
    danger = dict(_own_lines(law, reason)).get(law_text(law.forms["referral"].field("danger_now").label))
    parts = [
        _("Nguy hiểm ngay lúc này: %(answer)s", answer=danger or _("chưa rõ")),
        _("chuyển lúc %(when)s", when=short_moment(referral.sent_at)),
    ]
    if referral.answered_at:
        parts.append(_("đã phản hồi %(when)s", when=short_moment(referral.answered_at)))
    elif referral.acknowledged_at:
        parts.append(_("đã nhận %(when)s, chưa phản hồi", when=short_moment(referral.acknowledged_at)))
    return " · ".join(parts)


def _own_words(work: Work, referral: Referral) -> list[tuple[str, str]]:
    return _own_lines(work.law, packet(work, referral)["referral"])


def _own_lines(law: Law, reason: dict[str, Any]) -> list[tuple[str, str]]:
    """What the sender wrote to this body: (question, answer), in the order of urgency."""
    lines = {
        one.id: (law_text(one.label), text)
        for _section, fields in answers(law.forms["referral"], reason, language())
        for one, text in fields
        if text is not None
    }
    return [lines[one] for one in OWN_WORDS if one in lines]


def _sections(work: Work, referral: Referral) -> list[Any]:
    """The packet by field group."""
    shows = groups_of_referral(work, referral)
    given = packet(work, referral)
    if "danger_now" in given.pop("referral"):
        given.pop("danger_now", None)  # the sender's own answer stands above
    read_as = packet_form(work.law, shows, given)
    for one in read_as.fields:
        commune = commune_by_code(work, given[one.id]) if one.kind == "commune" else None
        if commune is not None:
            given[one.id] = commune.name
    return answers(read_as, given, language())
