"""The other pages of a case: its course, its people, who sees what, who has seen it, the printed sheet, the visit's note."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.audit.queries import Filters, entries_of_case, recent
from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drop_draft, find_draft, save_draft
from casework.cases.models import Case
from casework.cases.queries import documents_of, find_case
from casework.cases.service import check_move, record_read, take_action
from casework.cases.sight import contents_for, facts_for
from casework.clock import local
from casework.deadlines.queries import changes_of
from casework.errors import Forbidden, IllegalMove
from casework.law.forms import read, to_submitted
from casework.law.model import Form
from casework.oversight.grants import may_let_in
from casework.people.queries import units_by_id
from casework.people.rules import Role
from casework.referral.queries import referrals_of
from casework.web import casebook, wording
from casework.web.access import keeps_draft, open_to
from casework.web.cases import refusal_page
from casework.web.courseparts import change_items, with_changes
from casework.web.door import begin
from casework.web.lawform import Shown, posted
from casework.web.people import people
from casework.web.sharing import READ_TAGS, given_out, let_in, matrix, readers, readers_summed
from casework.web.story import latest_papers, story, updated_at
from casework.web.timeline import GROUPS, events_of, group_titles, papers_said, timeline
from casework.work import Work

bp = Blueprint("casefile", __name__, url_prefix="/ca/<code>")

READS_A_PAGE = 50
READS_SUMMED = 500
VISIT = casebook.VISIT
VISIT_FORM = "progress"
NEXT_IN = "_next_in"  # a chip: so many days from the visit, instead of a date typed
NEXT_DAYS = (1, 3, 7)
ALARMING = "no"


# ---------------------------------------------------------------- what happened


@bp.get("/dong-thoi-gian")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def course(code: str) -> ResponseReturnValue:
    """Everything that happened, newest first; `loai` narrows it to a kind, `thu-tu=cu-truoc` turns it round for printing."""
    wanted = request.args.get("loai", "")
    wanted = wanted if wanted in GROUPS else ""
    oldest_first = request.args.get("thu-tu") == "cu-truoc"
    with begin() as work:
        case = find_case(work, code)
        items, sight = _course(work, case)
        record_read(work, case, what="course")
        frame = casebook.frame_of(work, sight, "course")
    chosen = [one for one in items if not wanted or one["group"] == wanted]
    titles = {group: title for group, title in group_titles().items() if any(one["group"] == group for one in items)}
    order = {"thu-tu": "cu-truoc"} if oldest_first else {}
    return render_template(
        "case/course.html",
        **frame,
        items=chosen[::-1] if oldest_first else chosen,
        kinds=[
            {"title": title, "url": _course_url(code, {**order, **({"loai": group} if group else {})}), "current": group == wanted}
            for group, title in (("", _("Tất cả")), *titles.items())
        ],
        oldest_first=oldest_first,
        turn_url=_course_url(code, {**({"loai": wanted} if wanted else {}), **({} if oldest_first else {"thu-tu": "cu-truoc"})}),
    )  # fmt: skip


def _course_url(code: str, query: Mapping[str, str]) -> str:
    values: dict[str, Any] = {"code": code, **query}
    return url_for("casefile.course", **values)


def _course(work: Work, case: Case) -> tuple[list[dict[str, Any]], casebook.Sight]:
    law = work.law_for(case.edition)
    events = events_of(work, law, case)
    sight = casebook.look_at(work, case, [one.unit_id for one in events])
    said = papers_said(work, law, case, documents_of(work, case.id))
    items = timeline(law, case, events, sight.units, said)
    return with_changes(items, change_items(work, changes_of(work, case.id))), sight


# ---------------------------------------------------------------- who


@bp.get("/nguoi")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def people_page(code: str) -> ResponseReturnValue:
    return _people(code, shown=False)


@bp.post("/nguoi")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def people_shown(code: str) -> ResponseReturnValue:
    """The same page with names and addresses, for this one answer; each showing is kept."""
    return _people(code, shown=True)


def _people(code: str, *, shown: bool) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        referrals = referrals_of(work, case.id)
        sight = casebook.look_at(work, case, [one.to_unit_id for one in referrals])
        papers = {one.form: one for one in documents_of(work, case.id)}
        order = contents_for(work, case, [papers["07"]])[0] if "07" in papers else None
        page = {
            **casebook.frame_of(work, sight, "people_page", name_shown=shown),
            "cards": people(sight.law, sight.facts, order or {}, sight.today, shown=shown),
            "bodies": [
                {"who": sight.units[one.to_unit_id].name, "what": wording.role_title(one.kind)} for one in referrals
            ],
            "shown": shown,
        }
        if shown:
            record(work, Tag.IDENTITY_REVEALED, case_id=case.id, object_type="people", object_id=case.id)
        else:
            record_read(work, case, what="people")
    return render_template("case/people.html", **page)


# ---------------------------------------------------------------- who sees, who has seen


@bp.get("/chia-se")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def shared(code: str) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        referrals = referrals_of(work, case.id)
        sight = casebook.look_at(work, case, [one.to_unit_id for one in referrals])
        record_read(work, case, what="sharing")
        page = {
            **casebook.frame_of(work, sight, "shared"),
            "matrix": matrix(sight.law, referrals, work.now),
            "given": given_out(sight.law, referrals, sight.units),
            "let_in": let_in(work, case),
            "may_let_in": may_let_in(work, case),
        }
    return render_template("case/shared.html", **page)


@bp.get("/nhat-ky")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def readers_page(code: str) -> ResponseReturnValue:
    """Who has seen this case, from the trail. The look at this page is one of them and stands in it the next time."""
    number = max(1, request.args.get("trang", 1, int))
    with begin() as work:
        case = find_case(work, code)
        tags = tuple(str(tag) for tag in READ_TAGS)
        reads = recent(work, Filters(tags=tags, case_id=case.id), page=number, per_page=READS_A_PAGE + 1)
        summed = entries_of_case(work, case.id, READ_TAGS, READS_SUMMED)
        sight = casebook.look_at(work, case)
        units = {**sight.units, **units_by_id(work, [one.unit_id for one in (*reads, *summed)])}
        record_read(work, case, what="readers")
        page = {
            **casebook.frame_of(work, sight, "readers_page"),
            "readers": readers_summed(summed, units, work.actor),
            "reads": readers(reads[:READS_A_PAGE], units, work.actor),
            "newer_url": url_for("casefile.readers_page", code=code, trang=number - 1) if number > 1 else None,
            "older_url": (
                url_for("casefile.readers_page", code=code, trang=number + 1) if len(reads) > READS_A_PAGE else None
            ),
        }
    return render_template("case/readers.html", **page)


# ---------------------------------------------------------------- on paper


@bp.get("/in")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def sheet(code: str) -> ResponseReturnValue:
    return _sheet(code, name_shown=False)


@bp.post("/in")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
def sheet_named(code: str) -> ResponseReturnValue:
    """The sheet with the child's name on it, for the file; each one is kept."""
    return _sheet(code, name_shown=True)


def _sheet(code: str, *, name_shown: bool) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        items, sight = _course(work, case)
        documents = documents_of(work, case.id)
        page = {
            **casebook.frame_of(work, sight, "sheet", name_shown=name_shown),
            "story_lines": story(sight.law, case, sight.facts, latest_papers(work, case, documents)),
            "story_updated": wording.short_moment(updated_at(sight.facts, documents)),
            "clocks": [casebook.dated(work, clock) for clock in sight.clocks],
            "items": items[::-1],
            "papers": [casebook.paper(sight.law, case, one) for one in documents],
            "printed_at": wording.moment_text(work.now),
            "printed_by": casebook.post(work.actor.role),
        }
        record(work, Tag.CASE_PRINTED, case_id=case.id, object_type="case", object_id=case.id)
        if name_shown:
            record(work, Tag.IDENTITY_REVEALED, case_id=case.id, object_type="sheet", object_id=case.id)
    return render_template("case/sheet.html", **page)


# ---------------------------------------------------------------- the visit


def _visit_draft(code: str) -> str:
    return f"action:{VISIT}"


@bp.get("/ghi-nhan")
@open_to(Role.WORKER, Role.CHAIR)
def visit(code: str) -> ResponseReturnValue:
    try:
        with begin() as work:
            case = find_case(work, code)
            check_move(work, case, VISIT)
            form = work.law_for(case.edition).forms[VISIT_FORM]
            draft = find_draft(work, _visit_draft(code), case)
            typed = work.open(draft, "content") if draft else _begun(work, case, form)
            saved_at = wording.short_moment(draft.saved_at) if draft else None
            record_read(work, case, what=f"form-{form.id}")
            page = _visit_page(work, case, Shown(form, typed or {}, {}, {}, saved_at))
    except (IllegalMove, Forbidden) as error:
        return refusal_page(code, VISIT, error)
    return render_template("case/visit.html", **page)


@bp.post("/ghi-nhan")
@open_to(Role.WORKER, Role.CHAIR)
@keeps_draft(_visit_draft)
def visit_made(code: str) -> ResponseReturnValue:
    """Notes the visit at once: it decides nothing, so nothing is asked twice. What does not fit is shown again, whole."""
    try:
        with begin() as work:
            page, safe = _note_visit(work, code)
    except (IllegalMove, Forbidden) as error:
        return refusal_page(code, VISIT, error)
    if page is not None:
        return render_template("case/visit.html", **page), 422
    if safe == ALARMING:
        flash(
            _("Đã ghi: trẻ chưa an toàn. Nguy hiểm ngay: gọi 113, báo Chủ tịch UBND xã, chuyển công an ở trang này."),
            "warning",
        )
    else:
        flash(_("Đã ghi nhận chuyến thăm."), "success")
    return redirect(url_for("cases.home", code=code), code=303)


def _note_visit(work: Work, code: str) -> tuple[dict[str, Any] | None, str | None]:
    """(the page to show again where something is wrong, whether the child is safe)."""
    case = find_case(work, code)
    check_move(work, case, VISIT)
    form = work.law_for(case.edition).forms[VISIT_FORM]
    typed = _with_next_visit(work, form)
    filled = read(form, typed, today=local(work.now).date())
    if filled.faults:
        save_draft(work, _visit_draft(code), typed, case)
        record_read(work, case, what=f"form-{form.id}")
        return _visit_page(work, case, Shown(form, typed, filled.faults, {})), None
    take_action(work, case, VISIT, filled.values)
    drop_draft(work, _visit_draft(code), case)
    return None, filled.values.get("child_safe")


@bp.post("/ghi-nhan/nhap")
@open_to(Role.WORKER, Role.CHAIR)
@keeps_draft(_visit_draft)
def visit_kept(code: str) -> ResponseReturnValue:
    """Keeps what is typed, every two seconds."""
    with begin() as work:
        case = find_case(work, code)
        form = work.law_for(case.edition).forms[VISIT_FORM]
        draft = save_draft(work, _visit_draft(code), _with_next_visit(work, form), case)
        saved_at = local(draft.saved_at).strftime("%H:%M")
    return jsonify(saved_at=saved_at)


def _begun(work: Work, case: Case, form: Form) -> dict[str, list[str]]:
    """A new note: now, and where the child was last known to be."""
    facts = facts_for(work, case)
    values = {one.id: facts[one.datum]["value"] for one in form.fields if one.datum and one.datum in facts}
    return to_submitted(form, {**values, "happened_at": local(work.now).isoformat(timespec="minutes")})


def _with_next_visit(work: Work, form: Form) -> dict[str, list[str]]:
    """What was posted; a chip `_next_in` of so many days fills in the date of the next visit, at the visit's own hour."""
    typed = posted()
    chosen = request.form.get(NEXT_IN, "")
    if chosen not in map(str, NEXT_DAYS):
        return typed
    held = read(form, typed, today=local(work.now).date()).values.get("happened_at")
    start = local(datetime.fromisoformat(held)) if held else local(work.now)
    ahead = start + timedelta(days=int(chosen))
    return {**typed, **to_submitted(form, {"next_at": ahead.isoformat(timespec="minutes")})}


def _visit_page(work: Work, case: Case, shown: Shown) -> dict[str, Any]:
    sight = casebook.look_at(work, case)
    return {
        **shown.for_template(sight.law),
        **casebook.frame_of(work, sight, "visit"),
        "fields": {one.id: one for one in shown.form.fields},
        "next_days": [
            {"value": str(days), "title": _("+%(days)s ngày", days=days), "on": _day_after(work, days)}
            for days in NEXT_DAYS
        ],
    }


def _day_after(work: Work, days: int) -> str:
    day = local(work.now).date() + timedelta(days=days)
    return f"{wording.weekday(day)} {day:%d/%m}"
