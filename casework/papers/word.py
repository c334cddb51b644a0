"""A sheet as a Word file, for an office that has to change a word before it signs.

The template (templates/papers/word) is a Word file unpacked, so that a change of it can be read; it is packed here.
Word draws in its own Times New Roman and brings another font for a letter that has none, so letters stay as written.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from docxtpl import DocxTemplate
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from casework.law.model import Law
from casework.papers.content import PaperContent
from casework.papers.layout import Sheet, sheet_of

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "papers" / "word"

_SHORT, _LONG = 11906, 16838  # A4 in twentieths of a point
_MARGINS = 1701 + 964  # left 30 mm, right 17 mm
_UNDERSCORE = 2.3  # mm at 13 pt
_SMALL_SPACE = 0.53  # mm, a no-break space at 6 pt


def docx(content: PaperContent, law: Law) -> bytes:
    """The paper as a Word file. Raises KeyError for a kind that the edition does not have."""
    return word_of(sheet_of(content, law))


def word_of(sheet: Sheet) -> bytes:
    """A sheet as a Word file."""
    page = (_LONG, _SHORT) if sheet.landscape else (_SHORT, _LONG)
    template = DocxTemplate(io.BytesIO(_packed(TEMPLATE)))
    template.render(
        {
            "sheet": _literal(asdict(sheet)),
            "draft": "BẢN NHÁP" if sheet.draft else "",
            "page": page,
            "orient": "landscape" if sheet.landscape else "portrait",
            "width": page[0] - _MARGINS,
            "size": int(sheet.size * 2),
            "blank": lambda gap: "_" * round(gap / _UNDERSCORE),
            "bar": lambda long: "\u00a0" * round(long / _SMALL_SPACE),  # underlined: the rule below a head
        },
        jinja_env=_environment(),
        autoescape=True,
    )
    written = io.BytesIO()
    template.save(written)
    return written.getvalue()


class _Remembering(Environment):
    """docxtpl compiles its parts anew for each paper; the same text is the same template."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=True)
        self._compiled: dict[str, Template] = {}

    def from_string(self, source: Any, *args: Any, **kwargs: Any) -> Template:
        if source not in self._compiled:
            self._compiled[source] = super().from_string(source, *args, **kwargs)
        return self._compiled[source]


@cache
def _environment() -> Environment:
    return _Remembering()


@cache
def _packed(folder: Path) -> bytes:
    """The unpacked template as one file. [Content_Types].xml first, as readers of such files expect."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.writestr(path.relative_to(folder).as_posix(), path.read_bytes())
    return packed.getvalue()


def _literal(value: Any) -> Any:
    """Every text escaped for XML once and for all. docxtpl afterwards turns `{_{` into `{{` and the like, a way to write
    braces in its templates: the underscore goes in by its number, so that a person's `{_{` stays what it is."""
    if isinstance(value, str):
        safe = str(escape(value))
        for brace in ("{_{", "}_}", "{_%", "%_}"):
            safe = safe.replace(brace, brace.replace("_", "&#95;"))
        return Markup(safe)  # noqa: S704 - escaped just above
    if isinstance(value, Mapping):
        return {key: _literal(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(one) for one in value]
    return value
