from __future__ import annotations

import unicodedata

import pytest

from casework.vault.fold import fold_name


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Hoà", "hoa"),
        ("Hòa", "hoa"),
        ("ĐỖ  THỊ   Ngọc\tÁnh ", "do thi ngoc anh"),
        ("Nguyễn Đức Thắng", "nguyen duc thang"),
        ("Ươm Lưỡng", "uom luong"),
        ("", ""),
    ],
)
def test_a_name_is_found_however_it_was_typed(typed: str, folded: str) -> None:
    assert fold_name(typed) == folded
    assert fold_name(unicodedata.normalize("NFD", typed)) == folded


def test_every_vietnamese_letter_folds_to_a_plain_one() -> None:
    letters = "aăâeêioôơuưyđ"
    tones = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
    for letter in letters + letters.upper():
        for tone in tones:
            assert fold_name(unicodedata.normalize("NFC", letter + tone)).isascii()
