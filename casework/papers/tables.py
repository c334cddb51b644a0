"""The tables of the forms: the readings of Mẫu 02, 03 and 06, questions and answers, services, rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casework.law.model import LEVELS, Field, Form, Option
from casework.law.papers import Block, Printed
from casework.papers.facts import Facts, Run, Runs, money, paragraphs, tick

BLANK_ROWS = 3  # as Mẫu 04 prints them
_LEVEL_WORDS = {"cao": "Cao", "trung_binh": "Trung bình", "thap": "Thấp"}


@dataclass(frozen=True)
class Cell:
    """Paragraphs of one cell. `rows` and `cols` say how many it covers; a covered place below holds None instead."""

    paras: tuple[Runs, ...]
    align: str = "left"
    rows: int = 1
    cols: int = 1


Row = tuple[Cell | None, ...]


@dataclass(frozen=True)
class Table:
    """`widths` are hundredths of the text's width. The head is repeated on each page."""

    widths: tuple[int, ...]
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    whole: bool = False  # no row is cut by the end of a page; rows of free text may be longer than a page


def table_of(block: Block, facts: Facts, form: Form | None) -> Table:
    """The table of a block whose kind is levels, questions, services or rows."""
    match block.kind:
        case "levels":
            rows = _levels(block, facts, form)
        case "questions":
            rows = _questions(block, facts)
        case "services":
            rows = _services(block, facts)
        case _:
            rows = _rows(block, facts)
    return Table(block.widths, block.head, tuple(rows), whole=block.kind == "levels")


def has_answer(name: str, facts: Facts) -> bool:
    return facts.value(name) is not None or bool(facts.rows(name))


def items_of(name: str, facts: Facts) -> tuple[str, ...]:
    """The answer as items of a list: a row an item, a paragraph of a text an item."""
    field, value = facts.field(name), facts.value(name)
    if field is None or value is None:
        return ()
    if field.kind != "rows":
        return paragraphs(facts.shown(field, value))
    return tuple(filter(None, (" - ".join(_words(field.columns, row, facts)) for row in value)))


def _words(columns: Sequence[Field], row: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    for one in columns:
        if row.get(one.id) not in (None, "", []):
            yield " ".join(paragraphs(facts.shown(one, row[one.id])))


def _cell(*texts: str, align: str = "left", cols: int = 1, rows: int = 1, bold: bool = False) -> Cell:
    return Cell(tuple((Run(text, bold=bold),) if text else () for text in texts), align, rows, cols)


# ---------------------------------------------------------------------------------------------------------- readings


def _levels(block: Block, facts: Facts, form: Form | None) -> Iterator[Row]:
    fields = [one for one in form.fields if one.kind == "level" and one.measure == block.measure] if form else []
    for number, one in enumerate(fields, start=1):
        level = facts.value(one.id)
        yield (
            _cell(f"{block.prefix}{number}. {one.label.vi}"),
            Cell(tuple(_wordings(one, level))),
            _cell(_LEVEL_WORDS.get(str(level), ""), align="center", bold=True),
        )
    yield (_cell(block.text, bold=True), Cell((_counts(facts, fields),), cols=2))


def _wordings(one: Field, level: Any) -> Iterator[Runs]:
    """As the gazette prints them, "Cao (…);" each on its line; the one chosen is ticked and bold."""
    for number, option in enumerate(one.options, start=1):
        end = "." if number == len(one.options) else ";"
        yield (Run(f"{tick(option.id == level)} {_wording(option)}{end}", bold=option.id == level),)


def _wording(option: Option) -> str:
    return f"{option.text.vi} ({option.hint.vi})" if option.hint else option.text.vi


def _counts(facts: Facts, fields: Sequence[Field]) -> Runs:
    """How many stand at each level; blank where nothing was read yet, for zero would be a statement."""
    found = [facts.value(one.id) for one in fields]
    known = any(found)
    runs: list[Run] = []
    for level in LEVELS:
        runs.append(Run(f"{_LEVEL_WORDS[level]}: "))
        runs.append(Run(str(found.count(level)), bold=True) if known else Run(gap=12))
        runs.append(Run("\u2003\u2003"))
    return tuple(runs[:-1])


# --------------------------------------------------------------------------------------------------- printed by the form


def _questions(block: Block, facts: Facts) -> Iterator[Row]:
    for row in block.printed:
        if row.if_known and not any(has_answer(answer.field, facts) for answer in row.answers):
            continue
        yield (_cell(row.text), Cell(tuple(_answers(row, facts))))


def _answers(row: Printed, facts: Facts) -> Iterator[Runs]:
    """The lead the form prints, then the answer; two empty lines where there is none yet."""
    for answer in row.answers:
        items = items_of(answer.field, facts)
        first = items[0] if items else ""
        lead = (Run(f"{answer.lead} ", italic=True),) if answer.lead else ()
        yield (*lead, Run(first)) if first else lead
        yield from ((Run(item),) for item in items[1:])
        if not items:
            yield from ((), ())


def _services(block: Block, facts: Facts) -> Iterator[Row]:
    """The needs with their services as printed, who provides each; then what was written beyond them."""
    field = facts.field(block.field or "")
    if field is None:
        return
    columns = {one.id: one for one in field.columns}
    written = [row for row in facts.rows(field.id) if row]
    left = list(written)
    for number, printed in enumerate(block.printed, start=1):
        for place, service in enumerate(printed.services):
            found = [row for row in written if (row.get("need"), row.get("service")) == (printed.need, service)]
            left = [row for row in left if row not in found]
            need = _cell(f"{number}. {_option(columns['need'], printed.need)}", rows=len(printed.services))
            mark = tick(bool(found))
            yield (
                need if place == 0 else None,
                _cell(f"{mark} {_option(columns['service'], service)}"),
                _cell(
                    *(
                        [facts.shown(columns["provider"], row["provider"]) for row in found if row.get("provider")]
                        or [""]
                    )
                ),
            )
    for row in left:
        shown = [
            facts.shown(columns[name], row[name]) if row.get(name) else "" for name in ("need", "service", "provider")
        ]
        yield (_cell(shown[0]), _cell(f"{tick(True)} {shown[1]}"), _cell(shown[2]))


def _option(field: Field, name: str) -> str:
    return next((option.text.vi for option in field.options if option.id == name), name)


# ------------------------------------------------------------------------------------------------------------- rows


def _rows(block: Block, facts: Facts) -> Iterator[Row]:
    name = block.field or ""
    field = facts.field(name)
    columns = {one.id: one for one in field.columns} if field else {}
    rows = facts.rows(name) or [{} for _ in range(BLANK_ROWS)]
    for number, row in enumerate(rows, start=1):
        yield tuple(_row_cell(pattern, number, columns, row, facts) for pattern in block.cells)
    if block.total:
        yield _total(block, block.total, facts.rows(name))


def _row_cell(pattern: str, number: int, columns: Mapping[str, Field], row: Mapping[str, Any], facts: Facts) -> Cell:
    if pattern == "#":
        return _cell(str(number), align="center")
    said = facts.say_row(pattern, columns, row)
    if not said.known:
        return _cell("") if row else _cell("", "")  # room for the pen
    return Cell((said.runs, *((Run(text),) for text in said.more)), align="right" if "|money" in pattern else "left")


def _total(block: Block, name: str, rows: Sequence[Mapping[str, Any]]) -> Row:
    """The sum under its column, money as "1.234.000"; blank where no row has a figure."""
    figures = [row[name] for row in rows if isinstance(row.get(name), int | float)]
    place = next(number for number, cell in enumerate(block.cells) if f"{{{name}" in cell)
    align = "right" if "|money" in block.cells[place] else "left"
    total = _cell(money(sum(figures)) if figures else "", align=align, bold=True)
    return (_cell(block.text, cols=place, bold=True), total, *(_cell("") for _ in block.cells[place + 1 :]))
