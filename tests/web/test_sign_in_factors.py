"""Second factors at the browser: what opens before one is set up, how one is asked for, and what an act asks anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from sqlmodel import col, select
from werkzeug.test import TestResponse

from casework.access.models import TwoPersonAct
from casework.app import create_app
from casework.errors import NotFound
from casework.notices.models import Notice
from casework.oversight.acts import decide_act
from casework.people.models import Staff
from casework.web.access import PUBLIC, declared
from casework.work import SYSTEM
from tests.conftest import Town
from tests.people.authenticator import Authenticator
from tests.web.conftest import TOKEN, Browser

MINE = "/tai-khoan/bao-mat"
SEED = re.compile(r'<code class="seed">([A-Z2-7 ]+)</code>')
CODES = re.compile(r"<li><code>([a-z2-9]{5}-[a-z2-9]{5})</code></li>")
NEW_ACCOUNT = {
    "username": "nguoi-moi",
    "name": "Người mới",
    "role": "worker",
    "unit": "99001",
    "phone": "",
    "hamlet": "",
}


@pytest.fixture
def app(town: Town) -> Any:
    """The office under a name that browsers know passkeys for."""
    settings = replace(town.office.settings, public_url="http://localhost:8000")
    return create_app(replace(town.office, settings=settings))


def require(town: Town, username: str) -> None:
    with town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        staff.second_factor = "required"
        work.session.add(staff)


@pytest.fixture
def newcomer(town: Town, app: Any) -> Browser:
    """The worker with the right password, of whom a second factor is asked and who has none yet."""
    require(town, "worker")
    return enter(town, app, "worker")


def enter(town: Town, app: Any, username: str) -> Browser:
    person = Browser(app.test_client(), username)
    person.submit("/dang-nhap", {"username": username, "password": town.password}, page="/dang-nhap")
    return person


def set_up(town: Town, person: Browser) -> tuple[str, list[str]]:
    """Sets up an application; (its seed, the recovery codes told)."""
    person.submit(f"{MINE}/ung-dung/moi", page=MINE)
    found = SEED.search(person.follow().get_data(as_text=True))
    assert found is not None
    seed = found[1].replace(" ", "")
    told = person.submit(f"{MINE}/ung-dung", {"code": code(town, seed)}, page=f"{MINE}/ung-dung")
    town.clock.advance(seconds=60)
    return seed, CODES.findall(told.get_data(as_text=True))


def code(town: Town, seed: str) -> str:
    return pyotp.TOTP(seed).at(int(town.clock.now().timestamp()))


def options(person: Browser, path: str, page: str) -> dict[str, Any]:
    answer = person.submit(path, page=page)
    assert answer.status_code == 200, answer.status_code
    return dict(json.loads(answer.get_data()))


def add_passkey(person: Browser, device: Authenticator) -> TestResponse:
    asked = options(person, f"{MINE}/khoa/moi/thu", f"{MINE}/khoa/moi")
    return person.submit(
        f"{MINE}/khoa/moi", {"credential": device.create(asked), "name": "Máy cơ quan"}, page=f"{MINE}/khoa/moi"
    )


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(rp_id="localhost", origin="http://localhost:8000")


# ---------------------------------------------------------------- before a factor is set up


def filled(rule: str) -> str:
    """An address of this route, of a thing that is not there."""
    rule = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", rule)
    blank = {"uuid": "00000000-0000-0000-0000-000000000000", "int": "1"}
    return re.sub(r"<(?:(\w+):)?\w+>", lambda kind: blank.get(kind[1] or "", "x"), rule)


def opened_by(app: Any, person: Browser) -> Iterator[tuple[str, str, int, str]]:
    """(method, endpoint, status, where to) of every route that is neither public nor for setting up, as this person finds it."""
    for rule in app.url_map.iter_rules():
        if declared(app.view_functions[rule.endpoint]) in (PUBLIC, "machine") or rule.endpoint in ENROLLING:
            continue
        path = filled(rule.rule)
        for method in sorted(rule.methods & {"GET", "POST"}):
            answer = person.client.open(path, method=method, data={"csrf_token": person.token})
            yield method, rule.endpoint, answer.status_code, answer.headers.get("Location", "")


ENROLLING = {
    "factors.mine", "factors.new_passkey", "factors.passkey_options", "factors.keep_passkey", "factors.start_application",
    "factors.application", "factors.application_picture", "factors.confirm_application", "signin.leave",
    "lock.close", "lock.ask", "lock.open_again",  # a screen is locked before it shows a seed to who passes
}  # fmt: skip


def test_without_a_second_factor_nothing_opens_but_where_one_is_set_up(app: Any, newcomer: Browser) -> None:
    assert newcomer.last is not None and newcomer.last.headers["Location"] == MINE
    newcomer.submit(f"{MINE}/ung-dung/moi", page=MINE)  # reads the page's own token
    leaks = [
        (method, endpoint, status)
        for method, endpoint, status, where in opened_by(app, newcomer)
        if (status, where) != (303, MINE)
    ]
    assert leaks == []


def test_a_page_that_forgot_itself_open_while_enrolling_would_be_found(app: Any, newcomer: Browser) -> None:
    planted = app.view_functions["desk.tasks"]
    planted.while_enrolling = True
    try:
        leaks = [one for one in opened_by(app, newcomer) if one[1] == "desk.tasks" and one[3] != MINE]
    finally:
        del planted.while_enrolling
    assert leaks


def test_only_these_pages_are_open_while_enrolling(app: Any) -> None:
    marked = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if getattr(view, "while_enrolling", False) and declared(view) != PUBLIC
    }
    assert marked == ENROLLING


@pytest.mark.parametrize("start", ["/", "/dang-nhap", "/dang-nhap?next=/ca"])
def test_the_front_doors_lead_there_too(newcomer: Browser, start: str) -> None:
    assert newcomer.get(start, follow_redirects=True).request.path == MINE


def test_public_pages_know_nobody_who_has_yet_to_set_a_factor_up(newcomer: Browser) -> None:
    page = newcomer.get("/tro-giup/can-cu-phap-ly").get_data(as_text=True)
    assert "Đăng xuất" not in page
    assert "Xã Nà Lũng" not in page


def test_setting_up_an_application_tells_ten_codes_once_and_opens_the_office(town: Town, newcomer: Browser) -> None:
    first = newcomer.client.get_cookie("casework")
    seed, codes = set_up(town, newcomer)
    assert len(codes) == 10
    assert newcomer.client.get_cookie("casework") != first
    assert newcomer.get("/viec").status_code == 200
    for path in (MINE, f"{MINE}/ung-dung"):
        page = newcomer.get(path, follow_redirects=True).get_data(as_text=True)
        assert seed not in page.replace(" ", "")
        assert not [one for one in codes if one in page]
    with town.office.begin(SYSTEM) as work:
        told = work.session.exec(select(Notice.text_id).where(col(Notice.text_id) == "factor-changed")).all()
    assert told


def test_a_factor_set_up_ends_every_session_that_only_the_password_opened(
    town: Town, app: Any, newcomer: Browser, device: Authenticator
) -> None:
    thief = enter(town, app, "worker")
    assert thief.get(f"{MINE}/khoa/moi").status_code == 200
    asked = options(thief, f"{MINE}/khoa/moi/thu", f"{MINE}/khoa/moi")
    set_up(town, newcomer)
    answer = thief.client.post(f"{MINE}/khoa/moi", data={"credential": device.create(asked), "csrf_token": thief.token})
    assert answer.headers["Location"].startswith("/dang-nhap")
    assert newcomer.get("/viec").status_code == 200


def test_the_picture_of_the_seed_is_an_image_without_style_and_is_not_stored(newcomer: Browser) -> None:
    assert newcomer.get(f"{MINE}/ung-dung.svg").status_code == 404
    newcomer.submit(f"{MINE}/ung-dung/moi", page=MINE)
    picture = newcomer.get(f"{MINE}/ung-dung.svg")
    assert picture.mimetype == "image/svg+xml"
    assert picture.headers["Cache-Control"] == "no-store"
    assert "style" not in picture.get_data(as_text=True)


def test_a_wrong_code_sets_nothing_up(newcomer: Browser) -> None:
    newcomer.submit(f"{MINE}/ung-dung/moi", page=MINE)
    assert newcomer.submit(f"{MINE}/ung-dung", {"code": "123"}, page=f"{MINE}/ung-dung").status_code == 422
    assert newcomer.get("/viec").headers["Location"] == MINE


# ---------------------------------------------------------------- signing in


def test_the_second_step_takes_a_code_without_javascript_and_goes_on(town: Town, app: Any, newcomer: Browser) -> None:
    seed, _codes = set_up(town, newcomer)
    person = Browser(app.test_client(), "worker")
    person.submit("/dang-nhap", {"username": "worker", "password": town.password, "next": "/ca"}, page="/dang-nhap")
    assert person.get("/viec").headers["Location"].startswith("/dang-nhap")
    step = "/dang-nhap/xac-nhan?next=/ca"
    page = person.get(step).get_data(as_text=True)
    assert 'name="code"' in page and 'autocomplete="one-time-code"' in page
    assert person.submit("/dang-nhap/xac-nhan", {"code": "000000", "next": "/ca"}, page=step).status_code == 401
    right = person.submit("/dang-nhap/xac-nhan", {"code": code(town, seed), "next": "/ca"}, page=step)
    assert (right.status_code, right.headers["Location"]) == (303, "/ca")
    assert person.get("/viec").status_code == 200


def test_a_recovery_code_signs_in_once_and_its_owner_hears_of_it(town: Town, app: Any, newcomer: Browser) -> None:
    _seed, codes = set_up(town, newcomer)
    statuses = []
    for _ in range(2):
        person = enter(town, app, "worker")
        answer = person.submit("/dang-nhap/xac-nhan", {"recovery": codes[0]}, page="/dang-nhap/xac-nhan")
        statuses.append(answer.status_code)
    assert statuses == [303, 401]
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(Notice).where(Notice.text_id == "recovery-code-used")).all()


def test_who_gave_the_old_password_a_moment_before_the_change_is_not_let_in_after_it(
    town: Town, app: Any, newcomer: Browser
) -> None:
    seed, _codes = set_up(town, newcomer)
    other = enter(town, app, "worker")
    assert other.get("/dang-nhap/xac-nhan").status_code == 200
    change = {"old": town.password, "new": "mot cau dai de nho lam", "again": "mot cau dai de nho lam"}
    assert newcomer.submit("/tai-khoan/mat-khau", change, page="/tai-khoan/mat-khau").status_code == 303
    other.submit("/dang-nhap/xac-nhan", {"code": code(town, seed), "next": "/"}, page="/dang-nhap")
    assert other.get("/viec").status_code == 303
    assert newcomer.get("/viec").status_code == 200


def test_five_wrong_codes_lead_back_to_the_password(town: Town, app: Any, newcomer: Browser) -> None:
    set_up(town, newcomer)
    person = enter(town, app, "worker")
    answers = [
        person.submit("/dang-nhap/xac-nhan", {"code": "000000"}, page="/dang-nhap/xac-nhan").status_code
        for _ in range(6)
    ]
    assert answers == [401, 401, 401, 401, 303, 303]
    assert person.get("/dang-nhap/xac-nhan").headers["Location"].startswith("/dang-nhap?")


def test_a_passkey_signs_in_without_name_or_password(
    town: Town, app: Any, newcomer: Browser, device: Authenticator
) -> None:
    assert CODES.search(add_passkey(newcomer, device).get_data(as_text=True))
    person = Browser(app.test_client(), "")
    asked = options(person, "/dang-nhap/khoa/thu", "/dang-nhap")
    assert asked["userVerification"] == "required" and not asked.get("allowCredentials")
    answer = person.submit("/dang-nhap/khoa", {"credential": device.get(asked), "next": "/viec"}, page="/dang-nhap")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/viec")
    assert person.get("/viec").status_code == 200


def test_an_unknown_passkey_a_bad_one_and_none_get_one_answer(
    app: Any, newcomer: Browser, device: Authenticator
) -> None:
    add_passkey(newcomer, device)
    person = Browser(app.test_client(), "")

    def answer(spoil: Callable[[str], str]) -> tuple[int, str]:
        said = spoil(device.get(options(person, "/dang-nhap/khoa/thu", "/dang-nhap")))
        page = person.submit("/dang-nhap/khoa", {"credential": said}, page="/dang-nhap")
        return page.status_code, TOKEN.sub("", page.get_data(as_text=True))

    stranger = Authenticator(rp_id="localhost", origin="http://localhost:8000")
    stranger.count = 9
    bad = answer(lambda said: said.replace('"signature": "', '"signature": "AAAA'))
    assert bad[0] == 401
    assert answer(lambda said: "") == bad
    assert answer(lambda said: said.replace('"rawId"', '"raw"')) == bad


def test_unknown_and_known_users_get_one_answer_to_a_wrong_password(town: Town, app: Any, newcomer: Browser) -> None:
    set_up(town, newcomer)
    answers = []
    for username in ("worker", "nobody"):
        person = Browser(app.test_client(), "")
        page = person.submit("/dang-nhap", {"username": username, "password": "wrong"}, page="/dang-nhap")
        answers.append((page.status_code, TOKEN.sub("", page.get_data(as_text=True)).replace(username, "?")))
    assert answers[0] == answers[1]


# ---------------------------------------------------------------- a fresh proof


def test_an_act_that_needs_a_fresh_proof_keeps_what_was_typed(town: Town, browser: Callable[[str], Browser]) -> None:
    person = browser("administrator")
    town.clock.advance(minutes=6)
    asked = person.submit("/quan-tri/tai-khoan/moi", NEW_ACCOUNT, page="/tro-giup/can-cu-phap-ly")
    page = asked.get_data(as_text=True)
    assert asked.status_code == 401 and 'name="_step_password"' in page
    for name, value in NEW_ACCOUNT.items():
        assert f'name="{name}" value="{value}"' in page
    wrong = {**NEW_ACCOUNT, "_step_password": "wrong"}
    assert person.submit("/quan-tri/tai-khoan/moi", wrong, page="/xac-nhan").status_code == 401
    done = person.submit("/quan-tri/tai-khoan/moi", {**NEW_ACCOUNT, "_step_password": town.password}, page="/xac-nhan")
    assert done.status_code == 200 and "nguoi-moi" in done.get_data(as_text=True)
    assert person.get("/quan-tri/tai-khoan").status_code == 200


def test_a_form_that_needs_a_fresh_proof_asks_for_it_first(town: Town, browser: Callable[[str], Browser]) -> None:
    person = browser("administrator")
    town.clock.advance(minutes=6)
    asked = person.get("/quan-tri/tai-khoan/moi")
    assert asked.headers["Location"] == "/xac-nhan?next=/quan-tri/tai-khoan/moi"
    answer = person.submit(
        "/xac-nhan", {"next": "/quan-tri/tai-khoan/moi", "_step_password": town.password}, page="/xac-nhan"
    )
    assert answer.headers["Location"] == "/quan-tri/tai-khoan/moi"
    assert person.follow().status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t\\evil.example",
        "/\t/evil.example", "/x\n", "/x\r\nSet-Cookie: a=b", "//[", "http://[",
    ],
)  # fmt: skip
def test_a_proof_leads_to_no_other_host(town: Town, browser: Callable[[str], Browser], target: str) -> None:
    person = browser("worker")
    town.clock.advance(minutes=6)
    person.get("/xac-nhan")
    answer = person.submit("/xac-nhan", {"next": target, "_step_password": town.password}, page="/xac-nhan")
    assert answer.headers["Location"] == "/"


def test_a_passkey_proves_again_and_the_password_does_not(town: Town, newcomer: Browser, device: Authenticator) -> None:
    add_passkey(newcomer, device)
    town.clock.advance(minutes=6)
    again = {"_step_password": town.password, "next": "/viec"}
    assert newcomer.submit("/xac-nhan", again, page="/xac-nhan").status_code == 401
    asked = options(newcomer, "/xac-nhan/thu", "/xac-nhan")
    proved = newcomer.submit("/xac-nhan", {"_step_credential": device.get(asked), "next": "/viec"}, page="/tro-giup")
    assert proved.headers["Location"] == "/viec"
    assert newcomer.get("/xac-nhan?next=/viec").headers["Location"] == "/viec"


def test_a_lock_opened_by_the_password_is_no_fresh_proof(town: Town, newcomer: Browser) -> None:
    seed, _codes = set_up(town, newcomer)
    town.clock.advance(minutes=6)
    again = f"{MINE}/khoa/moi"
    for given, fresh in (({"password": town.password}, False), ({"_lock_code": code(town, seed)}, True)):
        newcomer.submit("/khoa-man-hinh", page=MINE)
        assert newcomer.submit("/mo-khoa", {**given, "next": "/viec"}, page="/mo-khoa").status_code == 303
        assert newcomer.get("/viec").status_code == 200
        assert (newcomer.get(again).status_code == 200) == fresh


STEPPED_UP = {
    "accounts.new", "accounts.make", "accounts.change", "accounts.reset", "accounts.close", "accounts.ask_reset_of_factors",
    "imports.apply_to_staff", "imports.apply_to_contacts",
    "papers.export", "papers.export_bytes", "breakglass.enter", "conflict.show_reporter", "conflict.exclude", "acts.agree",
    "system.reopen", "rota.add_duty", "rota.add_leave", "rota.drop_duty", "notices.disallow", "notices.mail",
    "factors.new_passkey", "factors.keep_passkey", "factors.rename", "factors.remove_passkey", "factors.start_application",
    "factors.application", "factors.application_picture", "factors.confirm_application", "factors.remove_application",
    "factors.recovery_codes",
}  # fmt: skip


def test_what_gives_out_access_or_factors_or_silences_alerts_asks_for_a_fresh_proof(
    town: Town, app: Any, browser: Callable[[str], Browser]
) -> None:
    marked = {endpoint for endpoint, view in app.view_functions.items() if getattr(view, "step_up", False)}
    assert marked == STEPPED_UP
    people = {role: browser(role) for role in ("administrator", "worker", "supervisor")}
    town.clock.advance(minutes=6)
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in STEPPED_UP:
            continue
        who = declared(app.view_functions[rule.endpoint])
        person = next(people[role] for role in people if role in who)
        person.submit("/xac-nhan", page="/tro-giup/can-cu-phap-ly")
        for method in rule.methods & {"GET", "POST"}:
            answer = person.client.open(filled(rule.rule), method=method, data={"csrf_token": person.token})
            asked = answer.status_code == 401 or answer.headers.get("Location", "").startswith("/xac-nhan")
            assert asked, (method, rule.endpoint, answer.status_code)


# ---------------------------------------------------------------- one's own page


def test_the_last_factor_cannot_be_removed_on_the_page(town: Town, newcomer: Browser, device: Authenticator) -> None:
    set_up(town, newcomer)
    newcomer.submit(f"{MINE}/ung-dung/go", page=MINE)
    assert "cách xác nhận cuối cùng" in newcomer.follow().get_data(as_text=True)
    assert add_passkey(newcomer, device).status_code == 303
    newcomer.submit(f"{MINE}/ung-dung/go", page=MINE)
    page = newcomer.follow().get_data(as_text=True)
    assert "Đã gỡ ứng dụng tạo mã." in page
    assert "Máy cơ quan" in page


def test_a_passkey_is_renamed_and_another_s_does_not_exist(
    town: Town, app: Any, newcomer: Browser, device: Authenticator, browser: Callable[[str], Browser]
) -> None:
    add_passkey(newcomer, device)
    found = re.search(rf'href="({MINE}/khoa/[0-9a-f-]+)"', newcomer.get(MINE).get_data(as_text=True))
    assert found is not None
    assert newcomer.submit(found[1], {"name": "Điện thoại mới"}, page=found[1]).status_code == 303
    assert "Điện thoại mới" in newcomer.get(MINE).get_data(as_text=True)
    other = browser("chair")
    assert other.get(found[1]).status_code == 404
    assert other.submit(found[1], {"name": "x"}, page=MINE).status_code == 404
    assert other.submit(f"{found[1]}/go", page=MINE).status_code == 404


def test_an_administrator_alone_cannot_take_away_a_lost_factor(
    town: Town, app: Any, newcomer: Browser, browser: Callable[[str], Browser]
) -> None:
    set_up(town, newcomer)
    person = browser("administrator")
    with town.office.begin(SYSTEM) as work:
        worker = work.session.exec(select(Staff).where(Staff.username == "worker")).one()
    page = f"/quan-tri/tai-khoan/{worker.id}"
    assert person.submit(f"{page}/mat-cach-xac-nhan", page=page).status_code == 303
    with town.office.begin(SYSTEM) as work:
        act = work.session.exec(select(TwoPersonAct).where(TwoPersonAct.kind == "reset-factor")).one()
        told = work.session.exec(select(Notice.staff_id).where(Notice.text_id == "factor-reset-asked")).all()
    assert told == [worker.id]
    with pytest.raises(NotFound), town.office.begin(town.act_as("administrator")) as work:
        decide_act(work, act.id, agree=True)
    assert enter(town, app, "worker").get("/dang-nhap/xac-nhan").status_code == 200
    with town.office.begin(town.act_as("supervisor")) as work:
        decide_act(work, act.id, agree=True)
    assert enter(town, app, "worker").get("/viec").headers["Location"] == MINE


def test_neither_secret_nor_code_stands_in_an_address_or_a_title(town: Town, newcomer: Browser) -> None:
    newcomer.submit(f"{MINE}/ung-dung/moi", page=MINE)
    page = newcomer.get(f"{MINE}/ung-dung").get_data(as_text=True)
    seed = SEED.search(page)
    title = re.search(r"<title>(.*?)</title>", page)
    assert seed is not None and title is not None
    for place in (title[1], *re.findall(r'(?:href|src|action)="([^"]*)"', page)):
        assert seed[1].replace(" ", "") not in place
