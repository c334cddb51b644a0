"""Before each page: who is this, may they open it, and what they typed is kept if their session has run out."""

from __future__ import annotations

from flask import Flask, current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import LoginManager
from werkzeug.exceptions import HTTPException

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import save_draft
from casework.cases.queries import find_case
from casework.errors import NotFound
from casework.people.agents import Client, family_of
from casework.people.queries import unit
from casework.people.rules import WAITING, Role
from casework.people.service import Resumed, actor_of, hamlet_of, owner_of_expired_session, resume_session
from casework.policy import network_of
from casework.web.access import MACHINE, PUBLIC, STAFF, declared
from casework.web.door import Viewer, the_office
from casework.work import UNKNOWN, Actor, Work


def install_guard(app: Flask) -> None:
    login = LoginManager(app)
    login.session_protection = None  # our own session rows decide; a phone's address changes with every hill

    @login.user_loader  # type: ignore[untyped-decorator]  # flask-login ships no types
    def load(token: str) -> Viewer | None:
        known: Viewer | None = g.get("viewer")
        if known is not None and known.token == token:
            return known  # flask-login asks once more for every template it draws
        with the_office().begin(_somebody()) as work:
            view = current_app.view_functions.get(request.endpoint or "")
            client = Client(network_of(request.remote_addr), family_of(request.headers.get("User-Agent", "")))
            resumed = resume_session(work, token, used=not getattr(view, "in_background", False), client=client)
            return _viewer(work, token, resumed) if resumed else None

    @app.before_request
    def check() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None  # no such page: the 404 is Flask's own
        who = declared(app.view_functions[request.endpoint])
        token = session.get("_user_id")
        g.viewer = load(token) if token and who != MACHINE else None
        if g.viewer is not None and g.viewer.limited and not _marked("while_enrolling"):
            return _enrol_first(who)
        if g.viewer is not None and g.viewer.locked and not _marked("while_locked"):
            return _unlock_first(app, who, token)
        if who in (PUBLIC, MACHINE):
            return None
        if g.viewer is None:
            return _sign_in_first(app, token)
        if g.viewer.role == WAITING and who == STAFF:
            return None  # their own account's pages and the like; nothing that is a role's
        if g.viewer.role not in who:
            raise NotFound
        return None


def record_refused_page() -> None:
    """Keeps that somebody asked for a page or a thing that is not theirs: the endpoint, never the address."""
    viewer = g.get("viewer")
    if viewer is None:
        return
    with the_office().begin(viewer.actor) as work:
        record(work, Tag.ACCESS_REFUSED, object_type=request.endpoint or "unknown-page", result="refused")


def safe_next(target: str | None) -> str:
    """A path of this app to go on to, or the front page: never another host's address.

    Browsers read a backslash as a slash and drop tabs and line ends: "/<tab>\\elsewhere" is another host's to them.
    """
    own = target and target.startswith("/") and not target.startswith("//")
    return target if target and own and "\\" not in target and target.isprintable() else "/"


def _sign_in_first(app: Flask, token: str | None) -> ResponseReturnValue:
    if request.method == "POST":
        _keep_posted(app, token, _("Phiên làm việc đã hết. Những gì đã gõ được giữ lại; đăng nhập để làm tiếp."))
    if request.headers.get("X-Autosave"):
        return "", 401
    door = "phones.ask" if has_phone() else "signin.show"
    return redirect(url_for(door, next=_page_of_request()), code=303)


def _page_of_request() -> str:
    return request.path if request.method == "GET" else request.headers.get("X-Page") or request.path


def _keep_posted(app: Flask, token: str | None, words: str) -> None:
    page = getattr(app.view_functions[request.endpoint or ""], "draft_page", None)
    if (
        token
        and page is not None
        and _keep_typed(token, page(**(request.view_args or {})), (request.view_args or {}).get("code"))
    ):
        flash(words, "warning")


def phone_cookie() -> str:
    """The name of the cookie that makes a telephone known. Other than the session's, it outlives a sign-out."""
    return "__Host-casework-phone" if the_office().settings.public_url.startswith("https://") else "casework-phone"


def has_phone() -> bool:
    return phone_cookie() in request.cookies


def _marked(note: str) -> bool:
    return bool(getattr(current_app.view_functions[request.endpoint or ""], note, False))


def _enrol_first(who: object) -> ResponseReturnValue | None:
    """Who has yet to set up a second factor is a stranger to public pages and is led back from every other."""
    g.viewer = None
    if who == PUBLIC:
        return None
    return redirect(url_for("factors.mine"), code=303)


def _unlock_first(app: Flask, who: object, token: str | None) -> ResponseReturnValue | None:
    """A locked screen shows public pages as to a stranger and nothing else. What was being sent is kept as a draft."""
    g.viewer = None
    if who == PUBLIC and request.endpoint not in ("pages.front", "signin.show"):
        return None
    if request.headers.get("X-Autosave") or _marked("in_background"):
        return "", 423
    if request.method == "POST":
        _keep_posted(app, token, _("Màn hình đang khóa. Những gì đã gõ được giữ lại."))
    return redirect(url_for("lock.ask", next=_page_of_request()), code=303)


def keep_typed_at(target: str, token: str) -> None:
    """Keeps what stands in this request as a draft of the page at `target`, where that page keeps drafts."""
    try:
        endpoint, args = current_app.url_map.bind("").match(target.partition("?")[0], method="POST")
    except HTTPException:
        return
    page = getattr(current_app.view_functions[endpoint], "draft_page", None)
    if page is not None:
        _keep_typed(token, page(**args), args.get("code"))


def _keep_typed(token: str, page: str, code: str | None) -> bool:
    """Keeps what an expired session posted, as its owner's draft. False if nobody can be found to keep it for."""
    own = ("_", "csrf_", "next")  # the form's, not the person's
    typed = {name: request.form.getlist(name) for name in request.form if not name.startswith(own)}
    with the_office().begin(_somebody()) as work:
        staff = owner_of_expired_session(work, token)
        if staff is None or not typed:
            return False
        work.actor = actor_of(work, staff)
        try:
            save_draft(work, page, typed, find_case(work, code) if code else None)
        except NotFound:
            return False
    return True


def _viewer(work: Work, token: str, resumed: Resumed) -> Viewer:
    staff = resumed.staff
    # Held while the actor is read: the session forgets a row that nobody holds, and would ask for it again.
    home = unit(work, staff.unit_id)
    actor = actor_of(work, staff, g.get("request_id", ""))
    if staff.role == Role.COLLABORATOR:
        work.actor = actor  # their village is sealed, and its key is shown to them alone
    return Viewer(
        token=token,
        actor=actor,
        username=staff.username,
        role=actor.role,
        unit_title=home.name,
        hamlet=hamlet_of(work, staff),
        limited=resumed.limited,
        factor_at=resumed.factor_at,
        locked=resumed.locked,
        by_phone=resumed.phone_id is not None,
    )


def _somebody() -> Actor:
    return Actor(id=None, role=UNKNOWN, request_id=g.get("request_id", ""))
