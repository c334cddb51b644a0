"""What a demo was seeded with, and how its words might lie in a dump: as they are, folded, escaped, in hex, in base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlmodel import select

from casework.bootstrap import Office
from casework.cases.models import Case, Document
from casework.demo.cases import STORIES
from casework.people.models import Staff, Unit
from casework.people.service import person_of
from casework.vault.fold import fold_name
from casework.work import SYSTEM

SHORTEST = 6  # bytes of a trace: less turns up in any ciphertext by chance


def seeded_words(office: Office) -> set[str]:
    """Everybody's own words: what the stories say and what the office opens again (facts, documents, staff).

    Without the names of public offices, the ids of the law's data and the days.
    """
    with office.begin(SYSTEM) as work:
        units = {unit.name for unit in work.session.exec(select(Unit))}
        opened: list[Any] = [person_of(work, staff) for staff in work.session.exec(select(Staff))]
        opened += [work.open(case, "facts") for case in work.session.exec(select(Case))]
        opened += [work.open(document, "content") for document in work.session.exec(select(Document))]
    opened += [[story.report, *(step.values for step in story.steps)] for story in STORIES]
    return {one for one in _strings(opened) if _is_own(one) and not any(one in unit for unit in units)}


def found_in(dump: bytes, words: set[str]) -> set[str]:
    """The words of which any trace lies in the dump."""
    whole = dump.replace(rb"\\", b"\\")  # a dump doubles the backslash of an escape
    lowered = whole.decode("utf-8").lower().encode()  # as text: bytes have no capitals with accents
    return {word for word in words if any(trace in whole or trace in lowered for trace in traces(word))}


def traces(word: str) -> Iterator[bytes]:
    """The bytes by which this word would be found, in whatever guise."""
    for one in {word, word.lower(), fold_name(word)}:
        raw = one.encode()
        # Where a word begins inside base64 decides its letters: three ways, without the ends that neighbours share.
        shifted = [base64.b64encode(b"\0" * shift + raw)[4:-4] for shift in range(3)]
        for trace in (raw, json.dumps(one)[1:-1].encode(), raw.hex().encode(), *shifted):
            if len(trace) >= SHORTEST:
                yield trace


def _is_own(text: str) -> bool:
    """Two words, or an accent, or a phone: an id of the law's data is none of these."""
    return (" " in text or not text.isascii() or text.startswith("+")) and not _is_day(text)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
