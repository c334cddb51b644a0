"""Accounts: opened, moved, given a new password, closed. Who keeps them sees staff and never a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.errors import Forbidden, NotFound
from casework.notices.service import stopped_since
from casework.oversight.acts import propose, waiting_account
from casework.people.contacts import phone_text
from casework.people.imports import USERNAME, phone_of
from casework.people.models import Post, Staff, Unit
from casework.people.passwords import first_password_lasts, is_run_out
from casework.people.queries import (
    count_staff,
    holds_post,
    on_duty,
    staff_list,
    staff_named,
    staff_of_post,
    unheld_posts,
    unit,
    unit_named,
    unstaffed_communes,
)
from casework.people.rules import UNITS_OF_ROLE, WATCHED_POSTS, Role
from casework.people.service import (
    close_account,
    create_staff,
    move_account,
    new_password,
    person_of,
    reset_password,
    set_person,
)
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.questions import tell_owner
from casework.web.wording import moment_text, post_title, role_title, short_moment
from casework.work import Work

bp = Blueprint("accounts", __name__)

PAGE_SIZE = 25
LAST_PAGE = 1_000_000
LONGEST = 120  # characters of a name
DEPUTY = "deputy"  # offered beside the roles: the chair's role, with the other post
TYPED = ("username", "name", "role", "unit", "phone", "hamlet")


@bp.get("/quan-tri/tai-khoan")
@open_to(Role.ADMINISTRATOR)
def listing() -> ResponseReturnValue:
    words, role = request.args.get("q", "")[:100], request.args.get("vai-tro", "")
    closed = request.args.get("da-khoa") == "1"
    with begin() as work:
        total = count_staff(work, words=words, role=role, closed=closed)
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(1, request.args.get("trang", 1, type=int)), pages, LAST_PAGE)
        found = staff_list(work, words=words, role=role, closed=closed, page=page, size=PAGE_SIZE)
        rows = [_row(staff, office, work.now) for staff, office in found]
        posts = [{"unit": one.unit.name, "post": role_title(one.role)} for one in unheld_posts(work)]
        without = unstaffed_communes(work)
    return render_template(
        "office/accounts.html",
        rows=rows,
        total=total,
        page=page,
        pages=pages,
        url_for_page=lambda n: url_for(
            "accounts.listing",
            **{"q": words or None, "vai-tro": role or None, "da-khoa": "1" if closed else None, "trang": n},
        ),
        words=words,
        role=role,
        closed=closed,
        roles=_roles(),
        unheld=posts,
        unstaffed=ngettext(
            "%(num)d xã chưa có tài khoản nào: tin về các xã này vào bàn trực của tỉnh.",
            "%(num)d xã chưa có tài khoản nào: tin về các xã này vào bàn trực của tỉnh.",
            without,
        )
        if without
        else None,
    )


@bp.get("/quan-tri/tai-khoan/moi")
@open_to(Role.ADMINISTRATOR)
@step_up
def new() -> ResponseReturnValue:
    return _new_page({}, {})


@bp.post("/quan-tri/tai-khoan/moi")
@open_to(Role.ADMINISTRATOR)
@step_up
def make() -> ResponseReturnValue:
    typed = _typed()
    with begin() as work:
        read = _read(work, typed, new=True)
        if not read.faults and read.unit is not None:
            password = new_password()
            staff = create_staff(
                work,
                username=typed["username"].lower(),
                password=password,
                role=read.role,
                unit=read.unit,
                name=typed["name"],
                phone=read.phone,
                hamlet=read.hamlet,
                post=read.post,
            )
            told = _told(staff, read.unit, password, opened=True)
    if read.faults:
        return _new_page(typed, read.faults)
    # Told in this very answer: a redirect would have to carry the password somewhere.
    return render_template("office/password.html", **told)


@bp.get("/quan-tri/tai-khoan/<uuid:staff_id>")
@open_to(Role.ADMINISTRATOR)
def one(staff_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        page = _page(work, _find(work, staff_id), None, {})
    return render_template("office/account.html", **page)


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>")
@open_to(Role.ADMINISTRATOR)
@step_up
def change(staff_id: UUID) -> ResponseReturnValue:
    typed = _typed()
    with begin() as work:
        staff = _find_open(work, staff_id)
        read = _read(work, {**typed, "username": staff.username}, new=False)
        if not read.faults:
            kept = _change(work, staff, typed, read)
            read.faults.update(kept)
            read.refused = bool(kept)
        if read.faults:
            page = _page(work, staff, typed, read.faults)
    if read.refused:
        _note_refused()
    if read.faults:
        return render_template("office/account.html", **page), 422
    flash(_("Đã lưu. Nếu vai trò hoặc đơn vị đổi, người này phải đăng nhập lại."), "success")
    return redirect(url_for("accounts.one", staff_id=staff_id), code=303)


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>/mat-khau")
@open_to(Role.ADMINISTRATOR)
@step_up
def reset(staff_id: UUID) -> ResponseReturnValue:
    try:
        with begin() as work:
            staff = _find_open(work, staff_id)
            told = _told(staff, unit(work, staff.unit_id), reset_password(work, staff), opened=False)
    except Forbidden as refused:
        return _refused(staff_id, refused)
    return render_template("office/password.html", **told)


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>/mat-cach-xac-nhan")
@open_to(Role.ADMINISTRATOR)
@step_up
def ask_reset_of_factors(staff_id: UUID) -> ResponseReturnValue:
    """Somebody has lost telephone, passkey and recovery codes: a second person decides, and the owner is told at once."""
    with begin() as work:
        staff = _find_open(work, staff_id)
        own = staff.id == work.actor.id
        if not own:
            propose(work, "reset-factor", object_id=staff.id)
            tell_owner(work, staff, "factor-reset-asked")
    if own:
        return _refused(staff_id, Forbidden("own-account"))
    flash(
        _("Đã đề nghị. Người thứ hai đồng ý thì các cách xác nhận cũ mất hiệu lực; chủ tài khoản đã được báo."),
        "success",
    )
    return redirect(url_for("accounts.one", staff_id=staff_id), code=303)


@bp.get("/quan-tri/tai-khoan/<uuid:staff_id>/khoa")
@open_to(Role.ADMINISTRATOR)
def confirm_close(staff_id: UUID) -> ResponseReturnValue:
    """What closing does, before it is done: it cannot be undone."""
    with begin() as work:
        page = _page(work, _find_open(work, staff_id), None, {})
    if page["own"]:
        return redirect(url_for("accounts.one", staff_id=staff_id), code=303)
    return render_template("office/account_close.html", **page)


@bp.post("/quan-tri/tai-khoan/<uuid:staff_id>/khoa")
@open_to(Role.ADMINISTRATOR)
@step_up
def close(staff_id: UUID) -> ResponseReturnValue:
    try:
        with begin() as work:
            staff = _find_open(work, staff_id)
            named = staff_named(work, request.form.get("to", ""))
            left = staff_of_post(work, staff.unit_id, staff.role)
            heir = named if named is not None and named.id in {one.id for one in left} - {staff.id} else None
            close_account(work, staff, to=heir)
            watched = staff.role in WATCHED_POSTS
            unheld = watched and not on_duty(work, staff.unit_id, staff.role, work.now)
    except Forbidden as refused:
        return _refused(staff_id, refused)
    flash(_("Đã khóa tài khoản; mọi phiên làm việc của người này đã kết thúc."), "success")
    if unheld:
        flash(_("Vị trí này nay không còn ai: tin nhắn chuyển lên tỉnh cho tới khi có người mới."), "warning")
    return redirect(url_for("accounts.listing"), code=303)


@dataclass
class _Read:
    """What was typed, read; `faults` by box."""

    role: Role
    post: Post | None
    unit: Unit | None
    phone: str | None
    hamlet: str | None
    faults: dict[str, str]
    refused: bool = False  # what was typed is right, and not theirs to do


def _typed() -> dict[str, str]:
    return {name: " ".join(request.form.get(name, "").split())[:500] for name in TYPED}


def _read(work: Work, typed: Mapping[str, str], *, new: bool) -> _Read:
    faults: dict[str, str] = {}
    username = typed["username"].lower()
    if not USERNAME.fullmatch(username):
        faults["username"] = _("Tên đăng nhập gồm 2 đến 40 ký tự: chữ thường không dấu, số, dấu chấm hoặc gạch")
    elif new and staff_named(work, username) is not None:
        faults["username"] = _("Tên đăng nhập này đã có")
    if not typed["name"]:
        faults["name"] = _("Ghi họ tên")
    elif len(typed["name"]) > LONGEST:
        faults["name"] = _("Họ tên dài quá %(most)s ký tự", most=LONGEST)
    chosen = Role.CHAIR if typed["role"] == DEPUTY else next((r for r in Role if r.value == typed["role"]), None)
    if chosen is None:
        faults["role"] = _("Chọn vai trò")
    office = unit_named(work, typed["unit"], UNITS_OF_ROLE[chosen]) if chosen and typed["unit"] else None
    if not typed["unit"]:
        faults["unit"] = _("Ghi mã hoặc tên đơn vị")
    elif chosen and office is None:
        faults["unit"] = _("Không có đúng một đơn vị như vậy cho vai trò này. Ghi mã đơn vị.")
    phone = phone_of(typed["phone"])
    if typed["phone"] and phone is None:
        faults["phone"] = _("Số điện thoại bắt đầu bằng 0 hoặc +84, ví dụ 0912 345 678")
    role = chosen or Role.WORKER
    post = None if role != Role.CHAIR else Post.DEPUTY if typed["role"] == DEPUTY else Post.CHAIR
    hamlet = typed["hamlet"] if role == Role.COLLABORATOR else ""
    return _Read(role, post, office, phone, hamlet or None, faults)


def _change(work: Work, staff: Staff, typed: Mapping[str, str], read: _Read) -> dict[str, str]:
    """Makes what differs. Returns the fault that kept it from being made."""
    assert read.unit is not None  # noqa: S101  # `_read` found no fault
    moved = (staff.role, staff.post, staff.unit_id) != (read.role, read.post and read.post.value, read.unit.id)
    if moved:
        try:
            move_account(work, staff, role=read.role, unit=read.unit, post=read.post)
        except Forbidden as refused:
            return {"role": _refusal(refused)}
    person = {"name": typed["name"], "phone": read.phone, "hamlet": read.hamlet}
    known = person_of(work, staff)
    if any(known.get(name) != said for name, said in person.items()):
        set_person(work, staff, name=typed["name"], phone=read.phone, hamlet=read.hamlet)
    return {}


def _refusal(refused: Forbidden) -> str:
    if refused.reason == "last-administrator":
        return _("Đây là tài khoản quản trị cuối cùng: mở tài khoản quản trị khác trước.")
    return _("Không tự đổi tài khoản của chính mình. Nhờ một người quản trị khác.")


def _note_refused() -> None:
    """Keeps that somebody tried what is not theirs to do, in a transaction of its own: another person is told of it."""
    with begin() as work:
        record(work, Tag.ACCESS_REFUSED, object_type=request.endpoint, result="refused")


def _refused(staff_id: UUID, refused: Forbidden) -> ResponseReturnValue:
    _note_refused()
    flash(_refusal(refused), "error")
    return redirect(url_for("accounts.one", staff_id=staff_id), code=303)


def _find(work: Work, staff_id: UUID) -> Staff:
    staff = work.session.get(Staff, staff_id)
    if staff is None:
        raise NotFound
    return staff


def _find_open(work: Work, staff_id: UUID) -> Staff:
    staff = _find(work, staff_id)
    if staff.closed_at is not None:
        raise NotFound
    return staff


def _row(staff: Staff, office: Unit, now: datetime) -> dict[str, Any]:
    return {
        "unit": office.name,
        "post": post_title(staff.role, deputy=staff.post == Post.DEPUTY),
        "username": staff.username,
        "url": url_for("accounts.one", staff_id=staff.id),
        "state": _state(staff, now),
        "since": f"{short_moment(staff.created_at)}/{staff.created_at:%Y}",
    }


def _state(staff: Staff, now: datetime) -> str:
    """In words; what keeps the person out is named, all of it."""
    if staff.closed_at:
        return _("đã khóa %(when)s", when=short_moment(staff.closed_at))
    found = [_("chờ người thứ hai đồng ý")] if staff.waits_since else []
    if is_run_out(staff.first_password_at, now):
        found.append(_("mật khẩu đầu đã hết hạn"))
    elif not staff.password_hash and not found:
        found.append(_("chưa có mật khẩu"))
    return ", ".join(found) or _("đang mở")


def _roles() -> list[dict[str, str]]:
    """As the forms offer them: the deputy stands behind the chair."""
    found = []
    for role in Role:
        found.append({"value": role.value, "title": role_title(role.value)})
        if role == Role.CHAIR:
            found.append({"value": DEPUTY, "title": post_title(role.value, deputy=True)})
    return found


def _new_page(typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    page = render_template("office/account_new.html", typed=_blank(typed), faults=faults, roles=_roles())
    return page, 422 if faults else 200


def _page(work: Work, staff: Staff, typed: Mapping[str, str] | None, faults: Mapping[str, str]) -> dict[str, Any]:
    office = unit(work, staff.unit_id)
    person = person_of(work, staff)
    now = {
        "username": staff.username,
        "name": person.get("name") or "",
        "role": DEPUTY if staff.post == Post.DEPUTY else staff.role,
        "unit": office.code,
        "phone": phone_text(person["phone"]) if person.get("phone") else "",
        "hamlet": person.get("hamlet") or "",
    }
    stopped = stopped_since(work, staff)
    others = [one for one in staff_of_post(work, staff.unit_id, staff.role) if one.id != staff.id]
    return {
        "staff_id": staff.id,
        "username": staff.username,
        "post": post_title(staff.role, deputy=staff.post == Post.DEPUTY),
        "unit": office.name,
        "unit_url": url_for("units.one", unit_id=office.id),
        "state": _state(staff, work.now),
        "waiting": _waiting_words(work, staff),
        "stopped": moment_text(stopped) if stopped else None,
        "since": moment_text(staff.created_at),
        "closed": staff.closed_at is not None,
        "own": staff.id == work.actor.id,
        "on_duty": _duty_words(work, staff),
        "rota_url": url_for("rota.post", unit_id=office.id, role=staff.role) if staff.role in WATCHED_POSTS else None,
        "typed": _blank(typed or now),
        "faults": faults,
        "roles": _roles(),
        "heirs": [
            {"username": one.username, "post": post_title(one.role, deputy=one.post == Post.DEPUTY)} for one in others
        ],
        "last_of_post": staff.role in WATCHED_POSTS and not any(one.waits_since is None for one in others),
    }


def _waiting_words(work: Work, staff: Staff) -> str:
    """Who is asked to agree to the account; where nobody is, what asks again. "" for one that waits for nobody."""
    if staff.waits_since is None or staff.closed_at is not None:
        return ""
    found = waiting_account(work, staff)
    if found.refused:
        return _("Người thứ hai đã từ chối tài khoản này. Đặt mật khẩu mới thì người thứ hai được hỏi lại.")
    if not found.asked:
        return _(
            "Đề nghị đã rút hoặc quá hạn: không ai đang được hỏi. Đặt mật khẩu mới thì người thứ hai được hỏi lại."
        )
    names = ", ".join(one.username for one in found.deciders)
    if not names:
        return _("Không còn ai khác được đồng ý. Người vận hành máy chủ xác nhận bằng lệnh “casework staff confirm”.")
    return _("Chỉ mở được ca khi một người thứ hai đồng ý ở “Việc hai người”: %(names)s.", names=names)


def _duty_words(work: Work, staff: Staff) -> str:
    if staff.closed_at is not None or staff.role not in WATCHED_POSTS:
        return ""
    held = holds_post(work, staff.unit_id, staff.role, staff.id, work.now)
    return _("đang giữ vị trí trực") if held else _("hiện không trực")


def _blank(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: typed.get(name, "") for name in TYPED}


def _told(staff: Staff, office: Unit, password: str, *, opened: bool) -> dict[str, Any]:
    return {
        "username": staff.username,
        "post": post_title(staff.role, deputy=staff.post == Post.DEPUTY),
        "unit": office.name,
        "password": password,
        "until": moment_text(staff.first_password_at + first_password_lasts()) if staff.first_password_at else None,
        "opened": opened,
        "waits": staff.waits_since is not None,
        "url": url_for("accounts.one", staff_id=staff.id),
    }
