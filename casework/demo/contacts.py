"""The drill's directory: invented posts, and numbers from a range that no network gives out."""

from __future__ import annotations

from sqlmodel import select

from casework.people.contacts import CONTACT_COLUMNS, apply_contacts, plan_contacts
from casework.people.models import Unit, UnitKind
from casework.people.sheets import Sheet, SheetRow
from casework.work import Work

OF_A_COMMUNE = (
    ("police", "Trực ban công an xã", "24/24"),
    ("health", "Trưởng trạm y tế", "24/24"),
    ("school", "Hiệu trưởng trường tiểu học", "7:30–17:00, thứ 2–6"),
)
OF_THE_PROVINCE = (
    ("police", "Trực ban công an tỉnh", "24/24"),
    ("social-work", "Trực trung tâm công tác xã hội", "24/24"),
)
OF_THE_HOTLINE = (("hotline", "Tổng đài bảo vệ trẻ em", "24/24"),)
POSTS = {UnitKind.COMMUNE: OF_A_COMMUNE, UnitKind.PROVINCE: OF_THE_PROVINCE, UnitKind.HOTLINE: OF_THE_HOTLINE}


def invent_contacts(work: Work) -> None:
    """Fills the directory of an invented province through the very import an office uses."""
    sheet = Sheet()
    for unit in work.session.exec(select(Unit).order_by(Unit.code)):
        for body, post, hours in POSTS.get(UnitKind(unit.kind), ()):
            number = len(sheet.rows)
            phone = "111" if body == "hotline" else f"090000{9000 + number}"
            cells = {"unit": unit.code, "body": body, "post": post, "name": "", "phone": phone, "hours": hours}
            sheet.rows.append(SheetRow(number + 2, {**dict.fromkeys(CONTACT_COLUMNS.names, ""), **cells}))
    apply_contacts(work, plan_contacts(work, sheet))
