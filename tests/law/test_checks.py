"""Each check of the law finds the fault it is there for: a copy of the data is broken in one place and read again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from casework.cli_law import check_law
from casework.errors import LawFault
from casework.law.loader import DATA, law_from, load_book

Break = Callable[[str, str, str], tuple[str, ...]]


@pytest.fixture
def broken(tmp_path: Path) -> Break:
    """Copies the data, replaces `old` by `new` in one file, and gives the faults that reading it names."""

    def break_data(file: str, old: str, new: str) -> tuple[str, ...]:
        shutil.copytree(DATA, tmp_path / "data")
        path = tmp_path / "data" / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"the fault cannot be planted: {old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(LawFault) as refused:
            law_from(tmp_path / "data" / "nd56-2017")
        return refused.value.faults

    return break_data


PROCEDURE, DEADLINES = "nd56-2017/procedure.toml", "nd56-2017/deadlines.toml"
FORM_01, FORM_02, FORM_03 = (f"nd56-2017/forms/{number}.toml" for number in ("01", "02", "03"))
ACCESS, HOLIDAYS, CATALOGUE = "nd56-2017/access.toml", "common/holidays.toml", "common/catalogue.toml"

ACTIONS = "# ---------------------------------------------------------------- actions"
LIMBO = """[[state]]
id = "limbo"
stage = "receipt"
title = { vi = "Lơ lửng", en = "Nowhere" }
next = { vi = "Không có gì", en = "Nothing" }
decides = { vi = "Không ai", en = "Nobody" }
article = "25.1"

"""

PLANTED = [
    # the course
    (PROCEDURE, "initial = true\n", "", "0 initial states"),
    (PROCEDURE, 'id = "emergency"\nstage = ', 'id = "emergency"\ninitial = true\nstage = ', "2 initial states"),
    (PROCEDURE, ACTIONS, LIMBO + ACTIONS, "state limbo: cannot be reached"),
    (PROCEDURE, ACTIONS, LIMBO + ACTIONS, "state limbo: has no way out"),
    (PROCEDURE, 'to = "initial-assessment"', 'to = ""', "state received: has no way out"),
    (PROCEDURE, 'to = "needs-meeting"', 'to = "nowhere"', "state 'nowhere' does not exist"),
    (PROCEDURE, "final = true\n", "", "no final state can be reached from it"),
    (PROCEDURE, 'primary = "accept"', 'primary = "end-case"', "primary action 'end-case' cannot be taken there"),
    (PROCEDURE, 'stage = "receipt"', 'stage = "recipt"', "stage 'recipt' does not exist"),
    (PROCEDURE, 'risk = "unassessed"', 'risk = "fine"', "risk 'fine' is unknown"),
    # the moves
    (PROCEDURE, 'sources = ["planning"]', 'sources = ["plannig"]', "state 'plannig' does not exist"),
    (PROCEDURE, 'sources = ["planning"]', "sources = []", "action submit-plan: has no source"),
    (PROCEDURE, 'form = "minutes"', 'form = "minute"', "form 'minute' does not exist"),
    (PROCEDURE, 'tag = "case:plan:submitted"', 'tag = "case:accepted"', "tag 'case:accepted' is used 2 times"),
    (PROCEDURE, 'roles = ["chair"]', 'roles = ["mayor"]', "role 'mayor' is unknown"),
    (PROCEDURE, 'roles = ["chair"]', "roles = []", "has no role"),
    (PROCEDURE, '"decision-needed", "chair"', '"decision-needed", "boss"', "role 'boss' is unknown"),
    (PROCEDURE, 'liaison = "police"', 'liaison = "army"', "liaison 'army' is unknown"),
    (PROCEDURE, 'outcome_field = "conclusion"', 'outcome_field = "result"', "outcome_field 'result' is not a field"),
    (PROCEDURE, 'monitor = "observation"', 'monitr = "observation"', "outcome 'monitr' is not an option"),
    (PROCEDURE, 'monitor = "observation"', 'monitr = "observation"', "option 'monitor' of conclusion leads nowhere"),
    (PROCEDURE, 'outcome_risk = { high = "high"', 'outcome_risk = { high = "awful"', "risk 'awful' is unknown"),
    # the deadlines
    (PROCEDURE, 'starts = ["monitoring"]', 'starts = ["monitorin"]', "deadline 'monitorin' does not exist"),
    (PROCEDURE, 'starts = ["monitoring"]', "starts = []", "deadline monitoring: no action starts it"),
    (PROCEDURE, 'stops = ["acknowledge"]', "stops = []", "deadline acknowledge: no action stops or cancels it"),
    (PROCEDURE, 'resumes = ["submit-plan"]', 'resumes = ["plan"]', "deadline 'plan' does not exist"),
    (DEADLINES, 'unit = "running_hours"', 'unit = "hours"', "unit 'hours' is unknown"),
    (DEADLINES, "amount = 12", "amount = 0", "amount must be at least 1"),
    (DEADLINES, "amount = 12", 'amount = "12"', "amount is not a int"),
    (DEADLINES, "warn_left = [0.5, 0.25]", "warn_left = [50, 25]", "warn_left must lie between 0 and 1"),
    (DEADLINES, "[10, 13, 14]", "[10, 13, 15]", "warn_on_days must lie inside the time"),
    (DEADLINES, 'owner = "worker"', 'owner = "someone"', "role 'someone' is unknown"),
    (DEADLINES, 'set_by_form = "separation.until"', 'set_by_form = "separation.end"', "no form asks the date"),
    # the forms
    (FORM_01, 'group = "reporter"', 'group = "witness"', "group 'witness' is unknown"),
    (FORM_01, 'kind = "phone"', 'kind = "telephone"', "kind 'telephone' is unknown"),
    (FORM_01, 'id = "child_name"', 'id = "child-name"', "an id is small letters"),
    (FORM_01, 'id = "mother_job"', 'id = "father_job"', "field father_job: stands twice"),
    (FORM_01, 'options = "list:kinds"', 'options = "list:kind"', "is not a list of the catalogue"),
    (FORM_01, 'options = "list:kinds"', "", "a choice needs options"),
    (FORM_01, 'datum = "child.age"', 'datum = "child.name"', "datum 'child.name' is name/identity"),
    (FORM_02, 'id = "02"', 'id = "2"', "the file's name says '02'"),
    (FORM_02, 'reading = "counts-only"', 'reading = "points"', "reading 'points' is unknown"),
    (FORM_02, "levels.cao", "levels.rat_cao", "they must be cao, trung_binh, thap, in this order"),
    (FORM_02, 'measure = "harm"', 'measure = "luck"', "measure 'luck' is unknown"),
    (FORM_02, "required = true", "requird = true", "requird is not a word this file knows"),
    (FORM_02, "[[section]]", "[[section]", "not readable as TOML"),
    (FORM_03, "en = \"Child's full name\"", 'en = " "', "the en text is empty"),
    ("nd56-2017/forms/minutes.toml", 'values = ["withheld"]', 'values = ["away"]', "only_if value 'away'"),
    ("nd56-2017/forms/minutes.toml", 'field = "parents_invited"', 'field = "parents"', "which is no earlier field"),
    # the rest
    (FORM_01, 'article = "25.1"', 'article = "25.9"', "article '25.9' has no sentence"),
    (CATALOGUE, 'article = "LTE 4.5"', 'article = "LTE 4.6"', "article 'LTE 4.6' has no sentence"),
    (CATALOGUE, 'id = "trafficking", vi = "Mua bán"', 'id = "trafficking", vi = ""', "the vi text is empty"),
    (CATALOGUE, 'id = "categories"', 'id = "channels"', "id is used twice"),
    (ACCESS, 'withholds = ["medical", ', "withholds = [", "shows and withholds must name every group once"),
    (ACCESS, '"narrative", "legal"]', '"narrative", "legal", "medical"]', "must name every group once"),
    (ACCESS, 'id = "work"', 'id = "office"', "groups are"),
    (ACCESS, 'id = "health"\nshows', 'id = "hospital"\nshows', "audience health: is missing"),
    (HOLIDAYS, "day = 2026-01-02", "day = 2026-01-01", "days must be in order and stand once"),
    (HOLIDAYS, "day = 2026-01-10", "day = 2026-01-09", "a make-up day falls on a Saturday or Sunday"),
    (HOLIDAYS, 'kind = "off"', 'kind = "free"', "kind 'free' is unknown"),
    ("nd56-2017/edition.toml", 'id = "nd56-2017"', 'id = "nd56"', "the folder's name says 'nd56-2017'"),
    ("nd56-2017/edition.toml", "in_force = 2017-07-01\n", "", "in_force is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "fault"), PLANTED, ids=[fault for *_, fault in PLANTED])
def test_a_planted_fault_is_named(broken: Break, file: str, old: str, new: str, fault: str) -> None:
    named = broken(file, old, new)
    assert any(fault in line for line in named), named


def test_a_fault_names_its_file_and_entry(broken: Break) -> None:
    named = broken(PROCEDURE, 'to = "plan-submitted"', 'to = "somewhere"')
    text = (DATA / PROCEDURE).read_text("utf-8")
    line = text[: text.index('to = "plan-submitted"')].count("\n") + 1
    assert f"{PROCEDURE}:{line}: action submit-plan: state 'somewhere' does not exist" in named


def test_all_faults_are_named_at_once(broken: Break) -> None:
    named = broken(PROCEDURE, 'roles = ["worker", "chair"]\ntag', 'roles = ["w", "c"]\nform = "x"\ntag')
    assert len([line for line in named if "action accept" in line]) == 3


def test_a_computed_outcome_needs_a_field_for_the_reason(broken: Break) -> None:
    named = broken(FORM_02, 'id = "reason"', 'id = "remark"')
    assert any("outcome 'second-person' is not an option" in line for line in named)


# ------------------------------------------------------------ file, line and reason


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (PROCEDURE, 'primary = "submit-plan"', 'primary = "end-case"'),
        (PROCEDURE, 'stops = ["acknowledge"]', 'stops = ["acknowlege"]'),
        (DEADLINES, "amount = 12", "amount = 0"),
        (DEADLINES, "[10, 13, 14]", "[10, 13, 15]"),
        (FORM_01, 'kind = "phone"', 'kind = "telephone"'),
        (FORM_02, 'measure = "harm"', 'measure = "luck"'),
        (FORM_02, "[[section]]", "[[section]"),
        (HOLIDAYS, 'kind = "make-up"', 'kind = "make-good"'),
        (HOLIDAYS, 'source = "Bộ luật', 'sorce = "Bộ luật'),
        (ACCESS, 'withholds = ["medical", ', "withholds = ["),
        (CATALOGUE, 'article = "LTE 4.5"', 'article = "LTE 4.6"'),
        ("nd56-2017/edition.toml", "office_pause = [11:30:00", "office_pause = [14:30:00"),
    ],
)
def test_a_fault_names_the_line_it_stands_at(broken: Break, file: str, old: str, new: str) -> None:
    """The line of the word itself, or of its entry where the word is missing: never further than the entry's first line."""
    text = (DATA / file).read_text("utf-8")
    planted = text[: text.index(old)].count("\n") + 1
    lines = [int(fault.split(":")[1]) for fault in broken(file, old, new) if fault.startswith(f"{file}:")]
    assert lines
    assert min(abs(line - planted) for line in lines) <= 6


def test_a_missing_source_is_named(broken: Break) -> None:
    named = broken("nd56-2017/edition.toml", "source = ", "# source = ")
    assert any(line.startswith("nd56-2017/edition.toml:1: source is missing") for line in named)


def test_the_command_prints_each_fault_on_a_line_of_its_own_and_exits_one(broken: Break, tmp_path: Path) -> None:
    named = broken(PROCEDURE, 'roles = ["worker", "chair"]\ntag', 'roles = ["w", "c"]\ntag')
    told = subprocess.run(
        [sys.executable, "-m", "casework", "check-law", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.splitlines() == list(named)


def test_a_sound_copy_is_sound_by_its_folder_and_by_an_edition_in_it(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    for path in (tmp_path / "data", tmp_path / "data" / "nd56-2017"):
        told = CliRunner().invoke(check_law, [str(path)])
        assert (told.exit_code, told.stdout.count(": sound\n")) == (0, len(list(load_book())))
