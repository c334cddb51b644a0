"""Whether the house can do what an edition's data name: its guards, its audit tags, its texts. The law's own room cannot
know them, so this is asked when the office opens and when data are checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from casework.audit.tags import Tag
from casework.cases.rules import GUARDS
from casework.errors import LawFault
from casework.law.book import LawBook
from casework.law.lines import with_lines
from casework.law.loader import DATA, load_book
from casework.law.model import Action, Law
from casework.notices.rules import texts

_TAG = re.compile(r"[a-z][a-z-]*(:[a-z][a-z-]*)+")


def open_book(data: Path | None = None) -> LawBook:
    """The editions in `data` (None: those committed with the program), each checked against the house as well. Raises
    LawFault with every fault found, one line each with file and line."""
    return _committed() if data is None else _checked(data)


@cache
def _committed() -> LawBook:
    """Read once: it is part of the program."""
    return _checked(DATA)


def _checked(folder: Path) -> LawBook:
    book = load_book(folder)
    faults = [fault for law in book if law.overlay is None for fault in _faults_of(law, folder)]
    if faults:
        raise LawFault(faults)
    return book


def _faults_of(law: Law, data: Path) -> Iterable[str]:
    found = (f"procedure.toml: action {one.id}: {fault}" for one in law.actions.values() for fault in _unknown(one))
    return with_lines(found, data, law.edition.id)


def _unknown(action: Action) -> Iterator[str]:
    for guard in action.guards:
        if guard not in GUARDS:
            yield f"guard {guard!r} is unknown"
    if not _TAG.fullmatch(action.tag):
        yield f"tag {action.tag!r} is unknown: it is not written subject:fact"
    elif action.tag in {tag.value for tag in Tag}:
        yield f"tag {action.tag!r} belongs to the house itself"
    for text_id, _role in action.notify:
        if text_id not in texts():
            yield f"text {text_id!r} of notices is unknown"
