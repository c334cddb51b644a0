"""The door of the identity provider: there and back, the administrator's proposal of a link, and its owner's consent."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

import structlog
from flask import Blueprint, current_app, flash, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.tags import Tag
from casework.errors import Forbidden, Invalid, NotFound, SignInRefused
from casework.notices.service import About, notify
from casework.people.factors import Purpose, Step, admit
from casework.people.models import Staff
from casework.people.oidc import (
    FLOW_LASTS,
    Provider,
    ProviderFault,
    account_of,
    agree_to_link,
    begin_flow,
    link_of,
    propose_link,
    take_flow,
    unlink,
)
from casework.people.rules import Role
from casework.people.service import note_refused_stranger, open_session
from casework.settings import Settings, client_secret
from casework.web.access import open_to, open_to_all, open_to_staff
from casework.web.door import begin, the_office, the_viewer
from casework.web.factors import step_up
from casework.web.guard import safe_next
from casework.web.questions import AFTER, enter_session, keep_question, network
from casework.web.wording import moment_text
from casework.work import Work

BACK = "/dang-nhap/co-quan/ve"
LONGEST_ANSWER = 4096  # characters of a code or a state

bp = Blueprint("oidc", __name__)
log = structlog.get_logger("web")


def provider_of(settings: Settings) -> Provider | None:
    """None where the office has no identity provider. Raises UnsafeStart for a secret that cannot be read."""
    if settings.oidc_issuer is None:
        return None
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=client_secret(settings),
        redirect_uri=settings.public_url + BACK,
        trusted=frozenset(settings.oidc_second_factor),
    )


# ---------------------------------------------------------------- signing in


@bp.get("/dang-nhap/co-quan")
@open_to_all
def start() -> ResponseReturnValue:
    target = safe_next(request.args.get("next"))
    if g.viewer is not None:
        return redirect(target)
    browser = secrets.token_urlsafe(32)
    try:
        with begin() as work:
            address = begin_flow(work, _provider(), browser, target)
    except ProviderFault as fault:
        return _failed(fault)
    answer = redirect(address, code=303)
    # Not Strict as the session's: the way back begins on the provider's pages, and Strict cookies would stay at home.
    answer.set_cookie(
        _cookie(), browser, max_age=int(FLOW_LASTS.total_seconds()), secure=_secure(), httponly=True, samesite="Lax"
    )
    return answer


@bp.get(BACK)
@open_to_all
def back() -> ResponseReturnValue:
    code, state = (request.args.get(name, "")[:LONGEST_ANSWER] for name in ("code", "state"))
    try:
        # Over before anything is asked of the provider: an answer is taken once, whatever becomes of it.
        with begin() as work:
            target, nonce, verifier = take_flow(work, state, request.cookies.get(_cookie(), ""))
            now = work.now
        if not code or request.args.get("iss", _provider().issuer) != _provider().issuer:
            raise ProviderFault("refused-there")
        person = _provider().person(code, nonce, verifier, now)
        with begin() as work:
            staff = account_of(work, _provider(), person)
            step, token = _admitted(work, staff, whole=person.second_factor)
    except SignInRefused as refused:
        return _failed(refused)
    if step == Step.FACTOR:
        keep_question(Purpose.SIGN_IN, token)
        target = url_for("signin.second", next=target)
    else:
        enter_session(token)
        if step == Step.ENROL:
            session[AFTER] = target
            target = url_for("factors.mine")
    answer = make_response(render_template("pages/entered.html", target=target))
    # A redirect would still count as coming from the provider, and the session's Strict cookie would not go with it.
    answer.headers["Refresh"] = f"0;url={target}"
    answer.delete_cookie(_cookie(), secure=_secure())
    return answer


def _admitted(work: Work, staff: Staff, *, whole: bool) -> tuple[Step, str]:
    if whole:
        return Step.OPEN, open_session(work, staff).token
    admission = admit(work, staff)
    return admission.step, admission.token


def _failed(refused: SignInRefused) -> ResponseReturnValue:
    """One answer for an account that is not linked, a forged answer and one that came too late; the log knows which."""
    log.warning("refused", kind=refused.why if isinstance(refused, ProviderFault) else "not-linked")
    with begin() as work:
        note_refused_stranger(work, Tag.SESSION_REFUSED, network())
    flash(_("Không đăng nhập được qua tài khoản cơ quan. Thử lại, hoặc dùng cách đăng nhập khác."), "error")
    return redirect(url_for("signin.show"), code=303)


# ---------------------------------------------------------------- links


@bp.get("/quan-tri/tai-khoan/<uuid:staff_id>/co-quan")
@open_to(Role.ADMINISTRATOR)
def link(staff_id: UUID) -> ResponseReturnValue:
    return _link_page(staff_id, {}, "")


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>/co-quan")
@open_to(Role.ADMINISTRATOR)
@step_up
def propose(staff_id: UUID) -> ResponseReturnValue:
    subject = request.form.get("subject", "").strip()
    try:
        with begin() as work:
            staff = _open_account(work, staff_id)
            propose_link(work, _provider().issuer, staff, subject)
            notify(work, staff, text_id="identity-proposed", about=About(None, ""))
    except Invalid as refused:
        words = {"missing": _("Ghi mã người dùng ở hệ thống của cơ quan"), "taken": _("Mã này đã thuộc tài khoản khác")}
        return _link_page(staff_id, {"subject": words[refused.faults["subject"]]}, subject)
    except Forbidden:
        return _link_page(staff_id, {"subject": _("Không tự liên kết tài khoản của chính mình")}, subject)
    flash(_("Đã ghi. Chỉ dùng được sau khi chủ tài khoản đăng nhập và đồng ý."), "success")
    return redirect(url_for("oidc.link", staff_id=staff_id), code=303)


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>/co-quan/bo")
@open_to(Role.ADMINISTRATOR)
@step_up
def take_away(staff_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        staff = _open_account(work, staff_id)
        unlink(work, staff)
        notify(work, staff, text_id="identity-proposed", about=About(None, ""))
    flash(_("Đã bỏ liên kết."), "success")
    return redirect(url_for("oidc.link", staff_id=staff_id), code=303)


@bp.get("/tai-khoan/co-quan")
@open_to_staff
def mine() -> ResponseReturnValue:
    with begin() as work:
        found = link_of(work, _me(work).id)
        page = {
            "proposed": found is not None and found.confirmed_at is None,
            "since": moment_text(found.confirmed_at) if found is not None and found.confirmed_at else None,
            "issuer": _provider().issuer,
        }
    return render_template("account/identity.html", **page)


@bp.post("/tai-khoan/co-quan")
@open_to_staff
@step_up
def agree() -> ResponseReturnValue:
    with begin() as work:
        agree_to_link(work, _me(work))
    flash(_("Đã đồng ý. Lần sau có thể đăng nhập qua tài khoản cơ quan."), "success")
    return redirect(url_for("oidc.mine"), code=303)


@bp.post("/tai-khoan/co-quan/bo")
@open_to_staff
def leave() -> ResponseReturnValue:
    with begin() as work:
        unlink(work, _me(work))
    flash(_("Đã bỏ liên kết."), "success")
    return redirect(url_for("oidc.mine"), code=303)


def _link_page(staff_id: UUID, faults: dict[str, str], typed: str) -> ResponseReturnValue:
    with begin() as work:
        staff = _open_account(work, staff_id)
        found = link_of(work, staff.id)
        page: dict[str, Any] = {
            "staff_id": staff.id,
            "username": staff.username,
            "own": staff.id == work.actor.id,
            "linked": found is not None,
            "agreed": found is not None and found.confirmed_at is not None,
            "issuer": _provider().issuer,
        }
    return render_template("account/identity_link.html", faults=faults, typed={"subject": typed}, **page), (
        422 if faults else 200
    )


def _open_account(work: Work, staff_id: UUID) -> Staff:
    staff = work.session.get(Staff, staff_id)
    if staff is None or staff.closed_at is not None:
        raise NotFound
    return staff


def _me(work: Work) -> Staff:
    return work.session.get_one(Staff, the_viewer().actor.id)


def _provider() -> Provider:
    found: Provider = current_app.extensions["identity_provider"]
    return found


def _secure() -> bool:
    return the_office().settings.public_url.startswith("https://")


def _cookie() -> str:
    return "__Host-casework-flow" if _secure() else "casework-flow"
