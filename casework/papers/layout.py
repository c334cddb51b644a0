"""A paper before it is PDF or Word: head, title, body, signatures and foot in the layout of Decree 30/2020.

`sheet_of` is the one place where a paper is put together; `pdf` and `word` only draw what it returns, so that both say
the same. Everything a person typed stands in runs of plain text: neither drawer reads it as its own language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from casework.law.model import Form, Law
from casework.law.papers import Block, PaperKind, Signer
from casework.papers import tables
from casework.papers.content import PaperContent
from casework.papers.facts import Facts, Run, Runs, Said, clean, day_runs, paragraphs, tick
from casework.papers.tables import Table

BODY, DECISION, SMALL = 13.0, 14.0, 12.0  # pt; Decree 30/2020 allows 13-14 for the text


@dataclass(frozen=True)
class Para:
    """One paragraph. `fill` runs its last line on as a rule to the margin; a `rule` is nothing but such a line."""

    runs: Runs = ()
    heading: int = 0  # 2 or 3; 0 is text
    indent: bool = False  # first line 10 mm in, as running text
    hang: bool = False  # following lines stand under the text, not under the tick or dash
    fill: bool = False
    rule: bool = False
    align: str = "left"
    keep: bool = False  # stays with what follows


@dataclass(frozen=True)
class Signature:
    """The lines over a signature, the note under them and the name under the space; no honorific before it."""

    lines: tuple[str, ...]
    note: str
    name: str


@dataclass(frozen=True)
class Head:
    left: tuple[str, ...]
    number: Runs | None
    date: Runs


@dataclass(frozen=True)
class Sheet:
    title: str  # of the file: no name of a child
    landscape: bool
    size: float  # pt
    draft: bool
    head: Head | None
    heading: tuple[Runs, ...]
    subtitle: Runs
    secrecy: Runs
    opening: tuple[Para, ...]  # issuer, addressee, grounds
    decides: str | None
    body: tuple[Para | Table, ...]
    recipients: tuple[str, ...]
    left: Signature | None
    right: Signature
    note: Runs
    foot: tuple[str, ...]


def sheet_of(content: PaperContent, law: Law) -> Sheet:
    """The paper, put together. Raises KeyError for a kind that the edition's papers.toml does not have."""
    kind = law.papers[content.kind]
    form = law.forms.get(kind.form or "")
    source = f"{form.number}, {law.edition.title.vi.split(' quy định')[0]}" if form and _is_form(form, kind) else ""
    return lay_out(content, kind, source=source)


def lay_out(content: PaperContent, kind: PaperKind, *, source: str = "") -> Sheet:
    """The same of a kind that stands in no edition's papers.toml. `source` is named in the foot."""
    facts = Facts(content)
    decision = kind.decides is not None
    return Sheet(
        title=f"{kind.title.vi} - {content.code}",
        landscape=kind.landscape,
        size=DECISION if decision else BODY,
        draft=bool(content.extra.get("draft")),
        head=_head(content, kind) if kind.national else None,
        heading=tuple(_closed(facts.say(line)) for line in kind.heading),
        subtitle=(Run(kind.subtitle),) if kind.subtitle else (),
        secrecy=(Run(kind.secrecy),) if kind.secrecy else (),
        opening=tuple(_opening(content, kind, facts)),
        decides=kind.decides,
        body=tuple(_body(kind, facts, content.form)),
        recipients=_recipients(content, kind),
        left=_signature(kind.left, _second_name(content)) if kind.left else None,
        right=_first_signature(content, kind.right),
        note=(Run(kind.note),) if kind.note else (),
        foot=_foot(content, source),
    )


# ------------------------------------------------------------------------------------------------------ around the body


def _head(content: PaperContent, kind: PaperKind) -> Head:
    office = clean(content.extra.get("office") or "")
    left = (office.upper(),) if office else ("ỦY BAN NHÂN DÂN", clean(content.commune).upper())
    place = clean(content.place)
    return Head(
        left=left,
        number=_number(content, kind) if kind.number else None,
        date=(Run(f"{place}, "), *day_runs(content.day)) if place else (Run(gap=30), Run(", "), *day_runs(content.day)),
    )


def _closed(said: Said) -> Runs:
    """Of a centred line, which cannot run on to the margin: its open end is a gap as others are."""
    return (*said.runs, Run(gap=60)) if said.open_end else said.runs


def _number(content: PaperContent, kind: PaperKind) -> Runs:
    """ "Số: 05/QĐ-UBND"; without a number a gap stands before the rest of the pattern."""
    given = clean(content.number or content.values.get("number") or "")
    if "/" in given:
        return (Run(f"Số: {given}"),)
    abbreviation = clean(content.extra.get("office_abbreviation") or "") or kind.abbreviation
    if given.isdecimal():
        return (Run(f"Số: {kind.numbered(int(given), abbreviation)}"),)
    rest = kind.numbered(0, abbreviation).partition("/")[2]
    return (Run(f"Số: {given}/{rest}"),) if given else (Run("Số: "), Run(gap=12), Run(f"/{rest}"))


def _opening(content: PaperContent, kind: PaperKind, facts: Facts) -> Iterator[Para]:
    if kind.addressee:
        yield Para(_closed(facts.say(kind.addressee)), align="center")
    if kind.issuer:
        yield Para(tuple(replace(run, bold=True) for run in facts.say(kind.issuer).runs), align="center")
    for line in _grounds(content, kind):
        yield Para((Run(line, italic=True),), indent=True, align="justify")
    if kind.proposal:
        runs = tuple(replace(run, italic=True) for run in facts.say(kind.proposal).runs)
        yield Para(runs, indent=True, align=_set(runs))


def _set(runs: Runs) -> str:
    """Set to both margins, unless there is a blank: stretched words beside a rule read badly."""
    return "left" if any(run.gap for run in runs) else "justify"


def _grounds(content: PaperContent, kind: PaperKind) -> tuple[str, ...]:
    """The register's lines, else those the chair wrote on the form, else the edition's."""
    if not kind.grounds:
        return ()
    written = content.grounds or paragraphs(content.values.get("legal_grounds") or "")
    lines = [line.rstrip(" ;,.") for line in _lines(written or tuple(line.text for line in kind.grounds))]
    ends = [";"] * len(lines) if kind.proposal else [*[";"] * (len(lines) - 1), "."]
    return tuple(line + end for line, end in zip(lines, ends, strict=True))


def _recipients(content: PaperContent, kind: PaperKind) -> tuple[str, ...]:
    """One a line, "- Như Điều 3;", the last with a full stop."""
    if not kind.recipients:
        return ()
    written = content.recipients or paragraphs(str(content.values.get("recipients") or ""))
    lines = [line.lstrip("-– ").rstrip(" ;.") for line in _lines(written or tuple(one.text for one in kind.recipients))]
    return tuple(f"- {line}{'.' if number == len(lines) else ';'}" for number, line in enumerate(lines, start=1))


def _lines(given: tuple[str, ...]) -> list[str]:
    return [line for one in given for line in paragraphs(one)]


def _first_signature(content: PaperContent, signer: Signer) -> Signature:
    lines = signer.deputy if content.deputy else signer.lines
    post = clean(content.signer_post)
    if post and not content.deputy:
        lines = (*lines[:-1], post.upper() if lines[-1].isupper() else post)
    return Signature(lines, signer.note, clean(content.signer_name))


def _signature(signer: Signer, name: str) -> Signature:
    return Signature(signer.lines, signer.note, clean(name))


def _second_name(content: PaperContent) -> str:
    return str(content.values.get("secretary") or content.extra.get("worker_name") or "")


def _foot(content: PaperContent, source: str) -> tuple[str, ...]:
    draft = "BẢN NHÁP, chưa ban hành" if content.extra.get("draft") else ""
    first = " · ".join(filter(None, (draft, f"{content.extra.get('code_words', 'Mã ca')}: {content.code}", source)))
    return (first, f"Mã phiên bản (SHA-256): {content.version_hash}") if content.version_hash else (first,)


def _is_form(form: Form, kind: PaperKind) -> bool:
    """The cost estimate is printed from Mẫu 04's answers, but is not Mẫu 04."""
    return form.number is not None and not kind.by_product


# -------------------------------------------------------------------------------------------------------------- body


def _body(kind: PaperKind, facts: Facts, form: Form | None) -> Iterator[Para | Table]:
    for block in kind.body:
        if _is_left_out(block, facts):
            continue
        match block.kind:
            case "heading":
                yield Para(facts.say(block.text).runs, heading=block.level)
            case "text":
                said = facts.say(block.text)
                yield Para(said.runs, indent=True, align=_set(said.runs), fill=said.open_end)
                yield from _more(said)
            case "line":
                yield from _line(block, facts.say(block.text))
            case "choices":
                yield from _choices(block, facts)
            case "list":
                yield from _list(block, facts)
            case _:
                yield tables.table_of(block, facts, form)


def _is_left_out(block: Block, facts: Facts) -> bool:
    if block.only_if is not None:
        value = facts.value(block.only_if.field)
        word = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        return word not in block.only_if.values
    if not block.if_known:
        return False
    return not facts.known(block.text) and (block.field is None or not tables.has_answer(block.field, facts))


def _more(said: Said) -> Iterator[Para]:
    for text in said.more:
        yield Para((Run(text),), indent=True, align="justify")


def _line(block: Block, said: Said) -> Iterator[Para]:
    yield Para(said.runs, fill=said.open_end, rule=not said.runs)
    yield from _more(said)
    if not said.known:
        for _ in range(block.lines - 1):
            yield Para(rule=True)


def _choices(block: Block, facts: Facts) -> Iterator[Para]:
    if block.text:
        yield Para((Run(block.text, bold=True),), keep=True)
    name, _, column = (block.field or "").partition(".")
    field = facts.field(name)
    if field is None:
        return
    chosen = facts.value(name)
    if column:
        field = next(one for one in field.columns if one.id == column)
        chosen = [row.get(column) for row in facts.rows(name)]
    picked = chosen if isinstance(chosen, list) else [chosen]
    for option in field.options:
        wording = block.wordings.get(option.id) or option.text.vi
        is_picked = option.id in picked
        yield Para((Run(f"{tick(is_picked)} "), Run(wording, bold=is_picked)), hang=True)


def _list(block: Block, facts: Facts) -> Iterator[Para]:
    if block.text:
        yield Para((Run(block.text),), align="justify", keep=True)
    items = tables.items_of(block.field or "", facts)
    for number, item in enumerate(items, start=1):
        lead = f"{number}. " if block.numbered else "- "
        yield Para((Run(f"{lead}{re.sub(r'^[-–•] ?', '', item)}"),), hang=True, align="justify")
    if not items:
        yield from (Para((Run("- "),), fill=True) for _ in range(2))
