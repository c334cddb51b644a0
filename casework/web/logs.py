"""What the process writes down about itself: one JSON line an event, with keys from a closed list and no values of people.

No path, no query, no body, no header, no message of an exception: any of them may hold what somebody typed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, request

from casework.policy import network_of

ALLOWED = (
    "time", "level", "event", "request_id", "endpoint", "method", "status", "ms", "network",
    "kind", "error", "at", "job", "clocks", "notices", "logger",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")  # any other is a word somebody chose

log = structlog.get_logger("web")


def configure_logs(stream: TextIO | None = None) -> None:
    """JSON lines to `stream` (default: stderr) from our own logs and, without their words, from every library's."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(out),
    )
    libraries = logging.StreamHandler(out)
    libraries.setFormatter(_NamesOnly())
    root = logging.getLogger()
    root.handlers[:] = [libraries]
    root.setLevel(logging.WARNING)
    for name in ("werkzeug", "gunicorn.access"):
        # Their lines are addresses with the query in them; ours below stands for each request.
        logging.getLogger(name).disabled = True


def install_logs(app: Flask) -> None:
    """One line a request, after it was answered."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def line(answer: Response) -> Response:
        if request.endpoint != "static":
            log.info(
                "request",
                request_id=g.get("request_id"),
                endpoint=request.endpoint,
                method=request.method if request.method in METHODS else "other",
                status=answer.status_code,
                ms=round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000),
                network=network_of(request.remote_addr),
            )
        return answer


def only_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: event[key] for key in ALLOWED if key in event}


class _NamesOnly(logging.Formatter):
    """A library's line without its text: which library, how bad, and of what type the error was."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0] if record.exc_info else None
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": "library",
            "logger": record.name,
            "error": kind.__name__ if kind else None,
        }
        return json.dumps(said)
