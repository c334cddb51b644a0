"""A closed file goes out whole, in the decree's wording, with its secrecy, and only once it is closed (30.3)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.queries import find_case
from casework.errors import Forbidden, Invalid
from casework.papers.export import export_case, may_export, read_export
from casework.papers.queries import exports_of, find_export
from casework.papers.schemas import ClosedFile
from casework.work import SYSTEM
from tests.cases.walking import Walk
from tests.papers.filing import issue

if TYPE_CHECKING:
    from tests.conftest import Town

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "national-export.schema.json"
REPORTER = "Người Kín Tiếng"


@pytest.fixture
def ended(town: Town) -> str:
    """A case walked to its end, its plan's decision printed with a number."""
    walk = Walk(town).open(child_name="Vừ Mí Thử", child_age=9, reporter_name=REPORTER).to("carrying-out")
    issue(town, walk.code, "05")
    return walk.to("ended").code


def written(town: Town, code: str, by: str = "worker") -> tuple[dict[str, Any], bytes]:
    with town.office.begin(town.act_as(by)) as work:
        case = find_case(work, code)
        export, stored = find_export(work, case, export_case(work, case).id)
        data = read_export(work, case, export, stored)
    return json.loads(data), data


def test_a_closed_file_holds_every_form_in_the_decree_s_wording(town: Town, ended: str) -> None:
    told, _data = written(town, ended)
    ClosedFile.model_validate(told)
    numbers = [one["form_number"] for one in told["documents"] if one["form_number"]]
    assert {f"Mẫu số 0{n}" for n in (1, 2, 3, 4, 5, 6)} <= set(numbers)
    first = told["documents"][0]
    assert first["title"] and all(answer["question"] for answer in first["answers"])
    assert {"question": "Họ và tên", "answer": "Vừ Mí Thử"}.items() <= next(
        {"question": "Họ và tên", "answer": one["answer"]} for one in first["answers"] if one["field"] == "child_name"
    ).items()
    decision = next(one for one in told["documents"] if one["form"] == "05")
    assert [(one["number"], one["state"], len(one["version_hash"])) for one in decision["papers"]] == [
        ("01/QĐ-UBND", "issued", 64)
    ]
    assert told["child"]["child.name"] == "Vừ Mí Thử"
    assert {"emergency", "submit-plan", "monitoring"} <= {one["rule"] for one in told["limits"]}


def test_it_states_its_secrecy_and_scope_and_says_nothing_of_who_reported(town: Town, ended: str) -> None:
    told, data = written(town, ended)
    assert told["secrecy"]["article"] == "24.3" and told["secrecy"]["level"] and told["secrecy"]["scope"]
    assert REPORTER.encode() not in data and b"reporter_name" not in data


def test_it_is_kept_as_it_was_written_and_its_digest_is_in_the_trail(town: Town, ended: str) -> None:
    _told, data = written(town, ended)
    digest = hashlib.sha256(data).hexdigest()
    with town.office.begin(town.act_as("chair")) as work:
        case = find_case(work, ended)
        ((export, stored),) = exports_of(work, case)
        assert read_export(work, case, export, stored) == data
    with town.office.begin(SYSTEM) as work:
        for tag in (Tag.CASE_EXPORTED, Tag.EXPORT_READ):
            entry = work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)).first()
            assert entry is not None and digest in work.open(entry, "reason")


def test_an_open_case_is_not_written_out_and_nobody_else_may(town: Town) -> None:
    walk = Walk(town).open().to("initial-assessment")
    for who, refusal in (("worker", Invalid), ("supervisor", Forbidden)):
        with pytest.raises(refusal), town.office.begin(town.act_as(who)) as work:
            case = find_case(work, walk.code)
            assert not may_export(work, case)
            export_case(work, case)


def test_the_documented_schema_is_the_one_that_is_written() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == ClosedFile.model_json_schema()
