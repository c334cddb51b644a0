"""papers.toml is law as the other files are: what it names must exist, and every fault is told by file and paper."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from casework.errors import LawFault
from casework.law.loader import DATA, law_from
from tests.papers.samples import KINDS, LAW

PAPERS = DATA / "nd56-2017" / "papers.toml"


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data")) / "nd56-2017"


def faults(edition: Path, was: str, becomes: str) -> str:
    text = PAPERS.read_text("utf-8")
    assert was in text
    (edition / "papers.toml").write_text(text.replace(was, becomes, 1), "utf-8")
    with pytest.raises(LawFault) as told:
        law_from(edition)
    return str(told.value)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('form = "05"', 'form = "55"', "paper 05: form '55' is not a form of the edition"),
        (
            "{from_whom} hiện",
            "{from_who} hiện",
            "paper 07: block 1: {from_who} names nothing that is known",
        ),
        ('field = "goals"', 'field = "aims"', "paper 04: block 2: field 'aims' is not asked by the form"),
        ("{assessed_at|day}", "{assessed_at|tag}", "{assessed_at|tag} is not a slot"),
        ('kind = "levels", measure = "harm"', 'kind = "grid", measure = "harm"', "kind 'grid' is not a kind of block"),
        ("widths = [42, 58]", "widths = [42]", "head, cells and widths are not of one length"),
        ("{officer}", "{official}", "{official} names nothing that is known"),
        ('right = "worker"', 'right = "mayor"', "right 'mayor' is not on the lists of this file"),
        ('grounds = "court"', 'grounds = "trial"', "grounds 'trial' is not on the lists of this file"),
        ('article = "27.2"', 'article = "99.9"', "99.9"),
        ("national = false", "nation = false", "nation is not a word this file knows"),
    ],
)
def test_what_a_paper_names_must_exist(edition: Path, was: str, becomes: str, told: str) -> None:
    assert told in faults(edition, was, becomes)


def test_an_edition_without_papers_is_no_edition(edition: Path) -> None:
    (edition / "papers.toml").unlink()
    with pytest.raises(LawFault, match=r"papers\.toml: the file is missing"):
        law_from(edition)


def test_every_kind_of_paper_is_there_and_numbered_as_the_office_numbers_it() -> None:
    assert tuple(LAW.papers) == KINDS
    assert LAW.papers["05"].numbered(5) == "05/QĐ-UBND"
    assert LAW.papers["01"].numbered(123, "TĐ111") == "123/BC-TĐ111"
    with pytest.raises(ValueError, match="carries no number"):
        LAW.papers["02"].numbered(1)


def test_what_the_product_put_in_place_of_abolished_offices_says_so() -> None:
    for paper in LAW.papers.values():
        for line in (*paper.grounds, *paper.recipients):
            assert line.source
            assert line.by_product or "Sở" not in line.text, "the forms name offices that were abolished since"
    printed_by_the_decree = {f"0{number}" for number in range(1, 8)}
    assert {paper.id for paper in LAW.papers.values() if not paper.by_product} == printed_by_the_decree
