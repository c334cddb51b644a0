"""The office about itself: limits of the law, its own state, its trail. Nothing here opens a case."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from casework.audit.models import AuditEntry
from casework.audit.queries import Filters, last_checkpoint, recent
from casework.audit.service import NAME, record
from casework.audit.tags import Tag
from casework.audit.verifier import Verdict, verify
from casework.clock import VIETNAM, as_seen_by
from casework.db import durability
from casework.law.model import DeadlineRule
from casework.migrate import current_revision, head_revision
from casework.notices.queries import Figures, figures, resting_lines, undelivered
from casework.people.queries import last_beat, unheld_posts
from casework.people.rules import Role
from casework.web.access import open_to
from casework.web.door import begin, the_office
from casework.web.system import system_lines
from casework.web.trailwords import FAULTS, RESULTS, TrailWords
from casework.web.wording import article_name, day_typed, law_text, length_text, moment_text, role_title

bp = Blueprint("office", __name__)

PAGE_SIZE = 50
LAST_PAGE = 1_000_000
MONTH = timedelta(days=30)
BEAT_LATE = timedelta(seconds=60)


@bp.get("/quan-tri/han-luat")
@open_to(Role.ADMINISTRATOR, Role.AUDITOR)
def deadlines() -> ResponseReturnValue:
    law = the_office().law
    rows = [
        {
            "title": law_text(rule.title),
            "length": _length(rule),
            "counts_from": law_text(rule.counts_from),
            "article": article_name(rule.article) + (" · " + _("do phần mềm quy định") if rule.by_product else ""),
            "owner": role_title(rule.owner),
            "escalate": role_title(rule.escalate),
        }
        for rule in law.deadlines.values()
    ]
    columns = [
        {"id": "title", "title": _("Hạn")},
        {"id": "length", "title": _("Thời gian")},
        {"id": "counts_from", "title": _("Tính từ")},
        {"id": "article", "title": _("Căn cứ")},
        {"id": "owner", "title": _("Người phải làm")},
        {"id": "escalate", "title": _("Quá hạn thì báo")},
    ]
    return render_template(
        "office/table.html",
        title=_("Hạn luật định"),
        text=law_text(law.edition.title),
        columns=columns,
        rows=rows,
    )


@bp.get("/quan-tri/tinh-trang")
@open_to(Role.ADMINISTRATOR)
def status() -> ResponseReturnValue:
    office = the_office()
    kept = durability(office.engine)
    found, needed = current_revision(office.engine), head_revision()
    patience = as_seen_by(office.clock, BEAT_LATE)
    with begin() as work:
        beat = last_beat(work)
        failed = undelivered(work)
        resting = resting_lines(work)
        unheld = len(unheld_posts(work))
        checkpoint = last_checkpoint(work)
        alive = beat is not None and work.now - beat <= patience
        lines = [
            _line(_("Cơ sở dữ liệu"), _("đi kèm phần mềm") if office.settings.embedded else _("máy chủ riêng"), True),
            _line(_("Tổng kiểm trang dữ liệu"), _on(kept["data_checksums"]), kept["data_checksums"]),
            _line(_("Ghi hẳn xuống đĩa (fsync)"), _on(kept["fsync"]), kept["fsync"]),
            _line(_("Ghi trọn trang"), _on(kept["full_page_writes"]), kept["full_page_writes"]),
            _line(_("Phiên bản cơ sở dữ liệu"), found or _("chưa có"), found == needed),
            _line(_("Dấu vân tay khóa ký"), office.keys.fingerprint, True),
            _line(_("Tiến trình nhắc hạn"), _beat_words(beat, work.now, alive=alive), alive),
            _line(_("Tin nhắn chưa gửi được"), ngettext("%(num)d tin", "%(num)d tin", failed), failed == 0),
            _line(_("Đường gửi tin nhắn"), _("đang nghỉ sau nhiều lần lỗi") if resting else _("thông"), not resting),
            _line(_("Tin nhắn 30 ngày qua"), _sms_words(figures(work, work.now - MONTH)), True),
            _line(_("Vị trí trực không ai giữ"), ngettext("%(num)d vị trí", "%(num)d vị trí", unheld), unheld == 0),
            _line(
                _("Niêm phong nhật ký gần nhất"),
                _("%(size)d mục, %(when)s", size=checkpoint.size, when=moment_text(checkpoint.at))
                if checkpoint
                else _("chưa có"),
                checkpoint is not None,
            ),
        ]
        lines += system_lines(work, office)
    return render_template("office/status.html", lines=lines)


@bp.get("/quan-tri/nhat-ky")
@open_to(Role.AUDITOR)
def trail() -> ResponseReturnValue:
    page = min(max(1, request.args.get("trang", 1, type=int)), LAST_PAGE)
    chosen = {name: request.args.get(name, "") for name in ("viec", "ket-qua", "ngay")}
    with begin() as work:
        words = TrailWords(work.law, tuple(work.book))
        named = words.tags_named(chosen["viec"])
        filters = _filters(chosen, named)
        used = [name for name in ("tag", "result", "day") if _is_used(filters, name)]
        entries = recent(work, filters, page, PAGE_SIZE)
        record(work, Tag.AUDIT_READ, object_type="trail", fields=used)
    return render_template(
        "office/trail.html",
        rows=[_entry(words, entry) for entry in entries],
        columns=_trail_columns(),
        tags=sorted((words.tag(tag), tag) for tag in words.every_tag()),
        results=RESULTS,
        chosen=chosen,
        unknown_tag=bool(chosen["viec"].strip()) and not named and not entries,
        unread_day=bool(chosen["ngay"]) and _day(chosen["ngay"]) is None,
        newer=_trail_url(chosen, page - 1) if page > 1 else None,
        older=_trail_url(chosen, page + 1) if len(entries) == PAGE_SIZE else None,
        page=page,
    )


@bp.post("/quan-tri/nhat-ky/kiem-chung")
@open_to(Role.AUDITOR)
def check_trail() -> ResponseReturnValue:
    office = the_office()
    with begin() as work:
        verdict = verify(work.session, office.keys, office.settings.anchor_file)
        record(work, Tag.AUDIT_VERIFIED, object_type="trail", fields=sorted({fault.kind for fault in verdict.faults}))
        at = moment_text(work.now)
    return render_template("office/verdict.html", **_verdict(verdict), at=at)


def _length(rule: DeadlineRule) -> str:
    words = {
        "running_minutes": ngettext("%(num)d phút", "%(num)d phút", rule.amount),
        "running_hours": ngettext("%(num)d giờ", "%(num)d giờ", rule.amount),
        "working_hours": ngettext("%(num)d giờ làm việc", "%(num)d giờ làm việc", rule.amount),
        "working_days": ngettext("%(num)d ngày làm việc", "%(num)d ngày làm việc", rule.amount),
        "calendar_days": ngettext("%(num)d ngày", "%(num)d ngày", rule.amount),
        "calendar_months": ngettext("%(num)d tháng", "%(num)d tháng", rule.amount),
    }
    return words[rule.unit]


def _line(title: str, text: str, good: bool) -> dict[str, Any]:
    return {"title": title, "text": text, "good": good}


def _sms_words(found: Figures) -> str:
    cost = ", ".join(f"{amount:.4f} {currency}" for currency, amount in sorted(found.cost.items()))
    words = _(
        "%(messages)s tin, %(tries)s lần gửi, %(segments)s đoạn, %(delivered)s đến máy",
        messages=found.messages,
        tries=found.attempts,
        segments=found.segments,
        delivered=found.delivered,
    )
    return f"{words}, {cost}" if cost else words


def _on(setting: bool) -> str:
    return _("đang bật") if setting else _("đang TẮT")


def _beat_words(beat: datetime | None, now: datetime, *, alive: bool) -> str:
    if beat is None:
        return _("chưa chạy lần nào")
    if alive:
        return _("đang chạy")
    return _("im lặng %(length)s", length=length_text(now - beat))


def _filters(chosen: dict[str, str], named: tuple[str, ...]) -> Filters:
    """`named`: the tags that are meant."""
    day = _day(chosen["ngay"])
    since = datetime.combine(day, time.min, VIETNAM) if day else None
    return Filters(
        tags=named or _unlisted(chosen["viec"].strip()),
        result=chosen["ket-qua"] if chosen["ket-qua"] in ("done", "refused") else None,
        since=since,
        until=since + timedelta(days=1) if since else None,
    )


def _unlisted(typed: str) -> tuple[str, ...]:
    """A tag that no list names is looked for as it stands: the trail is older than the lists. "" is nobody's tag."""
    return (typed if NAME.fullmatch(typed) else "",) if typed else ()


def _day(typed: str) -> date | None:
    day = day_typed(typed)
    return day if day is not None and 2000 <= day.year <= 2200 else None


def _is_used(filters: Filters, name: str) -> bool:
    return bool({"tag": filters.tags, "result": filters.result, "day": filters.since}[name])


def _trail_url(chosen: dict[str, str], page: int) -> str:
    query: dict[str, Any] = {name: value for name, value in chosen.items() if value}
    return url_for("office.trail", **query, trang=page)


def _trail_columns() -> list[dict[str, str]]:
    return [
        {"id": "seq", "title": _("Số")},
        {"id": "at", "title": _("Lúc")},
        {"id": "role", "title": _("Ai")},
        {"id": "tag", "title": _("Việc")},
        {"id": "object", "title": _("Đối tượng")},
        {"id": "fields", "title": _("Mục")},
        {"id": "result", "title": _("Kết quả")},
    ]


def _entry(words: TrailWords, entry: AuditEntry) -> dict[str, Any]:
    """Opaque ids and names of fields: the trail says who did what, never about whom. Each word as it is called and, for
    who quotes it, as it is stored."""
    ids = [f"{name} {str(one)[:8]}" for name, one in (("", entry.object_id), (_("ca"), entry.case_id)) if one]
    kind = entry.object_type
    return {
        "seq": entry.seq,
        "at": moment_text(entry.at),
        "role": f"{role_title(entry.actor_role)} {str(entry.actor_id)[:8] if entry.actor_id else ''}".strip(),
        "tag": (words.tag(entry.tag, kind), entry.tag),
        "object": (words.object(entry.tag, kind), kind) if kind else None,
        "ids": [one.strip() for one in ids],
        "fields": [(words.field(entry.tag, name), name) for name in json.loads(entry.fields)],
        "result": (RESULTS[entry.result], entry.result),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "entries": verdict.entries,
        "checkpoints": verdict.checkpoints,
        "faults": [
            {"kind": FAULTS[fault.kind], "first": fault.first_seq, "last": fault.last_seq, "text": fault.text}
            for fault in verdict.faults
        ],
    }
