"""Collects what the screens say and keeps the English catalogue in step. Vietnamese is the message id itself.

`python -m tests.whole.translations` brings new sentences into the catalogue (without an English wording yet), takes out
those that no screen says any more, and compiles it.
"""

from __future__ import annotations

import ast
import io
import re
import unicodedata
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

from casework.demo.office import RIBBON

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "casework" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
KEYWORDS: dict[str, Any] = {
    "_": None, "gettext": None, "lazy_gettext": None, "_l": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}  # fmt: skip
HANDED_ON = {RIBBON: "casework/demo/office.py"}  # sentences that reach the frame as an argument, which says them
OWN_NAME = "Tiếng Việt"  # a language is called by its own name in every language
SAYERS = set(KEYWORDS)
Message = tuple[str | None, str | tuple[str, ...]]  # context, sentence (or singular and plural)


def said(root: Path = ROOT) -> dict[Message, str]:
    """Every sentence that a template or a door says → the first file that says it."""
    found: dict[Message, str] = {}
    for folder, method in (("templates", "jinja2"), ("casework", "python")):
        extracted = extract_from_dir(
            root / folder, [("**.html", method), ("**.txt", method)] if method == "jinja2" else [("**.py", method)],
            options_map={}, keywords=KEYWORDS, comment_tags=(),
        )  # fmt: skip
        for name, _line, message, _comments, context in extracted:
            found.setdefault((context, message), f"{folder}/{name}")
    if root == ROOT:
        found.update({(None, sentence): where for sentence, where in HANDED_ON.items()})
    return found


def hidden(source: str) -> list[int]:
    """Lines of a Python file that say a sentence inside an f-string, where the extraction does not look."""
    return [
        call.lineno
        for text in ast.walk(ast.parse(source))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in SAYERS
    ]


def read_catalogue(path: Path = CATALOGUE) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale="en")


def faults(sentences: dict[Message, str], catalogue: Catalog) -> list[str]:
    """One line each: not in the catalogue, without an English wording, uncertain, not said any more, other fields."""
    held = {(one.context, _key(one.id)): one for one in catalogue if one.id}
    lines = [f"{where}: not in the catalogue: {key[1]!r}" for key, where in sentences.items() if key not in held]
    for key, message in held.items():
        wordings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if key not in sentences:
            lines.append(f"no screen says it any more: {key[1]!r}")
        elif message.fuzzy or not all(wordings):
            lines.append(f"no certain English wording: {key[1]!r}")
        elif any(_fields(wording) != _fields(message.id) for wording in wordings[-1:]):
            lines.append(f"the English wording has other fields: {key[1]!r}")
    return lines


def _key(identity: Any) -> str | tuple[str, ...]:
    return tuple(identity) if isinstance(identity, tuple | list) else str(identity)


def _fields(sentence: Any) -> list[str]:
    last = sentence[-1] if isinstance(sentence, tuple | list) else sentence
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", last))


def compiled(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def compiled_is_fresh(path: Path = CATALOGUE) -> bool:
    """Whether the compiled catalogue beside `path` says the same as `path`."""
    with path.with_suffix(".mo").open("rb") as file:
        ours = {(one.context, _key(one.id)): one.string for one in read_mo(file) if one.id}
    with io.BytesIO(compiled(read_catalogue(path))) as file:
        return ours == {(one.context, _key(one.id)): one.string for one in read_mo(file) if one.id}


def stray_vietnamese(source: str) -> list[tuple[int, str]]:
    """(line, words) of a template's Vietnamese outside `_()` and comments: who reads English would see it."""
    found: list[tuple[int, str]] = []
    environment = Environment(extensions=[InternationalizationExtension], autoescape=True)
    depth, saying, block = 0, [], False
    previous = ""
    for line, kind, value in environment.lex(source):
        if kind in {"whitespace", "comment", "comment_begin", "comment_end", "linecomment"}:
            continue
        if kind == "name" and value in {"trans", "endtrans"} and previous in {"{%", "{%-", "{%+"}:
            block = value == "trans"
        if kind == "operator" and value == "(":
            depth += 1
            if previous in SAYERS:
                saying.append(depth)
        elif kind == "operator" and value == ")":
            if saying and saying[-1] == depth:
                saying.pop()
            depth -= 1
        elif kind in {"data", "string"} and not saying and not block:
            visible = re.sub(r"<!--.*?-->", "", value, flags=re.DOTALL)
            if visible.strip("\"'") != OWN_NAME and any(is_vietnamese(letter) for letter in visible):
                found.append((line, " ".join(visible.split())[:80]))
        previous = value
    return found


def is_vietnamese(letter: str) -> bool:
    """A Latin letter with a mark, or đ."""
    return letter in "đĐ" or (ord(letter) > 0xBF and len(unicodedata.normalize("NFD", letter)) > 1 and letter.isalpha())


def update() -> list[str]:
    """Brings the catalogue into step and compiles it; returns what still lacks an English wording."""
    old = read_catalogue() if CATALOGUE.exists() else Catalog(locale="en")
    held = {(one.context, _key(one.id)): one.string for one in old if one.id}
    new = Catalog(
        locale="en", charset="utf-8", header_comment="# English wordings; the ids are Vietnamese.", fuzzy=False
    )
    for (context, identity), where in sorted(said().items(), key=lambda item: (item[1], str(item[0]))):
        new.add(identity, held.get((context, identity), ""), locations=[(where, None)], context=context)  # type: ignore[list-item]  # babel allows a place without a line
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write_po(file, new, width=120, omit_header=False, sort_output=False, include_lineno=False)
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(new))
    return faults(said(), new)


if __name__ == "__main__":
    print("\n".join(update()))
