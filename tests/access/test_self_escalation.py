"""Thirty-odd things a malicious administrator tries in order to read a case: none opens one, and another person hears of each.

A script is what he does with what he has: his own account, passwords that he has set, files that he has had imported. He is
given the worst: an account he has opened counts as if he had set up its second factor himself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import update
from sqlmodel import select

from casework.access.models import TwoPersonAct
from casework.cases.models import Case
from casework.errors import Forbidden
from casework.notices.models import Notice
from casework.oversight import watching
from casework.people import service
from casework.people.imports import STAFF_COLUMNS, apply_staff, plan_staff
from casework.people.models import Leave, SecondFactor, Staff
from casework.people.sheets import read_sheet
from casework.work import SYSTEM
from tests.access.scenes import NAME, report, staff_named
from tests.conftest import Town
from tests.web.conftest import Browser, app, browser  # noqa: F401

PASSWORD = re.compile(r"<code[^>]*>([a-z2-9-]{19})</code>")
PHONE_CODE = re.compile(r"<code[^>]*>([a-z2-9]{4}-[a-z2-9]{4})</code>")
ACCOUNT = {"name": "Người Mới", "phone": "0900001234", "hamlet": ""}
CASE_PAGES = ("", "/dong-thoi-gian", "/nguoi", "/giay-to", "/chia-se", "/nhat-ky", "/in", "/loai-tru", "/nguoi-bao-tin")
SECRETS = (NAME, "Cháu bị đánh", "L. V. K. Đ.")


@dataclass
class Attack:
    """The administrator at his browser. Everything that any browser of his is answered lands in `loot`."""

    town: Town
    app: Any
    case: Case
    me: Browser
    folder: Path
    loot: list[str] = field(default_factory=list)
    heard: set[str] | None = None  # who else had been told before he first looked whether it worked

    def get(self, path: str, who: Browser | None = None) -> str:
        text = (who or self.me).get(path, follow_redirects=True).get_data(as_text=True)
        self.loot.append(text)
        return text

    def post(self, path: str, data: Mapping[str, Any] | None = None, who: Browser | None = None) -> str:
        text = (who or self.me).submit(path, dict(data or {}), page="/tro-giup").get_data(as_text=True)
        self.loot.append(text)
        return text

    def account(self, username: str) -> str:
        return f"/quan-tri/tai-khoan/{staff_named(self.town, username).id}"

    def open_account(self, username: str, role: str, unit: str) -> str:
        told = self.post("/quan-tri/tai-khoan/moi", {**ACCOUNT, "username": username, "role": role, "unit": unit})
        found = PASSWORD.search(told)
        assert found is not None, "the account was opened"
        return found[1]

    def reset(self, username: str) -> str:
        found = PASSWORD.search(self.post(f"{self.account(username)}/mat-khau"))
        assert found is not None, "the password was set"
        return found[1]

    def forget_what_was_told(self) -> None:
        """As the owner of the tables: the office itself takes no message away."""
        with psycopg.connect(self.town.database.owner_url, autocommit=True) as owner:
            owner.execute("truncate notice cascade")

    def enter_as(self, username: str, password: str) -> Browser:
        with self.town.office.begin(SYSTEM) as work:
            work.session.execute(
                update(Staff).where(Staff.username == username).values(second_factor=SecondFactor.WAIVED.value)  # type: ignore[arg-type]
            )
        person = Browser(self.app.test_client(), username)
        person.submit("/dang-nhap", {"username": username, "password": password}, page="/dang-nhap")
        own = {"new": "bốn con vịt qua cầu", "again": "bốn con vịt qua cầu"}
        person.submit("/dang-nhap/mat-khau-moi", own, page="/dang-nhap/mat-khau-moi")
        return person

    def look_around(self, who: Browser | None = None) -> None:
        # To ask for a page that is not his is told of as well: what the act itself was heard of must be known before.
        self.heard = others_told(self) if self.heard is None else self.heard
        for page in ("/ca", "/giam-sat", "/viec-hai-nguoi"):
            self.get(page, who)
        for page in ("", "/in"):
            self.get(f"/ca/{self.case.code}{page}", who)
        self.post(f"/ca/{self.case.code}/hien-ten", {}, who)

    def acts(self) -> list[TwoPersonAct]:
        with self.town.office.begin(SYSTEM) as work:
            return list(work.session.exec(select(TwoPersonAct)))

    def agree_to_everything(self, who: Browser) -> None:
        for act in self.acts():
            self.post(f"/viec-hai-nguoi/{act.id}/dong-y", {}, who)


Script = Callable[[Attack], None]


def _asks_for(*paths: str) -> Script:
    def script(attack: Attack) -> None:
        for path in paths:
            attack.get(path.format(code=attack.case.code))

    return script


def _posts(path: str, **data: str) -> Script:
    def script(attack: Attack) -> None:
        attack.post(path.format(code=attack.case.code), data)

    return script


def _opens_account(role: str, unit: str) -> Script:
    def script(attack: Attack) -> None:
        attack.look_around(attack.enter_as("nguoi-moi", attack.open_account("nguoi-moi", role, unit)))

    return script


def _resets(username: str) -> Script:
    def script(attack: Attack) -> None:
        attack.look_around(attack.enter_as(username, attack.reset(username)))

    return script


def _changes(username: str, role: str, unit: str, *, then_reset: bool = False) -> Script:
    def script(attack: Attack) -> None:
        attack.post(attack.account(username), {**ACCOUNT, "role": role, "unit": unit})
        if then_reset:
            attack.look_around(attack.enter_as(username, attack.reset(username)))
        attack.look_around()

    return script


def _makes_a_second_administrator_and_agrees_with_it(attack: Attack) -> None:
    password = attack.open_account("quan-tri-2", "administrator", "99")
    attack.open_account("can-bo-moi", "worker", "99001")
    accomplice = attack.enter_as("quan-tri-2", password)
    attack.agree_to_everything(accomplice)
    attack.agree_to_everything(attack.me)
    attack.look_around(attack.enter_as("can-bo-moi", attack.reset("can-bo-moi")))


def _agrees_to_his_own_proposals(attack: Attack) -> None:
    password = attack.open_account("giam-sat-2", "supervisor", "99")
    attack.agree_to_everything(attack.me)
    attack.look_around(attack.enter_as("giam-sat-2", password))


def _agrees_as_the_supervisor_whose_password_he_set(attack: Attack) -> None:
    attack.open_account("can-bo-moi", "worker", "99001")
    attack.agree_to_everything(attack.enter_as("supervisor", attack.reset("supervisor")))
    attack.look_around(attack.enter_as("can-bo-moi", attack.reset("can-bo-moi")))


def _closes_the_supervisor_and_stays_alone(attack: Attack) -> None:
    attack.post(f"{attack.account('supervisor')}/khoa")
    password = attack.open_account("giam-sat-2", "supervisor", "99")
    attack.agree_to_everything(attack.me)
    attack.look_around(attack.enter_as("giam-sat-2", password))


def _reopens_a_closed_account(attack: Attack) -> None:
    attack.post(f"{attack.account('worker')}/khoa")
    attack.post(attack.account("worker"), {**ACCOUNT, "role": "worker", "unit": "99001"})
    attack.post(f"{attack.account('worker')}/mat-khau")
    attack.look_around()


def _puts_himself_on_duty(attack: Attack) -> None:
    unit = staff_named(attack.town, "worker").unit_id
    me = str(staff_named(attack.town, "administrator").id)
    attack.post(
        f"/quan-tri/ca-truc/{unit}/worker/truc",
        {"staff": me, "first-day": "2026-11-23", "first-time": "00:00", "last-day": "", "last-time": "", "weeks": ""},
    )
    attack.look_around()


def _sends_the_worker_on_leave(attack: Attack) -> None:
    worker = staff_named(attack.town, "worker")
    attack.post(
        f"/quan-tri/ca-truc/{worker.unit_id}/worker/nghi",
        {"staff": str(worker.id), "first-day": "2026-11-23", "first-time": "00:00", "last-day": "2026-11-30",
         "last-time": "00:00", "weeks": ""},
    )  # fmt: skip
    with attack.town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Leave).where(Leave.staff_id == worker.id)).all(), "the worker was sent on leave"
    attack.look_around()


def _takes_a_collaborator_s_place_with_a_telephone(attack: Attack) -> None:
    given = attack.post(f"/cong-tac-vien/{staff_named(attack.town, 'collaborator').id}/ma")
    found = PHONE_CODE.search(given)
    assert found is not None, "the code was given"
    attack.heard = others_told(attack)  # before he uses it: then it would be too late
    person = Browser(attack.app.test_client(), "collaborator")
    pin = {"code": found[1], "pin": "840516", "again": "840516"}
    assert person.submit("/dien-thoai/nhan-ma", pin, page="/dien-thoai/nhan-ma").status_code == 303
    attack.get("/bao-tin/cua-toi", person)
    attack.look_around(person)


def _asks_that_the_supervisor_lose_her_second_factors(attack: Attack) -> None:
    attack.post(f"{attack.account('supervisor')}/mat-cach-xac-nhan")
    attack.agree_to_everything(attack.me)
    attack.look_around(attack.enter_as("supervisor", attack.reset("supervisor")))


def _gives_himself_a_role_with_a_second_administrator_beside(attack: Attack) -> None:
    attack.open_account("quan-tri-2", "administrator", "99")
    attack.forget_what_was_told()  # what follows has to be heard of by itself
    attack.post(attack.account("administrator"), {**ACCOUNT, "role": "supervisor", "unit": "99"})
    attack.look_around()


def _has_the_workers_messages_ring_on_his_telephone(attack: Attack) -> None:
    attack.post(attack.account("worker"), {**ACCOUNT, "phone": "0900000666", "role": "worker", "unit": "99001"})
    with attack.town.office.begin(SYSTEM) as work:
        attack.loot += [one.body for one in work.session.exec(select(Notice))]
    attack.look_around()


def _imports(rows: str) -> Script:
    def script(attack: Attack) -> None:
        """As the machine's operator would, on his word: the command has no other way in."""
        file = attack.folder / "staff.csv"
        file.write_text(f"username,name,role,post,unit,phone,hamlet\n{rows}\n", "utf-8")
        try:
            with attack.town.office.begin(SYSTEM) as work:
                apply_staff(work, plan_staff(work, read_sheet(file, STAFF_COLUMNS)))
        except (Forbidden, ValueError):  # the last administrator is not moved
            attack.heard = {"whoever runs the machine"}  # to whose face the command refuses
        attack.look_around(attack.enter_as("administrator", attack.town.password))

    return script


def _imports_himself_with_a_second_administrator_beside(attack: Attack) -> None:
    attack.open_account("quan-tri-2", "administrator", "99")
    _imports("administrator,Quản trị,supervisor,,99,,")(attack)


def _moves_the_calendar(attack: Attack) -> None:
    attack.post(
        "/quan-tri/ngay-nghi",
        {"kind": "off", "first-day": "24", "first-month": "11", "first-year": "2026", "last-day": "24", "last-month": "11",
         "last-year": "2026", "title": "Nghỉ thêm", "source": "Không có", "seen": "0", "_save": "1"},
    )  # fmt: skip
    attack.look_around()


def _takes_a_pair_of_eyes_from_the_police(attack: Attack) -> None:
    attack.look_around(attack.enter_as("police", attack.reset("police")))
    attack.get("/chuyen-den")


# What only asks leaves nothing behind, so these are tried one after the other in one town.
ASKING: dict[str, Script] = {
    "opens the case by its code": _asks_for("/ca/{code}"),
    "asks for every page of the case": _asks_for(*(f"/ca/{{code}}{page}" for page in CASE_PAGES)),
    "lists the cases": _asks_for("/ca", "/ca?tat-ca=1"),
    "looks at the desks of others": _asks_for("/viec", "/ky", "/giam-sat", "/tiep-nhan", "/ban-giao"),
    "looks at what was referred": _asks_for("/chuyen-den", "/tiep-nhan/can-xem-lai"),
    "asks for the trail": _asks_for("/quan-tri/nhat-ky"),
    "has the child's name shown": _posts("/ca/{code}/hien-ten"),
    "has the sheet printed": _posts("/ca/{code}/in"),
    "accepts the case": _posts("/ca/{code}/buoc/accept"),
    "takes down a report": _posts("/tiep-nhan/moi", danger_now="yes", incident_commune="99001"),
    "opens it in an emergency": _posts("/mo-khan-cap", code="TE-26-00000", reason="Trẻ đang gặp nguy hiểm ngay."),
    "excludes the commune": _posts("/ca/{code}/loai-tru", unit="99001", person="", reason="Không có lý do nào."),
    "asks who reported": _posts("/ca/{code}/nguoi-bao-tin/de-nghi", reason="Muốn biết ai đã báo."),
    "shows himself who reported": _posts("/ca/{code}/nguoi-bao-tin"),
}
SCRIPTS: dict[str, Script] = {
    "gives himself the worker's role": _changes("administrator", "worker", "99001"),
    "gives himself the supervisor's role": _changes("administrator", "supervisor", "99"),
    "opens a worker's account": _opens_account("worker", "99001"),
    "opens a chair's account": _opens_account("chair", "99001"),
    "opens a supervisor's account": _opens_account("supervisor", "99"),
    "opens an auditor's account": _opens_account("auditor", "99"),
    "opens an operator's account": _opens_account("hotline", "TD-111"),
    "makes a second administrator and agrees with it": _makes_a_second_administrator_and_agrees_with_it,
    "agrees to his own proposals": _agrees_to_his_own_proposals,
    "agrees as the supervisor whose password he set": _agrees_as_the_supervisor_whose_password_he_set,
    "sets the supervisor's password": _resets("supervisor"),
    "sets the worker's password": _resets("worker"),
    "sets the chair's password": _resets("chair"),
    "sets the police's password": _takes_a_pair_of_eyes_from_the_police,
    "makes a worker of a collaborator": _changes("collaborator", "worker", "99001", then_reset=True),
    "brings another commune's worker here": _changes("worker-99002", "worker", "99001", then_reset=True),
    "makes the auditor a supervisor": _changes("auditor", "supervisor", "99", then_reset=True),
    "closes the supervisor and stays alone": _closes_the_supervisor_and_stays_alone,
    "reopens a closed account": _reopens_a_closed_account,
    "gives himself a role, a second administrator beside him": _gives_himself_a_role_with_a_second_administrator_beside,
    "asks that the supervisor lose her second factors": _asks_that_the_supervisor_lose_her_second_factors,
    "takes a collaborator's place with a telephone": _takes_a_collaborator_s_place_with_a_telephone,
    "puts himself on duty": _puts_himself_on_duty,
    "sends the worker on leave": _sends_the_worker_on_leave,
    "has the worker's messages ring on his telephone": _has_the_workers_messages_ring_on_his_telephone,
    "imports himself as a worker": _imports("administrator,Quản trị,worker,,99001,,"),
    "imports himself, a second administrator beside him": _imports_himself_with_a_second_administrator_beside,
    "moves the calendar": _moves_the_calendar,
}


@pytest.fixture
def attack(town: Town, app: Any, browser: Callable[[str], Browser], tmp_path: Path) -> Attack:  # noqa: F811
    case = report(town)
    me = browser("administrator")
    town.clock.advance(minutes=1)
    return Attack(town, app, case, me, tmp_path)


def others_told(attack: Attack) -> set[str]:
    """Who but the administrator has been told something since the attack began, and not about the case's own limits."""
    with attack.town.office.begin(SYSTEM) as work:
        rows = work.session.exec(select(Notice, Staff).join(Staff, Staff.id == Notice.staff_id)).all()  # type: ignore[arg-type]
        made = {"administrator", "quan-tri-2", "giam-sat-2", "nguoi-moi", "can-bo-moi"}
        texts = (
            "office-act",
            "office-act-yours",
            "office-act-refused",
            "second-person",
            "factor-changed",
            "phone-enrolled",
        )
        return {staff.username for notice, staff in rows if notice.text_id in texts} - made


def test_there_are_thirty_of_them() -> None:
    assert len({*ASKING, *SCRIPTS}) >= 30


def test_no_page_or_act_of_a_case_answers_an_administrator_and_each_try_alerts_another(attack: Attack) -> None:
    for name, script in ASKING.items():
        script(attack)
        assert others_told(attack), f"{name}: nobody else was told"
        attack.forget_what_was_told()  # or the next would be too soon after the last to be told again
    assert not [secret for secret in SECRETS for text in attack.loot if secret in text]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_of_an_administrator_reads_a_case_and_each_alerts_another(attack: Attack, name: str) -> None:
    SCRIPTS[name](attack)
    attack.get(f"/ca/{attack.case.code}")
    assert not [secret for secret in SECRETS for text in attack.loot if secret in text]
    assert attack.heard, "nobody else was told of the act itself"


@contextmanager
def defect(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, value: Any) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(where, name, value)
        yield


def test_without_the_second_person_an_account_he_opened_would_read_the_case(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted defect: accounts that open cases as soon as they are made."""
    with defect(monkeypatch, service, "_wait_for_second_person", lambda work, staff, always=False: None):
        SCRIPTS["sets the supervisor's password"](attack)
    assert [secret for secret in SECRETS for text in attack.loot if secret in text]


def test_without_the_look_over_nobody_would_hear_of_it(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: facts in the trail that reach nobody."""
    with defect(monkeypatch, watching, "alerts", dict):
        SCRIPTS["moves the calendar"](attack)
        attack.look_around()
    assert not others_told(attack)


def test_a_second_person_opens_what_the_administrator_has_made(
    attack: Attack,
    browser: Callable[[str], Browser],  # noqa: F811
) -> None:
    """The way on for honest people: the supervisor agrees, and the new worker works."""
    password = attack.open_account("can-bo-moi", "worker", "99001")
    worker = attack.enter_as("can-bo-moi", password)
    assert "Tài khoản chờ người thứ hai" in worker.get("/").get_data(as_text=True)
    supervisor = browser("supervisor")
    assert "can-bo-moi" in supervisor.get("/viec-hai-nguoi").get_data(as_text=True)
    (act,) = attack.acts()
    assert supervisor.submit(f"/viec-hai-nguoi/{act.id}/dong-y").status_code == 303
    assert worker.get(f"/ca/{attack.case.code}").status_code == 200
