"""Reading a table of text out of a CSV or an Excel file that somebody else made. Nothing is trusted, nothing is guessed."""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from casework.vault.fold import fold_name

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 100 * 1024 * 1024  # an Excel file is a zip: a small one may unfold without end
MAX_CELL = 500
MAX_FAULTS = 1000


@dataclass(frozen=True)
class SheetFault:
    """What is wrong, and where: `row` counts from 1 with the header, as a spreadsheet shows it; 0 is the file itself."""

    row: int
    column: str
    text: str

    def __str__(self) -> str:
        place = f"row {self.row}" if self.row else "file"
        return f"{place}, {self.column}: {self.text}" if self.column else f"{place}: {self.text}"


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

    def named(self, header: str) -> str | None:
        folded = fold_name(header)
        return next((one for one, more in self.names.items() if folded in {one, *map(fold_name, more)}), None)


@dataclass
class Sheet:
    """The rows that could be read, and what could not."""

    rows: list[SheetRow] = field(default_factory=list)
    faults: list[SheetFault] = field(default_factory=list)

    def fault(self, row: int, column: str, text: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(SheetFault(row, column, text))


def read_sheet(path: Path, columns: Columns) -> Sheet:
    """Reads `.csv` (UTF-8, separated by comma, semicolon or tab) or the first sheet of `.xlsx`. Never raises on content."""
    sheet = Sheet()
    reader = {".csv": _csv_rows, ".xlsx": _excel_rows}.get(path.suffix.lower())
    if reader is None:
        sheet.fault(0, "", "neither .csv nor .xlsx")
    elif path.stat().st_size > MAX_BYTES:
        sheet.fault(0, "", f"larger than {MAX_BYTES // 1024 // 1024} MB")
    else:
        _read(sheet, reader(path, sheet), columns)
    return sheet


Cell = object  # text, a number, a day, or None
Reader = Callable[[Path, Sheet], Iterator[tuple[int, list[Cell]]]]


def _read(sheet: Sheet, lines: Iterator[tuple[int, list[Cell]]], columns: Columns) -> None:
    header = next(lines, None)
    if header is None:
        if not sheet.faults:
            sheet.fault(0, "", "empty")
        return
    names = _header(sheet, header, columns)
    if sheet.faults:
        return
    for number, cells in lines:
        if any(_text(cell) for cell in cells[len(names) :]):
            sheet.fault(number, "", f"{len(cells)} cells under {len(names)} headers")
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
            sheet.fault(number, _text(cell)[:40], f"no such column; there are: {', '.join(columns.names)}")
        elif name in names:
            sheet.fault(number, name, "stands twice")
        names.append(name or "")
    for name in columns.required:
        if name not in names:
            sheet.fault(number, name, "this column is missing")
    return names


def _cell(sheet: Sheet, number: int, name: str, cell: Cell, columns: Columns) -> str:
    text = _text(cell)
    if text.startswith("="):
        sheet.fault(number, name, "a formula, not a value: paste the values")
    elif name in columns.coded and isinstance(cell, int | float):
        sheet.fault(number, name, "a number, so its leading zeros are lost: format the column as text")
    elif len(text) > MAX_CELL:
        sheet.fault(number, name, f"longer than {MAX_CELL} characters")
    elif any(unicodedata.category(letter).startswith("C") for letter in text):
        sheet.fault(number, name, "holds a character that cannot be seen")
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


def _csv_rows(path: Path, sheet: Sheet) -> Iterator[tuple[int, list[Cell]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        sheet.fault(0, "", "not UTF-8: save it as “CSV UTF-8”")
        return
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, list(cells)
    except csv.Error as error:
        sheet.fault(reader.line_num, "", f"cannot be read as CSV: {error}")


def _excel_rows(path: Path, sheet: Sheet) -> Iterator[tuple[int, list[Cell]]]:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(one.file_size for one in packed.infolist()) > MAX_UNPACKED:
                sheet.fault(0, "", "unfolds to more than can be read")
                return
        book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            # Formulas arrive as their text: what Excel last computed from them is not what anybody wrote down.
            for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
                yield number, list(cells)
        finally:
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, IndexError, EOFError):
        sheet.fault(0, "", "cannot be read as Excel: save it anew as .xlsx or as “CSV UTF-8”")
