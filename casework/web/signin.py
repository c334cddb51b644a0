"""Signing in and out: a password and a second factor, or a passkey alone."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import Invalid, SignInRefused, TooManyAttempts
from casework.people.factors import (
    Admission,
    Outcome,
    Purpose,
    Step,
    Verdict,
    ask,
    asked_of,
    finish_sign_in,
    is_open,
    sign_in,
    sign_in_by_passkey,
    ways_of,
)
from casework.people.service import SignedIn, note_failed_sign_in, sign_out
from casework.people.sessions import choose_password, chooser, least_of
from casework.web.access import open_to_all, open_to_staff, while_enrolling, while_locked
from casework.web.door import begin
from casework.web.guard import safe_next
from casework.web.mysessions import new_password_words
from casework.web.questions import (
    AFTER,
    enter_session,
    forget_question,
    keep_question,
    kept_question,
    network,
    passkey_json,
    refusal,
    site,
    tell_of_sign_in,
    typed_answer,
    wait_words,
    warn_of_recovery,
)

bp = Blueprint("signin", __name__)


@bp.get("/dang-nhap")
@open_to_all
@while_enrolling
def show() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    if g.viewer is not None:
        return redirect(target)
    return _page("", None, target)


@bp.post("/dang-nhap")
@open_to_all
def enter() -> ResponseReturnValue:
    username = request.form.get("username", "")
    target = safe_next(request.form.get("next") or request.args.get("next"))
    try:
        with begin() as work:
            admitted = sign_in(work, username, request.form.get("password", ""), network=network())
    except (SignInRefused, TooManyAttempts) as refused:
        throttled = isinstance(refused, TooManyAttempts)
        with begin() as work:
            note_failed_sign_in(work, username, throttled=throttled)
        if isinstance(refused, TooManyAttempts):
            return _page(username, wait_words(refused), target), 429
        return _page(username, _("Tên đăng nhập hoặc mật khẩu không đúng."), target), 401
    return _go_on(admitted, target)


def _go_on(admitted: Admission, target: str) -> ResponseReturnValue:
    """To what is asked next, or in."""
    if admitted.step == Step.PASSWORD:
        keep_question(Purpose.NEW_PASSWORD, admitted.token)
        return redirect(url_for("signin.choose", next=target), code=303)
    if admitted.step == Step.FACTOR:
        keep_question(Purpose.SIGN_IN, admitted.token)
        return redirect(url_for("signin.second", next=target), code=303)
    enter_session(admitted.token)
    if admitted.step == Step.ENROL:
        session[AFTER] = target
        return redirect(url_for("factors.mine"), code=303)
    return redirect(target, code=303)


# ---------------------------------------------------------------- a first password is not the lasting one


@bp.get("/dang-nhap/mat-khau-moi")
@open_to_all
def first_password() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    if g.viewer is not None:
        return redirect(target)
    return _first_password_page({}, target) or _asked_too_late(target)


@bp.post("/dang-nhap/mat-khau-moi")
@open_to_all
def choose() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    new = request.form.get("new", "")
    faults: dict[str, str] = {}
    if new != request.form.get("again", ""):
        faults["again"] = _("Hai lần gõ mật khẩu mới không giống nhau")
    else:
        try:
            with begin() as work:
                admitted = choose_password(work, kept_question(Purpose.NEW_PASSWORD), new)
        except Invalid as refused:
            faults["new"] = new_password_words(refused.faults["new"])
        except SignInRefused:
            return _asked_too_late(target)
        else:
            forget_question(Purpose.NEW_PASSWORD)
            return _go_on(admitted, target)
    page = _first_password_page(faults, target)
    return (page, 422) if page else _asked_too_late(target)


def _first_password_page(faults: dict[str, str], target: str) -> str | None:
    """None where nobody is asked for a password any more."""
    with begin() as work:
        staff = chooser(work, kept_question(Purpose.NEW_PASSWORD))
        least = least_of(staff) if staff is not None else None
    if least is None:
        return None
    return render_template("pages/first_password.html", faults=faults, least=least, next=target)


def _asked_too_late(target: str) -> ResponseReturnValue:
    forget_question(Purpose.NEW_PASSWORD)
    flash(_("Yêu cầu đã hết hạn. Hãy đăng nhập lại."), "warning")
    return redirect(url_for("signin.show", next=target), code=303)


# ---------------------------------------------------------------- the second step


@bp.get("/dang-nhap/xac-nhan")
@open_to_all
def second() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    if g.viewer is not None:
        return redirect(target)
    return _second_page(None, target) or redirect(url_for("signin.show", next=target), code=303)


@bp.post("/dang-nhap/xac-nhan")
@open_to_all
def prove() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    given = typed_answer()
    try:
        with begin() as work:
            outcome, opened = finish_sign_in(work, kept_question(Purpose.SIGN_IN), given, site())
            tell_of_sign_in(work, outcome)
    except TooManyAttempts as refused:
        page = _second_page(wait_words(refused), target)
        return (page, 429) if page else redirect(url_for("signin.show", next=target), code=303)
    if opened is not None:
        return _entered(outcome, opened, target)
    page = _second_page(refusal(outcome, given), target) if outcome.verdict != Verdict.OVER else None
    if page is None:
        forget_question(Purpose.SIGN_IN)
        flash(_("Yêu cầu xác nhận đã hết hạn hoặc đã thử quá nhiều lần. Hãy đăng nhập lại."), "warning")
        return redirect(url_for("signin.show", next=target), code=303)
    return page, 401


@bp.post("/dang-nhap/xac-nhan/thu")
@open_to_all
def second_passkey() -> ResponseReturnValue:
    with begin() as work:
        return passkey_json(work, Purpose.SIGN_IN)


# ---------------------------------------------------------------- a passkey alone


@bp.post("/dang-nhap/khoa/thu")
@open_to_all
def passkey_alone() -> ResponseReturnValue:
    """A question to whoever holds a passkey of this office: it names nobody."""
    with begin() as work:
        if not is_open(work, Purpose.PASSKEY, kept_question(Purpose.PASSKEY)):
            keep_question(Purpose.PASSKEY, ask(work, Purpose.PASSKEY))
            work.session.flush()
        return passkey_json(work, Purpose.PASSKEY)


@bp.post("/dang-nhap/khoa")
@open_to_all
def enter_by_passkey() -> ResponseReturnValue:
    target = safe_next(request.form.get("next"))
    given = typed_answer()
    with begin() as work:
        outcome, opened = sign_in_by_passkey(
            work, kept_question(Purpose.PASSKEY), given.passkey, site(), network=network()
        )
        tell_of_sign_in(work, outcome)
    if opened is not None:
        return _entered(outcome, opened, target)
    # One answer for an unknown passkey, a removed one, a copied one and a bad signature.
    return _page("", _("Không đăng nhập được bằng khoá truy cập này. Hãy thử lại hoặc dùng mật khẩu."), target), 401


@bp.post("/dang-xuat")
@open_to_staff
@while_enrolling
@while_locked
def leave() -> ResponseReturnValue:
    with begin() as work:
        sign_out(work, g.viewer.token)
    session.clear()
    flash(_("Đã đăng xuất."), "success")
    response = redirect("/dang-nhap", code=303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _entered(outcome: Outcome, opened: SignedIn, target: str) -> ResponseReturnValue:
    enter_session(opened.token)
    warn_of_recovery(outcome)
    return redirect(target, code=303)


def _page(username: str, fault: str | None, target: str) -> str:
    return render_template(
        "pages/sign_in.html", username=username, fault=fault, next=target, passkeys=site() is not None
    )


def _second_page(fault: str | None, target: str) -> str | None:
    """None where no question is open any more."""
    token = kept_question(Purpose.SIGN_IN)
    with begin() as work:
        staff = asked_of(work, Purpose.SIGN_IN, token)
        ways = ways_of(work, staff) if staff is not None else None
    if ways is None:
        return None
    return render_template("pages/second_step.html", fault=fault, next=target, ways=ways, passkeys=site() is not None)
