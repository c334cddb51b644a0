"""What must hold of an edition before anybody works by it. Pure: a Law goes in, one line a fault comes out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise

from casework.law.model import (
    DEFAULTS,
    FIELD_GROUPS,
    FIELD_KINDS,
    LEVELS,
    Action,
    DeadlineRule,
    Field,
    Form,
    Law,
    Offer,
)
from casework.law.offers import OF_THE_DOCUMENT, fits

ROLES = (
    "hotline", "collaborator", "worker", "chair", "supervisor", "police", "health",
    "administrator", "auditor", "system",
)  # fmt: skip

RISKS = ("unassessed", "low", "medium", "high", "emergency")

UNITS = ("running_minutes", "running_hours", "working_hours", "working_days", "calendar_days", "calendar_months")

READINGS = ("compare-high", "counts-only")

OPENING = ("emergency", "acknowledge", "verify")  # started by the opening of a case, which is no action

COMPUTED = "second-person"  # an outcome nobody picks: the conclusion is lower than the risk written down

_FIELD_ID = re.compile(r"[a-z][a-z0-9_]*")  # no dash: HTTP names join field, row and part with one


def faults_of(law: Law, cited: Iterable[tuple[str, str]] = ()) -> list[str]:
    """Every fault of `law`, one line each with file and entry. `cited` adds (place, article) pairs that a loader saw
    and the values no longer show."""
    checks = (_course, _actions, _deadlines, _forms, _data, _offers, _access, _holidays)
    faults = [fault for check in checks for fault in check(law)]
    return list(dict.fromkeys([*faults, *uncited(law, cited)]))


def uncited(law: Law, cited: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The (place, article) pairs whose article nobody has put into a sentence for the reader."""
    for where, article in cited:
        if article not in law.articles:
            yield f"{where}: article {article!r} has no sentence in articles.toml"


def _course(law: Law) -> Iterator[str]:
    """One beginning, everything reachable, no trap, an end in sight from everywhere."""
    where = "procedure.toml"
    initial = [state.id for state in law.states.values() if state.initial]
    if len(initial) != 1:
        yield f"{where}: {len(initial)} initial states, there must be one"
    stages = {stage.id for stage in law.stages}
    ways = {state: _targets(law, state) for state in law.states}
    for state in law.states.values():
        entry = f"{where}: state {state.id}"
        if state.stage not in stages:
            yield f"{entry}: stage {state.stage!r} does not exist"
        if state.risk is not None and state.risk not in RISKS:
            yield f"{entry}: risk {state.risk!r} is unknown"
        primary = law.actions.get(state.primary or "")
        if state.primary is not None and (primary is None or state.id not in sources_of(law, primary)):
            yield f"{entry}: primary action {state.primary!r} cannot be taken there"
        if state.final:
            continue
        if not ways[state.id] - {state.id}:
            yield f"{entry}: has no way out"
        if not any(law.states[end].final for end in _reach(ways, [state.id]) if end in law.states):
            yield f"{entry}: no final state can be reached from it"
    for missed in sorted(set(law.states) - _reach(ways, initial)):
        yield f"{where}: state {missed}: cannot be reached"


def sources_of(law: Law, action: Action) -> set[str]:
    """The states from which `action` may be taken; "*" means every state that is not final."""
    found = {source for source in action.sources if source != "*"}
    if "*" in action.sources:
        found |= {state.id for state in law.states.values() if not state.final}
    return found


def _targets(law: Law, state: str) -> set[str]:
    found: set[str] = set()
    for action in law.actions.values():
        if state in sources_of(law, action):
            found |= set(action.outcomes.values()) or {action.to or state}
    return found


def _reach(ways: dict[str, set[str]], start: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo += ways.get(state, ())
    return seen


def _actions(law: Law) -> Iterator[str]:
    for tag, times in Counter(action.tag for action in law.actions.values()).items():
        if times > 1:
            yield f"procedure.toml: tag {tag!r} is used {times} times"
    for action in law.actions.values():
        where = f"procedure.toml: action {action.id}"
        if not action.sources:
            yield f"{where}: has no source"
        for state in (*action.sources, *filter(None, [action.to]), *action.outcomes.values()):
            if state not in law.states and state != "*":
                yield f"{where}: state {state!r} does not exist"
        if not action.roles:
            yield f"{where}: has no role"
        for role in (*action.roles, *(role for _, role in action.notify)):
            if role not in ROLES:
                yield f"{where}: role {role!r} is unknown"
        if action.liaison not in (None, "police", "health"):
            yield f"{where}: liaison {action.liaison!r} is unknown"
        for risk in action.outcome_risk.values():
            if risk not in RISKS:
                yield f"{where}: risk {risk!r} is unknown"
        if action.form is not None and action.form not in law.forms:
            yield f"{where}: form {action.form!r} does not exist"
        else:
            yield from _outcomes(law, action, where)


def _outcomes(law: Law, action: Action, where: str) -> Iterator[str]:
    named = {
        *action.outcomes,
        *action.outcome_risk,
        *action.outcome_starts,
        *action.outcome_stops,
        *action.outcome_cancels,
    }
    if action.outcome_field is None:
        if named:
            yield f"{where}: outcomes without outcome_field"
        return
    form = law.forms.get(action.form or "")
    if form is None or action.outcome_field not in {one.id for one in form.fields}:
        yield f"{where}: outcome_field {action.outcome_field!r} is not a field of form {action.form!r}"
        return
    options = {option.id for option in form.field(action.outcome_field).options}
    allowed = options | ({COMPUTED} if any(one.id == "reason" for one in form.fields) else set())
    for value in sorted(named - allowed):
        yield f"{where}: outcome {value!r} is not an option of {action.outcome_field}"
    for value in sorted(options - set(action.outcomes)) if action.outcomes else ():
        yield f"{where}: option {value!r} of {action.outcome_field} leads nowhere"


def _deadlines(law: Law) -> Iterator[str]:
    starts, ends = set(OPENING), set()
    for action in law.actions.values():
        begun = {*action.starts, *(one for ids in action.outcome_starts.values() for one in ids)}
        by_outcome = (*action.outcome_stops.values(), *action.outcome_cancels.values())
        ended = {*action.stops, *action.cancels, *(one for ids in by_outcome for one in ids)}
        starts |= begun
        ends |= ended
        for named in sorted((begun | ended | {*action.resumes, *action.extends}) - set(law.deadlines)):
            yield f"procedure.toml: action {action.id}: deadline {named!r} does not exist"
    data = {field.datum for form in law.forms.values() for field in form.fields if field.kind == "date"}
    for rule in law.deadlines.values():
        where = f"deadlines.toml: deadline {rule.id}"
        if rule.id not in starts:
            yield f"{where}: no action starts it"
        if rule.id not in ends:
            yield f"{where}: no action stops or cancels it"
        yield from (f"{where}: {fault}" for fault in limit_faults(rule))
        for datum in (rule.start_by_form, rule.set_by_form):
            if datum is not None and datum not in data:
                yield f"{where}: no form asks the date {datum!r}"
        if rule.set_by_row is not None and not _asks_row_day(law, rule.set_by_row):
            yield f"{where}: no form asks rows with the date {rule.set_by_row!r}"


def limit_faults(rule: DeadlineRule) -> Iterator[str]:
    """What is wrong with one limit by itself."""
    if rule.unit not in UNITS:
        yield f"unit {rule.unit!r} is unknown"
    if rule.amount < 1 and not rule.only_local:
        yield "amount must be at least 1"
    if any(not 0 < left < 1 for left in rule.warn_left):
        yield "warn_left must lie between 0 and 1"
    if any(not 0 < day < rule.amount for day in rule.warn_on_days):
        yield "warn_on_days must lie inside the time"
    for role in (rule.owner, rule.escalate):
        if role not in ROLES:
            yield f"role {role!r} is unknown"


def succession_faults(laws: Iterable[Law]) -> Iterator[str]:
    """On every day one edition holds, and of a province at most one overlay of it."""
    everything = list(laws)
    national = [(law.edition.in_force, law.edition.until, f"{law.edition.id}/edition.toml")
                for law in everything if law.overlay is None]  # fmt: skip
    yield from _overlapping(national)
    for (_, ends, where), (begins, _, _) in pairwise(sorted(national)):
        if ends is not None and ends + timedelta(days=1) < begins:
            yield f"{where}: until {ends} leaves no edition in force before {begins}"
    local: dict[tuple[str, str], list[tuple[date, date | None, str]]] = {}
    for overlay in (law.overlay for law in everything if law.overlay is not None):
        kept = local.setdefault((overlay.edition, overlay.province), [])
        kept.append((overlay.in_force, overlay.until, f"overlays/{overlay.id}.toml"))
    for kept in local.values():
        yield from _overlapping(kept)


def _overlapping(terms: Iterable[tuple[date, date | None, str]]) -> Iterator[str]:
    """`terms` are first day, last day or None (until the next begins), and the file that says so."""
    for (begins, ends, where), (following, _, other) in pairwise(sorted(terms, key=lambda one: (one[0], one[2]))):
        if begins == following or (ends is not None and ends >= following):
            yield f"{other}: in_force {following} overlaps {where}, in force from {begins} until {ends or 'it'}"


def _asks_row_day(law: Law, path: str) -> bool:
    """Whether `form.field.column` is a date column of rows."""
    form_id, _, rest = path.partition(".")
    form = law.forms.get(form_id)
    return form is not None and any(
        f"{one.id}.{column.id}" == rest and column.kind == "date" for one in form.fields for column in one.columns
    )


def _forms(law: Law) -> Iterator[str]:
    for form in law.forms.values():
        where = f"forms/{form.id}.toml"
        if form.reading not in (None, *READINGS):
            yield f"{where}: reading {form.reading!r} is unknown"
        if form.reading is not None:
            yield from _reading(form, where)
        for twice, times in Counter(section.id for section in form.sections).items():
            if times > 1:
                yield f"{where}: section {twice} stands twice"
        yield from _fields(form.fields, where)


def _reading(form: Form, where: str) -> Iterator[str]:
    measured = {one.measure for one in form.fields if one.kind == "level"}
    if measured != {"harm", "ability"}:
        yield f"{where}: a form that is read needs levels of harm and of ability"
    conclusion = next((one for one in form.fields if one.id == "conclusion"), None)
    if conclusion is None or len(conclusion.options) < 2:
        yield f"{where}: a form that is read needs a choice named conclusion, its highest option first"
    if form.reading == "compare-high" and conclusion is not None and len(conclusion.options) != 2:
        yield f"{where}: compare-high chooses between two options"


def _fields(asked: tuple[Field, ...], where: str, *, column: bool = False) -> Iterator[str]:
    earlier: dict[str, Field] = {}
    for one in asked:
        entry = f"{where}: {'column' if column else 'field'} {one.id}"
        if one.id in earlier:
            yield f"{entry}: stands twice"
        if not _FIELD_ID.fullmatch(one.id):
            yield f"{entry}: an id is small letters, digits and underscores"
        if one.kind not in FIELD_KINDS:
            yield f"{entry}: kind {one.kind!r} is unknown"
        if one.group not in FIELD_GROUPS:
            yield f"{entry}: group {one.group!r} is unknown"
        if one.max_length < 1:
            yield f"{entry}: max_length must be at least 1"
        yield from _options(one, entry)
        yield from _condition(one, earlier, entry)
        if (one.kind == "rows") != bool(one.columns):
            yield f"{entry}: rows need columns, and only rows have them"
        if column and (one.kind == "rows" or one.datum is not None):
            yield f"{entry}: a column can neither hold rows nor own a datum"
        yield from _fields(one.columns, entry, column=True)
        earlier[one.id] = one


def _options(one: Field, entry: str) -> Iterator[str]:
    ids = tuple(option.id for option in one.options)
    if len(set(ids)) < len(ids):
        yield f"{entry}: an option stands twice"
    if one.kind == "level":
        if ids != LEVELS:
            yield f"{entry}: levels are {', '.join(ids)}; they must be {', '.join(LEVELS)}, in this order"
        if one.measure not in ("harm", "ability"):
            yield f"{entry}: measure {one.measure!r} is unknown"
    elif (one.kind in ("choice", "choices")) != bool(ids):
        yield f"{entry}: a choice needs options, and nothing else has them"


def _condition(one: Field, earlier: dict[str, Field], entry: str) -> Iterator[str]:
    if one.only_if is None:
        return
    asked = earlier.get(one.only_if.field)
    if asked is None:
        yield f"{entry}: only_if asks {one.only_if.field!r}, which is no earlier field"
        return
    known = {"yes", "no"} if asked.kind == "yes_no" else {option.id for option in asked.options}
    for value in sorted(set(one.only_if.values) - known):
        yield f"{entry}: only_if value {value!r} is not an option of {asked.id}"


def _data(law: Law) -> Iterator[str]:
    """A fact of a case has one kind and one group wherever it is asked, or the second form would undo the first."""
    first: dict[str, tuple[str, Field]] = {}
    for form in law.forms.values():
        for one in form.fields:
            if one.datum is None:
                continue
            home, owner = first.setdefault(one.datum, (form.id, one))
            if (owner.kind, owner.group) != (one.kind, one.group):
                yield (
                    f"forms/{form.id}.toml: field {one.id}: datum {one.datum!r} is {owner.kind}/{owner.group} "
                    f"in form {home}, here {one.kind}/{one.group}"
                )


def _offers(law: Law) -> Iterator[str]:
    """What is proposed comes from a question that exists, can be an answer here, and is nobody's secret."""
    owners = {one.datum: one for form in law.forms.values() for one in form.fields if one.datum}
    for form in law.forms.values():
        for one in form.fields:
            where = f"forms/{form.id}.toml: field {one.id}"
            yield from _default(one, where)
            for offer in one.offers:
                yield from _offer(law, one, offer, owners, where)


def _offer(law: Law, one: Field, offer: Offer, owners: Mapping[str, Field], where: str) -> Iterator[str]:
    if (offer.form is None) == (offer.datum is None) or (offer.form is None) != (offer.answer is None):
        yield f"{where}: an offer names a form and its answer, or a datum"
        return
    if offer.when is not None and offer.when.field not in owners:
        yield f"{where}: no form asks the datum {offer.when.field!r}"
    if offer.answer in OF_THE_DOCUMENT and offer.form in law.forms:
        return
    source = owners.get(offer.datum) if offer.datum else _field_of(law, offer)
    if source is None:
        yield f"{where}: offer {offer.datum or f'{offer.form}.{offer.answer}'!r} is asked by no form"
        return
    if source.group == "reporter":
        yield f"{where}: who reported is proposed to nobody"
    if not fits(one, source):
        yield f"{where}: {source.kind} {offer.datum or f'{offer.form}.{offer.answer}'!r} cannot begin {one.kind}"
    columns = {column.id: {option.id for option in column.options} for column in one.columns}
    for name, value in offer.fixed.items():
        if name not in columns or (columns[name] and value not in columns[name]):
            yield f"{where}: offer sets {name!r} to {value!r}, which no column takes"


def _field_of(law: Law, offer: Offer) -> Field | None:
    form = law.forms.get(offer.form or "")
    return next((each for each in form.fields if each.id == offer.answer), None) if form else None


def _default(one: Field, where: str) -> Iterator[str]:
    if isinstance(one.default, str) and one.default.startswith("@") and one.default not in DEFAULTS:
        yield f"{where}: default {one.default!r} is unknown"
    given = one.default if isinstance(one.default, tuple) else (one.default,) if one.default else ()
    options = {option.id for option in one.options}
    for value in given if options else ():
        if value not in options:
            yield f"{where}: default {value!r} is not an option"


def _access(law: Law) -> Iterator[str]:
    where = "access.toml"
    if sorted(law.groups) != sorted(FIELD_GROUPS):
        yield f"{where}: groups are {', '.join(law.groups)}; they must be {', '.join(FIELD_GROUPS)}"
    for audience in law.audiences.values():
        if sorted((*audience.shows, *audience.withholds)) != sorted(FIELD_GROUPS):
            yield f"{where}: audience {audience.id}: shows and withholds must name every group once"
    for liaison in {action.liaison for action in law.actions.values() if action.liaison} - set(law.audiences):
        yield f"{where}: audience {liaison}: is missing"


def _holidays(law: Law) -> Iterator[str]:
    where = "holidays.toml"
    days = [holiday.day for holiday in law.holidays]
    if days != sorted(set(days)):
        yield f"{where}: days must be in order and stand once"
    for holiday in law.holidays:
        weekend = holiday.day.weekday() >= 5
        if holiday.kind not in ("off", "make-up"):
            yield f"{where}: holiday {holiday.day}: kind {holiday.kind!r} is unknown"
        if holiday.kind == "make-up" and not weekend:
            yield f"{where}: holiday {holiday.day}: a make-up day falls on a Saturday or Sunday"
