"""One's own sessions and password: where one is signed in, ended from here; a new password for who knows the old one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from casework.errors import Invalid, SignInRefused, TooManyAttempts
from casework.people.models import Staff
from casework.people.phones import phones_of, revoke_phone
from casework.people.rules import Role
from casework.people.service import note_failed_sign_in
from casework.people.sessions import (
    SessionShown,
    asks_two,
    change_own_password,
    least_of,
    own_sessions,
    revoke_other_sessions,
    revoke_session,
)
from casework.web.access import open_to, open_to_staff
from casework.web.door import begin, the_viewer
from casework.web.questions import network, wait_words
from casework.web.wording import short_moment
from casework.work import Work

bp = Blueprint("mysessions", __name__)


@bp.get("/tai-khoan/phien")
@open_to_staff
def listing() -> ResponseReturnValue:
    viewer = the_viewer()
    with begin() as work:
        me = _me(work)
        rows = [_row(one) for one in own_sessions(work, me, viewer.token)]
        phones = phones_of(work, me) if viewer.role == Role.COLLABORATOR else []
        shown = [{"id": one.id, "agent": agent_words(one.agent), "made": short_moment(one.made_at)} for one in phones]
    return render_template("account/sessions.html", rows=rows, others=len(rows) - 1, phones=shown)


@bp.post("/tai-khoan/phien/<uuid:session_id>/ket-thuc")
@open_to_staff
def end(session_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        revoke_session(work, _me(work), session_id)
    flash(_("Phiên đó đã kết thúc."), "success")
    return redirect(url_for("mysessions.listing"), code=303)


@bp.post("/tai-khoan/phien/ket-thuc-phien-khac")
@open_to_staff
def end_others() -> ResponseReturnValue:
    with begin() as work:
        count = revoke_other_sessions(work, _me(work), the_viewer().token)
    flash(ngettext("Đã kết thúc %(num)d phiên khác.", "Đã kết thúc %(num)d phiên khác.", count), "success")
    return redirect(url_for("mysessions.listing"), code=303)


@bp.post("/tai-khoan/phien/dien-thoai/<uuid:phone_id>/bo")
@open_to(Role.COLLABORATOR)
def drop_phone(phone_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        revoke_phone(work, _me(work), phone_id, why="own")
    flash(_("Điện thoại đó không mở được gì nữa."), "success")
    return redirect(url_for("mysessions.listing"), code=303)


@bp.get("/tai-khoan/mat-khau")
@open_to_staff
def password() -> ResponseReturnValue:
    return _password_page({})


@bp.post("/tai-khoan/mat-khau")
@open_to_staff
def change_password() -> ResponseReturnValue:
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _password_page({"again": _("Hai lần gõ mật khẩu mới không giống nhau")}), 422
    viewer = the_viewer()
    try:
        with begin() as work:
            me = _me(work)
            change_own_password(
                work, me, old=old, new=new, alone=not asks_two(me), network=network(), token=viewer.token
            )
    except Invalid as refused:
        return _password_page({"new": new_password_words(refused.faults["new"])}), 422
    except TooManyAttempts as refused:
        return _password_page({"old": wait_words(refused)}), 429
    except SignInRefused:
        with begin() as work:
            note_failed_sign_in(work, viewer.username, throttled=False)
        return _password_page({"old": _("Mật khẩu đang dùng không đúng")}), 422
    flash(_("Đã đổi mật khẩu. Các phiên khác đã kết thúc."), "success")
    return redirect(url_for("mysessions.listing"), code=303)


def agent_words(agent: str | None) -> str:
    """A word of `agents.family_of` as people say it."""
    machine, _dash, browser = (agent or "").partition("-")
    machines = {
        "android": _("Điện thoại Android"),
        "iphone": "iPhone",
        "ipad": "iPad",
        "windows": _("Máy tính Windows"),
        "mac": _("Máy tính Mac"),
        "chromebook": "Chromebook",
        "linux": _("Máy tính Linux"),
    }
    browsers = {"chrome": "Chrome", "firefox": "Firefox", "safari": "Safari", "edge": "Edge", "coccoc": "Cốc Cốc"}
    named = [words for words in (machines.get(machine), browsers.get(browser)) if words]
    return ", ".join(named) or _("Thiết bị không rõ")


def _me(work: Work) -> Staff:
    return work.session.get_one(Staff, the_viewer().actor.id)


def _row(one: SessionShown) -> dict[str, object]:
    place = _("mạng %(network)s", network=one.network) if one.network and one.network != "unknown" else ""
    return {
        "id": one.id,
        "agent": agent_words(one.agent),
        "network": place,
        "since": short_moment(one.created_at),
        "seen": short_moment(one.last_seen_at),
        "own": one.own,
        "locked": one.locked,
        "by_phone": one.by_phone,
    }


def _password_page(faults: dict[str, str]) -> str:
    with begin() as work:
        least = least_of(_me(work))
    return render_template("account/password.html", faults=faults, least=least)


def new_password_words(fault: str) -> str:
    """Why a password cannot be chosen, from a code of `sessions.change_own_password`."""
    return {
        "too-short": _("Mật khẩu mới quá ngắn. Một câu vài từ dễ nhớ thì đủ dài."),
        "too-long": _("Mật khẩu mới quá dài"),
        "common": _("Mật khẩu này nằm trong danh sách hay bị đoán. Chọn một câu khác."),
        "breached": _("Mật khẩu này đã lộ trong một vụ rò rỉ dữ liệu. Chọn một câu khác."),
        "known-words": _("Mật khẩu chỉ gồm tên đăng nhập, tên đơn vị hoặc từ của công việc. Thêm từ khác."),
        "same": _("Mật khẩu mới giống mật khẩu đang dùng"),
    }[fault]
