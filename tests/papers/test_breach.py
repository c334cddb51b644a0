"""The notice of a suspected leak: what was typed for it and no more, a draft until somebody confirms it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib import resources
from typing import Any

import pytest
from sqlmodel import select

from casework.errors import Invalid, LawFault
from casework.incidents.models import EntryKind, Incident, IncidentNotice
from casework.incidents.notice import FILE, notice_paper, notices_of, read_notice, write_notice
from casework.incidents.service import close_incident, do_step, note, open_incident
from casework.papers.breach import notice_sheet
from casework.papers.layout import Sheet
from casework.papers.pdf import Press
from casework.papers.word import word_of
from casework.work import Work
from tests.conftest import Town
from tests.papers.samples import LAW
from tests.papers.test_render import HOSTILE, flat, poppler, poppler_says, text_of, words_of

SAID = "Mất điện thoại của cộng tác viên ở chợ phiên, chưa khóa màn hình"
STEP = "Đã khóa tài khoản lúc 8 giờ 20"
TOLD = "Công an tỉnh, qua điện thoại"
NOTE = "Nghi ông trưởng bản Hoàng Văn Nghĩa 0912345678"
TYPED = {one.id: f"Chữ của ô {one.id}." for one in notice_paper().asked} | {"number": "12"}


@pytest.fixture(scope="module")
def press() -> Press:
    return Press(LAW)


@pytest.fixture
def incident(town: Town) -> Incident:
    """A leak of which a step, a telling and a remark are written down."""
    with town.office.begin(town.act_as("worker")) as work:
        found = open_incident(work, description=SAID, detected_at=work.now)
    with town.office.begin(town.act_as("supervisor")) as work:
        mine = work.session.get_one(Incident, found.id)
        do_step(work, mine, "contain", STEP)
        note(work, mine, EntryKind.TOLD, TOLD)
        note(work, mine, EntryKind.NOTE, NOTE)
    return found


def write(town: Town, incident: Incident, typed: dict[str, str], **how: bool) -> None:
    with town.office.begin(town.act_as("supervisor")) as work:
        write_notice(work, work.session.get_one(Incident, incident.id), typed, **how)


def sheet(town: Town, incident: Incident, serial: int | None = None) -> Sheet:
    with town.office.begin(town.act_as("supervisor")) as work:
        return notice_sheet(work, work.session.get_one(Incident, incident.id), serial).sheet


def printed(press: Press, town: Town, incident: Incident, serial: int | None = None) -> bytes:
    with town.office.begin(town.act_as("supervisor")) as work:
        found = notice_sheet(work, work.session.get_one(Incident, incident.id), serial)
    return press.draw(found.sheet, found.day)


def texts(value: Any) -> Iterator[str]:
    """Every text of a sheet, a run at a time."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def beyond(filled: Sheet, empty: Sheet, typed: dict[str, str]) -> set[str]:
    """What a filled sheet says that neither the empty one says nor anybody typed."""
    own = {one.strip() for one in texts(asdict(empty))}
    new = {one.strip() for one in texts(asdict(filled))} - own
    return {one for one in new if one.rstrip(".;") not in {text.rstrip(".") for text in typed.values()}}


@poppler
def test_before_anybody_wrote_it_it_says_what_the_incident_tells_and_that_it_is_a_draft(
    town: Town, press: Press, incident: Incident
) -> None:
    pdf = printed(press, town, incident)
    text = flat(text_of(pdf))
    for part in (
        SAID,
        STEP,
        TOLD,
        incident.code,
        "BẢN NHÁP",
        "91/2025/QH15",
        "356/2025/NĐ-CP",
        "chưa đọc trong Công báo",
    ):
        assert flat(part) in text, part
    for kept_in in (NOTE, "0912345678", "Nghĩa", "supervisor", "Số: 12"):
        assert flat(kept_in) not in text, kept_in
    fonts = [line.split()[0] for line in poppler_says("pdffonts", "-", pdf=pdf).splitlines()[2:]]
    assert {re.sub(r"^[A-Z]{6}\+|-.*", "", font) for font in fonts} == {"LiberationSerif"}
    assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in pdf
    about = poppler_says("pdfinfo", "-", pdf=pdf)
    assert re.search(r"Tagged: +yes", about) and SAID not in about


@poppler
def test_it_holds_what_was_typed_and_no_more(town: Town, press: Press, incident: Incident) -> None:
    empty = dict.fromkeys(TYPED, "") | {"grounds": TYPED["grounds"]}
    write(town, incident, empty)
    blank = sheet(town, incident)
    assert "…" not in flat(text_of(printed(press, town, incident)))
    write(town, incident, TYPED)
    filled = sheet(town, incident)
    assert beyond(filled, blank, TYPED) == {"Số: 12/TB-UBND", "Đã báo cho:"}
    text = flat(text_of(printed(press, town, incident)))
    assert [name for name, words in TYPED.items() if flat(words).rstrip(".") not in text] == []
    for kept_in in (SAID, STEP, TOLD, NOTE):
        assert flat(kept_in) not in text
    # The planted defect: a name that nobody typed for it.
    named = replace(filled, right=replace(filled.right, name="Hoàng Thị Ánh"))
    assert "Hoàng Thị Ánh" in beyond(named, blank, TYPED)


@poppler
def test_only_who_confirms_it_takes_the_draft_mark_away(town: Town, press: Press, incident: Incident) -> None:
    write(town, incident, TYPED)
    assert "BẢN NHÁP" in text_of(printed(press, town, incident)) and "BẢN NHÁP" in words_of(
        word_of(sheet(town, incident))
    )
    write(town, incident, TYPED, confirm=True, compared=True)
    text, word = text_of(printed(press, town, incident)), words_of(word_of(sheet(town, incident)))
    assert "NHÁP" not in text and "NHÁP" not in word and "chưa đọc trong Công báo" not in text
    assert "ngày 23 tháng 11 năm 2026" in text and "Mã phiên bản" in text
    assert flat(TYPED["what"]) in flat(word) and incident.code in word


def test_confirmed_it_is_never_changed_and_what_comes_after_is_the_next(
    town: Town, press: Press, incident: Incident
) -> None:
    write(town, incident, TYPED, confirm=True, compared=True)
    first = printed(press, town, incident)
    write(town, incident, TYPED)  # nothing new
    write(town, incident, TYPED | {"amount": "40 người"})
    write(town, incident, TYPED | {"amount": "41 người"})
    with town.office.begin(town.act_as("supervisor")) as work:
        kept = [(one.serial, one.confirmed_at is not None) for one in notices_of(work, _mine(work, incident))]
    assert kept == [(2, False), (1, True)]
    assert printed(press, town, incident, 1) == first and sheet(town, incident).draft


def _mine(work: Work, incident: Incident) -> Incident:
    return work.session.get_one(Incident, incident.id)


@pytest.mark.parametrize(
    ("typed", "compared", "fault"),
    [
        (TYPED, False, {"compared": "missing"}),
        (TYPED | {"what": " "}, True, {"what": "missing"}),
        (TYPED | {"told": "x" * 4001}, True, {"told": "too-long"}),
    ],
)
def test_it_is_confirmed_compared_and_with_words(
    town: Town, incident: Incident, typed: dict[str, str], compared: bool, fault: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        write(town, incident, typed, confirm=True, compared=compared)
    assert refused.value.faults == fault
    with town.office.begin(town.act_as("supervisor")) as work:
        assert notices_of(work, incident) == []


def test_of_a_closed_incident_nothing_more_is_written(town: Town, incident: Incident) -> None:
    with town.office.begin(town.act_as("supervisor")) as work:
        close_incident(work, _mine(work, incident), "Tìm lại được máy")
    with pytest.raises(Invalid):
        write(town, incident, TYPED)


def test_its_words_are_sealed(town: Town, incident: Incident) -> None:
    write(town, incident, TYPED | {"what": SAID})
    with town.office.begin(town.act_as("supervisor")) as work:
        row = work.session.exec(select(IncidentNotice)).one()
        assert row.content is not None and SAID.encode() not in bytes(row.content)


@poppler
def test_what_a_person_wrote_prints_literally(town: Town, press: Press, incident: Incident) -> None:
    write(town, incident, dict.fromkeys(TYPED, HOSTILE[0]) | {"told": HOSTILE[1], "contact": HOSTILE[2]})
    text = flat(poppler_says("pdftotext", "-raw", "-", "-", pdf=printed(press, town, incident)))
    assert all(flat(one) in text for one in HOSTILE)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("{consequences}", "{harm}"),
        ('id = "what"', 'id = "that"'),
        ('right = "authority"', 'right = "mayor"'),
        ("lines = 6", "line = 6"),
    ],
)
def test_a_notice_that_does_not_hold_together_is_refused(was: str, becomes: str) -> None:
    text = resources.files("casework.incidents").joinpath(FILE).read_text("utf-8")
    assert was in text
    with pytest.raises(LawFault):
        read_notice(tomllib.loads(text.replace(was, becomes, 1)))
