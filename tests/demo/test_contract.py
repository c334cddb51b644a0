"""The `casework` command's public contract, through the real command on a real folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner

from casework.cli import casework as command
from casework.db import APP_ROLE
from casework.people.rules import Role
from tests.demo.conftest import Prepared, casework

ROLES = [
    "hotline", "collaborator", "worker", "chair", "supervisor", "police", "health", "administrator", "auditor",
]  # fmt: skip


def test_the_json_is_the_one_others_script_against(demo: Prepared) -> None:
    assert demo.printed.count("\n") == 1, "one line and nothing else on stdout"
    assert list(demo.told) == ["url", "database_url", "api_key", "accounts", "communes"]
    assert demo.told["url"] == "http://127.0.0.1:8000"
    assert [account["role"] for account in demo.told["accounts"]] == ROLES == [role.value for role in Role]
    assert all(list(account) == ["role", "username", "password", "unit"] for account in demo.told["accounts"])
    assert all(all(account.values()) for account in demo.told["accounts"])
    assert len({account["password"] for account in demo.told["accounts"]}) == len(ROLES)
    assert all(list(commune) == ["code", "name"] for commune in demo.told["communes"])


def test_the_printed_address_of_the_database_opens_it(demo: Prepared) -> None:
    with psycopg.connect(demo.told["database_url"]) as connection:
        unsaid = connection.execute("select count(*), current_user from case_file").fetchone()
        connection.execute("select enter_sight('system', null, null, null, now(), true, false, '{}')")
        counted = connection.execute("select count(*) from case_file").fetchone()
    assert unsaid is not None and counted is not None
    assert unsaid == (0, APP_ROLE), "who does not say for whom they look is shown no case"
    assert counted[0] >= 12


def test_stop_stops_the_database_and_a_later_demo_finds_the_same_accounts(demo: Prepared) -> None:
    assert casework("demo", "--stop", "--data", str(demo.folder)).returncode == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(demo.told["database_url"])
    again = casework("demo", "--json", "--no-serve", "--data", str(demo.folder))
    assert json.loads(again.stdout) == demo.told
    with psycopg.connect(demo.told["database_url"]) as connection:
        assert connection.execute("select count(*) from staff").fetchone() != (0,)


def test_the_application_s_role_can_neither_change_nor_delete_the_trail(demo: Prepared) -> None:
    for statement in ("update audit_entry set tag = 'x'", "delete from audit_entry", "truncate audit_entry"):
        with (
            psycopg.connect(demo.told["database_url"]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


@contextmanager
def edited_entry(demo: Prepared, seq: int) -> Iterator[None]:
    """One row of the trail as somebody with the owner's rights and no triggers would leave it; put right afterwards."""
    with psycopg.connect(demo.owner_url, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        before = owner.execute("select tag from audit_entry where seq = %s", [seq]).fetchone()
        assert before is not None
        owner.execute("update audit_entry set tag = tag || '-' where seq = %s", [seq])
        try:
            yield
        finally:
            owner.execute("update audit_entry set tag = %s where seq = %s", [before[0], seq])


def test_the_trail_verifies_and_an_edited_row_is_named(demo: Prepared) -> None:
    sound = casework("audit", "verify", data=demo.folder)
    assert (sound.returncode, sound.stdout.strip().endswith(": sound")) == (0, True), sound.stderr
    with edited_entry(demo, 17):
        broken = casework("audit", "verify", data=demo.folder)
    assert broken.returncode == 1
    assert "rows 17-17" in broken.stdout
    assert "Traceback" not in broken.stderr


def test_the_doctor_finds_a_demo_on_sound_ground(demo: Prepared) -> None:
    told = casework("doctor", data=demo.folder)
    assert told.returncode == 0, told.stderr
    assert "durability sound" in told.stdout
    assert demo.told["api_key"] not in told.stdout


def test_a_folder_with_something_else_in_it_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    refused = casework("demo", "--no-serve", "--data", str(tmp_path))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "choose another folder" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from every_command(one, (*path, name))
        else:
            yield (*path, name)


def test_the_command_names_its_parts() -> None:
    told = casework("--help")
    assert told.returncode == 0
    assert {"demo", "init", "serve", "jobs", "doctor", "audit"} <= set(told.stdout.split())


@pytest.mark.parametrize("path", [*every_command(command)], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    # In this process: starting twenty of them would take most of a minute and show nothing more.
    told = CliRunner().invoke(command, [*path, "--help"])
    assert told.exit_code == 0
    assert told.output.startswith("Usage:")
    assert len(told.output.split("\n\n")) > 2, "says what it does, not only how it is spelt"


def test_a_moment_that_cannot_be_read_is_answered_with_how_to_write_it() -> None:
    refused = casework("demo", "--no-serve", "--clock", "yesterday")
    assert refused.returncode == 2
    assert "2026-11-22T22:14+07:00" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_five_working_days_over_new_year_are_counted_day_by_day() -> None:
    told = json.loads(casework("law", "due", "submit-plan", "2026-12-30T09:00+07:00", "--json").stdout)
    assert list(told) == ["due_at", "counted"]
    assert told["due_at"] == "2027-01-07T17:00:00+07:00"
    assert all(list(day) == ["day", "counts", "why"] for day in told["counted"])
    assert [day["day"] for day in told["counted"] if day["counts"]] == [
        "2026-12-31", "2027-01-04", "2027-01-05", "2027-01-06", "2027-01-07",
    ]  # fmt: skip


def test_the_law_s_data_is_sound() -> None:
    told = casework("check-law")
    assert (told.returncode, told.stdout.strip().endswith(": sound")) == (0, True), told.stderr
