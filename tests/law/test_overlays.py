"""A province may tighten, never loosen: published local procedures laid over the law unchanged, and loosened ones refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.errors import LawFault
from casework.law.book import LawBook
from casework.law.calendar import calendar_of
from casework.law.deadlines import due
from casework.law.loader import DATA, load_book

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
BOOK = load_book()
LAW = BOOK.get("nd56-2017")
STARTS = st.datetimes(datetime(2025, 6, 1), datetime(2027, 12, 1)).map(lambda moment: moment.replace(tzinfo=UTC))

HEAD = """title = { vi = "Thử", en = "Test" }
province = "98"
edition = "nd56-2017"
in_force = 2026-01-01
source = "test"

[[article]]
id = "Quy trình thử"
vi = "Thử."
en = "Test."

"""
LIMIT = """[[deadline]]
id = "{rule}"
unit = "{unit}"
amount = {amount}
article = "Quy trình thử"
"""
ADDED = """title = { vi = "Kiểm", en = "Check" }
counts_from = { vi = "lúc nhận", en = "the receipt" }
owner = "worker"
escalate = "supervisor"
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def ends(key: str, rule: str, start: str) -> datetime:
    law = BOOK.get(f"nd56-2017+{key}")
    return due(law.deadlines[rule], at(start), calendar_of(law)).due_at.astimezone(VIETNAM)


# ------------------------------------------------------------ the four published procedures


def test_two_hours_to_verify_and_report_run_from_the_first_receipt_through_the_night() -> None:
    law = BOOK.get("nd56-2017+vi-du-2-gio")
    assert law.opening == ("verify-and-report",)
    assert ends("vi-du-2-gio", "verify-and-report", "2026-11-22T23:14") == at("2026-11-23T01:14")
    assert "verify-and-report" in law.actions["verify"].stops


def test_five_steps_of_two_working_hours_follow_each_other() -> None:
    law = BOOK.get("nd56-2017+vi-du-5-buoc")
    steps = [f"step-{n}" for n in range(1, 6)]
    assert [(law.deadlines[one].unit, law.deadlines[one].amount) for one in steps] == [("working_hours", 2)] * 5
    assert law.opening == ("step-1",)
    for ending, beginning, act in zip(steps, steps[1:], ("accept", "verify"), strict=False):
        assert ending in law.actions[act].stops
        assert beginning in law.actions[act].starts
    assert "step-4" in law.actions["submit-initial-assessment"].outcome_starts["emergency"]
    assert ends("vi-du-5-buoc", "step-1", "2026-11-20T16:00") == at("2026-11-23T08:30"), "Friday evening to Monday"
    assert ends("vi-du-5-buoc", "step-1", "2026-11-20T10:30") == at("2026-11-20T14:00"), "the pause does not run"


def test_one_working_day_instead_of_two() -> None:
    assert ends("vi-du-1-ngay", "approve-plan", "2026-11-20T16:00") == at("2026-11-23T17:00")
    assert BOOK.get("nd56-2017+vi-du-1-ngay").deadlines["approve-plan"].article != "28.4", "the province's own ground"


def test_five_working_days_and_seven_in_all_returns_included() -> None:
    law = BOOK.get("nd56-2017+vi-du-7-ngay")
    assert ends("vi-du-7-ngay", "submit-plan", "2026-11-20T16:00") == at("2026-11-27T17:00")
    assert ends("vi-du-7-ngay", "plan-total", "2026-11-20T16:00") == at("2026-12-01T17:00")
    begins = {action.id for action in law.actions.values() if "submit-plan" in action.starts}
    assert begins == {action.id for action in law.actions.values() if "plan-total" in action.starts}
    for action in law.actions.values():
        for value, rules in action.outcome_starts.items():
            assert ("plan-total" in rules) is ("submit-plan" in rules), (action.id, value)
    assert "plan-total" in law.actions["approve-plan"].stops
    assert "plan-total" not in (*law.actions["return-plan"].stops, *law.actions["return-plan"].cancels)


@pytest.mark.parametrize("law", [law for law in BOOK if law.overlay], ids=lambda law: law.key)
def test_what_a_province_added_lapses_when_the_case_ends(law: object) -> None:
    local = BOOK.get(law.key)  # type: ignore[attr-defined]
    added = local.deadlines.keys() - LAW.deadlines.keys()
    for action in local.actions.values():
        if action.to and local.states[action.to].final:
            assert added <= {*action.cancels, *action.stops}


@pytest.mark.parametrize("law", [law for law in BOOK if law.overlay], ids=lambda law: law.key)
def test_every_overlay_names_its_source_and_who_was_not_read(law: object) -> None:
    overlay = law.overlay  # type: ignore[attr-defined]
    assert overlay.source
    assert overlay.by_product is ("chưa đọc văn bản" in overlay.source)


@given(STARTS, st.sampled_from([law for law in BOOK if law.overlay]))
def test_no_overlay_ends_a_limit_later_than_the_law(start: datetime, law: object) -> None:
    local = BOOK.get(law.key)  # type: ignore[attr-defined]
    for rule in LAW.deadlines.values():
        if not rule.only_local:
            laid = due(local.deadlines[rule.id], start, calendar_of(LAW)).due_at
            assert laid <= due(rule, start, calendar_of(LAW)).due_at


# ------------------------------------------------------------ what is refused

Lay = Callable[[str], LawBook]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """The book with one more overlay, `overlays/98.toml`."""

    def read(text: str) -> LawBook:
        shutil.copytree(DATA, tmp_path / "data", dirs_exist_ok=True)
        (tmp_path / "data" / "overlays" / "98.toml").write_text(text, "utf-8")
        return load_book(tmp_path / "data")

    return read


def limit(rule: str, unit: str, amount: int) -> str:
    return HEAD + LIMIT.format(rule=rule, unit=unit, amount=amount)


@pytest.mark.parametrize(
    ("rule", "unit", "amount"),
    [
        ("emergency", "running_hours", 13),
        ("emergency", "running_minutes", 721),
        ("emergency", "working_hours", 2),  # begun on a Friday evening it ends on Monday
        ("approve-plan", "working_days", 3),
        ("approve-plan", "working_hours", 17),
        ("approve-plan", "calendar_days", 2),  # ends at midnight, the law's at closing time
        ("submit-plan", "running_hours", 24 * 5),
        ("acknowledge", "running_hours", 1),
    ],
)
def test_a_loosened_limit_is_refused_by_line(lay: Lay, rule: str, unit: str, amount: int) -> None:
    with pytest.raises(LawFault) as refused:
        lay(limit(rule, unit, amount))
    (fault,) = refused.value.faults
    line = [*HEAD.splitlines(), *LIMIT.splitlines()].index("amount = {amount}") + 1
    assert fault.startswith(f"overlays/98.toml:{line}: deadline {rule}: loosened: ")


@pytest.mark.parametrize(
    ("rule", "unit", "amount"),
    [
        ("emergency", "running_hours", 12),
        ("emergency", "running_minutes", 720),
        ("approve-plan", "working_hours", 16),
        ("approve-plan", "calendar_days", 1),
        ("submit-plan", "running_hours", 24 * 4),
    ],
)
def test_a_limit_as_tight_as_the_law_or_tighter_is_laid(lay: Lay, rule: str, unit: str, amount: int) -> None:
    law = lay(limit(rule, unit, amount)).for_province(date(2026, 11, 22), "98")
    assert (law.key, law.deadlines[rule].unit) == ("nd56-2017+98", unit)


def test_a_time_that_has_to_pass_cannot_be_shortened(lay: Lay) -> None:
    with pytest.raises(LawFault, match="has to pass"):
        lay(limit("monitoring", "calendar_months", 2))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD.replace('edition = "nd56-2017"', 'edition = "nd99"'), "98.toml:3: edition 'nd99' does not exist"),
        (HEAD.replace('source = "test"\n', ""), "source is missing"),
        (HEAD.replace('source = "test"', 'source = " "'), "98.toml:5: source is empty"),
        (HEAD, "deadline is missing"),
        (limit("approve-plan", "working_day", 1), "unit 'working_day' is unknown"),
        (limit("approve-plan", "working_days", 0), "amount must be at least 1"),
        (limit("approve-plan", "working_days", 1) + 'owner = "chair"\n', "owner is not a word this file knows"),
        (limit("approve-plan", "working_days", 1).replace("thử", "khác", 1), "has no sentence"),
        (HEAD + LIMIT.format(rule="approve-plan", unit="working_days", amount=1) * 2, "id is used twice"),
        (HEAD + "[[deadline]\n", "98.toml:12: not readable as TOML"),
        (limit("check", "working_hours", 2) + ADDED, "nothing starts it"),
        (limit("check", "working_hours", 2) + ADDED + 'starts_on = ["open"]\n', "nothing stops it"),
        (limit("check", "working_hours", 2) + ADDED + 'starts_on = ["begin"]\n', "action 'begin' does not exist"),
        (limit("check", "working_hours", 2) + ADDED + 'starts_with = "begin"\n', "deadline 'begin' of the law"),
        (limit("check", "working_hours", 2) + ADDED + 'starts_on = ["accept:yes"]\n', "outcome 'accept:yes'"),
        (limit("check", "working_hours", 2) + ADDED.replace('"worker"', '"mayor"'), "role 'mayor' is unknown"),
    ],
    ids=lambda value: None if "\n" in value else value,
)
def test_a_faulty_overlay_is_named(lay: Lay, text: str, fault: str) -> None:
    with pytest.raises(LawFault) as refused:
        lay(text)
    assert any("overlays/98.toml" in one and fault in one for one in refused.value.faults), refused.value.faults


def test_two_overlays_of_a_province_at_once_are_refused(lay: Lay) -> None:
    with pytest.raises(LawFault, match="overlaps"):
        lay(limit("approve-plan", "working_days", 1).replace('"98"', '"99"'))


def test_overlapping_editions_are_refused_and_so_is_a_gap(tmp_path: Path) -> None:
    def second(since: date, until: date) -> tuple[str, ...]:
        data = tmp_path / f"{since}"
        shutil.copytree(DATA, data)
        shutil.copytree(data / "nd56-2017", data / "nd99")
        change(data / "nd56-2017" / "edition.toml", "in_force = ", f"until = {until}\nin_force = ")
        change(data / "nd99" / "edition.toml", 'id = "nd56-2017"', 'id = "nd99"')
        change(data / "nd99" / "edition.toml", "in_force = 2017-07-01", f"in_force = {since}")
        try:
            load_book(data)
        except LawFault as fault:
            return fault.faults
        return ()

    assert second(date(2027, 1, 1), date(2026, 12, 31)) == ()
    (overlap,) = second(date(2027, 1, 2), date(2027, 1, 2))
    assert "nd99/edition.toml:" in overlap and "overlaps" in overlap
    (gap,) = second(date(2027, 1, 3), date(2026, 12, 31))
    assert "leaves no edition in force" in gap


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_working_hour_does_not_run_at_noon_nor_at_night() -> None:
    law = BOOK.get("nd56-2017+vi-du-5-buoc")
    found = due(law.deadlines["step-1"], at("2026-02-13T16:30"), calendar_of(law))
    assert found.due_at.astimezone(VIETNAM) == at("2026-02-23T09:00"), "the new year's week lies between"
    assert sum((one.spent for one in found.counted), timedelta(0)) == timedelta(hours=2)
