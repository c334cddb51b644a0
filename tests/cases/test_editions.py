"""A running case moves to another edition on purpose only; a change of the law is shown before it is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.bootstrap import Office, open_office
from casework.cases.editions import Moved, editions_for, find_case, move_to_edition, states_missing
from casework.cases.house import open_book
from casework.cli import casework
from casework.clock import local
from casework.deadlines.models import CaseClock, ChangeKind, ClockChange, ClockState
from casework.deadlines.replay import Replayed, replay, replay_added
from casework.errors import IllegalMove, Invalid, LawFault
from casework.law.book import LawBook
from casework.law.loader import DATA
from casework.law.model import Law
from casework.settings import Settings
from casework.work import SYSTEM
from tests.cases.walking import PLAN, Walk, specific

HERE, NATIONAL = "nd56-2017+99", "nd56-2017"
WHY = "Chuyển theo quy định mới (diễn tập)."


def move(walk: Walk, key: str, reason: str = WHY, *, book: LawBook | None = None) -> Moved:
    office = replace(walk.town.office, book=book) if book else walk.town.office
    with office.begin(SYSTEM) as work:
        case = find_case(work, walk.code)
        assert case is not None
        return move_to_edition(work, case, key, reason)


def without_state(law: Law, state: str) -> Law:
    edition = replace(law.edition, id="nd99")
    return replace(law, edition=edition, states={one: law.states[one] for one in law.states if one != state})


def audited(walk: Walk, tag: Tag) -> list[AuditEntry]:
    with walk.town.office.begin(SYSTEM) as work:
        return list(work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)))


# ------------------------------------------------------------ moving a case


def test_a_case_opens_under_its_province_s_limits(walk: Walk) -> None:
    assert walk.case().edition == HERE
    walk.to("plan-submitted")
    clock = walk.running()["approve-plan"]
    assert clock.edition == HERE
    assert local(clock.due_at).date() - local(clock.started_at).date() == timedelta(days=1), "the law would give two"


def test_a_move_counts_open_clocks_anew_and_explains_each(walk: Walk) -> None:
    walk.to("plan-submitted")
    before = walk.running()["approve-plan"]
    moved = move(walk, NATIONAL)
    after = walk.running()["approve-plan"]
    assert (walk.case().edition, after.edition) == (NATIONAL, NATIONAL)
    assert after.due_at == before.due_at + timedelta(days=1)
    with walk.town.office.begin(SYSTEM) as work:
        (change,) = work.session.exec(select(ClockChange)).all()
        assert (change.kind, change.old_due, change.new_due) == (ChangeKind.EDITION, before.due_at, after.due_at)
        assert WHY in work.open(change, "reason")
    assert [(one.rule, one.change.id) for one in moved.clocks] == [("approve-plan", change.id)]


def test_a_move_is_audited_with_its_reason_sealed(walk: Walk) -> None:
    move(walk, NATIONAL)
    (entry,) = audited(walk, Tag.CASE_MOVED_TO_EDITION)
    with walk.town.office.begin(SYSTEM) as work:
        assert work.open(entry, "reason") == f"{HERE} → {NATIONAL}: {WHY}"


def test_a_clock_whose_limit_is_the_same_keeps_its_due_time(walk: Walk) -> None:
    walk.to("planning")
    before = walk.running()["submit-plan"]
    moved = move(walk, NATIONAL)
    assert (moved.clocks, moved.kept) == ((), len(walk.running()))
    assert walk.running()["submit-plan"].due_at == before.due_at
    assert {clock.edition for clock in walk.running().values()} == {NATIONAL}


def test_a_clock_the_new_edition_does_not_have_lapses_by_name(walk: Walk) -> None:
    book = walk.town.office.book
    law = book.get(NATIONAL)
    acknowledge = {one: rule for one, rule in law.deadlines.items() if one != "acknowledge"}
    poorer = replace(law, edition=replace(law.edition, id="nd99"), deadlines=acknowledge)
    moved = move(walk, "nd99", book=LawBook([*book, poorer]))
    assert moved.lapsed == ("acknowledge",)
    assert [clock.state for clock in walk.clocks("acknowledge")] == [ClockState.CANCELLED]


def test_a_state_missing_in_the_new_edition_refuses_by_name_and_changes_nothing(walk: Walk) -> None:
    walk.to("planning")
    before = walk.running()
    book = LawBook([*walk.town.office.book, without_state(walk.town.office.book.get(NATIONAL), "planning")])
    with pytest.raises(IllegalMove, match="nd99 is not allowed in planning"):
        move(walk, "nd99", book=book)
    assert walk.case().edition == HERE
    assert {rule: clock.edition for rule, clock in walk.running().items()} == dict.fromkeys(before, HERE)
    assert audited(walk, Tag.CASE_MOVED_TO_EDITION) == []


@pytest.mark.parametrize("key", [HERE, "nd56-2017+vi-du-2-gio", "nd0"])
def test_a_case_goes_to_no_other_province_s_limits_nor_to_none_nor_to_its_own(walk: Walk, key: str) -> None:
    with pytest.raises(Invalid):
        move(walk, key)
    with walk.town.office.begin(SYSTEM) as work:
        assert editions_for(work, walk.case()) == [NATIONAL]


def test_a_move_without_a_reason_is_refused(walk: Walk) -> None:
    with pytest.raises(Invalid):
        move(walk, NATIONAL, " ")


# ------------------------------------------------------------ what a change would do, and would have done


def replayed(office: Office, key: str | None = None, **which: object) -> dict[str, Replayed]:
    with office.begin(SYSTEM) as work:
        return {one.rule: one for one in replay(work, key, **which)}  # type: ignore[arg-type]


def tightened(walk: Walk, rule: str, amount: int) -> Office:
    book = walk.town.office.book
    law = book.get(HERE)
    limits = {**law.deadlines, rule: replace(law.deadlines[rule], amount=amount)}
    return replace(walk.town.office, book=LawBook([book.get(NATIONAL), replace(law, deadlines=limits)]))


def test_a_changed_limit_shows_which_open_clock_would_be_due_when(walk: Walk) -> None:
    walk.to("planning")
    open_now = walk.running()
    found = replayed(tightened(walk, "submit-plan", 3), running=True)
    assert found.keys() == open_now.keys()
    assert {rule for rule, one in found.items() if one.moves} == {"submit-plan"}
    one = found["submit-plan"]
    assert one.due_before == open_now["submit-plan"].due_at
    assert one.due_after is not None and one.due_before - one.due_after >= timedelta(days=2)
    assert walk.running()["submit-plan"].due_at == one.due_before, "nothing is written"


def test_the_law_as_it_is_would_move_nothing(walk: Walk) -> None:
    walk.to("carrying-out")
    assert not any(one.moves for one in replayed(walk.town.office).values())


def test_a_replay_finds_who_would_have_been_late(walk: Walk) -> None:
    walk.to("planning")
    walk.pass_time(days=3)
    walk.do("worker", "submit-plan", PLAN)
    office = tightened(walk, "submit-plan", 1)
    assert not replayed(walk.town.office, HERE)["submit-plan"].late_before
    one = replayed(office, HERE)["submit-plan"]
    assert (one.late_before, one.late_after) == (False, True)
    assert replayed(office, HERE, since=walk.town.clock.now()) == {}, "only clocks begun since"


def test_a_period_is_never_late(walk: Walk) -> None:
    walk.to("monitoring")
    walk.pass_time(days=200)
    assert not replayed(walk.town.office, NATIONAL)["monitoring"].late_after


def test_a_case_whose_state_or_edition_the_changed_data_lack_is_named(walk: Walk) -> None:
    book = LawBook([without_state(walk.town.office.book.get(NATIONAL), "received")])
    with replace(walk.town.office, book=book).begin(SYSTEM) as work:
        assert states_missing(work) == [(walk.code, f"edition {HERE}")]
    law = walk.town.office.book.get(HERE)
    lacking = replace(law, states={one: law.states[one] for one in law.states if one != "received"})
    with replace(walk.town.office, book=LawBook([lacking])).begin(SYSTEM) as work:
        assert states_missing(work) == [(walk.code, f"state received of edition {HERE}")]


# ------------------------------------------------------------ the commands

Run = Callable[..., Result]


@pytest.fixture
def run(walk: Walk) -> Run:
    settings = walk.town.office.settings
    env: Mapping[str, str] = {
        "CASEWORK_DATABASE_URL": settings.database_url or "",
        "CASEWORK_KEY_FILE": str(settings.key_file),
        "CASEWORK_DATA_DIR": str(settings.data_dir),
    }
    return lambda *words, **more: CliRunner().invoke(casework, list(words), env={**env, **more})


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the data in which the plan is submitted within three working days."""
    data = tmp_path / "law"
    shutil.copytree(DATA, data)
    path = data / "nd56-2017" / "deadlines.toml"
    text = path.read_text("utf-8")
    head, tail = text.split('id = "submit-plan"', 1)
    path.write_text(head + 'id = "submit-plan"' + tail.replace("amount = 5", "amount = 3", 1), "utf-8")
    (data / "overlays" / "vi-du-7-ngay.toml").unlink()  # its five days are longer now
    return data


def test_check_law_says_what_changed_data_would_do_to_running_cases(walk: Walk, run: Run, changed: Path) -> None:
    walk.to("planning")
    before = walk.running()["submit-plan"].due_at
    told = run("check-law", str(changed), "--running")
    assert told.exit_code == 0, told.output
    (line,) = [one for one in told.stdout.splitlines() if walk.code in one]
    assert line.startswith(f"{walk.code}  submit-plan  {local(before):%H:%M %d/%m/%Y} → ")
    assert "1 would be due at another time" in told.stdout
    assert walk.running()["submit-plan"].due_at == before


def test_replay_prints_counts_and_writes_nothing(walk: Walk, run: Run, changed: Path) -> None:
    walk.to("planning")
    walk.pass_time(days=4)
    walk.do("worker", "submit-plan", PLAN)
    told = run("law", "replay", "--edition", str(changed / "nd56-2017"), "--since", "2026-01-01", "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["edition"], found["clocks"]) == ("nd56-2017", len(all_clocks(walk)))
    assert found["late_before"] <= found["late_after"]
    rules = {one["rule"]: one for one in found["rules"]}
    assert rules["submit-plan"] == {"rule": "submit-plan", "clocks": 1, "late_before": 0, "late_after": 1}
    assert [one["case_code"] for one in found["newly_late"] if one["rule"] == "submit-plan"] == [walk.code]


def test_a_case_is_moved_by_command(walk: Walk, run: Run) -> None:
    told = run("law", "move-case", walk.code, NATIONAL, "--reason", WHY)
    assert told.exit_code == 0, told.output
    assert f"{walk.code}: {HERE} → {NATIONAL}" in told.stdout
    assert walk.case().edition == NATIONAL
    assert run("law", "move-case", walk.code, NATIONAL, "--reason", WHY).exit_code == 2


def test_the_office_does_not_open_on_data_with_a_fault(walk: Walk, run: Run, changed: Path) -> None:
    break_line(changed / "nd56-2017" / "procedure.toml", 'guards = ["commune-known"]', 'guards = ["comune-known"]')
    settings: Settings = replace(walk.town.office.settings, law_dir=changed)
    with pytest.raises(LawFault) as refused:
        open_office(settings)
    (fault,) = refused.value.faults
    line = (changed / "nd56-2017" / "procedure.toml").read_text("utf-8").split("comune-known")[0].count("\n") + 1
    assert fault == f"nd56-2017/procedure.toml:{line}: action accept: guard 'comune-known' is unknown"
    for words in (("check-law", str(changed)), ("serve", "--port", "65123"), ("jobs",)):
        told = run(*words, CASEWORK_LAW_DIR=str(changed))
        assert (told.exit_code, type(told.exception)) == (1, LawFault)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('tag = "case:accepted"', 'tag = "accepted"', "tag 'accepted' is unknown"),
        ('tag = "case:accepted"', f'tag = "{Tag.CASE_OPENED}"', "belongs to the house itself"),
        (
            'notify = [["report-received", "worker"]]',
            'notify = [["report-recieved", "worker"]]',
            "text 'report-recieved'",
        ),
    ],
)
def test_what_the_house_does_not_know_is_named(changed: Path, old: str, new: str, fault: str) -> None:
    break_line(changed / "nd56-2017" / "procedure.toml", old, new)
    with pytest.raises(LawFault, match=fault):
        open_book(changed)


def break_line(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def all_clocks(walk: Walk) -> list[CaseClock]:
    with walk.town.office.begin(SYSTEM) as work:
        return list(
            work.session.exec(select(CaseClock).where(CaseClock.started_at >= datetime(2026, 1, 1, tzinfo=UTC)))
        )


def test_a_limit_only_the_other_edition_has_is_replayed_from_the_trail(walk: Walk) -> None:
    walk.to("specific-assessment")
    walk.pass_time(hours=3)
    walk.do("worker", "submit-specific-assessment", specific("high"))
    walk.to("carrying-out")
    with walk.town.office.begin(SYSTEM) as work:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        two_hours = list(replay_added(work, "nd56-2017+vi-du-2-gio", since=since))
        seven_days = list(replay_added(work, "nd56-2017+vi-du-7-ngay", since=since))
        assert list(replay_added(work, NATIONAL, since=since)) == []
        assert list(replay_added(work, "nd56-2017+vi-du-2-gio", since=work.now)) == []
    (check,) = two_hours
    first = walk.clocks("emergency")[0].started_at
    assert (check.rule, check.started_at, check.due_before) == ("verify-and-report", first, None)
    assert check.due_after == first + timedelta(hours=2)
    assert check.late_after, "it lapsed with the specific assessment, three hours later"
    (total,) = seven_days
    assert total.started_at == walk.clocks("submit-plan")[0].started_at, "the outcome is known by the clock it began"
    assert total.ended_at == walk.clocks("approve-plan")[0].stopped_at
    assert not total.late_after
