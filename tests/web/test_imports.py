"""Staff and contacts out of a file on the administrator's pages: shown first, then done just so, or not at all."""

from __future__ import annotations

import ast
import io
import itertools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask_babel import force_locale
from sqlalchemy import text
from sqlmodel import col, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from casework.access.models import TwoPersonAct
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Draft
from casework.cli import casework
from casework.cli_import import WORDS
from casework.notices.models import Notice
from casework.people.contacts import CONTACT_COLUMNS, count_contacts, plan_contacts
from casework.people.imports import STAFF_COLUMNS, plan_staff
from casework.people.models import Staff, Unit
from casework.people.rules import WAITING
from casework.people.service import actor_of, confirm_account, person_of
from casework.people.sheets import Columns, read_table
from casework.web import imports
from casework.work import SYSTEM
from tests.conftest import Town
from tests.people.test_imports import BAD_STAFF, GOOD, HEAD
from tests.web.conftest import Browser, with_token

SignIn = Callable[[str], Browser]
STAFF, CONTACTS = "/quan-tri/tai-khoan/nhap", "/quan-tri/danh-ba"
SEEN = re.compile(r'name="seen" value="([0-9a-f]{64})"')
PASSWORD = re.compile(r"<code>([a-z2-9-]{19})</code>")
NUMBERS = "Mã đơn vị;Cơ quan;Chức vụ;Họ tên;Điện thoại;Giờ trực\n99001;Công an;Trực ban;;113;24/24\n"


def send(person: Browser, page: str, data: str | bytes, name: str = "tep.csv") -> TestResponse:
    body = data.encode() if isinstance(data, str) else data
    boundary, form = encode_multipart(
        {"csrf_token": person.token, "file": FileStorage(io.BytesIO(body), filename=name)}
    )
    person.last = person.client.post(page, data=form, content_type=f"multipart/form-data; boundary={boundary}")
    return person.last


def checked(person: Browser, page: str, data: str | bytes, name: str = "tep.csv") -> str:
    """What the page says of a file that could be read."""
    answer = send(person, page, data, name)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return person.follow().get_data(as_text=True)


def apply(person: Browser, page: str, shown: str) -> TestResponse:
    found = SEEN.search(shown)
    assert found is not None, shown
    return person.submit(f"{page}/ap-dung", {"seen": found[1]})


def find(town: Town, username: str) -> Staff | None:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Staff).where(Staff.username == username)).first()


def numbers(town: Town) -> int:
    with town.office.begin(SYSTEM) as work:
        return count_contacts(work)[0]


def counts_of(shown: str) -> list[int]:
    return [int(one) for one in re.findall(r'<dd class="num">(\d+)</dd>', shown)]


def test_a_file_is_shown_first_and_writes_nothing_until_it_is_applied(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    moved = "worker-99002,Người chuyển,worker,,99003,,\n"
    shown = checked(person, STAFF, GOOD + moved)
    assert counts_of(shown) == [2, 1, 1, 0] and "Chưa ghi gì" in shown and "nguoi-moi" in shown
    assert "Xã Bản Sen → " in shown
    assert find(town, "nguoi-moi") is None
    told = apply(person, STAFF, shown)
    page = told.get_data(as_text=True)
    assert told.status_code == 200 and "Đã mở 2 tài khoản, đổi 1, giữ nguyên 0." in page
    one = find(town, "nguoi-moi")
    assert one is not None and one.first_password_at == town.clock.now()
    again = checked(person, STAFF, GOOD + moved)
    assert "không có gì để áp dụng" in again and SEEN.search(again) is None


def test_the_first_passwords_are_told_once_kept_nowhere_and_open_the_accounts(
    town: Town, browser: SignIn, stranger: Browser, lines: io.StringIO
) -> None:
    person = browser("administrator")
    answer = apply(person, STAFF, checked(person, STAFF, GOOD))
    passwords = PASSWORD.findall(answer.get_data(as_text=True))
    assert len(set(passwords)) == 2 and answer.headers["Cache-Control"] == "no-store"
    assert "trao tận tay" in answer.get_data(
        as_text=True
    ) and "hết hạn lúc 08:00 thứ Hai 07/12/2026" in answer.get_data(as_text=True)
    for page in (STAFF, "/quan-tri/tai-khoan", "/thong-bao"):
        assert not any(one in person.get(page).get_data(as_text=True) for one in passwords)
    logged = lines.getvalue()
    assert "imports.apply_to_staff" in logged and not any(one in logged for one in passwords)
    with town.office.begin(SYSTEM) as work:
        bodies = "".join(work.session.exec(select(Notice.body)).all())
        assert not any(one in bodies for one in passwords)
        assert work.session.exec(select(Draft)).all() == []  # nor the file they came from
    entered = stranger.submit("/dang-nhap", {"username": "nguoi-moi", "password": passwords[0]}, page="/dang-nhap")
    assert entered.status_code == 303
    reloaded = person.submit(f"{STAFF}/ap-dung", {"seen": "0" * 64})
    assert reloaded.status_code == 303 and find(town, "nguoi-moi") is not None


def test_an_imported_account_waits_for_a_second_person_and_the_supervisor_is_told(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    rows = GOOD + "kiem-tra-2,Kiểm tra,auditor,,99,,\nquan-tri-2,Quản trị,administrator,,99,,\n"
    apply(person, STAFF, checked(person, STAFF, rows + "worker-99003,Người cũ,worker,,99002,,\n"))
    with town.office.begin(SYSTEM) as work:
        made = {one.username: one for one in work.session.exec(select(Staff))}
        for name in ("nguoi-moi", "pho-moi", "kiem-tra-2", "quan-tri-2", "worker-99003"):
            assert actor_of(work, made[name]).role == WAITING, name
        asked = {one.object_id: one.kind for one in work.session.exec(select(TwoPersonAct))}
        assert asked[made["nguoi-moi"].id] == asked[made["worker-99003"].id] == "confirm-account"
        assert asked[made["kiem-tra-2"].id] == "create-auditor"
        to = made["supervisor"].id
        told = work.session.exec(select(Notice.text_id).where(Notice.staff_id == to)).all()
        assert told.count("office-act") == 1
        assert 1 <= told.count("second-person") <= 2  # one of each kind of act, and not one an account


def test_an_alert_tells_the_supervisor_of_a_changed_directory(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    apply(person, CONTACTS, checked(person, CONTACTS, NUMBERS))
    with town.office.begin(SYSTEM) as work:
        to = work.session.exec(select(Staff.id).where(Staff.username == "supervisor")).one()
        assert "office-act" in work.session.exec(select(Notice.text_id).where(Notice.staff_id == to)).all()


def test_numbers_come_in_change_and_go_with_their_file(town: Town, browser: SignIn) -> None:
    person, worker = browser("administrator"), browser("worker")
    before = numbers(town)
    shown = checked(person, CONTACTS, NUMBERS.replace("Công an", "khác"))
    assert counts_of(shown)[0] == 1 and numbers(town) == before
    assert apply(person, CONTACTS, shown).status_code == 303
    assert "1 số mới" in person.follow().get_data(as_text=True) and numbers(town) == before + 1
    assert "Cơ quan khác" in worker.get("/danh-ba").get_data(as_text=True)
    shown = checked(person, CONTACTS, NUMBERS.replace("Công an", "khác").replace("Trực ban", "Trực đêm"))
    assert counts_of(shown)[:4] == [1, 0, 1, 0]
    apply(person, CONTACTS, shown)
    assert numbers(town) == before + 1


def test_every_fault_stands_in_a_table_by_row_and_column_and_nothing_is_done(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, f"{HEAD}\na1,,mayor,,00000,12,\n", "nhân viên.csv")
    assert "nhân viên.csv" in shown and "4 lỗi. Chưa nhập gì." in shown and SEEN.search(shown) is None
    rows = re.findall(r"<td data-head=\"(?:Cột|Sai ở đâu)\"><span>([^<]*)</span>", shown)
    assert ("Họ tên", "Ô trống: cần ghi.") in list(itertools.pairwise(rows))
    assert "Hôm nay không có đơn vị 00000." in rows and "Điện thoại" in rows
    assert any(one.startswith("Ghi một trong: cán bộ bảo vệ trẻ em") for one in rows)
    assert shown == person.get(STAFF).get_data(as_text=True)  # kept: it can be looked at again while the file is mended
    person.submit(f"{STAFF}/ap-dung", {"seen": "0" * 64})
    assert find(town, "a1") is None
    person.submit(f"{STAFF}/bo")
    assert "nhân viên.csv" not in person.follow().get_data(as_text=True)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Draft)).all() == []


@pytest.mark.parametrize(
    ("name", "data", "advice"),
    [
        ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1"), "Lưu thành"),
        ("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1"), "có mật khẩu"),
        ("a.xlsx", b"<script>", "Không đọc được tệp Excel này"),
        ("a.csv", GOOD.encode("utf-16"), "CSV UTF-8"),
        ("a.csv", b"", "Dòng đầu phải là tên cột"),
        ("a.pdf", b"%PDF", "Chỉ nhận tệp .xlsx hoặc .csv"),
        ("a.csv", b"x" * (10 * 1024 * 1024 + 1), "lớn hơn 10 MB"),
        ("", b"", "Chọn một tệp"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("page", [STAFF, CONTACTS])
def test_a_file_that_cannot_be_read_is_refused_beside_its_box_with_advice(
    town: Town, browser: SignIn, page: str, name: str, data: bytes, advice: str
) -> None:
    person = browser("administrator")
    answer = send(person, page, data, name)
    shown = answer.get_data(as_text=True)
    assert answer.status_code == 422 and advice in shown and 'href="#file"' in shown and 'id="file-error"' in shown
    assert not name or f"“{name}”" in shown
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Draft)).all() == []


def test_what_would_be_done_otherwise_by_now_is_not_done(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    moved = f"{HEAD}\nworker-99002,Người chuyển,worker,,99003,,\nnguoi-moi,Mới,worker,,99002,,\n"
    shown = checked(person, STAFF, moved)
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker-99002")).one()
        staff.unit_id = work.session.exec(select(Unit.id).where(Unit.code == "99001")).one()
    answer = apply(person, STAFF, shown)
    page = person.follow().get_data(as_text=True)
    assert answer.status_code == 303 and "Chưa nhập gì: tệp hoặc dữ liệu đã thay đổi" in page
    assert find(town, "nguoi-moi") is None
    assert apply(person, STAFF, page).status_code == 200 and find(town, "nguoi-moi") is not None


def test_another_file_chosen_meanwhile_is_not_what_was_shown(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    first = checked(person, STAFF, f"{HEAD}\na1,Tên,worker,,99002,,\n")
    checked(person, STAFF, f"{HEAD}\na1,Tên,worker,,99003,,\n")
    apply(person, STAFF, first)
    assert find(town, "a1") is None


def test_a_file_is_its_choosers_own_and_sealed(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, f"{HEAD}\nquan-tri-2,Quản trị Hai,administrator,,99,,\n")
    apply(person, STAFF, shown)
    shown = checked(person, STAFF, GOOD)
    with town.office.begin(SYSTEM) as work:
        confirm_account(work, work.session.exec(select(Staff).where(Staff.username == "quan-tri-2")).one())
    other = browser("quan-tri-2")
    assert "nguoi-moi" not in other.get(STAFF).get_data(as_text=True)
    apply(with_token(other), STAFF, shown)
    assert find(town, "nguoi-moi") is None
    with town.office.engine.connect() as connection:
        connection.execute(text("select set_config('casework.role', 'system', true)"))
        rows = connection.execute(text("select page, content from draft")).all()
    assert not any(b"nguoi-moi" in bytes(row[1]) or b"bmd1b2kt" in bytes(row[1]) for row in rows)


def at_once(app: Any, posts: list[tuple[Browser, str]]) -> list[int]:
    """The statuses of applying what each was shown, sent in the same moment."""

    def send_one(one: tuple[Browser, str]) -> int:
        person, shown = one
        client = app.test_client()
        cookie = person.client.get_cookie("casework")
        found = SEEN.search(shown)
        assert cookie is not None and found is not None
        client.set_cookie("casework", cookie.value)
        form = {"seen": found[1], "csrf_token": person.token}
        answer: TestResponse = client.post(f"{STAFF}/ap-dung", data=form)
        return answer.status_code

    with ThreadPoolExecutor(len(posts)) as pool:
        return sorted(pool.map(send_one, posts))


def test_the_same_file_applied_twice_at_once_opens_each_account_once(town: Town, app: Any, browser: SignIn) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, GOOD)
    assert at_once(app, [(person, shown), (person, shown)]) == [200, 303]
    assert apply(person, STAFF, shown).status_code == 303
    with town.office.begin(SYSTEM) as work:
        made = select(AuditEntry).where(AuditEntry.tag == Tag.ACCOUNT_CREATED, col(AuditEntry.actor_role) != "system")
        assert len(work.session.exec(made).all()) == 2


def test_two_who_bring_in_the_same_account_at_once_get_one_and_a_clear_word(
    town: Town, app: Any, browser: SignIn
) -> None:
    person = browser("administrator")
    apply(person, STAFF, checked(person, STAFF, f"{HEAD}\nquan-tri-2,Quản trị Hai,administrator,,99,,\n"))
    with town.office.begin(SYSTEM) as work:
        confirm_account(work, work.session.exec(select(Staff).where(Staff.username == "quan-tri-2")).one())
    other = with_token(browser("quan-tri-2"))
    both = [(one, checked(one, STAFF, GOOD)) for one in (person, other)]
    assert at_once(app, both) == [200, 303]
    pages = [one.get(STAFF).get_data(as_text=True) for one, _shown in both]
    assert len([page for page in pages if "không có gì để áp dụng" in page]) == 1


def test_applying_asks_for_a_fresh_proof_and_keeps_what_was_shown(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, GOOD)
    town.clock.advance(minutes=6)
    asked = apply(person, STAFF, shown)
    assert asked.status_code == 401 and SEEN.search(asked.get_data(as_text=True)) and find(town, "nguoi-moi") is None
    found = SEEN.search(shown)
    assert found is not None
    proved = {"seen": found[1], "_step_password": town.password}
    done = person.submit(f"{STAFF}/ap-dung", proved, page="/xac-nhan")
    assert done.status_code == 200 and len(PASSWORD.findall(done.get_data(as_text=True))) == 2


def test_no_administrator_moves_their_own_account_by_a_file_and_the_try_is_told(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, f"{HEAD}\nadministrator,Quản trị,supervisor,,99,,\nb,Tên,administrator,,99,,\n")
    assert "Không tự đổi tài khoản của chính mình" in shown and SEEN.search(shown) is None
    with town.office.begin(SYSTEM) as work:
        to = work.session.exec(select(Staff.id).where(Staff.username == "supervisor")).one()
        assert "office-act-refused" in work.session.exec(select(Notice.text_id).where(Notice.staff_id == to)).all()


def test_more_new_accounts_than_a_page_can_wait_for_are_not_offered(
    town: Town, browser: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = browser("administrator")
    shown = checked(person, STAFF, GOOD)
    monkeypatch.setattr(imports, "MOST_NEW", 1)
    apply(person, STAFF, shown)
    assert find(town, "nguoi-moi") is None
    assert "Mỗi lần mở nhiều nhất 1 tài khoản mới" in person.follow().get_data(as_text=True)


@pytest.mark.parametrize("page", [STAFF, CONTACTS])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_template_is_read_back_and_its_examples_alone_are_faults(
    town: Town, browser: SignIn, page: str, kind: str
) -> None:
    person = browser("administrator")
    answer = person.get(f"{page}/mau.{kind}")
    assert answer.headers["Content-Disposition"].endswith(f".{kind}") and answer.headers["Cache-Control"] == "no-store"
    assert kind != "csv" or answer.data.startswith(b"\xef\xbb\xbf")
    shown = checked(person, page, answer.data, f"mau.{kind}")
    assert "2 lỗi" in shown and shown.count("Dòng ví dụ của tệp mẫu: xóa dòng này.") == 2


@pytest.mark.parametrize("data", [*(one[0] for one in BAD_STAFF), GOOD], ids=range(len(BAD_STAFF) + 1))
def test_the_page_and_the_command_find_the_same_in_the_same_file(
    town: Town, browser: SignIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: str | bytes
) -> None:
    compare(town, browser("administrator"), monkeypatch, tmp_path, STAFF, data)


def test_the_page_and_the_command_find_the_same_in_a_file_of_contacts(
    town: Town, browser: SignIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compare(town, browser("administrator"), monkeypatch, tmp_path, CONTACTS, NUMBERS)
    bad = NUMBERS + "88888;Bưu điện;;;abc;\n" + NUMBERS.splitlines()[1] + "\n"
    compare(town, browser("administrator"), monkeypatch, tmp_path, CONTACTS, bad)


def compare(town: Town, person: Browser, patch: pytest.MonkeyPatch, folder: Path, page: str, data: str | bytes) -> None:
    """The command's dry run of a file beside the page's: the same places of the same faults, or the same counts."""
    path = folder / "tep.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    patch.setenv("CASEWORK_DATABASE_URL", town.database.url)
    patch.setenv("CASEWORK_KEY_FILE", str(town.office.settings.key_file))
    patch.setenv("CASEWORK_DATA_DIR", str(town.office.settings.data_dir))
    kind = "staff" if page == STAFF else "contacts"
    said = CliRunner().invoke(casework, ["import", kind, str(path), "--dry-run"])
    lines = [re.match(r"(?:row (\d+)|file)(?:, ([^:]*))?: ", one) for one in said.stderr.splitlines()]
    ours = [(one[1] or "file", one[2] or "–") for one in lines if one is not None]
    person.get("/ngon-ngu/en")
    answer = send(person, page, path.read_bytes())
    if answer.status_code == 422:
        assert ours == [("file", "–")]
        return
    shown = person.follow().get_data(as_text=True)
    rows = re.findall(
        r'data-head="Row"><span class="num">([^<]*)</span></td><td data-head="Column"><span>([^<]*)<', shown
    )
    assert rows == ours and said.exit_code == bool(ours)
    if not ours:
        added, *others, same = counts_of(shown)[: 4 if page == STAFF else 99]
        told = [int(one) for one in re.findall(r"\d+", said.stdout)]
        assert (added, same) == (told[0], told[-1]) and sum(others) == sum(told[1:-1])


def test_every_fault_of_staff_and_contacts_has_words_at_both_doors() -> None:
    of_units = {
        "not-a-code", "not-a-day", "ends-before-start", "still-exists", "code-twice", "code-taken", "none-above",
        "none-after",
    }  # fmt: skip
    assert set(imports.FAULTS) == set(WORDS) - of_units
    said = {
        word.value
        for room in ("imports", "contacts", "sheets")
        for call in ast.walk(ast.parse(Path(f"casework/people/{room}.py").read_text("utf-8")))
        if isinstance(call, ast.Call) and len(call.args) > 2
        if getattr(call.func, "id", getattr(call.func, "attr", "")) in ("SheetFault", "fault")
        for word in ast.walk(call.args[2])
        if isinstance(word, ast.Constant) and word.value
    }
    assert said <= set(WORDS) and len(said) > 30


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("columns", [STAFF_COLUMNS, CONTACT_COLUMNS], ids=["staff", "contacts"])
def test_each_word_that_the_page_offers_is_understood(town: Town, app: Any, columns: Columns, language: str) -> None:
    with app.test_request_context(), force_locale(language):
        offered = {name: str(imports.CHOICES[name]).split(", ") for name in columns.names if name in imports.CHOICES}
    with town.office.begin(SYSTEM) as work:
        for name, words in offered.items():
            lines = [";".join(columns.names)] + [
                ";".join(word if one == name else "" for one in columns.names) for word in words
            ]
            sheet = read_table("a.csv", "\n".join(lines).encode(), columns)
            plan = plan_staff(work, sheet) if columns is STAFF_COLUMNS else plan_contacts(work, sheet)
            assert len(sheet.rows) == len(words) > 1
            assert not [one for one in plan.faults if one.column == name and one.slug == "not-one-of"]


@pytest.mark.parametrize("username", ["worker", "supervisor", "auditor"])
def test_nobody_else_has_these_pages(browser: SignIn, username: str) -> None:
    person = browser(username)
    for page in (STAFF, CONTACTS, f"{STAFF}/mau.csv", f"{CONTACTS}/mau.xlsx"):
        assert person.get(page).status_code == 404
    for page in (STAFF, CONTACTS, f"{STAFF}/ap-dung", f"{CONTACTS}/ap-dung", f"{STAFF}/bo"):
        assert person.submit(page, page="/tro-giup").status_code == 404


def test_the_pages_are_reached_and_say_the_same_in_english(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    assert f'href="{STAFF}"' in person.get("/quan-tri/tai-khoan").get_data(as_text=True)
    for page in ("/quan-tri/tai-khoan", "/quan-tri/don-vi"):
        assert f'href="{CONTACTS}"' in person.get(page).get_data(as_text=True)
    checked(person, STAFF, f"{HEAD}\na1,,worker,,00000,,\n")
    person.get("/ngon-ngu/en")
    shown = person.get(STAFF).get_data(as_text=True)
    assert "Row" in shown and "There is no unit 00000 today" in shown and ">name<" in shown


def test_a_renamed_person_keeps_their_mail_and_the_name_is_sealed(town: Town, browser: SignIn) -> None:
    person = browser("administrator")
    apply(person, STAFF, checked(person, STAFF, f"{HEAD}\nworker-99002,Tên Mới Hẳn,worker,,99002,0900001111,\n"))
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == "worker-99002")).one()
        assert person_of(work, staff)["name"] == "Tên Mới Hẳn"
        assert staff.waits_since is None  # a name is no way in
