"""A person's own second factors, and the fresh proof that some acts ask for.

`@step_up` stands below `@open_to…` on a page. GET asks for the proof first and then shows the page. POST without a fresh one is
answered with the question, on a page that keeps everything typed: one answer then both proves and sends it. Files cannot be
kept so: a page that takes them asks on GET.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import Any, cast
from uuid import UUID

import segno
from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import Forbidden, NotFound, TooManyAttempts
from casework.people.enrolment import (
    LONGEST_NAME,
    MOST_PASSKEYS,
    add_passkey,
    close_passkey,
    confirm_totp,
    factors_of,
    finish_enrolment,
    new_recovery_codes,
    remove_totp,
    rename_passkey,
    seed_to_confirm,
    start_totp,
)
from casework.people.factors import FRESH, Purpose, Verdict, ask, confirm, is_fresh, is_open, ways_of
from casework.people.models import Staff
from casework.policy import View
from casework.web.access import open_to_staff, while_enrolling, while_locked
from casework.web.door import begin, the_office, the_viewer
from casework.web.guard import safe_next
from casework.web.questions import (
    AFTER,
    enter_session,
    keep_question,
    kept_question,
    passkey_json,
    refusal,
    site,
    tell_of_sign_in,
    tell_owner,
    typed_answer,
    wait_words,
    warn_of_recovery,
)
from casework.web.wording import moment_text, short_moment
from casework.work import Work

bp = Blueprint("factors", __name__)

STEP = "_step_"  # before the names of the boxes of a proof that stands on another form's page


# ---------------------------------------------------------------- a fresh proof


def step_up(view: View) -> View:
    """Only with a factor proved within the last five minutes; who has to set one up first passes. See the module."""

    @wraps(view)
    def checked(**kwargs: Any) -> Any:
        if has_fresh_factor():
            return view(**kwargs)
        if request.method == "POST":
            return _prove_and_go_on(lambda: view(**kwargs))
        return redirect(url_for("factors.ask_again", next=request.full_path.rstrip("?")), code=303)

    checked.step_up = True  # type: ignore[attr-defined]  # a note on the function, for the list of routes
    return cast(View, checked)


def has_fresh_factor(within: timedelta = FRESH) -> bool:
    """Whether the person signed in has proved who they are within that time, or has yet to set up what they prove it by."""
    viewer = the_viewer()
    return viewer.limited or is_fresh(viewer.factor_at, the_office().clock.now(), within)


@bp.get("/xac-nhan")
@open_to_staff
def ask_again() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    return redirect(target) if has_fresh_factor() else _question_page(None, [("next", target)])


@bp.post("/xac-nhan")
@open_to_staff
def prove_again() -> ResponseReturnValue:
    return _prove_and_go_on(lambda: redirect(safe_next(request.form.get("next")), code=303))


@bp.post("/xac-nhan/thu")
@open_to_staff
@while_locked
def passkey_again() -> ResponseReturnValue:
    with begin() as work:
        return passkey_json(work, Purpose.STEP_UP)


def _prove_and_go_on(go_on: Callable[[], Any]) -> Any:
    """Takes the answer that stands beside what was posted, then does what was posted."""
    given = typed_answer(STEP)
    if not any((given.code, given.recovery, given.passkey, given.password)):
        return _question_page(None, _posted()), 401
    try:
        with begin() as work:
            outcome, token = confirm(work, _me(work), the_viewer().token, kept_question(Purpose.STEP_UP), given, site())
            tell_of_sign_in(work, outcome)
    except TooManyAttempts as refused:
        return _question_page(wait_words(refused), _posted()), 429
    if outcome.verdict != Verdict.RIGHT or token is None:
        return _question_page(refusal(outcome, given), _posted()), 401
    session["_user_id"] = token
    g.viewer = replace(the_viewer(), token=token, factor_at=the_office().clock.now())
    warn_of_recovery(outcome)
    return go_on()


def _posted() -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not name.startswith(STEP)
    ]


def _question_page(fault: str | None, kept: list[tuple[str, str]]) -> str:
    with begin() as work:
        me = _me(work)
        if not is_open(work, Purpose.STEP_UP, kept_question(Purpose.STEP_UP), me.id):
            keep_question(Purpose.STEP_UP, ask(work, Purpose.STEP_UP, me.id))
        ways = ways_of(work, me)
    action = request.full_path.rstrip("?") if request.method == "POST" else url_for("factors.prove_again")
    return render_template(
        "pages/confirm.html",
        fault=fault,
        kept=kept,
        ways=ways,
        action=action,
        passkeys=site() is not None,
        by_phone=the_viewer().by_phone and not (ways.code or ways.passkey or ways.recovery),
    )


# ---------------------------------------------------------------- what a person has set up


@bp.get("/tai-khoan/bao-mat")
@open_to_staff
@while_enrolling
def mine() -> ResponseReturnValue:
    with begin() as work:
        held = factors_of(work, _me(work))
    passkeys = [
        {
            "name": one.name or _("Khoá không tên"),
            "url": url_for("factors.passkey", passkey_id=one.id),
            "made": short_moment(one.made_at),
            "used": short_moment(one.last_used_at) if one.last_used_at else None,
            "suspect": one.suspect,
        }
        for one in held.passkeys
    ]
    return render_template(
        "account/security.html",
        limited=the_viewer().limited,
        passkeys=passkeys,
        more_passkeys=site() is not None and len(passkeys) < MOST_PASSKEYS,
        passkeys_known=site() is not None,
        totp_since=moment_text(held.totp_since) if held.totp_since else None,
        codes_left=held.codes_left,
        sessions_url=url_for("mysessions.listing"),
        any_factor=bool(held.passkeys) or held.totp_since is not None,
    )


@bp.get("/tai-khoan/bao-mat/khoa/moi")
@open_to_staff
@while_enrolling
@step_up
def new_passkey() -> ResponseReturnValue:
    if site() is None:
        raise NotFound
    return render_template("account/passkey_new.html", name="", fault=None, longest=LONGEST_NAME)


@bp.post("/tai-khoan/bao-mat/khoa/moi/thu")
@open_to_staff
@while_enrolling
def passkey_options() -> ResponseReturnValue:
    with begin() as work:
        keep_question(Purpose.ENROL, ask(work, Purpose.ENROL, _me(work).id))
        work.session.flush()
        return passkey_json(work, Purpose.ENROL)


@bp.post("/tai-khoan/bao-mat/khoa/moi")
@open_to_staff
@while_enrolling
@step_up
def keep_passkey() -> ResponseReturnValue:
    here = site()
    if here is None:
        raise NotFound
    name = request.form.get("name", "")[:LONGEST_NAME]
    try:
        with begin() as work:
            made = add_passkey(
                work, _me(work), kept_question(Purpose.ENROL), request.form.get("credential", ""), name, here
            )
            told = _added(work) if made is not None else None
    except Forbidden:
        flash(_("Đã có %(most)s khoá truy cập: gỡ bớt trước khi thêm.", most=MOST_PASSKEYS), "error")
        return redirect(url_for("factors.mine"), code=303)
    if told is None:
        fault = _("Thiết bị không tạo được khoá dùng được ở đây. Hãy thử lại, hoặc dùng ứng dụng tạo mã.")
        return render_template("account/passkey_new.html", name=name, fault=fault, longest=LONGEST_NAME), 422
    return _after_adding(told, _("Đã thêm khoá truy cập."))


@bp.get("/tai-khoan/bao-mat/khoa/<uuid:passkey_id>")
@open_to_staff
def passkey(passkey_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        found = next((one for one in factors_of(work, _me(work)).passkeys if one.id == passkey_id), None)
    if found is None:
        raise NotFound
    return render_template("account/passkey.html", passkey=found, made=moment_text(found.made_at), longest=LONGEST_NAME)


@bp.post("/tai-khoan/bao-mat/khoa/<uuid:passkey_id>")
@open_to_staff
@step_up
def rename(passkey_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        me = _me(work)
        rename_passkey(work, me, passkey_id, request.form.get("name", "")[:LONGEST_NAME])
        tell_owner(work, me)
    return _done(_("Đã đổi tên khoá truy cập."))


@bp.post("/tai-khoan/bao-mat/khoa/<uuid:passkey_id>/go")
@open_to_staff
@step_up
def remove_passkey(passkey_id: UUID) -> ResponseReturnValue:
    return _removed(lambda work, me: close_passkey(work, me, passkey_id), _("Đã gỡ khoá truy cập."))


# ---------------------------------------------------------------- an authenticator application


@bp.post("/tai-khoan/bao-mat/ung-dung/moi")
@open_to_staff
@while_enrolling
@step_up
def start_application() -> ResponseReturnValue:
    with begin() as work:
        start_totp(work, _me(work))
    return redirect(url_for("factors.application"), code=303)


@bp.get("/tai-khoan/bao-mat/ung-dung")
@open_to_staff
@while_enrolling
@step_up
def application() -> ResponseReturnValue:
    return _application_page(None)


@bp.get("/tai-khoan/bao-mat/ung-dung.svg")
@open_to_staff
@while_enrolling
@step_up
def application_picture() -> ResponseReturnValue:
    """The QR code of the seed that waits to be confirmed; like every page it is not to be stored."""
    with begin() as work:
        waiting = seed_to_confirm(work, _me(work))
    if waiting is None:
        abort(404)
    drawn = io.BytesIO()
    segno.make(waiting[1], error="m").save(drawn, kind="svg", scale=5, border=4, light="#ffffff", xmldecl=False)
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


@bp.post("/tai-khoan/bao-mat/ung-dung")
@open_to_staff
@while_enrolling
@step_up
def confirm_application() -> ResponseReturnValue:
    with begin() as work:
        right = confirm_totp(work, _me(work), request.form.get("code", "")[:40])
        told = _added(work) if right else None
    if told is None:
        page = _application_page(_("Mã không đúng. Kiểm tra giờ của điện thoại, chờ mã mới rồi nhập lại."))
        return (page, 422) if isinstance(page, str) else page
    return _after_adding(told, _("Đã thiết lập ứng dụng tạo mã."))


@bp.post("/tai-khoan/bao-mat/ung-dung/go")
@open_to_staff
@step_up
def remove_application() -> ResponseReturnValue:
    return _removed(remove_totp, _("Đã gỡ ứng dụng tạo mã."))


def _application_page(fault: str | None) -> Any:
    with begin() as work:
        waiting = seed_to_confirm(work, _me(work))
    if waiting is None:
        flash(_("Mã thiết lập đã hết hạn. Bấm thiết lập lại."), "warning")
        return redirect(url_for("factors.mine"), code=303)
    seed = " ".join(waiting[0][at : at + 4] for at in range(0, len(waiting[0]), 4))
    return render_template("account/application.html", seed=seed, fault=fault)


# ---------------------------------------------------------------- recovery codes


@bp.post("/tai-khoan/bao-mat/ma-khoi-phuc")
@open_to_staff
@step_up
def recovery_codes() -> ResponseReturnValue:
    """Told in this very answer: a redirect would have to carry them somewhere."""
    with begin() as work:
        me = _me(work)
        held = factors_of(work, me)
        codes = new_recovery_codes(work, me) if held.passkeys or held.totp_since else None
        if codes:
            tell_owner(work, me)
    if codes is None:
        flash(_("Thiết lập khoá truy cập hoặc ứng dụng tạo mã trước."), "warning")
        return redirect(url_for("factors.mine"), code=303)
    return _codes_page(codes, url_for("factors.mine"))


def _added(work: Work) -> tuple[list[str], str | None]:
    """After a factor was added: (recovery codes to tell, the token of the whole session that takes a limited one's place)."""
    me = _me(work)
    work.session.flush()
    tell_owner(work, me)
    codes = [] if factors_of(work, me).codes_left else new_recovery_codes(work, me)
    opened = finish_enrolment(work, me, the_viewer().token) if the_viewer().limited else None
    return codes, opened.token if opened is not None else None


def _after_adding(told: tuple[list[str], str | None], words: str) -> ResponseReturnValue:
    codes, token = told
    target = url_for("factors.mine")
    if token is not None:
        target = safe_next(session.get(AFTER))
        enter_session(token)
    if codes:
        return _codes_page(codes, target)
    flash(words, "success")
    return redirect(target, code=303)


def _codes_page(codes: list[str], target: str) -> str:
    return render_template(
        "account/recovery_codes.html", codes=codes, target=target, made=moment_text(the_office().clock.now())
    )


def _removed(remove: Callable[[Work, Staff], None], words: str) -> ResponseReturnValue:
    try:
        with begin() as work:
            me = _me(work)
            remove(work, me)
            tell_owner(work, me)
    except Forbidden:
        flash(_("Đây là cách xác nhận cuối cùng: thêm cách khác trước khi gỡ."), "error")
        return redirect(url_for("factors.mine"), code=303)
    return _done(words)


def _done(words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for("factors.mine"), code=303)


def _me(work: Work) -> Staff:
    return work.session.get_one(Staff, the_viewer().actor.id)
