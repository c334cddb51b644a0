"""The list of cases, the page of one, its papers, and the moves of the procedure made on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drop_draft, find_draft, read_draft, save_draft
from casework.cases.handover import decide_hand_over, offer_hand_over
from casework.cases.models import Case
from casework.cases.queries import Filter, Listed, find_case, find_document, list_cases, state_of
from casework.cases.rules import normal_code
from casework.cases.service import INTAKE_ACTIONS, check_move, offers, record_read, record_refusal, take_action
from casework.cases.sight import contents_for, facts_for, form_for
from casework.clock import local
from casework.deadlines.queries import read_clock
from casework.errors import CaseworkError, Forbidden, GuardRefused, IllegalMove, Invalid, NotFound
from casework.law.forms import answers
from casework.law.model import Action, Form
from casework.people.models import Unit
from casework.people.queries import commune_by_code, communes_of, unit, units_by_id
from casework.people.rules import Role
from casework.referral.service import refer_case
from casework.web import casebook, stepform, wording
from casework.web.access import keeps_draft, open_to
from casework.web.door import begin, the_office
from casework.web.faults import STATUSES, words_of
from casework.web.lawform import DRAFT, Shown, fresh, gaps_of, notes_of, posted, row_asked
from casework.web.stepform import REFERRALS, Answered
from casework.work import Work

bp = Blueprint("cases", __name__)

LATENESS = {"qua-han": "late", "sap-han": "soon"}
BANDS = ("emergency", "high", "medium", "low", "unassessed")
COUNT_TO = 500  # cases: nobody pages through more, and to count all of a province took longer than to read its page


# ---------------------------------------------------------------- the list


@bp.get("/ca")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def listing() -> ResponseReturnValue:
    with begin() as work:
        choices = _choices(work)
        chosen = _chosen(choices)
        found = list_cases(work, _filter(work, chosen), page=request.args.get("trang", 1, int), count_to=COUNT_TO)
        units = units_by_id(work, [one.case.responsible_unit_id for one in found.rows])
        record(work, Tag.CASE_LIST_READ, object_type="case-list", fields=tuple(chosen))
        rows = [list_row(work, one, units) for one in found.rows]
        bands = {band: wording.band_words(band) for band in BANDS}
    return render_template(
        "case/list.html",
        rows=rows,
        bands=bands,
        found=found,
        chosen=chosen,
        choices=choices,
        chips=_chips(chosen, choices),
        page_url=lambda number: _list_url(chosen, trang=number),
    )


def _choices(work: Work) -> dict[str, dict[str, str]]:
    """What each filter offers: value in the address → words. `xa` only for those who see more than one commune."""
    found = {
        "han": {"qua-han": _("Quá hạn"), "sap-han": _("Hết hạn trong 12 giờ tới")},
        "buoc": {stage.id: wording.law_text(stage.title) for stage in work.law.stages},
        "nguy-co": {band: wording.band_words(band) for band in BANDS},
    }
    if work.actor.role == Role.SUPERVISOR and work.actor.unit_id is not None:
        province = unit(work, work.actor.unit_id)
        found["xa"] = {province.code: _("Chưa rõ xã (bàn cấp tỉnh)")}
        found["xa"].update({one.code: one.name for one in communes_of(work, province.id)})
    return found


def _chosen(choices: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The filters of the address that mean something; the rest is left out, not refused."""
    chosen = {name: value for name in choices if (value := request.args.get(name, "")) in choices[name]}
    if typed := request.args.get("q", "").strip():
        chosen["q"] = normal_code(typed) or typed[:20].upper()
    if request.args.get("tat-ca") == "1":
        chosen["tat-ca"] = "1"
    return chosen


def _filter(work: Work, chosen: Mapping[str, str]) -> Filter:
    commune = commune_by_code(work, chosen["xa"]) if "xa" in chosen else None
    return Filter(
        # The supervisor's own unit stands for the provincial desk, where no commune is known.
        unit_id=(commune.id if commune else work.actor.unit_id) if "xa" in chosen else None,
        stage=chosen.get("buoc"),
        risk=chosen.get("nguy-co"),
        lateness=LATENESS.get(chosen.get("han", "")),
        # Who asks for one code wants that case, ended or not.
        open_only="tat-ca" not in chosen and "q" not in chosen,
        code=chosen.get("q"),
    )


def _chips(chosen: Mapping[str, str], choices: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    words = {"q": _("Mã: %(code)s", code=chosen.get("q", "")), "tat-ca": _("Cả ca đã kết thúc")}
    return [
        {
            "title": choices[name][value] if name in choices else words[name],
            "remove_url": _list_url({key: kept for key, kept in chosen.items() if key != name}),
        }
        for name, value in chosen.items()
    ]


def _list_url(chosen: Mapping[str, str], **more: Any) -> str:
    values: dict[str, Any] = {**chosen, **more}
    return url_for("cases.listing", **values)


def list_row(work: Work, one: Listed, units: Mapping[UUID, Unit]) -> dict[str, Any]:
    """One case on a list: initials and age at most, and neither where the list was read without facts."""
    return {
        "code": one.case.code,
        "url": url_for("cases.home", code=one.case.code),
        "child": wording.child_line(one.facts, local(work.now).date()).masked if one.facts else "",
        "unit": units[one.case.responsible_unit_id].name,
        "state": wording.law_text(state_of(work, one.case).title),
        "band": one.case.risk,
        "clock": wording.bare_chip(read_clock(work, one.clock)) if one.clock else None,
    }


# ---------------------------------------------------------------- one case


@bp.get("/ca/<code>")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def home(code: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        page = casebook.page_of(work, case)
        record_read(work, case)
    return render_template("case/home.html", **page)


@bp.post("/ca/<code>/hien-ten")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def reveal(code: str) -> ResponseReturnValue:
    """The page once more with the child's name, for this one answer; each showing is kept."""
    with begin() as work:
        case = find_case(work, code)
        page = casebook.page_of(work, case, name_shown=True)
        record(work, Tag.IDENTITY_REVEALED, case_id=case.id, object_type="case", object_id=case.id)
    return render_template("case/home.html", **page)


@bp.get("/ca/<code>/giay-to/<uuid:document_id>")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def document(code: str, document_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        found = find_document(work, case, document_id)
        law = work.law_for(found.edition)
        asked = stepform.form_for(work, case, found.form)
        # Who reported is kept apart from the case; its empty questions would only invite a guess.
        form, said = form_for(work, case, asked), contents_for(work, case, [found])[0]
        record(work, Tag.DOCUMENT_READ, case_id=case.id, object_type=found.form, object_id=found.id)
        page = {
            "form": form,
            "sections": answers(form, said, wording.language()),
            "reporter_kept": found.form == "01",
            "reading": stepform.reading_of(form, said),
            "title": casebook.paper_title(law, found),
            "at": wording.moment_text(found.at),
            "by": casebook.author(found),
            "edition": wording.law_text(law.edition.title),
        }
    return render_template("case/document.html", code=code, **page)


# ---------------------------------------------------------------- the moves


def draft_page(code: str, action: str) -> str:
    return f"action:{action}"


@bp.get("/ca/<code>/buoc/<action>")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def step(code: str, action: str) -> ResponseReturnValue:
    try:
        with begin() as work:
            case = find_case(work, code)
            move, form = move_of(work, case, action)
            if form is None:
                return redirect(url_for("cases.home", code=code))
            record_read(work, case, what=f"form-{form.id}")
            page = _form_page(work, case, move, opened_form(work, case, move, form))
    except (IllegalMove, Forbidden) as refused:
        return refusal_page(code, action, refused)
    return render_template("case/step.html", **page)


def opened_form(work: Work, case: Case, move: Action, form: Form) -> Shown:
    """The form as this person left it, with what it still lacks; else begun with what the case says."""
    draft = find_draft(work, draft_page(case.code, move.id), case)
    typed = work.open(draft, "content") if draft else None
    read = stepform.answered(work, case, form, typed) if typed is not None else None
    return fresh(
        work.law_for(case.edition),
        form,
        stepform.known(work, case, form),
        draft=typed,
        saved_at=draft.saved_at if draft else None,
        defaults=stepform.defaults(work, case, form),
        gaps=gaps_of(form, read.values, read.faults) if read else None,
    )


@bp.post("/ca/<code>/buoc/<action>")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
@keeps_draft(draft_page)
def submit(code: str, action: str) -> ResponseReturnValue:
    """Keeps what was typed and goes on to have it checked; a move without a form is made at once."""
    try:
        with begin() as work:
            case = find_case(work, code)
            move, form = move_of(work, case, action)
            rows = row_asked(form) if form else None
            if form is None:
                _make(work, case, move, {})
                page = None
            elif rows is not None:
                save_draft(work, draft_page(code, action), rows.typed, case)
                page = None
            else:
                page = _keep(work, case, move, form)
    except (IllegalMove, Forbidden, GuardRefused) as refused:
        return refusal_page(code, action, refused)
    if form is None:
        flash(wording.law_text(move.done), "success")
        return redirect(url_for("cases.home", code=code), code=303)
    if rows is not None:
        return redirect(url_for("cases.step", code=code, action=action, _anchor=f"f-{rows.field}"), code=303)
    if DRAFT in request.form:  # the page then says what is still missing
        return redirect(url_for("cases.step", code=code, action=action), code=303)
    if page is not None:
        return render_template("case/step.html", **page), 422
    return redirect(url_for("cases.check", code=code, action=action), code=303)


@bp.post("/ca/<code>/buoc/<action>/nhap")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
@keeps_draft(draft_page)
def autosave(code: str, action: str) -> ResponseReturnValue:
    """Keeps every keystroke, also when the step has been taken from under the writer: nothing typed is thrown away."""
    if the_office().law.actions.get(action) is None:
        raise NotFound
    with begin() as work:
        draft = save_draft(work, draft_page(code, action), posted(), find_case(work, code))
        saved_at = local(draft.saved_at).strftime("%H:%M")
    return jsonify(saved_at=saved_at)


@bp.get("/ca/<code>/buoc/<action>/kiem-tra")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def check(code: str, action: str) -> ResponseReturnValue:
    try:
        with begin() as work:
            case = find_case(work, code)
            move, form = move_of(work, case, action)
            read = _read_back(work, case, move, form)
            if form is None or read is None or read.faults:
                return redirect(url_for("cases.step", code=code, action=action))
            record_read(work, case, what=f"form-{form.id}")
            page = _check_page(work, case, move, form, read.values)
    except (IllegalMove, Forbidden) as refused:
        return refusal_page(code, action, refused)
    return render_template("case/check.html", **page)


@bp.post("/ca/<code>/buoc/<action>/kiem-tra")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def make(code: str, action: str) -> ResponseReturnValue:
    """Makes the move with the draft's answers, whole or not at all."""
    try:
        with begin() as work:
            case = find_case(work, code)
            move, form = move_of(work, case, action)
            read = _read_back(work, case, move, form)
            if read is None or read.faults:
                return redirect(url_for("cases.step", code=code, action=action), code=303)
            _make(work, case, move, read.values)
            drop_draft(work, draft_page(code, action), case)
    except Invalid as refused:
        return _form_again(code, action, refused)
    except (IllegalMove, Forbidden, GuardRefused) as refused:
        return refusal_page(code, action, refused)
    flash(wording.law_text(move.done) + ".", "success")
    return redirect(url_for("cases.home", code=code), code=303)


def move_of(work: Work, case: Case, action: str) -> tuple[Action, Form | None]:
    """The move and its form. Raises NotFound for what is no step of a case's page, IllegalMove, Forbidden."""
    move = work.law_for(case.edition).actions.get(action)
    if move is None or move.liaison is not None or move.receiver or move.id in INTAKE_ACTIONS:
        raise NotFound
    check_move(work, case, action)
    form = stepform.form_for(work, case, move.form, REFERRALS.get(move.id)) if move.form else None
    return move, stepform.with_late_reason(work, case, move, form)


def _keep(work: Work, case: Case, move: Action, form: Form) -> dict[str, Any] | None:
    """Saves what was posted as the draft. The page to show again where something is wrong."""
    read = stepform.answered(work, case, form, posted())
    save_draft(work, draft_page(case.code, move.id), read.typed, case)
    if not read.faults:
        return None
    # An empty form is an easy way to ask for a page: what it says of the case was read as much as by opening it.
    record_read(work, case, what=f"form-{form.id}")
    return _form_page(work, case, move, _again(work, case, form, read.typed, read.faults))


def _again(work: Work, case: Case, form: Form, typed: Mapping[str, Sequence[str]], faults: Mapping[str, str]) -> Shown:
    """The form with everything typed, what is wrong, and still where its answers came from."""
    law = work.law_for(case.edition)
    return Shown(form, typed, faults, notes_of(law, form, stepform.known(work, case, form), typed))


def _read_back(work: Work, case: Case, move: Action, form: Form | None) -> Answered | None:
    typed = read_draft(work, draft_page(case.code, move.id), case) if form else None
    return stepform.answered(work, case, form, typed) if form and typed is not None else None


def _make(work: Work, case: Case, move: Action, given: Mapping[str, Any]) -> None:
    values = {name: value for name, value in given.items() if name != stepform.LATE_FIELD}
    late_reason = given.get(stepform.LATE_FIELD)
    if move.id in REFERRALS:
        refer_case(work, case, REFERRALS[move.id], values)
    elif move.id == "offer-hand-over":
        offer_hand_over(work, case, values, late_reason=late_reason)
    elif move.id == "decide-hand-over":
        decide_hand_over(work, case, values, late_reason=late_reason)
    elif move.id == "route":
        commune = commune_by_code(work, str(values["incident_commune"]))
        if commune is None:
            raise Invalid({"incident_commune": "not-a-commune"})
        take_action(work, case, move.id, values, to_unit=commune.id)
    else:
        take_action(work, case, move.id, values, late_reason=late_reason)


def _form_page(work: Work, case: Case, move: Action, shown: Shown) -> dict[str, Any]:
    facts = facts_for(work, case)
    return {
        **shown.for_template(work.law_for(case.edition)),
        "code": case.code,
        "move": move,
        "child": wording.child_line(facts, local(work.now).date()).masked,
        "band": case.risk,
        "alert": casebook.alert(facts),
        "state": state_of(work, case),
        "communes": stepform.communes_for(work, case, shown.form),
        "warning": stepform.parent_warning(work.law_for(case.edition), shown.form, facts),
    }


def _check_page(work: Work, case: Case, move: Action, form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    facts = facts_for(work, case)
    return {
        "code": case.code,
        "move": move,
        "form": form,
        "child": wording.child_line(facts, local(work.now).date()).masked,
        "sections": answers(form, values, wording.language()),
        "reading": stepform.reading_of(form, values),
        "lower": stepform.lower_words(work, case, move, form, values),
        "confirm": stepform.confirm_words(work, case, move, values),
        "warning": stepform.parent_warning(work.law_for(case.edition), form, facts),
    }


def _form_again(code: str, action: str, refused: Invalid) -> ResponseReturnValue:
    """The move found a fault that no answer shows alone: back to the form, with everything typed."""
    with begin() as work:
        case = find_case(work, code)
        move, form = move_of(work, case, action)
        typed = read_draft(work, draft_page(code, action), case)
        if form is None or typed is None:
            raise refused
        record_read(work, case, what=f"form-{form.id}")
        page = _form_page(work, case, move, _again(work, case, form, typed, refused.faults))
    return render_template("case/step.html", **page), 422


def refusal_page(code: str, action: str, error: CaseworkError) -> ResponseReturnValue:
    """Keeps the attempt, whose own work has rolled back, and says what is possible instead."""
    reasons = {IllegalMove: "illegal-move", Forbidden: "forbidden", GuardRefused: "guard-refused"}
    detail = getattr(error, "guard", "") or getattr(error, "reason", "") or getattr(error, "state", "")
    with begin() as work:
        case = find_case(work, code)
        record_refusal(work, case, action, f"{reasons[type(error)]}: {detail}")
        open_moves = [one for one in offers(work, case) if one.blocked_by is None]
    title, text = words_of(error)
    page = render_template(
        "case/refused.html",
        code=code,
        title=title,
        text=text,
        moves=[
            {"title": wording.law_text(one.action.title), "url": url_for("cases.step", code=code, action=one.action.id)}
            for one in open_moves
            if one.action.form
        ],
    )
    return page, STATUSES[error.kind]
