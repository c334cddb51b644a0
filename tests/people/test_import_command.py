"""`casework import` as an administrator types it: one line a fault, exit codes, dry runs, passwords in a file of their own."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from casework.cli import casework
from casework.people.factors import sign_in
from casework.people.models import Staff, Unit
from casework.work import SYSTEM

if TYPE_CHECKING:
    from tests.conftest import Town

Run = Callable[..., Result]
HEAD = "username,name,role,post,unit,phone,hamlet\n"


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CASEWORK_DATABASE_URL", town.database.url)
    monkeypatch.setenv("CASEWORK_KEY_FILE", str(town.office.settings.key_file))
    monkeypatch.setenv("CASEWORK_DATA_DIR", str(town.office.settings.data_dir))
    return lambda *words: CliRunner().invoke(casework, ["import", *map(str, words)])


def test_units_of_the_country_arrive_by_one_command_and_a_dry_run_changes_nothing(town: Town, run: Run) -> None:
    dry: Result = run("units", "--built-in", "--dry-run")
    assert dry.exit_code == 0 and dry.stdout == "would be: 14057 units added, 0 changed, 0 as they were\n"
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Unit).where(Unit.code == "00004")).first() is None
    assert run("units", "--built-in").stdout == "14057 units added, 0 changed, 0 as they were\n"
    assert run("units", "--built-in").stdout == "0 units added, 0 changed, 14057 as they were\n"


def test_faults_are_lines_and_the_command_fails(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(HEAD + "a1,Tên,worker,,00000,,\na2,,worker,,99002,,\n", "utf-8")
    result: Result = run("staff", path)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "row 2, unit: there is no unit 00000 today",
        "row 3, name: is empty",
        "Error: 2 faults: nothing was imported",
    ]
    assert run("units").exit_code == 2 and run("units", path, "--built-in").exit_code == 2


def test_passwords_go_to_a_file_for_its_owner_alone_and_open_the_accounts(town: Town, run: Run, tmp_path: Path) -> None:
    path, told = tmp_path / "staff.csv", tmp_path / "passwords.csv"
    path.write_text(HEAD + "a1,Tên,worker,,99002,,\n", "utf-8")
    result: Result = run("staff", path, "--passwords", told)
    assert (result.exit_code, result.stdout) == (0, "1 accounts added, 0 changed, 0 as they were\n")
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    name, password = told.read_text("utf-8").splitlines()[1].split(",")
    with town.office.begin(SYSTEM) as work:
        assert sign_in(work, name, password).staff.username == "a1"
    assert password not in result.output
    again: Result = run("staff", path, "--passwords", told)
    assert again.exit_code == 1 and "is there already" in again.stderr


def test_a_password_file_that_cannot_be_written_leaves_no_account(town: Town, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(HEAD + "a1,Tên,worker,,99002,,\n", "utf-8")
    result: Result = run("staff", path, "--passwords", tmp_path / "nowhere" / "p.csv")
    assert result.exit_code == 1 and "cannot be written" in result.stderr
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Staff).where(Staff.username == "a1")).first() is None
