"""The directory: whom to call at the police, the health station, the school of a place. Offices' telephones, no case."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.errors import NotFound
from casework.people.contactmodels import Body
from casework.people.contacts import Shown, contacts_of, phone_text
from casework.people.models import Unit, UnitKind
from casework.people.queries import commune_by_code, find_communes, hotline, units_by_id
from casework.people.rules import COMMUNE_ROLES, Role
from casework.web.access import open_to
from casework.web.door import begin
from casework.work import Work

bp = Blueprint("contacts", __name__)

OFFERED = 8


@bp.get("/danh-ba")
@open_to(Role.WORKER, Role.CHAIR, Role.SUPERVISOR, Role.HOTLINE)
def listing() -> ResponseReturnValue:
    """The contacts of the reader's own place and of what lies above it; `xa` names another commune in their sight."""
    words = request.args.get("q", "")[:100].strip()
    with begin() as work:
        places = _places(work, request.args.get("xa", "")[:20])
        found = contacts_of(work, [one.id for one in places])
        sections = [{"title": one.name, "rows": [_row(row) for row in found.get(one.id, [])]} for one in places]
        offered = [one for one in find_communes(work, words, limit=OFFERED) if _in_sight(work, one)] if words else []
        offers = [{"title": one.name, "url": url_for("contacts.listing", xa=one.code)} for one in offered]
        searching = work.actor.role not in COMMUNE_ROLES
    return render_template("contacts/listing.html", sections=sections, words=words, offers=offers, searching=searching)


def _places(work: Work, code: str) -> list[Unit]:
    """The commune, its province, the hotline. Raises NotFound for a commune out of the reader's sight."""
    actor = work.actor
    commune = commune_by_code(work, code) if code else None
    if code and (commune is None or not _in_sight(work, commune)):
        raise NotFound
    own = units_by_id(work, [actor.unit_id, commune.province_id if commune else actor.province_id])
    if commune is not None:
        own[commune.id] = commune
    if commune is None and actor.role in COMMUNE_ROLES and actor.unit_id is not None:
        commune = own[actor.unit_id]
    province = next((one for one in own.values() if one.kind == UnitKind.PROVINCE), None)
    return [one for one in (commune, province, hotline(work)) if one is not None]


def _in_sight(work: Work, commune: Unit) -> bool:
    actor = work.actor
    if actor.role in COMMUNE_ROLES:
        return commune.id == actor.unit_id
    return actor.role == Role.HOTLINE or commune.province_id == actor.unit_id


def _row(one: Shown) -> dict[str, Any]:
    return {
        "body": body_title(one.body),
        "post": one.post,
        "name": one.name,
        "hours": one.hours,
        "phone": phone_text(one.phone),
        "dial": f"tel:{one.phone}",
    }


def body_title(body: str) -> str:
    titles = {
        Body.POLICE: _("Công an"),
        Body.HEALTH: _("Y tế"),
        Body.HOTLINE: _("Tổng đài"),
        Body.SOCIAL_WORK: _("Công tác xã hội"),
        Body.SCHOOL: _("Trường học"),
        Body.OTHER: _("Cơ quan khác"),
    }
    return titles[Body(body)]
