"""The notice centre: what one was called for and told, who has answered, what did not get through; and the calendar feed.

What is seen here needs no SMS. "I take it" is said here and nowhere else: no receipt of a provider stops a ladder.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from casework.audit.tags import Tag
from casework.deadlines.climbing import OpenAlarm, alarms_for, limits_of_post, untaken_in_province
from casework.deadlines.queries import read_clock
from casework.errors import Invalid
from casework.notices import alarms, feed
from casework.notices.alarms import Called, calls_of
from casework.notices.devices import allow_device, devices_of, remove_device
from casework.notices.models import Channel, Delivery, Notice, Wish
from casework.notices.optout import SilentPost, answers_since, silent_posts
from casework.notices.push import PushSender
from casework.notices.queries import (
    Month,
    Standing,
    by_month,
    resting_lines,
    stopped_phones,
    to_staff,
)
from casework.notices.rules import word
from casework.notices.service import mark_seen, stopped_since
from casework.people.agents import family_of
from casework.people.models import Staff, Unit
from casework.people.queries import units_by_id
from casework.people.rules import COMMUNE_ROLES, Role
from casework.people.service import person_of, set_mail
from casework.web import wording
from casework.web.access import in_background, open_to, open_to_all, open_to_staff
from casework.web.door import WATCHERS, Viewer, begin, news_of, the_news, the_office, the_viewer
from casework.web.factors import step_up
from casework.web.mysessions import agent_words
from casework.web.trailwords import RUNGS, tag_title
from casework.work import SYSTEM, Work

bp = Blueprint("notices", __name__)

SHOWN = 20
YEAR = timedelta(days=366)
MAIL = re.compile(r"[^@\s<>,;:\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
LONGEST_MAIL = 254  # characters (RFC 5321, 4.5.3.1.3)
ALARM_TAGS = (Tag.ALARM_CALLED, Tag.ALARM_RECEIVED, Tag.ALARM_TAKEN)
CASE_PAGES = (*COMMUNE_ROLES, Role.SUPERVISOR)
WORK_PAGES = {
    Role.HOTLINE: "operator.queue",
    Role.POLICE: "liaison.listing",
    Role.HEALTH: "liaison.listing",
    Role.COLLABORATOR: "report.mine",
}


@bp.get("/thong-bao")
@open_to_staff
def centre() -> ResponseReturnValue:
    viewer = the_viewer()
    staff_id = _staff_id(viewer)
    with begin() as work:
        mine = alarms_for(work, staff_id)
        others = _others(work, viewer, mine)
        link = feed.link_of(work, staff_id)
        staff = work.session.get_one(Staff, staff_id)
        stopped = stopped_since(work, staff)
        page = {
            "stopped": wording.moment_text(stopped) if stopped else None,
            "sender": _sender_number(),
            "silent": [_silent_row(one) for one in _silent(work, viewer)],
            "devices": [
                {"id": one.id, "label": agent_words(one.label), "since": wording.moment_text(one.since)}
                for one in devices_of(work, staff_id)
            ],
            "push_key": push.public_key if (push := _push()) else None,
            "mail": person_of(work, staff).get("mail") or "",
            "sends_mail": Channel.MAIL in the_office().channels,
            "calls": Channel.VOICE in the_office().channels,
            "count": news_of(work, viewer),
            "mine": _alarm_rows(work, mine, staff_id),
            "others": _alarm_rows(work, others, staff_id),
            "told": [_told(one, viewer) for one in to_staff(work, staff_id, limit=SHOWN)],
            "feed": f"{the_office().settings.public_url}{url_for('notices.calendar')}?k={link}" if link else None,
        }
    return render_template("notices/centre.html", **page)


@bp.post("/thong-bao/<uuid:alarm_id>/da-nhan")
@open_to_staff
def receive(alarm_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        code = alarms.receive(work, alarm_id, _staff_id(the_viewer())).case_code
    flash(
        _(
            "Đã ghi là anh/chị nhận được báo động của ca %(code)s. Chưa ai nhận việc thì vẫn báo lên cấp trên.",
            code=code,
        )
    )
    return redirect(url_for("notices.centre"), code=303)


@bp.post("/thong-bao/<uuid:alarm_id>/nhan-viec")
@open_to_staff
def take(alarm_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        code = alarms.take(work, alarm_id, _staff_id(the_viewer())).case_code
    flash(_("Anh/chị đã nhận việc của ca %(code)s. Hạn vẫn chạy cho đến khi việc được làm.", code=code), "success")
    return redirect(url_for("notices.centre"), code=303)


@bp.post("/thong-bao/da-xem")
@open_to_staff
def seen() -> ResponseReturnValue:
    with begin() as work:
        mark_seen(work, _staff_id(the_viewer()))
    return redirect(url_for("notices.centre"), code=303)


@bp.get("/thong-bao/moi.json")
@open_to_staff
@in_background
def news() -> ResponseReturnValue:
    """What the header shows. Asked again and again by open pages: a few counts, and 304 while nothing has changed. Keeps no
    session alive."""
    with begin() as work:
        now = news_of(work, the_viewer())
    tag = hashlib.sha256(repr(now).encode()).hexdigest()[:16]
    if request.if_none_match.contains(tag):
        answer = Response(status=304)
    else:
        answer = jsonify(unseen=now.unseen, undelivered=now.undelivered, banner=_banner(now, the_viewer()))
    answer.set_etag(tag)
    return answer


# ---------------------------------------------------------------- the other channels


@bp.post("/thong-bao/thiet-bi")
@open_to_staff
def allow() -> ResponseReturnValue:
    """This browser may ring; what the browser made is passed on by the page's own script."""
    sender = _push()
    if sender is None:
        abort(404)
    given = {name: request.form.get(name, "") for name in ("endpoint", "p256dh", "auth")}
    agent = family_of(request.headers.get("User-Agent", ""))
    try:
        with begin() as work:
            allow_device(work, _staff_id(the_viewer()), given, agent, sender=sender)
    except Invalid:
        flash(_("Trình duyệt này không dùng được để báo: dịch vụ đẩy tin của nó chưa được chấp nhận."), "error")
        return redirect(url_for("notices.centre", _anchor="kenh"), code=303)
    flash(_("Đã cho phép thiết bị này báo. Tin chỉ ghi mã ca và thời gian còn lại."), "success")
    return redirect(url_for("notices.centre", _anchor="kenh"), code=303)


@bp.post("/thong-bao/thiet-bi/<uuid:device_id>/go")
@open_to_staff
@step_up
def disallow(device_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        remove_device(work, _staff_id(the_viewer()), device_id)
    flash(_("Đã gỡ thiết bị. Nó không còn báo nữa."))
    return redirect(url_for("notices.centre", _anchor="kenh"), code=303)


@bp.post("/thong-bao/thu")
@open_to_staff
@step_up
def mail() -> ResponseReturnValue:
    typed = request.form.get("mail", "").strip()
    if typed and (len(typed) > LONGEST_MAIL or not MAIL.fullmatch(typed)):
        flash(_("Địa chỉ thư không đúng. Chưa đổi gì."), "error")
        return redirect(url_for("notices.centre", _anchor="kenh"), code=303)
    with begin() as work:
        set_mail(work, work.session.get_one(Staff, _staff_id(the_viewer())), typed or None)
    flash(_("Đã lưu địa chỉ thư.") if typed else _("Đã bỏ địa chỉ thư."), "success")
    return redirect(url_for("notices.centre", _anchor="kenh"), code=303)


@bp.get("/quan-tri/tin-nhan")
@open_to(Role.ADMINISTRATOR)
def messages() -> ResponseReturnValue:
    """Numbers only: how much was sent by which provider, and what it cost."""
    with begin() as work:
        rows = [_month_row(one) for one in by_month(work, work.now - YEAR)]
        stopped, resting = stopped_phones(work), resting_lines(work)
        silent, answers = silent_posts(work), answers_since(work, work.now - YEAR)
    columns = [
        {"id": "month", "title": _("Tháng")},
        {"id": "provider", "title": _("Nhà cung cấp")},
        {"id": "tries", "title": _("Lần gửi")},
        {"id": "delivered", "title": _("Đến máy")},
        {"id": "failed", "title": _("Không đến")},
        {"id": "segments", "title": _("Đoạn SMS")},
        {"id": "cost", "title": _("Chi phí")},
    ]
    text = " ".join(
        (
            _(
                "%(stopped)s số đã từ chối nhận tin nhắn. Đường đang nghỉ: %(resting)s.",
                stopped=stopped,
                resting=", ".join(resting) or _("không có"),
            ),
            _(
                "%(holders)s người ở các vị trí được báo đã từ chối, trong đó %(on_duty)s người đang trực; tin khẩn cho họ đi"
                " bằng cách khác.",
                holders=len(silent),
                on_duty=sum(one.on_duty for one in silent),
            ),
            _(
                "12 tháng qua có %(count)s tin trả lời không phải từ chối hay nhận lại; phần mềm không giữ nội dung.",
                count=answers[Wish.OTHER],
            ),
        )
    )
    return render_template("office/table.html", title=_("Tin nhắn theo tháng"), text=text, columns=columns, rows=rows)


def _month_row(one: Month) -> dict[str, Any]:
    cost = ", ".join(f"{amount:.4f} {currency}" for currency, amount in sorted(one.cost.items()))
    unpriced = _("%(count)s chưa có giá", count=one.unpriced) if one.unpriced else ""
    year, _dash, month = one.month.partition("-")
    return {
        "month": f"{month}/{year}",
        "provider": one.provider,
        "tries": one.tries,
        "delivered": one.delivered,
        "failed": one.failed,
        "segments": one.segments,
        "cost": " · ".join(part for part in (cost, unpriced) if part),
    }


def _push() -> PushSender | None:
    sender = the_office().channels.get(Channel.PUSH)
    return sender if isinstance(sender, PushSender) else None


# ---------------------------------------------------------------- the calendar feed


@bp.post("/thong-bao/lich")
@open_to_staff
def make_feed() -> ResponseReturnValue:
    with begin() as work:
        feed.make_link(work, _staff_id(the_viewer()))
    flash(_("Đã tạo địa chỉ lịch mới. Địa chỉ cũ không còn dùng được."), "success")
    return redirect(url_for("notices.centre", _anchor="lich"), code=303)


@bp.post("/thong-bao/lich/thu-hoi")
@open_to_staff
def revoke_feed() -> ResponseReturnValue:
    with begin() as work:
        feed.revoke_links(work, _staff_id(the_viewer()))
    flash(_("Đã thu hồi địa chỉ lịch."))
    return redirect(url_for("notices.centre", _anchor="lich"), code=303)


@bp.get("/lich.ics")
@open_to_all
def calendar() -> Response:
    """Codes and moments only, for whoever holds the secret address: a calendar program signs in nowhere."""
    with the_office().begin(SYSTEM) as work:
        staff = feed.owner_of(work, request.args.get("k", ""))
        if staff is None:
            abort(404)
        limits = limits_of_post(work, staff)
        text = feed.calendar_text([(one.clock_id, one.code, one.due_at) for one in limits], work.now)
    return Response(text, mimetype="text/calendar")


# ---------------------------------------------------------------- the header of every page


def header(viewer: Viewer | None) -> dict[str, Any] | None:
    """Counts for the frame, or None for who is not signed in or while the database cannot be asked."""
    if viewer is None:
        return None
    try:
        now = the_news(viewer)
    except SQLAlchemyError:
        return None  # the page that says what is wrong must still be drawn
    return {"unseen": now.unseen, "banner": _banner(now, viewer)}


def _banner(now: Standing, viewer: Viewer) -> str | None:
    """Clocks that have fallen silent weigh more than a message that did not arrive; who can mend it is told."""
    if now.asleep and viewer.role in WATCHERS:
        return _("Phần nhắc hạn đang im lặng: không hạn nào được nhắc. Người quản trị cần xem ngay.")
    return banner(now.undelivered)


def banner(undelivered: int) -> str | None:
    if undelivered == 0:
        return None
    return _(
        "%(count)s tin nhắc chưa đến được máy người nhận. Hãy mở mục Thông báo và gọi điện nếu gấp.", count=undelivered
    )


def _staff_id(viewer: Viewer) -> UUID:
    if viewer.actor.id is None:
        raise LookupError("a viewer without an account")
    return viewer.actor.id


# ---------------------------------------------------------------- rows


def _silent(work: Work, viewer: Viewer) -> list[SilentPost]:
    """Posts of a supervisor's province that no SMS wakes."""
    return silent_posts(work, viewer.actor.unit_id) if viewer.role == Role.SUPERVISOR else []


def _silent_row(one: SilentPost) -> dict[str, Any]:
    return {
        "title": wording.role_title(one.role),
        "unit": one.unit.name,
        "since": wording.moment_text(one.since),
        "on_duty": one.on_duty,
    }


def _sender_number() -> str | None:
    """The number that SMS come from and that can be answered; a name or a group of numbers cannot be named here."""
    settings = the_office().settings
    sender = settings.twilio_from if settings.sms == "twilio" else ""
    return sender if sender.startswith("+") else None


def _others(work: Work, viewer: Viewer, mine: Sequence[OpenAlarm]) -> list[OpenAlarm]:
    """What a supervisor was not called for yet, and nobody has taken."""
    if viewer.role != Role.SUPERVISOR or viewer.actor.unit_id is None:
        return []
    known = {one.alarm.id for one in mine}
    return [one for one in untaken_in_province(work, viewer.actor.unit_id) if one.alarm.id not in known]


def _alarm_rows(work: Work, found: Sequence[OpenAlarm], staff_id: UUID) -> list[dict[str, Any]]:
    calls = calls_of(work, [one.alarm.id for one in found])
    units = units_by_id(
        work, [one.clock.owner_unit_id for one in found] + [call.unit_id for many in calls.values() for call in many]
    )
    return [_alarm(work, one, calls.get(one.alarm.id, []), units, staff_id) for one in found]


def _alarm(
    work: Work, one: OpenAlarm, calls: Sequence[Called], units: dict[UUID, Unit], staff_id: UUID
) -> dict[str, Any]:
    reading = read_clock(work, one.clock)
    mine = [call for call in calls if call.staff_id == staff_id]
    taken = one.alarm.taken_at is not None and (one.alarm.taken_at >= one.clock.due_at or work.now < one.clock.due_at)
    return {
        "id": one.alarm.id,
        "code": one.alarm.case_code,
        "title": wording.law_text(reading.rule.title),
        "unit": units[one.clock.owner_unit_id].name,
        "url": _case_url(one.alarm.case_code, work.actor.role),
        "clock": wording.clock_chip(reading),
        "taken": taken,
        "may_answer": bool(mine) and not taken,
        "may_receive": any(call.answer == "silent" for call in mine),
        "safe": word("safe-message", code=one.alarm.case_code, due_at=one.clock.due_at),
        "calls": [
            {
                "who": wording.role_title(call.role),
                "unit": units[call.unit_id].name,
                "at": wording.short_moment(call.at),
                "answer": call.answer,
                "words": _answer_words(call.answer),
            }
            for call in calls
        ],
    }


def alarm_words(tag: str, who: str, title: str) -> str:
    """How a case's timeline tells of its ladder. `who`: the rung called, as the trail keeps it (a JSON list)."""
    if tag != Tag.ALARM_CALLED:
        return tag_title(tag)
    called = next((str(text) for rung, text in RUNGS.items() if rung in json.loads(who or "[]")), "")
    return _("Chưa ai nhận việc, gọi %(who)s: %(title)s", who=called, title=title)


def _answer_words(answer: str) -> str:
    return {"taken": _("đã nhận việc"), "received": _("đã nhận tin"), "silent": _("im lặng")}[answer]


def _told(notice: Notice, viewer: Viewer) -> dict[str, Any]:
    return {
        "body": notice.body,
        "at": wording.short_moment(notice.created_at),
        "new": notice.seen_at is None,
        "url": _case_url(notice.case_code, viewer.role) if notice.case_code else _work_url(viewer.role),
        "state": notice.state,
        "words": _state_words(notice),
    }


def _state_words(notice: Notice) -> str:
    if notice.state == Delivery.READY and notice.attempts == 0:
        return _("chờ đến sáng") if notice.held else _("chờ gửi")
    return {
        Delivery.READY: _("đang gửi lại"),
        Delivery.SENDING: _("đang gửi"),
        Delivery.UNKNOWN: _("chưa rõ đã gửi được chưa"),
        Delivery.ACCEPTED: _("đã gửi"),
        Delivery.DELIVERED: _("đã đến máy"),
        Delivery.FAILED: _("không gửi được"),
        Delivery.KEPT: _("chỉ hiện ở đây"),
    }[Delivery(notice.state)]


def _case_url(code: str, role: str) -> str | None:
    return url_for("cases.home", code=code) if role in CASE_PAGES else _work_url(role)


def _work_url(role: str) -> str | None:
    endpoint = WORK_PAGES.get(Role(role))
    return url_for(endpoint) if endpoint else None
