"""The papers' pages: three clicks to a printed paper, a signed copy that comes back, nothing for whoever has no part in it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlmodel import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.files.rules import MOST_BYTES
from casework.papers.queries import version_content
from casework.work import SYSTEM
from tests.files.papers_of_others import camera_picture, pdf
from tests.papers.filing import DECISION, ORDER, file_form, issue, line
from tests.web.conftest import TOKEN, Browser
from tests.web.walks import CHILD, report, text_of

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.conftest import Town

Open = Callable[[str], Browser]
LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


@pytest.fixture
def code(town: Town) -> str:
    """A case with an approved plan. Whoever harms is not a parent or carer."""
    found = report(town, harmer_relation="stranger", harmer_lives_with_child=False)
    file_form(town, found, "05", DECISION)
    return found


@pytest.fixture
def at_home(town: Town) -> str:
    """A case in which the stepfather harms, with an order of separation."""
    found = report(town)
    file_form(town, found, "07", ORDER)
    return found


def link(answer: TestResponse, words: str, beside: str = "") -> str:
    """The address of a link by its words, the first of a row that names `beside`."""
    page = answer.get_data(as_text=True)
    for part in re.split(r"<tr>|<section|<nav", page):
        if beside in text_of(part):
            for address, inside in LINK.findall(part):
                if text_of(inside).startswith(words):
                    return str(address).replace("&amp;", "&")
    raise AssertionError(f"no link {words!r} beside {beside!r}")


def hash_now(town: Town, code: str, kind: str = "05") -> str:
    version = line(town, code, kind).version
    assert version is not None
    with town.office.begin(SYSTEM) as work:
        return str(version_content(work, version)["hash"])


def send(person: Browser, code: str, data: bytes, version: str, name: str = "ban-ky.pdf", **more: str) -> TestResponse:
    path = f"/ca/{code}/mau/05/ban-ky"
    return post_file(person, path, {"scan": FileStorage(io.BytesIO(data), name), "version": version, **more})


def post_file(person: Browser, path: str, fields: dict[str, Any]) -> TestResponse:
    """A form with a file, encoded here: the test client would put a large one into a file of its own and forget it."""
    found = TOKEN.search(person.client.get(path, follow_redirects=True).get_data(as_text=True))
    boundary, body = encode_multipart({**fields, "csrf_token": found[1] if found else ""})
    person.last = person.client.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")
    return person.last


# ---------------------------------------------------------------- three clicks


def test_a_case_is_three_clicks_from_its_printed_paper(browser: Open, town: Town, code: str) -> None:
    worker = browser("worker")
    home = worker.get(f"/ca/{code}")
    papers = worker.get(link(home, "Giấy tờ"))  # click 1
    form_url = link(papers, "Cấp số và in", "Mẫu số 05")
    form = worker.get(form_url)  # click 2
    signer = re.search(r'name="signer" value="([^"]+)"', form.get_data(as_text=True))
    assert signer is not None
    worker.submit(form_url, {"signer": signer[1]}, page=form_url)  # click 3
    paper = worker.follow()
    assert paper.mimetype == "application/pdf" and paper.get_data().startswith(b"%PDF-")
    assert (line(town, code, "05").paper or issue).number == 1  # type: ignore[union-attr]


def test_an_issued_paper_is_two_clicks_from_the_printer(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    worker = browser("worker")
    papers = worker.get(link(worker.get(f"/ca/{code}"), "Giấy tờ"))
    assert worker.get(link(papers, "In", "Mẫu số 05")).get_data().startswith(b"%PDF-")


def test_every_form_of_a_paper_can_be_taken_and_none_names_the_child(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    worker = browser("worker")
    for ending, kind, begins in (
        ("pdf", "application/pdf", b"%PDF-"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK"),
    ):
        answer = worker.get(f"/ca/{code}/mau/05.{ending}")
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert answer.get_data().startswith(begins)
        assert answer.headers["Content-Disposition"] == f"attachment; filename={code}-mau-05.{ending}"
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert worker.get(f"/ca/{code}/mau/muc-luc.pdf").headers["Content-Disposition"].endswith(f"{code}-muc-luc.pdf")


def test_every_print_is_in_the_trail_with_its_secrecy(browser: Open, town: Town, code: str) -> None:
    worker = browser("worker")
    for path in ("mau/05.pdf", "mau/05.docx", "mau/05/in"):
        worker.get(f"/ca/{code}/{path}")
    with town.office.begin(SYSTEM) as work:
        found = work.session.exec(select(AuditEntry).where(AuditEntry.tag == Tag.PAPER_PRINTED)).all()
        assert [one.fields for one in found] == [
            '["pdf", "draft-print"]',
            '["docx", "draft-print"]',
            '["print", "draft-print"]',
        ]
        assert all("Phạm vi cung cấp" in work.open(one, "reason") for one in found)


# ---------------------------------------------------------------- the list


def test_the_list_says_what_is_issued_and_what_can_be_printed_from_what(browser: Open, town: Town, code: str) -> None:
    worker = browser("worker")
    before = text_of(worker.get(f"/ca/{code}/giay-to").get_data(as_text=True))
    assert "Chưa ban hành giấy tờ nào" in before and "từ Mẫu số 05" in before and "từ Mẫu số 01" in before
    issue(town, code, "05")
    after = worker.get(f"/ca/{code}/giay-to")
    words = text_of(after.get_data(as_text=True))
    assert "01/QĐ-UBND" in words and "23/11/2026" in words and "chờ bản ký" in words
    assert CHILD not in words


def test_a_typed_list_of_recipients_is_kept_when_the_signer_is_refused(browser: Open, code: str) -> None:
    worker = browser("worker")
    path = f"/ca/{code}/mau/05/cap-so"
    answer = worker.submit(path, {"signer": "ai đó", "recipients": "Trường học (diễn tập)"}, page=path)
    assert answer.status_code == 422
    words = answer.get_data(as_text=True)
    assert "Trường học (diễn tập)" in words and "Chọn người ký" in words


# ---------------------------------------------------------------- to a parent named as harming


def test_nothing_is_printed_for_a_harming_carer_before_the_warning_was_seen(browser: Open, at_home: str) -> None:
    worker = browser("worker")
    for path in ("mau/07/in", "mau/07.pdf", "mau/07.docx"):
        answer = worker.get(f"/ca/{at_home}/{path}")
        assert answer.status_code == 303
        shown = worker.follow()
        assert "Dừng lại" in text_of(shown.get_data(as_text=True))
    assert "bố kế" in text_of(shown.get_data(as_text=True)).lower()
    assert worker.get(link(shown, "Đã cân nhắc: in")).get_data().startswith(b"%PDF-")


def test_mau_07_offers_the_office_s_address_first(browser: Open, town: Town, at_home: str) -> None:
    worker = browser("worker")
    path = f"/ca/{at_home}/mau/07/cap-so"
    page = worker.get(path).get_data(as_text=True)
    assert re.search(r'name="address" value="office" checked', page)
    signer = re.search(r'name="signer" value="([^"]+)"', page)
    assert signer is not None
    worker.submit(path, {"signer": signer[1], "address": "office"}, page=path)
    assert worker.follow().get_data().startswith(b"%PDF-")
    version = line(town, at_home, "07").version
    assert version is not None
    with town.office.begin(SYSTEM) as work:
        printed = version_content(work, version)["printed"]
    assert printed["values"]["receiver_address"] == "trụ sở Ủy ban nhân dân xã Nà Lũng"
    again = worker.get(path).get_data(as_text=True)
    assert re.search(r'value="office" checked', again) and "Như đã ghi: nhà kín số 7" in again


# ---------------------------------------------------------------- the signed copy


def test_the_signed_copy_comes_back_and_can_be_taken_again_unchanged(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    worker = browser("worker")
    assert send(worker, code, pdf("ký"), hash_now(town, code)[:8], "../Vừ Mí Thử.pdf").status_code == 303
    papers = worker.follow()
    assert "Đã có bản ký" in text_of(papers.get_data(as_text=True))
    taken = worker.get(link(papers, "Bản ký nộp"))
    assert taken.get_data() == pdf("ký")
    assert taken.headers["Content-Disposition"] == f"attachment; filename={code}-mau-05-ban-ky.pdf"
    assert (taken.headers["Cache-Control"], taken.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert taken.headers["Content-Security-Policy"].endswith("; sandbox"), "somebody else's bytes"
    with town.office.begin(SYSTEM) as work:
        tags = [one.tag for one in work.session.exec(select(AuditEntry).where(AuditEntry.actor_role == "worker"))]
    assert tags[-3:].count(Tag.SCAN_READ) == 1 and Tag.SCAN_RETURNED in tags


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "Chọn tệp bản ký"),
        (b"<html>", "không phải PDF, JPEG hoặc PNG"),
        (b"%PDF-1.7 cut", "bị cắt"),
        (b"%PDF-1.7\n" + b"0" * MOST_BYTES + b"%%EOF", "lớn hơn 20 MB"),
    ],
    ids=["none", "type", "cut", "large"],
)
def test_what_is_no_scan_is_refused_beside_its_box_and_the_rest_is_kept(
    browser: Open, town: Town, code: str, data: bytes, says: str
) -> None:
    issue(town, code, "05")
    answer = send(browser("worker"), code, data, "abcd1234")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert says in text_of(page) and 'id="f-scan-error"' in page and 'href="#f-scan"' in page
    assert 'value="abcd1234"' in page


def test_a_copy_of_an_older_print_is_asked_about_first(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    old = hash_now(town, code)[:8]
    worker = browser("worker")
    path = f"/ca/{code}/mau/05/cap-so"
    page = worker.get(path).get_data(as_text=True)
    signer = re.search(r'name="signer" value="([^"]+)"', page)
    assert signer is not None
    worker.submit(path, {"signer": signer[1], "recipients": "Lưu hồ sơ"}, page=path)
    refused = send(worker, code, camera_picture(), old, "ban ky.jpg")
    assert refused.status_code == 422 and "thuộc bản in cũ" in text_of(refused.get_data(as_text=True))
    assert send(worker, code, camera_picture(), old, "ban ky.jpg", older="yes").status_code == 303
    words = text_of(worker.follow().get_data(as_text=True))
    assert "của bản in cũ" in words and "chờ bản ký" in words


def test_a_scan_that_was_touched_in_the_database_is_not_given_out(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    worker = browser("worker")
    send(worker, code, pdf("ký"), hash_now(town, code)[:8])
    address = link(worker.follow(), "Bản ký nộp")
    with psycopg.connect(town.database.owner_url) as owner:
        owner.execute("update file_chunk set content = overlay(content placing '\\x00'::bytea from 40)")
    answer = worker.get(address)
    assert answer.status_code == 500 and b"%PDF" not in answer.get_data()


def test_only_the_upload_s_own_page_takes_large_bodies_and_only_from_who_is_signed_in(
    browser: Open, stranger: Browser, town: Town, code: str
) -> None:
    issue(town, code, "05")
    large = b"%PDF-1.7\n" + b"0" * (2 * 1024 * 1024) + b"%%EOF"
    assert send(browser("worker"), code, large, "abcd1234").status_code == 422
    assert send(stranger, code, large, "abcd1234").status_code == 413
    worker = browser("worker")
    other = f"/ca/{code}/mau/05/cap-so"
    assert post_file(worker, other, {"scan": FileStorage(io.BytesIO(large), "a.pdf")}).status_code == 413


# ---------------------------------------------------------------- who may not


def paths(town: Town, code: str) -> list[str]:
    found = line(town, code, "05")
    scan = found.scans[0].id
    return [
        f"/ca/{code}/giay-to",
        f"/ca/{code}/mau/05/xem",
        f"/ca/{code}/mau/05/in",
        f"/ca/{code}/mau/05.pdf",
        f"/ca/{code}/mau/05.docx",
        f"/ca/{code}/mau/05/cap-so",
        f"/ca/{code}/mau/05/ban-ky",
        f"/ca/{code}/ban-ky/{scan}",
    ]


@pytest.mark.parametrize("who", ["police", "health", "hotline", "auditor", "administrator", "worker-99002"])
def test_to_whoever_has_no_part_in_the_case_there_are_no_papers(browser: Open, town: Town, code: str, who: str) -> None:
    issue(town, code, "05")
    send(browser("worker"), code, pdf("ký"), hash_now(town, code)[:8])
    person = browser(who)
    for path in paths(town, code):
        answer = person.get(path)
        assert answer.status_code == 404, path
        assert CHILD not in answer.get_data(as_text=True)


def test_a_scan_of_another_case_is_not_there_and_no_kind_is_made_up(browser: Open, town: Town, code: str) -> None:
    issue(town, code, "05")
    worker = browser("worker")
    send(worker, code, pdf("ký"), hash_now(town, code)[:8])
    other = report(town, child_name="Trẻ Khác Hẳn", child_age=3)
    scan = urlsplit(link(worker.follow(), "Bản ký nộp")).path.rpartition("/")[2]
    for path in (
        f"/ca/{other}/ban-ky/{scan}",
        f"/ca/{other}/mau/05.pdf",
        f"/ca/{code}/mau/99/in",
        f"/ca/{code}/mau/05/in?so=9",
    ):
        assert worker.get(path).status_code == 404, path


def test_the_supervisor_reads_and_does_not_issue(browser: Open, code: str) -> None:
    supervisor = browser("supervisor")
    page = supervisor.get(f"/ca/{code}/giay-to")
    assert page.status_code == 200 and "cap-so" not in page.get_data(as_text=True)
    assert supervisor.get(f"/ca/{code}/mau/05/cap-so").status_code == 404
