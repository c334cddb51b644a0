"""What goes wrong with the office's own time is written in the trail and told to who administers it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.bootstrap import Office
from casework.clock import FrozenClock, as_seen_by
from casework.notices.service import notify_administrators, told_since
from casework.people.queries import last_beat
from casework.work import SYSTEM

SILENT = timedelta(seconds=60)  # of the clocks' thread; /readyz says so at the same time
TOLD_OF_LATE = timedelta(minutes=10)  # several processes notice one jump


def note_jump(office: Office, reference: datetime | None) -> None:
    """The clock has jumped, or differs from the database's. Written down by the database's time where it is known, for the
    office's own is what cannot be believed."""
    believed = office if reference is None else replace(office, clock=FrozenClock(reference))
    with believed.begin(SYSTEM) as work:
        record(work, Tag.TIME_JUMPED, object_type="clock", result="refused")
        if not told_since(work, "clock-jumped", work.now - TOLD_OF_LATE):
            notify_administrators(work, "clock-jumped")


def note_silence(office: Office) -> bool:
    """The clocks have not been swept for a while: while they still are not, or by the first process that starts again.
    Told once a silence. Returns whether it told it."""
    with office.begin(SYSTEM) as work:
        beat = last_beat(work)
        silent = beat is not None and work.now - beat > as_seen_by(office.clock, SILENT)
        if beat is None or not silent or told_since(work, "tick-lost", beat):
            return False
        record(work, Tag.TICK_LOST, object_type="clock", result="refused")
        notify_administrators(work, "tick-lost")
    return True
