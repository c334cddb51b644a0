"""The law's data as pages for a jurist: procedure, deadlines and forms as tables. Written by `casework make-docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from casework.law.book import LawBook
from casework.law.calendar import calendar_of
from casework.law.checks import OPENING
from casework.law.model import Action, DeadlineRule, Field, Form, Holiday, Law, Text

WRITTEN = "Written by `casework make-docs` from the data in `casework/law/data`; correct the data, not this page."
BY_PRODUCT = "**[D]** = the law is silent; the product decided."
D = "[D]"
MOST_ARROWS = 4  # of one move in the picture

_UNITS = {
    "running_minutes": "running minutes",
    "running_hours": "running hours",
    "working_hours": "working hours",
    "working_days": "working days",
    "calendar_days": "calendar days",
    "calendar_months": "calendar months",
}


def pages_of(book: LawBook) -> Mapping[str, str]:
    """File name → page, for the newest national edition and every overlay of it."""
    law = max((one for one in book if one.overlay is None), key=lambda one: one.edition.in_force)
    overlays = [one for one in book if one.overlay is not None and one.edition.id == law.edition.id]
    return {
        "procedure.md": _page(_procedure(law)),
        "deadlines.md": _page(_deadlines(law, overlays)),
        "forms.md": _page(_forms(law)),
    }


# ---------------------------------------------------------------- the procedure


def _procedure(law: Law) -> Iterator[str]:
    yield from _head("The procedure", law)
    yield "## Stages\n"
    yield _table(
        ("stage", "title", "what", "article"),
        ((_code(one.id), _said(one.title), _said(one.detail), one.article) for one in law.stages),
    )
    yield "## States\n"
    yield _table(
        ("state", "title", "stage", "next", "who decides", "risk", "article", ""),
        (
            (_code(one.id), _said(one.title), _code(one.stage), _said(one.next), _said(one.decides), one.risk or "",
             one.article, _marks(one.by_product, beginning=one.initial, end=one.final))
            for one in law.states.values()
        ),
    )  # fmt: skip
    yield "## Moves\n"
    yield "From `*` means from every state that is not final. A move without a target leaves the state as it is.\n"
    yield _table(
        ("move", "title", "from", "to", "roles", "guards", "form", "clocks", "audit tag", "article", ""),
        (
            (_code(one.id), _said(one.title), _codes(one.sources), _target(one), ", ".join(one.roles),
             _codes(one.guards), _code(one.form) if one.form else "", _clocks(one), _code(one.tag), one.article,
             _marks(one.by_product))
            for one in law.actions.values()
        ),
    )  # fmt: skip
    yield "## Picture\n"
    yield f"Moves that change the state; those open in more than {MOST_ARROWS} states are left out: they stand in the table.\n"
    yield "```mermaid\nstateDiagram-v2\n" + "\n".join(_diagram(law)) + "\n```\n"
    yield "## Articles\n"
    yield _table(("article", "says"), ((article, _said(text)) for article, text in law.articles.items()))


def _target(action: Action) -> str:
    if action.outcomes:
        return "<br>".join(f"{value} → `{state}`" for value, state in action.outcomes.items())
    return _code(action.to) if action.to else ""


def _clocks(action: Action) -> str:
    found = [
        f"{word} {_codes(ids)}"
        for word, ids in (
            ("starts", action.starts),
            ("stops", action.stops),
            ("resumes", action.resumes),
            ("cancels", action.cancels),
        )
        if ids
    ]
    for word, by_outcome in (
        ("starts", action.outcome_starts),
        ("stops", action.outcome_stops),
        ("cancels", action.outcome_cancels),
    ):
        found += [f"{value}: {word} {_codes(ids)}" for value, ids in by_outcome.items() if ids]
    return "<br>".join(found)


def _diagram(law: Law) -> Iterator[str]:
    names = {state: state.replace("-", "_") for state in law.states}
    for state in law.states.values():
        yield f'    state "{state.title.vi}" as {names[state.id]}'
    yield f"    [*] --> {names[law.initial_state.id]}"
    for action in law.actions.values():
        targets = set(action.outcomes.values()) or {action.to}
        for source in action.sources if len(action.sources) <= MOST_ARROWS else ():
            for target in sorted(targets - {source, ""}) if source != "*" else ():
                yield f"    {names[source]} --> {names[target]}: {action.id}"
    for state in law.states.values():
        if state.final:
            yield f"    {names[state.id]} --> [*]"


# ---------------------------------------------------------------- deadlines


def _deadlines(law: Law, overlays: Iterable[Law]) -> Iterator[str]:
    edition, calendar = law.edition, calendar_of(law)
    yield from _head("Deadlines", law)
    pause = f", but for {edition.office_pause[0]:%H:%M}–{edition.office_pause[1]:%H:%M}" if edition.office_pause else ""
    yield (
        f"The office works {edition.office_opens:%H:%M}–{edition.office_closes:%H:%M}{pause}. Running time runs through nights"
        " and days off; a limit in working days does not count the day of the event and ends when the office closes;"
        " calendar days and months end with their last day.\n"
    )
    yield _rules(law, law.deadlines.values())
    yield "## Provinces\n"
    yield "A province may tighten these and add limits where the law has none; it may never loosen one.\n"
    for local in overlays:
        yield from _overlay(local)
    yield "## Days off and days worked instead\n"
    yield f"The calendar is known until {calendar.last_day:%d/%m/%Y}. An office adds its own days in its own table.\n"
    yield _table(
        ("day", "", "what", "source"),
        ((f"{one.day:%d/%m/%Y}", one.kind, _said(one.title), _holiday_source(one)) for one in law.holidays),
    )


def _rules(law: Law, rules: Iterable[DeadlineRule]) -> str:
    return _table(
        ("rule", "title", "limit", "counted from", "starts with", "ends with", "owed by", "told on breach", "article", ""),
        (
            (_code(one.id), _said(one.title), _limit(one), _said(one.counts_from), _begun_by(law, one.id),
             _ended_by(law, one.id), one.owner, one.escalate, one.article, _marks(one.by_product, period=one.period))
            for one in rules
        ),
    )  # fmt: skip


def _overlay(law: Law) -> Iterator[str]:
    overlay = law.overlay
    if overlay is None:
        return
    yield f"### {_cell(_said(overlay.title))}\n"
    until = f" until {overlay.until:%d/%m/%Y}" if overlay.until else ""
    yield (
        f"`{law.key}` · province `{overlay.province}` · in force from {overlay.in_force:%d/%m/%Y}{until} · "
        f"{overlay.source}{' ' + D if overlay.by_product else ''}\n"
    )
    yield _rules(law, (rule for rule in law.deadlines.values() if rule.overlay == overlay.id))


def _limit(rule: DeadlineRule) -> str:
    unit = _UNITS[rule.unit]
    said = f"{rule.amount} {unit.removesuffix('s') if rule.amount == 1 else unit}"
    if rule.set_by_form or rule.set_by_row:
        asked = _code(rule.set_by_form or rule.set_by_row or "")
        return f"the day of {asked}, else {said}" if rule.by_product else f"the day of {asked}, at most {said}"
    return said


def _begun_by(law: Law, rule: str) -> str:
    opening = (
        ["the opening of a case"] if rule in (*law.opening, *(one for one in OPENING if one in law.deadlines)) else []
    )
    return ", ".join([*opening, *(_code(one.id) for one in law.actions.values() if rule in _begins(one))])


def _begins(action: Action) -> set[str]:
    return {*action.starts, *action.resumes, *(rule for ids in action.outcome_starts.values() for rule in ids)}


def _ended_by(law: Law, rule: str) -> str:
    met = [one.id for one in law.actions.values() if rule in {*one.stops, *_all(one.outcome_stops)}]
    lapsed = [one.id for one in law.actions.values() if rule in {*one.cancels, *_all(one.outcome_cancels)}]
    return _codes(met) + (f"<br>lapses: {_codes(lapsed)}" if lapsed else "")


def _all(by_outcome: Mapping[str, Sequence[str]]) -> set[str]:
    return {rule for ids in by_outcome.values() for rule in ids}


def _holiday_source(holiday: Holiday) -> str:
    return holiday.source + (" (computed, not read in a decree)" if holiday.computed else "")


# ---------------------------------------------------------------- forms


def _forms(law: Law) -> Iterator[str]:
    yield from _head("Forms", law)
    yield _table(
        ("form", "", "title", "article", "gazette page", "handed in by", ""),
        (
            (f"[`{one.id}`](#{_anchor(one)})", one.number or "", _said(one.title), one.article, one.page or "",
             _codes(action.id for action in law.actions.values() if action.form == one.id), _marks(one.by_product))
            for one in law.forms.values()
        ),
    )  # fmt: skip
    for form in law.forms.values():
        yield f"## Form {form.id}\n"
        yield f"{form.number + ': ' if form.number else ''}{_cell(_said(form.title))}\n"
        yield _table(
            ("section", "question", "label", "kind", "group", "fact of the case", "asked if", "article", ""),
            (row for section in form.sections for one in section.fields for row in _questions(section.id, one)),
        )


def _anchor(form: Form) -> str:
    return f"form-{form.id}"


def _questions(section: str, one: Field, under: str = "") -> Iterator[tuple[str, ...]]:
    condition = f"`{one.only_if.field}` = {', '.join(one.only_if.values)}" if one.only_if else ""
    yield (
        _code(section), _code(under + one.id), _said(one.label), one.kind, one.group, _code(one.datum) if one.datum else "",
        condition, one.article or "", _marks(one.by_product, required=one.required),
    )  # fmt: skip
    for column in one.columns:
        yield from _questions(section, column, f"{under}{one.id}.")


# ---------------------------------------------------------------- words


def _head(title: str, law: Law) -> Iterator[str]:
    edition = law.edition
    yield f"# {title}: {edition.id}\n"
    yield f"{WRITTEN}\n"
    yield f"{_said(edition.title)}; {edition.source}; in force from {edition.in_force:%d/%m/%Y}. {_said(edition.note)}\n"
    yield f"{BY_PRODUCT}\n"


def _page(parts: Iterable[str]) -> str:
    return "\n".join(parts).rstrip() + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(heads), "|" + "---|" * len(heads), *(_row([_cell(one) for one in row]) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _said(text: Text) -> str:
    return f"{text.vi} / {text.en}"


def _code(word: str) -> str:
    return f"`{word}`"


def _codes(words: Iterable[str]) -> str:
    return ", ".join(_code(word) for word in words)


def _marks(by_product: bool, **also: bool) -> str:
    return " ".join([*([D] if by_product else []), *(word for word, holds in also.items() if holds)])
