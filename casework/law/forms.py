"""The form engine: what a browser sends → checked values → what people read. One engine for every form of the law.

Values are JSON-ready: text · choices as a list of option ids · dates "2026-11-22" · moments on Vietnam's clock
"2026-11-22T22:14:00+07:00" · numbers int or float · yes_no a bool · phones E.164 · rows a list of such mappings.
A question not answered has no key. How a single answer is read and shown stands in `answers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from casework.law import answers as single
from casework.law.model import LEVELS, Field, Form, Law, Section, Text
from casework.law.offers import Earlier, Prefill, offered_to

MAX_ROWS = 60

FAULTS: Mapping[str, Text] = MappingProxyType(
    {
        "missing": Text("Cần trả lời câu này", "This has to be answered"),
        "too-long": Text("Nội dung quá dài", "The text is too long"),
        "not-a-date": Text("Ngày này không có thật. Ví dụ: 22 11 2026", "There is no such day. Example: 22 11 2026"),
        "not-a-time": Text(
            "Giờ phải viết theo 24 giờ. Ví dụ: 22:14", "Write the time by the 24-hour clock. Example: 22:14"
        ),
        "in-the-future": Text("Ngày này chưa đến", "This day has not come yet"),
        "not-a-number": Text("Cần một số. Ví dụ: 1.500.000", "A number is needed. Example: 1.500.000"),
        "not-an-age": Text("Cần số tuổi. Ví dụ: 7", "An age in years is needed. Example: 7"),
        "out-of-range": Text("Số nằm ngoài khoảng cho phép", "The number is outside the range allowed"),
        "not-a-phone": Text(
            "Không đọc được số điện thoại. Ví dụ: 0912 345 678",
            "The phone number cannot be read. Example: 0912 345 678",
        ),
        "not-a-choice": Text("Hãy chọn một trong các mục đã cho", "Choose one of those offered"),
        "not-a-commune": Text("Không đọc được mã xã", "The commune's code cannot be read"),
        "too-many-rows": Text(f"Nhiều nhất {MAX_ROWS} dòng", f"At most {MAX_ROWS} rows"),
    }
)


@dataclass(frozen=True)
class Filled:
    """What was read: the values that fit, and for each input that does not its name → fault code (a key of FAULTS).
    A row's fault stands under the row's own name (`activities-3-from`), so the sentence finds its box."""

    values: dict[str, Any]
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """How many indicators stand at each level. The decree counts; it gives no points."""

    cao: int
    trung_binh: int
    thap: int


@dataclass(frozen=True)
class Reading:
    """The two tables of a risk form counted. `literal` is the option of `conclusion` the form's own rule yields, None
    where the decree gives no rule or an indicator is still open; `flags` say why a person should look twice:
    "high-harm", "tie", "no-high-but-weak-ability"."""

    harm: Counts
    ability: Counts
    literal: str | None
    flags: tuple[str, ...]


def read(form: Form, submitted: Mapping[str, Sequence[str]], *, today: date) -> Filled:
    """Check a submitted form. `today` is the day on Vietnam's clock. Answers whose condition does not hold are dropped.

    Names: `id`; a date `id-day`, `id-month`, `id-year`, or one box `id`; a moment adds `id-time`; choices repeat `id`;
    a row's answer is `id-0-column`. Never raises on input.
    """
    values, faults = _read_fields(form.fields, submitted, "", today)
    return Filled(values, faults)


def to_submitted(form: Form, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The inverse of `read`: what the boxes hold when stored or pre-filled values are shown again."""
    boxes: dict[str, list[str]] = {}
    for name, one, value in _named(form.fields, values, ""):
        boxes.update(single.boxes_of(one, name, value))
    return boxes


def without_row(form: Form, submitted: Mapping[str, Sequence[str]], name: str) -> dict[str, list[str]]:
    """What was submitted without the row `name` (`activities-2`); the rows after it move up. A name that is no row of
    the form changes nothing."""
    return _rearranged(form, submitted, name, lambda numbers, at: numbers[:at] + numbers[at + 1 :])


def row_up(form: Form, submitted: Mapping[str, Sequence[str]], name: str) -> dict[str, list[str]]:
    """What was submitted with the row `name` and the one before it changed about."""

    def raised(numbers: list[int], at: int) -> list[int]:
        if at == 0:
            return numbers
        return [*numbers[: at - 1], numbers[at], numbers[at - 1], *numbers[at + 1 :]]

    return _rearranged(form, submitted, name, raised)


def _rearranged(
    form: Form,
    submitted: Mapping[str, Sequence[str]],
    name: str,
    order: Callable[[list[int], int], list[int]],
) -> dict[str, list[str]]:
    kept = {key: list(texts) for key, texts in submitted.items()}
    field_id, _, number = name.rpartition("-")
    rows = {one.id for one in form.fields if one.kind == "rows"}
    pattern = re.compile(rf"{re.escape(field_id)}-([0-9]{{1,4}})-(.+)")
    found = {key: match for key in kept if (match := pattern.fullmatch(key))}
    numbers = sorted({int(match[1]) for match in found.values()})
    if field_id not in rows or not number.isdigit() or int(number) not in numbers:
        return kept
    texts = {(int(match[1]), match[2]): kept.pop(key) for key, match in found.items()}
    for place, old in enumerate(order(numbers, numbers.index(int(number)))):
        kept.update({f"{field_id}-{place}-{part}": one for (row, part), one in texts.items() if row == old})
    return kept


def facts_of(form: Form, values: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of the case that these answers state: datum → value."""
    return {one.datum: values[one.id] for one in form.fields if one.datum is not None and one.id in values}


def prefill(form: Form, facts: Mapping[str, Mapping[str, Any]], earlier: Sequence[Earlier] = ()) -> dict[str, Prefill]:
    """Field id → the answer the case already has, or that its documents `earlier` propose. A fact is a mapping of `value`,
    `form` and `at`. Of several documents that propose an answer the newest one does, by all it says to it."""
    found = {}
    for one in form.fields:
        if one.datum is not None and one.datum in facts:
            found[one.id] = Prefill(facts[one.datum]["value"], facts[one.datum]["form"], facts[one.datum]["at"])
        elif (offered := offered_to(one, facts, earlier)) is not None:
            found[one.id] = offered
    return found


def answers(
    form: Form, values: Mapping[str, Any], language: str
) -> list[tuple[Section, list[tuple[Field, str | None]]]]:
    """The filled form for reading, section by section; None where nothing was answered.
    Questions hidden by their condition, and sections left empty by that, do not appear."""
    shown = [
        (section, [(one, _shown(one, values.get(one.id), language)) for one in section.fields if asked(one, values)])
        for section in form.sections
    ]
    return [(section, lines) for section, lines in shown if lines]


def asked(one: Field, values: Mapping[str, Any]) -> bool:
    """Whether the condition of a question holds under the answers given so far."""
    if one.only_if is None:
        return True
    given = values.get(one.only_if.field)
    chosen = given if isinstance(given, list) else [single.word_of(given)]
    return any(value in one.only_if.values for value in chosen)


def told_by_name(form: Form | None, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The answered questions that may be named where no answer may be read: that a further one was asked says what was
    answered to the one before it (`sexual_kinds`: the kind of abuse)."""
    further = {one.id for one in form.fields if one.only_if} if form else set()
    return tuple(name for name in values if name not in further)


def reading(form: Form, values: Mapping[str, Any]) -> Reading | None:
    """Count a risk form; None for a form that is not one, or while no indicator is answered.

    Mẫu 03, mục 3 and Mẫu 06, mục 2: more Cao in harm than in ability is the high conclusion, fewer *or equal* the low
    one. Mẫu 02 gives no rule, so none is applied. A tie falls low by the letter of the form: it is flagged, and so is
    harm that is nowhere Cao before a child who can hardly protect itself, which the letter also reads as low.
    """
    if form.reading is None:
        return None
    harm, ability = _count(form, values, "harm"), _count(form, values, "ability")
    levels = [one for one in form.fields if one.kind == "level"]
    answered = sum(one.id in values for one in levels)
    if not answered:
        return None
    if form.reading == "counts-only":
        return Reading(harm, ability, None, ("high-harm",) if harm.cao else ())
    if answered < len(levels):
        return Reading(harm, ability, None, ())
    high, low = (option.id for option in form.field("conclusion").options)
    literal = high if harm.cao > ability.cao else low
    weak = ability.thap * 2 > ability.cao + ability.trung_binh + ability.thap
    flags = {"tie": harm.cao == ability.cao, "no-high-but-weak-ability": harm.cao == 0 and weak}
    return Reading(harm, ability, literal, tuple(flag for flag, stands in flags.items() if stands))


def concludes_lower(form: Form, values: Mapping[str, Any]) -> bool:
    """Whether the person concluded less than the indicators suggest, so that a reason is asked for. Product decision:
    on Mẫu 02 anything but the emergency while a harm indicator is Cao; on Mẫu 03 and 06 the low conclusion against the
    letter, or with it where a flag stands."""
    read_as = reading(form, values)
    conclusion = values.get("conclusion")
    if read_as is None or conclusion is None:
        return False
    highest = form.field("conclusion").options[0].id
    return conclusion != highest and (read_as.literal == highest or bool(read_as.flags))


def _count(form: Form, values: Mapping[str, Any], measure: str) -> Counts:
    given = [values.get(one.id) for one in form.fields if one.kind == "level" and one.measure == measure]
    return Counts(*(given.count(level) for level in LEVELS))


def _read_fields(
    fields: Sequence[Field], submitted: Mapping[str, Sequence[str]], prefix: str, today: date
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for one in fields:
        name = prefix + one.id
        if not asked(one, values):
            implied = _implied(one, fields, values) if _written(submitted, name) else {}
            if not implied:
                continue
            values.update(implied)
        try:
            if one.kind == "rows":
                value: Any = _read_rows(one, submitted, name, today, faults)
            else:
                value = single.value_of(one, _boxes(one, submitted, name), today)
        except single.Unreadable as refused:
            faults[name] = refused.fault
            continue
        if value is not None:
            values[one.id] = value
        elif one.required and not any(fault.startswith(f"{name}-") for fault in faults):
            faults[name] = "missing"
    return values, faults


def _implied(one: Field, fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the question that decides about this one, where it was passed over and only one answer leads here:
    what somebody wrote is then not dropped. Boxes to tick may be left empty on purpose; a question that has to be
    answered is asked again anyway."""
    asking = next((each for each in fields if one.only_if and each.id == one.only_if.field), None)
    if one.only_if is None or asking is None or asking.id in values or asking.required or asking.kind == "choices":
        return {}
    if len(one.only_if.values) != 1:
        return {}
    (value,) = one.only_if.values
    return {asking.id: value == "yes" if asking.kind == "yes_no" else value}


def _written(submitted: Mapping[str, Sequence[str]], name: str) -> bool:
    return any(
        single.one_line(text)
        for key in submitted
        if key == name or key.startswith(f"{name}-")
        for text in _texts(submitted, key)
    )


def _texts(submitted: Mapping[str, Sequence[str]], key: str) -> list[str]:
    given = submitted.get(key, ())
    return [given] if isinstance(given, str) else list(given)


def _boxes(one: Field, submitted: Mapping[str, Sequence[str]], name: str) -> single.Boxes:
    def first(key: str) -> str:
        return next((single.one_line(text) for text in _texts(submitted, key) if single.one_line(text)), "")

    return single.Boxes(
        given=_texts(submitted, name),
        day=first(f"{name}-day"),
        month=first(f"{name}-month"),
        year=first(f"{name}-year"),
        time=first(f"{name}-time"),
    )


def _read_rows(
    one: Field, submitted: Mapping[str, Sequence[str]], name: str, today: date, faults: dict[str, str]
) -> list[dict[str, Any]] | None:
    columns = "|".join(re.escape(column.id) for column in one.columns)
    pattern = re.compile(rf"{re.escape(name)}-([0-9]{{1,4}})-(?:{columns})(?:-(?:day|month|year|time))?")
    numbers = sorted({int(found[1]) for key in submitted if (found := pattern.fullmatch(key))})
    if len(numbers) > 4 * MAX_ROWS:  # blank rows cost time too
        raise single.Unreadable("too-many-rows")
    rows: list[dict[str, Any]] = []
    for number in numbers:
        if all(not single.one_line(text) for text in _row_texts(submitted, f"{name}-{number}-")):
            continue
        if len(rows) == MAX_ROWS:
            raise single.Unreadable("too-many-rows")
        row, wrong = _read_fields(one.columns, submitted, f"{name}-{number}-", today)
        faults.update(wrong)
        rows.append(row)
    return [row for row in rows if row] or None


def _row_texts(submitted: Mapping[str, Sequence[str]], prefix: str) -> Iterator[str]:
    for key in submitted:
        if key.startswith(prefix):
            yield from _texts(submitted, key)


def _named(fields: Sequence[Field], values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Field, Any]]:
    for one in fields:
        if one.id not in values:
            continue
        if one.kind != "rows":
            yield prefix + one.id, one, values[one.id]
            continue
        for number, row in enumerate(values[one.id]):
            yield from _named(one.columns, row, f"{prefix}{one.id}-{number}-")


def _shown(one: Field, value: Any, language: str) -> str | None:
    if value is None:
        return None
    if one.kind != "rows":
        return single.display_of(one, value, language)
    return "\n".join(
        f"{number}. " + "; ".join(
            f"{column.label.get(language)}: {single.display_of(column, row[column.id], language)}"
            for column in one.columns
            if column.id in row
        )
        for number, row in enumerate(value, start=1)
    )  # fmt: skip


def datum_fields(law: Law) -> dict[str, Field]:
    """Datum → the field that owns it: the first form that asks it."""
    owners: dict[str, Field] = {}
    for form in law.forms.values():
        for one in form.fields:
            if one.datum is not None:
                owners.setdefault(one.datum, one)
    return owners
