"""Signing in and out."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import SignInRefused, TooManyAttempts
from casework.people.factors import sign_in
from casework.people.service import note_failed_sign_in, sign_out
from casework.web.access import open_to_all, open_to_staff
from casework.web.door import begin
from casework.web.guard import safe_next
from casework.web.wording import length_text

bp = Blueprint("signin", __name__)


@bp.get("/dang-nhap")
@open_to_all
def show() -> ResponseReturnValue:
    if g.viewer is not None:
        return redirect(safe_next(request.args.get("next")))
    return render_template("pages/sign_in.html", username="", fault=None, next=safe_next(request.args.get("next")))


@bp.post("/dang-nhap")
@open_to_all
def enter() -> ResponseReturnValue:
    username = request.form.get("username", "")
    target = safe_next(request.form.get("next") or request.args.get("next"))
    try:
        with begin() as work:
            signed_in = sign_in(work, username, request.form.get("password", ""))
    except (SignInRefused, TooManyAttempts) as refused:
        throttled = isinstance(refused, TooManyAttempts)
        with begin() as work:
            note_failed_sign_in(work, username, throttled=throttled)
        if isinstance(refused, TooManyAttempts):
            wait = length_text(timedelta(seconds=refused.wait_seconds + 59))
            fault = _("Đã thử sai nhiều lần. Chờ %(wait)s rồi thử lại.", wait=wait)
        else:
            fault = _("Tên đăng nhập hoặc mật khẩu không đúng.")
        page = render_template("pages/sign_in.html", username=username, fault=fault, next=target)
        return page, 429 if throttled else 401
    language = session.get("language")
    # A new signed-in state starts from nothing: no value planted before sign-in lives on.
    session.clear()
    if language:
        session["language"] = language
    session["_user_id"] = signed_in.token
    return redirect(target, code=303)


@bp.post("/dang-xuat")
@open_to_staff
def leave() -> ResponseReturnValue:
    with begin() as work:
        sign_out(work, g.viewer.token)
    session.clear()
    flash(_("Đã đăng xuất."), "success")
    response = redirect("/dang-nhap", code=303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
