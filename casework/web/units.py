"""Units: places and bodies, what they were and what they became. Read only; a list of them is imported by command."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import NotFound
from casework.people.models import Post, Unit, UnitKind
from casework.people.queries import count_units, history_of, search_units, staff_of_unit, today, units_by_id
from casework.people.rules import Role
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.wording import day_text, post_title
from casework.work import Work

bp = Blueprint("units", __name__)

PAGE_SIZE = 25
OFFERED = 8


@bp.get("/quan-tri/don-vi")
@open_to(Role.ADMINISTRATOR)
def listing() -> ResponseReturnValue:
    words, kind = request.args.get("q", "")[:100], request.args.get("loai", "")
    former = request.args.get("cu") == "1"
    with begin() as work:
        total = count_units(work, words=words, kind=kind, former=former)
        pages = max(1, -(-total // PAGE_SIZE))
        page = min(max(1, request.args.get("trang", 1, type=int)), pages)
        found = search_units(work, words=words, kind=kind, former=former, page=page, size=PAGE_SIZE)
        above = units_by_id(work, [one.province_id for one in found] + [one.district_id for one in found])
        rows = [_row(one, above) for one in found]
    return render_template(
        "office/units.html",
        rows=rows,
        total=total,
        page=page,
        pages=pages,
        words=words,
        kind=kind,
        former=former,
        kinds=[{"value": one.value, "title": kind_title(one)} for one in UnitKind if one != UnitKind.NATIONAL],
        url_for_page=lambda n: url_for(
            "units.listing", **{"q": words or None, "loai": kind or None, "cu": "1" if former else None, "trang": n}
        ),
    )


@bp.get("/quan-tri/don-vi/tim")
@open_to(Role.ADMINISTRATOR)
def find() -> ResponseReturnValue:
    """What the combobox of an account's unit offers: [{code, title, detail}]."""
    with begin() as work:
        found = search_units(work, words=request.args.get("q", "")[:100], size=OFFERED)
        above = units_by_id(work, [one.province_id for one in found])
    return jsonify(
        [
            {
                "code": one.code,
                "title": one.name,
                "detail": " · ".join([one.code, *([above[one.province_id].name] if one.province_id in above else [])]),
            }
            for one in found
        ]
    )


@bp.get("/quan-tri/don-vi/<uuid:unit_id>")
@open_to(Role.ADMINISTRATOR)
def one(unit_id: UUID) -> ResponseReturnValue:
    with begin() as work:
        unit = work.session.get(Unit, unit_id)
        if unit is None:
            raise NotFound
        page = _page(work, unit)
    return render_template("office/unit.html", **page)


def kind_title(kind: str) -> str:
    titles = {
        UnitKind.NATIONAL: _("Trung ương"),
        UnitKind.PROVINCE: _("Tỉnh, thành phố"),
        UnitKind.DISTRICT: _("Huyện (cũ)"),
        UnitKind.COMMUNE: _("Xã, phường, đặc khu"),
        UnitKind.HOTLINE: _("Tổng đài"),
        UnitKind.POLICE: _("Công an"),
        UnitKind.HEALTH: _("Y tế"),
    }
    return titles.get(UnitKind(kind), kind)


def _row(unit: Unit, above: dict[UUID, Unit]) -> dict[str, Any]:
    around = [above[one].name for one in (unit.district_id, unit.province_id) if one in above]
    return {
        "code": unit.code,
        "name": unit.name,
        "url": url_for("units.one", unit_id=unit.id),
        "kind": kind_title(unit.kind),
        "around": ", ".join(around),
        "days": _days(unit),
    }


def _days(unit: Unit) -> str:
    first, last = unit.valid_from, unit.valid_to
    if first and last:
        return _("từ %(first)s đến hết %(last)s", first=day_text(first), last=day_text(last))
    if last:
        return _("đến hết %(last)s", last=day_text(last))
    return _("từ %(first)s", first=day_text(first)) if first else _("từ trước đến nay")


def _page(work: Work, unit: Unit) -> dict[str, Any]:
    history = history_of(work, unit)
    people = staff_of_unit(work, unit.id)
    near = [unit, *history.before, *history.after]
    above = units_by_id(work, [one.province_id for one in near] + [one.district_id for one in near])
    return {
        **_row(unit, above),
        "exists": unit.exists_on(today(work)),
        "before": [_row(one, above) for one in history.before],
        "after": [_row(one, above) for one in history.after],
        "people": [
            {
                "username": one.username,
                "url": url_for("accounts.one", staff_id=one.id),
                "post": post_title(one.role, deputy=one.post == Post.DEPUTY),
            }
            for one in people
        ],
    }
