"""What a pattern's slots stand for: the answers of the form and the facts of the case, in the words of a paper.

A run is a piece of one line: text with its weight, or a gap (millimetres) that is ruled for the pen to fill.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from casework.law import answers
from casework.law.model import Field, Text
from casework.law.papers import SLOT, Slot, read_slot
from casework.papers.content import PaperContent

GAP = 40  # mm: room for a name
_GAPS = {"age": 14, "number": 14, "date": 24}  # by kind of field
_TICKED, _EMPTY = "■", "□"


@dataclass(frozen=True)
class Run:
    text: str = ""
    bold: bool = False
    italic: bool = False
    gap: int = 0  # mm of ruled blank; then `text` is empty


Runs = tuple[Run, ...]


@dataclass(frozen=True)
class Said:
    """A pattern with its slots filled: what stands on the first line, the paragraphs that follow it, and whether any
    slot was known. `open_end` says that the last slot is unknown, so that the line runs on as a rule to the margin."""

    runs: Runs
    more: tuple[str, ...] = ()
    known: bool = False
    open_end: bool = False


def clean(text: str) -> str:
    """As the forms read text (composed, no control and no direction marks, which would reorder what is printed), and
    without the code points that are no characters at all: a Word file cannot hold them."""
    return "".join(one for one in answers.many_lines(text) if not _is_noncharacter(ord(one)))


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def paragraphs(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in clean(text).split("\n") if line.strip())


def day_words(day: date) -> str:
    """Days below 10 and the months 1 and 2 carry a zero, so that neither can be made longer (Decree 30/2020)."""
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def day_runs(day: date | None) -> Runs:
    if day is not None:
        return (Run(day_words(day)),)
    return (Run("ngày "), Run(gap=9), Run(" tháng "), Run(gap=9), Run(" năm "), Run(gap=14))


def money(amount: float) -> str:
    """1234000 → "1.234.000"."""
    return f"{amount:,.0f}".replace(",", ".")


def day_of(value: Any) -> date | None:
    """The day of an ISO date or moment, on Vietnam's clock. Raises ValueError for a text that is neither."""
    moment = moment_of(value)
    return None if moment is None else moment.date()


def moment_of(value: Any) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo is None else moment.astimezone(answers.VIETNAM)


class Facts:
    """Finds what a slot names: first among the form's fields, then among the facts that come with the paper."""

    def __init__(self, content: PaperContent) -> None:
        self._fields = {one.id: one for one in content.form.fields} if content.form else {}
        self._values = content.values
        self._extra = content.extra
        self._units: Mapping[str, str] = content.extra.get("units", {})
        self._paper = {
            "commune": content.commune,
            "province": content.province,
            "code": content.code,
            "worker": content.extra.get("worker_name"),
        }

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def value(self, name: str) -> Any:
        """The raw answer or fact; None where nothing is known."""
        group, _, fact = name.partition(".")
        if name in self._fields:
            found = self._values.get(name)
        elif name in self._paper:
            found = self._paper[name]
        elif fact:
            found = self._extra.get(group, {}).get(fact) or self._values.get(f"{group}_{fact}")
        else:
            found = self._values.get(name)
        return None if found in ("", [], ()) else found

    def rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        """The rows of a field, or of the list of that name in `extra` where no form asks it."""
        found = self._values.get(name) if name in self._fields else self._extra.get(name)
        return found or ()

    def known(self, pattern: str) -> bool:
        names = (name for found in SLOT.finditer(pattern) for name in read_slot(found[1]).names)
        return any(self.value(name) is not None for name in names)

    def say(self, pattern: str) -> Said:
        """A pattern of papers.toml with this paper's facts."""
        return _fill(pattern, self._spoken)

    def _spoken(self, slot: Slot) -> Spoken:
        return spoken(
            slot, [(self.field(name) or _fact_field(name), self.value(name)) for name in slot.names], self._units
        )

    def say_row(self, pattern: str, columns: Mapping[str, Field], row: Mapping[str, Any]) -> Said:
        """A pattern of a table's cell, of one row's answers."""

        def one(slot: Slot) -> Spoken:
            if slot.names == ("from-to",):
                return Spoken(_period(row.get("from"), row.get("to")))
            return spoken(
                slot, [(columns.get(name) or _fact_field(name), row.get(name)) for name in slot.names], self._units
            )

        return _fill(pattern, one)

    def shown(self, one: Field, value: Any) -> str:
        return shown(one, value, self._units)


@dataclass(frozen=True)
class Spoken:
    """A slot's words: `text` None where nothing is known; `runs` win over it where the blank has words of its own."""

    text: str | None
    runs: Runs = ()
    gap: int = GAP


def spoken(slot: Slot, found: Sequence[tuple[Field | None, Any]], units: Mapping[str, str]) -> Spoken:
    field, value = found[0]
    match slot.style:
        case "boxes" if field is not None:
            return Spoken(boxes(field, value))
        case "day":
            day = day_of(value)
            return Spoken(day_words(day) if day else None, () if day else day_runs(None))
        case "time":
            moment = moment_of(value)
            if moment is None:
                return Spoken(None, (Run(gap=10), Run(" giờ "), Run(gap=10), Run(" phút")))
            return Spoken(f"{moment.hour:02d} giờ {moment.minute:02d} phút")
        case "money":
            return Spoken(None if value is None else money(value))
    words = [shown(field, value, units) for field, value in found if value not in (None, "", [])]
    if not words:
        return Spoken(None, gap=_GAPS.get(field.kind, GAP) if field else GAP)
    text = ", ".join(words)
    return Spoken({"upper": text.upper(), "lower": text[:1].lower() + text[1:]}.get(slot.style or "", text))


def shown(field: Field | None, value: Any, units: Mapping[str, str]) -> str:
    if field is None:
        return clean(str(value))
    if field.kind == "commune":
        return clean(units.get(value, value))
    if field.kind == "level":
        return next((option.text.vi for option in field.options if option.id == value), str(value))
    return clean(answers.display_of(field, value, "vi"))


def boxes(field: Field, value: Any) -> str:
    chosen = value if isinstance(value, list | tuple) else [value]
    return "\u2003".join(f"{_TICKED if one.id in chosen else _EMPTY} {one.text.vi}" for one in field.options)


def tick(chosen: bool) -> str:
    return _TICKED if chosen else _EMPTY


def _fact_field(name: str) -> Field | None:
    """Facts of the case that are days are written as days."""
    if name.rpartition(".")[2] in ("birth_date", "day", "until"):
        return Field(name, "date", Text("", ""), "work")
    return None


def _period(start: Any, end: Any) -> str | None:
    first, last = day_of(start), day_of(end)
    if first and last:
        return f"Từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}"
    if first:
        return f"Từ {first:%d/%m/%Y}"
    return f"Đến {last:%d/%m/%Y}" if last else None


def _fill(pattern: str, speak: Callable[[Slot], Spoken]) -> Said:
    runs: list[Run] = []
    more: tuple[str, ...] = ()
    known, open_end, at, bold = False, False, 0, False
    for found in [*SLOT.finditer(pattern), None]:
        literal = pattern[at : found.start() if found else len(pattern)]
        for number, piece in enumerate(literal.split("*")):
            bold ^= number > 0
            if piece:
                runs.append(Run(piece, bold=bold))
        if found is None:
            break
        at = found.end()
        slot = read_slot(found[1])
        said = speak(slot)
        if said.text is not None:
            known = True
            first, *rest = paragraphs(said.text) or ("",)
            runs.append(Run(_without_repeat("".join(one.text for one in runs), first), bold=bold))
            more += tuple(rest)
        elif not slot.optional:
            open_end = at == len(pattern) and not said.runs
            runs += () if open_end else said.runs or (Run(gap=said.gap),)
    return Said(tuple(_trimmed(runs)), more, known, open_end)


def _trimmed(runs: Iterable[Run]) -> list[Run]:
    kept = [one for one in runs if one.text or one.gap]
    if kept and not kept[-1].gap:
        kept[-1] = Run(kept[-1].text.rstrip(), kept[-1].bold, kept[-1].italic)
    return kept


def _without_repeat(before: str, text: str) -> str:
    """ "Kính gửi: Tòa án nhân dân " before "Tòa án nhân dân khu vực 3": the words the form prints are not said twice."""
    words = before.split()
    for length in range(min(len(words), 6), 0, -1):
        tail = " ".join(words[-length:])
        if _fold(text).startswith(_fold(tail) + " "):
            return text[len(tail) + 1 :]
    return text


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()
