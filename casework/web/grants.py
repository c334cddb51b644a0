"""The page on which the province asks to let another unit or person read a case for a time, and takes it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS
from casework.cases.exclusions import staff_of_province
from casework.cases.models import Case
from casework.cases.queries import find_case
from casework.cases.service import record_read
from casework.errors import Invalid, NotFound
from casework.oversight.acts import kinds
from casework.oversight.grants import (
    KIND,
    REASON_LEAST,
    REASON_MOST,
    Wanted,
    ask_for_grant,
    last_day,
    may_let_in,
    receivers,
    revoke_grant,
)
from casework.people.rules import Role
from casework.web import casebook
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.sharing import group_title, let_in, waiting_grants
from casework.web.wording import day_text, law_text
from casework.work import Work

bp = Blueprint("grants", __name__, url_prefix="/ca/<code>/cho-xem")

BOXES = {"whom": "unit"}  # the box of the page that a fault is shown at, where it bears another name
Typed = Mapping[str, Any]


@bp.get("")
@open_to(Role.SUPERVISOR)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}, {})


@bp.post("")
@open_to(Role.SUPERVISOR)
def ask(code: str) -> ResponseReturnValue:
    """Asks a second supervisor: nothing is opened by this."""
    names = ("unit", "person", "purpose", "until", "reason")
    typed: dict[str, Any] = {name: request.form.get(name, "").strip()[: REASON_MOST + 1] for name in names}
    typed["groups"] = request.form.getlist("groups")
    try:
        with begin() as work:
            case = find_case(work, code)
            ask_for_grant(work, case, _wanted(work, case, typed))
    except Invalid as refused:
        return _page(
            code, typed, {BOXES.get(field, field): _words(field, why) for field, why in refused.faults.items()}
        )
    flash(_("Đã đề nghị. Chỉ được xem khi một người giám sát khác đồng ý."), "success")
    return redirect(url_for("grants.show", code=code), code=303)


@bp.post("/<uuid:grant_id>/thu-hoi")
@open_to(Role.SUPERVISOR)
def revoke(code: str, grant_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        revoke_grant(work, find_case(work, code), grant_id)
    flash(_("Đã thu hồi. Từ lúc này nơi đó không mở được ca nữa."), "success")
    return redirect(url_for("grants.show", code=code), code=303)


def _wanted(work: Work, case: Case, typed: Typed) -> Wanted:
    unit = next((one for one in receivers(work, case) if one.code == typed["unit"]), None)
    staff = staff_of_province(work, case, typed["person"]) if typed["person"] else None
    if (typed["unit"] and unit is None) or (typed["person"] and staff is None):
        raise Invalid({"whom": "not-here"})
    return Wanted(
        unit=unit,
        staff=staff,
        groups=tuple(typed["groups"]),
        purpose=typed["purpose"],
        last_day=_day(typed["until"]),
        reason=typed["reason"],
    )


def _day(typed: str) -> date | None:
    try:
        return datetime.strptime(typed, "%d/%m/%Y").date()  # a day on paper, not a moment
    except ValueError:
        return None


def _words(field: str, why: str) -> str:
    """The sentence for a fault, by its field and slug."""
    return {
        "whom:missing": _("Chọn một xã, hoặc ghi tên đăng nhập của một người"),
        "whom:two": _("Chọn một xã, hoặc một người, không cả hai"),
        "whom:not-here": _("Không có xã, cán bộ, Chủ tịch hoặc giám sát nào của tỉnh như vậy"),
        "whom:excluded": _("Nơi này bị loại trừ khỏi ca, nên không cho xem được"),
        "whom:reads-already": _("Nơi này đã xem được ca"),
        "whom:waits-already": _("Đã có đề nghị cho nơi này, đang chờ người thứ hai"),
        "groups:missing": _("Chọn ít nhất một phần của hồ sơ"),
        "purpose:missing": _("Chọn mục đích"),
        "until:missing": _("Ghi ngày theo dạng ngày/tháng/năm, ví dụ 30/11/2026"),
        "until:past": _("Ngày này đã qua"),
        "until:too-late": _("Ngày này quá xa: xem ngày chậm nhất ở trên"),
        "reason:too-short": _("Ghi lý do, ít nhất %(least)s ký tự", least=REASON_LEAST),
        "reason:too-long": _("Lý do dài quá %(most)s ký tự", most=REASON_MOST),
    }.get(f"{field}:{why}", _("Không cho được phần này"))


def _page(code: str, typed: Typed, faults: Mapping[str, str]) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        if not may_let_in(work, case):
            raise NotFound
        kind, law = kinds()[KIND], work.law_for(case.edition)
        purposes = policy_book(CONDITIONS).purposes
        page = {
            **casebook.frame_of(work, casebook.look_at(work, case), "shared"),
            "let_in": let_in(work, case),
            "waiting": waiting_grants(work, case),
            "units": [{"value": one.code, "title": one.name} for one in receivers(work, case)],
            "groups": [{"value": one, "title": group_title(law, one)} for one in kind.groups],
            "purposes": [{"value": one, "title": law_text(purposes[one])} for one in kind.purposes],
            "latest": day_text(last_day(work)),
            "typed": {**dict.fromkeys(("unit", "person", "purpose", "until", "reason"), ""), "groups": [], **typed},
            "faults": faults,
        }
        record_read(work, case, what="grants")
    return render_template("case/let_in.html", **page), 422 if faults else 200
