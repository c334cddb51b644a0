"""What is sent to the office: in memory only, and no larger than the page that takes it says."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import IO, cast

from flask import Request, current_app, session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from casework.policy import View

MEBIBYTE = 1024 * 1024


def takes_files(limit: int) -> Callable[[View], View]:
    """What is posted here may be `limit` bytes long, from people who are signed in; every other page keeps its own limit."""

    def mark(view: View) -> View:
        view.body_limit = limit  # type: ignore[attr-defined]  # a note on the function, read by the request
        return view

    return mark


class _Whole(LimitedStream):
    """A body that is read to its end or refused. Werkzeug's own gives out the part that fits of one that did not say how
    long it is (chunked): a report would be kept, and confirmed, without its end."""

    def __init__(self, bounded: LimitedStream) -> None:
        super().__init__(bounded._stream, bounded.limit, is_max=bounded._limit_is_max)

    def readall(self) -> bytes:
        read = super().readall()
        if self.is_exhausted and self._limit_is_max and self._stream.read(1):
            raise RequestEntityTooLarge
        return read


class OfficeRequest(Request):
    """Keeps uploads in memory: the usual request writes what is larger than half a megabyte to the disk, in clear."""

    @property
    def max_content_length(self) -> int | None:
        view = current_app.view_functions.get(self.endpoint or "")
        limit: int | None = getattr(view, "body_limit", None)
        # A stranger may not make the office hold twenty megabytes before it asks who they are.
        return limit if limit is not None and "_user_id" in session else super().max_content_length

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @cached_property
    def stream(self) -> IO[bytes]:
        found: IO[bytes] = super().stream
        return cast(IO[bytes], _Whole(found)) if isinstance(found, LimitedStream) else found

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()
