"""Read one edition of the law from its data files. Every fault is collected: a jurist corrects in one go.

An edition is a folder (`nd56-2017/`) beside `common/`, which holds what no edition owns: code lists, days off.
Entries inherit what they do not say: a field takes `article`, `group` and `by_product` from its section,
a section `article` and `by_product` from its form.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import TypeVar

from casework.errors import LawFault
from casework.law import checks, papers
from casework.law.book import LawBook
from casework.law.entries import NOTHING, Entry, Readings
from casework.law.lines import with_lines
from casework.law.model import (
    Action,
    Audience,
    Condition,
    DeadlineRule,
    Edition,
    Field,
    Form,
    Holiday,
    Law,
    Offer,
    Option,
    Section,
    Stage,
    State,
    Text,
)
from casework.law.overlays import read_overlay

DATA = Path(__file__).parent / "data"

_LEVEL_NAMES = {"cao": Text("Cao", "High"), "trung_binh": Text("Trung bình", "Medium"), "thap": Text("Thấp", "Low")}

T = TypeVar("T")


def load_law(edition: str = "nd56-2017") -> Law:
    """The edition as committed with the program. Raises LawFault naming every fault of the data."""
    return law_from(DATA / edition)


def load_book(data: Path = DATA) -> LawBook:
    """Every edition of a folder of data, by default those committed with the program, each once more under the overlays
    laid over it. Raises LawFault naming every fault of any of them."""
    laws: dict[str, Law] = {}
    faults: list[str] = []
    for path in sorted(data.glob("*/edition.toml")):
        law, found = _read(path.parent)
        laws[law.edition.id] = law
        faults += found
    if not faults:  # what lies over an edition is judged by an edition that holds together
        faults = _lay_overlays(data, laws)
    if faults:
        raise LawFault(faults)
    return LawBook(laws.values())


def law_from(directory: Path) -> Law:
    """The edition in `directory`, with its `common/` sibling. Raises LawFault naming every fault of the data."""
    law, faults = _read(directory)
    if faults:
        raise LawFault(faults)
    return law


def _read(directory: Path) -> tuple[Law, list[str]]:
    reading = _Reading(directory)
    law = reading.law()
    faults = reading.faults + checks.faults_of(law, reading.cited) + papers.faults_of(law.papers, law.forms)
    return law, with_lines(faults, directory.parent, directory.name)


def _lay_overlays(data: Path, laws: dict[str, Law]) -> list[str]:
    """Adds to `laws` each edition under each overlay of it. Returns the faults of the overlays and of who succeeds whom."""
    faults: list[str] = []
    editions = dict(laws)
    for path in sorted((data / "overlays").glob("*.toml")):
        reading = _Reading(data / path.parent.name)
        law = reading.overlay(path, editions)
        faults += reading.faults
        if law is not None:
            laws[law.key] = law
            faults += checks.uncited(law, reading.cited)
    return with_lines([*faults, *checks.succession_faults(laws.values())], data)


class _Reading(Readings):
    """The work of reading one edition: what was found wrong, which articles were cited where, which lists there are."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.common = directory, directory.parent / "common"
        super().__init__()
        self.lists: dict[str, tuple[Option, ...]] = {}

    def law(self) -> Law:
        self.lists = self._file(self.common / "catalogue.toml", self._lists)
        edition = self._file(self.directory / "edition.toml", self._edition)
        stages, states, actions = self._file(self.directory / "procedure.toml", self._procedure)
        forms: list[Form] = []
        for path in sorted((self.directory / "forms").glob("*.toml")):
            forms.append(self._file(path, lambda entry: self._form(entry, edition.id)))
            if forms[-1].id != path.stem:
                self.faults.append(f"{self._name(path)}: id is {forms[-1].id!r}, the file's name says {path.stem!r}")
        groups, audiences = self._file(self.directory / "access.toml", self._access)
        return Law(
            edition=edition,
            stages=stages,
            states=states,
            actions=actions,
            deadlines=self._file(self.directory / "deadlines.toml", self._deadlines),
            forms={form.id: form for form in forms},
            lists=self.lists,
            holidays=self._file(self.common / "holidays.toml", self._holidays),
            audiences=audiences,
            groups=groups,
            articles=self._file(self.directory / "articles.toml", self._articles),
            papers=self._file(self.directory / "papers.toml", papers.read_papers),
        )

    def overlay(self, path: Path, laws: Mapping[str, Law]) -> Law | None:
        return self._file(path, lambda entry: read_overlay(entry, path.stem, laws))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.directory.parent).as_posix()

    def _file(self, path: Path, build: Callable[[Entry], T]) -> T:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raw = {}
            self.faults.append(f"{self._name(path)}: the file is missing")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raw = {}
            self.faults.append(f"{self._name(path)}: not readable as TOML ({error})")
        entry = Entry(self, self._name(path), raw)
        built = build(entry)
        entry.close()
        return built

    def _unique(self, entry: Entry, key: str, build: Callable[[Entry], T]) -> dict[str, T]:
        """The `[[key]]` tables of a file by their id, in file order."""
        found: dict[str, T] = {}
        for child in entry.entries(key, key):
            identity = child.word("id")
            if identity in found:
                child.fault("id is used twice")
            found[identity] = build(child)
        return found

    def _edition(self, entry: Entry) -> Edition:
        entry.article()
        hours = [self._time(entry, key) for key in ("office_opens", "office_closes")]
        edition = Edition(
            id=entry.word("id"),
            title=entry.title(),
            in_force=entry.get("in_force", date, date.min, required=True),
            source=entry.word("source"),
            note=entry.title("note"),
            office_opens=hours[0],
            office_closes=hours[1],
            office_pause=self._pause(entry),
            until=entry.get("until", date),
        )
        if edition.id != self.directory.name:
            entry.fault(f"id is {edition.id!r}, the folder's name says {self.directory.name!r}")
        return edition

    def _time(self, entry: Entry, key: str) -> time:
        moment: time = entry.get(key, time, time.min, required=True)
        return moment

    def _pause(self, entry: Entry) -> tuple[time, time] | None:
        ends = entry.get("office_pause", list, [])
        if not ends:
            return None
        if len(ends) != 2 or not all(isinstance(end, time) for end in ends) or ends[0] >= ends[1]:
            entry.fault("office_pause is not two times, the earlier first")
            return None
        return ends[0], ends[1]

    def _lists(self, entry: Entry) -> dict[str, tuple[Option, ...]]:
        def build(one: Entry) -> tuple[Option, ...]:
            one.word("source")
            one.article()
            one.flag("by_product")
            return tuple(self._options(one, "option"))

        return self._unique(entry, "list", build)

    def _options(self, entry: Entry, key: str) -> Iterator[Option]:
        for one in entry.entries(key, "option"):
            one.flag("by_product")
            yield Option(one.word("id"), one.wording(), one.text("hint", required=False))

    def _articles(self, entry: Entry) -> dict[str, Text]:
        return self._unique(entry, "article", Entry.wording)

    def _holidays(self, entry: Entry) -> tuple[Holiday, ...]:
        return tuple(
            Holiday(
                day=one.get("day", date, date.min, required=True),
                title=one.title(),
                kind=one.word("kind"),
                source=one.word("source"),
                computed=one.flag("computed"),
            )
            for one in entry.entries("holiday", "holiday")
        )

    def _access(self, entry: Entry) -> tuple[dict[str, Text], dict[str, Audience]]:
        groups = self._unique(entry, "group", lambda one: one.title())
        audiences = self._unique(
            entry,
            "audience",
            lambda one: Audience(
                id=one.word("id"), shows=one.words("shows"), withholds=one.words("withholds"), article=one.article()
            ),
        )
        return groups, audiences

    def _procedure(self, entry: Entry) -> tuple[tuple[Stage, ...], dict[str, State], dict[str, Action]]:
        stages = self._unique(
            entry, "stage", lambda one: Stage(one.word("id"), one.title(), one.title("detail"), one.article())
        )
        return (
            tuple(stages.values()),
            self._unique(entry, "state", self._state),
            self._unique(entry, "action", self._action),
        )

    def _state(self, one: Entry) -> State:
        return State(
            id=one.word("id"),
            title=one.title(),
            stage=one.word("stage"),
            next=one.title("next"),
            decides=one.title("decides"),
            article=one.article(),
            primary=one.maybe("primary"),
            initial=one.flag("initial"),
            final=one.flag("final"),
            risk=one.maybe("risk"),
            by_product=one.flag("by_product"),
        )

    def _action(self, one: Entry) -> Action:
        return Action(
            id=one.word("id"),
            title=one.title(),
            done=one.title("done"),
            sources=one.words("sources"),
            to=one.word("to", blank=True),
            roles=one.words("roles"),
            tag=one.word("tag"),
            article=one.article(),
            form=one.maybe("form"),
            outcome_field=one.maybe("outcome_field"),
            outcomes=one.get("outcomes", dict, {}),
            outcome_risk=one.get("outcome_risk", dict, {}),
            outcome_starts={value: tuple(ids) for value, ids in one.get("outcome_starts", dict, {}).items()},
            outcome_stops={value: tuple(ids) for value, ids in one.get("outcome_stops", dict, {}).items()},
            outcome_cancels={value: tuple(ids) for value, ids in one.get("outcome_cancels", dict, {}).items()},
            guards=one.words("guards"),
            starts=one.words("starts"),
            stops=one.words("stops"),
            resumes=one.words("resumes"),
            cancels=one.words("cancels"),
            extends=one.words("extends"),
            notify=tuple((pair[0], pair[1]) for pair in one.get("notify", list, [])),
            confirm=one.flag("confirm"),
            liaison=one.maybe("liaison"),
            receiver=one.flag("receiver"),
            by_product=one.flag("by_product"),
        )

    def _deadlines(self, entry: Entry) -> dict[str, DeadlineRule]:
        return self._unique(
            entry,
            "deadline",
            lambda one: DeadlineRule(
                id=one.word("id"),
                title=one.title(),
                unit=one.word("unit"),
                amount=one.get("amount", int, 0, required=True),
                counts_from=one.title("counts_from"),
                article=one.article(),
                owner=one.word("owner"),
                escalate=one.word("escalate"),
                warn_left=tuple(float(part) for part in one.get("warn_left", list, [])),
                warn_on_days=tuple(int(day) for day in one.get("warn_on_days", list, [])),
                by_product=one.flag("by_product"),
                start_by_form=one.maybe("start_by_form"),
                set_by_form=one.maybe("set_by_form"),
                set_by_row=one.maybe("set_by_row"),
                late_reason=one.flag("late_reason", True),
                only_local=one.flag("only_local"),
                period=one.flag("period"),
            ),
        )

    def _form(self, entry: Entry, edition: str) -> Form:
        article, by_product = entry.article(), entry.flag("by_product")
        return Form(
            id=entry.word("id"),
            title=entry.title(),
            article=article,
            edition=edition,
            sections=tuple(self._section(one, article, by_product) for one in entry.entries("section", "section")),
            number=entry.maybe("number"),
            page=entry.maybe("page"),
            by_product=by_product,
            reading=entry.maybe("reading"),
            signer=entry.text("signer", required=False),
        )

    def _section(self, entry: Entry, article: str, by_product: bool) -> Section:
        article, by_product = entry.article(article), entry.flag("by_product", by_product)
        group = entry.maybe("group")
        return Section(
            id=entry.word("id"),
            title=entry.title(),
            fields=tuple(self._field(one, article, by_product, group) for one in entry.entries("field", "field")),
            intro=entry.text("intro", required=False),
        )

    def _field(self, entry: Entry, article: str, by_product: bool, group: str | None) -> Field:
        kind = entry.word("kind")
        article, by_product = entry.article(article), entry.flag("by_product", by_product)
        group = str(entry.get("group", str, group or "", required=group is None))
        columns = tuple(self._field(one, article, by_product, group) for one in entry.entries("columns", "column"))
        return Field(
            id=entry.word("id"),
            kind=kind,
            label=entry.title("label"),
            group=group,
            hint=entry.text("hint", required=False),
            required=entry.flag("required"),
            datum=entry.maybe("datum"),
            options=self._levels(entry) if kind == "level" else self._field_options(entry),
            columns=columns,
            only_if=self._condition(entry),
            measure=entry.maybe("measure"),
            article=article,
            by_product=by_product,
            max_length=entry.get("max_length", int, 200 if kind in ("text", "name") else 4000),
            minimum=entry.get("minimum", int),
            maximum=entry.get("maximum", int),
            past=entry.flag("past"),
            offers=tuple(self._offer(one) for one in entry.entries("offers", "offer")),
            default=self._default(entry),
            ordered=entry.flag("ordered"),
        )

    def _offer(self, entry: Entry) -> Offer:
        return Offer(
            form=entry.maybe("form"),
            answer=entry.maybe("answer"),
            datum=entry.maybe("datum"),
            when=self._condition(entry, "when"),
            fixed={str(column): str(value) for column, value in entry.get("fixed", dict, {}).items()},
        )

    def _default(self, entry: Entry) -> str | tuple[str, ...] | None:
        return entry.words("default") if isinstance(entry.raw.get("default"), list) else entry.maybe("default")

    def _field_options(self, entry: Entry) -> tuple[Option, ...]:
        """Options written out, or `"list:kinds"`: those of a code list."""
        raw = entry.raw.get("options")
        if not isinstance(raw, str):
            return tuple(self._options(entry, "options"))
        entry.asked.add("options")
        options = self.lists.get(raw.removeprefix("list:"), ())
        if not raw.startswith("list:") or not options:
            entry.fault(f"options {raw!r} is not a list of the catalogue")
        return options

    def _levels(self, entry: Entry) -> tuple[Option, ...]:
        """`levels.cao` and so on: the gazette's wording of each level, which the option carries as its hint."""
        levels = entry.get("levels", dict, {}, required=True)
        return tuple(
            Option(level, _LEVEL_NAMES.get(level, NOTHING), entry.said(f"levels.{level}", text))
            for level, text in levels.items()
        )

    def _condition(self, entry: Entry, key: str = "only_if") -> Condition | None:
        raw = entry.get(key, dict)
        if raw is None:
            return None
        return Condition(str(raw.get("field", "")), tuple(str(one) for one in raw.get("values", ())))
