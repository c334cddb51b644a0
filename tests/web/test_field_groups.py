"""What a page shows of a case is what the policy lets its reader see, field group by field group."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from casework.access.models import CaseGrant
from casework.cases import sight
from casework.cases.models import Case, Document
from casework.oversight.breakglass import open_in_emergency
from casework.papers.export import closed_file
from casework.people.models import Staff
from casework.referral.service import answer, refer_case
from casework.work import SYSTEM
from tests.access.filled import GROUPS
from tests.cases.walking import Walk
from tests.conftest import Town
from tests.web.conftest import Browser

WEB = Path(__file__).resolve().parents[2] / "casework" / "web"
NAME, INITIALS = "Vừ Mí Thử", "V. M. T."
RESTRICTED, SHARED = "dấu hiệu hạn chế diễn tập", "dấu hiệu chia sẻ diễn tập"
ACCOUNT = "Bị đánh bằng roi tre (diễn tập)"


@pytest.fixture
def walk(town: Town) -> Walk:
    """A case that health has answered, with findings of its own that it shares with nobody."""
    walk = Walk(town).open(child_name=NAME, narrative=ACCOUNT)
    walk.do("worker", "accept")
    with town.office.begin(walk.actor("worker")) as work:
        case = work.session.exec(select(Case)).one()
        referral = refer_case(work, case, "health", {"to_unit": "YT-99001", "reason": "Cần khám."}).id
    with town.office.begin(walk.actor("health")) as work:
        answer(work, referral, {"shared_findings": SHARED, "restricted_findings": RESTRICTED})
    return walk


def answered(town: Town) -> str:
    with town.office.begin(SYSTEM) as work:
        return str(work.session.exec(select(Document.id).where(Document.form == "answer-health")).one())


def pages(walk: Walk) -> list[str]:
    own = ("", "/dong-thoi-gian", "/nguoi", "/chia-se", "/in", "/giay-to", f"/giay-to/{answered(walk.town)}")
    return [f"/ca/{walk.code}{one}" for one in own]


def read(person: Browser, path: str) -> str:
    shown = person.get(path)
    assert shown.status_code == 200, path
    return shown.get_data(as_text=True)


def test_no_page_of_the_office_shows_what_health_keeps_to_itself(
    walk: Walk, browser: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [browser(username) for username in ("worker", "supervisor")]
    texts = [read(person, path) for person in people for path in pages(walk)]
    assert any(SHARED in text for text in texts)
    assert not [text for text in texts if RESTRICTED in text or "Kết quả hạn chế" in text]
    # Planted: a page that lets every group through shows it, so the text is where the test looks.
    monkeypatch.setattr(sight, "groups_for", lambda work, case, action="": frozenset({"restricted", "assessment"}))
    assert RESTRICTED in read(people[0], pages(walk)[-1])


def test_what_is_opened_for_a_page_lacks_it_before_any_form_is_drawn(walk: Walk) -> None:
    """The page's own form would hide it once more: each of the two is to hold by itself."""
    for username in ("worker", "chair", "supervisor"):
        with walk.town.office.begin(walk.actor(username)) as work:
            document = work.session.exec(select(Document).where(Document.form == "answer-health")).one()
            case = work.session.exec(select(Case)).one()
            (said,) = sight.contents_for(work, case, [document])
            shown = sight.form_for(work, case, work.law_for(document.edition).forms[document.form])
        assert said["shared_findings"] == SHARED and "restricted_findings" not in said
        assert "restricted_findings" not in {one.id for one in shown.fields}


def test_the_exported_file_holds_neither_who_reported_nor_what_health_keeps(walk: Walk) -> None:
    with walk.town.office.begin(walk.actor("worker")) as work:
        told = closed_file(work, work.session.exec(select(Case)).one()).model_dump_json()
    assert SHARED in told
    assert RESTRICTED not in told and "restricted_findings" not in told


def test_the_supervisor_s_lists_bear_no_child(walk: Walk, browser: Callable[[str], Browser]) -> None:
    worker, supervisor = browser("worker"), browser("supervisor")
    assert INITIALS in read(worker, "/ca"), "so the test knows what a named line looks like"
    listed = read(supervisor, "/ca") + read(supervisor, "/giam-sat")
    assert walk.code in listed
    assert not named(listed)


def named(page: str) -> list[str]:
    return [told for told in (NAME, INITIALS, "9 tuổi") if told in page]


def test_nor_do_they_when_the_supervisor_was_let_into_the_case_or_opened_it(
    walk: Walk, browser: Callable[[str], Browser]
) -> None:
    """What opens a case opens its page: an overview stays one."""
    supervisor = browser("supervisor")
    let_in(walk, "supervisor", *GROUPS)
    with walk.town.office.begin(walk.actor("supervisor")) as work:
        open_in_emergency(work, walk.code, "Trẻ đang bị đe dọa, không gọi được xã (diễn tập).")
    listed = read(supervisor, "/ca") + read(supervisor, "/giam-sat")
    assert walk.code in listed and not named(listed)
    assert INITIALS in read(supervisor, f"/ca/{walk.code}")
    stranger = browser("worker-99002")
    let_in(walk, "worker-99002", *GROUPS)
    assert INITIALS in read(stranger, "/ca"), "a commune's own staff know by it which child is meant"


def let_in(walk: Walk, username: str, *groups: str, minutes: int = 60) -> None:
    with walk.town.office.begin(SYSTEM) as work:
        staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        case = work.session.exec(select(Case)).one()
        grant: dict[str, Any] = {"case_id": case.id, "staff_id": staff.id, "groups": list(groups), "purpose": "care"}
        work.session.add(CaseGrant(**grant, starts_at=work.now, expires_at=work.now + timedelta(minutes=minutes)))


def test_a_grant_shows_its_groups_and_ends_by_itself(walk: Walk, browser: Callable[[str], Browser]) -> None:
    stranger = browser("worker-99002")
    assert stranger.get(f"/ca/{walk.code}").status_code == 404
    let_in(walk, "worker-99002", "narrative", minutes=10)
    home = read(stranger, f"/ca/{walk.code}")
    assert ACCOUNT in home
    assert NAME not in home and INITIALS not in home and SHARED not in home
    revealed = stranger.submit(f"/ca/{walk.code}/hien-ten", page=f"/ca/{walk.code}").get_data(as_text=True)
    assert NAME not in revealed
    assert stranger.get(f"/ca/{walk.code}/giay-to").status_code == 404  # the file as a whole
    walk.pass_time(minutes=10)
    assert stranger.get(f"/ca/{walk.code}").status_code == 404


def unfiltered(source: str) -> set[str]:
    """Calls by which a page would read a case's content past the field groups."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("casework.cases"):
            found |= {one.name for one in node.names if one.name in ("facts_of_case", "latest_content")}
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") in ("open", "open_all")
            and len(node.args) == 2
        ):
            column = node.args[1]
            row = ast.unparse(node.args[0])
            if isinstance(column, ast.Constant) and (
                column.value == "facts" or (column.value == "content" and "draft" not in row)
            ):
                found.add(f"open {row}.{column.value}")
    return found


def test_no_page_reads_facts_or_documents_past_the_field_groups() -> None:
    """A draft is its writer's own; everything else of a case goes through `cases.sight`."""
    past = {path.name: found for path in sorted(WEB.glob("*.py")) if (found := unfiltered(path.read_text("utf-8")))}
    assert past == {}


@pytest.mark.parametrize(
    "line",
    [
        "from casework.cases.queries import facts_of_case",
        "work.open(case, 'facts')",
        "work.open_all(documents, 'content')",
    ],
)
def test_a_planted_page_that_does_is_found(line: str) -> None:
    assert unfiltered(line)
