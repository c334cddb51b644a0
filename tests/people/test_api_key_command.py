"""`casework api-key`: a machine's key is shown once, opens the one door until it is taken back, and others hear of both."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cli import casework
from casework.people.models import ApiKey, UnitKind
from casework.people.queries import api_client
from casework.people.service import create_unit
from casework.work import SYSTEM
from tests.access.scenes import told
from tests.conftest import Town

Run = Callable[..., Result]
NAME = "Hệ thống diễn tập"
MOMENT = r"\d\d/\d\d/\d{4} \d\d:\d\d"


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CASEWORK_DATABASE_URL", town.database.url)
    monkeypatch.setenv("CASEWORK_KEY_FILE", str(town.office.settings.key_file))
    monkeypatch.setenv("CASEWORK_DATA_DIR", str(town.office.settings.data_dir))
    return lambda *words: CliRunner().invoke(casework, ["api-key", *words])


def opens(town: Town, key: str) -> bool:
    with town.office.begin(SYSTEM) as work:
        return api_client(work, key) is not None


def test_a_key_opens_until_it_is_taken_back_and_both_are_told_and_written_down(town: Town, run: Run) -> None:
    before = len(told(town, "supervisor"))
    made: Result = run("make", NAME, "--unit", "99001")
    key = made.stdout.strip()
    assert made.exit_code == 0 and opens(town, key)
    assert re.search(rf"^{NAME}  99001  since {MOMENT}$", run("list").stdout, re.M)
    taken: Result = run("revoke", NAME)
    assert taken.exit_code == 0 and not opens(town, key)
    assert re.search(rf"^{NAME}  99001  since {MOMENT}, taken back {MOMENT}$", run("list").stdout, re.M)
    assert [one.text_id for one in told(town, "supervisor")[before:]] == ["office-act", "office-act"]
    with town.office.begin(SYSTEM) as work:
        tags = (Tag.API_KEY_CREATED, Tag.API_KEY_REVOKED)
        entries = work.session.exec(select(AuditEntry).where(AuditEntry.tag.in_(tags))).all()[-2:]  # type: ignore[attr-defined]
        assert [(one.tag, one.actor_role) for one in entries] == [(tag, "system") for tag in tags]


def test_the_office_keeps_no_key_and_lists_none(town: Town, run: Run) -> None:
    key = run("make", NAME, "--unit", "TD-111").stdout.strip()
    assert key not in run("list").output
    with town.office.begin(SYSTEM) as work:
        assert all(key.encode() not in one.digest for one in work.session.exec(select(ApiKey)))


def test_a_body_without_a_province_is_told_of_to_the_administrators(town: Town, run: Run) -> None:
    with town.office.begin(SYSTEM) as work:
        create_unit(work, code="TD-TW", name="Tổng đài trung ương (diễn tập)", kind=UnitKind.HOTLINE, province_id=None)
    before = len(told(town, "administrator"))
    assert run("make", NAME, "--unit", "TD-TW").exit_code == 0
    assert [one.text_id for one in told(town, "administrator")[before:]] == ["office-act"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("make", "  ", "--unit", "TD-111"), "a name has 1 to 80 letters"),
        (("make", "x" * 81, "--unit", "TD-111"), "a name has 1 to 80 letters"),
        (("make", "một\nhai", "--unit", "nowhere"), "there is no unit nowhere today"),
        (("make", "Tổng đài 111 (diễn tập)", "--unit", "TD-111"), "there is a key in use named"),
        (("revoke", "chưa từng có"), "there is no key in use named"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(run: Run, words: tuple[str, ...], said: str) -> None:
    before = run("list").stdout
    refused = run(*words)
    assert refused.exit_code == 1 and said in refused.stderr and "Traceback" not in refused.output
    assert run("list").stdout == before
