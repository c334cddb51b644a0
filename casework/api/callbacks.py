"""Where a provider of SMS reports what became of a message. Signed by the provider, for the address we gave it.

A forged report could say that an alert was delivered, and nobody would look again: so the signature is checked against the
configured public address (never the Host header), the address holds a secret of the one attempt, the message's id must be
the one that attempt got, a copy is refused, and no report is ever an acknowledgement.
"""

from __future__ import annotations

import structlog
from apiflask import APIBlueprint
from flask import Response, current_app, g, request

from casework.api.problems import problem
from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.notices.models import Channel
from casework.notices.receipts import take_callback
from casework.notices.senders import Callback, CallbackRefused, SmsSender
from casework.notices.sms import callback_base
from casework.notices.tokens import CALLBACK_PATH, VOICE_PATH
from casework.policy import open_to_machines
from casework.work import SYSTEM, Actor

bp = APIBlueprint("callbacks", __name__, enable_openapi=False)
log = structlog.get_logger("callbacks")

STATUS = {"signature": "forbidden", "account": "forbidden", "token": "not-found", "message": "forbidden"}


@bp.route(f"{CALLBACK_PATH}<token>", methods=["GET", "POST"])
@open_to_machines
def report(token: str) -> Response:
    """204: taken, whether or not it told anything new. 403, 404: not the provider's. 409: a copy of one taken before."""
    return _taken(_office().sms, token)


@bp.route(f"{VOICE_PATH}<token>", methods=["GET", "POST"])
@open_to_machines
def call_ended(token: str) -> Response:
    """The same for a voice call; 404 where the office makes none."""
    sender = _office().channels.get(Channel.VOICE)
    return problem("not-found") if sender is None else _taken(sender, token)


def _taken(sender: SmsSender, token: str) -> Response:
    office = _office()
    fields = request.form if request.method == "POST" else request.args
    url = f"{callback_base(office.settings) or office.settings.public_url}{request.path}"
    callback = Callback(url, fields.to_dict(), dict(request.headers))
    try:
        with office.begin(Actor(id=None, role=SYSTEM.role, request_id=g.request_id)) as work:
            take_callback(work, sender, token, callback, failed=move_up)
    except CallbackRefused as refused:
        log.warning("callback refused", kind=refused.reason)
        slug = "replayed" if refused.reason == "replay" else STATUS.get(refused.reason, "bad-request")
        return problem(slug)
    return Response(status=204)


def _office() -> Office:
    office: Office = current_app.extensions["office"]
    return office
