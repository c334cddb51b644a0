"""A collaborator's telephone: made theirs with a code, opened with its PIN; and the commune's list of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from casework.errors import Invalid, SignInRefused, TooManyAttempts
from casework.notices.service import About, notify, notify_post
from casework.people.agents import Client, family_of
from casework.people.models import Staff, Unit
from casework.people.phones import (
    CODE_LASTS,
    MOST_WRONG,
    Collaborator,
    PhoneShown,
    PinRefused,
    collaborators_of,
    enrol_phone,
    enter_by_pin,
    find_collaborator,
    give_code,
    known_phone,
    phones_of,
    revoke_phone,
)
from casework.people.queries import unit_named
from casework.people.rules import UNITS_OF_ROLE, Role
from casework.people.service import person_of
from casework.web.access import open_to, open_to_all
from casework.web.door import begin, the_office, the_viewer
from casework.web.guard import has_phone, phone_cookie, safe_next
from casework.web.mysessions import agent_words
from casework.web.questions import enter_session, network, wait_words
from casework.web.wording import moment_text, short_moment
from casework.work import Work

bp = Blueprint("phones", __name__)

KEEPS = (Role.WORKER, Role.CHAIR, Role.ADMINISTRATOR)
COOKIE_DAYS = 400  # as long as browsers keep any; the office ends it sooner
LOST = "phone-locked"


# ---------------------------------------------------------------- on the telephone


@bp.get("/dien-thoai")
@open_to_all
def ask() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    if g.viewer is not None:
        return redirect(target)
    with begin() as work:
        known = known_phone(work, _token())
    return _pin_page(None, target) if known else redirect(url_for("signin.show", next=target))


@bp.post("/dien-thoai")
@open_to_all
def enter() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    try:
        with begin() as work:
            opened = enter_by_pin(work, _token(), request.form.get("pin", ""))
            if isinstance(opened, PinRefused) and opened.left == 0:
                tell_of_lost_phone(work, opened.staff)
    except SignInRefused:
        flash(_("Điện thoại này không còn được dùng để đăng nhập. Liên hệ cán bộ xã để nhận mã mới."), "warning")
        return _without_phone(redirect(url_for("signin.show"), code=303))
    except TooManyAttempts as refused:
        return _pin_page(wait_words(refused), target), 429
    if not isinstance(opened, PinRefused):
        enter_session(opened.token)
        return redirect(target, code=303)
    if opened.left == 0:
        flash(_("Sai mã PIN %(most)s lần: điện thoại này đã bị khóa. Cán bộ xã đã được báo.", most=MOST_WRONG), "error")
        return _without_phone(redirect(url_for("signin.show"), code=303))
    return _pin_page(_("Mã PIN không đúng. Còn %(left)s lần thử.", left=opened.left), target), 401


@bp.get("/dien-thoai/nhan-ma")
@open_to_all
def new() -> ResponseReturnValue:
    return _new_page("", {})


@bp.post("/dien-thoai/nhan-ma")
@open_to_all
def make() -> ResponseReturnValue:
    code, pin = request.form.get("code", "")[:40], request.form.get("pin", "")
    if pin != request.form.get("again", ""):
        return _new_page(code, {"again": _("Hai lần gõ mã PIN không giống nhau")}), 422
    client = Client(network(), family_of(request.headers.get("User-Agent", "")))
    try:
        with begin() as work:
            token, opened = enrol_phone(work, code=code, pin=pin, client=client)
            tell_owner_of_phone(work, opened.staff)
    except Invalid as refused:
        return _new_page(code, {"pin": _pin_words(refused.faults["pin"])}), 422
    except TooManyAttempts as refused:
        return _new_page(code, {"code": wait_words(refused)}), 429
    except SignInRefused:
        return _new_page(code, {"code": _("Mã không đúng, đã dùng hoặc đã quá 15 phút. Xin cán bộ xã mã mới.")}), 422
    enter_session(opened.token)
    flash(_("Đã nhận điện thoại này. Lần sau chỉ cần mã PIN."), "success")
    answer = redirect("/", code=303)
    secure = the_office().settings.public_url.startswith("https://")
    answer.set_cookie(
        phone_cookie(),
        token,
        max_age=COOKIE_DAYS * 24 * 3600,
        secure=secure,
        httponly=True,
        samesite="Strict" if secure else "Lax",
    )
    return answer


# ---------------------------------------------------------------- at the commune


@bp.get("/cong-tac-vien")
@open_to(*KEEPS)
def listing() -> ResponseReturnValue:
    typed = request.args.get("xa", "")
    with begin() as work:
        unit = _unit(work, typed)
        rows = [_row(work, one) for one in collaborators_of(work, unit.id)] if unit else []
        title = unit.name if unit else ""
    return render_template(
        "account/collaborators.html",
        rows=rows,
        unit=title,
        chooses=the_viewer().role == Role.ADMINISTRATOR,
        typed={"xa": typed},
        faults={"xa": _("Không có đúng một xã như vậy. Ghi mã hoặc tên đầy đủ.")} if typed and not title else {},
    )


@bp.get("/cong-tac-vien/<uuid:staff_id>")
@open_to(*KEEPS)
def one(staff_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        staff = find_collaborator(work, staff_id)
        page = _person(work, staff)
    return render_template("account/collaborator.html", **page)


@bp.post("/cong-tac-vien/<uuid:staff_id>/ma")
@open_to(*KEEPS)
def code(staff_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        staff = find_collaborator(work, staff_id)
        given = give_code(work, staff)
        page = _person(work, staff)
        until = moment_text(work.now + CODE_LASTS)
    address = the_office().settings.public_url + url_for("phones.new")
    return render_template("account/phone_code.html", code=given, until=until, address=address, **page)


@bp.post("/cong-tac-vien/<uuid:staff_id>/thu-hoi/<uuid:phone_id>")
@open_to(*KEEPS)
def revoke(staff_id: UUID, phone_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        revoke_phone(work, find_collaborator(work, staff_id), phone_id, why="lost")
    flash(_("Đã thu hồi: điện thoại này không mở được gì nữa, kể cả phiên đang mở."), "success")
    return redirect(url_for("phones.one", staff_id=staff_id), code=303)


def tell_of_lost_phone(work: Work, staff: Staff) -> None:
    """A telephone was taken away after wrong PINs: its owner and the commune hear of it."""
    notify(work, staff, text_id=LOST, about=About(None, ""))
    notify_post(work, unit_id=staff.unit_id, role=Role.WORKER, text_id=LOST, about=About(None, ""))


def tell_owner_of_phone(work: Work, staff: Staff) -> None:
    notify(work, staff, text_id="phone-enrolled", about=About(None, ""))


def shown_phone(phone: PhoneShown) -> dict[str, str]:
    return {
        "id": str(phone.id),
        "agent": agent_words(phone.agent),
        "made": short_moment(phone.made_at),
        "used": short_moment(phone.last_used_at) if phone.last_used_at else _("chưa dùng"),
    }


def _person(work: Work, staff: Staff) -> dict[str, Any]:
    return {
        "staff_id": staff.id,
        "username": staff.username,
        "hamlet": person_of(work, staff).get("hamlet") or "",
        "unit": work.session.get_one(Unit, staff.unit_id).name,
        "phones": [shown_phone(one) for one in phones_of(work, staff)],
    }


def _row(work: Work, found: Collaborator) -> dict[str, Any]:
    return {
        "username": found.staff.username,
        "hamlet": person_of(work, found.staff).get("hamlet") or "",
        "phones": len(found.phones),
        "url": url_for("phones.one", staff_id=found.staff.id),
    }


def _unit(work: Work, typed: str) -> Unit | None:
    """The commune whose collaborators are shown: one's own, or for an administrator the one they name."""
    viewer = the_viewer()
    if viewer.role != Role.ADMINISTRATOR:
        return work.session.get(Unit, viewer.actor.unit_id)
    if not typed:
        return None
    found = unit_named(work, typed, UNITS_OF_ROLE[Role.COLLABORATOR])
    return found if found is not None and found.province_id == viewer.actor.province_id else None


def _token() -> str:
    return request.cookies.get(phone_cookie(), "")


def _without_phone(answer: Response) -> Response:
    if has_phone():
        answer.delete_cookie(phone_cookie(), secure=the_office().settings.public_url.startswith("https://"))
    return answer


def _pin_page(fault: str | None, target: str) -> str:
    return render_template("account/pin.html", fault=fault, next=target)


def _new_page(code: str, faults: dict[str, str]) -> str:
    return render_template("account/phone_new.html", typed={"code": code}, faults=faults)


def _pin_words(fault: str) -> str:
    return {
        "not-six-digits": _("Mã PIN gồm đúng 6 chữ số"),
        "common": _("Mã PIN này quá dễ đoán: không dùng dãy số liền nhau hoặc lặp lại"),
    }[fault]
