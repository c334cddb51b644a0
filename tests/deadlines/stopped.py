"""A sweeper of its own that claims what is due, is stopped (SIGSTOP) before it fires, and fires when it goes on.

`python -m tests.deadlines.stopped DATABASE_URL KEY_FILE MOMENT LEASE_SECONDS` prints how many limits it claimed, and then,
after it was let go on, how many effects there are.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func
from sqlmodel import select

from casework.bootstrap import open_office
from casework.clock import FrozenClock
from casework.deadlines.models import ClockEffect
from casework.deadlines.sweeping import claim, fire
from casework.settings import Settings
from casework.work import SYSTEM


def main(url: str, key_file: str, moment: str, lease: str) -> None:
    path = Path(key_file)
    settings = Settings(data_dir=path.parent, key_file=path, database_url=url)
    office = open_office(settings, clock=FrozenClock(datetime.fromisoformat(moment)))
    with office.begin(SYSTEM) as work:
        claims = claim(work, lease=timedelta(seconds=float(lease)))
    print(len(claims), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    with office.begin(SYSTEM) as work:
        fire(work, claims)
    with office.begin(SYSTEM) as work:
        print(work.session.exec(select(func.count()).select_from(ClockEffect)).one(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
