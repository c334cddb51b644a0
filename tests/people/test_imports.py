"""Files from elsewhere: every fault named by row and column, all of it or nothing, the same twice."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cli_import import fault_line
from casework.people.factors import sign_in
from casework.people.imports import (
    STAFF_COLUMNS,
    UNIT_COLUMNS,
    StaffPlan,
    UnitPlan,
    apply_staff,
    apply_units,
    phone_of,
    plan_staff,
    plan_units,
)
from casework.people.models import Staff, Unit
from casework.people.queries import commune_by_code, commune_candidates
from casework.people.service import person_of, resume_session, set_mail
from casework.people.sheets import read_sheet, read_table
from casework.work import SYSTEM

if TYPE_CHECKING:
    from tests.conftest import Town

HEAD = "username,name,role,post,unit,phone,hamlet"
GOOD = f"{HEAD}\nnguoi-moi,Cán bộ Bản Sen,worker,,99002,0900001234,\npho-moi,Phó mới,chủ tịch,phó chủ tịch,99002,,\n"
UNITS = "code,name,kind,province,district,valid_from,valid_to,successors\n"

BAD_STAFF: list[tuple[str | bytes, str]] = [
    ("", "file: empty"),
    ("tên,ai\nx,y\n", "row 1, tên đăng nhập"),
    (HEAD.replace("role,", "") + "\na1,Tên,,99002,,\n", "row 1, role: this column is missing"),
    (HEAD + ",username\n", "row 1, username: stands twice"),
    (f"{HEAD}\na1,Tên,worker,,00000,,\n", "row 2, unit: there is no unit 00000 today"),
    (f"{HEAD}\na1,Tên,worker,,99,,\n", "row 2, unit: 99 is no unit of a worker"),
    (f"{HEAD}\na1,Tên,mayor,,99002,,\n", "row 2, role: not one of"),
    (f"{HEAD}\na1,Tên,worker,deputy,99002,,\n", "row 2, post: goes with the role chair only"),
    (f"{HEAD}\na1,Tên,worker,,99002,12,\n", "row 2, phone: no telephone number"),
    (f"{HEAD}\na1,,worker,,99002,,\n", "row 2, name: is empty"),
    (f"{HEAD}\nA B,Tên,worker,,99002,,\n", "row 2, username: 2 to 40"),
    (f"{HEAD}\na1,Tên,worker,,99002,,\na1,Tên,worker,,99002,,\n", "row 3, username: stands in this file twice"),
    (f'{HEAD}\na1,"=HYPERLINK(""x"")",worker,,99002,,\n', "row 2, name: a formula"),
    (f"{HEAD}\na1,Tên,worker,,99002,,,,thừa\n", "row 2: 9 cells under 7 headers"),
    (f'{HEAD}\na1,"Tên,worker\n', "cannot be read as CSV"),
    (f"{HEAD}\na1,T\u202een,worker,,99002,,\n", "row 2, name: holds a character that cannot be seen"),
    (f"{HEAD}\na1,{'x' * 600},worker,,99002,,\n", "row 2, name: longer than 500"),
    (GOOD.encode("utf-16"), "file: not UTF-8"),
    (b"x" * (10 * 1024 * 1024 + 1), "file: larger than 10 MB"),
]


def written(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def staff_faults(town: Town, path: Path) -> list[str]:
    with town.office.begin(SYSTEM) as work:
        return [fault_line(one) for one in plan_staff(work, read_sheet(path, STAFF_COLUMNS)).faults]


def import_staff(town: Town, path: Path) -> StaffPlan:
    with town.office.begin(SYSTEM) as work:
        plan = plan_staff(work, read_sheet(path, STAFF_COLUMNS))
        apply_staff(work, plan)
    return plan


def import_units(town: Town, path: Path) -> UnitPlan:
    with town.office.begin(SYSTEM) as work:
        plan = plan_units(work, read_sheet(path, UNIT_COLUMNS))
        if not plan.faults:
            apply_units(work, plan)
    return plan


@pytest.mark.parametrize("text", [GOOD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace(",", ";")])
def test_a_list_of_staff_is_read_with_or_without_mark_in_any_line_ending(town: Town, tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert len(import_staff(town, path).added) == 2
    with town.office.begin(SYSTEM) as work:
        one = work.session.exec(select(Staff).where(Staff.username == "nguoi-moi")).one()
        other = work.session.exec(select(Staff).where(Staff.username == "pho-moi")).one()
        assert person_of(work, one) == {"name": "Cán bộ Bản Sen", "phone": "+84900001234", "hamlet": None}
        assert (other.role, other.post, other.password_hash) == ("chair", "deputy", "")
    again = import_staff(town, path)
    assert (again.added, again.moved, again.renamed) == ([], [], [])


def test_a_changed_list_moves_the_account_and_ends_its_sessions(town: Town, tmp_path: Path) -> None:
    with town.office.begin(SYSTEM) as work:
        token = sign_in(work, "worker-99002", town.password).token
    row = "worker-99002,Người làm công tác bảo vệ trẻ em Xã Bản Sen,worker,,99003,,\n"
    assert len(import_staff(town, written(tmp_path, f"{HEAD}\n{row}")).moved) == 1
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, token) is None


@pytest.mark.parametrize(("text", "fault"), BAD_STAFF)
def test_a_bad_list_is_refused_by_row_and_column(town: Town, tmp_path: Path, text: str | bytes, fault: str) -> None:
    faults = staff_faults(town, written(tmp_path, text))
    wanted = fault.replace("tên đăng nhập", "tên")
    assert any(one.startswith(wanted) or wanted in one for one in faults), faults


def test_one_bad_row_keeps_every_good_one_out(town: Town, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "hong,Tên,worker,,00000,,\n")
    with pytest.raises(ValueError):
        import_staff(town, path)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Staff).where(Staff.username == "nguoi-moi")).first() is None


def excel(folder: Path, rows: list[list[object]], name: str = "file.xlsx") -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(folder / name)
    return folder / name


def test_an_excel_list_is_read_and_its_formulas_and_bare_numbers_refused(town: Town, tmp_path: Path) -> None:
    head: list[object] = ["Tên đăng nhập", "Họ và tên", "Vai trò", "Đơn vị", "Điện thoại"]
    good = excel(tmp_path, [head, ["a1", "Tên", "worker", "99002", 912345678], [None] * 5], "a.xlsx")
    bad = excel(tmp_path, [head, ["a1", "=A1", "worker", 99002, "0912345678"]], "b.xlsx")
    assert staff_faults(town, good) == ["row 2, phone: no telephone number: 0… or +84…"]
    assert [one.split(":")[0] for one in staff_faults(town, bad)[:2]] == ["row 2, name", "row 2, unit"]
    fixed = excel(tmp_path, [head, ["a1", "Tên", "worker", "99002", "0912345678"]], "c.xlsx")
    assert len(import_staff(town, fixed).added) == 1
    assert staff_faults(town, written(tmp_path, "PK\x03\x04 nothing", "d.xlsx")) == [
        "file: cannot be read as Excel: save it anew as .xlsx or as “CSV UTF-8”"
    ]
    assert staff_faults(town, written(tmp_path, "x", "e.ods")) == ["file: neither .csv nor .xlsx"]


def test_an_excel_file_broken_anywhere_is_a_fault_and_never_an_error(tmp_path: Path) -> None:
    rows: list[list[object]] = [["username", "name", "role", "unit"]]
    whole = excel(tmp_path, rows + [[f"a{n}", "Tên", "worker", "99002"] for n in range(9)])
    data, chance = whole.read_bytes(), Random(4)
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            broken[chance.randrange(len(data))] = chance.randrange(256)
        read_table("a.xlsx", bytes(broken), STAFF_COLUMNS)
    for cut in range(0, len(data), 97):
        assert read_table("a.xlsx", data[:cut], STAFF_COLUMNS).faults
    assert len(read_table("a.xlsx", data, STAFF_COLUMNS).rows) == 9


@pytest.mark.parametrize("name", ["a.xls", "a.xlsx"])
def test_an_excel_file_of_the_old_kind_or_with_a_password_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    sheet = read_table(name, bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), STAFF_COLUMNS)
    assert [fault_line(one) for one in sheet.faults] == [
        "file: an Excel file of the old kind (.xls) or closed by a password: save it anew as .xlsx"
    ]


def test_rows_beyond_the_most_that_are_read_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casework.people.sheets.MAX_ROWS", 3)
    sheet = read_table("a.csv", GOOD.encode() + b"\n\na3,Ten,worker,,99002,,\n", STAFF_COLUMNS)
    assert [fault_line(one) for one in sheet.faults] == ["row 6: more than 3 rows"]
    assert read_table("a.csv", GOOD.encode() + b"\n\n,,,,,,\n", STAFF_COLUMNS).faults == []


def test_an_example_of_the_template_is_no_account_and_a_name_like_it_is(town: Town, tmp_path: Path) -> None:
    rows = "a1,VÍ DỤ: Nguyễn Văn An,worker,,99002,,\na2,Vi Du An,worker,,99002,,\n"
    assert staff_faults(town, written(tmp_path, f"{HEAD}\n{rows}")) == [
        "row 2: an example of the template: delete this row"
    ]


def test_a_merger_closes_a_commune_and_its_old_code_and_name_lead_on(town: Town, tmp_path: Path) -> None:
    merger = (
        "99002,Xã Bản Sen,commune,99,,,2026-10-31,99003\n"
        "99005,Xã Tả Lìn,commune,99,,,2026-10-31,99003 99006\n"
        "99006,Xã Nậm Cát,commune,99,,2026-11-01,,\n"
    )
    plan = import_units(town, written(tmp_path, UNITS + merger))
    assert (plan.faults, len(plan.added), len(plan.changed), plan.stranded) == ([], 1, 2, 6)
    with town.office.begin(SYSTEM) as work:
        found = commune_by_code(work, "99002")
        assert found is not None and found.code == "99003"
        assert commune_by_code(work, "99005") is None
        assert [one.code for one in commune_candidates(work, "ta lin")] == ["99003", "99006"]
        told = work.session.exec(select(AuditEntry.fields).where(AuditEntry.tag == Tag.UNIT_CHANGED)).all()
    assert list(told) == ['["added-1", "changed-2"]']


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("99002,Xã Khác,commune,99,,2026-11-01,,", "row 2, code: 99002 is the code of “Xã Bản Sen”"),
        ("99002,Xã Bản Sen,commune,99,,,2026-10-31,00000", "row 2, successors: there is no commune 00000"),
        ("99002,Xã Bản Sen,commune,99,,,,99003", "row 2, successors: of a unit that still exists"),
        ("99010,Xã Mới,commune,00,,,,", "row 2, province: there was no province 00"),
        ("99010,Xã Mới,làng,99,,,,", "row 2, kind: not one of"),
        ("99010,Xã Mới,commune,99,,hôm qua,,", "row 2, valid_from: no day"),
        ("99010,Xã Mới,commune,99,,2026-02-01,2026-01-01,", "row 2, valid_to: before valid_from"),
        ("99 010,Xã Mới,commune,99,,,,", "row 2, code: letters, digits"),
    ],
)
def test_a_bad_unit_is_refused_by_row_and_column(town: Town, tmp_path: Path, row: str, fault: str) -> None:
    faults = [fault_line(one) for one in import_units(town, written(tmp_path, f"{UNITS}{row}\n")).faults]
    assert any(one.startswith(fault) for one in faults), faults


def test_a_new_name_for_the_same_commune_keeps_its_people(town: Town, tmp_path: Path) -> None:
    plan = import_units(town, written(tmp_path, f"{UNITS}99002,Xã Bản Sen Mới,commune,99,,,,\n"))
    assert (len(plan.added), len(plan.changed)) == (0, 1)
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker-99002")).one()
        assert work.session.get_one(Unit, staff.unit_id).name == "Xã Bản Sen Mới"


def test_ten_thousand_rows_of_staff_are_judged_in_seconds(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD.split(","))
        rows.writerows([f"nv-{n}", "Tên", "worker", "", "99002", "", ""] for n in range(10_000))
    assert staff_faults(town, path) == []


@pytest.mark.parametrize(
    ("typed", "number"),
    [("0912 345 678", "+84912345678"), ("+84 (90) 000-1234", "+84900001234"), ("111", None), ("84912345678", None)],
)
def test_a_telephone_number_gets_its_country(typed: str, number: str | None) -> None:
    assert phone_of(typed) == number


def test_a_mail_address_that_no_file_holds_makes_no_row_a_change(town: Town, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    import_staff(town, path)
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "nguoi-moi")).one()
        set_mail(work, staff, "nguoi-moi@xa.example")
    again = import_staff(town, path)
    assert (again.added, again.moved, again.renamed) == ([], [], [])


def test_a_dry_run_names_the_last_administrator_who_would_be_moved(town: Town, tmp_path: Path) -> None:
    row = f"{HEAD}\nadministrator,Quản trị,auditor,,99,,\n"
    assert staff_faults(town, written(tmp_path, row)) == [
        "row 2, role: of the last administrator: open another one first"
    ]
    assert staff_faults(town, written(tmp_path, f"{row}quan-tri-2,Quản trị,administrator,,99,,\n")) == []
