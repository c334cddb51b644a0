"""Answers a later form need not ask for again: what earlier documents of the case propose to its questions.

A fact (`Field.datum`) is one thing with one owner; a proposal only begins the answer and the two may part afterwards: the
needs of Mẫu 03 begin the minutes, whose measures begin the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework.law import answers as single
from casework.law.model import Field, Form, Offer

TEXTUAL = ("text", "name", "longtext")
AUTHOR, REFERENCE = "@author", "@reference"
OF_THE_DOCUMENT = (AUTHOR, REFERENCE)

Facts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Prefill:
    """An answer offered because another form of the case gave it: the value, that form's id, and when (ISO, UTC)."""

    value: Any
    form: str
    at: str


@dataclass(frozen=True)
class Earlier:
    """A document of the case from which answers may be proposed: `at` ISO (UTC), `author` the name of who handed it in."""

    form: Form
    at: str
    values: Mapping[str, Any]
    author: str = ""


def offered_to(one: Field, facts: Facts, earlier: Sequence[Earlier]) -> Prefill | None:
    """The first fact offered, else what the newest document offers: rows of one document are put together."""
    for offer in one.offers:
        entry = facts.get(offer.datum or "")
        if entry is not None and _stands(offer, facts):
            value = _fitting(one, None, entry["value"], offer)
            if value is not None:
                return Prefill(value, entry["form"], entry["at"])
    return _from_documents(one, [offer for offer in one.offers if offer.form and _stands(offer, facts)], earlier)


def fits(one: Field, source: Field) -> bool:
    """Whether an answer to `source` can begin the answer to `one`."""
    if one.kind == "rows" and source.kind == "rows":
        return bool({(part.id, part.kind) for part in one.columns} & {(part.id, part.kind) for part in source.columns})
    if one.kind in TEXTUAL:
        return source.kind in TEXTUAL or (one.kind == "longtext" and source.kind == "rows")
    return one.kind == source.kind


def _stands(offer: Offer, facts: Facts) -> bool:
    if offer.when is None:
        return True
    entry = facts.get(offer.when.field)
    return entry is not None and single.word_of(entry["value"]) in offer.when.values


def _from_documents(one: Field, offers: Sequence[Offer], earlier: Sequence[Earlier]) -> Prefill | None:
    for document in sorted(earlier, key=lambda each: datetime.fromisoformat(each.at), reverse=True):
        own = [offer for offer in offers if offer.form == document.form.id]
        values = [value for offer in own if (value := _value(one, offer, document)) is not None]
        if values:
            whole = [row for rows in values for row in rows] if one.kind == "rows" else values[0]
            return Prefill(whole, document.form.id, document.at)
    return None


def _value(one: Field, offer: Offer, document: Earlier) -> Any:
    if offer.answer == AUTHOR:
        return document.author or None
    if offer.answer == REFERENCE:
        day = datetime.fromisoformat(document.at).astimezone(single.VIETNAM)
        return f"{document.form.title.vi}, {day:%d/%m/%Y}"  # it goes onto a paper, which is Vietnamese
    given = document.values.get(offer.answer or "")
    source = next((each for each in document.form.fields if each.id == offer.answer), None)
    return None if given is None or source is None else _fitting(one, source, given, offer)


def _fitting(one: Field, source: Field | None, value: Any, offer: Offer) -> Any:
    if one.kind == "rows":
        return _rows(one, value, offer) or None
    if isinstance(value, list) and source is not None and source.kind == "rows":
        value = "\n".join(_line(source, row) for row in value)
    if one.kind in TEXTUAL:
        text = value if one.kind == "longtext" else single.one_line(str(value))
        return text if len(text) <= one.max_length else None
    options = {option.id for option in one.options}
    if one.kind == "choices":
        return [option for option in value if option in options] or None
    return value if not options or value in options else None


def _rows(one: Field, value: Any, offer: Offer) -> list[dict[str, Any]]:
    columns = {column.id: column for column in one.columns}
    found = []
    for row in value:
        known = {name: part for name, part in row.items() if name in columns and _column_takes(columns[name], part)}
        if known:
            found.append({**offer.fixed, **known})
    return found


def _column_takes(column: Field, value: Any) -> bool:
    return not column.options or value in {option.id for option in column.options}


def _line(source: Field, row: Mapping[str, Any]) -> str:
    parts = [single.display_of(column, row[column.id], "vi") for column in source.columns if column.id in row]
    return "- " + "; ".join(parts)
