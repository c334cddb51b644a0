"""The frame around every page: navigation by role, language, the office's time."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, get_flashed_messages, request, session, url_for
from flask_babel import gettext as _
from flask_babel import pgettext

from casework.clock import local
from casework.people.rules import Role
from casework.web import wording
from casework.web.door import Viewer, the_office
from casework.web.notices import header

STATIC = Path(__file__).resolve().parent.parent / "static"
YEAR_SECONDS = 365 * 24 * 3600
COMPRESSED = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")


def install_frame(app: Flask, *, drill: str | None, drill_speed: float) -> None:
    app.jinja_env.globals.update(
        asset=asset,
        law_text=wording.law_text,
        form_number=wording.form_number,
        moment_text=wording.moment_text,
        short_moment=wording.short_moment,
        article_name_of=wording.article_name,
        role_title=wording.role_title,
    )

    @app.context_processor
    def frame() -> dict[str, Any]:
        viewer = g.get("viewer")
        whole = (
            viewer if viewer is not None and not viewer.limited else None
        )  # nothing is there yet for who has no factor
        language = wording.language()
        return {
            "viewer": _shown_viewer(viewer),
            "nav": _navigation(whole) if whole else [],
            "news": header(whole),
            "language": language,
            "language_url": url_for("pages.switch_language", to="vi" if language == "en" else "en", next=request.path),
            "drill": _(drill) if drill else None,
            "office_now": local(the_office().clock.now()).isoformat(timespec="seconds"),
            "office_speed": drill_speed,
            "notice": get_flashed_messages(with_categories=True),
            "law": the_office().law,
        }

    @app.after_request
    def press(response: Response) -> Response:
        # What refuses a file that is not there is a page, with its reader's office on it.
        return _compressed(response) if request.endpoint == "static" and response.status_code < 400 else response


def select_language() -> str:
    """Babel's question: Vietnamese unless the reader has asked for English."""
    return "en" if session.get("language") == "en" else "vi"


@cache
def asset(path: str) -> str:
    """The address of a static file, with its content's digest: cached for a year, and never stale."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


def _compressed(response: Response) -> Response:
    if request.args.get("v"):
        response.cache_control.public = True
        response.cache_control.max_age = YEAR_SECONDS
        response.cache_control.no_cache = None
    if (
        response.status_code == 200
        and response.mimetype in COMPRESSED
        and "gzip" in request.headers.get("Accept-Encoding", "").lower()
    ):
        response.direct_passthrough = False
        response.set_data(_gzipped(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
    return response


@cache
def _gzipped(data: bytes) -> bytes:
    # Static files only: compressing a page together with secrets would tell its length.
    return gzip.compress(data, 9, mtime=0)


def _shown_viewer(viewer: Viewer | None) -> dict[str, str] | None:
    if viewer is None:
        return None
    title = wording.post_title(viewer.role, deputy=viewer.actor.deputy)
    return {"role": viewer.role, "role_title": title, "unit_title": viewer.unit_title}


def _navigation(viewer: Viewer) -> list[dict[str, Any]]:
    items: dict[str, list[tuple[str, str]]] = {
        Role.HOTLINE: [
            ("operator.new", _("Tiếp nhận mới")),
            ("operator.queue", _("Hàng chờ")),
            ("operator.unread", _("Tin cần xem lại")),
            ("contacts.listing", _("Danh bạ")),
        ],
        Role.COLLABORATOR: [("report.start", _("Báo tin")), ("report.mine", _("Tin của tôi"))],
        Role.WORKER: [
            ("desk.tasks", _("Việc của tôi")),
            ("cases.listing", _("Ca")),
            ("operator.new", _("Tiếp nhận")),
            ("handover.listing", _("Ca bàn giao đến")),
            ("contacts.listing", _("Danh bạ")),
            ("pages.forms", _("Biểu mẫu")),
        ],
        Role.CHAIR: [
            ("desk.to_sign", _("Chờ ký")),
            ("cases.listing", _("Ca")),
            ("handover.listing", _("Ca bàn giao đến")),
            ("contacts.listing", _("Danh bạ")),
            ("pages.forms", _("Biểu mẫu")),
        ],
        Role.SUPERVISOR: [
            ("desk.supervise", _("Theo dõi hạn")),
            ("cases.listing", _("Ca")),
            ("operator.unread", _("Tin cần xem lại")),
            ("acts.listing", _("Việc hai người")),
            ("calendar.year", _("Ngày nghỉ")),
            ("contacts.listing", _("Danh bạ")),
        ],
        Role.POLICE: [("liaison.listing", _("Việc chuyển đến"))],
        Role.HEALTH: [("liaison.listing", _("Trẻ chuyển đến")), ("report.start", _("Báo nghi ngờ"))],
        Role.ADMINISTRATOR: [
            ("accounts.listing", _("Tài khoản")),
            ("rota.week", _("Ca trực")),
            ("acts.listing", _("Việc hai người")),
            ("units.listing", pgettext("thanh điều hướng", "Đơn vị")),
            ("office.deadlines", _("Hạn luật định")),
            ("calendar.year", _("Ngày nghỉ")),
            ("office.status", pgettext("thanh điều hướng", "Tình trạng")),
        ],
        Role.AUDITOR: [("office.trail", _("Nhật ký"))],
    }
    found = {
        url_for(endpoint): title
        for endpoint, title in items.get(viewer.role, [])
        if endpoint in current_app.view_functions
    }
    # A page below a place of the navigation is of that place: a case of the cases, an account of the accounts.
    here = max((url for url in found if f"{request.path}/".startswith(f"{url}/")), key=len, default=None)
    current = "page" if here == request.path else "true"
    return [
        {"url": url, "title": title, "current": current if url == here else None, "count": None}
        for url, title in found.items()
    ]
