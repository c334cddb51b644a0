"""More of the office about itself, for its administrator: keys by name and age, the legal data in force, blocked accounts, disk.

Key material is never read here: names, counts and days only.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from casework.bootstrap import Office
from casework.errors import NotFound
from casework.law.model import Law
from casework.people.models import Staff, Unit
from casework.people.rules import Role
from casework.people.throttle import guessed_at, limits, open_again
from casework.vault.cabinet import KekUse
from casework.web.access import open_to
from casework.web.door import begin, the_office, the_viewer
from casework.web.factors import step_up
from casework.web.wording import day_text, law_text, moment_text, short_moment
from casework.work import Work

bp = Blueprint("system", __name__)

GIBIBYTE = 1024**3
LEAST_FREE = 2 * GIBIBYTE  # of the disk that the trail's anchor and an embedded database stand on
KEY_YEAR = timedelta(days=365)  # a wrapping key older than this should be changed


def system_lines(work: Work, office: Office) -> list[dict[str, Any]]:
    """Lines for the page of the office's state: .title, .text, .good, and .url where there is more to see."""
    free = shutil.disk_usage(office.settings.data_dir).free
    missing = work.cabinet.keys_missing()
    active = next((one for one in work.cabinet.keks_in_use() if one.active), None)
    aged = active is not None and work.now - active.first_at > KEY_YEAR
    blocked = sum(one.closed for one in guessed_at(work))
    return [
        _line(_("Chỗ trống trên đĩa"), f"{free / GIBIBYTE:.1f} GiB".replace(".", ","), free >= LEAST_FREE),
        _line(
            _("Khóa mã hóa"),
            _("thiếu %(count)s khóa trong tệp khóa", count=len(missing))
            if missing
            else _("đủ, khóa đang dùng đã quá một năm")
            if aged
            else _("đủ"),
            not missing and not aged,
            url_for("system.keys"),
        ),
        _line(
            _("Tài khoản bị chặn vì thử sai mật khẩu"),
            ngettext("%(num)d tài khoản", "%(num)d tài khoản", blocked),
            blocked == 0,
            url_for("system.blocked"),
        ),
        _line(_("Dữ liệu pháp lý"), law_text(office.law.edition.title), True, url_for("system.legal_data")),
        _line(_("Sao lưu"), _("phần mềm chưa tự sao lưu: người vận hành máy chủ lo"), True),
    ]


@bp.get("/quan-tri/khoa")
@open_to(Role.ADMINISTRATOR)
def keys() -> ResponseReturnValue:
    office = the_office()
    with begin() as work:
        missing = sorted(work.cabinet.keys_missing())
        rows = [_key_row(work, one) for one in work.cabinet.keks_in_use()]
    columns = [
        {"id": "id", "title": _("Khóa")},
        {"id": "state", "title": _("Tình trạng")},
        {"id": "scopes", "title": _("Số phạm vi đang giữ")},
        {"id": "first", "title": _("Dùng lần đầu")},
        {"id": "last", "title": _("Dùng gần nhất")},
    ]
    return render_template(
        "office/keys.html",
        rows=rows,
        columns=columns,
        missing=missing,
        fingerprint=office.keys.fingerprint,
        public_key=office.keys.public_key_hex,
    )


@bp.get("/quan-tri/phap-ly")
@open_to(Role.ADMINISTRATOR, Role.AUDITOR)
def legal_data() -> ResponseReturnValue:
    """Which editions and provinces' limits the office runs on. Read here; corrected in files, and checked at the start."""
    office = the_office()
    now = office.law.key
    return render_template(
        "office/legal_data.html",
        editions=[_edition(law, current=law.key == now) for law in office.book],
        own=office.settings.law_dir is not None,
    )


@bp.get("/quan-tri/bi-chan")
@open_to(Role.ADMINISTRATOR, Role.SUPERVISOR)
def blocked() -> ResponseReturnValue:
    with begin() as work:
        rows = [
            {
                "id": one.staff.id,
                "username": one.staff.username,
                "unit": work.session.get_one(Unit, one.staff.unit_id).name,
                "guesses": one.guesses,
                "latest": short_moment(one.latest),
                "closed": one.closed,
            }
            for one in guessed_at(work, province_id=_province(work))
        ]
    return render_template("office/blocked.html", rows=rows, most=limits().most)


@bp.post("/quan-tri/bi-chan/<uuid:staff_id>/mo")
@open_to(Role.ADMINISTRATOR, Role.SUPERVISOR)
@step_up
def reopen(staff_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        staff = work.session.get(Staff, staff_id)
        if staff is None or staff.id not in {one.staff.id for one in guessed_at(work, province_id=_province(work))}:
            raise NotFound
        open_again(work, staff)
        username = staff.username
    flash(_("Đã mở lại đăng nhập bằng mật khẩu cho %(username)s.", username=username), "success")
    return redirect(url_for("system.blocked"), code=303)


def _province(work: Work) -> UUID | None:
    """The actor's province; None for a national administrator, who looks after all."""
    actor = the_viewer().actor
    home = work.session.get(Unit, actor.unit_id) if actor.unit_id else None
    return None if home is not None and home.kind == "national" else actor.province_id


def _line(title: str, text: str, good: bool, url: str | None = None) -> dict[str, Any]:
    return {"title": title, "text": text, "good": good, "url": url}


def _key_row(work: Work, one: KekUse) -> dict[str, str]:
    days = (work.now - one.first_at).days
    age = ngettext("%(num)d ngày", "%(num)d ngày", days)
    state = _("đang dùng") if one.active else _("cũ, còn để đọc")
    if one.active and work.now - one.first_at > KEY_YEAR:
        state = _("đang dùng, nên thay: đã quá một năm")
    return {
        "id": one.kek_id,
        "state": state,
        "scopes": str(one.scopes),
        "first": f"{moment_text(one.first_at)} ({age})",
        "last": moment_text(one.last_at),
    }


def _edition(law: Law, *, current: bool) -> dict[str, Any]:
    overlay = law.overlay
    own = [rule for rule in law.deadlines.values() if rule.by_product]
    return {
        "key": law.key,
        "title": law_text(overlay.title if overlay else law.edition.title),
        "since": day_text(overlay.in_force if overlay else law.edition.in_force),
        "source": overlay.source if overlay else law.edition.source,
        "note": "" if overlay else law_text(law.edition.note),
        "province": overlay.province if overlay else "",
        "current": current,
        "counts": _(
            "%(states)s trạng thái, %(actions)s bước, %(forms)s mẫu, %(deadlines)s hạn (%(own)s do phần mềm quy định)",
            states=len(law.states),
            actions=len(law.actions),
            forms=len(law.forms),
            deadlines=len(law.deadlines),
            own=len(own),
        ),
    }
