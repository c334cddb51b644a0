from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from casework.errors import UnsafeStart
from casework.vault.keys import create_key_file, load_key_file


def test_a_new_key_file_is_private_and_reads_back(key_path: Path) -> None:
    keys = create_key_file(key_path)
    assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_path.parent.stat().st_mode) == 0o700
    assert list(key_path.parent.iterdir()) == [key_path]
    again = load_key_file(key_path)
    assert again.derive("x") == keys.derive("x")
    assert again.fingerprint == keys.fingerprint


def test_a_key_file_is_never_overwritten(key_path: Path) -> None:
    create_key_file(key_path)
    before = key_path.read_bytes()
    with pytest.raises(UnsafeStart, match="exists already"):
        create_key_file(key_path)
    assert key_path.read_bytes() == before
    assert list(key_path.parent.iterdir()) == [key_path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700, 0o644])
def test_a_key_file_that_others_may_read_stops_the_start(key_path: Path, mode: int) -> None:
    create_key_file(key_path)
    key_path.chmod(mode)
    with pytest.raises(UnsafeStart, match="wider than 0600"):
        load_key_file(key_path)


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_key_folder_that_others_may_enter_stops_the_start(key_path: Path, mode: int) -> None:
    create_key_file(key_path)
    key_path.parent.chmod(mode)
    with pytest.raises(UnsafeStart, match="wider than 0700"):
        load_key_file(key_path)
    with pytest.raises(UnsafeStart, match="wider than 0700"):
        create_key_file(key_path.with_name("second.key"))


def test_a_key_file_of_another_user_stops_the_start(key_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key_file(key_path)
    monkeypatch.setattr(os, "geteuid", lambda: key_path.stat().st_uid + 1)
    with pytest.raises(UnsafeStart, match="another user"):
        load_key_file(key_path)


def test_a_linked_key_file_stops_the_start(key_path: Path) -> None:
    create_key_file(key_path)
    link = key_path.with_name("link.key")
    link.symlink_to(key_path)
    with pytest.raises(UnsafeStart, match="symbolic link"):
        load_key_file(link)


def test_a_missing_key_file_and_a_folder_in_its_place_stop_the_start(key_path: Path) -> None:
    with pytest.raises(UnsafeStart, match="is missing"):
        load_key_file(key_path)
    key_path.mkdir(parents=True)
    with pytest.raises(UnsafeStart, match="not a plain file"):
        load_key_file(key_path)


def test_a_key_file_cut_anywhere_stops_the_start(key_path: Path) -> None:
    create_key_file(key_path)
    whole = key_path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        key_path.write_bytes(whole[:length])
        with pytest.raises(UnsafeStart):
            load_key_file(key_path)


PLACEHOLDER = base64.b64encode(b"change-me-change-me-change-me-ch").decode()


@pytest.mark.parametrize(
    "change",
    [
        {"root": "changeme"},
        {"root": PLACEHOLDER},
        {"signing": base64.b64encode(bytes(32)).decode()},
        {"active": "0123456789abcdef"},
        {"version": 2},
        {"keks": []},
        {"keks": {}},
        {"root": None},
    ],
)
def test_a_placeholder_or_broken_key_file_stops_the_start_in_one_line(key_path: Path, change: dict[str, Any]) -> None:
    create_key_file(key_path)
    content = json.loads(key_path.read_text()) | change
    key_path.write_text(json.dumps(content))
    with pytest.raises(UnsafeStart) as refused:
        load_key_file(key_path)
    assert "\n" not in str(refused.value)
    assert content["signing"] not in str(refused.value)


def test_one_key_for_two_purposes_stops_the_start(key_path: Path) -> None:
    create_key_file(key_path)
    content = json.loads(key_path.read_text())
    key_path.write_text(json.dumps(content | {"signing": content["root"]}))
    with pytest.raises(UnsafeStart, match="twice"):
        load_key_file(key_path)


def test_each_purpose_has_a_key_of_its_own(key_path: Path) -> None:
    keys = create_key_file(key_path)
    assert len({keys.derive("a"), keys.derive("b"), keys.digest("a", "x"), keys.digest("b", "x")}) == 4
    assert keys.digest("a", "x") == keys.digest("a", "x") != keys.digest("a", "y")
    assert len(keys.digest("a", "x")) == 32


def test_a_signature_holds_for_its_data_and_key_only(key_path: Path, tmp_path: Path) -> None:
    keys, stranger = create_key_file(key_path), create_key_file(tmp_path / "other" / "office.key")
    signature = keys.sign(b"head")
    assert keys.verify(b"head", signature)
    assert not keys.verify(b"head.", signature)
    assert not stranger.verify(b"head", signature)
    assert not keys.verify(b"head", b"short")


def test_the_repr_of_keys_shows_only_the_fingerprint(key_path: Path) -> None:
    keys = create_key_file(key_path)
    assert repr(keys) == f"Keys({keys.fingerprint})"
    assert not hasattr(keys, "__dict__")
