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
from typing import Any, TypeVar

from casework.errors import LawFault
from casework.law import checks, papers
from casework.law.book import LawBook
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
    Option,
    Section,
    Stage,
    State,
    Text,
)

DATA = Path(__file__).parent / "data"

_LEVEL_NAMES = {"cao": Text("Cao", "High"), "trung_binh": Text("Trung bình", "Medium"), "thap": Text("Thấp", "Low")}
_NOTHING = Text("", "")

T = TypeVar("T")


def load_law(edition: str = "nd56-2017") -> Law:
    """The edition as committed with the program. Raises LawFault naming every fault of the data."""
    return law_from(DATA / edition)


def load_book() -> LawBook:
    """Every edition committed with the program. Raises LawFault naming every fault of any of them."""
    return LawBook(law_from(folder) for folder in sorted(DATA.iterdir()) if (folder / "edition.toml").exists())


def law_from(directory: Path) -> Law:
    """The edition in `directory`, with its `common/` sibling. Raises LawFault naming every fault of the data."""
    reading = _Reading(directory)
    law = reading.law()
    faults = reading.faults + checks.faults_of(law, reading.cited) + papers.faults_of(law.papers, law.forms)
    if faults:
        raise LawFault(faults)
    return law


class _Entry:
    """One table of a file, which remembers where it stands and which of its keys nobody asked for."""

    def __init__(self, reading: _Reading, where: str, raw: Mapping[str, Any]) -> None:
        self.reading, self.where, self.raw = reading, where, raw
        self.asked: set[str] = set()

    def fault(self, what: str) -> None:
        self.reading.faults.append(f"{self.where}: {what}")

    def get(self, key: str, kind: type, default: Any = None, *, required: bool = False) -> Any:
        self.asked.add(key)
        value = self.raw.get(key)
        if value is None:
            if required:
                self.fault(f"{key} is missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fault(f"{key} is not a {kind.__name__}")
            return default
        return value

    def word(self, key: str) -> str:
        return str(self.get(key, str, "", required=True))

    def maybe(self, key: str) -> str | None:
        value = self.get(key, str)
        return None if value is None else str(value)

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self.get(key, bool, default))

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(str(one) for one in self.get(key, list, []))

    def text(self, key: str, *, required: bool = True) -> Text | None:
        raw = self.get(key, dict, required=required)
        if raw is None:
            return _NOTHING if required else None
        return Text(str(raw.get("vi", "")), str(raw.get("en", "")))

    def title(self, key: str = "title") -> Text:
        return self.text(key) or _NOTHING

    def article(self, inherited: str | None = None) -> str:
        cited = self.get("article", str, inherited or "", required=inherited is None)
        self.reading.cited.append((self.where, cited))
        return str(cited)

    def entries(self, key: str, name: str) -> Iterator[_Entry]:
        for number, raw in enumerate(self.get(key, list, []), start=1):
            if not isinstance(raw, dict):
                self.fault(f"{key} {number} is not a table")
                continue
            child = _Entry(self.reading, f"{self.where}: {name} {raw.get('id', number)}", raw)
            yield child
            child.close()

    def close(self) -> None:
        for key in sorted(set(self.raw) - self.asked):
            self.fault(f"{key} is not a word this file knows")


class _Reading:
    """The work of reading one edition: what was found wrong, which articles were cited where, which lists there are."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.common = directory, directory.parent / "common"
        self.faults: list[str] = []
        self.cited: list[tuple[str, str]] = []
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

    def _name(self, path: Path) -> str:
        return path.relative_to(self.directory.parent).as_posix()

    def _file(self, path: Path, build: Callable[[_Entry], T]) -> T:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raw = {}
            self.faults.append(f"{self._name(path)}: the file is missing")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raw = {}
            self.faults.append(f"{self._name(path)}: not readable as TOML ({error})")
        entry = _Entry(self, self._name(path), raw)
        built = build(entry)
        entry.close()
        return built

    def _unique(self, entry: _Entry, key: str, build: Callable[[_Entry], T]) -> dict[str, T]:
        """The `[[key]]` tables of a file by their id, in file order."""
        found: dict[str, T] = {}
        for child in entry.entries(key, key):
            identity = child.word("id")
            if identity in found:
                child.fault("id is used twice")
            found[identity] = build(child)
        return found

    def _edition(self, entry: _Entry) -> Edition:
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
        )
        if edition.id != self.directory.name:
            entry.fault(f"id is {edition.id!r}, the folder's name says {self.directory.name!r}")
        return edition

    def _time(self, entry: _Entry, key: str) -> time:
        moment: time = entry.get(key, time, time.min, required=True)
        return moment

    def _lists(self, entry: _Entry) -> dict[str, tuple[Option, ...]]:
        def build(one: _Entry) -> tuple[Option, ...]:
            one.word("source")
            one.article()
            one.flag("by_product")
            return tuple(self._options(one, "option"))

        return self._unique(entry, "list", build)

    def _options(self, entry: _Entry, key: str) -> Iterator[Option]:
        for one in entry.entries(key, "option"):
            one.flag("by_product")
            yield Option(one.word("id"), Text(one.word("vi"), one.word("en")), one.text("hint", required=False))

    def _articles(self, entry: _Entry) -> dict[str, Text]:
        return self._unique(entry, "article", lambda one: Text(one.word("vi"), one.word("en")))

    def _holidays(self, entry: _Entry) -> tuple[Holiday, ...]:
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

    def _access(self, entry: _Entry) -> tuple[dict[str, Text], dict[str, Audience]]:
        groups = self._unique(entry, "group", lambda one: one.title())
        audiences = self._unique(
            entry,
            "audience",
            lambda one: Audience(
                id=one.word("id"), shows=one.words("shows"), withholds=one.words("withholds"), article=one.article()
            ),
        )
        return groups, audiences

    def _procedure(self, entry: _Entry) -> tuple[tuple[Stage, ...], dict[str, State], dict[str, Action]]:
        stages = self._unique(
            entry, "stage", lambda one: Stage(one.word("id"), one.title(), one.title("detail"), one.article())
        )
        return (
            tuple(stages.values()),
            self._unique(entry, "state", self._state),
            self._unique(entry, "action", self._action),
        )

    def _state(self, one: _Entry) -> State:
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

    def _action(self, one: _Entry) -> Action:
        return Action(
            id=one.word("id"),
            title=one.title(),
            done=one.title("done"),
            sources=one.words("sources"),
            to=one.word("to"),
            roles=one.words("roles"),
            tag=one.word("tag"),
            article=one.article(),
            form=one.maybe("form"),
            outcome_field=one.maybe("outcome_field"),
            outcomes=one.get("outcomes", dict, {}),
            outcome_risk=one.get("outcome_risk", dict, {}),
            outcome_starts={value: tuple(ids) for value, ids in one.get("outcome_starts", dict, {}).items()},
            outcome_stops={value: tuple(ids) for value, ids in one.get("outcome_stops", dict, {}).items()},
            guards=one.words("guards"),
            starts=one.words("starts"),
            stops=one.words("stops"),
            resumes=one.words("resumes"),
            cancels=one.words("cancels"),
            notify=tuple((pair[0], pair[1]) for pair in one.get("notify", list, [])),
            confirm=one.flag("confirm"),
            liaison=one.maybe("liaison"),
            by_product=one.flag("by_product"),
        )

    def _deadlines(self, entry: _Entry) -> dict[str, DeadlineRule]:
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
                period=one.flag("period"),
            ),
        )

    def _form(self, entry: _Entry, edition: str) -> Form:
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

    def _section(self, entry: _Entry, article: str, by_product: bool) -> Section:
        article, by_product = entry.article(article), entry.flag("by_product", by_product)
        group = entry.maybe("group")
        return Section(
            id=entry.word("id"),
            title=entry.title(),
            fields=tuple(self._field(one, article, by_product, group) for one in entry.entries("field", "field")),
            intro=entry.text("intro", required=False),
        )

    def _field(self, entry: _Entry, article: str, by_product: bool, group: str | None) -> Field:
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
        )

    def _field_options(self, entry: _Entry) -> tuple[Option, ...]:
        """Options written out, or `"list:kinds"`: those of a code list."""
        raw = entry.raw.get("options")
        if not isinstance(raw, str):
            return tuple(self._options(entry, "options"))
        entry.asked.add("options")
        options = self.lists.get(raw.removeprefix("list:"), ())
        if not raw.startswith("list:") or not options:
            entry.fault(f"options {raw!r} is not a list of the catalogue")
        return options

    def _levels(self, entry: _Entry) -> tuple[Option, ...]:
        """`levels.cao` and so on: the gazette's wording of each level, which the option carries as its hint."""
        levels = entry.get("levels", dict, {}, required=True)
        return tuple(
            Option(level, _LEVEL_NAMES.get(level, _NOTHING), Text(str(text.get("vi", "")), str(text.get("en", ""))))
            for level, text in levels.items()
        )

    def _condition(self, entry: _Entry) -> Condition | None:
        raw = entry.get("only_if", dict)
        if raw is None:
            return None
        return Condition(str(raw.get("field", "")), tuple(str(one) for one in raw.get("values", ())))
