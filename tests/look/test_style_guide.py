"""The look: every part on one page, in a real browser, against what the pages promise to people and to the policy."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, render_template, render_template_string, request
from flask_babel import Babel
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, PrefixLoader
from werkzeug.serving import make_server

from casework.law.forms import FAULTS, read
from casework.law.loader import load_law
from casework.law.model import Field

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "casework" / "static"
AXE = ROOT / "tests" / "axe.min.js"
CHROMIUM = Path("/usr/bin/chromium")
LAW_PAGE = """
{% extends "base.html" %}{% from "parts/form.html" import law_form, error_summary, save_bar %}
{% block title %}Mẫu{% endblock %}
{% block content %}{{ error_summary(faults, form, "vi", fault_texts) }}<h1>{{ form.title.vi }}</h1>
<form method="post" class="law-form" novalidate>
{{ law_form(form, shown, faults, {}, "vi", fault_texts, articles) }}{{ save_bar("Lưu") }}</form>{% endblock %}
"""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORT_PAGE = """
{% extends "report_base.html" %}{% from "parts/tile.html" import tiles, question %}
{% block title %}Bước 2{% endblock %}
{% block back %}<a class="govuk-back-link" href="/">{{ _("Quay lại") }}</a>{% endblock %}
{% block content %}<p class="offline">Không có sóng – vẫn gửi được. Tin sẽ tự đi khi có sóng.</p>
<form method="post">
{% call question("Anh/chị thấy điều gì?", "f-saw", step="Bước 2/5", hint="Chọn nhiều ô cũng được.", fault=fault) %}
{{ tiles("saw", options, ["b"]) }}{% endcall %}
<button class="govuk-button btn-big">Tiếp tục</button></form>{% endblock %}
"""
TILES = [
    {"value": "a", "title": "Bị đánh", "icon": "hand"},
    {"value": "b", "title": "Bị bỏ đói, bỏ mặc", "icon": "bowl"},
    {"value": "c", "title": "Nghi xâm hại tình dục", "icon": "warning"},
    {"value": "d", "title": "Bị đưa đi, nghỉ học bất thường", "icon": "bus"},
    {"value": "e", "title": "Phải làm việc nặng", "icon": "work"},
    {"value": "f", "title": "Khác, không chắc", "icon": "more"},
]
SIZES = [(1366, 768), (360, 640)]


def make_app() -> Flask:
    """The parts alone: the product's templates and static files, sample context, the product's content policy."""
    app = Flask("look", static_folder=str(STATIC), static_url_path="/static")
    app.jinja_loader = ChoiceLoader(
        [
            FileSystemLoader(ROOT / "templates"),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    )
    Babel(app, default_locale="vi")
    law = load_law()
    drafts: list[dict[str, str]] = []
    app.extensions["drafts"] = drafts

    @app.context_processor
    def context() -> dict[str, Any]:
        titles = ["Việc của tôi", "Ca", "Tiếp nhận", "Biểu mẫu"]
        return {
            "viewer": {"role": "worker", "role_title": "Cán bộ xã", "unit_title": "Xã Nà Lũng"},
            "nav": [
                {
                    "url": "/",
                    "title": title,
                    "current": "page" if title == "Ca" else None,
                    "count": 3 if title == "Ca" else None,
                }
                for title in titles
            ],
            "language": "vi",
            "language_url": "?lang=en",
            "drill": "Dữ liệu diễn tập – tỉnh Sơn Lâm (hư cấu)",
            "notice": [("success", "Đã lưu.")],
            "office_now": request.args.get("now", "2026-11-23T06:54:00+07:00"),
            "office_speed": request.args.get("speed", "1"),
            "asset": lambda path: f"/static/{path}",
            "csrf_token": lambda: "token",
        }

    @app.get("/kieu-mau")
    def style_guide() -> str:
        return render_template("style_guide.html")

    @app.get("/bao-tin")
    def report() -> str:
        return render_template_string(REPORT_PAGE, fault=request.args.get("fault"), options=TILES)

    @app.get("/mau/<form_id>")
    def law_form(form_id: str) -> str:
        form = law.forms[form_id]
        submitted = {key: request.args.getlist(key) for key in request.args}
        faults = read(form, submitted, today=date(2026, 11, 23)).faults
        return render_template_string(
            LAW_PAGE, form=form, shown=submitted, faults=faults, fault_texts=FAULTS, articles=law.articles
        )

    @app.get("/thoat-nhanh")
    def neutral() -> str:
        return (
            "<!doctype html><html lang=vi><link rel=icon href=data:,><title>Thời tiết</title><h1>Thời tiết</h1></html>"
        )

    @app.get("/kieu-mau/xa")
    def communes() -> Response:
        return jsonify([{"code": "90101", "title": "xã Nà Lũng, tỉnh Sơn Lâm", "detail": "trực: cán bộ xã"}])

    @app.post("/kieu-mau/nhap")
    def draft() -> Response:
        drafts.append(request.form.to_dict())
        return jsonify(saved_at="06:55")

    @app.after_request
    def policy(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    return app


@pytest.fixture(scope="module")
def app() -> Flask:
    return make_app()


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def browser(chromium: Any) -> Any:
    return chromium


@pytest.fixture
def page_at(browser: Any, address: str) -> Iterator[Any]:
    """A function (path, size, **context) → page; fails the test on a script error or a breach of the content policy."""
    contexts: list[Any] = []
    heard: list[str] = []

    def open_page(path: str, size: tuple[int, int] = (1366, 768), **options: Any) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, bypass_csp=False, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda line: heard.append(line.text) if line.type == "error" else None)
        page.goto(address + path, wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def violations(page: Any) -> list[str]:
    # Given to the page by the debugger, so that the page keeps its own content policy.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.html).join(' | ')))"
    )
    return [str(one) for one in found]


def html_of(app: Flask, path: str) -> str:
    return app.test_client().get(path).get_data(as_text=True)


def packed(*paths: str) -> int:
    return sum(len(gzip.compress((STATIC / path).read_bytes(), 9)) for path in paths)


@pytest.mark.parametrize("size", SIZES, ids=["pc", "phone"])
@pytest.mark.parametrize("path", ["/kieu-mau", "/bao-tin", "/bao-tin?fault=Chọn+một+ô"])
@pytest.mark.browser
def test_every_part_has_no_accessibility_fault(page_at: Any, path: str, size: tuple[int, int]) -> None:
    assert violations(page_at(path, size)) == []


@pytest.mark.browser
def test_the_accessibility_check_sees_a_planted_fault(page_at: Any) -> None:
    page = page_at("/bao-tin")
    page.evaluate(
        "document.querySelector('.tile input').closest('label').replaceWith(document.querySelector('.tile input'))"
    )
    assert any(one.startswith("label") for one in violations(page))


@pytest.mark.parametrize("path", ["/kieu-mau", "/bao-tin"])
@pytest.mark.parametrize("width", [320, 360, 1024])
@pytest.mark.browser
def test_no_page_scrolls_sideways(page_at: Any, path: str, width: int) -> None:
    page = page_at(path, (width, 640))
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('nav, .govuk-visually-hidden, .skip, thead')).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width, wide


class Controls(HTMLParser):
    """The names a page submits, its ids, and where the links of its error summary lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("input", "select", "textarea") and "name" in given:
            self.names.add(given["name"])
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and given.get("href", "").startswith("#f-"):
            self.links.append(given["href"][1:])


def names_of(field: Field, prefix: str = "") -> set[str]:
    name = prefix + field.id
    if field.kind == "rows":
        return {one for column in field.columns for one in names_of(column, f"{name}-0-")}
    if field.kind in ("date", "datetime"):
        parts = ("day", "month", "year", "time") if field.kind == "datetime" else ("day", "month", "year")
        return {f"{name}-{part}" for part in parts}
    return {name}


@pytest.mark.parametrize("form_id", sorted(load_law().forms))
def test_every_question_of_the_law_has_its_box_and_every_fault_its_link(app: Flask, form_id: str) -> None:
    form = load_law().forms[form_id]
    page = Controls(html_of(app, f"/mau/{form_id}"))
    assert {name for field in form.fields for name in names_of(field)} <= page.names
    assert len(page.ids) == len(set(page.ids))
    assert len(page.links) >= sum(one.required and one.only_if is None for one in form.fields)
    assert set(page.links) <= set(page.ids)


def test_what_was_written_stands_in_the_boxes_again_and_harms_nothing(app: Flask) -> None:
    page = app.test_client().get(
        "/mau/04?budget_note=%3Cscript%3E&activities-4-name=Th%C4%83m&activities-4-from-day=31"
    )
    html = page.get_data(as_text=True)
    assert "&lt;script&gt;" in html and "<script>" not in html
    assert re.search(r'name="activities-4-name"[^>]*value="Thăm"', html)
    assert 'name="activities-7-name"' in html and 'name="activities-8-name"' not in html


@pytest.mark.parametrize("size", SIZES, ids=["pc", "phone"])
@pytest.mark.parametrize("form_id", ["01", "02", "04"])
@pytest.mark.browser
def test_forms_of_the_law_have_no_accessibility_fault(page_at: Any, form_id: str, size: tuple[int, int]) -> None:
    page = page_at(f"/mau/{form_id}", size)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("path", ["/kieu-mau", "/bao-tin"])
def test_nothing_is_inline(app: Flask, path: str) -> None:
    page = html_of(app, path)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)


def test_templates_hold_nothing_inline() -> None:
    for path in [
        *(ROOT / "templates" / "parts").glob("*.html"),
        ROOT / "templates" / "base.html",
        ROOT / "templates" / "report_base.html",
    ]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", text), path.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path.name


def test_the_report_path_stays_small(app: Flask) -> None:
    page = len(gzip.compress(html_of(app, "/bao-tin").encode(), 9))
    assert packed("css/base.css") <= 9 * 1024
    assert packed("js/exit.js", "js/combo.js") <= 4 * 1024
    assert page + packed("css/base.css", "js/exit.js", "icon.svg") <= 20 * 1024


def test_staff_pages_stay_small() -> None:
    assert packed("css/app.css") <= 16 * 1024
    assert packed("js/combo.js") <= 3 * 1024
    assert packed("js/clock.js", "js/form.js", "js/combo.js", "js/keys.js") <= 8 * 1024


def test_styles_use_no_foreign_font_or_emblem() -> None:
    for name in ("base.css", "app.css"):
        text = re.sub(r"/\*.*?\*/", "", (STATIC / "css" / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"GDS Transport|@font-face|@import|crown|url\((?!\"?data:)", text, re.IGNORECASE)


@pytest.mark.browser
def test_rows_and_conditions_stand_open_without_javascript(page_at: Any) -> None:
    page = page_at("/kieu-mau", java_script_enabled=False)
    assert page.locator("[data-row]:visible").count() == 4
    assert page.locator("#f-nguy_hiem_gi").is_visible()
    assert page.locator("[data-add-row]:visible").count() == 1  # posts, and comes back with further rows


@pytest.mark.browser
def test_a_question_shows_only_when_its_condition_holds(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    assert page.locator("#f-nguy_hiem_gi").is_hidden()
    page.check("#f-nguy_hiem")
    assert page.locator("#f-nguy_hiem_gi").is_visible()


@pytest.mark.browser
def test_a_row_can_be_added_and_taken_away(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    for _ in range(4):
        page.click("[data-add-row]")
    assert page.locator("[data-row]:visible").count() == 5
    assert page.locator("#f-viec_lam-4-hoat_dong").get_attribute("name") == "viec_lam-4-hoat_dong"
    page.locator("[data-row]:visible .remove").last.click()
    assert page.locator("[data-row]:visible").count() == 4


@pytest.mark.browser
def test_a_draft_is_saved_when_the_hands_rest(page_at: Any, app: Flask) -> None:
    page = page_at("/kieu-mau")
    page.fill("#f-hien_trang", "Em ngủ được.")
    page.wait_for_selector(".law-form [data-saved]:text-is('Đã lưu nháp 06:55')", timeout=8000)
    assert app.extensions["drafts"][-1]["hien_trang"] == "Em ngủ được."


@pytest.mark.browser
def test_a_clock_changes_state_word_and_icon_together(page_at: Any) -> None:
    # At this speed a second of the test is ten minutes of the office: the second chip is due at 10:14.
    page = page_at("/kieu-mau?now=2026-11-23T10:05:00%2B07:00&speed=600")
    chip = page.locator("#k-han ~ .cluster .chip").nth(1)
    icon = chip.locator("svg path").first.get_attribute("d")
    assert chip.get_attribute("data-state") == "soon"
    page.locator("#k-han ~ .cluster .chip--late").nth(1).wait_for(timeout=8000)
    assert chip.inner_text().startswith("Quá hạn")
    assert chip.locator("svg path").first.get_attribute("d") != icon
    assert page.locator("#clock-live").inner_text() == "Đã quá hạn: Can thiệp khẩn cấp."


@pytest.mark.browser
def test_a_quick_key_answers_the_question_in_hand_and_moves_on(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    page.focus("#f-danger")
    page.keyboard.press("k")
    assert page.is_checked("input[name=danger][value=no]")
    assert page.evaluate("document.activeElement.id") == "f-commune"


@pytest.mark.browser
def test_a_digit_in_a_text_field_stays_a_digit(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    page.focus("#f-story")
    page.keyboard.type("2")
    assert not page.is_checked("input[name=sex][value=nu]")
    assert page.input_value("#f-story").count("2") == 1


@pytest.mark.browser
def test_quick_keys_can_be_switched_off(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    page.uncheck("[data-quickkeys-switch]", force=True)
    page.focus("#f-danger")
    page.keyboard.press("k")
    assert not page.is_checked("input[name=danger][value=no]")


@pytest.mark.browser
def test_choosing_a_commune_writes_its_code(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    page.focus("#f-commune")
    page.keyboard.type("na lung")
    page.wait_for_selector(".combo__list:not([hidden])")
    page.keyboard.press("Enter")
    assert page.input_value("#f-commune") == "xã Nà Lũng, tỉnh Sơn Lâm"
    assert page.evaluate("document.querySelector('input[type=hidden][name=commune]').value") == "90101"


@pytest.mark.browser
def test_nothing_is_searched_while_a_syllable_is_composed(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.evaluate(
        "const i = document.querySelector('#f-commune'); i.focus(); i.value = 'na';"
        "i.dispatchEvent(new InputEvent('input', {bubbles: true, isComposing: true}))"
    )
    page.wait_for_timeout(600)
    assert not any("/kieu-mau/xa" in one for one in asked)


@pytest.mark.browser
def test_shift_three_times_leaves_and_cannot_be_walked_back(page_at: Any) -> None:
    page = page_at("/bao-tin")
    for _ in range(3):
        page.keyboard.press("Shift")
    page.wait_for_url("**/thoat-nhanh")
    page.go_back()
    assert "/bao-tin" not in page.url


@pytest.mark.browser
def test_the_first_link_of_the_error_summary_leads_to_the_box(page_at: Any) -> None:
    page = page_at("/kieu-mau")
    page.locator(".govuk-error-summary a").first.click()
    assert page.evaluate("document.activeElement.id") == "f-gap_luc-day"
