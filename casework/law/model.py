"""The law as the program holds it: frozen values read from the data files, each line with its article.

Nothing here decides; nothing here touches a row. `Law` is what `loader.load_law` returns after every check has passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from casework.law.papers import PaperKind

LEVELS = ("cao", "trung_binh", "thap")  # the fixed order in which the forms print them

FIELD_KINDS = (
    "text", "longtext", "name", "phone", "number", "age", "date", "datetime",
    "choice", "choices", "yes_no", "level", "rows", "commune",
)  # fmt: skip

# What a question starts with, by the case and the moment: who fills it in, the office, who decides there now, the day.
DEFAULTS = ("@me", "@office", "@chair", "@today", "@now")

FIELD_GROUPS = ("identity", "contact", "narrative", "medical", "legal", "reporter", "assessment", "work", "restricted")


@dataclass(frozen=True)
class Text:
    """One wording in the two languages. Vietnamese is the law's; English is ours."""

    vi: str
    en: str

    def get(self, language: str) -> str:
        return self.en if language == "en" else self.vi


@dataclass(frozen=True)
class Option:
    id: str
    text: Text
    hint: Text | None = None


@dataclass(frozen=True)
class Condition:
    """A field is asked only if `field` (earlier in the same form) holds one of `values`."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Offer:
    """Where an answer is proposed from: the `answer` of the newest document of `form` (or its "@author", its
    "@reference": title and day), or the fact `datum`. `when` asks a datum for one of its values first. Proposed rows get
    the columns in `fixed`, what the source form says by its place and not in a column."""

    form: str | None = None
    answer: str | None = None
    datum: str | None = None
    when: Condition | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One question. `datum` names the fact of the case it owns or repeats (`child.name`): a later form that asks the
    same datum is pre-filled from the case's facts, with the source shown. `offers` propose an answer where the case has no
    such fact, `default` where nothing else does: words, options, or one of DEFAULTS. `group` drives who may see it."""

    id: str
    kind: str
    label: Text
    group: str
    hint: Text | None = None
    required: bool = False
    datum: str | None = None
    options: tuple[Option, ...] = ()
    columns: tuple[Field, ...] = ()  # kind "rows": the questions of one row
    only_if: Condition | None = None
    measure: str | None = None  # kind "level": "harm" or "ability"
    article: str | None = None
    by_product: bool = False  # [D]: the law is silent, the product decided
    max_length: int = 4000
    minimum: int | None = None  # kind "number": a number with a bound is a count, so it has to be whole
    maximum: int | None = None
    past: bool = False  # kinds "date" and "datetime": may not lie in the future (a birth, a receipt)
    offers: tuple[Offer, ...] = ()
    default: str | tuple[str, ...] | None = None
    ordered: bool = False  # kind "rows": the order says something, so it can be changed


@dataclass(frozen=True)
class Section:
    id: str
    title: Text
    fields: tuple[Field, ...]
    intro: Text | None = None


@dataclass(frozen=True)
class Form:
    """A form of the decree (`number` "Mẫu số 02") or one of the product's own small ones (`number` None)."""

    id: str
    title: Text
    article: str
    edition: str
    sections: tuple[Section, ...]
    number: str | None = None
    page: str | None = None  # page of the gazette
    by_product: bool = False
    reading: str | None = None  # "compare-high" (Mẫu 03, 06), "counts-only" (Mẫu 02) or None
    signer: Text | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(one for section in self.sections for one in section.fields)

    def field(self, field_id: str) -> Field:
        """Raises KeyError if the form has no such field."""
        for one in self.fields:
            if one.id == field_id:
                return one
        raise KeyError(field_id)


@dataclass(frozen=True)
class Stage:
    """One of the steps people know the course by; several states may belong to one stage."""

    id: str
    title: Text
    detail: Text
    article: str


@dataclass(frozen=True)
class State:
    id: str
    title: Text
    stage: str
    next: Text  # what has to happen now
    decides: Text  # who decides
    article: str
    primary: str | None  # the action the next-step panel offers first
    initial: bool = False
    final: bool = False
    risk: str | None = None  # risk band the case takes on entering, if any
    by_product: bool = False


@dataclass(frozen=True)
class Action:
    """A move of the procedure. `to` is the state it leads to, or "" where the state stays; `outcomes` (value of
    `outcome_field` of its form → state) wins over `to`. Deadlines named in `starts` begin a new cycle, in `stops` are
    met, in `resumes` run on with their first due time, in `cancels` lapse without being met, in `extends` run on to the later
    last day that the form sets."""

    id: str
    title: Text  # the button
    done: Text  # the line in the timeline
    sources: tuple[str, ...]
    to: str
    roles: tuple[str, ...]
    tag: str
    article: str
    form: str | None = None
    outcome_field: str | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    outcome_risk: Mapping[str, str] = field(default_factory=dict)  # outcome value → risk band
    outcome_starts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outcome_stops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outcome_cancels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guards: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    resumes: tuple[str, ...] = ()
    cancels: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    notify: tuple[tuple[str, str], ...] = ()  # (text id, role of the post)
    confirm: bool = False  # serious act: an interruption page first
    liaison: str | None = None  # "police" or "health": only that body's own referral
    receiver: bool = False  # made by the commune the case is offered to, not by the one that holds it
    by_product: bool = False


@dataclass(frozen=True)
class DeadlineRule:
    """`unit` is running_minutes, running_hours, working_hours, working_days, calendar_days or calendar_months; `amount`
    counts them. `overlay` names the province's own limits where these made or tightened the rule.
    `warn_left` are the moments before the due time at which the duty post is warned, as fractions of the whole (0–1);
    `warn_on_days` are running days after the start instead (separation: 10, 13, 14)."""

    id: str
    title: Text
    unit: str
    amount: int
    counts_from: Text
    article: str
    owner: str  # role of the post that must act
    escalate: str  # role told on breach
    warn_left: tuple[float, ...] = ()
    warn_on_days: tuple[int, ...] = ()
    by_product: bool = False
    start_by_form: str | None = None  # datum that holds the day it counts from, instead of the moment of the act
    set_by_form: str | None = None  # datum that holds the due date instead of `amount` (review date of the plan)
    set_by_row: str | None = None  # "04.activities.to": a clock for each row of that form, due on the row's day
    late_reason: bool = True  # whether a step taken after this limit has to say why
    only_local: bool = False  # the law sets no limit: it runs only where a province has set one
    period: bool = (
        False  # a time that has to pass (monitoring), not a limit: its end is no breach, only the next act's start
    )
    overlay: str | None = None


@dataclass(frozen=True)
class Holiday:
    day: date
    title: Text
    kind: str  # "off" or "make-up" (a Saturday or Sunday on which the office works)
    source: str
    computed: bool = False  # computed by us, not read in a decree


@dataclass(frozen=True)
class Edition:
    id: str
    title: Text
    in_force: date
    source: str
    note: Text
    office_opens: time  # Vietnam's clock
    office_closes: time  # a limit in working days ends here, see `deadlines.due`
    office_pause: tuple[time, time] | None = None  # at noon: no working hour runs
    until: date | None = None  # last day in force; None: until a later edition begins


@dataclass(frozen=True)
class Overlay:
    """What a province decided on top of one edition: tighter limits, and limits on steps that the law leaves open.

    `id` is the file's name and part of the key a case keeps; `province` the GSO code. `by_product`: the published text was
    not read, only told of.
    """

    id: str
    title: Text
    province: str
    edition: str
    in_force: date
    source: str
    by_product: bool = False
    until: date | None = None


@dataclass(frozen=True)
class Audience:
    """What a receiving body may see of a referred case: `shows` and `withholds` partition FIELD_GROUPS."""

    id: str
    shows: tuple[str, ...]
    withholds: tuple[str, ...]
    article: str


@dataclass(frozen=True)
class Law:
    """One edition of the law, whole and checked."""

    edition: Edition
    stages: tuple[Stage, ...]
    states: Mapping[str, State]
    actions: Mapping[str, Action]
    deadlines: Mapping[str, DeadlineRule]
    forms: Mapping[str, Form]
    lists: Mapping[str, tuple[Option, ...]]  # code lists of the catalogue
    holidays: tuple[Holiday, ...]
    audiences: Mapping[str, Audience]
    groups: Mapping[str, Text]  # field group → its name
    articles: Mapping[str, Text]  # article → what it says, one sentence, for the reader
    papers: Mapping[str, PaperKind] = field(default_factory=dict)  # as papers.toml has them
    overlay: Overlay | None = None  # the province's tighter limits, where they are laid over the edition
    opening: tuple[str, ...] = ()  # deadlines of the overlay that begin with a case, besides the edition's own

    @property
    def key(self) -> str:
        """What a case keeps, to be read under the same limits for as long as it runs."""
        return f"{self.edition.id}+{self.overlay.id}" if self.overlay else self.edition.id

    @property
    def initial_state(self) -> State:
        return next(state for state in self.states.values() if state.initial)

    def option(self, list_id: str, option_id: str) -> Option | None:
        return next((one for one in self.lists.get(list_id, ()) if one.id == option_id), None)
