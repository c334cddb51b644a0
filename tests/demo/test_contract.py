"""The `casework` command's public contract, through the real command on a real folder."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from casework.db import OWNER_ROLE, EmbeddedServer
from casework.demo.cases import STORIES

ROLES = [
    "hotline", "collaborator", "worker", "chair", "supervisor", "police", "health", "administrator", "auditor",
]  # fmt: skip


def casework(*arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CASEWORK_")}
    if data is not None:
        environment["CASEWORK_DATA_DIR"] = str(data)
    return subprocess.run(
        [sys.executable, "-m", "casework", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )


@dataclass(frozen=True)
class Prepared:
    folder: Path
    told: dict[str, Any]


@pytest.fixture(scope="module")
def demo() -> Iterator[Prepared]:
    above = Path(tempfile.mkdtemp(prefix="casework-demo-"))
    above.chmod(0o711)  # the database's own account walks through it
    folder = above / "demo"
    done = casework("demo", "--json", "--no-serve", "--data", str(folder))
    assert done.returncode == 0, done.stderr
    yield Prepared(folder, json.loads(done.stdout))
    casework("demo", "--stop", "--data", str(folder))
    shutil.rmtree(above)


def dump(demo: Prepared) -> str:
    """Every row of every table as the application's role reads it, bytes in hex as a dump writes them."""
    lines = []
    with psycopg.connect(demo.told["database_url"]) as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'keystore')"
        ).fetchall()
        for (table,) in tables:
            lines += [row[0] for row in connection.execute(f"select t::text from {table} t")]
    assert len(lines) > 300
    return "\n".join(lines)


def secrets_of_the_stories() -> list[str]:
    found = []
    for story in STORIES:
        for name in (
            "child_name",
            "narrative",
            "incident_place",
            "reporter_name",
            "reporter_phone",
            "child_whereabouts",
        ):
            if value := story.report.get(name):
                found.append(str(value))
        found += [
            text for step in story.steps for text in step.values.values() if isinstance(text, str) and " " in text
        ]
    return [*found, "thôn Má Lủng", "+8490000"]


def leaks(text: str) -> list[str]:
    return [
        word
        for word in secrets_of_the_stories()
        for form in (word, word.encode().hex(), base64.b64encode(word.encode()).decode().rstrip("="))
        if form in text
    ]


def test_the_json_is_the_one_others_script_against(demo: Prepared) -> None:
    assert list(demo.told) == ["url", "database_url", "api_key", "accounts", "communes"]
    assert [account["role"] for account in demo.told["accounts"]] == ROLES
    assert all(set(account) == {"role", "username", "password", "unit"} for account in demo.told["accounts"])
    assert all(set(commune) == {"code", "name"} for commune in demo.told["communes"])


def test_a_later_demo_on_the_same_folder_gives_the_same_accounts(demo: Prepared) -> None:
    again = casework("demo", "--json", "--no-serve", "--data", str(demo.folder))
    assert json.loads(again.stdout) == demo.told


def test_a_copy_of_the_database_names_nobody_and_tells_nothing(demo: Prepared) -> None:
    assert len(secrets_of_the_stories()) > 40
    assert leaks(dump(demo)) == []


def test_the_search_for_leaks_sees_one_word_in_clear(demo: Prepared) -> None:
    text = dump(demo)
    word = secrets_of_the_stories()[0]
    assert leaks(f"{text}\n{word}") == [word]
    assert leaks(text + word.encode().hex()) == [word]


def test_the_application_s_role_can_neither_change_nor_delete_the_trail(demo: Prepared) -> None:
    for statement in ("update audit_entry set tag = 'x'", "delete from audit_entry", "truncate audit_entry"):
        with (
            psycopg.connect(demo.told["database_url"]) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_the_trail_verifies_and_an_edited_row_is_named(demo: Prepared) -> None:
    sound = casework("audit", "verify", data=demo.folder)
    assert (sound.returncode, "sound" in sound.stdout) == (0, True), sound.stderr
    with psycopg.connect(EmbeddedServer(demo.folder).url(OWNER_ROLE), autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute("update audit_entry set tag = 'case:read' where seq = 17")
        broken = casework("audit", "verify", data=demo.folder)
        assert broken.returncode == 1
        assert "17" in broken.stdout
        assert "Traceback" not in broken.stderr


def test_a_folder_with_something_else_in_it_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    refused = casework("demo", "--no-serve", "--data", str(tmp_path))
    assert refused.returncode == 1
    assert "choose another folder" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [[], ["demo"], ["init"], ["serve"], ["jobs"], ["audit", "verify"], ["audit", "anchor"], ["law", "due"], ["seed"]],
    ids=" ".join,
)
def test_every_command_explains_itself(command: list[str]) -> None:
    told = casework(*command, "--help")
    assert told.returncode == 0
    assert "Usage:" in told.stdout


def test_a_moment_that_cannot_be_read_is_answered_with_how_to_write_it() -> None:
    refused = casework("demo", "--no-serve", "--clock", "yesterday")
    assert refused.returncode == 2
    assert "2026-11-22T22:14+07:00" in refused.stderr


def test_five_working_days_over_new_year_are_counted_day_by_day() -> None:
    told = json.loads(casework("law", "due", "submit-plan", "2026-12-30T09:00+07:00", "--json").stdout)
    assert told["due_at"] == "2027-01-07T17:00:00+07:00"
    assert sum(day["counts"] for day in told["counted"]) == 5


def test_the_law_s_data_is_sound() -> None:
    assert casework("check-law").returncode == 0
