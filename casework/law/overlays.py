"""A province's tighter limits laid over an edition. It may tighten and never loosen; the stricter of law and province holds.

A file of `overlays/` names the province, the edition and its source, and then limits. One with the id of a rule of the law
tightens it. Any other limits a step that the law leaves open; it says with which act it starts and stops (`starts_on`,
`stops_on`, `cancels_on`: actions, in `starts_on` also one outcome of an action, "submit-initial-assessment:emergency", and
"open" for the opening of a case) or with which rule of the law (`starts_with`, `stops_with`). So a total over several steps
is one limit from the first of them to the last. It lapses when the case ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from casework.law.answers import VIETNAM
from casework.law.calendar import Calendar, calendar_of
from casework.law.checks import OPENING, limit_faults
from casework.law.deadlines import due
from casework.law.entries import Entry
from casework.law.model import Action, DeadlineRule, Law, Overlay, Text

OPEN = "open"  # an act that is no action: a report opens a case

_MINUTES = {"running_minutes": 1, "running_hours": 60}


@dataclass(frozen=True)
class _Added:
    """A limit on a step that the law leaves open, and between what it runs."""

    rule: DeadlineRule
    starts_on: tuple[str, ...]
    stops_on: tuple[str, ...]
    cancels_on: tuple[str, ...]
    starts_with: str | None
    stops_with: str | None


def read_overlay(entry: Entry, name: str, laws: Mapping[str, Law]) -> Law | None:
    """The edition with the overlay of file `name` laid over it; None where it names no edition of `laws` (by id)."""
    overlay = Overlay(
        id=name,
        title=entry.title(),
        province=entry.word("province"),
        edition=entry.word("edition"),
        in_force=entry.get("in_force", date, date.min, required=True),
        source=entry.word("source"),
        by_product=entry.flag("by_product"),
        until=entry.get("until", date),
    )
    articles = {one.word("id"): one.wording() for one in entry.entries("article", "article")}
    law = laws.get(overlay.edition)
    if law is None:
        entry.asked.add("deadline")
        entry.fault(f"edition {overlay.edition!r} does not exist")
        return None
    limits = list(_read(entry, overlay, law))
    if not limits:
        entry.fault("deadline is missing: it changes nothing")
    return _laid(law, overlay, articles, limits)


def _read(entry: Entry, overlay: Overlay, law: Law) -> Iterator[DeadlineRule | _Added]:
    seen: set[str] = set()
    for one in entry.entries("deadline", "deadline"):
        identity = one.word("id")
        if identity in seen:
            one.fault("id is used twice")
        seen.add(identity)
        base = law.deadlines.get(identity)
        found = _added(one, overlay) if base is None else _tightened(one, overlay, base)
        rule = found.rule if isinstance(found, _Added) else found
        faults = [*limit_faults(rule)]
        if isinstance(found, _Added):
            faults += _unknown(found, law)
        elif base is not None and not faults:
            faults += loosened(base, rule, calendar_of(law))
        for fault in faults:
            one.fault(fault)
        yield found


def _tightened(one: Entry, overlay: Overlay, base: DeadlineRule) -> DeadlineRule:
    return replace(
        base,
        unit=one.word("unit"),
        amount=one.get("amount", int, 0, required=True),
        article=one.article(),
        warn_left=tuple(float(part) for part in one.get("warn_left", list, list(base.warn_left))),
        warn_on_days=tuple(int(day) for day in one.get("warn_on_days", list, list(base.warn_on_days))),
        by_product=overlay.by_product,
        overlay=overlay.id,
        only_local=False,
    )


def _added(one: Entry, overlay: Overlay) -> _Added:
    rule = DeadlineRule(
        id=one.word("id"),
        title=one.title(),
        unit=one.word("unit"),
        amount=one.get("amount", int, 0, required=True),
        counts_from=one.title("counts_from"),
        article=one.article(),
        owner=one.word("owner"),
        escalate=one.word("escalate"),
        warn_left=tuple(float(part) for part in one.get("warn_left", list, [])),
        by_product=overlay.by_product,
        overlay=overlay.id,
    )
    return _Added(
        rule,
        starts_on=one.words("starts_on"),
        stops_on=one.words("stops_on"),
        cancels_on=one.words("cancels_on"),
        starts_with=one.maybe("starts_with"),
        stops_with=one.maybe("stops_with"),
    )


def _unknown(added: _Added, law: Law) -> Iterator[str]:
    for named in (*added.starts_on, *added.stops_on, *added.cancels_on):
        action, colon, outcome = named.partition(":")
        if action not in law.actions and (action != OPEN or action not in added.starts_on):
            yield f"action {action!r} does not exist"
        elif colon and (named not in added.starts_on or outcome not in law.actions[action].outcomes):
            yield f"outcome {named!r} does not exist"
    for rule in (added.starts_with, added.stops_with):
        if rule is not None and rule not in law.deadlines:
            yield f"deadline {rule!r} of the law does not exist"
    if not (added.starts_on or added.starts_with):
        yield "nothing starts it: starts_on or starts_with is missing"
    if not (added.stops_on or added.stops_with):
        yield "nothing stops it: stops_on or stops_with is missing"


# ---------------------------------------------------------------- never looser


def loosened(base: DeadlineRule, rule: DeadlineRule, calendar: Calendar) -> Iterator[str]:
    """Why `rule` is no tightening of the law's `base`; nothing where it never ends later, whenever it begins.

    Of like units the amounts decide, and so they do for working hours laid over working days: n working days hold n office
    days of working time after the day of the event, and that day may have none left. Other pairs are counted out over
    every day the calendar knows, at the moments around which one of them jumps.
    """
    if base.only_local:
        return
    if base.period:
        yield "loosened: the amount of a time that has to pass cannot be made shorter"
    elif base.unit == rule.unit:
        if rule.amount > base.amount:
            yield f"loosened: amount {rule.amount}, the law allows {base.amount} {base.unit} ({base.article})"
    elif base.unit in _MINUTES and rule.unit in _MINUTES:
        if rule.amount * _MINUTES[rule.unit] > base.amount * _MINUTES[base.unit]:
            yield f"loosened: amount {rule.amount}, the law allows {base.amount} {base.unit} ({base.article})"
    elif (base.unit, rule.unit) == ("working_days", "working_hours"):
        if timedelta(hours=rule.amount) > base.amount * _office_day(calendar):
            yield f"loosened: amount {rule.amount} is more than the law's {base.amount} working days hold ({base.article})"
    else:
        yield from _later(base, rule, calendar)


def _office_day(calendar: Calendar) -> timedelta:
    day = date(2000, 1, 1)
    pause = calendar.pause or (calendar.closes, calendar.closes)
    ends = [datetime.combine(day, one) for one in (calendar.opens, calendar.closes, *pause)]
    return ends[1] - ends[0] - (ends[3] - ends[2])


def _later(base: DeadlineRule, rule: DeadlineRule, calendar: Calendar) -> Iterator[str]:
    for start in _starts(calendar):
        found, allowed = due(rule, start, calendar).due_at, due(base, start, calendar).due_at
        if found > allowed:
            ends = [f"{one.astimezone(VIETNAM):%H:%M %d/%m/%Y}" for one in (start, found, allowed)]
            yield f"loosened: amount {rule.amount} begun at {ends[0]} ends at {ends[1]}, by the law ({base.article}) at {ends[2]}"
            return


def _starts(calendar: Calendar) -> Iterator[datetime]:
    """Each moment at which a day or the office begins or ends, and the second before, over the years the calendar knows."""
    edges = [calendar.opens, *(calendar.pause or ()), calendar.closes]
    day = calendar.first_day
    while day <= calendar.last_day:
        midnight = datetime.combine(day, datetime.min.time(), VIETNAM)
        for moment in (midnight, *(datetime.combine(day, edge, VIETNAM) for edge in edges)):
            yield moment - timedelta(seconds=1)
            yield moment
        day += timedelta(days=1)


# ---------------------------------------------------------------- laying it over


def _laid(law: Law, overlay: Overlay, articles: Mapping[str, Text], limits: list[DeadlineRule | _Added]) -> Law:
    deadlines = dict(law.deadlines)
    actions = dict(law.actions)
    opening: list[str] = []
    for one in limits:
        if isinstance(one, DeadlineRule):
            deadlines[one.id] = one
            continue
        deadlines[one.rule.id] = one.rule
        actions = {action.id: _with(law, action, one) for action in actions.values()}
        if OPEN in one.starts_on or one.starts_with in OPENING:
            opening.append(one.rule.id)
    return replace(
        law,
        deadlines=deadlines,
        actions=actions,
        articles={**law.articles, **articles},
        overlay=overlay,
        opening=tuple(opening),
    )


def _with(law: Law, action: Action, added: _Added) -> Action:
    rule = (added.rule.id,)
    starts = action.id in added.starts_on or added.starts_with in action.starts
    stops = action.id in added.stops_on or added.stops_with in action.stops
    targets = set(action.outcomes.values()) or {action.to}
    ends = all(target in law.states and law.states[target].final for target in targets)
    lapses = action.id in added.cancels_on or (ends and not stops)
    return replace(
        action,
        starts=action.starts + rule * starts,
        stops=action.stops + rule * stops,
        cancels=action.cancels + rule * lapses,
        outcome_starts={
            value: ids + rule * (added.starts_with in ids or f"{action.id}:{value}" in added.starts_on)
            for value, ids in {**dict.fromkeys(action.outcomes, ()), **action.outcome_starts}.items()
        },
        outcome_stops={value: ids + rule * (added.stops_with in ids) for value, ids in action.outcome_stops.items()},
    )
