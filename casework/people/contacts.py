"""The contacts of neighbouring bodies: out of a file, all of it or nothing, and as a page shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.people.contactmodels import Body, Contact
from casework.people.imports import Progress, phone_of, tell_what_became
from casework.people.models import Unit, UnitKind
from casework.people.queries import today
from casework.people.sheets import Columns, Sheet, SheetFault, SheetRow
from casework.vault.fold import fold_name
from casework.work import Work

CONTACT_COLUMNS = Columns(
    names={
        "unit": ("mã đơn vị", "mã xã", "đơn vị"),
        "body": ("cơ quan",),
        "post": ("chức vụ",),
        "name": ("họ tên", "họ và tên"),
        "phone": ("điện thoại", "số điện thoại"),
        "hours": ("giờ trực", "thời gian trực"),
    },
    required=("unit", "body", "post", "phone"),
    coded=("unit", "phone"),
)
BODY_WORDS = {
    "cong an": Body.POLICE,
    "y te": Body.HEALTH, "tram y te": Body.HEALTH, "benh vien": Body.HEALTH,
    "tong dai": Body.HOTLINE, "tong dai 111": Body.HOTLINE, "111": Body.HOTLINE,
    "cong tac xa hoi": Body.SOCIAL_WORK, "trung tam cong tac xa hoi": Body.SOCIAL_WORK,
    "truong": Body.SCHOOL, "truong hoc": Body.SCHOOL, "nha truong": Body.SCHOOL,
    "khac": Body.OTHER,
}  # fmt: skip
PLACES = (UnitKind.COMMUNE, UnitKind.PROVINCE, UnitKind.HOTLINE)
SHORT = re.compile(r"1[0-9]{2}")  # 111, 113, 115: answered everywhere without a code before them
SERVICE = re.compile(r"1[89]00[0-9]{4,6}")  # 1800 and 1900: reached from inside the country only
VIETNAM = "+84"


# ---------------------------------------------------------------- numbers


def contact_phone(text: str) -> str | None:
    """The number as it is kept: "+84…" with its country, or a short or service number as it is dialled. None: no number.

    Numbers are read as Vietnam writes them: 0912 345 678, (0219) 3.866.113, 84912345678, +84 912 345 678, 111, 1800 1567.
    """
    digits = re.sub(r"[\s.()\-–]", "", text)
    if SHORT.fullmatch(digits) or SERVICE.fullmatch(digits):
        return digits
    if re.fullmatch(r"84[1-9][0-9]{8,9}", digits):
        digits = f"+{digits}"
    return phone_of(digits)


def phone_text(phone: str) -> str:
    """The number as a person in Việt Nam dials and reads it: "0912 345 678"."""
    if phone.startswith(VIETNAM):
        phone = "0" + phone.removeprefix(VIETNAM)
        return f"{phone[:-6]} {phone[-6:-3]} {phone[-3:]}"
    if SERVICE.fullmatch(phone):
        return f"{phone[:4]} {phone[4:]}"
    return phone


# ---------------------------------------------------------------- the file


@dataclass(frozen=True)
class ContactRow:
    """A contact as a file names it, read; `row` is where."""

    row: int
    unit: Unit
    body: Body
    post: str
    name: str
    phone: str
    hours: str

    @property
    def key(self) -> tuple[UUID, str, str, str]:
        return (self.unit.id, self.body.value, fold_name(self.post), fold_name(self.name))


@dataclass
class ContactPlan:
    """What a file of contacts would do. A file is the whole list of every body of a place that it names: `gone` are those
    of the same body and place that it no longer has; every other body and place stays as it is."""

    faults: list[SheetFault]
    rows: list[ContactRow] = field(default_factory=list)
    added: list[ContactRow] = field(default_factory=list)
    changed: list[tuple[Contact, ContactRow]] = field(default_factory=list)
    gone: list[Contact] = field(default_factory=list)

    def effect(self) -> list[tuple[object, ...]]:
        """What would be done, to what: plans of one file that are alike in this do the same."""
        return [
            *(("added", one.row, one.unit.id) for one in self.added),
            *(("changed", row.row, one.id, one.rev) for one, row in self.changed),
            *(("gone", one.id, one.rev) for one in sorted(self.gone, key=lambda one: one.id)),
        ]


def plan_contacts(work: Work, sheet: Sheet, *, hold: bool = False) -> ContactPlan:
    """Compares a file of contacts with the office's own. Changes nothing. `hold`: no other file with it at the same time, for
    whoever applies the plan."""
    if hold:
        named = [row.cells["unit"] for row in sheet.rows]
        rows = select(Unit.id).where(col(Unit.code).in_(named)).order_by(col(Unit.id))
        work.session.exec(rows.with_for_update(key_share=True)).all()
    plan = ContactPlan(faults=list(sheet.faults))
    day = today(work)
    known = list(work.session.exec(select(Unit).where(col(Unit.kind).in_(PLACES))))
    units = {one.code: one for one in known if one.exists_on(day)}
    plan.rows = [one for row in sheet.rows if (one := _contact_row(plan, row, units)) is not None]
    tell_what_became(work, plan.faults, sheet, known)
    seen: dict[tuple[UUID, str, str, str], int] = {}
    for one in plan.rows:
        first = seen.setdefault(one.key, one.row)
        if first != one.row:
            plan.faults.append(SheetFault(one.row, "post", "contact-twice", {"first": first}))
    plan.faults.sort(key=lambda fault: fault.row)
    _compare(work, plan)
    return plan


def apply_contacts(work: Work, plan: ContactPlan, progress: Progress = lambda done, total: None) -> None:
    """Writes the plan down. Raises ValueError for a plan with faults: a half-read list is nobody's list."""
    if plan.faults:
        raise ValueError("a plan with faults is not applied")
    total = len(plan.added) + len(plan.changed) + len(plan.gone)
    for done, (contact, row) in enumerate(
        [(Contact(**_place(row)), row) for row in plan.added] + plan.changed, start=1
    ):
        contact.post, contact.hours = row.post, row.hours
        work.seal(contact, person={"name": row.name, "phone": row.phone})
        work.session.add(contact)
        progress(done, total)
    for contact in plan.gone:
        work.session.delete(contact)
    progress(total, total)
    if total:
        counts = [f"added-{len(plan.added)}", f"changed-{len(plan.changed)}", f"removed-{len(plan.gone)}"]
        record(work, Tag.CONTACT_CHANGED, object_type="contacts", fields=counts)


def _place(row: ContactRow) -> dict[str, Any]:
    return {"unit_id": row.unit.id, "body": row.body.value, "post": row.post}


def _compare(work: Work, plan: ContactPlan) -> None:
    named = {(one.unit.id, one.body.value) for one in plan.rows}
    places = {unit_id for unit_id, _body in named}
    own = [
        one
        for one in work.session.exec(select(Contact).where(col(Contact.unit_id).in_(places)))
        if (one.unit_id, one.body) in named
    ]
    known: dict[tuple[UUID, str, str, str], tuple[Contact, Mapping[str, str]]] = {}
    for contact, person in zip(own, work.open_all(own, "person"), strict=True):
        known[(contact.unit_id, contact.body, fold_name(contact.post), fold_name(person["name"]))] = (contact, person)
    for row in plan.rows:
        found = known.pop(row.key, None)
        if found is None:
            plan.added.append(row)
            continue
        contact, person = found
        now = (contact.post, contact.hours, person["name"], person["phone"])
        if now != (row.post, row.hours, row.name, row.phone):
            plan.changed.append((contact, row))
    plan.gone = [contact for contact, _person in known.values()]


def _contact_row(plan: ContactPlan, row: SheetRow, units: Mapping[str, Unit]) -> ContactRow | None:
    cells, before = row.cells, len(plan.faults)
    unit = units.get(cells["unit"])
    if unit is None:
        plan.faults.append(SheetFault(row.number, "unit", "no-place", {"code": cells["unit"]}))
    folded = fold_name(cells["body"])
    body = next((one for one in Body if one.value == folded), BODY_WORDS.get(folded))
    if body is None:
        plan.faults.append(SheetFault(row.number, "body", "not-one-of", {"choices": ", ".join(Body)}))
    if not cells["post"]:
        plan.faults.append(SheetFault(row.number, "post", "empty"))
    phone = contact_phone(cells["phone"])
    if phone is None:
        plan.faults.append(SheetFault(row.number, "phone", "not-a-contact-phone"))
    if len(plan.faults) > before or unit is None or body is None or phone is None:
        return None
    return ContactRow(row.number, unit, body, cells["post"], cells["name"], phone, cells["hours"])


# ---------------------------------------------------------------- the page


@dataclass(frozen=True)
class Shown:
    """A contact with its person opened. `phone` is as kept: what a telephone dials."""

    body: str
    post: str
    name: str
    phone: str
    hours: str


def count_contacts(work: Work) -> tuple[int, int]:
    """(telephones, places that have one)."""
    found: tuple[int, int] = work.session.exec(
        select(func.count(), func.count(func.distinct(Contact.unit_id))).select_from(Contact)
    ).one()
    return found


def contacts_of(work: Work, unit_ids: Iterable[UUID]) -> dict[UUID, list[Shown]]:
    """The contacts of these places by place, whom to call first first: two queries. Places without any are left out."""
    rows: Sequence[Contact] = work.session.exec(select(Contact).where(col(Contact.unit_id).in_(list(unit_ids)))).all()
    order = [one.value for one in Body]
    found: dict[UUID, list[Shown]] = {}
    opened = zip(rows, work.open_all(rows, "person"), strict=True)
    for row, person in sorted(opened, key=lambda one: (order.index(one[0].body), one[0].post, one[1]["name"])):
        one = Shown(row.body, row.post, person["name"], person["phone"], row.hours)
        found.setdefault(row.unit_id, []).append(one)
    return found
