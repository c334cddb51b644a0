"""The office's pulse: sweeps clocks, sends alerts, seals the audit trail. Truth is rows; this only ticks.

Any number of these may run at once, in any number of processes: every tick claims its rows (see `deadlines.sweeping`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from casework.audit.service import anchor, seal_checkpoint
from casework.bootstrap import Office
from casework.clock import SystemClock
from casework.deadlines.calendar import catch_all_up
from casework.deadlines.climbing import climb_ladders
from casework.deadlines.sweeping import CLAIM, Claim, claim, fire, is_idle, tell_missed, waiting
from casework.errors import CaseworkError
from casework.incidents.service import fire_marks
from casework.jobs.guard import ClockGuard
from casework.jobs.posting import follow_notices, send_notices
from casework.jobs.watching import note_jump, note_silence
from casework.notices.outbox import Stopping, never
from casework.oversight.acts import expire_acts
from casework.people.service import beat
from casework.work import SYSTEM

TICK_SECONDS = 5.0
CHECKPOINT_SECONDS = 60.0
FOLLOW_SECONDS = 15.0  # an urgent message not heard of within a minute is told again by another channel
CAUGHT_UP_SECONDS = 2.0  # of counting anew, before it is asked whether to end
CAUGHT_UP_PARTS = 30  # so many times in one tick: the sweep must not wait longer
CLIMBS = 20  # transactions of ladders in one tick
UNFIREABLE = (CaseworkError, KeyError)  # a key or a rule that is gone: a fault of one case, never of the sweep


log = structlog.get_logger("jobs")


def sweep_clocks(office: Office, stopping: Stopping = never) -> int:
    """Fires everything that is due, a claim at a time, and tells what was missed. Returns how many it claimed.

    Once `stopping` says so nothing more is claimed; what is claimed is fired, which takes less than a second.
    """
    handled = 0
    while not stopping():
        with office.begin(SYSTEM) as work:
            if is_idle(work):
                return handled
            due = waiting(work)
            if not due:
                tell_missed(work)
                return handled
            if handled:
                beat(work)  # a backlog may take minutes
        done = sum(_fire_some(office, due[first : first + CLAIM], stopping) for first in range(0, len(due), CLAIM))
        handled += done
        if not done:  # others have it all
            break
    with office.begin(SYSTEM) as work:
        tell_missed(work)
    return handled


def _fire_some(office: Office, due: Sequence[UUID], stopping: Stopping) -> int:
    if stopping():
        return 0
    with office.begin(SYSTEM) as work:
        claims = claim(work, among=due)
    if claims:
        fire_part(office, claims)
    return len(claims)


def fire_part(office: Office, claims: Sequence[Claim]) -> None:
    """Fires claims in one transaction; those that somebody holds, or that spoil it for the others, each in one of its own.

    A clock that cannot be fired is logged and left to the next claim, after its lease: it must not hold up the rest.
    """
    try:
        with office.begin(SYSTEM) as work:
            left = fire(work, claims)
    except UNFIREABLE:
        left = list(claims)
    for one in left:
        try:
            with office.begin(SYSTEM) as work:
                fire(work, [one], wait=True)
        except UNFIREABLE as fault:
            log.error("clock cannot be fired", clock=str(one.clock_id), fault=type(fault).__name__)


def climb(office: Office, stopping: Stopping = never) -> int:
    """Calls the rungs of ladders that are due; what is too much for one tick is left to the next, for the pulse must not
    stop. Returns how many people were called."""
    called = 0
    for _part in range(CLIMBS):
        if stopping():
            break
        with office.begin(SYSTEM) as work:
            looked_at, more = climb_ladders(work)
        called += more
        if not looked_at:
            break
    return called


def seal_trail(office: Office) -> None:
    with office.begin(SYSTEM) as work:
        seal_checkpoint(work, force=True)
    with office.begin(SYSTEM) as work:
        anchor(work, office.settings.anchor_file)


def pulse(office: Office, stopping: Stopping = never) -> None:
    """What an edit of the calendar left is counted anew, what is due is fired, and the heartbeat is written for /readyz;
    then what was proposed and nobody decided in time is closed."""
    for _part in range(CAUGHT_UP_PARTS):
        if stopping() or not catch_all_up(lambda: office.begin(SYSTEM), seconds=CAUGHT_UP_SECONDS):
            break
    fired = sweep_clocks(office, stopping)
    climb(office, stopping)
    with office.begin(SYSTEM) as work:
        fire_marks(work)
    with office.begin(SYSTEM) as work:
        beat(work)
    with office.begin(SYSTEM) as work:
        expire_acts(work)
    if fired:
        log.info("fired", clocks=fired)


def send(office: Office, stopping: Stopping = never) -> None:
    sent = send_notices(office, stopping)
    if sent:
        log.info("sent", notices=sent)


def watched_send(office: Office, stopping: Stopping = never) -> None:
    """Sending has a thread of its own, so it is what notices that the clocks' thread has fallen silent."""
    note_silence(office)
    send(office, stopping)


def tick(office: Office) -> None:
    """One pulse, and what it queued is sent."""
    pulse(office)
    send(office)


def guarded_pulse(office: Office, guard: ClockGuard, stopping: Stopping = never) -> bool:
    """A pulse, unless the office's clock cannot be believed just now. Returns whether it was."""
    reference = _database_time(office)
    if not guard.agrees(reference):
        log.warning("clock jumped or differs from the database's: nothing is fired at this tick")
        if guard.just_jumped:
            note_jump(office, reference)
        return False
    note_silence(office)
    pulse(office, stopping)
    return True


def start_jobs(office: Office, *, every: float = TICK_SECONDS, stopping: Stopping = never) -> BackgroundScheduler:
    """Starts ticking in threads of this process; `shutdown()` on what is returned stops it after what is running. Once
    `stopping` says so what is running claims nothing more, and gives back what it has claimed and not begun.

    Sending has a thread of its own: a provider that does not answer must not hold up the clocks.
    """
    scheduler = BackgroundScheduler(timezone="UTC")
    guard = ClockGuard(office.clock)
    _add(scheduler, lambda: guarded_pulse(office, guard, stopping), "clocks", every)
    _add(scheduler, lambda: watched_send(office, stopping), "notices", every)
    _add(scheduler, lambda: follow_notices(office, stopping), "receipts", FOLLOW_SECONDS)
    _add(scheduler, lambda: seal_trail(office), "seal", CHECKPOINT_SECONDS)
    scheduler.start()
    return scheduler


def run_jobs(office: Office, *, every: float = TICK_SECONDS) -> None:
    """Ticks until SIGTERM or SIGINT; then ends within seconds, whatever is still due: another process, or the next one,
    finds it so."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = start_jobs(office, every=every, stopping=stop.is_set)
    stop.wait()
    scheduler.shutdown(wait=True)


def _database_time(office: Office) -> datetime | None:
    """Only where the office runs on real time: a drill's clock has nothing to be compared with."""
    if not isinstance(office.clock, SystemClock):
        return None
    with office.engine.connect() as connection:
        now: datetime = connection.exec_driver_sql("select clock_timestamp()").scalar_one()
        return now


def _add(scheduler: BackgroundScheduler, act: Callable[[], object], name: str, seconds: float) -> None:
    def guarded() -> None:
        try:
            act()
        except OperationalError:
            # The database is away for a moment: the next tick finds the same rows still due.
            log.warning("database away", job=name)

    scheduler.add_job(
        guarded, "interval", seconds=seconds, id=name, coalesce=True, max_instances=1, misfire_grace_time=None
    )
