"""Reading a table of text out of a CSV or an Excel file that somebody else made. Nothing is trusted, nothing is guessed."""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePath

from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter

from casework.vault.fold import fold_name

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 100 * 1024 * 1024  # an Excel file is a zip: a small one may unfold without end
MAX_ROWS = 50_000  # with the header
MAX_WIDTH = 100  # cells of a row of Excel; no table here has a tenth of them
MAX_CELL = 500
MAX_FAULTS = 1000
OLD_EXCEL = b"\xd0\xcf\x11\xe0"  # .xls, and an .xlsx that a password closes
EXAMPLE = "ví dụ:"  # a cell that begins so is of a template's example row


@dataclass(frozen=True)
class SheetFault:
    """What is wrong, and where: `row` counts from 1 with the header, as a spreadsheet shows it; 0 is the file itself.

    `slug` names what is wrong, `more` what is known besides ("" for nothing); the doors word both, with `values`.
    """

    row: int
    column: str
    slug: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    more: str = ""


@dataclass(frozen=True)
class SheetRow:
    """One row: its number in the file, and its cells by column; an empty cell is the empty string."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Columns:
    """What a table may hold. Keys are our names, values other headers that mean the same, in any case and accent.

    `coded` are those whose leading zeros count: a cell that Excel keeps as a number has lost them.
    """

    names: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    coded: tuple[str, ...]

    @property
    def headers(self) -> list[str]:
        """As a file in Vietnamese has them."""
        return [more[0].capitalize() for more in self.names.values()]

    def named(self, header: str) -> str | None:
        folded = fold_name(header)
        return next((one for one, more in self.names.items() if folded in {one, *map(fold_name, more)}), None)


@dataclass
class Sheet:
    """The rows that could be read, and what could not."""

    rows: list[SheetRow] = field(default_factory=list)
    faults: list[SheetFault] = field(default_factory=list)

    def fault(self, row: int, column: str, slug: str, **values: str | int) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(SheetFault(row, column, slug, values))


def read_sheet(path: Path, columns: Columns) -> Sheet:
    """Reads a file as `read_table` does, no more of it than may be read."""
    with path.open("rb") as file:
        return read_table(path.name, file.read(MAX_BYTES + 1), columns)


def read_table(name: str, data: bytes, columns: Columns) -> Sheet:
    """Reads `.csv` (UTF-8, separated by comma, semicolon or tab) or the first sheet of `.xlsx`. Never raises on content.

    What the name says the content has to be; nothing of it is believed before.
    """
    sheet = Sheet()
    ending = PurePath(name).suffix.lower()
    reader = {".csv": _csv_rows, ".xlsx": _excel_rows}.get(ending)
    if len(data) > MAX_BYTES and reader is not None:
        sheet.fault(0, "", "file-too-large", most=MAX_BYTES // 1024 // 1024)
    elif ending == ".xls" or (reader is _excel_rows and data.startswith(OLD_EXCEL)):
        sheet.fault(0, "", "old-excel")
    elif reader is None:
        sheet.fault(0, "", "no-table")
    else:
        _read(sheet, reader(data, sheet), columns)
    return sheet


def write_csv(columns: Columns, rows: Sequence[Sequence[str]]) -> bytes:
    """With the mark and the semicolons that Excel expects where numbers have a decimal comma."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows([columns.headers, *rows])
    return text.getvalue().encode("utf-8-sig")


def write_excel(columns: Columns, rows: Sequence[Sequence[str]]) -> bytes:
    """Every column is one of text, so that codes and telephones typed into it keep their zeros."""
    book = Workbook()
    sheet = book.worksheets[0]
    for number, row in enumerate([columns.headers, *rows], start=1):
        for place, value in enumerate(row, start=1):
            sheet.cell(number, place, value).number_format = "@"
    for place, header in enumerate(columns.headers, start=1):
        column = sheet.column_dimensions[get_column_letter(place)]
        column.number_format, column.width = "@", max(14, len(header) + 4)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


Cell = object  # text, a number, a day, or None
Reader = Callable[[bytes, Sheet], Iterator[tuple[int, list[Cell]]]]


def _read(sheet: Sheet, lines: Iterator[tuple[int, list[Cell]]], columns: Columns) -> None:
    header = next(lines, None)
    if header is None:
        if not sheet.faults:
            sheet.fault(0, "", "file-empty")
        return
    names = _header(sheet, header, columns)
    if sheet.faults:
        return
    for number, cells in lines:
        if number > MAX_ROWS and any(_text(cell) for cell in cells):
            sheet.fault(number, "", "too-many-rows", most=MAX_ROWS)
            return
        if any(_text(cell).casefold().startswith(EXAMPLE) for cell in cells):
            sheet.fault(number, "", "example-row")
            continue
        if any(_text(cell) for cell in cells[len(names) :]):
            sheet.fault(number, "", "too-many-cells", cells=len(cells), headers=len(names))
            continue
        row = {name: _cell(sheet, number, name, cell, columns) for name, cell in zip(names, cells, strict=False)}
        if any(row.values()):
            sheet.rows.append(SheetRow(number, {**dict.fromkeys(columns.names, ""), **row}))


def _header(sheet: Sheet, header: tuple[int, list[Cell]], columns: Columns) -> list[str]:
    number, cells = header
    while cells and not _text(cells[-1]):
        cells = cells[:-1]
    names = []
    for cell in cells:
        name = columns.named(_text(cell))
        if name is None:
            sheet.fault(number, _text(cell)[:40], "column-unknown", columns=", ".join(columns.names))
        elif name in names:
            sheet.fault(number, name, "column-twice")
        names.append(name or "")
    for name in columns.required:
        if name not in names:
            sheet.fault(number, name, "column-missing")
    return names


def _cell(sheet: Sheet, number: int, name: str, cell: Cell, columns: Columns) -> str:
    text = _text(cell)
    if text.startswith("="):
        sheet.fault(number, name, "formula")
    elif name in columns.coded and isinstance(cell, int | float):
        sheet.fault(number, name, "zeros-lost")
    elif len(text) > MAX_CELL:
        sheet.fault(number, name, "too-long", most=MAX_CELL)
    elif any(unicodedata.category(letter).startswith("C") for letter in text):
        sheet.fault(number, name, "unseen-character")
    else:
        return text
    return ""


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(unicodedata.normalize("NFC", str(cell)).split(" ")).strip()


def _csv_rows(data: bytes, sheet: Sheet) -> Iterator[tuple[int, list[Cell]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        sheet.fault(0, "", "not-utf-8")
        return
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, list(cells)
    except csv.Error as error:
        sheet.fault(reader.line_num, "", "not-csv", why=str(error))


def _excel_rows(data: bytes, sheet: Sheet) -> Iterator[tuple[int, list[Cell]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MAX_UNPACKED:
                sheet.fault(0, "", "unfolds-too-large")
                return
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            # Formulas arrive as their text: what Excel last computed from them is not what anybody wrote down.
            for number, cells in enumerate(book.worksheets[0].iter_rows(max_col=MAX_WIDTH, values_only=True), start=1):
                yield number, list(cells)
        finally:
            book.close()
    except Exception:
        # A broken or hostile file makes the readers beneath raise nearly anything: the file is at fault, not the office.
        sheet.fault(0, "", "not-excel")
