"""Parts of a case's page about its plan, its limits that moved and a hand-over under way, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _

from casework.cases.models import Case, HandOver
from casework.cases.queries import Activity
from casework.cases.service import Offer
from casework.clock import local
from casework.deadlines.models import ClockState
from casework.deadlines.queries import Change, DayChange, read_clock
from casework.people.models import Unit
from casework.web import wording
from casework.work import Work

RECORD_ACTIVITY = "record-activity"


# ---------------------------------------------------------------- the plan's activities


def activity_rows(work: Work, found: Sequence[Activity]) -> list[dict[str, Any]]:
    """Each activity of the plan in force: what, who, by when, and how it stands."""
    states = {
        "planned": _("chưa bắt đầu"),
        "ongoing": _("đang làm"),
        "done": _("đã xong"),
        "not-done": _("không làm được"),
    }
    rows = []
    for one in found:
        running = one.clock is not None and one.clock.state == ClockState.RUNNING
        until = one.row.get("to")
        who = ", ".join(str(one.row[name]) for name in ("officer", "provider") if one.row.get(name))
        term = _("đến %(day)s", day=wording.day_text(date.fromisoformat(until))) if until else ""
        recorded = _("ghi nhận %(day)s", day=wording.day_text(date.fromisoformat(one.on))) if one.on else ""
        rows.append(
            {
                "title": str(one.row.get("name") or one.key),
                "detail": " · ".join(part for part in (who, term, recorded) if part),
                "outcome": one.outcome or "",
                "words": states.get(one.state, one.state),
                "look": {"done": "done", "ongoing": "now"}.get(one.state, "todo"),
                "clock": wording.clock_chip(read_clock(work, one.clock)) if one.clock and running else None,
            }
        )
    return rows


def activity_url(case: Case, moves: Sequence[Offer]) -> str | None:
    """Where an activity is recorded, for who may."""
    if all(one.action.id != RECORD_ACTIVITY or one.blocked_by for one in moves):
        return None
    return url_for("cases.step", code=case.code, action=RECORD_ACTIVITY)


# ---------------------------------------------------------------- limits that moved


def change_items(work: Work, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Lines of the timeline for limits that were moved: from when to when, and why."""
    return [
        {
            "title": _("Hạn đổi: %(title)s", title=_rule_title(work, one)),
            "kind": "note",
            "group": "han",
            "time_text": wording.moment_text(one.at),
            "time_iso": local(one.at).isoformat(timespec="seconds"),
            "by": "",
            "detail": "\n".join((_moved(one), *(_why(day) for day in one.days), *([one.reason] if one.reason else []))),
            "url": None,
        }
        for one in changes
    ]


def with_changes(items: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The timeline with the moved limits in their places, newest first; what comes at one moment stays in its order."""
    merged = sorted([*items, *changed], key=lambda item: item["time_iso"], reverse=True) if changed else items
    return [dict(item) for item in merged]


def _rule_title(work: Work, change: Change) -> str:
    return wording.law_text(work.law_for(change.edition).deadlines[change.rule].title)


def _moved(change: Change) -> str:
    return _(
        "từ %(old)s thành %(new)s", old=wording.moment_text(change.old_due), new=wording.moment_text(change.new_due)
    )


def _why(day: DayChange) -> str:
    words = {
        ("off", False): _("%(day)s là ngày nghỉ: %(title)s (%(source)s)"),
        ("make-up", False): _("%(day)s là ngày làm bù: %(title)s (%(source)s)"),
        ("off", True): _("%(day)s không còn là ngày nghỉ: %(title)s (%(source)s)"),
        ("make-up", True): _("%(day)s không còn là ngày làm bù: %(title)s (%(source)s)"),
    }[(day.kind, day.taken_back)]
    return words % {"day": wording.day_text(day.day), "title": day.title, "source": day.source}


# ---------------------------------------------------------------- a hand-over under way


def hand_over_state(found: Sequence[HandOver], case: Case, units: Mapping[UUID, Unit]) -> dict[str, Any] | None:
    """The banner of an offer that waits for its answer, or that was refused and stays with the sender."""
    if not found:
        return None
    latest = found[-1]
    names = {"to": units[latest.to_unit_id].name, "holder": units[case.responsible_unit_id].name}
    if latest.answer is None:
        when = wording.moment_text(latest.offered_at)
        return {
            "title": _("Đang bàn giao cho %(to)s", **names),
            "text": _(
                "Đề nghị %(when)s, chưa có trả lời. %(holder)s vẫn chịu trách nhiệm cho đến khi bên kia nhận; không hạn nào"
                " chạy lại.",
                when=when,
                **names,
            ),
        }
    if latest.answer == "refused":
        times = sum(one.answer == "refused" for one in found)
        text = (
            _("Đã bị từ chối hai lần: Sở Y tế quyết định xã chịu trách nhiệm. Đến lúc đó %(holder)s giữ ca.", **names)
            if times > 1
            else _("Ca vẫn do %(holder)s giữ. Có thể đề nghị lại; từ chối lần hai thì Sở Y tế quyết định.", **names)
        )
        return {"title": _("%(to)s không nhận bàn giao", **names), "text": text}
    return None
