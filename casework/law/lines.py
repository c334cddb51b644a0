"""At which line of a data file a fault stands: tomllib reads values and forgets where they stood.

A fault is written `file: action submit-plan: role 'mayor' is unknown`; here it gets the line of the entry's word that the
reason speaks of, or of the entry where the word is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

_HEADER = re.compile(r"\[\[?([\w.-]+)\]\]?")
_KEY = re.compile(r"([\w-]+)\s*(?:\.[\w-]+\s*)?=")
_STEP = re.compile(r"([a-z_]+) ([\w:. +-]+)")
_SYNTAX = re.compile(r"\(at line (\d+),")

Block = tuple[int, int]  # first line and the one after the last, from 0


def with_lines(faults: Iterable[str], data: Path, edition: str = "") -> list[str]:
    """`faults` with file and line, the file named from `data`: its own folder, that of `edition`, or the common one."""
    return [_with_line(fault, data, edition) for fault in faults]


def _with_line(fault: str, data: Path, edition: str) -> str:
    name, colon, rest = fault.partition(": ")
    path = next((one for one in (data / name, data / edition / name, data / "common" / name) if one.is_file()), None)
    if not colon or path is None:
        return fault
    told = _SYNTAX.search(rest)
    line = int(told[1]) if told else _line_of(_read(path), rest) + 1
    return f"{path.relative_to(data).as_posix()}:{line}: {rest}"


def _read(path: Path) -> Sequence[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _line_of(lines: Sequence[str], rest: str) -> int:
    block: Block = (0, len(lines))
    *steps, reason = rest.split(": ")
    while steps and (step := _STEP.fullmatch(steps[0])):
        found = _entry(lines, block, step[1], step[2])
        if found is None:
            break
        block = found
        steps.pop(0)
    return _word(lines, block, ": ".join([*steps, reason]))


def _entry(lines: Sequence[str], block: Block, kind: str, identity: str) -> Block | None:
    """The table of `kind` called `identity` inside `block`: one with a header of its own, else one written in a line."""
    named = re.compile(rf'(?:^|[\s{{,])(?:id\s*=\s*"{re.escape(identity)}"|day\s*=\s*{re.escape(identity)})')
    heads = [at for at in range(*block) if (head := _HEADER.match(lines[at])) and head[1].split(".")[-1] == kind]
    for at in heads:
        if any(named.search(lines[one]) for one in range(at, _next_header(lines, at, block[1]))):
            return at, _end(lines, at, block[1])
    if identity.isdigit() and 0 < int(identity) <= len(heads):
        at = heads[int(identity) - 1]
        return at, _end(lines, at, block[1])
    inline = _first(range(*block), lambda at: bool(named.search(lines[at])))
    return None if inline is None else (inline, inline + 1)


def _next_header(lines: Sequence[str], at: int, end: int) -> int:
    following = _first(range(at + 1, end), lambda one: bool(_HEADER.match(lines[one])))
    return end if following is None else following


def _end(lines: Sequence[str], at: int, end: int) -> int:
    """A table ends where the next one begins that is no part of it."""
    own = _HEADER.match(lines[at])
    depth = own[1].count(".") if own else 0
    for one in range(at + 1, end):
        head = _HEADER.match(lines[one])
        if head and head[1].count(".") <= depth:
            return one
    return end


def _word(lines: Sequence[str], block: Block, reason: str) -> int:
    """The line of the value the reason quotes, else of the word it names, else the block's first."""
    for value in re.findall(r"'([^']+)'", reason):
        at = _first(range(*block), lambda one, value=value: value in lines[one])  # type: ignore[misc]
        if at is not None:
            return at
    words = set(re.findall(r"[\w-]+", reason))
    at = _first(range(*block), lambda one: bool((key := _KEY.match(lines[one])) and key[1] in words))
    return block[0] if at is None else at


def _first(places: Iterable[int], fits: Callable[[int], bool]) -> int | None:
    return next((at for at in places if fits(at)), None)
