"""The anchor: a file outside the database with one checkpoint a line, so that a cut tail cannot pass unseen.

Each line is JSON: `{"id", "at", "size", "head", "previous", "fingerprint", "signature"}`; bytes in hex, `at` ISO 8601.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from casework.audit.chain import Statement


@dataclass(frozen=True)
class Anchored:
    """One line: a checkpoint's statement and its signature."""

    statement: Statement
    signature: bytes

    def to_line(self) -> str:
        said = self.statement
        return json.dumps(
            {
                "id": said.id,
                "at": said.at.astimezone(UTC).isoformat(timespec="microseconds"),
                "size": said.size,
                "head": said.head.hex(),
                "previous": said.previous.hex(),
                "fingerprint": said.fingerprint,
                "signature": self.signature.hex(),
            }
        )


def read_anchor(path: Path) -> list[Anchored | None]:
    """One item a whole line, None for a line that cannot be read; [] if there is no file.

    A last line that a crash cut short is no line: its checkpoint is appended again.
    """
    if not path.exists():
        return []
    return [_from_line(line) for line in path.read_bytes().split(b"\n")[:-1]]


def append_anchor(path: Path, lines: Iterable[Anchored]) -> None:
    """On disk when it returns. Makes the folder (0700) and the file (0600) if there are none."""
    content = "".join(f"{line.to_line()}\n" for line in lines).encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _drop_half_a_line(descriptor)
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(f"{path}: only {written} of {len(content)} bytes were written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drop_half_a_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)


def _from_line(line: bytes) -> Anchored | None:
    try:
        data = json.loads(line)
        statement = Statement(
            id=int(data["id"]),
            at=datetime.fromisoformat(data["at"]),
            size=int(data["size"]),
            head=bytes.fromhex(data["head"]),
            previous=bytes.fromhex(data["previous"]),
            fingerprint=str(data["fingerprint"]),
        )
        return Anchored(statement, bytes.fromhex(data["signature"]))
    except (ValueError, KeyError, TypeError):
        return None
