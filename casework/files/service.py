"""Keeping a file of a case and giving it out again, whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid5

from sqlmodel import col, select

from casework.cases.models import Case
from casework.errors import Tampered
from casework.files.models import FileChunk, StoredFile
from casework.files.rules import Upload
from casework.work import Work

CHUNK_BYTES = 768 * 1024  # a mebibyte each once it is text


def keep_file(work: Work, case: Case, upload: Upload, *, kind: str) -> StoredFile:
    """Seals the file under the case's key, in pieces. Whoever calls records the act: a room knows what the file is."""
    pieces = [upload.data[start : start + CHUNK_BYTES] for start in range(0, len(upload.data), CHUNK_BYTES)]
    stored = StoredFile(
        case_id=case.id,
        kind=kind,
        media_type=upload.media_type,
        size=len(upload.data),
        chunks=len(pieces),
        uploaded_by=work.actor.id,
        at=work.now,
    )
    work.seal(stored, about={"name": upload.name, "sha256": hashlib.sha256(upload.data).hexdigest()})
    work.session.add(stored)
    work.session.flush()
    for place, piece in enumerate(pieces):
        chunk = FileChunk(id=chunk_id(stored.id, place), case_id=case.id, file_id=stored.id, place=place)
        work.seal(chunk, content=base64.b64encode(piece).decode())
        work.session.add(chunk)
    work.session.flush()
    return stored


def read_file(work: Work, stored: StoredFile) -> bytes:
    """The file's bytes. Raises Tampered if a piece is missing, moved or changed, or the whole is not what was kept."""
    chunks = work.session.exec(
        select(FileChunk).where(FileChunk.file_id == stored.id).order_by(col(FileChunk.place))
    ).all()
    if [chunk.id for chunk in chunks] != [chunk_id(stored.id, place) for place in range(stored.chunks)]:
        raise Tampered(f"file {stored.id} does not have its {stored.chunks} pieces")
    data = b"".join(base64.b64decode(piece) for piece in work.open_all(chunks, "content"))
    if len(data) != stored.size or hashlib.sha256(data).hexdigest() != sha256_of(work, stored):
        raise Tampered(f"file {stored.id} is not what was kept")
    return data


def about_file(work: Work, stored: StoredFile) -> dict[str, Any]:
    """{"name", "sha256"}: what it was called when it came, and the digest of its bytes."""
    opened: dict[str, Any] = work.open(stored, "about")
    return opened


def sha256_of(work: Work, stored: StoredFile) -> str:
    """64 hex digits."""
    return str(about_file(work, stored)["sha256"])


def chunk_id(file_id: UUID, place: int) -> UUID:
    return uuid5(file_id, str(place))
