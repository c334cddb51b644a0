"""What is done for messages at each tick: gathered, told again by other channels, sent, asked after."""

from __future__ import annotations

from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.notices import outbox
from casework.notices.models import Channel
from casework.notices.outbox import Stopping, never
from casework.notices.relay import BATCH, relay
from casework.notices.senders import SmsSender
from casework.notices.service import gather_digests
from casework.notices.sms import callback_base
from casework.work import SYSTEM

PRICED = (Channel.VOICE,)  # channels besides SMS whose provider can be asked after a message


def send_notices(office: Office, stopping: Stopping = never) -> int:
    """What was held for the morning is gathered, what is due is sent by every channel. Returns how many messages were
    found to be taken. Once `stopping` says so nothing more is begun."""
    with office.begin(SYSTEM) as work:
        gather_digests(work)
    taken = _deliver(office, office.sms, stopping)
    tell_again(office, stopping)
    for line in office.channels.values():
        taken += _deliver(office, line, stopping)
    return taken


def _deliver(office: Office, line: SmsSender, stopping: Stopping) -> int:
    base = callback_base(office.settings)
    return outbox.deliver(lambda: office.begin(SYSTEM), line, failed=move_up, callback_base=base, stopping=stopping)


def tell_again(office: Office, stopping: Stopping = never) -> None:
    """The next channel for urgent messages nobody can be sure of; after the SMS, so that one just refused does not wait."""
    looked_at = BATCH
    while looked_at == BATCH and not stopping():
        with office.begin(SYSTEM) as work:
            looked_at = relay(work, office.channels.keys(), failed=move_up)


def follow_notices(office: Office, stopping: Stopping = never) -> None:
    """Asks after messages that were taken and that nobody reported on."""
    outbox.follow_up(lambda: office.begin(SYSTEM), office.sms, failed=move_up, stopping=stopping)
    for channel in PRICED:
        if channel in office.channels:
            line = office.channels[channel]
            outbox.follow_up(lambda: office.begin(SYSTEM), line, failed=move_up, stopping=stopping)
