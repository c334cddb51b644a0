"""`casework staff`: an account that nobody may agree to is agreed to at the machine, seen by others; anything else is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from casework.access.models import TwoPersonAct
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cli import casework
from casework.oversight.acts import decide_act, expire_acts, waiting_accounts
from casework.people.factors import Step, sign_in
from casework.people.rules import WAITING
from casework.people.service import reset_password, set_mail
from casework.people.sessions import choose_password
from casework.work import SYSTEM
from tests.access.scenes import staff_named, told
from tests.conftest import Town

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CASEWORK_DATABASE_URL", town.database.url)
    monkeypatch.setenv("CASEWORK_KEY_FILE", str(town.office.settings.key_file))
    monkeypatch.setenv("CASEWORK_DATA_DIR", str(town.office.settings.data_dir))
    return lambda *words: CliRunner().invoke(casework, ["staff", *words])


def reset(town: Town, username: str) -> str:
    with town.office.begin(town.act_as("administrator")) as work:
        return reset_password(work, staff_named(town, username))


def only_act(town: Town) -> TwoPersonAct:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(TwoPersonAct)).one()


def test_the_only_supervisor_is_agreed_to_at_the_machine_and_it_is_seen(town: Town, run: Run) -> None:
    reset(town, "supervisor")
    assert town.act_as("supervisor").role == WAITING
    listed: Result = run("waiting")
    assert re.search(r"^supervisor  supervisor of 99  since 23/11/2026 08:00  may decide: NOBODY$", listed.stdout, re.M)
    before = len(told(town, "supervisor"))
    done: Result = run("confirm", "supervisor")
    assert (done.exit_code, done.stdout) == (
        0,
        "confirmed: supervisor  supervisor of 99; the supervisor and the owner are told\n",
    )
    assert town.act_as("supervisor").role == "supervisor"
    assert {one.text_id for one in told(town, "supervisor")[before:]} == {"office-act", "office-act-yours"}
    with town.office.begin(SYSTEM) as work:
        entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.ACCOUNT_CONFIRMED_AT_MACHINE)).one()
        assert (entry.actor_role, entry.object_id) == ("system", staff_named(town, "supervisor").id)
    assert only_act(town).outcome == "withdrawn"
    assert run("waiting").stdout == "0 accounts wait\n"
    again: Result = run("confirm", "supervisor")
    assert again.exit_code == 1 and "waits for nobody" in again.stderr


def test_who_a_second_person_may_decide_on_or_has_refused_is_left_to_them(town: Town, run: Run) -> None:
    reset(town, "worker")
    refused: Result = run("confirm", "worker")
    assert refused.exit_code == 1 and "somebody of its province who may decide" in refused.stderr
    assert "may decide: supervisor\n" in run("waiting").stdout
    with town.office.begin(town.act_as("supervisor")) as work:
        decide_act(work, only_act(town).id, agree=False)
    answered: Result = run("confirm", "worker")
    assert answered.exit_code == 1 and "has refused it" in answered.stderr
    assert town.act_as("worker").role == WAITING


def test_a_name_that_is_no_open_account_is_one_clear_line(run: Run) -> None:
    nobody: Result = run("confirm", "khong-co-ai")
    assert (nobody.exit_code, nobody.stderr) == (1, "Error: there is no open account khong-co-ai\n")


def test_help_says_what_is_needed_and_what_it_does(run: Run) -> None:
    assert all(word in run("--help").stdout for word in ("CASEWORK_KEY_FILE", "audit trail", "confirm", "waiting"))
    text = " ".join(run("confirm", "--help").stdout.split())
    assert all(words in text for words in ("Refused while somebody may decide", "Example: casework staff confirm"))


def test_an_administrator_alone_gets_a_first_password_and_nobody_else_does(town: Town, run: Run) -> None:
    given: Result = run("password", "administrator")
    found = re.match(r"administrator / (\S+)  \(opens for 14 days\)$", given.stdout)
    assert given.exit_code == 0 and found is not None
    with town.office.begin(SYSTEM) as work:
        assert sign_in(work, "administrator", found[1]).step == Step.PASSWORD
    assert told(town, "supervisor", "office-act")
    refused: Result = run("password", "worker")
    assert refused.exit_code == 1 and "is no administrator" in refused.stderr


def test_what_one_does_to_one_s_own_account_makes_no_second_person_of_who_made_it(town: Town) -> None:
    """A lapsed proposal that the owner's new password asked for again would have been the owner's: the administrator who
    opened the account alone could then have agreed to it."""
    with town.office.begin(SYSTEM) as work:
        token = sign_in(work, "worker", reset(town, "worker")).token
    town.clock.advance(minutes=5)
    with town.office.begin(SYSTEM) as work:
        choose_password(work, token, "bốn con vịt qua cầu")
    town.clock.advance(days=20)
    with town.office.begin(SYSTEM) as work:
        expire_acts(work)
    with town.office.begin(SYSTEM) as work:
        asked = sign_in(work, "worker", "bốn con vịt qua cầu").staff
        work.actor = town.act_as("worker")
        set_mail(work, asked, "can-bo@example.vn")
    assert only_act(town).outcome == "expired"
    with town.office.begin(SYSTEM) as work:
        assert [(one.staff.username, one.asked) for one in waiting_accounts(work)] == [("worker", False)]
