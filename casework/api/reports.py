"""`POST /api/v1/reports`: another system hands over a report, and is answered only after it is kept."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, current_app, g, jsonify, render_template, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from casework.api.problems import TITLES, as_problem, problem
from casework.api.spec import KEY_LENGTH, described
from casework.bootstrap import Office
from casework.errors import IdempotencyMismatch
from casework.intake.service import receive_posted
from casework.people.models import ApiKey
from casework.people.queries import api_client, unit
from casework.people.rules import Role
from casework.people.service import note_unknown_api_key
from casework.policy import network_of, open_to_all, open_to_machines
from casework.work import Actor, Work

bp = APIBlueprint("reports", __name__)
bp.after_app_request(as_problem)

RETRY_SECONDS = "5"


@bp.record
def describe(state: BlueprintSetupState) -> None:
    state.app.spec_processor(described)  # type: ignore[attr-defined]  # the application is an APIFlask


@bp.post("/api/v1/reports")
@bp.doc(hide=True)  # described in `spec`: a body that does not fit is kept, so nothing may check it before us
@open_to_machines
def post_report() -> Response:
    body = request.get_data(cache=False)
    key = request.headers.get("Idempotency-Key")
    try:
        return _receive(body, key)
    except IdempotencyMismatch:
        return problem("idempotency-mismatch")
    except (OperationalError, InterfaceError, NoConnectionFree):
        return problem("unavailable", **{"Retry-After": RETRY_SECONDS})


@bp.get("/api/docs")
@bp.doc(hide=True)
@open_to_all
def docs() -> str:
    return render_template(
        "api/docs.html",
        api=described({"info": {"title": "casework", "version": "1"}}),
        problems=[(slug, *said) for slug, said in TITLES.items()],
        base=_office().settings.public_url,
    )


def _receive(body: bytes, key: str | None) -> Response:
    office = _office()
    nobody = Actor(id=None, role="public", request_id=g.request_id)
    with office.begin(nobody) as work:
        client = _client(work)
        if client is not None:
            actor = _actor(work, client)
    if client is None:
        return _refuse_key(office, nobody)
    if key is not None and not 0 < len(key) <= KEY_LENGTH:
        return problem("bad-idempotency-key")
    with office.begin(actor) as work:
        status, answer = receive_posted(work, client, body, key)
    # Only here is it true: the `with` above has committed.
    told = jsonify(answer)
    told.status_code = status
    return told


def _client(work: Work) -> ApiKey | None:
    scheme, _space, raw = request.headers.get("Authorization", "").partition(" ")
    return api_client(work, raw.strip()) if scheme.lower() == "bearer" and raw.strip() else None


def _actor(work: Work, client: ApiKey) -> Actor:
    """A machine acts as the hotline's desk it belongs to; who it was stands with the report."""
    home = unit(work, client.unit_id)
    return Actor(
        id=None, role=Role.HOTLINE, unit_id=home.id, province_id=home.province_id or home.id, request_id=g.request_id
    )


def _refuse_key(office: Office, nobody: Actor) -> Response:
    with office.begin(nobody) as work:
        wait = note_unknown_api_key(work, network_of(request.remote_addr))
    if wait:
        return problem("too-many-attempts", **{"Retry-After": str(wait)})
    return problem("unknown-key", **{"WWW-Authenticate": 'Bearer realm="casework"'})


def _office() -> Office:
    office: Office = current_app.extensions["office"]
    return office
