"""Who may open what, cell by cell: every route and method, by every role, from every place around a case.

The expected answer comes from the table below, which was written from the decree's roles and not from the program's
declarations or its policy file: a route that is not in it fails the test. Out of sight is 404, without a trace of the case
in the answer; nobody signed in is sent to the sign-in page.

Whole: `SLICE=1 .venv/bin/python -m pytest tests/whole/test_matrix.py -k matrix -s` (prints the number of cells). In CI one cell of
`SLICE` is asked, chosen by its name, and every kind of relation still is.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Blueprint, jsonify
from sqlmodel import col, func, select

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.bootstrap import open_office
from casework.cases.models import Case, Document
from casework.cases.queries import find_case
from casework.cli_routes import PARAMETER, shown_name
from casework.clock import FrozenClock
from casework.db import APP_ROLE, OWNER_ROLE, EmbeddedServer
from casework.intake.models import Report, UnreadReport
from casework.jobs.runner import climb
from casework.oversight.acts import propose
from casework.oversight.budgets import budget
from casework.people.models import Staff, Unit
from casework.people.rules import Role
from casework.policy import open_to, open_to_all
from casework.settings import Settings
from casework.web.door import begin, the_office
from casework.web.frame import STATIC
from casework.work import SYSTEM
from tests.access.filled import (
    ACTION,
    Filled,
    exclude,
    filled,
    grant,
    other_province,
    person,
    refer,
    reported,
    with_ids,
)
from tests.conftest import PASSWORD, WORLD_TEMPLATE, Database, Town
from tests.web.conftest import Browser, signed_in, with_token

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

    from casework.demo.world import World

SLICE = int(os.environ.get("SLICE", "100"))

# ---------------------------------------------------------------- who may open which kind of thing
# Addresses as `casework routes` prints them; the longest beginning that fits is the line that counts. `of` says what the
# address is about: a case, a referral, an offer, an alarm, a report's receipt; nothing: the page is the role's own.
# A `try` is a form that may be posted empty by whoever may see it: it changes nothing, or is refused for being empty. `of
# nobody`: addresses of things that are not this person's, whoever it is (another's session, an act that is not there, a
# passkey for a site whose address has no name).
# `post`: who may post, where fewer may than read; nobody after it: who may was given a right that none here has.

EVERYBODY = "hotline collaborator worker chair supervisor police health administrator auditor"
TABLE = """
/                                          anybody
/static                                    anybody
/api/docs                                  anybody
/api/openapi.json                          anybody
/api/v1                                    machine
/healthz                                   machine
/readyz                                    machine
/metrics                                   machine
/dang-nhap                                 anybody
/dang-xuat                                 everybody
/ngon-ngu                                  anybody
/tro-giup                                  anybody
/thoat-nhanh                               anybody
/lich.ics                                  holder
/bieu-mau                                  everybody
/ca                                        worker chair supervisor
/ca/<ma>                                   worker chair supervisor          of case
/ca/<ma>/hien-ten                          worker chair supervisor          of case try
/ca/<ma>/nguoi                             worker chair supervisor          of case try
/ca/<ma>/nguoi-bao-tin                     worker chair supervisor          of case post
/ca/<ma>/nguoi-bao-tin/de-nghi             worker chair supervisor          of case
/ca/<ma>/in                                worker chair supervisor          of case try
/ca/<ma>/ghi-nhan                          worker chair                     of case
/ca/<ma>/mau/<kind>/cap-so                 worker chair                     of case
/ca/<ma>/mau/<kind>/ban-ky                 worker chair                     of case
/ca/<ma>/xuat-ho-so                        worker chair                     of case
/viec                                      worker
/ky                                        chair
/ky/<ma>                                   chair                            of case
/giam-sat                                  supervisor
/ban-giao                                  worker chair
/ban-giao/<offer_id>                       worker chair                     of offer
/chuyen-den                                police health
/cong-an                                   police health
/y-te                                      police health
/chuyen-den/<referral_id>                  police health                    of referral
/chuyen-den/<referral_id>/nhap             police health                    of referral try
/tiep-nhan                                 hotline worker chair
/tiep-nhan/xa                              hotline worker chair supervisor
/tiep-nhan/can-xem-lai                     hotline supervisor
/tiep-nhan/<report>                        hotline worker chair supervisor  of report
/tiep-nhan/<report>/xem-lai                hotline worker chair supervisor  of intake
/bao-tin                                   collaborator police health
/bao-tin/da-gui/<report>                   collaborator police health       of report
/thong-bao                                 everybody
/thong-bao/<alarm_id>                      everybody                        of alarm
/quan-tri/tai-khoan                        administrator
/ca/<ma>/loai-tru                          supervisor                       of case
/ca/<ma>/cho-xem                           supervisor                       of own
/cong-tac-vien                             worker chair administrator
/cong-tac-vien/<staff_id>                  worker chair administrator       of nobody
/dien-thoai                                anybody
/khoa-man-hinh                             everybody
/mo-khoa                                   everybody
/xac-nhan                                  everybody
/tai-khoan                                 everybody
/tai-khoan/bao-mat/khoa/<passkey_id>       everybody                        of nobody
/tai-khoan/bao-mat/khoa/moi                everybody                        of nobody
/tai-khoan/bao-mat/khoa/moi/thu            everybody
/tai-khoan/bao-mat/ung-dung.svg            everybody                        of nobody
/tai-khoan/phien/<session_id>              everybody                        of nobody
/tai-khoan/phien/dien-thoai                collaborator                     of nobody
/mo-khan-cap                               worker chair supervisor
/mo-khan-cap/xem-lai                       supervisor
/mo-khan-cap/xem-lai/<grant_id>            supervisor                       of nobody
/viec-hai-nguoi                            worker chair supervisor administrator
/viec-hai-nguoi/<act_id>                   worker chair supervisor administrator  of nobody
/quan-tri/danh-ba                          administrator
/quan-tri/ngay-nghi                        administrator supervisor         post administrator
/quan-tri/ngay-nghi/bo                     administrator                    of nobody
/danh-ba                                   hotline worker chair supervisor
/su-co                                     everybody
/su-co/<incident>                          everybody                        of nobody
/thong-bao/thiet-bi                        everybody
/thong-bao/thiet-bi/<device_id>            everybody                        of nobody
/thong-bao/thu                             everybody
/quan-tri/bi-chan                          supervisor administrator
/quan-tri/khoa                             administrator
/quan-tri/phap-ly                          administrator auditor
/quan-tri/tin-nhan                         administrator
/quan-tri/han-luat                         administrator auditor
/quan-tri/tinh-trang                       administrator
/quan-tri/nhat-ky                          auditor
/quan-tri/ca-truc                          administrator
/quan-tri/don-vi                           administrator
"""

# What else can be asked of a collection. `<ma>`, `<xa>` and `<ten>` are filled in from each case.
QUERIES: Mapping[str, Sequence[str]] = {
    "/ca": (
        "q=<ma>", "xa=<xa>", "tat-ca=1&xa=<xa>", "tat-ca=1", "han=qua-han", "han=sap-han", "nguy-co=high", "trang=2",
        "tat-ca=1&trang=9",
    ),
    "/tiep-nhan/xa": ("q=<ten>", "q=<ma>"),
    "/quan-tri/nhat-ky": ("viec=case:opened", "ket-qua=refused", "ngay=2026-11-23", "trang=2"),
    "/quan-tri/don-vi/tim": ("q=<ten>",),
    "/ca/<ma>/dong-thoi-gian": ("loai=to&thu-tu=cu-truoc", "thu-tu=cu-truoc"),
    "/ca/<ma>/nhat-ky": ("trang=2",),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    path: str
    who: frozenset[str]
    of: str = ""
    tried: bool = False
    post: frozenset[str] = frozenset()


def table() -> list[Line]:
    found = []
    for text in TABLE.strip().splitlines():
        path, *words = text.split()
        parts: dict[str, list[str]] = {"who": []}
        part = "who"
        for word in words:
            if word in ("of", "try", "post"):
                part = word
                parts[part] = []
            else:
                parts[part].append(word)
        roles = EVERYBODY.split() if parts["who"] == ["everybody"] else parts["who"]
        of = "".join(parts.get("of", ()))
        found.append(Line(path, frozenset(roles), of, "try" in parts, frozenset(parts.get("post", roles))))
    return sorted(found, key=lambda one: len(one.path), reverse=True)


def line_of(path: str) -> Line | None:
    """The line with the longest beginning of `path`, whole parts only; the front page stands for itself alone."""
    parts = path.split("/")
    for one in table():
        if one.path == path or (one.path != "/" and parts[: one.path.count("/") + 1] == one.path.split("/")):
            return one
    return None


# ---------------------------------------------------------------- people and cases


@dataclass(frozen=True)
class Who:
    """A person and where they stand. `place` is the code of their unit; the anonymous have no role."""

    username: str
    role: str
    place: str

    @property
    def commune(self) -> str:
        """The commune their office is of, or in."""
        return self.place.rpartition("-")[2]

    @property
    def province(self) -> str:
        return "99" if self.place == "TD-111" else self.commune[:2]


@dataclass(frozen=True)
class Lies:
    """A case and who has what to do with it: all that the expected answer is made from."""

    one: Filled
    at: str  # code of the unit that holds it
    incident: str = ""
    excluded: frozenset[str] = frozenset()  # units and user names
    granted: frozenset[str] = frozenset()
    expired: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()

    def names(self, which: frozenset[str], who: Who) -> bool:
        return who.place in which or who.username in which


def relation(who: Who, lies: Lies) -> str:
    if not who.role:
        return "anonymous"
    for name in ("excluded", "granted", "expired", "revoked"):
        if lies.names(getattr(lies, name), who):
            return name
    if who.province != lies.at.rpartition("-")[2][:2]:
        return "other province"
    if who.place == lies.at or who.commune == lies.at:
        return "own unit"
    if who.commune == lies.at[:2]:
        return "parent"
    return "sub-unit" if len(lies.at) == 2 else "sibling"


def sees(who: Who, lies: Lies) -> bool:
    """Whether the case itself is in sight: the communes concerned, the province's supervisor, and who was let in."""
    if who.role not in ("worker", "chair", "supervisor") or lies.names(lies.excluded, who):
        return False
    if lies.names(lies.granted, who):
        return True
    return who.place in ((lies.at, lies.incident) if who.role != "supervisor" else (lies.at[:2],))


def reaches(who: Who, lies: Lies, of: str, thing: str) -> bool:
    """Whether a thing of a case is this person's to open."""
    if of == "report":  # who told it was told that it arrived, and goes on being told so
        return lies.one.reports[thing] == who.username
    if lies.names(lies.excluded, who):
        return False
    if of == "intake":  # what they wrote: an exclusion beats it, and so the page that says that its time is over
        return lies.one.reports[thing] == who.username
    if of == "case":
        return sees(who, lies)
    if of == "own":  # of their own province, and not only opened to them for a time
        return sees(who, lies) and who.place == lies.at.rpartition("-")[2][:2]
    if of == "referral":
        units = {str(key): unit for key, unit in lies.one.referrals.items()}
        return units[thing] == who.place
    if of == "offer":
        return {str(key): unit for key, unit in lies.one.offers.items()}[thing] == who.place
    return who.username in {str(key): called for key, called in lies.one.alarms.items()}[thing]


def reads(who: Who, lies: Lies) -> bool:
    """Whether the person may read who the child is: who sees the case, and the body it was referred to."""
    referred = who.role in ("police", "health") and who.place in lies.one.referrals.values()
    return sees(who, lies) or (referred and not lies.names(lies.excluded, who))


def knows(who: Who, lies: Lies) -> bool:
    """Whether the person may read the case's code anywhere: who sees it, holds a part of it, was called for it, or takes
    reports down for everybody."""
    if not who.role or lies.names(lies.excluded, who):
        return False
    parts = {*lies.one.referrals.values(), *lies.one.offers.values()}
    part = who.place in parts and who.role in ("police", "health", "worker", "chair")
    told = (
        any(who.username in called for called in lies.one.alarms.values()) or who.username in lies.one.reports.values()
    )
    return sees(who, lies) or part or told or who.role == "hotline"


# ---------------------------------------------------------------- the stage


@dataclass
class Stage:
    """One database, everybody signed in once."""

    town: Town
    app: Any
    people: Sequence[Who]
    cases: Sequence[Lies]
    ids: Mapping[str, str]
    browsers: dict[str, Browser] = field(default_factory=dict)

    def browser(self, who: Who) -> Browser:
        if who.username not in self.browsers:
            blank = Browser(self.app.test_client(), "")
            self.browsers[who.username] = (
                signed_in(self.town, self.app, who.username) if who.role else with_token(blank)
            )
        return self.browsers[who.username]


MORE_PEOPLE = (
    ("supervisor-2", Role.SUPERVISOR, "99"),
    ("hotline-2", Role.HOTLINE, "TD-111"),
    ("collaborator-99003", Role.COLLABORATOR, "99003"),
    ("administrator-2", Role.ADMINISTRATOR, "99"),
    ("auditor-2", Role.AUDITOR, "99"),
)
KEPT_OUT = ("99001", "99002", "99003", "98001", "CA-99001", "YT-99001")
KEPT_OUT_PEOPLE = ("supervisor-2", "hotline-2", "administrator-2", "auditor-2")
LET_IN = ("99001",)
LET_IN_PEOPLE = (
    "supervisor-98", "police", "health", "hotline-2", "administrator", "auditor", "worker-98", "collaborator-99003",
)  # fmt: skip
LATE = ("99003",)
LATE_PEOPLE = ("police-ca-99002", "health-yt-99002", "administrator-2", "auditor-2", "chair-99002")
TAKEN_BACK = ("99005",)
TAKEN_BACK_PEOPLE = ("police-ca-99", "chair-98", "auditor-98", "administrator-98", "collaborator-98", "health-98")


@pytest.fixture(scope="module")
def town(
    server: EmbeddedServer, peopled: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """The invented province, once for this file: nothing here changes it but the stage itself."""
    key_file, world = peopled
    server.create_database(name := "town_of_the_matrix", WORLD_TEMPLATE)
    database = Database(name, server.url(APP_ROLE, name), server.url(OWNER_ROLE, name))
    settings = Settings(data_dir=tmp_path_factory.mktemp("matrix"), key_file=key_file, database_url=database.url)
    clock = FrozenClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    office = open_office(settings, clock=clock)
    yield Town(office, world, clock, database, PASSWORD)
    office.engine.dispose()
    server.drop_database(name)


@pytest.fixture(scope="module")
def stage(town: Town) -> Stage:
    """Five cases: one of the home commune, the same kept from it, one of a neighbour that lets some in, the province's own,
    and another province's."""
    with town.office.begin(SYSTEM) as work:
        other_province(work)
        for username, role, unit in MORE_PEOPLE:
            person(work, username, role, unit)
    own, kept = (
        filled(town, name, "99001", worker="worker", chair="chair", offered_to="99002", joined_by="collaborator")
        for name in ("Mot", "Hai")
    )
    given = filled(town, "Ba", "99004", worker="worker-99004", chair="chair-99004", offered_to="99002")
    there = filled(town, "Bon", "98001", worker="worker-98", chair="chair-98", offered_to="98002")
    province = reported(town, "Nam", None)
    refer(town, province, "supervisor", "police", "CA-99001")
    exclude(town, kept, units=KEPT_OUT, people=KEPT_OUT_PEOPLE)
    grant(town, kept, hours=48, units=("99003", "98001"), people=("supervisor-2",))
    grant(town, given, hours=48, units=LET_IN, people=LET_IN_PEOPLE)
    grant(town, given, hours=1, units=LATE, people=LATE_PEOPLE)
    grant(town, given, hours=48, units=TAKEN_BACK, people=TAKEN_BACK_PEOPLE, revoked=True)
    with town.office.begin(town.act_as("supervisor")) as work:
        propose(work, "release-reporter", case=find_case(work, kept.code))  # waits on the second person's page
    town.clock.advance(hours=2)
    climb(town.office)
    own, kept, given, there, province = (with_ids(town, one) for one in (own, kept, given, there, province))
    cases = [
        Lies(own, "99001", "99001"),
        Lies(kept, "99001", "99001", excluded=frozenset((*KEPT_OUT, *KEPT_OUT_PEOPLE))),
        Lies(
            given,
            "99004",
            "99004",
            granted=frozenset((*LET_IN, *LET_IN_PEOPLE)),
            expired=frozenset((*LATE, *LATE_PEOPLE)),
            revoked=frozenset((*TAKEN_BACK, *TAKEN_BACK_PEOPLE)),
        ),
        Lies(there, "98001", "98001"),
        Lies(province, "99"),
    ]
    return Stage(town, create_app(town.office), people_of(town), cases, ids_of(town))


def people_of(town: Town) -> list[Who]:
    with town.office.begin(SYSTEM) as work:
        places = {unit.id: unit.code for unit in work.session.exec(select(Unit))}
        staff = work.session.exec(select(Staff).order_by(Staff.username))
        return [Who("", "", ""), *(Who(one.username, one.role, places[one.unit_id]) for one in staff)]


def ids_of(town: Town) -> dict[str, str]:
    """What fits where an address names something that is no case's."""
    with town.office.begin(SYSTEM) as work:
        unread = UnreadReport(code="XL-26-000001", received_at=work.now, faults=[])
        work.seal(unread, body="{}")
        work.session.add(unread)
        staff = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
        return {
            "staff_id": str(staff.id),
            "unit_id": str(staff.unit_id),
            **dict.fromkeys(
                ("row_id", "passkey_id", "session_id", "phone_id", "grant_id", "act_id", "device_id"), str(uuid4())
            ),
            "incident": "SC-26-000000",
            "role": "worker",
            "review": unread.code,
            "edit": "1",
            "step": "1",
            "to": "vi",
            "filename": next(one.name for one in sorted(STATIC.iterdir()) if one.is_file()),
            "token": "khong-co",
            "ending": "xlsx",
        }


# ---------------------------------------------------------------- the cells


@dataclass(frozen=True)
class Cell:
    """One question. `case` None: the address names no case, and the answer is looked through for every one."""

    who: Who
    method: str
    path: str  # as the table has it
    url: str
    expected: str  # in, hidden, sign-in, machine
    case: Lies | None = None

    @property
    def name(self) -> str:
        case = f" ({self.case.one.name}, {relation(self.who, self.case)})" if self.case else ""
        return f"{self.who.username or 'anonymous'} {self.method} {self.url}{case}"


def things_of(lies: Lies, name: str) -> list[str] | None:
    """What fits a case's own parameter; None for one that is no case's."""
    one = lies.one
    found: Mapping[str, Sequence[Any]] = {
        "ma": [one.code],
        "report": list(one.reports),
        "document_id": one.documents[:2],
        "scan_id": one.scans,
        "export_id": one.exports,
        "exclusion_id": one.exclusions[:1],
        "offer_id": list(one.offers),
        "referral_id": list(one.referrals),
        "alarm_id": list(one.alarms)[:2],
        "action": [ACTION, "refer-police", "decide-hand-over"],
        "kind": one.papers,
        "answer": ["nhan", "tu-choi"],
    }
    return [str(value) for value in found[name]] if name in found else None


OWN = {"document_id", "scan_id", "export_id", "exclusion_id"}  # named together with the case that they are of
THING = {
    "case": "ma",
    "own": "ma",
    "referral": "referral_id",
    "offer": "offer_id",
    "report": "report",
    "intake": "report",
    "alarm": "alarm_id",
}


def addresses(stage: Stage, rule: Any) -> Iterator[tuple[dict[str, str], Lies | None, bool]]:
    """Every way to fill a rule in: values, the case they are of, and whether they all are that one case's."""
    names = names_of(rule)
    of_cases = [name for name in names if things_of(stage.cases[0], name) is not None]
    strange = [name for name in names if name not in of_cases and name not in stage.ids]
    assert not strange, f"{rule.rule}: say in things_of or ids_of what fits {strange}"
    general = {name: stage.ids[name] for name in names if name not in of_cases}
    if not of_cases:
        yield general, None, True
        return
    for place, lies in enumerate(stage.cases):
        other = stage.cases[place - 1]
        yield from ((values, lies, True) for values in _combined(of_cases, general, lies, lies))
        if OWN & set(of_cases):
            yield from ((values, lies, False) for values in _combined(of_cases, general, lies, other))


def names_of(rule: Any) -> dict[str, str]:
    """Each parameter as `casework routes` prints it → as the program names it."""
    return {shown_name(rule.rule, found["name"]): found["name"] for found in PARAMETER.finditer(rule.rule)}


def _combined(names: Sequence[str], general: dict[str, str], lies: Lies, own: Lies) -> list[dict[str, str]]:
    found = [general]
    for name in names:
        fits = things_of(own if name in OWN else lies, name) or []
        found = [{**one, name: value} for one in found for value in fits]
    return found


def cells(stage: Stage, *, only: str = "") -> Iterator[Cell]:
    """Every question that has an answer in the table. Fails on a route that the table does not know."""
    adapter = stage.app.url_map.bind("localhost")
    for rule in stage.app.url_map.iter_rules():
        shown = shown_path(rule)
        line = line_of(shown)
        assert line is not None, f"{shown} is not in the table: say who may open it"
        if only not in shown:
            continue
        for values, lies, whole in addresses(stage, rule):
            names = names_of(rule)
            url = adapter.build(rule.endpoint, {names[shown_as]: value for shown_as, value in values.items()})
            for who in stage.people:
                for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                    answer = expected(who, line, lies, values, method) if whole else hidden(who)
                    if method == "GET":
                        yield from (
                            Cell(who, method, shown, one, answer, lies) for one in asked(stage, shown, url, lies)
                        )
                    elif answer in ("hidden", "sign-in") or line.tried or held_back(who, lies, answer, shown):
                        yield Cell(who, method, shown, url, answer, lies)


def shown_path(rule: Any) -> str:
    return PARAMETER.sub(lambda found: f"<{shown_name(rule.rule, found['name'])}>", rule.rule)


def asked(stage: Stage, shown: str, url: str, lies: Lies | None) -> Iterator[str]:
    yield url
    for query in QUERIES.get(shown, ()):
        for one in [lies] if lies else stage.cases:
            filled_in = query.replace("<ma>", one.one.code).replace("<xa>", one.at).replace("<ten>", "Nà")
            yield f"{url}?{filled_in}"


def hidden(who: Who) -> str:
    return "hidden" if who.role else "sign-in"


def expected(who: Who, line: Line, lies: Lies | None, values: Mapping[str, str], method: str) -> str:
    if "anybody" in line.who:
        return "in"
    if "machine" in line.who:
        return "machine"
    if "holder" in line.who:
        return "hidden"
    if who.role not in (line.post if method == "POST" else line.who) or line.of == "nobody":
        return hidden(who)
    if line.of and lies is not None and not reaches(who, lies, line.of, values[THING[line.of]]):
        return "hidden"
    return "in"


def held_back(who: Who, lies: Lies | None, answer: str, shown: str) -> bool:
    """Who was only let in to read may post nothing of the procedure: asked as well, and refused. A draft is one's own."""
    mine = lies is None or who.place in (lies.at, lies.at[:2])
    return answer == "in" and lies is not None and not mine and lies.names(lies.granted, who) and "/nhap" not in shown


# ---------------------------------------------------------------- asking


@dataclass
class Outcome:
    wrong: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)  # role × relation
    let_in: Counter[str] = field(default_factory=Counter)  # by what the address is about

    @property
    def cells(self) -> int:
        return sum(self.asked.values())


def ask(stage: Stage, every: Iterator[Cell], one_of: int = 1) -> Outcome:
    found = Outcome()
    for cell in every:
        if (
            int(hashlib.sha256(cell.name.replace(cell.case.one.code if cell.case else "", "").encode()).hexdigest(), 16)
            % one_of
        ):
            continue
        browser = stage.browser(cell.who)
        answer = (
            browser.client.get(cell.url)
            if cell.method == "GET"
            else browser.client.post(cell.url, data={"csrf_token": browser.token})
        )
        fault = fault_of(cell, answer)
        if fault:
            found.wrong.append(f"{cell.name}: expected {cell.expected}, {fault}")
        if cell.expected == "in":
            line = line_of(cell.path)
            found.let_in[line.of if line else ""] += 1
        body = answer.get_data()
        for lies in stage.cases if cell.case is None else [cell.case]:
            found.asked[f"{cell.who.role or 'nobody'}/{relation(cell.who, lies)}"] += 1
            for trace in traces(cell, lies, body):
                found.wrong.append(f"{cell.name}: answers {answer.status_code} with {trace} of case {lies.one.name}")
        answer.close()
        if cell.path == "/thoat-nhanh":  # the way out signs out as well: the next page needs a new sign-in
            del stage.browsers[cell.who.username]
    return found


def fault_of(cell: Cell, answer: TestResponse) -> str | None:
    status, line = answer.status_code, line_of(cell.path)
    to_sign_in = status in (302, 303) and "/dang-nhap" in answer.headers.get("Location", "")
    if status >= 500 and cell.expected != "machine":
        return f"broke with {status}"
    ok = {
        "in": status not in (401, 404) and (not to_sign_in or "anybody" in (line.who if line else ())),
        "hidden": status == 404 or (status == 422 and empty_form(cell, line)),
        "sign-in": to_sign_in,
        "machine": status in (200, 401, 404, 415, 422, 400, 403, 503),
    }[cell.expected]
    if ok and cell.method == "POST" and cell.expected == "in" and held_back(cell.who, cell.case, "in", cell.path):
        ok = status in (403, 404, 409, 422) or bool(line and line.tried)
    return None if ok else f"answered {status}"


def empty_form(cell: Cell, line: Line | None) -> bool:
    """Whether a form of a page in sight was refused for being empty, before anything that it names was looked up."""
    mine = line is not None and cell.who.role in line.post
    return cell.method == "POST" and mine and (cell.case is None or sees(cell.who, cell.case))


def traces(cell: Cell, lies: Lies, body: bytes) -> Iterator[str]:
    """Words of a case that this person may not read, in an answer. What was typed into an address may come back in it."""
    text = body.decode("utf-8", "replace")
    parts = {*lies.one.referrals.values()}
    reads = sees(cell.who, lies) or (
        cell.who.place in parts and cell.who.role in ("police", "health") and not lies.names(lies.excluded, cell.who)
    )
    words = [] if reads else [lies.one.child, lies.one.place]
    if not knows(cell.who, lies):
        told = [code for code, username in lies.one.reports.items() if username == cell.who.username]
        words += [word for word in lies.one.traces if word not in cell.url and word not in told]
        if lies.one.code in cell.url and re.search(rf'href="[^"?]*/{lies.one.code}', text):
            yield "a link"
    yield from (word for word in words if word in text)


# ---------------------------------------------------------------- the tests


def forgetful() -> Blueprint:
    """Pages as somebody in a hurry would write them, each with one thing forgotten."""
    pages = Blueprint("forgetful", __name__)
    readers = open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR)

    @pages.get("/ca/<code>/quen-pham-vi")
    @readers
    def unscoped(code: str) -> Any:
        with the_office().begin(SYSTEM) as work:
            case = work.session.exec(select(Case).where(Case.code == code)).one()
            return jsonify(state=case.state)

    @pages.get("/ca/<code>/quen-ca/<uuid:document_id>")
    @readers
    def by_its_own_id(code: str, document_id: UUID) -> Any:
        with begin() as work:
            find_case(work, code)
        with the_office().begin(SYSTEM) as work:
            return jsonify(form=work.session.get_one(Document, document_id).form)

    @pages.get("/viec/quen-loc")
    @open_to(Role.WORKER)
    def everything() -> Any:
        with the_office().begin(SYSTEM) as work:
            return jsonify(cases=list(work.session.exec(select(Case.code))))

    @pages.get("/tro-giup/quen-dem")
    @open_to_all
    def told_to_everybody() -> Any:
        with the_office().begin(SYSTEM) as work:
            return jsonify(latest=work.session.exec(select(Report.code)).all())

    @pages.post("/ca/<code>/ghi-nhan/quen-vai")
    @open_to(Role.WORKER, Role.CHAIR, Role.AUDITOR)
    def one_role_too_many(code: str) -> Any:
        return jsonify(done=True)

    return pages


@pytest.mark.parametrize(
    ("page", "who", "what"),
    [
        ("quen-pham-vi", "worker-99003 GET", "expected hidden, answered 200"),
        ("quen-ca", "worker GET", "expected hidden, answered 200"),
        ("quen-loc", "worker-98 GET", "answers 200 with TE-"),
        ("quen-dem", "anonymous GET", "answers 200 with TN-"),
        ("quen-vai", "auditor POST", "expected hidden, answered 200"),
    ],
)
def test_a_page_that_forgot_something_turns_the_matrix_red(stage: Stage, page: str, who: str, what: str) -> None:
    app = create_app(stage.town.office, more_pages=[forgetful()])
    few = [one for one in stage.people if one.username in ("", "worker", "worker-99003", "worker-98", "auditor")]
    planted = Stage(stage.town, app, few, stage.cases, stage.ids)
    wrong = ask(planted, cells(planted, only=page)).wrong
    assert [one for one in wrong if one.startswith(who) and what in one], wrong


def test_a_route_that_the_table_does_not_know_turns_the_matrix_red(stage: Stage) -> None:
    strange = Blueprint("strange", __name__)
    strange.add_url_rule("/mot-trang-moi", view_func=open_to(Role.AUDITOR)(lambda: ""))
    app = create_app(stage.town.office, more_pages=[strange])
    with pytest.raises(AssertionError, match="/mot-trang-moi is not in the table"):
        list(cells(Stage(stage.town, app, stage.people, stage.cases, stage.ids)))


def test_every_cell_of_the_matrix_is_answered_as_the_table_says(stage: Stage) -> None:
    found = ask(stage, cells(stage), SLICE)
    print(f"\n{found.cells} cells, {len(found.wrong)} wrong; let in: {dict(found.let_in)}")
    for name, count in sorted(found.asked.items()):
        print(f"  {count:6} {name}")
    assert not found.wrong, "\n".join(found.wrong[:40])
    relations = Counter[str]()
    for name, count in found.asked.items():
        relations[name.partition("/")[2]] += count
    assert relations.keys() == {
        "own unit", "sub-unit", "sibling", "parent", "other province", "granted", "expired", "revoked", "excluded", "anonymous",
    }  # fmt: skip
    assert found.cells >= 10_000 // SLICE


# ---------------------------------------------------------------- no answer without its trace


LETTER = "Cháu về quê"  # why the case is offered to another commune, in the words of the one that holds it


def reads_of(stage: Stage, lies: Lies, since: int) -> list[str]:
    """The facts written after entry `since` that read budgets count for this case."""
    with stage.town.office.begin(SYSTEM) as work:
        query = select(AuditEntry.tag).where(AuditEntry.seq > since, AuditEntry.case_id == lies.one.id)
        return list(work.session.exec(query.where(col(AuditEntry.tag).in_(budget().tags), AuditEntry.result == "done")))


def untraced(stage: Stage, who: Who, lies: Lies, *, only: str = "") -> Iterator[str]:
    """Answers that say something of the case and left nothing that is counted, and that its owner could see who has seen."""
    adapter, browser = stage.app.url_map.bind("localhost"), stage.browser(who)
    said = (lies.one.child, lies.one.place, f"D. {lies.one.name[0]}.", LETTER)
    for rule in stage.app.url_map.iter_rules():
        names = names_of(rule)
        for values, one, whole in addresses(stage, rule):
            if one is not lies or not whole or only not in rule.rule:
                continue
            url = adapter.build(rule.endpoint, {names[shown]: value for shown, value in values.items()})
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                with stage.town.office.begin(SYSTEM) as work:
                    since = work.session.exec(select(func.max(AuditEntry.seq))).one()
                # Nobody signs so: a paper is not issued, and the page comes back.
                data = {"csrf_token": browser.token, "signer": "nobody"}
                answer = browser.client.get(url) if method == "GET" else browser.client.post(url, data=data)
                text = answer.get_data().decode("utf-8", "replace")
                shows = answer.mimetype in ("application/pdf", "application/zip") or any(word in text for word in said)
                if shows and not reads_of(stage, lies, since):
                    yield f"{who.username} {method} {url}: {answer.status_code}"
                answer.close()


@pytest.mark.parametrize("username", ["worker", "supervisor", "police", "worker-99002"])
def test_no_answer_says_something_of_a_case_that_is_not_kept_and_counted(stage: Stage, username: str) -> None:
    who = next(one for one in stage.people if one.username == username)
    assert not list(untraced(stage, who, stage.cases[0]))


def test_a_page_that_keeps_no_trace_is_found(stage: Stage) -> None:
    """The planted defect: a page of the case that forgot to say that it was read."""
    silent = Blueprint("silent", __name__)

    @silent.get("/ca/<code>/quen-ghi")
    @open_to(Role.WORKER)
    def unkept(code: str) -> Any:
        with begin() as work:
            facts = work.open(find_case(work, code), "facts")
            return jsonify(child=facts["child.name"]["value"])

    app = create_app(stage.town.office, more_pages=[silent])
    planted = Stage(stage.town, app, stage.people, stage.cases, stage.ids)
    who = next(one for one in stage.people if one.username == "worker")
    assert len(list(untraced(planted, who, stage.cases[0], only="quen-ghi"))) == 1
