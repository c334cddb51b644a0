"""How single answers are written by people, and what they mean."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from casework.law.answers import Boxes, Unreadable, boxes_of, display_of, display_phone, many_lines, one_line, value_of
from casework.law.model import Field, Option, Text

TODAY = date(2026, 11, 22)


def ask(kind: str, written: str, **more: Any) -> Any:
    return value_of(question(kind, **more), Boxes([written]), TODAY)


def question(kind: str, **more: Any) -> Field:
    return Field(id="q", kind=kind, label=Text("Hỏi", "Question"), group="work", **more)


def fault_of(kind: str, written: str, **more: Any) -> str:
    with pytest.raises(Unreadable) as refused:
        ask(kind, written, **more)
    return refused.value.fault


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0912345678", "+84912345678"),
        ("0912 345 678", "+84912345678"),
        ("0912.345.678", "+84912345678"),
        ("0912-345-678", "+84912345678"),
        ("091 2345 678", "+84912345678"),
        (" (0912) 345 678 ", "+84912345678"),
        ("+84912345678", "+84912345678"),
        ("+84 912 345 678", "+84912345678"),
        ("+84 (0) 912 345 678", "+84912345678"),
        ("+840912345678", "+84912345678"),
        ("0084 912 345 678", "+84912345678"),
        ("00840912345678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("0356789012", "+84356789012"),
        ("02438123456", "+842438123456"),
        ("(024) 3812 3456", "+842438123456"),
        ("0209 381 2345", "+842093812345"),
        ("+84 24 3812 3456", "+842438123456"),
        ("111", "111"),
        ("113", "113"),
        ("1800 1567", "18001567"),
        ("+856 20 5512 3456", "+8562055123456"),
    ],
)
def test_a_phone_is_read_in_every_vietnamese_way(written: str, stored: str) -> None:
    assert ask("phone", written) == stored


@pytest.mark.parametrize(
    "written",
    ["0912", "09123456789", "0112345678", "số của mẹ", "0912345678 / 0987654321", "+84", "112233", "०९१२३४५६७८", "+", "0" * 500],
)  # fmt: skip
def test_what_is_no_phone_is_refused(written: str) -> None:
    assert fault_of("phone", written) == "not-a-phone"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+84912345678", "0912 345 678"), ("+842438123456", "024 3812 3456"), ("+842093812345", "0209 381 2345"),
     ("111", "111"), ("+8562055123456", "+8562055123456")],
)  # fmt: skip
def test_a_phone_is_shown_as_people_say_it(stored: str, shown: str) -> None:
    assert display_phone(stored) == shown
    assert ask("phone", shown) == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("22/11/2026", "2026-11-22"),
        ("22-11-2026", "2026-11-22"),
        ("22.11.2026", "2026-11-22"),
        ("22 11 2026", "2026-11-22"),
        ("2/1/26", "2026-01-02"),
        ("02-01-26", "2026-01-02"),
        ("1/1/99", "1999-01-01"),
        ("29/2/2024", "2024-02-29"),
        ("2026-11-22", "2026-11-22"),
    ],
)
def test_a_date_is_read_in_one_box(written: str, stored: str) -> None:
    assert ask("date", written) == stored


@pytest.mark.parametrize(
    "written", ["30/2/2026", "29/2/2026", "32/1/2026", "1/13/2026", "hôm qua", "0/1/2026", "1/1/202", "1/1/0001", "２２/11/2026"]
)  # fmt: skip
def test_a_day_that_does_not_exist_is_refused(written: str) -> None:
    assert fault_of("date", written) == "not-a-date"


def test_a_date_with_an_empty_box_is_refused() -> None:
    with pytest.raises(Unreadable, match="not-a-date"):
        value_of(question("date"), Boxes([], day="22", year="2026"), TODAY)


def test_a_past_day_may_be_today_but_not_tomorrow() -> None:
    assert ask("date", "22/11/2026", past=True) == "2026-11-22"
    assert fault_of("date", "23/11/2026", past=True) == "in-the-future"
    assert ask("date", "23/11/2026") == "2026-11-23"


def test_a_birth_year_of_two_digits_lies_behind_us() -> None:
    assert ask("date", "1/1/27", past=True) == "1927-01-01"
    assert ask("date", "1/1/27") == "2027-01-01"


@pytest.mark.parametrize(
    ("written", "hour"),
    [("22:14", "22:14"), ("22h14", "22:14"), ("22.14", "22:14"), ("22 giờ 14", "22:14"), ("22 giờ 14 phút", "22:14"),
     ("7h", "07:00"), ("7g05", "07:05"), ("0:00", "00:00"), ("22:14:59", "22:14")],
)  # fmt: skip
def test_a_time_is_read_by_the_24_hour_clock(written: str, hour: str) -> None:
    boxes = Boxes([], day="22", month="11", year="2026", time=written)
    assert value_of(question("datetime"), boxes, TODAY) == f"2026-11-22T{hour}:00+07:00"


@pytest.mark.parametrize("written", ["24:00", "22:60", "22", "tối", "-1:00", "", "10:14 PM"])
def test_a_time_that_does_not_exist_is_refused(written: str) -> None:
    with pytest.raises(Unreadable, match="not-a-time"):
        value_of(question("datetime"), Boxes([], day="22", month="11", year="2026", time=written), TODAY)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2026-11-22T22:14", "2026-11-22T22:14:00+07:00"),
        ("2026-11-22T22:14:30+07:00", "2026-11-22T22:14:30+07:00"),
        ("2026-11-22T15:14:00Z", "2026-11-22T22:14:00+07:00"),
        ("22/11/2026 22:14", "2026-11-22T22:14:00+07:00"),
        ("22/11/2026 22 giờ 14", "2026-11-22T22:14:00+07:00"),
    ],
)
def test_a_moment_is_read_in_one_box_and_kept_on_vietnams_clock(written: str, stored: str) -> None:
    assert ask("datetime", written) == stored


@pytest.mark.parametrize("written", ["2026-13-01T10:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_impossible_moment_is_refused(written: str) -> None:
    assert fault_of("datetime", written) == "not-a-date"


def test_a_time_without_its_day_is_refused() -> None:
    with pytest.raises(Unreadable, match="not-a-date"):
        value_of(question("datetime"), Boxes([], time="22:14"), TODAY)


@pytest.mark.parametrize(
    ("written", "stored"),
    [("1.234,5", 1234.5), ("1.500.000", 1500000), ("1 500 000 đ", 1500000), ("1500000", 1500000), ("12.5", 12.5),
     ("1.234", 1234), ("0", 0), ("2,50", 2.5), ("3,0", 3), ("500.000 đồng", 500000)],
)  # fmt: skip
def test_a_number_is_read_as_vietnamese_people_write_it(written: str, stored: float) -> None:
    value = ask("number", written)
    assert value == stored
    assert type(value) is type(stored)


@pytest.mark.parametrize("written", ["nhiều", "-1", "1,234,5", "1.23.456", "NaN", "Infinity", "1e9", "9" * 40, "１２"])
def test_what_is_no_number_is_refused(written: str) -> None:
    assert fault_of("number", written) == "not-a-number"


def test_a_count_is_whole_and_inside_its_bounds() -> None:
    days = {"minimum": 1, "maximum": 15}
    assert ask("number", "15", **days) == 15
    assert fault_of("number", "16", **days) == "out-of-range"
    assert fault_of("number", "0", **days) == "out-of-range"
    assert fault_of("number", "2,5", **days) == "not-a-number"


@pytest.mark.parametrize(
    ("written", "years"), [("7", 7), ("7 tuổi", 7), ("khoảng 7 tuổi", 7), ("0", 0), ("8 tháng", 0), ("30 tháng", 2)]
)
def test_an_age_is_read_in_years(written: str, years: int) -> None:
    assert ask("age", written) == years


@pytest.mark.parametrize("years", ["16", "17"])
def test_sixteen_and_seventeen_are_recorded(years: str) -> None:
    assert ask("age", years) == int(years)


def test_eighteen_is_no_childs_age() -> None:
    assert fault_of("age", "18") == "out-of-range"
    assert fault_of("age", "bảy") == "not-an-age"
    assert fault_of("age", "-3") == "not-an-age"


def test_text_is_composed_and_freed_of_what_cannot_be_seen() -> None:
    assert one_line(" Nguye\u0302\u0303n \u202eThi\u0323\u200b\x00\tBe\u0301\r\n") == "Nguyễn Thị Bé"
    assert one_line("a\ud800b") == "ab"  # an unpaired half of a letter would break the database's UTF-8


def test_line_breaks_stay_where_lines_are_asked() -> None:
    assert many_lines("Một \r\nhai\rba\n\n\x07bốn\n ") == "Một\nhai\nba\n\nbốn"
    assert ask("text", "Một\nhai") == "Một hai"


def test_text_beyond_its_length_is_refused() -> None:
    assert ask("text", "x" * 10, max_length=10) == "x" * 10
    assert fault_of("text", "x" * 11, max_length=10) == "too-long"


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "'; drop table cases; --", "{{ 7*7 }}", "%s%n", "../../etc"]
)
def test_hostile_text_is_only_text(hostile: str) -> None:
    assert ask("longtext", hostile) == hostile


def test_a_choice_takes_only_what_was_offered() -> None:
    offered = (Option("a", Text("A", "A")), Option("b", Text("B", "B")))
    assert ask("choice", "a", options=offered) == "a"
    assert fault_of("choice", "c", options=offered) == "not-a-choice"
    several = question("choices", options=offered)
    assert value_of(several, Boxes(["b", "a", "b", ""]), TODAY) == ["a", "b"]
    with pytest.raises(Unreadable, match="not-a-choice"):
        value_of(several, Boxes(["a", "z"]), TODAY)


@pytest.mark.parametrize(("written", "meant"), [("yes", True), ("no", False), ("True", True), ("false", False)])
def test_yes_and_no_are_kept_as_truth(written: str, meant: bool) -> None:
    assert ask("yes_no", written) is meant


def test_a_commune_is_a_short_code() -> None:
    assert ask("commune", "04012") == "04012"
    assert fault_of("commune", "xã Nà Lũng") == "not-a-commune"
    assert fault_of("commune", "x" * 21) == "not-a-commune"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [("date", "2026-11-02", "02/11/2026"), ("datetime", "2026-11-22T22:14:00+07:00", "22:14 22/11/2026"),
     ("number", 1234567.5, "1.234.567,5"), ("yes_no", False, "Không"), ("phone", "+84912345678", "0912 345 678")],
)  # fmt: skip
def test_an_answer_is_shown_in_vietnamese_manner(kind: str, value: Any, shown: str) -> None:
    assert display_of(question(kind), value, "vi") == shown


def test_an_option_that_a_later_edition_dropped_still_shows() -> None:
    assert display_of(question("choice"), "old", "vi") == "old"


def test_a_moments_boxes_are_day_month_year_and_time() -> None:
    assert boxes_of(question("datetime"), "q", "2026-11-02T07:05:00+07:00") == {
        "q-day": ["2"], "q-month": ["11"], "q-year": ["2026"], "q-time": ["07:05"],
    }  # fmt: skip
