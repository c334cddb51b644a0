"""The pages of docs/ that are written from the law's data say what the data say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from casework.access.docs import page_of
from casework.access.engine import Policy
from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS
from casework.cli_law import every_page, make_docs
from casework.law.book import LawBook
from casework.law.docs import pages_of
from casework.law.loader import load_book

ROOT = Path(__file__).resolve().parents[2]
PAGES = every_page()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_as_the_data_are(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name], "run: casework make-docs"


def test_a_change_of_the_data_changes_a_page() -> None:
    law = load_book().get("nd56-2017")
    longer = replace(law.deadlines["emergency"], amount=24)
    changed = replace(law, deadlines={**law.deadlines, "emergency": longer})
    assert pages_of(LawBook([changed]))["deadlines.md"] != PAGES["deadlines.md"]


def test_a_change_of_the_policy_changes_its_page() -> None:
    book, groups = policy_book(CONDITIONS), load_book().get("nd56-2017").groups
    fewer = replace(book, policy=Policy(book.policy.rules[1:]))
    assert page_of(book, groups) == PAGES["access.md"] != page_of(fewer, groups)


def test_every_rule_condition_and_group_stands_on_the_policy_s_page() -> None:
    book = policy_book(CONDITIONS)
    for word in (*book.told, *book.conditions, *book.all_groups, *book.actions, *book.purposes):
        assert f"`{word}`" in PAGES["access.md"], word


def test_the_command_writes_the_pages(tmp_path: Path) -> None:
    told = CliRunner().invoke(make_docs, ["--to", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == PAGES


def test_every_state_move_limit_and_form_stands_on_its_page() -> None:
    law = load_book().get("nd56-2017")
    for entry in (*law.states, *law.actions, *(stage.id for stage in law.stages)):
        assert f"`{entry}`" in PAGES["procedure.md"]
    for article in law.articles:
        assert f"| {article} |" in PAGES["procedure.md"]
    for local in load_book():
        for rule in local.deadlines:
            assert f"| `{rule}` |" in PAGES["deadlines.md"]
    for form in law.forms.values():
        assert f"## Form {form.id}\n" in PAGES["forms.md"]
        assert all(f"`{one.id}`" in PAGES["forms.md"] for one in form.fields)


def test_no_row_of_a_table_is_broken_by_its_words() -> None:
    for page in PAGES.values():
        width = 0
        for line in page.splitlines():
            cells = line.replace("\\|", "").count("|")
            width = 0 if not line.startswith("|") else width or cells
            assert not line.startswith("|") or cells == width, line
