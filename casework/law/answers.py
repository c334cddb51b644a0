"""One answer of a form: from the boxes of the page to a value, back to the boxes, and to the words people read.

Lenient in how a thing is written (phones, dates and sums are written in many ways), strict in what it means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from casework.law.model import Field

VIETNAM = timezone(timedelta(hours=7))  # Vietnam keeps no daylight saving; `law` imports no clock

_SHORT_CODES = frozenset({"111", "112", "113", "114", "115"})
_OLDEST_CHILD = 17  # under 16 is a child (Children Law, article 1); 16 and 17 are recorded as outside its age
_YEARS = range(1900, 2101)

_DATE = re.compile(r"([0-9]{1,2})[/.\- ]([0-9]{1,2})[/.\- ]([0-9]{4}|[0-9]{2})")
_TIME = re.compile(
    r"([0-9]{1,2}) ?(?:[:.hg]|giờ) ?(?:([0-9]{1,2})(?::[0-9]{2}(?:\.[0-9]+)?)?)? ?(?:p|phút)?", re.IGNORECASE
)
_AGE = re.compile(r"(?:khoảng|chừng|độ)? ?([0-9]{1,3}) ?(tuổi|tháng|t)?", re.IGNORECASE)
_NUMBER = re.compile(r"([0-9]{1,15}|[0-9]{1,3}(?:[. ][0-9]{3}){1,4})(?:,([0-9]{1,4}))?")
_POINT_NUMBER = re.compile(r"([0-9]{1,15})\.([0-9]{1,2})")
_COMMUNE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,19}")


class Unreadable(Exception):
    """The answer cannot be taken; `fault` is a key of `forms.FAULTS`. The answer itself is never kept here."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(fault)


@dataclass(frozen=True)
class Boxes:
    """What the page's inputs of one question hold: the main one (repeated for choices) and the parts of a date."""

    given: list[str]
    day: str = ""
    month: str = ""
    year: str = ""
    time: str = ""

    @property
    def first(self) -> str:
        return next((text for text in map(one_line, self.given) if text), "")


def one_line(text: str) -> str:
    """Composed (NFC), without control, format and unpaired characters, white space single."""
    return " ".join(_clean(text).split())


def many_lines(text: str) -> str:
    """As `one_line`, but the writer's line breaks stay."""
    lines = _clean(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def _clean(text: str) -> str:
    """Cf too: direction overrides and zero-width letters make two different names look alike."""
    kept = (
        "\n" if one in "\u2028\u2029" else " " if one == "\t" else one
        for one in text
        if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs")
    )
    return unicodedata.normalize("NFC", "".join(kept))


def value_of(one: Field, boxes: Boxes, today: date) -> Any:
    """The value of the answer, None where nothing was written. Raises Unreadable."""
    match one.kind:
        case "text" | "name":
            return _within(one, boxes.first)
        case "longtext":
            return _within(one, next((text for text in map(many_lines, boxes.given) if text), ""))
        case "date":
            return _date_value(one, boxes, today)
        case "datetime":
            return _moment_value(one, boxes, today)
        case "choices":
            return _choices(one, boxes)
        case "choice" | "level":
            return _choice(one, boxes.first) if boxes.first else None
    parse = _SIMPLE[one.kind]
    return parse(one, boxes.first) if boxes.first else None


def _within(one: Field, text: str) -> str | None:
    if len(text) > one.max_length:
        raise Unreadable("too-long")
    return text or None


def _choice(one: Field, given: str) -> str:
    if given not in {option.id for option in one.options}:
        raise Unreadable("not-a-choice")
    return given


def _choices(one: Field, boxes: Boxes) -> list[str] | None:
    given = {_choice(one, text) for text in map(one_line, boxes.given) if text}
    return [option.id for option in one.options if option.id in given] or None


def _yes_no(one: Field, given: str) -> bool:
    word = given.lower()
    if word not in ("yes", "no", "true", "false"):
        raise Unreadable("not-a-choice")
    return word in ("yes", "true")


def _commune(one: Field, given: str) -> str:
    if not _COMMUNE.fullmatch(given):
        raise Unreadable("not-a-commune")
    return given


def _age(one: Field, given: str) -> int:
    found = _AGE.fullmatch(given)
    if found is None:
        raise Unreadable("not-an-age")
    years = int(found[1]) // 12 if (found[2] or "").lower() == "tháng" else int(found[1])
    if years > _OLDEST_CHILD:
        raise Unreadable("out-of-range")
    return years


def _number(one: Field, given: str) -> int | float:
    """As Vietnamese people write it: 1.234,5 · 1 500 000 đ. A point before one or two last digits is decimal."""
    text = re.sub(r" ?(?:đồng|đ|vnđ)$", "", given, flags=re.IGNORECASE)
    found = _POINT_NUMBER.fullmatch(text) or _NUMBER.fullmatch(text)
    if found is None:
        raise Unreadable("not-a-number")
    whole, part = int(re.sub(r"[. ]", "", found[1])), found[2] or ""
    value = float(f"{whole}.{part}") if part.strip("0") else whole
    bounded = one.minimum is not None or one.maximum is not None
    if bounded and not isinstance(value, int):
        raise Unreadable("not-a-number")
    if (one.minimum is not None and value < one.minimum) or (one.maximum is not None and value > one.maximum):
        raise Unreadable("out-of-range")
    return value


def _phone(one: Field, given: str) -> str:
    """E.164, or the short code as it is. Mobile numbers have ten digits from 0, landlines eleven."""
    text = re.sub(r"[\s.()/·-]", "", re.sub(r"\(0\)", "", given) if given.startswith(("+", "00")) else given)
    if text in _SHORT_CODES or re.fullmatch(r"1[89]00[0-9]{4,6}", text):
        return text
    text = re.sub(r"^00", "+", text)
    home = re.fullmatch(r"(?:\+840?|840?|0)([35789][0-9]{8}|2[0-9]{9})", text)
    if home:
        return f"+84{home[1]}"
    if not text.startswith("+84") and re.fullmatch(r"\+[1-9][0-9]{7,14}", text):
        return text  # the border is near: a reporter may call from abroad
    raise Unreadable("not-a-phone")


_SIMPLE: dict[str, Callable[[Field, str], Any]] = {
    "phone": _phone,
    "number": _number,
    "age": _age,
    "yes_no": _yes_no,
    "commune": _commune,
}


def _date_value(one: Field, boxes: Boxes, today: date) -> str | None:
    day = _day(boxes, one.past, today)
    return None if day is None else _not_future(one, day, today).isoformat()


def _moment_value(one: Field, boxes: Boxes, today: date) -> str | None:
    """Vietnam's clock; without an offset the text means Vietnam's."""
    whole = boxes.first
    if re.match(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[T ]", whole):
        return _iso_moment(one, whole, today)
    date_text, time_text = whole, boxes.time
    if found := _DATE.match(whole):
        date_text, time_text = found[0], whole[found.end() :].strip() or boxes.time
    day = _day(Boxes([date_text], boxes.day, boxes.month, boxes.year), one.past, today)
    if day is None:
        if time_text:
            raise Unreadable("not-a-date")
        return None
    return datetime.combine(_not_future(one, day, today), _time(time_text), VIETNAM).isoformat()


def _iso_moment(one: Field, text: str, today: date) -> str:
    try:
        moment = datetime.fromisoformat(text)
        local = moment.replace(tzinfo=VIETNAM) if moment.tzinfo is None else moment.astimezone(VIETNAM)
        _in_reach(local.date())
    except (ValueError, OverflowError) as error:
        raise Unreadable("not-a-date") from error
    _not_future(one, local.date(), today)
    return local.replace(microsecond=0).isoformat()


def _time(text: str) -> time:
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59:
        raise Unreadable("not-a-time")
    return time(int(found[1]), int(found[2] or 0))


def _not_future(one: Field, day: date, today: date) -> date:
    if one.past and day > today:
        raise Unreadable("in-the-future")
    return day


def _day(boxes: Boxes, past: bool, today: date) -> date | None:
    """Three boxes, or one: dd/mm/yyyy with any separator, a year of two digits, or ISO."""
    if boxes.day or boxes.month or boxes.year:
        parts = (boxes.year, boxes.month, boxes.day)
    elif not boxes.first:
        return None
    elif iso := re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", boxes.first):
        parts = (iso[1], iso[2], iso[3])
    elif local := _DATE.fullmatch(boxes.first):
        parts = (local[3], local[2], local[1])
    else:
        raise Unreadable("not-a-date")
    if not all(re.fullmatch(r"[0-9]{1,4}", part) for part in parts):
        raise Unreadable("not-a-date")
    try:
        return _in_reach(date(_full_year(parts[0], past, today), int(parts[1]), int(parts[2])))
    except ValueError as error:
        raise Unreadable("not-a-date") from error


def _full_year(written: str, past: bool, today: date) -> int:
    """Of two digits: this century unless that lies in the future (of a past day) or far ahead (of a planned one)."""
    if len(written) > 2:
        return int(written)
    year = 2000 + int(written)
    return year if year <= today.year + (0 if past else 20) else year - 100


def _in_reach(day: date) -> date:
    if day.year not in _YEARS:
        raise Unreadable("not-a-date")
    return day


def boxes_of(one: Field, name: str, value: Any) -> dict[str, list[str]]:
    """The inputs that `value_of` would read `value` from."""
    if one.kind == "choices":
        return {name: [str(option) for option in value]}
    if one.kind not in ("date", "datetime"):
        return {name: [_boxed(one, value)]}
    moment = datetime.fromisoformat(value)
    parts = {"day": str(moment.day), "month": str(moment.month), "year": str(moment.year)}
    if one.kind == "datetime":
        parts["time"] = moment.strftime("%H:%M")
    return {f"{name}-{part}": [text] for part, text in parts.items()}


def _boxed(one: Field, value: Any) -> str:
    if one.kind == "number":
        return str(value).replace(".", ",")
    return display_phone(value) if one.kind == "phone" else word_of(value)


def word_of(value: Any) -> str:
    """The word by which a value is submitted and by which a condition names it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def display_of(one: Field, value: Any, language: str) -> str:
    """The answer in words of `language` ("vi" or "en"); dates dd/mm/yyyy, moments on Vietnam's clock."""
    match one.kind:
        case "choice":
            return _option_text(one, value, language)
        case "choices":
            return "; ".join(_option_text(one, option, language) for option in value)
        case "level":
            return _level_text(one, value, language)
        case "yes_no":
            return {"en": ("Yes", "No")}.get(language, ("Có", "Không"))[0 if value else 1]
        case "date":
            return date.fromisoformat(value).strftime("%d/%m/%Y")
        case "datetime":
            return datetime.fromisoformat(value).astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y")
        case "phone":
            return display_phone(value)
        case "number":
            return f"{value:,}".translate(str.maketrans(",.", ".,"))
    return str(value)


def _option_text(one: Field, value: str, language: str) -> str:
    """An option that a later edition dropped still shows its id."""
    return next((option.text.get(language) for option in one.options if option.id == value), value)


def _level_text(one: Field, value: str, language: str) -> str:
    """As the gazette prints it: the level, then its wording in brackets."""
    wording = next((option.hint for option in one.options if option.id == value), None)
    level = _option_text(one, value, language)
    return level if wording is None else f"{level} ({wording.get(language)})"


def display_phone(value: str) -> str:
    """0912 345 678 · 024 3812 3456 · 0209 381 2345; short codes and foreign numbers as stored."""
    if not value.startswith("+84"):
        return value
    home = "0" + value[3:]
    if len(home) == 10:
        return f"{home[:4]} {home[4:7]} {home[7:]}"
    area = 3 if home[:3] in ("024", "028") else 4
    return f"{home[:area]} {home[area:-4]} {home[-4:]}"
