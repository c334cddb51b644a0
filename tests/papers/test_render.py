"""Papers as they come out of the printer: looked into with poppler, and read back as Word reads them."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import threading
import time
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from casework.papers.content import PaperContent
from casework.papers.fontface import letters_of
from casework.papers.layout import sheet_of
from casework.papers.pdf import FONTS, Press
from casework.papers.word import docx
from tests.papers.samples import CODE, HASH, KINDS, LAW, SEPARATION, VALUES, empty, sample

poppler = pytest.mark.skipif(
    not all(map(shutil.which, ("pdffonts", "pdftotext", "pdfinfo"))), reason="poppler-utils looks into PDFs; not here"
)

WITHOUT_MOTTO = {"02", "03", "06"}  # as the gazette prints them
MOTTO = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
BASE, MARKS = "aăâeêioôơuưy", "\u0300\u0309\u0303\u0301\u0323"

# Every language on the way to paper, said by a person: typst, Jinja, docxtpl's own braces, XML, TeX, format strings.
HOSTILE = (
    '#set page(fill: red) #read("/etc/passwd") #panic("x") $x^2$ \\u{41} @ref <label> *b* _i_ `r` // c /* d */ ~ -- "q"',
    "{{ 7*7 }} {% raw %} {# c #} {_{ 7*7 }_} {_% if %_} {%p x %} ${jndi} {0} {child_name} %s &amp; &#65;",
    "</w:t></w:r><w:p/> <b>đậm</b> <!-- x --> ]]> <?xml?> <!DOCTYPE a> 'q' = - + 1. [x](y) #5",
)


@pytest.fixture(scope="module")
def press() -> Press:
    return Press(LAW)


def poppler_says(tool: str, *arguments: str, pdf: bytes) -> str:
    done = subprocess.run([tool, *arguments], input=pdf, capture_output=True, check=True, timeout=60)
    return done.stdout.decode("utf-8")


def text_of(pdf: bytes) -> str:
    return poppler_says("pdftotext", "-layout", "-", "-", pdf=pdf)


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text.replace("\u200b", ""))


def words_of(word: bytes) -> str:
    """The text of a Word file, paragraph after paragraph, head and foot with it."""
    with zipfile.ZipFile(io.BytesIO(word)) as archive:
        parts = [archive.read(name).decode("utf-8") for name in archive.namelist() if name.startswith("word/")]
    texts = re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>", "".join(parts))
    return "".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@poppler
@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_is_tagged_pdfa_in_one_family(press: Press, kind: str) -> None:
    for content in (sample(kind), empty(kind)):
        pdf = press.pdf(content)
        assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in pdf
        about = poppler_says("pdfinfo", "-", pdf=pdf)
        assert re.search(r"Tagged: +yes", about)
        assert "Vừ A Páo" not in about, "the file's properties are seen without opening it"
        fonts = [line.split()[0] for line in poppler_says("pdffonts", "-", pdf=pdf).splitlines()[2:]]
        assert {re.sub(r"^[A-Z]{6}\+|-.*", "", font) for font in fonts} == {"LiberationSerif"}


@poppler
@pytest.mark.parametrize("kind", KINDS)
def test_every_page_names_its_case_and_version_and_leaves_no_placeholder(press: Press, kind: str) -> None:
    for content in (sample(kind), empty(kind)):
        pages = text_of(press.pdf(content)).rstrip("\f").split("\f")
        for number, page in enumerate(pages, start=1):
            assert HASH in page and CODE in page
            assert "...." not in page and "…" not in page and "{" not in page and "None" not in page
            assert (page.split("\n")[0].strip() == str(number)) == (number > 1), "numbered from the second page on"
        whole = "".join(pages)
        assert "LĐTBXH" not in whole and "ỦY BAN NHÂN XÃ" not in whole
        assert (MOTTO in whole) == (kind not in WITHOUT_MOTTO)
        assert re.search(
            r"Page size: +841.* x 595" if kind == "02" else r"Page size: +595.* x 841",
            poppler_says("pdfinfo", "-", pdf=press.pdf(content)),
        )


@poppler
def test_a_decision_says_what_mau_07_says(press: Press) -> None:
    text = flat(text_of(press.pdf(sample("07"))))
    for part in (
        "Số: 05/QĐ-UBND",
        "Nà Lũng, ngày 05 tháng 02 năm 2027",
        "CHỦ TỊCH ỦY BAN NHÂN DÂN XÃ NÀ LŨNG",
        "Căn cứ Luật Trẻ em ngày 05 tháng 4 năm 2016;",
        "Tạm thời cách ly Vừ A Páo, sinh ngày 03 tháng 02 năm 2017, hiện trú tại bản Sen, xã Nà Lũng, tỉnh Sơn Lâm khỏi",
        "trong thời hạn 8 ngày kể từ ngày 28 tháng 01 năm 2027.",
        "Người tiếp nhận cháu Vừ A Páo là ông/bà Lò Thị Ẻn ở địa chỉ Trạm Y tế xã Nà Lũng",
        "- Sở Y tế (để b/c);",
        "- Lưu hồ sơ.",
        "TM. ỦY BAN NHÂN DÂN",
        "Hoàng Thị Ánh",
    ):
        assert flat(part) in text, part
    assert "KT." not in text


def test_a_deputy_signs_for_the_chair_in_the_deputys_form() -> None:
    signed = sheet_of(sample("07", deputy=True, signer_post="CHỦ TỊCH"), LAW).right
    assert signed.lines == ("TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH")


def test_edited_grounds_and_recipients_win_over_the_editions() -> None:
    sheet = sheet_of(sample("05", grounds=("Căn cứ A;",), recipients=("- Như Điều 3;", "Ông B")), LAW)
    assert [para.runs[0].text for para in sheet.opening[1:-1]] == ["Căn cứ A;"]
    assert sheet.recipients == ("- Như Điều 3;", "- Ông B.")


def said(kind: str, **changes: Any) -> str:
    """All the words of a paper's body, in order."""
    parts: list[str] = []
    for one in sheet_of(sample(kind, **changes), LAW).body:
        rows = one.rows if hasattr(one, "rows") else ()
        parts += [run.text for row in rows for cell in row if cell for runs in cell.paras for run in runs]
        parts += [run.text for run in getattr(one, "runs", ())]
    return " ".join(parts)


def test_readings_tick_the_level_write_it_and_count() -> None:
    text = said("02")
    assert "■ Cao (trẻ em bị tổn hại nghiêm trọng, đe dọa tính mạng);" in text
    assert "□ Thấp (trẻ em ít hoặc không bị tổn hại)." in text
    assert re.findall(r"Cao:  (\d) \s+Trung bình:  (\d) \s+Thấp:  (\d)", text) == [("2", "0", "0"), ("0", "1", "1")]
    assert "■  Trẻ em cần được bảo vệ khẩn cấp" in text
    assert not re.search(r"(Cao|Thấp):  \d", said("02", values={})), "nothing read is not nought"


def test_the_estimate_writes_money_as_the_office_does_and_adds_it_up() -> None:
    text = said("cost-estimate")
    assert "1.234.000" in text and "Tổng cộng 2.084.000" in text
    assert "05/02/2027 05/04/2027" in text


def test_words_the_form_prints_are_not_said_twice() -> None:
    values = VALUES["court-request"] | {"court": "Tòa án nhân dân khu vực 3"}
    sheet = sheet_of(sample("court-request", values=values), LAW)
    assert "".join(run.text for run in sheet.opening[0].runs) == "Kính gửi: Tòa án nhân dân khu vực 3"


def test_days_under_ten_and_the_first_two_months_are_padded_no_other() -> None:
    for day, words in ((date(2027, 2, 9), "ngày 09 tháng 02"), (date(2027, 3, 10), "ngày 10 tháng 3")):
        head = sheet_of(sample("05", day=day), LAW).head
        assert head and f"Nà Lũng, {words} năm 2027" == "".join(run.text for run in head.date)


def hostile(text: str) -> tuple[PaperContent, ...]:
    """The text wherever somebody can write one: a line, a paragraph, a cell, a list, around the body."""
    activity = {"name": text, "officer": text, "provider": text}
    seven = VALUES["07"] | {"child_name": text, "from_whom": text}
    return (
        sample("01", values=VALUES["01"] | {"narrative": text, "child_name": text}),
        sample("04", values={"activities": [activity], "goal_other": text}),
        sample(
            "07", values=seven, signer_name=text, place=text, grounds=(text,), recipients=(text,), number=f"1/{text}"
        ),
        sample("extend-separation", extra={"separation": SEPARATION | {"from_whom": text}, "child": {"name": text}}),
    )


@poppler
@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_person_wrote_prints_literally(press: Press, text: str) -> None:
    for content in hostile(text):
        assert flat(text) in flat(poppler_says("pdftotext", "-raw", "-", "-", pdf=press.pdf(content)))
        assert flat(text) in flat(words_of(docx(content, LAW)))


@poppler
def test_letters_beyond_the_font_print_their_code_and_marks_that_reorder_are_dropped(press: Press) -> None:
    text = "Em \U0001f600 中 \u202egnút \u2066x\u2069 \ud800 \ufffe\x00\x07 z"
    content = sample("05", values={"proposer": text, "child_name": "Vừ A Páo"})
    assert "Em [U+1F600] [U+4E2D] gnút x z" in re.sub(r"\s+", " ", text_of(press.pdf(content)))
    assert "Em \U0001f600 中 gnút x z" in re.sub(r"\s+", " ", words_of(docx(content, LAW)))


@poppler
def test_a_word_without_end_and_a_text_without_end_stay_on_the_paper(press: Press) -> None:
    long = "Đ" * 5000
    values = {"activities": [{"name": long, "officer": "ả" * 60}], "goal_other": "dài " * 1250}
    around = {"signer_name": "Ẻ" * 90, "place": "Ỹ" * 90, "commune": "xã " + "Ủ" * 60}
    boxes = poppler_says("pdftotext", "-bbox", "-", "-", pdf=press.pdf(sample("04", values=values, **around)))
    edge = (210 - 17 + 1) / 25.4 * 72
    assert boxes.count("Đ") >= 5000
    assert max(float(right) for right in re.findall(r'xMax="([0-9.]+)"', boxes)) < edge
    assert docx(sample("04", values=values), LAW)


@pytest.mark.parametrize("kind", KINDS)
def test_word_opens_every_paper_and_names_times_new_roman(kind: str) -> None:
    from docx import Document  # python-docx, which docxtpl brings

    for content in (sample(kind), empty(kind)):
        made = docx(content, LAW)
        opened = Document(io.BytesIO(made))
        assert opened.core_properties.title == f"{LAW.papers[kind].title.vi} - {CODE}"
        page = opened.sections[0]
        assert (int(page.page_width or 0) > int(page.page_height or 0)) == (kind == "02")
        with zipfile.ZipFile(io.BytesIO(made)) as archive:
            named = set(re.findall(r'w:ascii="([^"]+)"', archive.read("word/styles.xml").decode()))
        assert named == {"Times New Roman"}
        words = words_of(made)
        assert HASH in words and "{{" not in words and "None" not in words and "...." not in words


def test_the_font_has_every_vietnamese_letter_in_every_face() -> None:
    import unicodedata

    vowels = {unicodedata.normalize("NFC", base + mark) for base in BASE for mark in ("", *MARKS)} | {"đ"}
    letters = {one for vowel in vowels for one in (vowel, vowel.upper())}
    assert len(letters) == 2 * (12 * 6 + 1) and all(len(one) == 1 for one in letters)
    faces = sorted(FONTS.glob("*.ttf"))
    assert len(faces) == 4
    for face in faces:
        assert {ord(one) for one in letters} <= letters_of([face]), face.name


def test_printed_again_it_is_the_same_file_also_by_several_at_once(press: Press) -> None:
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(press.pdf(sample("05")))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(made) == {press.pdf(sample("05"))} and len(made) == 4
    assert press.pdf(sample("05", version_hash="0" * 64)) not in made


def test_a_warm_paper_is_quick_even_on_a_busy_machine(press: Press) -> None:
    for kind in KINDS:
        press.pdf(sample(kind))
        took = []
        for turn in range(5):
            content = sample(kind, number=str(turn + 10))
            start = time.perf_counter()
            press.pdf(content)
            took.append(time.perf_counter() - start)
        assert min(took) < 0.15, f"{kind}: {min(took) * 1000:.0f} ms; `python -m tests.bench.papers` holds the 50"


@poppler
def test_a_draft_shows_that_it_is_none(press: Press) -> None:
    draft = replace(sample("05"), extra={"draft": True}, version_hash="")
    assert "BẢN NHÁP" in text_of(press.pdf(draft)) and "BẢN NHÁP" in words_of(docx(draft, LAW))
    assert "NHÁP" not in text_of(press.pdf(sample("05")))


def test_a_press_reads_nothing_outside_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("secret", "utf-8")
    inside = tmp_path / "templates"
    inside.mkdir()
    (inside / "paper.typ").write_text(f'#read("{outside}")\n#read("../secret.txt")', "utf-8")
    with pytest.raises(Exception, match=r"outside of|not found|failed to load|access denied"):
        Press(LAW, templates=inside).pdf(sample("05"))
