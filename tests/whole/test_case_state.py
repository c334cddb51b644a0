"""One function keeps the procedure: nothing but `take_action` changes a case's state; `open_case` gives the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from casework.cases.models import Case
from tests.whole.state_writers import Writer, state_writers

PACKAGE = Path(__file__).resolve().parents[2] / "casework"
TABLE = str(Case.__tablename__)
ALLOWED = {("casework/cases/service.py", "open_case"), ("casework/cases/service.py", "take_action")}
# (path, function) → why this is not the state of a case.
OTHER_STATES: dict[tuple[str, str], str] = {
    ("casework/papers/service.py", "_number"): "a paper that got its number is issued",
    ("casework/papers/service.py", "_keep_version"): "a paper printed for its signature is issued",
    ("casework/papers/service.py", "return_scan"): "a paper whose signed copy is back is signed",
}


def uninvited(writers: list[Writer]) -> list[Writer]:
    return [one for one in writers if (one.path, one.function) not in ALLOWED | OTHER_STATES.keys()]


def test_nothing_but_take_action_assigns_a_case_s_state() -> None:
    writers = state_writers(PACKAGE, TABLE)
    assert not uninvited(writers)
    assert {(one.path, one.function) for one in writers} == ALLOWED | OTHER_STATES.keys(), "the lists are out of date"


@pytest.mark.parametrize(
    "planted",
    [
        "case.state = 'ended'",
        "case.title, case.state = '', 'ended'",
        "case.state += 'x'",
        "setattr(case, 'state', 'ended')",
        "session.execute(update(Case).where(Case.id == case.id).values(state='ended'))",
        "session.execute(Case.__table__.update().values(revision=1))",
        f"session.execute(text('update {TABLE} set state = 1'))",
        "session.add(Case(state='ended'))",
        "Case.model_validate({'state': 'ended'})",
        "case.sqlmodel_update({'state': 'ended'})",
        "session.bulk_update_mappings(Case, [{'state': 'ended'}])",
    ],
)
def test_a_planted_writer_is_found(tmp_path: Path, planted: str) -> None:
    room = tmp_path / "casework" / "referral"
    room.mkdir(parents=True)
    (room / "service.py").write_text(f"def close(session, case):\n    {planted}\n", "utf-8")
    found = uninvited(state_writers(tmp_path / "casework", TABLE))
    assert [(one.path, one.function, one.line) for one in found[:1]] == [("casework/referral/service.py", "close", 2)]


@pytest.mark.parametrize("harmless", ["seen = case.state", "if case.state == 'ended': pass", "f(state=case.state)"])
def test_reading_a_state_is_not_writing_it(tmp_path: Path, harmless: str) -> None:
    room = tmp_path / "casework" / "referral"
    room.mkdir(parents=True)
    (room / "queries.py").write_text(f"def look(case):\n    {harmless}\n", "utf-8")
    assert not state_writers(tmp_path / "casework", TABLE)
