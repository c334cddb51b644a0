"""Where a provider of SMS reports what became of a message, and passes on what people answer to one. Signed by the
provider, for the address we gave it.

A forged report could say that an alert was delivered, and nobody would look again: so the signature is checked against the
configured public address (never the Host header), the address holds a secret of the one attempt, the message's id must be
the one that attempt got, a copy is refused, and no report is ever an acknowledgement.

An answer may say anything. All that is taken from it is whether it asks for no more SMS, or for SMS again.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from apiflask import APIBlueprint
from flask import Response, current_app, g, request

from casework.api.problems import problem
from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.notices.models import Channel
from casework.notices.optout import take_answer
from casework.notices.receipts import take_callback
from casework.notices.senders import Callback, CallbackRefused, Listens, SmsSender
from casework.notices.sms import callback_base
from casework.notices.tokens import ANSWER_PATH, CALLBACK_PATH, VOICE_PATH
from casework.policy import open_to_machines
from casework.work import SYSTEM, Actor, Work

bp = APIBlueprint("callbacks", __name__, enable_openapi=False)
log = structlog.get_logger("callbacks")

STATUS = {"signature": "forbidden", "account": "forbidden", "token": "not-found", "message": "forbidden"}
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # TwiML: Twilio answers a STOP itself


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


@bp.post(ANSWER_PATH)
@open_to_machines
def answered() -> Response:
    """200 and nothing to say back: taken. 403: not the provider's. 404: the provider of this office passes nothing on. 409: a
    copy of one taken before."""
    sender = _office().sms
    if not isinstance(sender, Listens):
        return problem("not-found")
    refused = _refusal(lambda work, callback: take_answer(work, sender, callback))
    return refused or Response(NOTHING_TO_SAY, mimetype="text/xml")


def _taken(sender: SmsSender, token: str) -> Response:
    refused = _refusal(lambda work, callback: take_callback(work, sender, token, callback, failed=move_up))
    return refused or Response(status=204)


def _refusal(take: Callable[[Work, Callback], object]) -> Response | None:
    """Has what came in taken in a piece of work of its own. Returns the answer where it is refused."""
    office = _office()
    fields = request.form if request.method == "POST" else request.args
    url = f"{callback_base(office.settings) or office.settings.public_url}{request.path}"
    callback = Callback(url, fields.to_dict(), dict(request.headers))
    try:
        with office.begin(Actor(id=None, role=SYSTEM.role, request_id=g.request_id)) as work:
            take(work, callback)
    except CallbackRefused as refused:
        log.warning("callback refused", kind=refused.reason)
        slug = "replayed" if refused.reason == "replay" else STATUS.get(refused.reason, "bad-request")
        return problem(slug)
    return None


def _office() -> Office:
    office: Office = current_app.extensions["office"]
    return office
