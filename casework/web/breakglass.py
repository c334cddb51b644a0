"""Opening a case in an emergency, and another supervisor's review of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.queries import case_by_id
from casework.errors import Invalid, NotFound
from casework.oversight.breakglass import (
    OPENERS,
    note_not_opened,
    open_in_emergency,
    openings_of_province,
    own_openings,
    review_opening,
    terms,
    tries_left,
)
from casework.people.models import Staff
from casework.people.queries import units_by_id
from casework.people.rules import Role
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.wording import moment_text, role_title, short_moment
from casework.work import Work

bp = Blueprint("breakglass", __name__)


@bp.get("/mo-khan-cap")
@open_to(*OPENERS)
def ask() -> ResponseReturnValue:
    return _page({}, {})


@bp.post("/mo-khan-cap")
@open_to(*OPENERS)
@step_up
def enter() -> ResponseReturnValue:
    """The same answer for a code that does not exist, is another province's, or is kept from the person."""
    typed = {name: request.form.get(name, "")[:2000] for name in ("code", "reason")}
    try:
        with begin() as work:
            grant = open_in_emergency(work, typed["code"], typed["reason"])
            code = case_by_id(work, grant.case_id).code
    except Invalid:
        least = terms().reason_least
        return _page(typed, {"reason": _("Ghi rõ lý do, ít nhất %(least)s ký tự", least=least)})
    except NotFound:
        with begin() as work:
            note_not_opened(work)
        return _page(typed, {"code": _("Không mở được ca với mã này. Kiểm tra mã; việc gấp gọi 111.")})
    flash(_("Đã mở, chỉ đọc, trong 60 phút. Đơn vị giữ ca và tỉnh đã được báo; lần mở này sẽ được xem lại."), "warning")
    return redirect(url_for("cases.home", code=code), code=303)


def _page(typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    with begin() as work:
        open_now = [
            {
                "code": case.code,
                "url": url_for("cases.home", code=case.code),
                "until": short_moment(grant.expires_at),
            }
            for grant, case in own_openings(work)
        ]
        left = max(0, tries_left(work))
        reviews = work.actor.role == Role.SUPERVISOR
    page = render_template(
        "breakglass/ask.html",
        typed={"code": "", "reason": "", **typed},
        faults=faults,
        open_now=open_now,
        left=left,
        reviews=reviews,
        minutes=int(terms().lasts.total_seconds() // 60),
    )
    return page, 422 if faults else 200


@bp.get("/mo-khan-cap/xem-lai")
@open_to(Role.SUPERVISOR)
def reviews() -> ResponseReturnValue:
    return _reviews({}, {})


@bp.post("/mo-khan-cap/xem-lai/<uuid:grant_id>")
@open_to(Role.SUPERVISOR)
def review(grant_id: UUID) -> ResponseReturnValue:
    verdict, note = request.form.get("verdict", ""), request.form.get("note", "")
    typed = {f"verdict-{grant_id}": verdict, f"note-{grant_id}": note}
    if verdict not in ("yes", "no"):
        return _reviews(typed, {f"verdict-{grant_id}": _("Chọn có lý do chính đáng hay không")})
    try:
        with begin() as work:
            review_opening(work, grant_id, justified=verdict == "yes", note=note)
    except Invalid as refused:
        words = _("Ghi vì sao lần mở này không chính đáng")
        if refused.faults["note"] == "too-long":
            words = _("Ghi chú dài quá %(most)s ký tự", most=terms().note_most)
        return _reviews(typed, {f"note-{grant_id}": words})
    flash(_("Đã ghi kết quả xem lại."), "success")
    return redirect(url_for("breakglass.reviews"), code=303)


def _reviews(typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    with begin() as work:
        found = openings_of_province(work)
        people = {one.grant.staff_id: work.session.get(Staff, one.grant.staff_id) for one in found}
        units = units_by_id(work, [one.unit_id for one in people.values() if one])
        reasons = work.open_all([one.grant for one in found], "reason")
        rows = []
        for one, reason in zip(found, reasons, strict=True):
            opener = people[one.grant.staff_id]
            rows.append(
                {
                    "id": one.grant.id,
                    "code": one.case.code,
                    "url": url_for("casefile.readers_page", code=one.case.code),
                    "by": f"{role_title(opener.role)}, {units[opener.unit_id].name}" if opener else "",
                    "at": moment_text(one.grant.starts_at),
                    "reason": (reason or {}).get("reason") or "",
                    "own": one.grant.staff_id == work.actor.id,
                    "verdict": _verdict(work, one.review),
                }
            )
        record(work, Tag.CASE_LIST_READ, object_type="break-glass")
    page = render_template("breakglass/reviews.html", rows=rows, typed=typed, faults=faults)
    return page, 422 if faults else 200


def _verdict(work: Work, review: Any) -> str | None:
    if review is None:
        return None
    words = _("có lý do chính đáng") if review.justified else _("không chính đáng")
    return _("Đã xem lại %(when)s: %(words)s", when=moment_text(review.reviewed_at), words=words)
