"""One table of a data file as it is read: asks for its words, keeps what is wrong with them and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from casework.law.model import Text

NOTHING = Text("", "")


class Readings:
    """What a reading of files has found so far: faults, one line each, and which article was cited where."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.cited: list[tuple[str, str]] = []


class Entry:
    """One table of a file, which remembers where it stands and which of its keys nobody asked for."""

    def __init__(self, reading: Readings, where: str, raw: Mapping[str, Any]) -> None:
        self.reading, self.where, self.raw = reading, where, raw
        self.asked: set[str] = set()

    def fault(self, what: str) -> None:
        self.reading.faults.append(f"{self.where}: {what}")

    def get(self, key: str, kind: type, default: Any = None, *, required: bool = False) -> Any:
        self.asked.add(key)
        value = self.raw.get(key)
        if value is None:
            if required:
                self.fault(f"{key} is missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fault(f"{key} is not a {kind.__name__}")
            return default
        return value

    def word(self, key: str, *, blank: bool = False) -> str:
        """A word that has to be there; only where `blank` is allowed may it be empty."""
        value = str(self.get(key, str, "", required=True))
        if not blank and key in self.raw and not value.strip():
            self.fault(f"{key} is empty")
        return value

    def maybe(self, key: str) -> str | None:
        value = self.get(key, str)
        return None if value is None else str(value)

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self.get(key, bool, default))

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(str(one) for one in self.get(key, list, []))

    def text(self, key: str, *, required: bool = True) -> Text | None:
        raw = self.get(key, dict, required=required)
        if raw is None:
            return NOTHING if required else None
        return self.said(key, raw)

    def said(self, key: str, raw: Mapping[str, Any]) -> Text:
        """The two wordings in `raw`; a fault for each that is missing."""
        text = Text(str(raw.get("vi", "")), str(raw.get("en", "")))
        for language in ("vi", "en"):
            if not text.get(language).strip():
                self.fault(f"{key}: the {language} text is empty")
        return text

    def wording(self) -> Text:
        """An entry that is itself one wording in the two languages."""
        self.asked |= {"vi", "en"}
        return self.said("words", self.raw)

    def title(self, key: str = "title") -> Text:
        return self.text(key) or NOTHING

    def article(self, inherited: str | None = None) -> str:
        cited = self.get("article", str, inherited or "", required=inherited is None)
        self.reading.cited.append((self.where, cited))
        return str(cited)

    def entries(self, key: str, name: str) -> Iterator[Entry]:
        for number, raw in enumerate(self.get(key, list, []), start=1):
            if not isinstance(raw, dict):
                self.fault(f"{key} {number} is not a table")
                continue
            child = Entry(self.reading, f"{self.where}: {name} {raw.get('id', number)}", raw)
            yield child
            child.close()

    def close(self) -> None:
        for key in sorted(set(self.raw) - self.asked):
            self.fault(f"{key} is not a word this file knows")
