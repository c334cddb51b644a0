"""Pages that exist in the demo only: where to start, the telephones its alerts go to, the parts of the look.

They are handed to the application from outside; without that no address here answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.clock import local
from casework.demo.world import COMMUNES, Account
from casework.notices.queries import SentSms, sent
from casework.people.rules import Role
from casework.policy import open_to_all
from casework.vault.fold import fold_name
from casework.web.door import the_office
from casework.web.wording import role_title, short_moment
from casework.work import SYSTEM

RELOAD_SECONDS = "5"


def demo_pages(accounts: Sequence[Account]) -> Blueprint:
    """The blueprint "drill". `accounts` are shown with their passwords: they open nothing but invented data."""
    bp = Blueprint("drill", __name__)

    @bp.get("/dien-tap")
    @open_to_all
    def start() -> ResponseReturnValue:
        rows = [
            {"role": role_title(one.role), "unit": one.unit, "account": one, "try": _to_try(one.role)}
            for one in accounts
        ]
        return render_template("demo/start.html", rows=rows)

    @bp.get("/dien-tap/tin-nhan")
    @open_to_all
    def messages() -> ResponseReturnValue:
        """Newest first. Reloads itself only for who asked for it: a page that moves on its own is hard to read."""
        follows = request.args.get("tu-tai") == "1"
        shown = [{"to": one.to, "body": one.body, "at": short_moment(one.at)} for one in _sent()]
        answer = make_response(render_template("demo/messages.html", messages=shown, follows=follows))
        if follows:
            answer.headers["Refresh"] = RELOAD_SECONDS
        return answer

    @bp.get("/dien-tap/tin-nhan.json")
    @open_to_all
    def messages_json() -> Response:
        """The newest 200 messages, oldest first: [{"to", "body", "at", "code"}], `at` ISO 8601 with Vietnam's offset."""
        return jsonify(
            [
                {"to": one.to, "body": one.body, "at": local(one.at).isoformat(timespec="seconds"), "code": one.code}
                for one in reversed(_sent())
            ]
        )

    _add_style_guide(bp)
    return bp


def _add_style_guide(bp: Blueprint) -> None:
    @bp.get("/kieu-mau")
    @open_to_all
    def style_guide() -> ResponseReturnValue:
        return render_template("style_guide.html")

    @bp.post("/kieu-mau")
    @open_to_all
    def nothing_done() -> ResponseReturnValue:
        return redirect(url_for("drill.style_guide"), code=303)

    @bp.get("/kieu-mau/xa")
    @open_to_all
    def communes() -> Response:
        words = fold_name(request.args.get("q", ""))
        return jsonify([{"code": code, "title": name} for code, name in COMMUNES if words and words in fold_name(name)])

    @bp.post("/kieu-mau/nhap")
    @open_to_all
    def draft() -> Response:
        return jsonify(saved_at=f"{local(the_office().clock.now()):%H:%M}")


def _sent() -> list[SentSms]:
    with the_office().begin(SYSTEM) as work:
        return sent(work)


def _to_try(role: str) -> str:
    words = {
        Role.HOTLINE: _("Nhận một cuộc gọi, chuyển về xã, xem 12 giờ bắt đầu chạy."),
        Role.COLLABORATOR: _("Báo tin bằng năm câu hỏi trên điện thoại."),
        Role.WORKER: _("Xác nhận tin, làm Mẫu 02, chuyển công an, trình kế hoạch."),
        Role.CHAIR: _("Quyết định biện pháp khẩn cấp, duyệt hoặc trả lại kế hoạch."),
        Role.SUPERVISOR: _("Xem ca quá hạn, sắp hết hạn của cả tỉnh."),
        Role.POLICE: _("Xác nhận ca được chuyển, phản hồi; thấy điều gì không được chia sẻ."),
        Role.HEALTH: _("Nhận trẻ được chuyển, trả kết quả khám."),
        Role.ADMINISTRATOR: _("Xem tài khoản, ca trực, tình trạng; thử mở một ca (không được)."),
        Role.AUDITOR: _("Đọc nhật ký, bấm Kiểm chứng."),
    }
    return words[Role(role)]
