"""What every answer carries, and which requests are taken at all: no inline script, no frame, no cache, no other site's form.

Pages without scripts or styles of their own need no exception; whoever adds one has to add a file.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, current_app, g, request

from casework.policy import MACHINE, declared
from casework.web.door import the_office

YEAR_SECONDS = 365 * 24 * 3600
MOST_FILES = 10  # in one request
FIELDS = "application/x-www-form-urlencoded"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
OWN_SITES = ("same-origin", "none")  # `none`: typed by hand, or from a bookmark

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'; worker-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), geolocation=(), gyroscope=(),"
        " magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), browsing-topics=()"
    ),
}

log = structlog.get_logger("web")


def install_headers(app: Flask) -> None:
    """First of all that look at a request, last of all that touch an answer."""

    @app.before_request
    def name_the_request() -> None:
        g.request_id = secrets.token_hex(8)  # before anything may refuse it: it is what a person is told to quote

    @app.before_request
    def refuse_other_sites() -> None:
        if request.method in SAFE_METHODS or request.endpoint is None:
            return
        if declared(app.view_functions[request.endpoint]) != MACHINE and not _from_here():
            log.warning("refused", kind="cross-site", endpoint=request.endpoint, request_id=g.request_id)
            abort(400)

    @app.before_request
    def refuse_too_many_files() -> None:
        if request.endpoint and "multipart" in request.headers.get("Content-Type", ""):
            view = current_app.view_functions[request.endpoint]
            # Only where files are taken are they looked at: elsewhere reading them would be the attack.
            if hasattr(view, "body_limit") and _count_files() > MOST_FILES:
                abort(413)

    @app.before_request
    def refuse_too_many_fields() -> None:
        # The parser counts the parts of a multipart form only. What a machine sends is no form, whatever it calls it.
        typed = request.endpoint and request.mimetype == FIELDS
        if not typed or declared(current_app.view_functions[request.endpoint or ""]) == MACHINE:
            return
        if request.get_data().count(b"&") >= current_app.config["MAX_FORM_PARTS"]:
            abort(413)

    @app.after_request
    def finish(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        if the_office().settings.public_url.startswith("https://"):
            answer.headers["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}; includeSubDomains"
        if request.endpoint != "static" or answer.status_code >= 400:
            # Nothing of a page stays behind in a browser's cache or history, signed in or not.
            answer.headers["Cache-Control"] = "no-store"
        return answer


def _from_here() -> bool:
    """Whether the browser says that a page of ours sent this. One that says nothing is left to the token in the form.

    Pages send no referrer, so that a browser without Sec-Fetch-Site names its own pages' origin "null".
    """
    said = request.headers.get("Sec-Fetch-Site")
    if said is not None:
        return said in OWN_SITES
    origin = request.headers.get("Origin", "null")
    return origin == "null" or origin.lower() in {_origin(the_office().settings.public_url), _origin(request.host_url)}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _count_files() -> int:
    return sum(len(request.files.getlist(name)) for name in request.files)
