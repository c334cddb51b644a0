"""Where a place of yesterday lies today: the built-in list, old names and codes, what was split."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlmodel import func, select

from casework.cli_import import fault_line
from casework.clock import FrozenClock
from casework.db import EmbeddedServer
from casework.people.contacts import CONTACT_COLUMNS, plan_contacts
from casework.people.imports import STAFF_COLUMNS, UNIT_COLUMNS, apply_units, plan_staff, plan_units
from casework.people.models import Unit, UnitKind
from casework.people.queries import (
    commune_by_code,
    commune_candidates,
    commune_named,
    communes_of,
    exists_on,
    find_places,
    province_for,
    search_units,
)
from casework.people.sheets import read_sheet
from casework.vault.fold import fold_name
from casework.work import SYSTEM, Work
from tests.conftest import Town, new_town

if TYPE_CHECKING:
    from casework.demo.world import World

BUILT_IN = resources.files("casework.people") / "data" / "units.csv"
BEFORE = date(2025, 3, 1)


@pytest.fixture(scope="module")
def everywhere(
    server: EmbeddedServer, peopled: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """An office that knows every place of the country: nobody here changes it."""
    at = FrozenClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    began = time.monotonic()
    with new_town(server, peopled, at, tmp_path_factory.mktemp("everywhere")) as town:
        with town.office.begin(SYSTEM) as work:
            with resources.as_file(BUILT_IN) as path:
                plan = plan_units(work, read_sheet(path, UNIT_COLUMNS))
            assert plan.faults == []
            apply_units(work, plan)
        assert time.monotonic() - began < 30
        yield town


@pytest.fixture
def work(everywhere: Town) -> Iterator[Work]:
    with everywhere.office.begin(SYSTEM) as work:
        yield work
        work.session.rollback()


def name(unit: Unit | None) -> str | None:
    return unit.name if unit else None


def test_every_place_arrives_in_seconds_and_nothing_is_left_to_do_the_second_time(everywhere: Town) -> None:
    with everywhere.office.begin(SYSTEM) as work, resources.as_file(BUILT_IN) as path:
        again = plan_units(work, read_sheet(path, UNIT_COLUMNS))
        counted = dict(
            work.session.exec(
                select(Unit.kind, func.count())
                .where(exists_on(date(2026, 11, 23)), Unit.code.not_like("99%"))  # type: ignore[attr-defined]
                .group_by(Unit.kind)
            ).all()
        )
    assert (again.faults, again.added, again.changed) == ([], [], [])
    assert (counted[UnitKind.PROVINCE], counted[UnitKind.COMMUNE]) == (34, 3321)


def test_a_code_means_the_place_that_had_it_on_the_day(work: Work) -> None:
    # 00025 is Giảng Võ's; until mid-2025 it was Ngọc Khánh's, which was split. 00001 was Phúc Xá's and is nobody's.
    assert name(commune_by_code(work, "00025")) == "Phường Giảng Võ"
    assert commune_by_code(work, "00025", BEFORE) is None
    assert name(commune_by_code(work, "00001")) == "Phường Hồng Hà"
    assert commune_by_code(work, "99999") is None


def test_a_merged_commune_s_name_leads_to_its_successor_and_a_split_one_s_to_a_question(work: Work) -> None:
    assert name(commune_named(work, "Cống Vị, quận Ba Đình")) is None  # split: nobody is sent by a guess
    asked = [one.name for one in commune_candidates(work, "Cống Vị, quận Ba Đình")]
    assert asked == ["Phường Ngọc Hà", "Phường Giảng Võ"]
    merged = commune_candidates(work, "Phường Phúc Tân, Quận Hoàn Kiếm, Hà Nội")
    assert [one.name for one in merged] == ["Phường Hồng Hà"]


def test_a_name_that_many_communes_bear_is_nobody_s_until_its_province_is_said(work: Work) -> None:
    assert commune_named(work, "Tân Thành") is None and len(commune_candidates(work, "tan thanh")) > 1
    assert name(commune_named(work, "Tân Thành, Đồng Tháp")) in {"Xã Tân Thành", None}


def test_a_search_finds_former_communes_and_says_what_they_are_now(work: Work) -> None:
    found = find_places(work, "truc bach")
    assert found and all(one.formerly is not None and one.formerly.name == "Phường Trúc Bạch" for one in found)
    assert all(one.commune.valid_to is None for one in found)
    parts = find_places(work, "cong vi, ba dinh")
    assert [(one.commune.name, one.shared) for one in parts] == [("Phường Ngọc Hà", True), ("Phường Giảng Võ", True)]
    assert find_places(work, "ba dinh")[0].commune.name == "Phường Ba Đình"
    assert find_places(work, "  ") == [] and find_places(work, "%_\\") == []


def test_an_island_district_without_communes_leads_to_its_special_zone(work: Work) -> None:
    assert name(commune_named(work, "Huyện Côn Đảo")) == "Đặc khu Côn Đảo"


def test_a_search_in_every_place_of_the_country_takes_milliseconds(work: Work) -> None:
    find_places(work, "an")
    began = time.monotonic()
    for words in ("tan", "ba dinh", "khong co xa nay", "phuc xa, ba dinh"):
        find_places(work, words)
    assert (time.monotonic() - began) / 4 < 0.25


def test_a_province_offers_its_communes_of_today_only(everywhere: Town, work: Work) -> None:
    hanoi = work.session.exec(select(Unit).where(Unit.code == "01", Unit.kind == UnitKind.PROVINCE)).one()
    assert len(communes_of(work, hanoi.id)) == 126
    assert province_for(work, everywhere.act_as("worker")).code == "99"
    assert province_for(work, SYSTEM).code == "99"  # the one with a desk that is staffed


def test_a_file_that_names_a_place_of_yesterday_is_told_what_it_became(work: Work, tmp_path: Path) -> None:
    split = text(
        """
        select old.code, count(*) as parts from unit old join unit_succession after on after.predecessor_id = old.id
        join unit now on now.id = after.successor_id and now.valid_to is null and now.kind = 'commune'
        where old.kind = 'commune' and not exists (select 1 from unit own where own.code = old.code and own.valid_to is null)
        group by old.id, old.code having count(*) = :parts order by old.code limit 1
        """
    )
    one, several = (work.session.execute(split, {"parts": parts}).scalar_one() for parts in (1, 2))
    path = tmp_path / "staff.csv"
    path.write_text(
        f"username,name,role,unit\na1,Tên,worker,{one}\na2,Tên,worker,{several}\na3,Tên,worker,xx\n", "utf-8"
    )
    first, second, third = (fault_line(one) for one in plan_staff(work, read_sheet(path, STAFF_COLUMNS)).faults)
    assert f"there is no unit {one} today: " in first and " ended on 2025-06-30; it is now " in first
    assert "; say which of " in second and second.count(", ") == 2
    assert third == "row 4, unit: there is no unit xx today"
    path.write_text(f"unit,body,post,name,phone,hours\n{several},police,Trực ban,,0912345678,\n", "utf-8")
    (fault,) = plan_contacts(work, read_sheet(path, CONTACT_COLUMNS)).faults
    assert "; say which of " in fault_line(fault)


def test_a_unit_of_just_that_name_is_offered_before_those_that_hold_it(work: Work) -> None:
    for words in ("an phú", "Tân Thành", "hoà bình"):
        found = [
            re.sub("^(xã|phường|đặc khu) ", "", one.name, flags=re.I) for one in search_units(work, words=words, size=8)
        ]
        whole = [fold_name(one) == fold_name(words) for one in found]
        assert whole[0] and whole == sorted(whole, reverse=True), (words, found)
