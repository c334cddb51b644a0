"""The screen lock: a page goes blank, and whoever is there proves again who they are. What was typed is a draft by then."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import SignInRefused, TooManyAttempts
from casework.people.factors import Outcome, Purpose, Verdict, asks_password, confirm, is_open, ways_of
from casework.people.factors import ask as open_question
from casework.people.models import Staff
from casework.people.phones import PinRefused, check_pin
from casework.people.service import check_password, note_failed_sign_in, renew_session
from casework.people.sessions import lock_session, unlock_session
from casework.web.access import open_to_staff, while_enrolling, while_locked
from casework.web.door import begin, the_viewer
from casework.web.guard import keep_typed_at, phone_cookie, safe_next
from casework.web.phones import tell_of_lost_phone
from casework.web.questions import (
    keep_question,
    kept_question,
    network,
    refusal,
    site,
    tell_of_sign_in,
    typed_answer,
    wait_words,
)
from casework.work import Work

bp = Blueprint("lock", __name__)

BOX = "_lock_"  # before the names of the boxes of a second factor


@bp.post("/khoa-man-hinh")
@open_to_staff
@while_enrolling
@while_locked
def close() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    if not the_viewer().locked:
        keep_typed_at(target, the_viewer().token)
        with begin() as work:
            lock_session(work, the_viewer().token)
    answer = redirect(url_for("lock.ask", next=target), code=303)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@bp.get("/mo-khoa")
@open_to_staff
@while_enrolling
@while_locked
def ask() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    return _page(None, target) if the_viewer().locked else redirect(target)


@bp.post("/mo-khoa")
@open_to_staff
@while_enrolling
@while_locked
def open_again() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    if not the_viewer().locked:
        return redirect(target, code=303)
    try:
        fault, token = _prove()
    except TooManyAttempts as refused:
        return _page(wait_words(refused), target), 429
    if token is None:
        return _page(fault, target), 401
    session["_user_id"] = token
    return redirect(target, code=303)


def _prove() -> tuple[str, str | None]:
    """What was wrong with the proof, or the session's new token. Raises TooManyAttempts."""
    if the_viewer().by_phone:
        return _by_pin(request.form.get("pin", ""))
    given = typed_answer(BOX)
    if any((given.code, given.recovery, given.passkey)):
        with begin() as work:
            outcome, token = confirm(work, _me(work), the_viewer().token, kept_question(Purpose.STEP_UP), given, site())
            tell_of_sign_in(work, outcome)
            _open(work, token, outcome)
        return refusal(outcome, given), token
    return _by_password(request.form.get("password", ""))


def _by_password(password: str) -> tuple[str, str | None]:
    username = the_viewer().username
    try:
        with begin() as work:
            check_password(work, username, password, network=network())
            # It opens the screen, and no act that asks for a factor: else a lock would be a way round that.
            token = renew_session(work, the_viewer().token, fresh=asks_password(work, _me(work)))
            unlock_session(work, token)
    except SignInRefused:
        with begin() as work:
            note_failed_sign_in(work, username, throttled=False)
        return _("Mật khẩu không đúng."), None
    return "", token


def _by_pin(pin: str) -> tuple[str, str | None]:
    try:
        with begin() as work:
            found, staff = check_pin(work, request.cookies.get(phone_cookie(), ""), pin)
            if isinstance(found, PinRefused):
                if found.left == 0:
                    tell_of_lost_phone(work, found.staff)
                return _("Mã PIN không đúng. Còn %(left)s lần thử.", left=found.left), None
            if staff.id != the_viewer().actor.id:
                return _("Mã PIN không đúng."), None
            token = renew_session(work, the_viewer().token)
            unlock_session(work, token)
    except SignInRefused:
        return _("Điện thoại này không còn được dùng để đăng nhập. Liên hệ cán bộ xã."), None
    return "", token


def _open(work: Work, token: str | None, outcome: Outcome) -> None:
    if outcome.verdict == Verdict.RIGHT and token is not None:
        work.session.flush()
        unlock_session(work, token)


def _me(work: Work) -> Staff:
    return work.session.get_one(Staff, the_viewer().actor.id)


def _page(fault: str | None, target: str) -> str:
    """Without the frame: neither who works here nor what is open shows on a locked screen."""
    with begin() as work:
        me = _me(work)
        ways = ways_of(work, me)
        if not is_open(work, Purpose.STEP_UP, kept_question(Purpose.STEP_UP), me.id):
            keep_question(Purpose.STEP_UP, open_question(work, Purpose.STEP_UP, me.id))
    by_phone = the_viewer().by_phone
    g.viewer = None
    return render_template(
        "pages/locked.html",
        fault=fault,
        next=target,
        by_phone=by_phone,
        ways={"passkey": ways.passkey, "code": ways.code, "recovery": False, "password": False},
        passkeys=site() is not None,
        prefix=BOX,
    )
