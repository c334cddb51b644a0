"""The message test: a provider with every fault, and senders killed with SIGKILL; then what it took is counted.

`python -m tests.bench.sms --messages 1000 --kills 50` ends with one line a part and exits 1 if a message was lost, if one
came twice more often than a sender was killed (or at all, where the provider's list can be asked), or if the ladder came
late. `--down 1800` keeps the provider down for half an hour in the middle of it, `--forged 10000` adds an attack on the
callbacks.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx
from sqlmodel import col, select

from casework.bootstrap import Office, open_office
from casework.clock import FrozenClock
from casework.deadlines.climbing import move_up
from casework.intake.service import receive_report
from casework.jobs.runner import climb
from casework.notices import outbox
from casework.notices.models import Alarm, AlarmCall, Notice, NoticeAttempt
from casework.notices.queries import waiting
from casework.notices.rules import Pace, word
from casework.notices.service import About, notify
from casework.notices.sms import TwilioSender
from casework.people.models import Staff
from casework.people.rules import Role
from casework.people.service import actor_of
from casework.settings import Settings
from casework.work import SYSTEM
from tests.bench.house import CASEWORK, House, load_note, new_house, stop, wait_for
from tests.notices.twilio_api import ACCOUNT, CUT, FINE, HANG, TOKEN, Provider, provider, signature

SENDERS = 2
PACE = Pace(
    lease=timedelta(seconds=4), rest=timedelta(seconds=1), ask_after=timedelta(seconds=1), follow_up=timedelta(hours=1)
)
PATIENCE = 1.5  # seconds a sender waits for an answer
SETTLE_SECONDS = 300
OFFICE = "https://office.test"


def weather(chance: random.Random, *, with_list: bool) -> str | int:
    """What happens to one request: mostly it is fine. Where no list can be asked, nothing is taken without an answer but by
    a kill: only then does the number of kills bound what may come twice."""
    faults: tuple[str | int, ...] = (FINE, CUT, HANG, 429, 500, 503)
    return chance.choices(faults, (80, 6, 2, 5, 4, 3) if with_list else (88, 0, 0, 5, 4, 3))[0]


def office_of(house_url: str, key_file: str, data: str, api: str) -> Office:
    """The office as a sender's process opens it."""
    settings = Settings(data_dir=Path(data), key_file=Path(key_file), database_url=house_url)
    sender = TwilioSender(account_sid=ACCOUNT, auth_token=TOKEN, sender="+84900000999", api=api, timeout=PATIENCE)
    return open_office(settings, sms=sender)


def deliver_once(office: Office) -> int:
    return outbox.deliver(lambda: office.begin(SYSTEM), office.sms, failed=move_up, callback_base=OFFICE, pace=PACE)


@dataclass(frozen=True)
class Outcome:
    """`twice`: messages that came more often than once; `found`: attempts settled by the provider's list."""

    messages: int
    kills: int
    lost: int
    twice: int
    tries: int
    lists: int
    unsettled: int
    seconds: float
    with_list: bool
    down: float

    @property
    def good(self) -> bool:
        return self.lost == 0 and self.unsettled == 0 and self.twice <= self.bound

    @property
    def bound(self) -> int:
        """How many may come twice. While the provider is down its list cannot be asked either."""
        return 0 if self.with_list and not self.down else self.kills

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.good else 'FAILED'}: {self.messages} messages, {self.kills} kills, down for"
            f" {self.down:.0f} s in between, the list"
            f" {'asked' if self.with_list else 'down'}: {self.lost} lost, {self.twice} twice, {self.unsettled} unsettled,"
            f" {self.tries} tries, {self.lists} questions; {self.seconds:.0f} s, {load_note()}"
        )


class Senders:
    """Processes that send, killed at random and started again."""

    def __init__(self, house: House, peer: Provider, number: int = SENDERS) -> None:
        self._house, self._peer = house, peer
        self.running = [self._start() for _ in range(number)]

    def kill_one(self, chance: random.Random) -> None:
        victim = chance.randrange(len(self.running))
        self.running[victim].send_signal(signal.SIGKILL)
        self.running[victim].wait()
        self.running[victim] = self._start()

    def close(self) -> None:
        for process in self.running:
            stop(process)

    def _start(self) -> subprocess.Popen[str]:
        folder = self._house.folder
        arguments = [self._house.server.url(), str(folder / "keys" / "office.key"), str(folder), self._peer.address]
        with (folder / "sender.log").open("a") as sink:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.bench.sms", "--sender", *arguments], stdout=sink, stderr=sink, text=True
            )


def queue(office: Office, number: int) -> None:
    """So many alerts, each with a code of its own."""
    with office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.role == Role.WORKER, col(Staff.closed_at).is_(None))).all()
        for n in range(number):
            notify(work, staff[n % len(staff)], text_id="report-received", about=About(None, f"TE-{n:05d}"))


def run(
    house: House, *, messages: int, kills: int, with_list: bool = True, down: float = 0.0, seed: int = 5
) -> Outcome:
    """Queues, sends in bad weather, kills, waits until all is settled, and counts what the provider took.

    In the middle nothing is answered but 503 for `down` seconds, and half of the kills fall into that time.
    """
    began, chance = time.monotonic(), random.Random(seed)
    with provider() as peer, opened(house, peer) as office:
        peer.chance, peer.hang = lambda: weather(chance, with_list=with_list), PATIENCE * 2
        peer.list_status = 200 if with_list else 503
        clear(office)
        queue(office, messages)
        senders = Senders(house, peer)
        try:
            in_the_dark = kills // 2 if down else 0
            lit = kills - in_the_dark
            each = messages / (lit + 1)
            for kill in range(lit):
                if down and kill == lit // 2:
                    outage(peer, senders, chance, seconds=down, kills=in_the_dark)
                wait_until(lambda kill=kill: len(peer.messages) >= each * (kill + 0.5) or waits(office) == 0)
                time.sleep(chance.uniform(0, 0.3))
                senders.kill_one(chance)
            wait_until(lambda: waits(office) == 0)
        finally:
            senders.close()
        unsettled = waits(office)
        came = Counter(one.body for one in peer.messages)
        expected = [word("report-received", code=f"TE-{n:05d}") for n in range(messages)]
        return Outcome(
            messages=messages,
            kills=kills,
            lost=sum(came[body] == 0 for body in expected),
            twice=sum(max(0, came[body] - 1) for body in expected),
            tries=peer.tries,
            lists=peer.lists,
            unsettled=unsettled,
            seconds=time.monotonic() - began,
            with_list=with_list,
            down=down,
        )


def outage(peer: Provider, senders: Senders, chance: random.Random, *, seconds: float, kills: int) -> None:
    """The provider answers nothing but 503, whatever it is asked, while senders are killed."""
    before, peer.chance, peer.list_status = (peer.chance, peer.list_status), lambda: 503, 503
    for _kill in range(kills):
        time.sleep(seconds / (kills + 1))
        senders.kill_one(chance)
    time.sleep(seconds / (kills + 1))
    peer.chance, peer.list_status = before


@dataclass(frozen=True)
class Ladder:
    """How the ladder did while the provider was down."""

    calls: int
    expected: int
    latest: timedelta
    sent_after: int

    @property
    def good(self) -> bool:
        return self.calls == self.expected and self.latest <= timedelta(seconds=10) and self.sent_after > 0

    @property
    def line(self) -> str:
        return (
            f"{'OK' if self.good else 'FAILED'}: provider down for 30 minutes: {self.calls} of {self.expected} rungs called,"
            f" the latest {self.latest.total_seconds():.0f} s after its moment; {self.sent_after} messages sent when it was back"
        )


def ladder_while_down(house: House) -> Ladder:
    """A report nobody answers while the provider is down for 30 minutes (of the office's clock, ticking every 5 s)."""
    with provider() as peer, opened(house, peer) as office:
        peer.always = 503
        clear(office)
        clock = FrozenClock(office.clock.now())
        still = replace(office, clock=clock)
        start = clock.now()
        with still.begin(SYSTEM) as work:
            hotline = work.session.exec(select(Staff).where(Staff.role == Role.HOTLINE)).first()
            assert hotline is not None
            who = actor_of(work, hotline)
        with still.begin(who) as work:
            values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Diễn tập"}
            case_id = receive_report(work, values, received_at=work.now).case.id
        for second in range(0, 30 * 60, 5):
            clock.at = start + timedelta(seconds=second)
            climb(still)
            if second % 300 == 0:
                deliver_once(still)
        with still.begin(SYSTEM) as work:
            mine = work.session.exec(
                select(AlarmCall)
                .join(Alarm, col(Alarm.id) == AlarmCall.alarm_id)
                .where(Alarm.case_id == case_id, Alarm.ladder == "acknowledge")
            ).all()
        shares = {"owner": 0.0, "deputy": 7.5, "chair": 11.25, "province": 15.0}
        late = max((one.at - start - timedelta(minutes=shares[one.who]) for one in mine), default=timedelta(days=1))
        peer.always = FINE
        time.sleep(PACE.rest.total_seconds() + 0.2)
        clock.at = clock.at + timedelta(minutes=5)
        sent = deliver_once(still)
        assert case_id is not None
        return Ladder(len({one.who for one in mine}), len(shares), late, sent)


def forge(house: House, number: int, seed: int = 5) -> tuple[int, int]:
    """An attack over HTTP on a served office: (how many of so many reports were taken, how many rows changed)."""
    chance = random.Random(seed)
    public = house.url
    with provider() as peer, opened(house, peer) as office:
        clear(office)
        queue(office, 2)
        outbox.deliver(lambda: office.begin(SYSTEM), office.sms, failed=move_up, callback_base=public, pace=PACE)
        message = peer.messages[0]
        with served(house, peer):
            assert peer.report(message, "sent") == 204
            before, taken = rows(office), 0
            with httpx.Client(base_url=public, trust_env=False, timeout=30) as line:
                for _ in range(number):
                    taken += forged(line, peer, chance) < 400
            return taken, sum(before[key] != after for key, after in rows(office).items())


def forged(line: httpx.Client, peer: Provider, chance: random.Random) -> int:
    """One report that is not what it says, or a copy of the true one. Returns the HTTP status."""
    message, other = peer.messages[0], peer.messages[1]
    url = message.fields["StatusCallback"]
    true = peer.callback(message)
    lie = true | {"MessageStatus": chance.choice(("delivered", "failed", "undelivered"))}
    kind = chance.randrange(6)
    if kind == 0:
        fields, signed = true, signature(url, true)  # a copy
    elif kind == 1:
        fields, signed = lie, signature(url, true)
    elif kind == 2:
        fields, signed = lie, signature(url, lie, f"guess {chance.random()}")
    elif kind == 3:
        fields, signed = lie, signature(url.replace("127.0.0.1", "evil.test"), lie)
    elif kind == 4:
        url = other.fields["StatusCallback"]
        fields, signed = lie, signature(url, lie)
    else:
        path = urlsplit(url).path.rpartition("/")[0]
        url = f"{line.base_url}{path.lstrip('/')}/{chance.getrandbits(256):064x}"
        fields, signed = lie, signature(url, lie)
    return line.post(urlsplit(url).path, data=fields, headers={"X-Twilio-Signature": signed}).status_code


@contextmanager
def served(house: House, peer: Provider) -> Iterator[None]:
    """`casework serve` with Twilio's receipts expected at its own address."""
    environment = house.environment | {
        "CASEWORK_SMS": "twilio",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": "+84900000999",
        "CASEWORK_TWILIO_API": peer.address,
        "CASEWORK_PUBLIC_URL": house.url,
    }
    with (house.folder / "serve.log").open("a") as sink:
        process = subprocess.Popen(
            [str(CASEWORK), "serve", "--port", str(house.port)], env=environment, stdout=sink, stderr=sink, text=True
        )
    try:
        wait_for(f"{house.url}/healthz", process)
        yield
    finally:
        stop(process)


@contextmanager
def opened(house: House, peer: Provider) -> Iterator[Office]:
    folder = house.folder
    office = office_of(house.server.url(), str(folder / "keys" / "office.key"), str(folder), peer.address)
    try:
        yield office
    finally:
        office.engine.dispose()


def clear(office: Office) -> None:
    """What the demo's own stories and an earlier part left in the outbox is not what is measured."""
    with office.begin(SYSTEM) as work:
        connection = work.session.connection()
        connection.exec_driver_sql("update notice set state = 'kept' where state in ('ready', 'sending', 'unknown')")
        connection.exec_driver_sql("update notice_attempt set provider_id = id::text where provider_id is not null")
        connection.exec_driver_sql("update sms_line set failures = 0, failing_since = null, rests_until = null")


def rows(office: Office) -> dict[Any, str]:
    with office.begin(SYSTEM) as work:
        notices = {one.id: one.state for one in work.session.exec(select(Notice))}
        return notices | {one.id: one.state for one in work.session.exec(select(NoticeAttempt))}


def waits(office: Office) -> int:
    with office.begin(SYSTEM) as work:
        return waiting(work)


def wait_until(done: Any) -> None:
    limit = time.monotonic() + SETTLE_SECONDS
    while not done() and time.monotonic() < limit:
        time.sleep(0.1)


def send_for_ever(arguments: tuple[str, ...]) -> None:
    """One sender's process, until SIGTERM or SIGKILL."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    office = office_of(*arguments)
    while not stopping.wait(0.2):
        deliver_once(office)


@click.command()
@click.option("--messages", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--kills", default=50, show_default=True, type=click.IntRange(0))
@click.option("--down", default=60.0, show_default=True, help="Seconds for which the provider is down in between.")
@click.option("--forged", "forgeries", default=0, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=5, show_default=True)
@click.option("--sender", is_flag=True, hidden=True)
@click.argument("arguments", nargs=-1)
def main(
    messages: int, kills: int, down: float, forgeries: int, seed: int, sender: bool, arguments: tuple[str, ...]
) -> None:
    """Send through a bad provider while senders are killed; then count what was lost and what came twice."""
    if sender:
        send_for_ever(arguments)
        return
    good = True
    with new_house() as house:
        for with_list, dark in ((True, 0.0), (False, 0.0), (True, down)):
            outcome = run(house, messages=messages, kills=kills, with_list=with_list, down=dark, seed=seed)
            click.echo(outcome.line)
            good &= outcome.good
        ladder = ladder_while_down(house)
        click.echo(ladder.line)
        good &= ladder.good
        if forgeries:
            taken, changed = forge(house, forgeries, seed)
            held = not taken and not changed
            what = f"{forgeries} forged or replayed reports: {taken} taken, {changed} rows changed"
            click.echo(f"{'OK' if held else 'FAILED'}: {what}")
            good &= held
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    main()
