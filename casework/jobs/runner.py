"""The office's pulse: sweeps clocks, sends alerts, seals the audit trail. Truth is rows; this only ticks.

Any number of these may run at once, in any number of processes: every tick claims its rows.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from casework.audit.service import anchor, seal_checkpoint
from casework.bootstrap import Office
from casework.deadlines.service import sweep
from casework.notices.service import deliver
from casework.people.service import beat
from casework.work import SYSTEM

TICK_SECONDS = 5.0
CHECKPOINT_SECONDS = 60.0

log = structlog.get_logger("jobs")


def sweep_clocks(office: Office) -> int:
    """Fires everything that is due, a batch a transaction. Returns how many clocks it handled."""
    handled = 0
    while True:
        with office.begin(SYSTEM) as work:
            taken = sweep(work)
        handled += taken
        if taken == 0:
            return handled


def send_notices(office: Office) -> int:
    return deliver(lambda: office.begin(SYSTEM), office.sms)


def seal_trail(office: Office) -> None:
    with office.begin(SYSTEM) as work:
        seal_checkpoint(work, force=True)
    with office.begin(SYSTEM) as work:
        anchor(work, office.settings.anchor_file)


def pulse(office: Office) -> None:
    """What is due is fired and the heartbeat is written for /readyz."""
    fired = sweep_clocks(office)
    with office.begin(SYSTEM) as work:
        beat(work)
    if fired:
        log.info("fired", clocks=fired)


def send(office: Office) -> None:
    sent = send_notices(office)
    if sent:
        log.info("sent", notices=sent)


def tick(office: Office) -> None:
    """One pulse, and what it queued is sent."""
    pulse(office)
    send(office)


def start_jobs(office: Office, *, every: float = TICK_SECONDS) -> BackgroundScheduler:
    """Starts ticking in threads of this process; `shutdown()` on what is returned stops it after what is running.

    Sending has a thread of its own: a provider that does not answer must not hold up the clocks.
    """
    scheduler = BackgroundScheduler(timezone="UTC")
    _add(scheduler, lambda: pulse(office), "clocks", every)
    _add(scheduler, lambda: send(office), "notices", every)
    _add(scheduler, lambda: seal_trail(office), "seal", CHECKPOINT_SECONDS)
    scheduler.start()
    return scheduler


def run_jobs(office: Office, *, every: float = TICK_SECONDS) -> None:
    """Ticks until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = start_jobs(office, every=every)
    stop.wait()
    scheduler.shutdown(wait=True)


def _add(scheduler: BackgroundScheduler, act: Callable[[], None], name: str, seconds: float) -> None:
    def guarded() -> None:
        try:
            act()
        except OperationalError:
            # The database is away for a moment: the next tick finds the same rows still due.
            log.warning("database away", job=name)

    scheduler.add_job(
        guarded, "interval", seconds=seconds, id=name, coalesce=True, max_instances=1, misfire_grace_time=None
    )
