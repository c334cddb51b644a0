"""The queue of acts that need two persons: what waits for the reader's decision, and what they proposed themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.access.models import CaseExclusion, TwoPersonAct
from casework.cases.models import Case
from casework.cases.queries import codes_of
from casework.errors import NotFound
from casework.oversight.acts import can_be_done, decide_act, expire_acts, kinds, queue_of, was_theirs, withdraw_act
from casework.oversight.grants import KIND
from casework.people.models import Post, Staff
from casework.people.queries import staff_by_id, units_by_id
from casework.people.rules import Role
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.sharing import what_is_given
from casework.web.wording import law_text, moment_text, post_title
from casework.work import Work

bp = Blueprint("acts", __name__)

WHO = (Role.WORKER, Role.CHAIR, Role.SUPERVISOR, Role.ADMINISTRATOR)
DECIDE = (Role.SUPERVISOR, Role.ADMINISTRATOR)


@bp.get("/viec-hai-nguoi")
@open_to(*WHO)
def listing() -> ResponseReturnValue:
    with begin() as work:
        expire_acts(work)
        queue = queue_of(work)
        page = {"waiting": _rows(work, queue.waiting), "own": _rows(work, queue.own)}
    return render_template("acts/listing.html", **page, decides=work.actor.role in DECIDE)


@bp.post("/viec-hai-nguoi/<uuid:act_id>/dong-y")
@open_to(*DECIDE)
@step_up
def agree(act_id: UUID) -> ResponseReturnValue:
    if not _done(act_id, lambda work: decide_act(work, act_id, agree=True)):
        return _too_late()
    flash(_("Đã đồng ý. Việc đã được làm và người đề nghị đã được báo."), "success")
    return redirect(url_for("acts.listing"), code=303)


@bp.post("/viec-hai-nguoi/<uuid:act_id>/tu-choi")
@open_to(*DECIDE)
def refuse(act_id: UUID) -> ResponseReturnValue:
    if not _done(act_id, lambda work: decide_act(work, act_id, agree=False)):
        return _too_late()
    flash(_("Đã từ chối. Người đề nghị đã được báo."), "success")
    return redirect(url_for("acts.listing"), code=303)


@bp.post("/viec-hai-nguoi/<uuid:act_id>/rut")
@open_to(*WHO)
def withdraw(act_id: UUID) -> ResponseReturnValue:
    if not _done(act_id, lambda work: withdraw_act(work, act_id), to_decide=False):
        return _too_late()
    flash(_("Đã rút đề nghị."), "success")
    return redirect(url_for("acts.listing"), code=303)


def _done(act_id: UUID, what: Callable[[Work], object], *, to_decide: bool = True) -> bool:
    """False where it was theirs to decide or to take back, and somebody or the time was quicker. Raises NotFound for what
    was never theirs."""
    try:
        with begin() as work:
            what(work)
    except NotFound:
        with begin() as work:
            if was_theirs(work, act_id, to_decide=to_decide):
                return False
        raise
    return True


def _too_late() -> ResponseReturnValue:
    flash(_("Việc này không làm được nữa: đã được quyết định, đã rút, quá hạn, hoặc người nhận không còn."), "warning")
    return redirect(url_for("acts.listing"), code=303)


def _rows(work: Work, found: Any) -> list[dict[str, Any]]:
    cases = codes_of(work, {one.case_id for one in found if one.case_id})
    staff = staff_by_id(work, [one.proposed_by for one in found] + [one.object_id for one in found])
    units = units_by_id(work, [one.unit_id for one in staff.values()] + [one.object_id for one in found])
    rows = []
    for act in found:
        # A case the administrator may not know of has no code here, and its reason stays sealed.
        shown = act.case_id is None or act.case_id in cases
        payload = (work.open(act, "payload") or {}) if shown else {}
        proposer = staff[act.proposed_by]
        rows.append(
            {
                "id": act.id,
                "title": law_text(kinds()[act.kind].title),
                "case": cases[act.case_id].code if act.case_id in cases else None,
                "about": _about(work, act, staff, units),
                "reason": payload.get("reason"),
                "gives": _gives(work, act, cases, payload),
                "by": f"{_post(proposer)}, {units[proposer.unit_id].name}",
                "at": moment_text(act.proposed_at),
                "until": moment_text(act.expires_at),
                "state": _state(work, act),
                "possible": can_be_done(work, act),
                "open": act.outcome is None and act.expires_at > work.now,
            }
        )
    return rows


def _about(work: Work, act: TwoPersonAct, staff: dict[UUID, Staff], units: Any) -> str | None:
    """Whose account, which unit: never a person of a case."""
    if act.object_id is None:
        return None
    if act.object_id in staff:
        one = staff[act.object_id]
        return f"{one.username} · {_post(one)} · {units[one.unit_id].name}"
    if act.object_id in units:
        return str(units[act.object_id].name)
    exclusion = work.session.get(CaseExclusion, act.object_id)
    if exclusion is None:
        return None
    if exclusion.unit_id is not None:
        return units_by_id(work, [exclusion.unit_id])[exclusion.unit_id].name
    person = staff_by_id(work, [exclusion.staff_id]).values()
    return ", ".join(one.username for one in person)


def _gives(work: Work, act: TwoPersonAct, cases: Mapping[UUID, Case], payload: Mapping[str, Any]) -> str | None:
    """What of the case a proposal to let somebody in would open, for what, until when."""
    case = cases.get(act.case_id) if act.case_id else None
    if act.kind != KIND or case is None:
        return None
    return what_is_given(work.law_for(case.edition), payload)


def _post(staff: Staff) -> str:
    return post_title(staff.role, deputy=staff.post == Post.DEPUTY)


def _state(work: Work, act: TwoPersonAct) -> str:
    if act.outcome is None and act.expires_at <= work.now:
        return _("quá hạn trả lời")
    return {
        None: _("đang chờ"),
        "done": _("đã đồng ý, đã làm"),
        "refused": _("bị từ chối"),
        "withdrawn": _("đã rút"),
        "expired": _("quá hạn trả lời"),
    }[act.outcome]
