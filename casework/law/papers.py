"""The papers of an edition: how each form looks printed, to whom it goes, who signs it. Read from papers.toml.

Wording and order stand in the data, so that a jurist corrects them there; `casework.papers` only lays them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from casework.law.model import Condition, Field, Form, Text

if TYPE_CHECKING:
    from casework.law.entries import Entry

T = TypeVar("T")

BLOCK_KINDS = ("heading", "text", "line", "choices", "list", "levels", "questions", "services", "rows")
STYLES = ("day", "date", "time", "money", "boxes", "upper", "lower")

SLOT = re.compile(r"\{([^{}]*)\}")
_PARTS = re.compile(r"(?P<names>[a-z0-9_.#+-]+)(?P<optional>\?)?(?:\|(?P<style>[a-z]+))?")

# Facts a pattern may name beside the answers of its form; `PaperContent` says where each comes from.
PAPER_FACTS = frozenset({"commune", "province", "worker", "code", "child.name", "child.birth_date", "child.address"})
SEPARATION_FACTS = frozenset(
    f"separation.{fact}"
    for fact in ("number", "day", "until", "from_whom", "from_whom_address", "receiver", "receiver_address")
)
FILE_COLUMNS = ("title", "number", "day", "pages", "note")  # "file-index": rows of `extra`, no form asks them


@dataclass(frozen=True)
class Slot:
    """`{a+b?|style}` of a pattern: the names joined where known, whether nothing is printed where none is."""

    names: tuple[str, ...]
    optional: bool = False
    style: str | None = None


@dataclass(frozen=True)
class Line:
    """One line of a list that may be edited (grounds, recipients), with where its wording comes from."""

    text: str
    source: str
    by_product: bool = False


@dataclass(frozen=True)
class Signer:
    """The lines over a signature; `deputy` are those where a deputy signs for the chair."""

    id: str
    lines: tuple[str, ...]
    deputy: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Answer:
    """What stands in the answer's cell of a printed question: a lead, then the answer of `field`."""

    field: str
    lead: str


@dataclass(frozen=True)
class Printed:
    """A row that the official form prints before anybody writes: a question, or a need with its services."""

    text: str
    answers: tuple[Answer, ...]
    if_known: bool
    need: str
    services: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One piece of a paper's body; which of the words it has depends on `kind`, as papers.toml explains at its head."""

    kind: str
    text: str
    field: str | None
    level: int
    lines: int
    if_known: bool
    only_if: Condition | None
    measure: str | None
    prefix: str
    head: tuple[str, ...]
    cells: tuple[str, ...]
    widths: tuple[int, ...]
    total: str | None
    numbered: bool
    printed: tuple[Printed, ...]
    wordings: Mapping[str, str]
    by_product: bool


@dataclass(frozen=True)
class PaperKind:
    """A kind of paper. `form` is the id of the form it prints, None where it prints a list of the file."""

    id: str
    title: Text
    form: str | None
    article: str
    by_product: bool
    heading: tuple[str, ...]
    subtitle: str | None
    issuer: str | None
    addressee: str | None
    number: str | None
    abbreviation: str
    national: bool
    landscape: bool
    secrecy: str | None
    grounds: tuple[Line, ...]
    proposal: str | None
    decides: str | None
    recipients: tuple[Line, ...]
    left: Signer | None
    right: Signer
    note: str | None
    body: tuple[Block, ...]

    def numbered(self, number: int, abbreviation: str | None = None) -> str:
        """The number as the paper carries it: 5 → "05/QĐ-UBND". Raises ValueError where the form carries none."""
        if self.number is None:
            raise ValueError(f"paper {self.id} carries no number")
        return self.number.format(n=number, abbreviation=abbreviation or self.abbreviation)


def slots(pattern: str) -> Iterator[Slot]:
    """Every slot of a pattern in its order. Raises ValueError for one that cannot be read."""
    for found in SLOT.finditer(pattern):
        yield read_slot(found[1])


def read_slot(inner: str) -> Slot:
    """What stands between the braces. Raises ValueError where it is no slot."""
    parts = _PARTS.fullmatch(inner)
    if parts is None or (parts["style"] is not None and parts["style"] not in STYLES):
        raise ValueError(inner)
    return Slot(tuple(parts["names"].split("+")), parts["optional"] is not None, parts["style"])


# --------------------------------------------------------------------------------------------------------- reading


def read_papers(entry: Entry) -> dict[str, PaperKind]:
    """The kinds of paper by id, in the order of the file. Faults go where the entry keeps them."""
    shelf = _Shelf(
        grounds=_lists(entry, "grounds"),
        recipients=_lists(entry, "recipients"),
        signers={one.id: one for one in map(_signer, _closed(entry, "signer"))},
    )
    found: dict[str, PaperKind] = {}
    for one in _closed(entry, "paper"):
        paper = _paper(one, shelf)
        if paper.id in found:
            one.fault("id is used twice")
        found[paper.id] = paper
    return found


@dataclass(frozen=True)
class _Shelf:
    """The lists and signers a paper names by id."""

    grounds: Mapping[str, tuple[Line, ...]]
    recipients: Mapping[str, tuple[Line, ...]]
    signers: Mapping[str, Signer]


def _closed(entry: Entry, key: str) -> Iterator[Entry]:
    return entry.entries(key, key)


def _texts(entry: Entry, key: str) -> tuple[str, ...]:
    return entry.words(key)


def _lists(entry: Entry, key: str) -> dict[str, tuple[Line, ...]]:
    return {
        one.word("id"): tuple(
            Line(line.word("text"), line.word("source"), line.flag("by_product"))
            for line in one.entries("line", "line")
        )
        for one in _closed(entry, key)
    }


def _signer(entry: Entry) -> Signer:
    lines = _texts(entry, "lines")
    return Signer(entry.word("id"), lines, _texts(entry, "deputy") or lines, entry.word("note"))


def _paper(entry: Entry, shelf: _Shelf) -> PaperKind:
    right = _named(entry, "right", shelf.signers)
    if right is None:
        entry.fault("right is missing: somebody signs every paper")
    return PaperKind(
        id=entry.word("id"),
        title=entry.title(),
        form=entry.maybe("form"),
        article=entry.article(),
        by_product=entry.flag("by_product"),
        heading=_texts(entry, "heading"),
        subtitle=entry.maybe("subtitle"),
        issuer=entry.maybe("issuer"),
        addressee=entry.maybe("addressee"),
        number=entry.maybe("number"),
        abbreviation=entry.maybe("abbreviation") or "",
        national=entry.flag("national", True),
        landscape=entry.flag("landscape"),
        secrecy=entry.maybe("secrecy"),
        grounds=_named(entry, "grounds", shelf.grounds) or (),
        proposal=entry.maybe("proposal"),
        decides=entry.maybe("decides"),
        recipients=_named(entry, "recipients", shelf.recipients) or (),
        left=_named(entry, "left", shelf.signers),
        right=right or Signer("", (), (), ""),
        note=entry.maybe("note"),
        body=tuple(_block(one) for one in entry.entries("body", "block")),
    )


def _named(entry: Entry, key: str, shelf: Mapping[str, T]) -> T | None:
    name = entry.maybe(key)
    if name is None:
        return None
    if name not in shelf:
        entry.fault(f"{key} {name!r} is not on the lists of this file")
    return shelf.get(name)


def _block(entry: Entry) -> Block:
    only_if = entry.get("only_if", dict)
    return Block(
        kind=entry.word("kind"),
        text=entry.maybe("text") or "",
        field=entry.maybe("field"),
        level=entry.get("level", int, 2),
        lines=entry.get("lines", int, 1),
        if_known=entry.flag("if_known"),
        only_if=Condition(str(only_if.get("field", "")), tuple(map(str, only_if.get("values", ()))))
        if only_if
        else None,
        measure=entry.maybe("measure"),
        prefix=entry.maybe("prefix") or "",
        head=_texts(entry, "head"),
        cells=_texts(entry, "cells"),
        widths=tuple(entry.get("widths", list, [])),
        total=entry.maybe("total"),
        numbered=entry.flag("numbered"),
        printed=tuple(_printed(one) for one in entry.entries("printed", "printed")),
        wordings={one.word("id"): one.word("text") for one in entry.entries("wordings", "wording")},
        by_product=entry.flag("by_product"),
    )


def _printed(entry: Entry) -> Printed:
    return Printed(
        text=entry.maybe("text") or "",
        answers=tuple(Answer(one.word("field"), one.maybe("lead") or "") for one in entry.entries("answers", "answer")),
        if_known=entry.flag("if_known"),
        need=entry.maybe("need") or "",
        services=entry.words("services"),
    )


# ---------------------------------------------------------------------------------------------------------- checks


def faults_of(papers: Mapping[str, PaperKind], forms: Mapping[str, Form]) -> list[str]:
    """One line a fault: a form, a question or a fact that a paper names and nobody asks, a word that is no block."""
    faults: list[str] = []
    for paper in papers.values():
        where = f"papers.toml: paper {paper.id}"
        if paper.form is not None and paper.form not in forms:
            faults.append(f"{where}: form {paper.form!r} is not a form of the edition")
            continue
        faults += [f"{where}: {fault}" for fault in _paper_faults(paper, forms.get(paper.form or ""))]
    return faults


def _paper_faults(paper: PaperKind, form: Form | None) -> Iterator[str]:
    fields = {one.id: one for one in form.fields} if form else {}
    known = PAPER_FACTS | SEPARATION_FACTS | fields.keys()
    outer = [*paper.heading, paper.subtitle, paper.issuer, paper.addressee, paper.proposal, paper.decides, paper.note]
    for pattern in filter(None, outer):
        yield from _pattern_faults(pattern, known)
    for number, block in enumerate(paper.body, start=1):
        for fault in _block_faults(block, fields, known, form is None):
            yield f"block {number}: {fault}"


def _block_faults(block: Block, fields: Mapping[str, Field], known: frozenset[str], of_file: bool) -> Iterator[str]:
    if block.kind not in BLOCK_KINDS:
        yield f"kind {block.kind!r} is not a kind of block"
    if block.head and not len(block.head) == len(block.widths) == len(block.cells or block.head):
        yield "head, cells and widths are not of one length"
    yield from _pattern_faults(block.text, known)
    answers = [answer.field for row in block.printed for answer in row.answers]
    conditions = [block.only_if.field] if block.only_if else []
    named = (block.field or "").split(".")[:1] if block.field and not of_file else []
    for name in (*answers, *conditions, *named):
        if name not in fields:
            yield f"field {name!r} is not asked by the form"
    columns = {one.id for one in fields[named[0]].columns} if named and named[0] in fields else set(FILE_COLUMNS)
    for pattern in block.cells:
        yield from _pattern_faults(pattern, frozenset(columns | {"from-to"}))


def _pattern_faults(pattern: str, known: frozenset[str]) -> Iterator[str]:
    for found in SLOT.finditer(pattern):
        try:
            slot = read_slot(found[1])
        except ValueError:
            yield f"{{{found[1]}}} is not a slot"
            continue
        yield from (f"{{{name}}} names nothing that is known" for name in slot.names if name not in known)
