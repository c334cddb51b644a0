"""A sheet as PDF/A-2b, tagged (PDF/UA-1), in the one committed font.

What a person typed reaches typst as a string in JSON and is shown as text; typst never reads it as its language. A
letter that the font lacks would be printed in another font or as an empty box, which PDF/A forbids and a reader cannot
read: its code stands in its place, "[U+1F600]".
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import typst

from casework.law.model import Law
from casework.papers.content import PaperContent
from casework.papers.fontface import letters_of
from casework.papers.layout import Sheet, sheet_of

FONTS = Path(__file__).parent / "fonts"
TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "papers"


class Press:
    """Prints papers of one edition. Made once: the compiler keeps fonts and template warm, and one paper is printed at a
    time, because the compiler's inputs are its own."""

    def __init__(self, law: Law, *, templates: Path = TEMPLATES, fonts: Path = FONTS) -> None:
        self._law = law
        self._letters = letters_of(sorted(fonts.glob("*.ttf")))
        self._lock = threading.Lock()
        # The root is the template's folder: no file beside it can be read, no package is fetched.
        self._compiler = typst.Compiler(
            str(templates / "paper.typ"), root=str(templates), font_paths=[str(fonts)], ignore_system_fonts=True
        )

    def pdf(self, content: PaperContent) -> bytes:
        """The paper; the same content gives the same bytes. Where its day is left to the pen, the file carries the day on
        which the edition came into force. Raises KeyError for a kind that the edition does not have."""
        return self.draw(sheet_of(content, self._law), content.day or self._law.edition.in_force)

    def draw(self, sheet: Sheet, day: date) -> bytes:
        """A sheet as PDF. The file's own date is the paper's `day`, not the machine's: printed again, it is the same file.
        PDF/A demands a date: for a paper whose day the pen will write, the caller names one that stays."""
        dated = asdict(sheet) | {"day": [day.year, day.month, day.day]}
        inputs = {"sheet": self._printable(json.dumps(dated, ensure_ascii=False))}
        with self._lock:
            made: Any = self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=["a-2b", "ua-1"])
        return bytes(made)

    def _printable(self, text: str) -> str:
        """Letters beyond the font by their code. Of a text in JSON only what stands inside strings can be such."""
        missing = {one for one in set(text) if ord(one) not in self._letters}
        return text.translate({ord(one): f"[U+{ord(one):04X}]" for one in missing}) if missing else text
