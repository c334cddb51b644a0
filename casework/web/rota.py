"""Posts and the rota: who holds which post in a week, duty hours, leave. No case is opened here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.clock import VIETNAM, local
from casework.errors import NotFound
from casework.people.models import Duty, Leave, Post, Staff, Unit
from casework.people.queries import (
    count_posts,
    duties_between,
    leaves_between,
    members_of,
    posts_of_units,
    staff_of_post,
    unheld_posts,
)
from casework.people.rules import WATCHED_POSTS, Held, Role, held_between
from casework.people.service import end_duty, end_leave, put_on_duty, take_leave
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.guard import record_refused_page
from casework.web.wording import clock_typed, day_typed, moment_text, role_title, weekday
from casework.work import Work

bp = Blueprint("rota", __name__)

PAGE_SIZE = 20
DAYS = 7
MOST_WEEKS = 26  # that a duty may be repeated
MOST_GAPS = 3  # that are named at once
LONGEST_LEAVE = timedelta(days=366)
FAR = timedelta(days=36_500)
FIRST_YEAR, LAST_YEAR = 2000, 2200
TYPED = ("staff", "first-day", "first-time", "last-day", "last-time", "weeks")


@bp.get("/quan-tri/ca-truc")
@open_to(Role.ADMINISTRATOR)
def week() -> ResponseReturnValue:
    words = request.args.get("q", "")[:100]
    with begin() as work:
        monday = _monday(request.args.get("tuan", ""), local(work.now).date())
        total = count_posts(work, words=words)
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(1, request.args.get("trang", 1, type=int)), pages)
        rows = [
            _post_week(work, office, role, monday)
            for office, role in posts_of_units(work, words=words, page=page, size=PAGE_SIZE)
        ]
        unheld = [
            {
                "unit": one.unit.name,
                "post": role_title(one.role),
                "url": url_for("rota.post", unit_id=one.unit.id, role=one.role) if one.ever_held else None,
            }
            for one in unheld_posts(work)
        ]
        today = local(work.now).date()
    return render_template(
        "office/rota.html",
        days=[_head(day, today) for day in _days(monday)],
        rows=rows,
        unheld=unheld,
        words=words,
        page=page,
        pages=pages,
        total=total,
        **_weeks("rota.week", monday, q=words or None),
        url_for_page=lambda n: url_for("rota.week", q=words or None, tuan=monday.isoformat(), trang=n),
    )


@bp.get("/quan-tri/ca-truc/<uuid:unit_id>/<role>")
@open_to(Role.ADMINISTRATOR)
def post(unit_id: UUID, role: str) -> ResponseReturnValue:
    with begin() as work:
        page = _page(work, unit_id, role, {}, {})
    return render_template("office/rota_post.html", **page)


@bp.post("/quan-tri/ca-truc/<uuid:unit_id>/<role>/truc")
@open_to(Role.ADMINISTRATOR)
@step_up
def add_duty(unit_id: UUID, role: str) -> ResponseReturnValue:
    return _add(unit_id, role, "duty", _("Đã ghi vào ca trực."))


@bp.post("/quan-tri/ca-truc/<uuid:unit_id>/<role>/nghi")
@open_to(Role.ADMINISTRATOR)
@step_up
def add_leave(unit_id: UUID, role: str) -> ResponseReturnValue:
    return _add(unit_id, role, "leave", _("Đã ghi ngày nghỉ. Trong thời gian đó vị trí tự chuyển cho người khác."))


@bp.post("/quan-tri/ca-truc/<uuid:unit_id>/<role>/truc/<uuid:row_id>/bo")
@open_to(Role.ADMINISTRATOR)
@step_up
def drop_duty(unit_id: UUID, role: str, row_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        duty = work.session.get(Duty, row_id)
        if duty is None or (duty.unit_id, duty.role) != (unit_id, role):
            raise NotFound
        end_duty(work, duty)
    flash(_("Đã bỏ khỏi ca trực từ lúc này."), "success")
    return redirect(url_for("rota.post", unit_id=unit_id, role=role), code=303)


@bp.post("/quan-tri/ca-truc/<uuid:unit_id>/<role>/nghi/<uuid:row_id>/bo")
@open_to(Role.ADMINISTRATOR)
def drop_leave(unit_id: UUID, role: str, row_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        leave = work.session.get(Leave, row_id)
        own = {one.id for one in staff_of_post(work, unit_id, role)}
        if leave is None or leave.staff_id not in own:
            raise NotFound
        end_leave(work, leave)
    flash(_("Đã bỏ ngày nghỉ từ lúc này."), "success")
    return redirect(url_for("rota.post", unit_id=unit_id, role=role), code=303)


def _add(unit_id: UUID, role: str, kind: str, done: str) -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip()[:40] for name in TYPED}
    with begin() as work:
        read = _read(work, unit_id, role, typed, kind)
        if read.faults:
            named = {f"{kind}-{name}": text for name, text in read.faults.items()}
            page = _page(work, unit_id, role, {f"{kind}-{name}": text for name, text in typed.items()}, named)
        elif read.staff is not None and read.starts_at is not None:
            _write(work, read, kind)
            work.session.flush()
            alone = _unheld_words(work, unit_id, role, read) if kind == "leave" else []
            shown = local(max(read.starts_at, work.now)).date().isoformat()
    if typed["staff"] and read.staff is None:
        record_refused_page()  # somebody who is not of this post: the page offers nobody of the kind
    if read.faults:
        return render_template("office/rota_post.html", **page), 422
    if alone:
        flash(_("Đã ghi ngày nghỉ."), "success")
        flash(" ".join(alone), "warning")
    else:
        flash(done, "success")
    return redirect(url_for("rota.post", unit_id=unit_id, role=role, tuan=shown), code=303)


def _unheld_words(work: Work, unit_id: UUID, role: str, read: _Read) -> list[str]:
    """When nobody is left to hold the post within a leave that was just written down, and where alerts go then."""
    assert read.starts_at is not None and read.ends_at is not None  # noqa: S101  # a leave has both
    held = _held(work, staff_of_post(work, unit_id, role), max(read.starts_at, work.now), read.ends_at)
    gaps = [one for one in held if not one.holders]
    found = [
        _(
            "Từ %(start)s đến %(until)s không ai giữ vị trí này.",
            start=moment_text(one.starts_at),
            until=_until(one.ends_at),
        )
        for one in gaps[:MOST_GAPS]
    ]
    if gaps and role == Role.SUPERVISOR:
        found.append(_("Tin nhắn vẫn gửi tới những người giám sát, dù họ nghỉ. Ghi ca trực cho người khác."))
    elif gaps:
        found.append(_("Tin nhắn trong lúc đó chuyển lên tỉnh. Ghi ca trực cho người khác nếu có."))
    return found


@dataclass
class _Read:
    """A duty or a leave as typed, read; `faults` by box. `starts_at` and `ends_at` in UTC."""

    staff: Staff | None
    starts_at: datetime | None
    ends_at: datetime | None
    weeks: int
    faults: dict[str, str]


def _read(work: Work, unit_id: UUID, role: str, typed: Mapping[str, str], kind: str) -> _Read:
    faults: dict[str, str] = {}
    own = {str(one.id): one for one in staff_of_post(work, unit_id, role)}
    staff = own.get(typed["staff"])
    if staff is None:
        faults["staff"] = _("Chọn người")
    starts_at = _moment(typed["first-day"], typed["first-time"] or "00:00")
    if starts_at is None:
        faults["first-day"] = _("Ghi ngày và giờ bắt đầu")
    ends_at = _end(typed)
    if (kind == "leave" or typed["last-day"]) and ends_at is None:
        faults["last-day"] = _("Ghi ngày và giờ hết")
    if starts_at and ends_at and ends_at <= starts_at:
        faults["last-day"] = _("Hết phải sau bắt đầu")
    elif kind == "leave" and starts_at and ends_at and ends_at - starts_at > LONGEST_LEAVE:
        faults["last-day"] = _("Nghỉ quá một năm thì khóa tài khoản")
    weeks = int(typed["weeks"]) if typed["weeks"].isascii() and typed["weeks"].isdigit() else 1
    if typed["weeks"] and not 1 <= weeks <= MOST_WEEKS:
        faults["weeks"] = _("Từ 1 đến %(most)s tuần", most=MOST_WEEKS)
    elif weeks > 1 and ends_at is None:
        faults["last-day"] = _("Ca trực lặp lại hằng tuần phải có giờ hết")
    if not faults and ends_at and ends_at + timedelta(weeks=weeks - 1 if kind == "duty" else 0) <= work.now:
        faults["last-day"] = _("Khoảng thời gian này đã qua: ca trực không đổi được nữa")
    return _Read(staff, starts_at, ends_at, weeks, faults)


def _end(typed: Mapping[str, str]) -> datetime | None:
    """With no time the last day counts whole."""
    if typed["last-time"]:
        return _moment(typed["last-day"], typed["last-time"])
    midnight = _moment(typed["last-day"], "00:00")
    return midnight + timedelta(days=1) if midnight else None


def _write(work: Work, read: _Read, kind: str) -> None:
    assert read.staff is not None and read.starts_at is not None  # noqa: S101  # `_read` found no fault
    if kind == "leave":
        assert read.ends_at is not None  # noqa: S101
        take_leave(work, read.staff, starts_at=read.starts_at, ends_at=read.ends_at)
        return
    for number in range(read.weeks):
        later = timedelta(weeks=number)
        ends_at = read.ends_at + later if read.ends_at else None
        put_on_duty(work, read.staff, starts_at=read.starts_at + later, ends_at=ends_at)


def _moment(day: str, clock: str) -> datetime | None:
    """What stands in a day's and a time's box, as people here mean it; None for what is neither."""
    read, at = day_typed(day), clock_typed(clock)
    if read is None or at is None or not FIRST_YEAR <= read.year <= LAST_YEAR:
        return None
    return datetime.combine(read, at, VIETNAM).astimezone(UTC)


def _page(work: Work, unit_id: UUID, role: str, typed: Mapping[str, str], faults: Mapping[str, str]) -> dict[str, Any]:
    office = work.session.get(Unit, unit_id)
    if office is None or role not in WATCHED_POSTS:
        raise NotFound
    own = staff_of_post(work, unit_id, role)
    if not own and not any((one.unit.id, one.role) == (unit_id, role) for one in unheld_posts(work)):
        raise NotFound
    monday = _monday(request.args.get("tuan", ""), local(work.now).date())
    start, end = _bounds(monday)
    ids = [one.id for one in own]
    names = {one.id: _name(one) for one in own}
    far = work.now + FAR
    today = local(work.now).date()
    held = _held(work, own, start, end)
    return {
        "unit_id": unit_id,
        "role": role,
        "unit": office.name,
        "post": role_title(role),
        "days": [{**_head(day, today), "parts": _parts(held, day, names)} for day in _days(monday)],
        "staff": [{"id": str(one.id), "title": _name(one)} for one in own],
        "duties": [
            {
                "id": one.id,
                "who": names[one.staff_id],
                "start": moment_text(one.starts_at),
                "until": _until(one.ends_at) or _("chưa định ngày hết"),
            }
            for one in duties_between(work, ids, min(start, work.now), far)
            if (one.unit_id, one.role) == (unit_id, role) and (one.ends_at is None or one.ends_at > work.now)
        ],
        "leaves": [
            {
                "id": one.id,
                "who": names[one.staff_id],
                "start": moment_text(one.starts_at),
                "until": _until(one.ends_at),
            }
            for one in leaves_between(work, ids, work.now, far)
        ],
        "typed": {f"{kind}-{name}": typed.get(f"{kind}-{name}", "") for kind in ("duty", "leave") for name in TYPED},
        "faults": faults,
        "most_weeks": MOST_WEEKS,
        "to_deputy": role == Role.CHAIR,
        **_weeks("rota.post", monday, unit_id=unit_id, role=role),
    }


def _post_week(work: Work, office: Unit, role: str, monday: date) -> dict[str, Any]:
    own = staff_of_post(work, office.id, role)
    names = {one.id: _name(one) for one in own}
    held = _held(work, own, *_bounds(monday))
    return {
        "unit": office.name,
        "post": role_title(role),
        "url": url_for("rota.post", unit_id=office.id, role=role, tuan=monday.isoformat()),
        "days": [_parts(held, day, names) for day in _days(monday)],
    }


def _held(work: Work, own: Sequence[Staff], start: datetime, end: datetime) -> list[Held]:
    return held_between(list(members_of(work, own, since=start, until=end).values()), start, end)


def _parts(held: Sequence[Held], day: date, names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """Who holds the post in the hours of one day: one part where it does not change."""
    start = datetime.combine(day, time.min, VIETNAM)
    end = start + timedelta(days=1)
    found = []
    for one in held:
        first, last = max(one.starts_at, start), min(one.ends_at, end)
        if first < last:
            whole = first <= start and last >= end
            until = "24:00" if last >= end else f"{local(last):%H:%M}"
            found.append(
                {
                    "hours": "" if whole else f"{local(first):%H:%M}–{until}",
                    "who": ", ".join(sorted(names[holder] for holder in one.holders)) or _("không ai, chuyển tỉnh"),
                    "nobody": not one.holders,
                }
            )
    return found


def _head(day: date, today: date) -> dict[str, Any]:
    return {"title": f"{weekday(day)} {day:%d/%m}", "today": day == today}


def _until(moment: datetime | None) -> str:
    """An end at midnight is the end of the day before: nobody who is away until Friday reads "00:00 Saturday"."""
    if moment is None or local(moment).time() != time.min:
        return moment_text(moment)
    day = local(moment).date() - timedelta(days=1)
    return _("hết %(day)s", day=f"{weekday(day)} {day:%d/%m/%Y}")


def _name(staff: Staff) -> str:
    return _("%(who)s (phó)", who=staff.username) if staff.post == Post.DEPUTY else staff.username


def _weeks(endpoint: str, monday: date, **more: Any) -> dict[str, Any]:
    def url(day: date) -> str:
        return url_for(endpoint, tuan=day.isoformat(), **more)

    return {
        "monday": monday.isoformat(),
        "week_title": _(
            "Tuần %(first)s – %(last)s", first=f"{monday:%d/%m}", last=f"{monday + timedelta(days=6):%d/%m/%Y}"
        ),
        "before": url(monday - timedelta(weeks=1)),
        "after": url(monday + timedelta(weeks=1)),
    }


def _monday(typed: str, today: date) -> date:
    """The Monday of the week asked for; of this one where that is no day."""
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        day = today
    day = day if FIRST_YEAR < day.year < LAST_YEAR else today
    return day - timedelta(days=day.weekday())


def _days(monday: date) -> list[date]:
    return [monday + timedelta(days=number) for number in range(DAYS)]


def _bounds(monday: date) -> tuple[datetime, datetime]:
    start = datetime.combine(monday, time.min, VIETNAM)
    return start, start + timedelta(days=DAYS)
