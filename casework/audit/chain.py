"""How an entry and a checkpoint become bytes: what is hashed, what is signed. Pure; anybody can write it again.

Canonical form of a row: each column in the order below as one byte (0 null, 1 present), then for a present value its
length in 8 bytes (big endian) and its bytes. Numbers are decimal text; instants ISO 8601 in UTC with microseconds; ids
their 16 bytes; text UTF-8; `bytea` as it is. Columns added later must go into a new form with another leading byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

GENESIS = bytes(32)
"""The hash before the first entry and the digest before the first checkpoint."""

HASHED = (
    "seq", "id", "at", "actor_id", "actor_role", "unit_id", "tag", "case_id", "object_type", "object_id", "result",
    "fields", "request_id", "rev", "reason",
)  # fmt: skip
"""The columns of an entry under its hash, in order: all but the two hashes."""


def canonical(values: Sequence[Any]) -> bytes:
    """The canonical form of values in column order."""
    return b"".join(_part(value) for value in values)


def entry_hash(previous: bytes, values: Sequence[Any]) -> bytes:
    """SHA-256 of `00 ‖ previous hash ‖ canonical(values in the order of HASHED)`."""
    return hashlib.sha256(b"\x00" + previous + canonical(values)).digest()


@dataclass(frozen=True)
class Statement:
    """What a checkpoint says, and how it is signed."""

    id: int
    at: datetime
    size: int
    head: bytes
    previous: bytes
    fingerprint: str

    def signed_bytes(self) -> bytes:
        values = (self.id, self.at, self.size, self.head, self.previous, self.fingerprint)
        return b"casework audit checkpoint v1\n" + canonical(values)

    def digest(self, signature: bytes) -> bytes:
        """What the next checkpoint names as its previous one."""
        return hashlib.sha256(b"\x02" + canonical((self.signed_bytes(), signature))).digest()


def _part(value: Any) -> bytes:
    if value is None:
        return b"\x00"
    if isinstance(value, bytes):
        raw = bytes(value)
    elif isinstance(value, UUID):
        raw = value.bytes
    elif isinstance(value, datetime):
        raw = value.astimezone(UTC).isoformat(timespec="microseconds").encode()
    elif isinstance(value, (int, str)):
        raw = str(value).encode()
    else:
        raise TypeError(f"no canonical form for {type(value).__name__}")
    return b"\x01" + len(raw).to_bytes(8, "big") + raw
