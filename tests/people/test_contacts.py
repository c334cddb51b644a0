"""The directory of neighbouring bodies: out of a file whole or not at all, and shown to those whose place it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import text

from casework.cli_import import fault_line
from casework.people.contacts import (
    CONTACT_COLUMNS,
    ContactPlan,
    apply_contacts,
    contact_phone,
    contacts_of,
    phone_text,
    plan_contacts,
)
from casework.people.queries import commune_by_code
from casework.people.sheets import read_sheet
from casework.work import SYSTEM
from tests.conftest import Town

HEAD = "Mã đơn vị;Cơ quan;Chức vụ;Họ tên;Điện thoại;Giờ trực\n"
ROWS = (
    "99001;Công an;Trưởng công an xã;Người Diễn Tập;0900 009 001;24/24\n"
    "99001;Trạm y tế;Trưởng trạm;;(0219) 3.866.113;24/24\n"
    "99;cong tac xa hoi;Trực trung tâm;;1800 1567;giờ hành chính\n"
)


@pytest.fixture
def load(town: Town, tmp_path: Path) -> Callable[..., ContactPlan]:
    """Plans a file of these rows, and applies it where it has no faults."""

    def imported(rows: str, *, dry: bool = False) -> ContactPlan:
        path = tmp_path / "contacts.csv"
        path.write_text(HEAD + rows, "utf-8")
        with town.office.begin(SYSTEM) as work:
            plan = plan_contacts(work, read_sheet(path, CONTACT_COLUMNS))
            if not plan.faults and not dry:
                apply_contacts(work, plan)
        return plan

    return imported


def counts(plan: ContactPlan) -> tuple[int, int, int]:
    return len(plan.added), len(plan.changed), len(plan.gone)


def shown(town: Town) -> list[tuple[str, str, str, str]]:
    with town.office.begin(SYSTEM) as work:
        home = commune_by_code(work, "99001")
        assert home is not None
        return [(one.body, one.post, one.name, one.phone) for one in contacts_of(work, [home.id]).get(home.id, [])]


@pytest.mark.parametrize(
    ("written", "kept", "read"),
    [
        ("0912 345 678", "+84912345678", "0912 345 678"),
        ("+84 912-345-678", "+84912345678", "0912 345 678"),
        ("84912345678", "+84912345678", "0912 345 678"),
        ("(0219) 3.866.113", "+842193866113", "02193 866 113"),
        ("111", "111", "111"),
        ("1800 1567", "18001567", "1800 1567"),
        ("912345678", None, None),
        ("0912 345 67x", None, None),
        ("19", None, None),
    ],
)
def test_numbers_are_read_as_they_are_written_in_viet_nam(written: str, kept: str | None, read: str | None) -> None:
    assert contact_phone(written) == kept
    assert kept is None or phone_text(kept) == read


def test_a_file_is_the_whole_list_of_the_bodies_it_names_and_of_no_other(
    town: Town, load: Callable[..., ContactPlan]
) -> None:
    assert counts(load(ROWS, dry=True)) == (3, 0, 0) and shown(town) == []
    assert counts(load(ROWS)) == (3, 0, 0)
    assert counts(load(ROWS)) == (0, 0, 0)
    assert shown(town) == [
        ("police", "Trưởng công an xã", "Người Diễn Tập", "+84900009001"),
        ("health", "Trưởng trạm", "", "+842193866113"),
    ]
    moved = "99001;Công an;Trưởng công an xã;Người Diễn Tập;0900009002;24/24\n"
    assert counts(load(moved)) == (0, 1, 0)
    assert counts(load("99001;police;Trực ban;;113;24/24\n")) == (1, 0, 1)
    assert [one[1] for one in shown(town)] == ["Trực ban", "Trưởng trạm"]


def test_every_fault_is_named_with_its_row_and_nothing_is_kept(town: Town, load: Callable[..., ContactPlan]) -> None:
    wrong = "88888;Công an;Trực ban;;113;\n99001;Bưu điện;;;abc;\n" + ROWS + ROWS.splitlines()[0] + "\n"
    assert [fault_line(fault) for fault in load(wrong).faults] == [
        "row 2, unit: there is no commune, province or hotline 88888 today",
        "row 3, body: not one of: police, health, hotline, social-work, school, other",
        "row 3, post: is empty",
        "row 3, phone: no telephone number: 0…, +84…, 111 or 1800…",
        "row 7, post: stands in row 4 already",
    ]
    assert shown(town) == []


def test_an_excel_file_keeps_its_zeros_or_is_refused(town: Town, tmp_path: Path) -> None:
    book, path = Workbook(), tmp_path / "contacts.xlsx"
    book.active.append(["unit", "body", "post", "phone"])
    book.active.append(["99001", "police", "Trực ban", "0900009001"])
    book.active.append(["99001", "health", "Trưởng trạm", 900009002])
    book.save(path)
    with town.office.begin(SYSTEM) as work:
        plan = plan_contacts(work, read_sheet(path, CONTACT_COLUMNS))
    assert [(fault.row, fault.column) for fault in plan.faults][:1] == [(3, "phone")] and len(plan.added) == 1


def test_a_stolen_dump_is_no_directory(town: Town, load: Callable[..., ContactPlan]) -> None:
    load(ROWS)
    with town.office.engine.connect() as connection:
        stored = "".join(str(tuple(row)) for row in connection.execute(text("select * from contact")))
    assert "Trưởng trạm" in stored and "Diễn Tập" not in stored and "9001" not in stored and "866113" not in stored
