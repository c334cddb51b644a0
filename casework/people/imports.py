"""Units and staff out of a file: first a plan that names every fault, then all of it or nothing.

A plan reads and changes nothing, so a dry run is the plan alone. Applying the same file twice changes nothing the second time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, update
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.clock import local
from casework.people.models import Post, Staff, Unit, UnitKind, UnitSuccession
from casework.people.queries import places_after
from casework.people.rules import UNITS_OF_ROLE, Role
from casework.people.service import create_staff, move_account, person_of, set_person
from casework.people.sheets import Columns, Sheet, SheetFault, SheetRow
from casework.vault.fold import fold_name
from casework.work import Work

Word = TypeVar("Word", UnitKind, Role, Post)
Progress = Callable[[int, int], None]

UNIT_COLUMNS = Columns(
    names={
        "code": ("mã",),
        "name": ("tên",),
        "kind": ("loại",),
        "province": ("mã tỉnh", "tỉnh"),
        "district": ("mã huyện", "huyện"),
        "valid_from": ("từ ngày",),
        "valid_to": ("đến ngày",),
        "successors": ("nay là",),
    },
    required=("code", "name", "kind"),
    coded=("code", "province", "district", "successors"),
)
STAFF_COLUMNS = Columns(
    names={
        "username": ("tên đăng nhập",),
        "name": ("họ tên", "họ và tên"),
        "role": ("vai trò",),
        "post": ("chức vụ",),
        "unit": ("mã đơn vị", "đơn vị"),
        "phone": ("điện thoại", "số điện thoại"),
        "hamlet": ("thôn",),
    },
    required=("username", "name", "role", "unit"),
    coded=("unit",),
)
KIND_WORDS = {
    "tinh": UnitKind.PROVINCE, "huyen": UnitKind.DISTRICT, "xa": UnitKind.COMMUNE, "tong dai": UnitKind.HOTLINE,
    "cong an": UnitKind.POLICE, "y te": UnitKind.HEALTH,
}  # fmt: skip
ROLE_WORDS = {
    "can bo bao ve tre em": Role.WORKER, "chu tich": Role.CHAIR, "cong tac vien": Role.COLLABORATOR,
    "giam sat": Role.SUPERVISOR, "cong an": Role.POLICE, "y te": Role.HEALTH, "tong dai": Role.HOTLINE,
    "quan tri": Role.ADMINISTRATOR, "kiem tra": Role.AUDITOR,
}  # fmt: skip
POST_WORDS = {"chu tich": Post.CHAIR, "pho chu tich": Post.DEPUTY}
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,19}")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
NO_SUCH_UNIT = ("no-unit", "no-place")
LOCAL_PHONE = re.compile(r"0[0-9]{9,10}")


# ---------------------------------------------------------------- units


@dataclass(frozen=True)
class UnitRow:
    """A unit as a file names it, read; `row` is where."""

    row: int
    code: str
    name: str
    kind: UnitKind
    province: str
    district: str
    valid_from: date | None
    valid_to: date | None
    successors: tuple[str, ...]

    def exists_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass
class UnitPlan:
    """What a file of units would do. `stranded` counts the accounts of units that it closes: they have to be moved."""

    faults: list[SheetFault]
    rows: list[UnitRow] = field(default_factory=list)
    ids: dict[int, UUID] = field(default_factory=dict)  # by row of the file
    added: list[UnitRow] = field(default_factory=list)
    changed: list[UnitRow] = field(default_factory=list)
    values: dict[int, dict[str, object]] = field(default_factory=dict)  # by row
    successions: dict[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    stranded: int = 0


def plan_units(work: Work, sheet: Sheet) -> UnitPlan:
    """Compares a file of units with the office's own. Changes nothing."""
    plan = UnitPlan(faults=list(sheet.faults))
    plan.rows = [one for row in sheet.rows if (one := _unit_row(plan, row)) is not None]
    _check_repeated(plan)
    known = list(work.session.exec(select(Unit)))
    own = _match(plan, known)
    matched = {unit.id for unit in own.values()}
    places = _Places(plan, [one for one in known if one.id not in matched])
    successions = _successions(work)
    for row in plan.rows:
        before = own.get(row.row)
        values = _unit_values(plan, places, row)
        after = places.successors(row)
        if after:
            plan.successions[plan.ids[row.row]] = after
        plan.values[row.row] = values
        if before is None:
            plan.added.append(row)
        elif any(getattr(before, name) != value for name, value in values.items()) or (
            after and after != successions.get(before.id)
        ):
            plan.changed.append(row)
    plan.stranded = _stranded(work, plan, own)
    plan.faults.sort(key=lambda fault: fault.row)
    return plan


def apply_units(work: Work, plan: UnitPlan, progress: Progress = lambda done, total: None) -> None:
    """Writes the plan down. Raises ValueError for a plan with faults: a half-read list is nobody's list."""
    if plan.faults:
        raise ValueError("a plan with faults is not applied")
    fresh = [{"id": plan.ids[one.row], **plan.values[one.row]} for one in plan.added]
    # Above before below: a province is there when its communes name it.
    fresh.sort(key=lambda one: (one["province_id"] is not None, one["district_id"] is not None))
    total = len(fresh) + len(plan.changed)
    done = 0
    # What is closed goes first, so that its code is free when it is given to another place.
    for one in sorted(plan.changed, key=lambda row: row.valid_to is None):
        work.session.execute(update(Unit).where(col(Unit.id) == plan.ids[one.row]).values(**plan.values[one.row]))
        done += 1
        progress(done, total)
    for start in range(0, len(fresh), 1000):
        work.session.execute(insert(Unit), fresh[start : start + 1000])
        done += len(fresh[start : start + 1000])
        progress(done, total)
    touched = {plan.ids[one.row] for one in (*plan.added, *plan.changed)}
    _write_successions(work, {one: after for one, after in plan.successions.items() if one in touched})
    work.session.expire_all()
    if total:
        counts = [f"added-{len(plan.added)}", f"changed-{len(plan.changed)}"]
        record(work, Tag.UNIT_CHANGED, object_type="units", fields=counts)


def _unit_row(plan: UnitPlan, row: SheetRow) -> UnitRow | None:
    cells = row.cells
    before = len(plan.faults)
    code = _coded(plan.faults, row, "code")
    name = cells["name"]
    if not name:
        plan.faults.append(SheetFault(row.number, "name", "empty"))
    kind = _word(plan.faults, row, "kind", UnitKind, KIND_WORDS)
    first, last = _day(plan.faults, row, "valid_from"), _day(plan.faults, row, "valid_to")
    if first and last and last < first:
        plan.faults.append(SheetFault(row.number, "valid_to", "ends-before-start"))
    after = tuple(cells["successors"].replace(",", " ").split())
    if after and last is None:
        plan.faults.append(SheetFault(row.number, "successors", "still-exists"))
    if kind in (UnitKind.COMMUNE, UnitKind.DISTRICT) and not cells["province"]:
        plan.faults.append(SheetFault(row.number, "province", "empty"))
    if len(plan.faults) > before or kind is None:
        return None
    return UnitRow(row.number, code, name, kind, cells["province"], cells["district"], first, last, after)


def _check_repeated(plan: UnitPlan) -> None:
    seen: dict[tuple[str, date | None], int] = {}
    for one in plan.rows:
        first = seen.setdefault((one.code, one.valid_to), one.row)
        if first != one.row:
            plan.faults.append(SheetFault(one.row, "code", "code-twice", {"code": one.code, "first": first}))


def _match(plan: UnitPlan, known: Sequence[Unit]) -> dict[int, Unit]:
    """Which unit of ours each row is: by code, last day and name; else the same code and name; else a new name.

    A code was given to another place: that is another unit, unless nothing but the name differs.
    """
    own: dict[int, Unit] = {}
    left = {unit.id: unit for unit in known}
    by_code: dict[str, list[Unit]] = {}
    for unit in known:
        by_code.setdefault(unit.code, []).append(unit)
    same: tuple[Callable[[UnitRow, Unit], bool], ...] = (
        lambda row, unit: row.valid_to == unit.valid_to and fold_name(row.name) == unit.folded_name,
        lambda row, unit: fold_name(row.name) == unit.folded_name,
        lambda row, unit: row.valid_to == unit.valid_to and row.valid_from == unit.valid_from,
    )
    for rule in same:
        for row in plan.rows:
            near = (one for one in by_code.get(row.code, ()) if one.id in left and one.kind == row.kind)
            found = None if row.row in own else next((one for one in near if rule(row, one)), None)
            if found is not None:
                own[row.row] = left.pop(found.id)
    for row in plan.rows:
        plan.ids[row.row] = own[row.row].id if row.row in own else uuid4()
        taken = next(
            (one for one in by_code.get(row.code, ()) if one.id in left and one.valid_to == row.valid_to), None
        )
        if taken is not None and row.row not in own:
            plan.faults.append(SheetFault(row.row, "code", "code-taken", {"code": row.code, "name": taken.name}))
    return own


class _Places:
    """Everything a code can mean, of the file and of what the office has besides."""

    def __init__(self, plan: UnitPlan, others: Sequence[Unit]) -> None:
        self.plan = plan
        self.by_code: dict[str, list[tuple[UUID, UnitRow | Unit]]] = {}
        for row in plan.rows:
            self.by_code.setdefault(row.code, []).append((plan.ids[row.row], row))
        for unit in others:
            self.by_code.setdefault(unit.code, []).append((unit.id, unit))

    def find(self, code: str, day: date, *kinds: UnitKind) -> UUID | None:
        found = (one for one, unit in self.by_code.get(code, ()) if unit.kind in kinds and unit.exists_on(day))
        return next(found, None)

    def above(self, row: UnitRow, column: str, kind: UnitKind) -> UUID | None:
        code = getattr(row, column)
        if not code:
            return None
        found = self.find(code, row.valid_to or date.max, kind)
        if found is None:
            self.plan.faults.append(SheetFault(row.row, column, "none-above", {"kind": kind.value, "code": code}))
        return found

    def successors(self, row: UnitRow) -> tuple[UUID, ...]:
        if row.valid_to is None:
            return ()
        kinds = (UnitKind.COMMUNE,) if row.kind in (UnitKind.COMMUNE, UnitKind.DISTRICT) else (row.kind,)
        found = []
        for code in row.successors:
            one = self.find(code, row.valid_to + timedelta(days=1), *kinds)
            if one is None:
                self.plan.faults.append(
                    SheetFault(row.row, "successors", "none-after", {"kind": kinds[0].value, "code": code})
                )
            elif one not in found:
                found.append(one)
        return tuple(found)


def _unit_values(plan: UnitPlan, places: _Places, row: UnitRow) -> dict[str, object]:
    return {
        "code": row.code,
        "name": row.name,
        "folded_name": fold_name(row.name),
        "kind": row.kind.value,
        "province_id": places.above(row, "province", UnitKind.PROVINCE),
        "district_id": places.above(row, "district", UnitKind.DISTRICT),
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
    }


def _successions(work: Work) -> dict[UUID, tuple[UUID, ...]]:
    found: dict[UUID, tuple[UUID, ...]] = {}
    for one in work.session.exec(select(UnitSuccession).order_by(col(UnitSuccession.rank))):
        found[one.predecessor_id] = (*found.get(one.predecessor_id, ()), one.successor_id)
    return found


def _write_successions(work: Work, successions: Mapping[UUID, tuple[UUID, ...]]) -> None:
    if not successions:
        return
    work.session.execute(delete(UnitSuccession).where(col(UnitSuccession.predecessor_id).in_(successions)))
    rows = [
        {"predecessor_id": one, "successor_id": other, "rank": rank}
        for one, after in successions.items()
        for rank, other in enumerate(after)
    ]
    work.session.execute(insert(UnitSuccession), rows)


def _stranded(work: Work, plan: UnitPlan, own: Mapping[int, Unit]) -> int:
    day = local(work.now).date()
    closing = [unit.id for row in plan.rows if (unit := own.get(row.row)) and not row.exists_on(day)]
    if not closing:
        return 0
    staff = select(Staff.id).where(col(Staff.unit_id).in_(closing), col(Staff.closed_at).is_(None))
    return len(work.session.exec(staff).all())


# ---------------------------------------------------------------- staff


@dataclass(frozen=True)
class StaffRow:
    """A person as a file names them, read."""

    row: int
    username: str
    name: str
    role: Role
    post: Post | None
    unit: Unit
    phone: str | None
    hamlet: str | None

    @property
    def person(self) -> dict[str, str | None]:
        return {"name": self.name, "phone": self.phone, "hamlet": self.hamlet}


@dataclass
class StaffPlan:
    """What a file of staff would do. `moved` are accounts whose role, post or unit changes: their sessions end."""

    faults: list[SheetFault]
    rows: list[StaffRow] = field(default_factory=list)
    added: list[StaffRow] = field(default_factory=list)
    moved: list[StaffRow] = field(default_factory=list)
    renamed: list[StaffRow] = field(default_factory=list)
    known: dict[str, Staff] = field(default_factory=dict)

    def effect(self) -> list[tuple[object, ...]]:
        """What would be done, to what: plans of one file that are alike in this do the same."""
        before = [(one.row, self.known[one.username]) for one in (*self.moved, *self.renamed)]
        return [
            *(("added", one.row, one.unit.id) for one in self.added),
            *(("moved", one.row, one.unit.id) for one in self.moved),
            *(("renamed", one.row) for one in self.renamed),
            *(("of", row, one.id, one.role, one.post, one.unit_id, one.rev) for row, one in before),
        ]


def plan_staff(work: Work, sheet: Sheet, *, hold: bool = False) -> StaffPlan:
    """Compares a file of staff with the office's accounts. Changes nothing. Accounts the file leaves out stay as they are.

    `hold`: the accounts it names are kept as they are until this work ends, for whoever applies the plan.
    """
    if hold:
        named = [row.cells["username"].lower() for row in sheet.rows]
        rows = select(Staff.id).where(col(Staff.username).in_(named)).order_by(col(Staff.id))
        work.session.exec(rows.with_for_update(key_share=True)).all()
    plan = StaffPlan(faults=list(sheet.faults))
    day = local(work.now).date()
    known = list(work.session.exec(select(Unit)))
    units = {one.code: one for one in known if one.exists_on(day)}
    plan.rows = [one for row in sheet.rows if (one := _staff_row(plan, row, units)) is not None]
    tell_what_became(work, plan.faults, sheet, known)
    names = Counter(one.username for one in plan.rows)
    plan.faults += [SheetFault(one.row, "username", "account-twice") for one in plan.rows if names[one.username] > 1]
    plan.known = {one.username: one for one in work.session.exec(select(Staff))}
    for row in plan.rows:
        staff = plan.known.get(row.username)
        if staff is None:
            plan.added.append(row)
        elif staff.closed_at is not None:
            plan.faults.append(SheetFault(row.row, "username", "account-closed"))
        else:
            if (staff.role, staff.post, staff.unit_id) != (row.role, row.post, row.unit.id):
                plan.moved.append(row)
                if staff.id == work.actor.id:
                    plan.faults.append(SheetFault(row.row, "username", "own-account"))
            person = person_of(work, staff)  # may hold more than a file does: a mail address
            if any(person.get(name) != said for name, said in row.person.items()):
                plan.renamed.append(row)
    _check_an_administrator_is_left(plan)
    plan.faults.sort(key=lambda fault: fault.row)
    return plan


def apply_staff(
    work: Work,
    plan: StaffPlan,
    *,
    password: Callable[[], str] | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, str]:
    """Writes the plan down. Returns the new accounts' passwords by user name, if `password` makes any.

    Without one nobody can sign in to a new account until the administrator resets it. Raises ValueError for a plan with
    faults.
    """
    if plan.faults:
        raise ValueError("a plan with faults is not applied")
    given: dict[str, str] = {}
    for place, row in enumerate(plan.added, start=1):
        secret = password() if password else None
        if secret is not None:
            given[row.username] = secret
        create_staff(
            work,
            username=row.username,
            password=secret,
            role=row.role,
            unit=row.unit,
            name=row.name,
            phone=row.phone,
            hamlet=row.hamlet,
            post=row.post,
        )
        progress(place, len(plan.added))
    for row in plan.moved:
        move_account(work, plan.known[row.username], role=row.role, unit=row.unit, post=row.post)
    for row in plan.renamed:
        set_person(work, plan.known[row.username], **row.person)
    return given


def _staff_row(plan: StaffPlan, row: SheetRow, units: Mapping[str, Unit]) -> StaffRow | None:
    cells = row.cells
    before = len(plan.faults)
    username = cells["username"].lower()
    if not USERNAME.fullmatch(username):
        plan.faults.append(SheetFault(row.number, "username", "not-a-username"))
    if not cells["name"]:
        plan.faults.append(SheetFault(row.number, "name", "empty"))
    role = _word(plan.faults, row, "role", Role, ROLE_WORDS)
    unit = units.get(cells["unit"])
    if unit is None:
        plan.faults.append(SheetFault(row.number, "unit", "no-unit", {"code": cells["unit"]}))
    elif role is not None and unit.kind not in UNITS_OF_ROLE[role]:
        plan.faults.append(SheetFault(row.number, "unit", "other-unit", {"code": unit.code, "role": role.value}))
    post = _word(plan.faults, row, "post", Post, POST_WORDS) if cells["post"] else None
    if post is not None and role is not None and role != Role.CHAIR:
        plan.faults.append(SheetFault(row.number, "post", "post-of-chair"))
    phone = phone_of(cells["phone"])
    if cells["phone"] and phone is None:
        plan.faults.append(SheetFault(row.number, "phone", "not-a-phone"))
    if len(plan.faults) > before or role is None or unit is None:
        return None
    if role == Role.CHAIR:
        post = post or Post.CHAIR
    hamlet = cells["hamlet"] if role == Role.COLLABORATOR else ""
    return StaffRow(row.number, username, cells["name"], role, post, unit, phone, hamlet or None)


def _check_an_administrator_is_left(plan: StaffPlan) -> None:
    """As `move_account` will ask, in the order in which the plan is applied."""
    left = {one.username for one in plan.known.values() if one.role == Role.ADMINISTRATOR and one.closed_at is None}
    left |= {one.username for one in plan.added if one.role == Role.ADMINISTRATOR}
    for row in plan.moved:
        if row.role == Role.ADMINISTRATOR:
            left.add(row.username)
        elif row.username in left:
            left.remove(row.username)
            if not left:
                plan.faults.append(SheetFault(row.row, "role", "last-administrator"))
                return


def tell_what_became(work: Work, faults: list[SheetFault], sheet: Sheet, known: Sequence[Unit]) -> None:
    """Adds to "no such unit today" when the unit of that code ended and what it became: one place, or the choice of a split."""
    cells = {row.number: row.cells for row in sheet.rows}
    for at, fault in enumerate(faults):
        code = cells[fault.row].get("unit", "") if fault.row in cells and fault.column == "unit" else ""
        ended = [one for one in known if one.code == code and one.valid_to is not None]
        if not code or not ended or fault.slug not in NO_SUCH_UNIT:
            continue
        last = max(ended, key=lambda one: one.valid_to or date.min)
        now = [f"{one.code} {one.name}" for one in places_after(work, [last.id]).get(last.id, [])]
        more = "ended" if not now else "ended-and-is" if len(now) == 1 else "ended-and-split"
        values = {**fault.values, "name": last.name, "day": str(last.valid_to), "now": ", ".join(now)}
        faults[at] = replace(fault, values=values, more=more)


def phone_of(text: str) -> str | None:
    """The number with its country, or None for what is no number. One that starts with 0 is Vietnam's."""
    digits = re.sub(r"[\s.()-]", "", text)
    if LOCAL_PHONE.fullmatch(digits):
        digits = "+84" + digits[1:]
    return digits if PHONE.fullmatch(digits) else None


# ---------------------------------------------------------------- cells


def _coded(faults: list[SheetFault], row: SheetRow, column: str) -> str:
    text = row.cells[column]
    if not CODE.fullmatch(text):
        faults.append(SheetFault(row.number, column, "empty" if not text else "not-a-code"))
    return text


def _day(faults: list[SheetFault], row: SheetRow, column: str) -> date | None:
    text = row.cells[column]
    if not text:
        return None
    turned = re.sub(r"^(\d{1,2})/(\d{1,2})/(\d{4})$", lambda part: f"{part[3]}-{part[2]:0>2}-{part[1]:0>2}", text)
    try:
        return date.fromisoformat(turned)
    except ValueError:
        faults.append(SheetFault(row.number, column, "not-a-day"))
        return None


def _word(
    faults: list[SheetFault], row: SheetRow, column: str, kinds: type[Word], words: Mapping[str, Word]
) -> Word | None:
    folded = fold_name(row.cells[column])
    found = next((one for one in kinds if one.value == folded), words.get(folded))
    if found is None:
        choices = ", ".join(one.value for one in kinds)
        faults.append(SheetFault(row.number, column, "not-one-of", {"choices": choices}))
    return found
