"""Staff and contacts out of a file, on the administrator's pages: first what it would do and every fault, then just that.

Between the two the file is kept as the person's own sealed draft. What is applied is what was shown: the plan is made anew in the
transaction that writes it, and refused where it is another by then. Units stay with the command: whoever moves a commune to
another province decides who sees its cases, and an administrator opens none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.exc import IntegrityError

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.drafts import drop_draft, find_draft, read_draft, save_draft, take_draft
from casework.errors import Stale
from casework.people.contacts import CONTACT_COLUMNS, ContactPlan, apply_contacts, count_contacts, plan_contacts
from casework.people.imports import STAFF_COLUMNS, StaffPlan, StaffRow, apply_staff, plan_staff
from casework.people.models import Post
from casework.people.passwords import first_password_lasts
from casework.people.queries import count_staff, staff_named, units_by_id
from casework.people.rules import Role
from casework.people.service import new_password
from casework.people.sheets import MAX_BYTES, MAX_ROWS, Columns, SheetFault, read_table, write_csv, write_excel
from casework.web.access import open_to
from casework.web.contacts import body_title
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.papers import file_answer
from casework.web.uploads import MEBIBYTE, takes_files
from casework.web.wording import day_text, language, moment_text, post_title, role_title
from casework.work import Work

bp = Blueprint("imports", __name__)

BODY_LIMIT = MAX_BYTES + 2 * MEBIBYTE  # so that a file somewhat too large is refused beside its own box
MOST_NEW = 100  # accounts at a time: each password takes a quarter of a second to hash, and a page is waited for
SHOWN_FAULTS = 500
SHOWN_ROWS = 200  # of each kind of change
LONGEST_NAME = 100
NOT_THEIRS = ("own-account", "last-administrator")  # faults that tell of an act which is refused on the other pages
CSV_TYPE = "text/csv; charset=utf-8"
EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FAULTS = {
    "no-table": _l("Chỉ nhận tệp .xlsx hoặc .csv. Trong Excel: Lưu thành, chọn “Excel Workbook (.xlsx)”."),
    "old-excel": _l("Tệp Excel kiểu cũ (.xls) hoặc có mật khẩu. Mở bằng Excel, bỏ mật khẩu, Lưu thành “Excel Workbook (.xlsx)”."),
    "file-too-large": _l("Tệp lớn hơn %(most)s MB. Chia thành nhiều tệp."),
    "file-empty": _l("Tệp trống. Dòng đầu phải là tên cột: xem tệp mẫu."),
    "too-many-rows": _l("Quá %(most)s dòng. Chia thành nhiều tệp."),
    "too-many-cells": _l("Dòng có %(cells)s ô mà chỉ có %(headers)s tên cột: xóa ô thừa."),
    "column-unknown": _l("Không có cột này. Các cột: %(columns)s."),
    "column-twice": _l("Cột này có hai lần: giữ một."),
    "column-missing": _l("Thiếu cột này."),
    "example-row": _l("Dòng ví dụ của tệp mẫu: xóa dòng này."),
    "formula": _l("Là công thức: dán giá trị thay cho công thức."),
    "zeros-lost": _l("Excel giữ ô này là số nên mất số 0 ở đầu: định dạng cột là Văn bản (Text) rồi gõ lại."),
    "too-long": _l("Dài quá %(most)s ký tự."),
    "unseen-character": _l("Có ký tự không nhìn thấy được: xóa ô rồi gõ lại."),
    "not-utf-8": _l("Không đọc được chữ Việt. Trong Excel: Lưu thành, chọn “CSV UTF-8” hoặc .xlsx."),
    "not-csv": _l("Không đọc được từ dòng này. Lưu lại thành “CSV UTF-8” hoặc .xlsx."),
    "not-excel": _l("Không đọc được tệp Excel này. Lưu lại thành .xlsx hoặc “CSV UTF-8”."),
    "unfolds-too-large": _l("Tệp Excel này quá lớn khi mở ra. Chỉ giữ bảng cần nhập, xóa hình và trang khác."),
    "empty": _l("Ô trống: cần ghi."),
    "not-one-of": _l("Ghi một trong: %(choices)s."),
    "no-unit": _l("Hôm nay không có đơn vị %(code)s."),
    "no-place": _l("Hôm nay không có xã, tỉnh hoặc tổng đài %(code)s."),
    "ended": _l("%(name)s đã hết hiệu lực ngày %(day)s."),
    "ended-and-is": _l("%(name)s đã hết hiệu lực ngày %(day)s; nay là %(now)s."),
    "ended-and-split": _l("%(name)s đã hết hiệu lực ngày %(day)s; ghi rõ nay là nơi nào: %(now)s."),
    "other-unit": _l("%(code)s không phải đơn vị của vai trò “%(role)s”."),
    "post-of-chair": _l("Chức vụ chỉ ghi cho vai trò chủ tịch."),
    "not-a-username": _l("Từ 2 đến 40 ký tự: chữ thường không dấu, số, dấu chấm hoặc gạch."),
    "not-a-phone": _l("Không phải số điện thoại: bắt đầu bằng 0 hoặc +84."),
    "not-a-contact-phone": _l("Không phải số điện thoại: 0…, +84…, 111 hoặc 1800…"),
    "account-twice": _l("Tên đăng nhập này có hai lần trong tệp."),
    "account-closed": _l("Tài khoản này đã khóa: chọn tên khác."),
    "own-account": _l("Không tự đổi tài khoản của chính mình. Nhờ một người quản trị khác."),
    "last-administrator": _l("Đây là tài khoản quản trị cuối cùng: mở tài khoản quản trị khác trước."),
    "contact-twice": _l("Đã có ở dòng %(first)s."),
}  # fmt: skip
CHOICES = {
    "role": _l("cán bộ bảo vệ trẻ em, chủ tịch, cộng tác viên, giám sát, công an, y tế, tổng đài, quản trị, kiểm tra"),
    "post": _l("chủ tịch, phó chủ tịch"),
    "body": _l("công an, y tế, trường học, công tác xã hội, tổng đài, khác"),
}
OPTIONAL = _l("để trống được")


@dataclass(frozen=True)
class List:
    """One of the lists that a file fills. `hints`: what stands in a column, by its name; `examples`: of the template."""

    id: str
    columns: Columns
    file_name: str
    hints: dict[str, Any]
    examples: Sequence[Sequence[str]]

    @property
    def draft(self) -> str:
        return f"import:{self.id}"

    def url(self, act: str = "") -> str:
        return url_for(f"imports.{act}_{self.id}" if act else f"imports.{self.id}")


Plan = StaffPlan | ContactPlan
STAFF = List(
    "staff",
    STAFF_COLUMNS,
    "mau-tai-khoan",
    {
        "username": FAULTS["not-a-username"],
        "role": CHOICES["role"],
        "post": CHOICES["post"],
        "unit": _l("mã đơn vị, như ở trang “Đơn vị”"),
        "phone": _l("số nhận tin nhắn, bắt đầu bằng 0 hoặc +84"),
        "hamlet": _l("chỉ cộng tác viên"),
    },
    (
        ("can-bo-1", "VÍ DỤ: Nguyễn Thị Ví", "Cán bộ bảo vệ trẻ em", "", "00001", "0900 000 001", ""),
        ("pho-chu-tich-1", "VÍ DỤ: Trần Văn Dụ", "Chủ tịch", "Phó chủ tịch", "00001", "0900 000 002", ""),
    ),
)
CONTACTS = List(
    "contacts",
    CONTACT_COLUMNS,
    "mau-danh-ba",
    {
        "unit": _l("mã xã, mã tỉnh hoặc mã tổng đài"),
        "body": CHOICES["body"],
        "phone": _l("0…, +84…, 111 hoặc 1800…"),
        "hours": _l("ví dụ 24/24"),
    },
    (
        ("00001", "Công an", "Trực ban công an xã", "VÍ DỤ: Lê Văn Ví", "0900 000 003", "24/24"),
        ("00001", "Y tế", "Trưởng trạm y tế", "VÍ DỤ: Phạm Thị Dụ", "0900 000 004", "7:30–17:00"),
    ),
)


# ---------------------------------------------------------------- staff


@bp.get("/quan-tri/tai-khoan/nhap")
@open_to(Role.ADMINISTRATOR)
def staff() -> ResponseReturnValue:
    return _show(STAFF)


@bp.post("/quan-tri/tai-khoan/nhap")
@open_to(Role.ADMINISTRATOR)
@takes_files(BODY_LIMIT)
def check_staff() -> ResponseReturnValue:
    return _check(STAFF)


@bp.post("/quan-tri/tai-khoan/nhap/bo")
@open_to(Role.ADMINISTRATOR)
def drop_staff() -> ResponseReturnValue:
    return _drop(STAFF)


@bp.get("/quan-tri/tai-khoan/nhap/mau.<any(csv, xlsx):ending>")
@open_to(Role.ADMINISTRATOR)
def template_staff(ending: str) -> ResponseReturnValue:
    return _template(STAFF, ending)


@bp.post("/quan-tri/tai-khoan/nhap/ap-dung")
@open_to(Role.ADMINISTRATOR)
@step_up
def apply_to_staff() -> ResponseReturnValue:
    try:
        with begin() as work:
            plan = _plan_as_seen(work, STAFF)
            if not isinstance(plan, StaffPlan) or len(plan.added) > MOST_NEW:
                raise Stale
            given = apply_staff(work, plan, password=new_password)
            told = [_told(work, one, given[one.username]) for one in plan.added]
            until = moment_text(work.now + first_password_lasts())
    except (Stale, IntegrityError):
        return _changed_meanwhile(STAFF)
    if not told:
        flash(_done(plan), "success")
        return redirect(url_for("accounts.listing"), code=303)
    # Told in this very answer: a redirect would have to carry the passwords somewhere.
    waits = any(one["waits"] for one in told)
    return render_template("office/passwords.html", done=_done(plan), told=told, until=until, waits=waits)


# ---------------------------------------------------------------- contacts


@bp.get("/quan-tri/danh-ba")
@open_to(Role.ADMINISTRATOR)
def contacts() -> ResponseReturnValue:
    return _show(CONTACTS)


@bp.post("/quan-tri/danh-ba")
@open_to(Role.ADMINISTRATOR)
@takes_files(BODY_LIMIT)
def check_contacts() -> ResponseReturnValue:
    return _check(CONTACTS)


@bp.post("/quan-tri/danh-ba/bo")
@open_to(Role.ADMINISTRATOR)
def drop_contacts() -> ResponseReturnValue:
    return _drop(CONTACTS)


@bp.get("/quan-tri/danh-ba/mau.<any(csv, xlsx):ending>")
@open_to(Role.ADMINISTRATOR)
def template_contacts(ending: str) -> ResponseReturnValue:
    return _template(CONTACTS, ending)


@bp.post("/quan-tri/danh-ba/ap-dung")
@open_to(Role.ADMINISTRATOR)
@step_up
def apply_to_contacts() -> ResponseReturnValue:
    try:
        with begin() as work:
            plan = _plan_as_seen(work, CONTACTS)
            if not isinstance(plan, ContactPlan):
                raise Stale
            apply_contacts(work, plan)
    except (Stale, IntegrityError):
        return _changed_meanwhile(CONTACTS)
    flash(_done(plan), "success")
    return redirect(CONTACTS.url(), code=303)


# ---------------------------------------------------------------- what both do


@dataclass(frozen=True)
class Kept:
    """The file that was chosen, as its owner's draft has it."""

    name: str
    data: bytes

    @classmethod
    def of(cls, typed: dict[str, list[str]]) -> Kept:
        return cls(typed["name"][0], b64decode(typed["file"][0]))


def _show(what: List, fault: str = "") -> ResponseReturnValue:
    with begin() as work:
        draft, typed = find_draft(work, what.draft), read_draft(work, what.draft)
        page = _page(work, what, fault)
        if draft is not None and typed is not None:
            kept = Kept.of(typed)
            page["result"] = _result(work, what, kept, _plan(work, what, kept), draft.saved_at)
    return render_template("office/import.html", **page), 422 if fault else 200


def _check(what: List) -> ResponseReturnValue:
    """Keeps the file for the page that says what it would do. One that cannot be read at all is not kept."""
    sent = request.files.get("file")
    name = PurePath((sent.filename if sent else "") or "").name[-LONGEST_NAME:]
    if sent is None or not name:
        return _show(what, _("Chọn một tệp."))
    kept = Kept(name, sent.read())
    with begin() as work:
        plan = _plan(work, what, kept)
        unread = next((one for one in plan.faults if not one.row), None)
        if unread is not None:
            drop_draft(work, what.draft)
        else:
            save_draft(work, what.draft, {"name": [name], "file": [b64encode(kept.data).decode()]})
        if any(one.slug in NOT_THEIRS for one in plan.faults):
            # As on the pages of single accounts: another person is told of what was tried.
            record(work, Tag.ACCESS_REFUSED, object_type=request.endpoint, result="refused")
    if unread is not None:
        return _show(what, _("Tệp “%(name)s”: %(fault)s", name=name, fault=_fault_words(unread, what.columns)))
    return redirect(what.url(), code=303)


def _drop(what: List) -> ResponseReturnValue:
    with begin() as work:
        drop_draft(work, what.draft)
    flash(_("Đã bỏ tệp. Chưa nhập gì."), "success")
    return redirect(what.url(), code=303)


def _template(what: List, ending: str) -> Response:
    write, media_type = (write_csv, CSV_TYPE) if ending == "csv" else (write_excel, EXCEL_TYPE)
    return file_answer(write(what.columns, what.examples), media_type, f"{what.file_name}.{ending}")


def _plan(work: Work, what: List, kept: Kept, *, hold: bool = False) -> Plan:
    sheet = read_table(kept.name, kept.data, what.columns)
    return plan_staff(work, sheet, hold=hold) if what is STAFF else plan_contacts(work, sheet, hold=hold)


def _plan_as_seen(work: Work, what: List) -> Plan:
    """The plan of the kept file, made now. Raises Stale unless it does what the person was shown, and may be done."""
    typed = take_draft(work, what.draft)
    if typed is None:
        raise Stale
    kept = Kept.of(typed)
    plan = _plan(work, what, kept, hold=True)
    if plan.faults or not hmac.compare_digest(_seen(work, what, kept, plan), request.form.get("seen", "")):
        raise Stale
    return plan


def _seen(work: Work, what: List, kept: Kept, plan: Plan) -> str:
    """Of a file and all that it would do now."""
    told = json.dumps([what.id, kept.name, hashlib.sha256(kept.data).hexdigest(), plan.effect()], default=str)
    return work.keys.digest("import-plan", told).hex()


def _changed_meanwhile(what: List) -> ResponseReturnValue:
    flash(
        _("Chưa nhập gì: tệp hoặc dữ liệu đã thay đổi từ lúc anh/chị xem. Xem lại kết quả kiểm tra mới rồi áp dụng."),
        "warning",
    )
    return redirect(what.url(), code=303)


# ---------------------------------------------------------------- words


def _page(work: Work, what: List, fault: str) -> dict[str, Any]:
    phones, places = count_contacts(work) if what is CONTACTS else (0, 0)
    return {
        "what": what.id,
        "url": what.url(),
        "drop_url": what.url("drop"),
        "apply_url": what.url("apply_to"),
        "csv_url": url_for(f"imports.template_{what.id}", ending="csv"),
        "excel_url": url_for(f"imports.template_{what.id}", ending="xlsx"),
        "faults": {"file": fault} if fault else {},
        "held": count_staff(work, closed=False) if what is STAFF else phones,
        "places": places,
        "most": {"bytes": MAX_BYTES // MEBIBYTE, "rows": MAX_ROWS, "new": MOST_NEW},
        "columns": [
            {
                "title": _title(name, what.columns),
                "must": name in what.columns.required,
                "hint": what.hints.get(name, "" if name in what.columns.required else OPTIONAL),
            }
            for name in what.columns.names
        ],
        "result": None,
    }


def _result(work: Work, what: List, kept: Kept, plan: Plan, at: datetime) -> dict[str, Any]:
    groups = _staff_groups(work, plan) if isinstance(plan, StaffPlan) else _contact_groups(work, plan)
    return {
        "name": kept.name,
        "at": moment_text(at),
        "faults": [
            {"row": one.row, "column": _title(one.column, what.columns), "text": _fault_words(one, what.columns)}
            for one in plan.faults[:SHOWN_FAULTS]
        ],
        "total": len(plan.faults),
        "hidden": max(0, len(plan.faults) - SHOWN_FAULTS),
        "same": _same(plan),
        "groups": groups,
        "does": bool(plan.effect()),
        "too_many": isinstance(plan, StaffPlan) and len(plan.added) > MOST_NEW,
        "seen": _seen(work, what, kept, plan),
    }


def _same(plan: Plan) -> int:
    """Rows that change nothing."""
    if isinstance(plan, StaffPlan):
        return len(plan.rows) - len({one.row for one in (*plan.added, *plan.moved, *plan.renamed)})
    return len(plan.rows) - len(plan.added) - len(plan.changed)


def _staff_groups(work: Work, plan: StaffPlan) -> list[dict[str, Any]]:
    units = units_by_id(work, [plan.known[one.username].unit_id for one in plan.moved])

    def before(one: StaffRow) -> str:
        staff = plan.known[one.username]
        return f"{post_title(staff.role, deputy=staff.post == Post.DEPUTY)}, {units[staff.unit_id].name}"

    moved = [(one, _("%(before)s → %(after)s", before=before(one), after=_place(one))) for one in plan.moved]
    return [
        _group(_("Tài khoản mới"), [(one.row, one.username, _place(one)) for one in plan.added]),
        _group(_("Chuyển vai trò, chức vụ hoặc đơn vị"), [(one.row, one.username, words) for one, words in moved]),
        _group(_("Đổi họ tên, điện thoại hoặc thôn"), [(one.row, one.username, _place(one)) for one in plan.renamed]),
    ]


def _place(one: StaffRow) -> str:
    return f"{post_title(one.role, deputy=one.post == Post.DEPUTY)}, {one.unit.name}"


def _contact_groups(work: Work, plan: ContactPlan) -> list[dict[str, Any]]:
    units = units_by_id(work, [one.unit_id for one in plan.gone])

    def words(body: str, post: str) -> str:
        return f"{body_title(body)}: {post}"

    gone: list[tuple[int | str, str, str]] = [
        ("–", units[one.unit_id].name, words(one.body, one.post)) for one in plan.gone
    ]
    return [
        _group(_("Số mới"), [(one.row, one.unit.name, words(one.body, one.post)) for one in plan.added]),
        _group(_("Số thay đổi"), [(one.row, one.unit.name, words(one.body, one.post)) for _old, one in plan.changed]),
        _group(_("Số bị bỏ vì tệp không còn"), gone),
    ]


def _group(title: str, rows: Sequence[tuple[int | str, str, str]]) -> dict[str, Any]:
    shown = [{"row": row, "who": who, "words": words} for row, who, words in rows[:SHOWN_ROWS]]
    return {"title": title, "count": len(rows), "rows": shown, "hidden": max(0, len(rows) - SHOWN_ROWS)}


def _done(plan: Plan) -> str:
    if isinstance(plan, StaffPlan):
        changed = len({one.row for one in (*plan.moved, *plan.renamed)})
        opened = ngettext("Đã mở %(num)d tài khoản", "Đã mở %(num)d tài khoản", len(plan.added))
        return _("%(opened)s, đổi %(changed)s, giữ nguyên %(same)s.", opened=opened, changed=changed, same=_same(plan))
    added, changed, gone = len(plan.added), len(plan.changed), len(plan.gone)
    return _(
        "Đã nhập danh bạ: %(added)s số mới, %(changed)s số đổi, %(gone)s số bỏ, %(same)s số giữ nguyên.",
        added=added, changed=changed, gone=gone, same=_same(plan),
    )  # fmt: skip


def _title(column: str, columns: Columns) -> str:
    """A column as the reader knows it; a header that is none, as it was written."""
    own = columns.names.get(column)
    return own[0].capitalize() if own and language() == "vi" else column


def _fault_words(fault: SheetFault, columns: Columns) -> str:
    values: dict[str, Any] = dict(fault.values)
    if "code" in values:
        values["code"] = values["code"] or _("(trống)")
    if "role" in values:
        values["role"] = role_title(values["role"])
    if "day" in values:
        values["day"] = day_text(date.fromisoformat(values["day"]))
    if "choices" in values:
        values["choices"] = CHOICES[fault.column]
    if "columns" in values:
        values["columns"] = ", ".join(_title(one, columns) for one in columns.names)
    return " ".join(str(FAULTS[slug]) % values for slug in (fault.slug, fault.more) if slug)


def _told(work: Work, row: StaffRow, password: str) -> dict[str, Any]:
    staff = staff_named(work, row.username)
    return {
        "username": row.username,
        "place": _place(row),
        "password": password,
        "waits": staff is not None and staff.waits_since is not None,
    }
