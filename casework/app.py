"""Wiring only: the office and its doors become one WSGI application."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from apiflask import APIFlask
from flask import Blueprint
from flask_babel import Babel
from flask_wtf.csrf import CSRFProtect
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, PrefixLoader
from werkzeug.middleware.proxy_fix import ProxyFix

from casework.api import callbacks, health, reports
from casework.bootstrap import Office
from casework.papers.presses import Presses
from casework.web import (
    accounts,
    acts,
    breakglass,
    calendar,
    casefile,
    cases,
    collaborator,
    conflict,
    contacts,
    desk,
    factors,
    grants,
    handover,
    imports,
    incidents,
    liaison,
    lock,
    mysessions,
    notices,
    oidc,
    operator,
    pages,
    papers,
    phones,
    rota,
    signin,
    system,
    units,
)
from casework.web import office as office_pages
from casework.web.access import check_every_route_declares, open_to_all
from casework.web.faults import install_faults
from casework.web.frame import install_frame, select_language
from casework.web.guard import install_guard
from casework.web.headers import install_headers
from casework.web.logs import install_logs
from casework.web.uploads import OfficeRequest

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
BODY_LIMIT = 1024 * 1024  # bytes: forms and JSON; a page that takes files says so itself
FORM_PARTS_LIMIT = 2000


def create_app(
    office: Office, *, drill: str | None = None, drill_speed: float = 1.0, more_pages: Iterable[Blueprint] = ()
) -> APIFlask:
    """The application. Raises UnsafeStart if a route does not say who may open it.

    `drill` is the ribbon's text and `more_pages` the pages of the demo; without them nothing of the demo exists.
    """
    app = APIFlask(
        "casework",
        title="casework",
        version="1",
        spec_path="/api/openapi.json",
        docs_path=None,
        static_folder=str(Path(__file__).resolve().parent / "static"),
        template_folder=str(TEMPLATES),
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # the default provider has it
    secure = office.settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=office.keys.derive("flask-session"),
        SESSION_COOKIE_NAME="__Host-casework" if secure else "casework",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict" if secure else "Lax",
        MAX_CONTENT_LENGTH=BODY_LIMIT,
        MAX_FORM_MEMORY_SIZE=BODY_LIMIT,
        MAX_FORM_PARTS=FORM_PARTS_LIMIT,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a worker may take hours over one form
        WTF_CSRF_SSL_STRICT=False,  # pages send no Referer; SameSite and the token stand instead
        BABEL_TRANSLATION_DIRECTORIES=str(Path(__file__).resolve().parent / "translations"),
        BABEL_DEFAULT_LOCALE="vi",
        BABEL_DEFAULT_TIMEZONE="Asia/Ho_Chi_Minh",
        SPEC_FORMAT="json",
        OPENAPI_VERSION="3.1.0",
    )
    if office.settings.proxies:
        # Only so many of the names in front of an address are believed: a client can write any before them.
        hops = office.settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.request_class = OfficeRequest
    app.extensions["office"] = office
    app.extensions["presses"] = Presses()
    app.jinja_env.loader = ChoiceLoader(
        [
            FileSystemLoader(TEMPLATES),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    )
    Babel(app, locale_selector=select_language)
    install_headers(app)
    csrf = CSRFProtect(app)
    install_guard(app)
    install_logs(app)
    install_frame(app, drill=drill, drill_speed=drill_speed)
    install_faults(app)
    for room in (
        pages, signin, factors, operator, collaborator, desk, cases, casefile, papers, handover, liaison, office_pages, calendar,
        accounts, rota, units, notices, incidents, mysessions, lock, phones, system, conflict, breakglass, acts, contacts,
        grants, imports,
    ):  # fmt: skip
        app.register_blueprint(room.bp)
    provider = oidc.provider_of(office.settings)
    app.jinja_env.globals["identity_provider"] = provider is not None
    if provider is not None:
        app.extensions["identity_provider"] = provider
        app.register_blueprint(oidc.bp)
    for door in (reports.bp, health.bp, callbacks.bp):
        csrf.exempt(door)  # a bearer key or a signature is no cookie: there is nothing to forge
        app.register_blueprint(door)
    for page in more_pages:
        app.register_blueprint(page)
    _declare_built_in_routes(app)
    check_every_route_declares(app)
    return app


def _declare_built_in_routes(app: APIFlask) -> None:
    for endpoint in ("static", "openapi.spec"):
        view = app.view_functions[endpoint]
        app.view_functions[endpoint] = open_to_all(lambda view=view, **kwargs: view(**kwargs))
