"""What comes in as a scan is told by its bytes, loses where it was taken, and comes out as it was kept or not at all."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

import psycopg
import pytest
from PIL import Image
from sqlmodel import select

from casework.cases.models import Case
from casework.errors import Invalid, Tampered
from casework.files.models import FileChunk, StoredFile
from casework.files.rules import JPEG, MOST_BYTES, PDF, PNG, Upload, harmless_name, read_scan
from casework.files.service import CHUNK_BYTES, about_file, chunk_id, keep_file, read_file
from tests.files.papers_of_others import camera_picture, pdf, picture
from tests.web.walks import report

if TYPE_CHECKING:
    from tests.conftest import Town


def refused(data: bytes, name: str = "ban-ky.pdf") -> str:
    with pytest.raises(Invalid) as fault:
        read_scan(data, name, field="scan")
    return fault.value.faults["scan"]


def test_a_pdf_is_kept_to_the_byte() -> None:
    kept = read_scan(pdf("Mẫu 05"), "Quyết định.pdf", field="scan")
    assert (kept.data, kept.media_type, kept.name) == (pdf("Mẫu 05"), PDF, "Quyết định.pdf")


def test_a_picture_loses_where_it_was_taken_and_stands_upright() -> None:
    taken = camera_picture()
    assert b"GPS-22.82" in taken and Image.open(BytesIO(taken)).getexif()
    kept = read_scan(taken, "IMG_0001.jpg", field="scan")
    shown = Image.open(BytesIO(kept.data))
    assert kept.media_type == JPEG
    assert not shown.getexif() and "comment" not in shown.info and b"GPS-22.82" not in kept.data
    assert shown.size == (30, 40)  # was taken lying, 40 by 30


def test_a_png_loses_its_text_blocks() -> None:
    kept = read_scan(picture("PNG", text="nhà cháu ở Má Lủng"), "a.png", field="scan")
    assert kept.media_type == PNG
    assert "Má Lủng".encode() not in kept.data and Image.open(BytesIO(kept.data)).info == {}


def test_one_picture_is_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most = [], [0]

    def slow(data: bytes, media_type: str) -> bytes:
        now.append(1)
        most[0] = max(most[0], len(now))
        time.sleep(0.02)
        now.pop()
        return data

    monkeypatch.setattr("casework.files.rules._drawn_anew", slow)
    out = BytesIO()
    Image.new("L", (2, 2)).save(out, "PNG")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: read_scan(out.getvalue(), "x.png", field="scan"), range(8)))
    assert most == [1]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "file-missing"),
        (b"%PDF-1.7\n" + b"0" * MOST_BYTES + b"%%EOF", "file-too-large"),
        (b"%PDF-1.7\n1 0 obj", "file-cut"),
        (b"<html><script>alert(1)</script>", "file-type"),
        (b"MZ\x90\x00 not a paper", "file-type"),
        (b"GIF89a" + b"\0" * 60, "file-type"),
        (b"PK\x03\x04" + b"\0" * 60, "file-type"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "file-broken"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 60, "file-broken"),
    ],
)
def test_what_is_no_scan_is_refused_by_what_it_is(data: bytes, fault: str) -> None:
    assert refused(data) == fault


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_drawn() -> None:
    bomb = BytesIO()
    Image.new("1", (8_000, 8_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    assert refused(bomb.getvalue()) == "file-broken"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\giay to\\Vừ Mí Thử.pdf", "Vừ Mí Thử.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie: x=1.pdf"),
        ("fdp.\u202eexe", "fdp.exe"),
        ("x" * 500, "x" * 120),
        ("\0", ""),
    ],
)
def test_a_hostile_name_is_only_a_name(sent: str, shown: str) -> None:
    assert harmless_name(sent) == shown


@pytest.fixture
def kept(town: Town) -> StoredFile:
    code = report(town)
    with town.office.begin(town.act_as("worker")) as work:
        case = work.session.exec(select(Case).where(Case.code == code)).one()
        data = pdf("Vừ Mí Thử") + b"\n" + b"x" * (2 * CHUNK_BYTES) + b"\n%%EOF\n"
        return keep_file(work, case, Upload(data, PDF, "Vừ Mí Thử.pdf"), kind="signed-scan")


def test_a_file_comes_out_as_it_was_kept(town: Town, kept: StoredFile) -> None:
    with town.office.begin(town.act_as("worker")) as work:
        data = read_file(work, kept)
        assert kept.chunks == 3
        assert (len(data), data[:5]) == (kept.size, b"%PDF-")
        assert about_file(work, kept)["name"] == "Vừ Mí Thử.pdf"


@pytest.mark.parametrize(
    "crime",
    [
        "update file_chunk set content = overlay(content placing '\\x00'::bytea from 400) where place = 1",
        "delete from file_chunk where place = 2",
        "update file_chunk set place = case place when 0 then 1 else 0 end where place < 2",
        "update file_chunk a set content = (select content from file_chunk b where b.place = 1) where a.place = 0",
    ],
    ids=["changed", "cut", "reordered", "copied over"],
)
def test_a_file_that_was_touched_is_not_given_out(town: Town, kept: StoredFile, crime: str) -> None:
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        owner.execute("alter table file_chunk drop constraint file_chunk_file_id_place_key")
        owner.execute(crime.encode())
    with town.office.begin(town.act_as("worker")) as work, pytest.raises(Tampered):
        read_file(work, kept)


def test_the_application_can_neither_change_nor_remove_a_file(town: Town, kept: StoredFile) -> None:
    for statement in (b"delete from file_chunk", b"update stored_file set size = 1", b"truncate signed_scan"):
        with psycopg.connect(town.database.url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_nothing_of_a_file_lies_in_the_database(town: Town, kept: StoredFile) -> None:
    with psycopg.connect(town.database.owner_url) as owner:
        rows = owner.execute("select t::text from stored_file t union all select t::text from file_chunk t").fetchall()
    lying = "\n".join(row[0] for row in rows).lower()
    for trace in (b"%PDF-1.7", "Vừ Mí Thử".encode(), b"x" * 60, base64.b64encode(b"x" * 60)):
        assert trace.hex() not in lying and trace.decode("utf-8").lower() not in lying
    with town.office.begin(town.act_as("worker")) as work:
        first = work.session.get_one(FileChunk, chunk_id(kept.id, 0))
        assert first.content is not None
