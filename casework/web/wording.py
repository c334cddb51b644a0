"""How moments, clocks, codes and people read on a page, in the reader's language. No decision is made here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from casework.cases.rules import Facts, age_at, fact, initials
from casework.clock import local
from casework.deadlines.queries import ClockReading
from casework.law.model import Form, Law, Text
from casework.people.rules import WAITING, Role

# Lazy: a list of 25 cases asks for these hundreds of times, and looking a word up costs more than a query.
WEEKDAYS = (
    _l("thứ Hai"), _l("thứ Ba"), _l("thứ Tư"), _l("thứ Năm"), _l("thứ Sáu"), _l("thứ Bảy"), _l("Chủ nhật"),
)  # fmt: skip
ROLES = {
    Role.HOTLINE.value: _l("Cán bộ Tổng đài 111"),
    Role.COLLABORATOR.value: _l("Cộng tác viên"),
    Role.WORKER.value: _l("Người làm công tác bảo vệ trẻ em cấp xã"),
    Role.CHAIR.value: _l("Chủ tịch UBND xã"),
    Role.SUPERVISOR.value: _l("Giám sát cấp tỉnh (Sở Y tế)"),
    Role.POLICE.value: _l("Công an"),
    Role.HEALTH.value: _l("Cơ sở y tế"),
    Role.ADMINISTRATOR.value: _l("Quản trị"),
    Role.AUDITOR.value: _l("Kiểm tra"),
    "system": _l("Phần mềm"),
}
BANDS = {
    "emergency": _l("Khẩn cấp"),
    "high": _l("Cao"),
    "medium": _l("Trung bình"),
    "low": _l("Thấp"),
    "unassessed": _l("Chưa đánh giá"),
}

CHILDREN_LAW = "LTE "


def language() -> str:
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else "vi"


def law_text(text: Text | None) -> str:
    """A wording of the law's data in the reader's language."""
    return text.get(language()) if text else ""


def form_number(form: Form | None) -> str:
    """`Mẫu số 02` in the reader's language; empty for a form that the decree does not number."""
    if form is None or not form.number:
        return ""
    return _("Mẫu số %(number)s", number=form.number.removeprefix("Mẫu số "))


def moment_text(moment: datetime | None) -> str:
    """`10:14 thứ Hai 23/11/2026`."""
    if moment is None:
        return ""
    here = local(moment)
    return f"{here:%H:%M} {weekday(here)} {here:%d/%m/%Y}"


def short_moment(moment: datetime | None) -> str:
    """`22:14 22/11`."""
    return f"{local(moment):%H:%M %d/%m}" if moment else ""


def day_text(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else ""


def day_typed(text: str) -> date | None:
    """The day that somebody typed: 24/11/2026, 24-11-2026, 24.11.2026 or as a browser's own box sends it. None: no day."""
    local = re.fullmatch(r"([0-9]{1,2})[ /.-]([0-9]{1,2})[ /.-]([0-9]{4})", text.strip())
    try:
        return date(int(local[3]), int(local[2]), int(local[1])) if local else date.fromisoformat(text.strip())
    except ValueError:
        return None


def clock_typed(text: str) -> time | None:
    """The time of day that somebody typed: 07:30, 7h30, 7.30 or 7; 24 hours. None: no time."""
    found = re.fullmatch(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?h?", text.strip().lower())
    try:
        return time(int(found[1]), int(found[2] or 0)) if found else None
    except ValueError:
        return None


def weekday(day: date) -> str:
    return str(WEEKDAYS[day.weekday()])


def length_text(length: timedelta) -> str:
    """`3 giờ 20 phút`, `2 ngày 4 giờ`, rounded down: never more time than there is."""
    minutes = int(abs(length).total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        words = ngettext("%(num)d ngày", "%(num)d ngày", days)
        rest = ngettext("%(num)d giờ", "%(num)d giờ", hours)
        return f"{words} {rest}" if hours and days < 3 else words
    if hours:
        return _("%(hours)d giờ %(minutes)02d phút", hours=hours, minutes=minutes)
    return _("%(minutes)d phút", minutes=minutes)


def clock_chip(reading: ClockReading | None) -> dict[str, Any] | None:
    """What parts/clock.html draws, and beside it what the clock counts from, under which article, and who owns it."""
    if reading is None:
        return None
    clock = reading.clock
    return {
        **bare_chip(reading),
        "from_text": _(
            "tính từ %(what)s, %(when)s", what=law_text(reading.rule.counts_from), when=moment_text(clock.started_at)
        ),
        "since": _("tính từ %(when)s", when=short_moment(clock.started_at)),
        "article": reading.rule.article,
        "owner": role_title(reading.rule.owner),
        "by_product": reading.rule.by_product,
    }


def bare_chip(reading: ClockReading) -> dict[str, Any]:
    """The chip alone, for a list: every word that is looked up costs as much there as a query."""
    clock = reading.clock
    warn = clock.due_at - (clock.due_at - clock.started_at) / 4
    return {
        "state": reading.look,
        "words": _clock_words(reading),
        "due_iso": local(clock.due_at).isoformat(timespec="seconds"),
        "due_text": moment_text(clock.due_at),
        "warn_iso": local(warn).isoformat(timespec="seconds"),
        "unit": "working_days" if reading.working_days_left else None,
        "title": law_text(reading.rule.title),
    }


def _clock_words(reading: ClockReading) -> str:
    if reading.look == "done":
        return _("Xong %(when)s", when=short_moment(reading.clock.stopped_at))
    if reading.look == "done-late":
        return _("Xong, trễ %(length)s", length=length_text(reading.left))
    if reading.left < timedelta(0):
        if reading.rule.period:
            return _("Đã đủ thời gian")
        return _("Quá hạn %(length)s", length=length_text(reading.left))
    if reading.working_days_left:
        return ngettext("Còn %(num)d ngày làm việc", "Còn %(num)d ngày làm việc", reading.working_days_left)
    return _("Còn %(length)s", length=length_text(reading.left))


def counted_days(counted: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """How a limit in working days was counted, from the clock's row: [ISO date, counts, why] a day."""
    why = {"weekend": _("nghỉ cuối tuần"), "off": _("ngày nghỉ"), "make-up": _("làm bù"), "working": ""}
    number = 0
    days = []
    for iso, counts, reason in counted:
        day = date.fromisoformat(iso)
        number += bool(counts)
        days.append(
            {
                "day": f"{weekday(day)} {day:%d/%m}",
                "words": _("ngày %(number)s", number=number) if counts else _("không tính"),
                "why": why.get(reason, reason),
                "counts": bool(counts),
            }
        )
    return days


def post_title(role: str, *, deputy: bool) -> str:
    """The title of a person: a role's own, or the deputy's."""
    return _("Phó Chủ tịch UBND xã") if deputy else role_title(role)


def role_title(role: str) -> str:
    """The post's name as people know it."""
    return _("Chờ người thứ hai đồng ý") if role == WAITING else str(ROLES.get(role, role))


def band_words(band: str) -> str:
    return str(BANDS.get(band, band))


@dataclass(frozen=True)
class ChildLine:
    """How a child is named where others may look over a shoulder: `V. M. S., 9 tuổi, nam`."""

    masked: str
    full: str
    place: str


def child_line(facts: Facts, today: date) -> ChildLine:
    name = fact(facts, "child.name")
    age = age_at(facts, today)
    sex = {"male": _("nam"), "female": _("nữ")}.get(fact(facts, "child.sex") or "")
    rest = [_("%(age)d tuổi", age=age) if age is not None else _("chưa rõ tuổi")]
    if sex:
        rest.append(sex)
    if age is not None and age >= 16:
        rest.append(_("từ 16 tuổi, ngoài độ tuổi của Luật Trẻ em"))
    tail = ", ".join(rest)
    masked = f"{initials(name)}, {tail}" if name else _("Trẻ chưa rõ tên, %(rest)s", rest=tail)
    return ChildLine(masked, f"{name}, {tail}" if name else masked, fact(facts, "child.hamlet") or "")


def article_name(article: str) -> str:
    """`26.3` → `Điều 26 khoản 3`; `LTE 52.3` is of the Children Law; what a province cites is named by itself."""
    if article.startswith(CHILDREN_LAW):
        return _("Luật Trẻ em, %(article)s", article=article_name(article.removeprefix(CHILDREN_LAW)))
    if not article[:1].isdigit():
        return article
    number, _dot, clause = article.partition(".")
    if not clause:
        return _("Điều %(number)s", number=number)
    return _("Điều %(number)s khoản %(clause)s", number=number, clause=clause)


def fault_texts(law_faults: Mapping[str, Text]) -> dict[str, str]:
    return {code: law_text(text) for code, text in law_faults.items()}


def list_word(law: Law, list_id: str, option_id: str | None) -> str:
    option = law.option(list_id, option_id) if option_id else None
    return law_text(option.text) if option else ""
