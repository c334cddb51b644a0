"""To whom a case is kept from, the office answers as if it had never been: byte for byte, on every page, and as fast.

One office is copied; the copy gets cases that are kept from the commune, and both live through the same day. Then everybody
of the commune opens every address in both, the kept cases' own included, and the answers must be the same bytes.

Whole: `PAIRS=2000 .venv/bin/python -m pytest -m slow tests/access/test_excluded_sees_nothing.py -k time -s`. In CI 40 pairs.
"""

from __future__ import annotations

import math
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Blueprint, jsonify
from sqlalchemy import func
from sqlmodel import col, select

from casework.app import create_app
from casework.bootstrap import open_office
from casework.cases.drafts import save_draft
from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.cases.queries import find_case
from casework.cases.service import take_action
from casework.cli_routes import PARAMETER, shown_name
from casework.clock import FrozenClock
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer
from casework.intake.models import Report
from casework.intake.service import receive_report
from casework.jobs.runner import tick
from casework.notices.feed import make_link
from casework.oversight.acts import acts_on, decide_act, propose
from casework.oversight.breakglass import open_in_emergency
from casework.papers.queries import line_of
from casework.papers.service import Choices, issue_paper
from casework.people.models import SignedInSession, Staff, Unit
from casework.people.rules import Role
from casework.policy import MACHINE, PUBLIC, declared, open_to
from casework.web.door import the_office
from casework.web.frame import STATIC
from casework.work import SYSTEM
from tests.access.filled import PAPER, Filled, filled, grant, refer, with_ids
from tests.access.scenes import second_supervisor
from tests.conftest import Database, Town
from tests.papers.filing import DECISION, file_form
from tests.web.conftest import TOKEN

if TYPE_CHECKING:
    from flask.testing import FlaskClient

pytestmark = pytest.mark.slow
PAIRS = int(os.environ.get("PAIRS", "40"))

COMMUNE = "99001"
FRESH = re.compile(rf'{TOKEN.pattern}|name="once" value="[^"]+"')  # a form's token and number are new each time
CHILD = "Dấuvết Kín"
NOWHERE = "00000000-0000-4000-8000-000000000000"
PEOPLE = ("worker", "chair", "deputy-99001", "collaborator")
STAMPED = {"Date", "Set-Cookie", "Content-Length"}  # a session cookie is signed at the second it is sent
QUERIES: Mapping[str, Sequence[str]] = {
    "/ca": ("q=<ma>", "tat-ca=1", "han=qua-han", "han=sap-han", "nguy-co=high", "trang=2", "tat-ca=1&trang=2"),
    "/tiep-nhan/xa": ("q=Nà", "q=<ma>"),
    "/lich.ics": ("k=<k>",),
}


@dataclass(frozen=True)
class Copies:
    """The same office twice: `without` the kept cases and `with_them`. `tokens` are the same people's sessions in both."""

    without: Town
    with_them: Town
    own: Filled
    kept: Sequence[Filled]
    tokens: Mapping[str, str]
    feed: str


@pytest.fixture
def copies(town: Town, server: EmbeddedServer) -> Iterator[Copies]:
    own = filled(town, "Mot", COMMUNE, worker="worker", chair="chair", offered_to="99002", with_papers=False)
    file_form(town, own.code, PAPER, DECISION)
    actor = town.act_as("worker")
    assert actor.id is not None
    with town.office.begin(actor) as work:
        feed = make_link(work, actor.id)
    town.office.engine.dispose()  # a database that somebody reads cannot be copied
    first, second = copy_of(town, server), copy_of(town, server)
    try:
        yield lived_through(first, second, own, feed)
    finally:
        for one in (first, second):
            one.office.engine.dispose()
            server.drop_database(one.database.name)


def lived_through(first: Town, second: Town, own: Filled, feed: str) -> Copies:
    """The kept cases in the second copy, and the same day in both."""
    kept = [told_at_intake(second), found_out_later(first, second)]
    for hours in (3, 11):
        second.clock.advance(hours=hours)
        tick_both(first, second)
    sessions = {name: (secrets.token_urlsafe(32), uuid4()) for name in PEOPLE}
    for one in (first, second):
        issued_now(one, own)
        enter(one, sessions)
    tokens = {name: token for name, (token, _id) in sessions.items()}
    return Copies(first, second, with_ids(second, own), [with_ids(second, one) for one in kept], tokens, feed)


def copy_of(town: Town, server: EmbeddedServer) -> Town:
    """The town as it stands, with a clock of its own."""
    name = f"copy_{uuid4().hex[:12]}"
    server.create_database(name, town.database.name)
    database = Database(name, server.url(APP_ROLE, name), server.url(OWNER_ROLE, name))
    clock = FrozenClock(town.clock.now())
    office = open_office(replace(town.office.settings, database_url=database.url), clock=clock)
    return Town(office, town.world, clock, database, town.password)


def told_at_intake(town: Town) -> Filled:
    """Whoever reported said that the accused works for the commune: it never was the commune's. The province works on it."""
    with town.office.begin(town.act_as("hotline")) as work:
        values = {
            "incident_commune": COMMUNE,
            "danger_now": "yes",
            "accused_works_for": "commune",
            "child_name": CHILD,
            "child_age": 9,
            "incident_place": "thôn Dấunơikín",
            "narrative": "Lời kể (diễn tập)",
        }
        case = receive_report(work, values, received_at=work.now).case
        kept = Filled("kept", case.id, case.code, CHILD, "thôn Dấunơikín")
    town.clock.advance(minutes=1)
    with town.office.begin(town.act_as("supervisor")) as work:
        take_action(work, find_case(work, kept.code), "accept")
    refer(town, kept, "supervisor", "police", "CA-99002")
    grant(town, kept, hours=100, units=(COMMUNE,))  # an exclusion beats it
    town.clock.advance(minutes=1)
    return kept


def tick_both(first: Town, second: Town) -> None:
    """The office's own clock, at the same moment in both."""
    first.clock.at = second.clock.at
    for one in (first, second):
        tick(one.office)


def found_out_later(first: Town, town: Town) -> Filled:
    """The commune held it, was called for it, wrote on it, and referred it; then it was kept from the commune."""
    people = {"worker": "worker", "chair": "chair"}
    kept = filled(town, "Hai", COMMUNE, offered_to="99002", with_papers=False, **people)
    with town.office.begin(town.act_as("worker")) as work:
        save_draft(work, "action:record-meeting", {"needs": ["viết dở"]}, find_case(work, kept.code))
    tick_both(first, town)
    with town.office.begin(town.act_as("supervisor")) as work:
        unit = work.session.exec(select(Unit).where(Unit.code == COMMUNE)).one()
        keep_from(work, find_case(work, kept.code), unit_id=unit.id, reason="Người thân (diễn tập)")
    town.clock.advance(minutes=1)
    return kept


KEPT_UNITS = ("CA-99001", "YT-99001", "99002")
KEPT_PEOPLE = ("worker", "worker-99003", "supervisor-3", "administrator")  # their colleagues go on with the case
OTHERS = ("police", "health", "worker-99002", "chair-99002", *KEPT_PEOPLE)


@pytest.fixture
def others(town: Town, server: EmbeddedServer) -> Iterator[Copies]:
    """A case that whoever is kept from it afterwards had to do with: it was referred and offered to them, they answered half,
    proposed an act, were to decide it, broke the glass, were called."""
    for name in ("supervisor-2", "supervisor-3"):
        second_supervisor(town, name)
    own = filled(town, "Mot", COMMUNE, worker="worker", chair="chair", offered_to="99002", with_papers=False)
    town.office.engine.dispose()
    first, second = copy_of(town, server), copy_of(town, server)
    try:
        kept = had_to_do_with(first, second)
        for hours in (3, 11, 30):
            second.clock.advance(hours=hours)
            tick_both(first, second)
        sessions = {name: (secrets.token_urlsafe(32), uuid4()) for name in OTHERS}
        for one in (first, second):
            enter(one, sessions)
        tokens = {name: token for name, (token, _id) in sessions.items()}
        yield Copies(first, second, with_ids(second, own), [with_ids(second, kept)], tokens, NOWHERE)
    finally:
        for one in (first, second):
            one.office.engine.dispose()
            server.drop_database(one.database.name)


def had_to_do_with(first: Town, town: Town) -> Filled:
    kept = filled(town, "Hai", COMMUNE, worker="worker", chair="chair", offered_to="99002", with_papers=False)
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, kept.code)
        propose(work, "release-reporter", case=case, payload={"reason": "Đối chiếu (diễn tập)"})
        save_draft(work, "action:record-meeting", {"needs": ["viết dở"]}, case)
    with town.office.begin(town.act_as("worker-99003")) as work:
        open_in_emergency(work, kept.code, "Trẻ đang bị đe dọa, không gọi được xã (diễn tập).")
    for referral, body in kept.referrals.items():
        with town.office.begin(town.act_as("police" if body.startswith("CA") else "health")) as work:
            save_draft(work, f"answer:{referral}", {"shared_findings": ["viết dở"]})
    for _while in range(8):  # no standstill: what one was told of it in a sum stays told
        town.clock.advance(minutes=9)
        tick_both(first, town)
    with town.office.begin(town.act_as("supervisor")) as work:
        case = find_case(work, kept.code)
        for unit in work.session.exec(select(Unit).where(col(Unit.code).in_(KEPT_UNITS))).all():
            keep_from(work, case, unit_id=unit.id, reason="Người thân (diễn tập)")
        for staff in work.session.exec(select(Staff).where(col(Staff.username).in_(KEPT_PEOPLE))).all():
            keep_from(work, case, staff_id=staff.id, reason="Người thân (diễn tập)")
    with town.office.begin(town.act_as("supervisor-2")) as work:
        (act,) = acts_on(work, find_case(work, kept.code))
        decide_act(work, act.id, agree=False)
    town.clock.advance(minutes=1)
    return kept


def issued_now(town: Town, own: Filled) -> None:
    """The commune's own case goes on: its paper takes the next number of the commune's register."""
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, own.code)
        issue_paper(work, case, line_of(work, case, PAPER), Choices())


def enter(town: Town, sessions: Mapping[str, tuple[str, UUID]]) -> None:
    """Signs everybody in: the same sessions in both copies."""
    with town.office.begin(SYSTEM) as work:
        for name, (token, session_id) in sessions.items():
            staff = work.session.exec(select(Staff).where(Staff.username == name)).one()
            work.session.add(
                SignedInSession(
                    id=session_id,
                    token_digest=work.keys.digest("session", token),
                    staff_id=staff.id,
                    created_at=work.now,
                    last_seen_at=work.now,
                    factor_at=work.now,
                )
            )


# ---------------------------------------------------------------- every address


def addresses(app: Any, copies: Copies, role: str, only: str = "") -> Iterator[str]:
    """Every address a role may ask, the commune's own case's and the kept ones' alike."""
    adapter = app.url_map.bind("localhost")
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        who = declared(app.view_functions[rule.endpoint])
        if "GET" not in rule.methods or who == MACHINE or (who != PUBLIC and role not in who):
            continue
        if only not in rule.rule or rule.endpoint in ("pages.quick_exit", "pages.switch_language"):
            continue
        names = {shown_name(rule.rule, found["name"]): found["name"] for found in PARAMETER.finditer(rule.rule)}
        tries: list[dict[str, str]] = [{}]
        for one in (copies.own, *copies.kept):
            fits = things(one)
            ways: list[dict[str, str]] = [{}]
            for name in names:
                ways = [{**way, names[name]: value} for way in ways for value in fits.get(name, [NOWHERE])]
            tries += ways
        for values in {tuple(sorted(one.items())): one for one in tries if set(one) == set(names.values())}.values():
            url = adapter.build(rule.endpoint, values)
            yield url
            for query in QUERIES.get(rule.rule, ()):
                for one in copies.kept:
                    yield f"{url}?{query.replace('<ma>', one.code).replace('<k>', copies.feed)}"


def things(one: Filled) -> dict[str, list[str]]:
    """What fits the parameters of an address, of one case."""
    return {
        "ma": [one.code],
        "report": [*one.reports] or [NOWHERE],
        "document_id": list(map(str, one.documents)) or [NOWHERE],
        "ending": ["csv", "xlsx"],
        "offer_id": list(map(str, one.offers)) or [NOWHERE],
        "referral_id": list(map(str, one.referrals)) or [NOWHERE],
        "alarm_id": list(map(str, one.alarms)) or [NOWHERE],
        "exclusion_id": list(map(str, one.exclusions)) or [NOWHERE],
        "action": ["record-progress", "refer-police"],
        "kind": [PAPER],
        "answer": ["nhan"],
        "step": ["1", "3"],
        "edit": ["1"],
        "filename": [next(found.name for found in sorted(STATIC.iterdir()) if found.is_file())],
    }


def browser(app: Any, token: str | None) -> FlaskClient:
    client: FlaskClient = app.test_client()
    if token:
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
    return client


def answer_of(
    client: FlaskClient, url: str, data: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body; of a form's token and of what is signed by the second, nothing."""
    if data is None:
        answer = client.get(url)
    else:
        found = TOKEN.search(client.get("/tro-giup").get_data(as_text=True))
        answer = client.post(url, data={**data, "csrf_token": found[1] if found else ""})
    headers = {name: value for name, value in answer.headers.items() if name not in STAMPED}
    body = FRESH.sub("fresh", answer.get_data().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    answer.close()
    return answer.status_code, headers, body


def differences(
    copies: Copies, *, more: Callable[[], Blueprint] | None = None, only: str = ""
) -> tuple[list[str], int]:
    """What differs between the two copies, and how many answers were compared."""
    first, second = (
        create_app(one.office, more_pages=[more()] if more else []) for one in (copies.without, copies.with_them)
    )
    found, asked = [], 0
    for name, token in copies.tokens.items():
        left, right = browser(first, token), browser(second, token)
        role = copies.with_them.act_as(name).role
        for url in addresses(second, copies, role, only):
            one, other = answer_of(left, url), answer_of(right, url)
            asked += 1
            if one != other:
                found.append(f"{name} GET {url}: {told(one, other)}")
    return found, asked


def told(one: tuple[int, dict[str, str], bytes], other: tuple[int, dict[str, str], bytes]) -> str:
    if one[0] != other[0]:
        return f"{one[0]} without, {other[0]} with"
    if one[1] != other[1]:
        return f"headers {set(one[1].items()) ^ set(other[1].items())}"
    lines = zip(
        one[2].decode("utf-8", "replace").splitlines(), other[2].decode("utf-8", "replace").splitlines(), strict=False
    )
    return next((f"{a.strip()!r} / {b.strip()!r}" for a, b in lines if a != b), "longer")


# ---------------------------------------------------------------- the tests


def test_every_answer_to_the_excluded_commune_is_the_same_bytes(copies: Copies) -> None:
    found, asked = differences(copies)
    print(f"\n{asked} answers compared")
    assert not found, "\n".join(found[:30])
    assert asked > 200
    number = {one.database.name: number_of(one, copies.own) for one in (copies.without, copies.with_them)}
    assert set(number.values()) == {1}, number
    for kept in copies.kept:  # it is there, and others work on it
        with copies.with_them.office.begin(copies.with_them.act_as("supervisor")) as work:
            assert find_case(work, kept.code).responsible_unit_id == find_case(work, kept.code).province_id


def test_so_is_every_answer_to_other_bodies_and_to_single_people_who_are_kept_away(others: Copies) -> None:
    found, asked = differences(others)
    print(f"\n{asked} answers compared")
    assert not found, "\n".join(found[:30])
    assert asked > 300
    for who in ("supervisor", "chair"):  # it is there, and others work on it
        with others.with_them.office.begin(others.with_them.act_as(who)) as work:
            assert find_case(work, others.kept[0].code)


def number_of(town: Town, own: Filled) -> int | None:
    with town.office.begin(town.act_as("worker")) as work:
        paper = line_of(work, find_case(work, own.code), PAPER).paper
        return paper.number if paper else None


def test_a_search_for_the_kept_child_finds_the_same_nothing(copies: Copies) -> None:
    """The panel beside the intake form, asked for the very child."""
    for name in ("worker", "chair"):
        answers = []
        for town in (copies.without, copies.with_them):
            client = browser(create_app(town.office), copies.tokens[name])
            for child, age in ((CHILD, "9"), (copies.kept[1].child, "9"), ("", "9")):
                typed = {
                    "incident_commune": COMMUNE,
                    "child_name": child,
                    "child_age": age,
                    "danger_now": "yes",
                    "once": NOWHERE,
                }
                answers.append(answer_of(client, "/tiep-nhan/trung", typed))
        half = len(answers) // 2
        assert answers[:half] == answers[half:]
        assert {status for status, _headers, _body in answers} == {200}


def careless() -> Blueprint:
    """A count over everything, and a number that leaves a gap."""
    pages = Blueprint("careless", __name__)

    @pages.get("/viec/quen-dem")
    @open_to(Role.WORKER, Role.CHAIR)
    def count() -> Any:
        with the_office().begin(SYSTEM) as work:
            return jsonify(running=work.session.exec(select(func.count()).select_from(Case)).one())

    @pages.get("/bao-tin/quen-so")
    @open_to(Role.COLLABORATOR)
    def numbers() -> Any:
        with the_office().begin(SYSTEM) as work:
            return jsonify(next=work.session.exec(select(func.count()).select_from(Report)).one() + 1)

    return pages


@pytest.mark.parametrize(("page", "who"), [("quen-dem", "worker"), ("quen-so", "collaborator")])
def test_a_count_that_forgot_the_exclusion_is_found(copies: Copies, page: str, who: str) -> None:
    found, _asked = differences(copies, more=careless, only=page)
    assert [one for one in found if one.startswith(who)], found


# ---------------------------------------------------------------- time


@dataclass(frozen=True)
class Pace:
    """Milliseconds of pairs of answers, taken in turn. `shift`: the median of the differences; `z`: how far the second of a
    pair being the slower is from a fair coin, in standard deviations."""

    pairs: int
    shift: float
    z: float

    @property
    def tells(self) -> bool:
        """Slower or faster by more than half a millisecond, and not by chance. A busy machine slows both of a pair alike, so
        it can hide a difference but never make one."""
        return abs(self.shift) > 0.5 and abs(self.z) > 5


def pace(one: Callable[[str], None], other: Callable[[str], None], urls: Sequence[str], pairs: int) -> Pace:
    chance = random.Random(7)
    for url in urls:  # the first of each is the slowest
        one(url)
        other(url)
    differences = []
    for number in range(pairs):
        url = urls[number % len(urls)]
        arms = [(one, -1), (other, 1)]
        chance.shuffle(arms)
        taken = 0.0
        for ask, sign in arms:
            taken += sign * min(_milliseconds(ask, url) for _again in range(2))
        differences.append(taken)
    slower = sum(taken > 0 for taken in differences)
    return Pace(pairs, median(differences), (slower - pairs / 2) / math.sqrt(pairs / 4))


def _milliseconds(ask: Callable[[str], None], url: str) -> float:
    began = time.perf_counter()
    ask(url)
    return (time.perf_counter() - began) * 1000


def asker(town: Town, token: str, delay: float = 0.0) -> Callable[[str], None]:
    client = browser(create_app(town.office), token)

    def ask(url: str) -> None:
        client.get(url).close()
        time.sleep(delay)

    return ask


def timed(copies: Copies) -> list[str]:
    """Lists, counts, and the kept cases' own addresses."""
    return [
        "/ca",
        "/viec",
        "/thong-bao/moi.json",
        *(f"/ca/{one.code}" for one in copies.kept),
        f"/ca?q={copies.kept[0].code}",
    ]


def test_the_time_of_an_answer_does_not_tell_whether_there_is_a_kept_case(copies: Copies) -> None:
    token = copies.tokens["worker"]
    with_them = asker(copies.with_them, token)
    without, again = asker(copies.without, token), asker(copies.without, token)
    noise = pace(without, again, timed(copies), max(20, PAIRS // 4))
    found = pace(without, with_them, timed(copies), PAIRS)
    same = f"the same office twice {noise.shift:+.3f} ms, z {noise.z:+.1f}"
    print(f"\n{PAIRS} pairs: {found.shift:+.3f} ms, z {found.z:+.1f}; {same}")
    assert not found.tells, (found, noise)


def test_three_milliseconds_more_are_found(copies: Copies) -> None:
    token = copies.tokens["worker"]
    without, slow = asker(copies.without, token), asker(copies.with_them, token, delay=0.003)
    rounds = (pace(without, slow, ["/thong-bao/moi.json"], pairs) for pairs in (100, 400, 1600))  # the busier, the more
    assert any(one.tells for one in rounds)
