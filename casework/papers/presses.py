"""The presses of an office: one an edition, made when it is first needed and kept warm."""

from __future__ import annotations

import threading

from casework.law.model import Law
from casework.papers.pdf import Press


class Presses:
    """Made once an application. Safe to ask from several threads."""

    def __init__(self) -> None:
        self._made: dict[str, Press] = {}
        self._lock = threading.Lock()

    def of(self, law: Law) -> Press:
        """The press that prints papers of this edition."""
        with self._lock:
            if law.key not in self._made:
                self._made[law.key] = Press(law)
            return self._made[law.key]
