"""Which letters a TrueType file can draw, read from its `cmap` table (format 4: the basic plane)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path


def letters_of(faces: Iterable[Path]) -> frozenset[int]:
    """Code points that every one of the files can draw. Raises ValueError for none, or a file without such a table."""
    found = [_letters(path.read_bytes(), path.name) for path in faces]
    if not found:
        raise ValueError("no font to print with")
    return frozenset.intersection(*found)


def _letters(data: bytes, name: str) -> frozenset[int]:
    table = _cmap(data)
    for number in range(_short(data, table + 2) if table else 0):
        start = table + struct.unpack_from(">I", data, table + 8 + 8 * number)[0]
        if _short(data, start) == 4:
            return frozenset(_segments(data, start))
    raise ValueError(f"{name} has no table of its letters")


def _cmap(data: bytes) -> int:
    for number in range(_short(data, 4)):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, 12 + 16 * number)
        if tag == b"cmap":
            return int(offset)
    return 0


def _segments(data: bytes, start: int) -> Iterable[int]:
    """Format 4 keeps runs of code points: their ends, a pad, their starts. 0xFFFF closes the list and is no letter."""
    count = _short(data, start + 6) // 2
    ends = struct.unpack_from(f">{count}H", data, start + 14)
    starts = struct.unpack_from(f">{count}H", data, start + 16 + 2 * count)
    for first, last in zip(starts, ends, strict=True):
        yield from (code for code in range(first, last + 1) if code != 0xFFFF)


def _short(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", data, at)[0])
