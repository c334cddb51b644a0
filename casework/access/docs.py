"""The policy as a page for a jurist: who sees which field group under which condition. Written by `casework make-docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from casework.access.engine import EVERY, Rule
from casework.access.policybook import Book
from casework.law.model import Text

PAGE = "access.md"
ROLE = "role:"
READING = ("read-case", "read-referral", "read-intake")
NOBODY = "no"


def page_of(book: Book, groups: Mapping[str, Text]) -> str:
    """`groups` are the law's own field groups with their names."""
    return "\n".join(_parts(book, {**groups, **book.groups})).rstrip() + "\n"


def _parts(book: Book, groups: Mapping[str, Text]) -> Iterator[str]:
    yield "# Who may see what\n"
    yield "Written by `casework make-docs` from `casework/access/policy.toml`; correct the data, not this page.\n"
    yield (
        "What no rule allows is refused. A unit or a person that is kept from a case (a conflict of interest) is refused"
        " before any rule is read: no role, grant or emergency opening changes that. Administrators and auditors stand in no"
        " rule, and the program has no way to open a case's content for them. Who is refused is told that there is no such"
        " page.\n"
    )
    yield "**[D]** = the law is silent; the product decided.\n"
    yield "## Who reads which field group, and when\n"
    yield from _matrix(book, groups)
    yield "## The rules\n"
    yield "A rule allows its actions, on its field groups, when one of the lines under “when” holds whole.\n"
    yield _table(
        ("rule", "what", "actions", "field groups", "purposes", "when", "article", ""),
        (
            (
                f"`{rule.id}`",
                _said(book.told[rule.id].title),
                _codes(rule.actions, book.actions),
                _codes(rule.groups, groups) or "the case itself, none of its content",
                _codes(rule.purposes, book.purposes),
                "<br>".join(" **and** ".join(f"`{one}`" for one in way) for way in rule.when),
                book.told[rule.id].source,
                "[D]" if book.told[rule.id].by_product else "",
            )
            for rule in book.policy.rules
        ),
    )
    yield "## The conditions\n"
    yield _table(
        ("condition", "it holds for", "a refusal is called"),
        ((f"`{name}`", _said(title), f"`{book.refusals[name]}`") for name, title in book.conditions.items()),
    )
    for title, words in (("actions", book.actions), ("field groups", groups), ("purposes", book.purposes)):
        yield f"## The {title}\n"
        yield _table(("word", "title"), ((f"`{name}`", _said(text)) for name, text in words.items()))


def _matrix(book: Book, groups: Mapping[str, Text]) -> Iterator[str]:
    """A row a role, a column a field group; in a cell the conditions besides the role, one way a line."""
    roles = [name for name in book.conditions if name.startswith(ROLE)]
    yield _table(
        ("who", *groups),
        (
            (_said(book.conditions[role]), *(_cell_of(book, role, group) for group in groups))
            for role in roles
        ),
    )  # fmt: skip


def _cell_of(book: Book, role: str, group: str) -> str:
    ways = dict.fromkeys(
        " and ".join(book.conditions[one].en for one in way if one != role) or "always"
        for rule in book.policy.rules
        if _reads(rule, group)
        for way in rule.when
        if role in way
    )
    return "<br>".join(ways) or NOBODY


def _reads(rule: Rule, group: str) -> bool:
    return any(rule.concerns(action, group, None) for action in READING)


def _codes(words: Iterable[str], order: Mapping[str, Text]) -> str:
    chosen = set(words)
    return "all" if EVERY in chosen else ", ".join(f"`{one}`" for one in order if one in chosen)


def _said(text: Text) -> str:
    return f"{text.vi} / {text.en}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
