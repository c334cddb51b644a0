"""For machines that watch the office: is it alive, is it ready, how much is there. Numbers and names of parts only."""

from __future__ import annotations

import hmac
from datetime import timedelta
from functools import cache
from ipaddress import ip_address

from apiflask import APIBlueprint
from flask import Response, abort, current_app, g, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from casework.bootstrap import Office
from casework.cases.queries import count_by_state
from casework.clock import as_seen_by
from casework.deadlines.queries import running_and_breached
from casework.migrate import current_revision, head_revision
from casework.notices.queries import waiting
from casework.people.queries import last_beat
from casework.policy import open_to_machines
from casework.work import SYSTEM, Actor

bp = APIBlueprint("health", __name__, enable_openapi=False)

BEAT_LIMIT = timedelta(seconds=60)


@bp.get("/healthz")
@open_to_machines
def alive() -> Response:
    """The process answers. Asks the database nothing: a lost database is no reason to restart the process."""
    return jsonify(alive=True)


@bp.get("/readyz")
@open_to_machines
def ready() -> Response:
    checks = _checks(_office())
    answer = jsonify(ready=all(checks.values()), checks=checks)
    answer.status_code = 200 if all(checks.values()) else 503
    return answer


@bp.get("/metrics")
@open_to_machines
def metrics() -> Response:
    office = _office()
    if not _may_measure(office):
        abort(404)
    with office.begin(_watcher()) as work:
        states = count_by_state(work)
        running, breached = running_and_breached(work)
        queued = waiting(work)
        beat = last_beat(work)
        age = (work.now - beat).total_seconds() if beat else float("nan")
    lines = [
        "# TYPE casework_cases gauge",
        *(f'casework_cases{{state="{state}"}} {states.get(state, 0)}' for state in office.law.states),
        "# TYPE casework_clocks gauge",
        f'casework_clocks{{state="running"}} {running}',
        f'casework_clocks{{state="breached"}} {breached}',
        "# TYPE casework_notices_waiting gauge",
        f"casework_notices_waiting {queued}",
        "# TYPE casework_jobs_heartbeat_age_seconds gauge",
        f"casework_jobs_heartbeat_age_seconds {age}",
    ]
    return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4; charset=utf-8")


def _checks(office: Office) -> dict[str, bool]:
    checks = dict.fromkeys(("database", "migrations", "keys", "jobs"), False)
    try:
        checks["migrations"] = current_revision(office.engine) == _needed_revision()
        checks["database"] = True
        if not checks["migrations"]:
            return checks
        with office.begin(_watcher()) as work:
            beat = last_beat(work)
            checks["keys"] = not work.cabinet.keys_missing()
            checks["jobs"] = beat is not None and work.now - beat <= as_seen_by(office.clock, BEAT_LIMIT)
    except SQLAlchemyError:
        # Not being able to ask is the answer.
        return checks
    return checks


@cache
def _needed_revision() -> str:
    return head_revision()


def _may_measure(office: Office) -> bool:
    token = office.settings.metrics_token
    given = request.headers.get("Authorization", "")
    if token is not None and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    # Through a proxy on this machine everybody comes from loopback: then only the token counts.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    return not forwarded and _is_loopback(request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _watcher() -> Actor:
    return Actor(id=None, role=SYSTEM.role, request_id=g.request_id)


def _office() -> Office:
    office: Office = current_app.extensions["office"]
    return office
