"""Pages that belong to nobody in particular: the front door, language, help, the list of forms."""

from __future__ import annotations

from flask import Blueprint, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from casework.clock import local
from casework.law.model import Law
from casework.people.queries import unit
from casework.people.rules import WAITING, Role
from casework.people.service import sign_out
from casework.web.access import open_to_all, open_to_staff, while_enrolling, while_locked
from casework.web.door import actor, begin, the_office
from casework.web.guard import has_phone, safe_next

bp = Blueprint("pages", __name__)

HOMES = {
    Role.HOTLINE.value: "operator.queue",
    Role.COLLABORATOR.value: "report.start",
    Role.WORKER.value: "desk.tasks",
    Role.CHAIR.value: "desk.to_sign",
    Role.SUPERVISOR.value: "desk.supervise",
    Role.POLICE.value: "liaison.listing",
    Role.HEALTH.value: "liaison.listing",
    Role.ADMINISTRATOR.value: "accounts.listing",
    Role.AUDITOR.value: "office.trail",
}


@bp.get("/")
@open_to_all
@while_enrolling
def front() -> ResponseReturnValue:
    if g.viewer is None:
        return redirect(url_for("phones.ask" if has_phone() else "signin.show"))
    if g.viewer.role == WAITING:
        return render_template("pages/waiting.html")
    return redirect(url_for(HOMES[g.viewer.role]))


@bp.get("/ngon-ngu/<to>")
@open_to_all
def switch_language(to: str) -> ResponseReturnValue:
    session["language"] = "en" if to == "en" else "vi"
    return redirect(safe_next(request.args.get("next")), code=303)


@bp.get("/tro-giup")
@open_to_all
def help_page() -> ResponseReturnValue:
    return render_template("pages/help.html")


@bp.get("/tro-giup/can-cu-phap-ly")
@open_to_all
def legal_grounds() -> ResponseReturnValue:
    return render_template("pages/legal.html", edition=the_office().law.edition, local_law=_law_of_own_province())


def _law_of_own_province() -> Law | None:
    """The law with the tighter limits of the reader's own province, if it has set any and the reader is signed in."""
    province = actor().province_id
    if province is None:
        return None
    with begin() as work:
        found = work.book.for_province(local(work.now).date(), unit(work, province).code)
    return found if found.overlay else None


@bp.get("/bieu-mau")
@open_to_staff
def forms() -> ResponseReturnValue:
    return render_template("pages/forms.html")


@bp.get("/thoat-nhanh")
@open_to_all
@while_enrolling
@while_locked
def quick_exit() -> ResponseReturnValue:
    """A harmless page to be looking at. The session ends in the office too; history is not erased, and the page before
    says so. A GET, so that a plain link does it: no other site can make it leave, for it does not get the cookie sent."""
    language = session.get("language")
    if g.viewer is not None and request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none"):
        with begin() as work:
            sign_out(work, g.viewer.token)
        session.clear()
        if language:
            session["language"] = language
    g.viewer = None
    answer = make_response(render_template("pages/exit.html", now=the_office().clock.now()))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer
