"""The office's days: a year as pictures, days set apart with their decree, and what that does to the limits that run.

Whoever keeps the calendar opens no case: here stand numbers, never a code.
"""

from __future__ import annotations

from calendar import Calendar as Weeks
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from casework.clock import local
from casework.deadlines.calendar import (
    NewDays,
    Preview,
    add_days,
    behind,
    catch_all_up,
    days_of_edit,
    preview_add,
    preview_take_back,
    take_back,
)
from casework.deadlines.days import covers_months_ahead, edits, known_until
from casework.deadlines.models import CalendarDay
from casework.errors import Invalid, Stale
from casework.people.rules import Role
from casework.web.access import open_to
from casework.web.door import begin, the_office, the_viewer
from casework.web.wording import WEEKDAYS, day_text, law_text
from casework.work import SYSTEM, Work

bp = Blueprint("calendar", __name__)

MONDAY = 0
FIRST_YEAR, LAST_YEAR = 2017, 2100  # from the decree's own year on
PATIENCE_SECONDS = 5.0  # what is left after that the jobs process counts anew
TYPED = (
    "kind", "first-day", "first-month", "first-year", "last-day", "last-month", "last-year", "title", "source",
)  # fmt: skip
KIND_WORDS = {"off": _l("Nghỉ"), "make-up": _l("Làm bù")}
FAULTS = {
    ("kind", "missing"): _l("Chọn ngày nghỉ hay ngày làm bù"),
    ("first", "not-a-date"): _l("Ngày đầu không có thật. Ví dụ: 24 11 2026"),
    ("first", "out-of-range"): _l("Ngày đầu quá xa: từ một năm trước đến ba năm sau hôm nay"),
    ("first", "already-off"): _l("Những ngày này vốn đã nghỉ"),
    ("first", "already-works"): _l("Ngày làm bù phải là ngày nghỉ; có ngày trong khoảng này vốn đã làm việc"),
    ("first", "own-day"): _l("Cơ quan đã đặt một ngày trong khoảng này. Bỏ lần đặt đó trước"),
    ("last", "not-a-date"): _l("Ngày cuối không có thật. Ví dụ: 25 11 2026"),
    ("last", "out-of-range"): _l("Ngày cuối phải từ ngày đầu trở đi, và không quá 31 ngày"),
    ("title", "missing"): _l("Ghi tên ngày này"),
    ("title", "too-long"): _l("Tên dài quá 120 ký tự"),
    ("source", "missing"): _l("Ghi văn bản quyết định ngày này"),
    ("source", "too-long"): _l("Số và tên văn bản dài quá 200 ký tự"),
}


@bp.get("/quan-tri/ngay-nghi")
@open_to(Role.ADMINISTRATOR, Role.SUPERVISOR)
def year() -> ResponseReturnValue:
    with begin() as work:
        page = _page(work, request.args.get("nam", type=int), {}, {})
    return render_template("office/calendar.html", **page)


@bp.post("/quan-tri/ngay-nghi")
@open_to(Role.ADMINISTRATOR)
def add() -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in TYPED}
    with begin() as work:
        try:
            new = _read(typed)
            seen = _seen(edits(work).revision)
            preview = preview_add(work, new)
            if "_save" in request.form:
                add_days(work, new, seen=seen)
        except Invalid as refused:
            return render_template("office/calendar.html", **_page(work, None, typed, refused.faults)), 422
        except Stale:
            # What was seen before saving is not what would happen now: it is shown anew, with nothing done.
            flash(_("Lịch vừa được người khác đổi. Hãy xem lại trước khi lưu."), "warning")
            return redirect(url_for("calendar.year", nam=new.first.year), code=303)
        if "_edit" in request.form:
            return render_template("office/calendar.html", **_page(work, new.first.year, typed, {}))
        if "_save" not in request.form:
            shown = {"typed": typed, "kind": KIND_WORDS[new.kind], "name": new.title, "source": new.source}
            return render_template("office/calendar_preview.html", **shown, **_preview(work, preview))
    return _counted_anew(preview, new.first.year)


@bp.get("/quan-tri/ngay-nghi/bo/<int:edit>")
@open_to(Role.ADMINISTRATOR)
def confirm_take_back(edit: int) -> ResponseReturnValue:
    with begin() as work:
        rows = days_of_edit(work, edit)
        shown = {"edit": edit, "kind": KIND_WORDS[rows[0].kind], "name": rows[0].title, "source": rows[0].source}
        page = {**shown, **_preview(work, preview_take_back(work, edit))}
    return render_template("office/calendar_preview.html", **page)


@bp.post("/quan-tri/ngay-nghi/bo/<int:edit>")
@open_to(Role.ADMINISTRATOR)
def undo(edit: int) -> ResponseReturnValue:
    with begin() as work:
        preview = preview_take_back(work, edit)
        try:
            take_back(work, edit, seen=_seen(edits(work).revision))
        except Stale:
            flash(_("Lịch vừa được người khác đổi. Hãy xem lại trước khi lưu."), "warning")
            return redirect(url_for("calendar.confirm_take_back", edit=edit), code=303)
    return _counted_anew(preview, preview.days[0].year)


# ---------------------------------------------------------------- parts


@dataclass(frozen=True)
class _Boxes:
    """The three boxes of a date."""

    day: str
    month: str
    year: str

    @property
    def empty(self) -> bool:
        return not (self.day or self.month or self.year)

    def read(self) -> date | None:
        try:
            return date(int(self.year), int(self.month), int(self.day))
        except ValueError:
            return None


def _boxes(typed: Mapping[str, str], name: str) -> _Boxes:
    return _Boxes(typed[f"{name}-day"], typed[f"{name}-month"], typed[f"{name}-year"])


def _read(typed: Mapping[str, str]) -> NewDays:
    first, last = _boxes(typed, "first").read(), _boxes(typed, "last")
    faults = {} if first else {"first": "not-a-date"}
    if not last.empty and last.read() is None:
        faults["last"] = "not-a-date"
    if faults or first is None:
        raise Invalid(faults)
    return NewDays(typed["kind"], first, last.read() or first, typed["title"], typed["source"])


def _seen(now: int) -> int:
    """The revision the person saw a preview of; without one, whatever it is now."""
    return request.form.get("seen", now, type=int)


def _counted_anew(preview: Preview, year: int) -> ResponseReturnValue:
    """After the edit is kept: its effect is, too, whether or not this finishes it."""
    office = the_office()
    catch_all_up(lambda: office.begin(SYSTEM), seconds=PATIENCE_SECONDS)
    kept = ngettext("Đã ghi %(num)d ngày.", "Đã ghi %(num)d ngày.", len(preview.days))
    moved = ngettext("%(num)d hạn đã đổi.", "%(num)d hạn đã đổi.", preview.moved)
    flash(f"{kept} {moved}", "success")
    return redirect(url_for("calendar.year", nam=year), code=303)


def _page(work: Work, chosen: int | None, typed: Mapping[str, str], faults: Mapping[str, str]) -> dict[str, Any]:
    today = local(work.now).date()
    shown = chosen if chosen is not None and FIRST_YEAR <= chosen <= LAST_YEAR else today.year
    own = {row.day: row for row in edits(work).kept}
    return {
        "year": shown,
        "before": url_for("calendar.year", nam=shown - 1) if shown > FIRST_YEAR else None,
        "after": url_for("calendar.year", nam=shown + 1) if shown < LAST_YEAR else None,
        "months": [_month(work, shown, month, own, today) for month in range(1, 13)],
        "weekdays": [_("T2"), _("T3"), _("T4"), _("T5"), _("T6"), _("T7"), _("CN")],
        "weekday_names": [str(name) for name in WEEKDAYS],
        "own": _own(edits(work).kept, shown),
        "lawful": _lawful(work, shown, own),
        "known_until": day_text(known_until(work.calendar)),
        "covered": covers_months_ahead(work.calendar, today),
        "behind": behind(work),
        "may_edit": the_viewer().role == Role.ADMINISTRATOR,
        "typed": typed,
        "faults": {name: str(FAULTS[name, code]) for name, code in faults.items()},
    }


def _month(work: Work, year: int, month: int, own: Mapping[date, CalendarDay], today: date) -> dict[str, Any]:
    weeks = [
        [_cell(work, day, own, today) if day.month == month else None for day in week]
        for week in Weeks(MONDAY).monthdatescalendar(year, month)
    ]
    return {"title": _("Tháng %(month)d", month=month), "weeks": weeks}


def _cell(work: Work, day: date, own: Mapping[date, CalendarDay], today: date) -> dict[str, Any]:
    looked = work.calendar.look_at(day)
    words = {"off": _("nghỉ"), "make-up": _("làm bù"), "weekend": _("cuối tuần"), "working": ""}[looked.why]
    if looked.holiday is not None:
        words = f"{words}: {law_text(looked.holiday.title)}"
    return {"n": day.day, "look": looked.why, "words": words, "own": day in own, "today": day == today}


def _own(kept: Sequence[CalendarDay], year: int) -> list[dict[str, Any]]:
    """The office's own edits that touch this year, one line each."""
    lines: dict[int, list[CalendarDay]] = {}
    for row in kept:
        lines.setdefault(row.added_rev, []).append(row)
    return [
        {
            "days": _days_words([row.day for row in rows]),
            "kind": KIND_WORDS[rows[0].kind],
            "title": rows[0].title,
            "source": rows[0].source,
            "undo_url": url_for("calendar.confirm_take_back", edit=revision),
        }
        for revision, rows in lines.items()
        if any(row.day.year == year for row in rows)
    ]


def _lawful(work: Work, year: int, own: Mapping[date, CalendarDay]) -> list[dict[str, Any]]:
    """The days of the law's own files; one that the office has set otherwise says so."""
    return [
        {
            "days": day_text(one.day),
            "kind": KIND_WORDS[one.kind],
            "title": law_text(one.title),
            "source": one.source,
            "replaced": one.day in own,
        }
        for one in sorted(work.law.holidays, key=lambda one: one.day)
        if one.day.year == year
    ]


def _days_words(days: Sequence[date]) -> str:
    """`24/11/2026`, or `08/02/2027 – 14/02/2027 (5 ngày)`: a range may pass over days that are off anyway."""
    if len(days) == 1:
        return day_text(days[0])
    many = ngettext("%(num)d ngày", "%(num)d ngày", len(days))
    return f"{day_text(days[0])} – {day_text(days[-1])} ({many})"


def _preview(work: Work, preview: Preview) -> dict[str, Any]:
    today = local(work.now).date()
    return {
        "days": _days_words(preview.days),
        "moved": ngettext(
            "%(num)d hạn đang chạy sẽ đổi", "%(num)d hạn đang chạy sẽ đổi", preview.moved
        ) if preview.moved else _("Không hạn nào đang chạy bị đổi"),
        "shifts": [_shift_words(days, many) for days, many in sorted(preview.shifts.items())],
        "late": ngettext(
            "%(num)d hạn sẽ thành quá hạn ngay khi lưu.", "%(num)d hạn sẽ thành quá hạn ngay khi lưu.", preview.late
        ) if preview.late else None,
        "saved": ngettext(
            "%(num)d hạn đang quá hạn sẽ còn thời gian; lần quá hạn đã ghi vẫn được giữ.",
            "%(num)d hạn đang quá hạn sẽ còn thời gian; lần quá hạn đã ghi vẫn được giữ.",
            preview.saved,
        ) if preview.saved else None,
        "past": any(day <= today for day in preview.days),
        "seen": edits(work).revision,
        "back_url": url_for("calendar.year", nam=preview.days[0].year),
    }  # fmt: skip


def _shift_words(days: int, many: int) -> str:
    if days > 0:
        return ngettext("%(num)d hạn lùi %(days)d ngày", "%(num)d hạn lùi %(days)d ngày", many, days=days)
    if days < 0:
        return ngettext("%(num)d hạn sớm hơn %(days)d ngày", "%(num)d hạn sớm hơn %(days)d ngày", many, days=-days)
    return ngettext("%(num)d hạn đổi giờ trong ngày", "%(num)d hạn đổi giờ trong ngày", many)
