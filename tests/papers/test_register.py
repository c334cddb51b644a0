"""The register: a number once and none missing, a version for whatever is printed, a signed copy with what it signs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.queries import find_case
from casework.errors import Forbidden, Invalid
from casework.files.service import read_file
from casework.law.papers import PaperKind
from casework.papers.models import Paper, PaperState, PaperVersion
from casework.papers.queries import Line, find_scan, line_of, replaced_lines, version_content
from casework.papers.rules import hash_of, place_name, secrecy_of, series_of, typed_hash
from casework.papers.service import (
    Choices,
    index_rows,
    issue_paper,
    look,
    may_issue,
    print_paper,
    return_scan,
    signers_for,
)
from casework.people.models import Staff
from casework.people.service import put_on_duty, take_leave
from casework.work import SYSTEM
from tests.papers.filing import DECISION, ORDER, case_of, file_form, issue, line, scanned
from tests.web.walks import CHILD, report

if TYPE_CHECKING:
    from casework.law.model import Law
    from tests.conftest import Town


@pytest.fixture
def code(town: Town) -> str:
    """A case with an approved plan and an order of separation."""
    found = report(town)
    file_form(town, found, "05", DECISION)
    file_form(town, found, "07", ORDER)
    return found


def hashes(town: Town, code: str, kind: str = "05") -> list[str]:
    return hashes_of(town, line(town, code, kind))


def hashes_of(town: Town, found: Line) -> list[str]:
    with town.office.begin(SYSTEM) as work:
        return [str(version_content(work, one)["hash"]) for one in found.versions]


def send_back(town: Town, code: str, typed: str, kind: str = "05", *, older_accepted: bool = False) -> bool:
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        return return_scan(
            work, case, line_of(work, case, kind), scanned(), typed, older_accepted=older_accepted
        ).latest


def fault(town: Town, code: str, typed: str, kind: str = "05") -> str:
    with pytest.raises(Invalid) as refused:
        send_back(town, code, typed, kind)
    return refused.value.faults["version"]


# ---------------------------------------------------------------- numbers


def test_twenty_people_at_once_get_twenty_numbers_and_none_is_missing(town: Town) -> None:
    codes = [report(town, child_name=f"Trẻ Diễn Tập {n}", child_age=n % 15) for n in range(20)]
    for one in codes:
        file_form(town, one, "05", DECISION)
    with ThreadPoolExecutor(20) as people:
        papers = list(people.map(lambda one: issue(town, one, "05"), codes))
    assert sorted(paper.number or 0 for paper in papers) == list(range(1, 21))
    assert {(paper.series, paper.year) for paper in papers} == {("QĐ-UBND", 2026)}


def test_a_number_that_was_not_kept_is_given_again(town: Town, code: str) -> None:
    with pytest.raises(RuntimeError), town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        assert issue_paper(work, case, line_of(work, case, "05"), Choices()).number == 1
        raise RuntimeError("the power went out")
    assert issue(town, code, "05").number == 1
    assert issue(town, code, "07").number == 2  # one series of the office's decisions


def test_each_series_and_each_year_counts_for_itself(town: Town, code: str) -> None:
    file_form(town, code, "minutes", {"held_at": "2026-11-23T08:00:00+07:00"}, by="worker")
    assert [issue(town, code, kind).number for kind in ("05", "minutes")] == [1, 1]
    town.clock.advance(days=60)
    later = issue(town, code, "07")
    assert (later.year, later.number) == (2027, 1)


def test_a_number_from_the_office_s_own_book_is_printed_and_none_is_given(town: Town) -> None:
    code = report(town)
    file_form(town, code, "05", {**DECISION, "number": "117/QĐ-UBND"})
    assert issue(town, code, "05").number is None
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        assert look(work, case, line_of(work, case, "05")).content.number == "117/QĐ-UBND"


def test_only_kinds_with_a_number_have_a_series(law: Law) -> None:
    def series(kind: str) -> str | None:
        return series_of(law.papers[kind])

    assert (series("07"), series("minutes"), series("02")) == ("QĐ-UBND", "BB-UBND", None)


# ---------------------------------------------------------------- versions


def test_a_draft_has_no_number_and_says_that_it_is_one(town: Town, code: str) -> None:
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        found = print_paper(work, case, line_of(work, case, "05"), how="pdf")
    assert (found.content.number, found.content.day, found.content.extra["draft"]) == (None, None, True)
    kept = line(town, code, "05")
    assert kept.paper is not None and kept.paper.state == PaperState.DRAFT and kept.paper.number is None


def test_the_same_thing_printed_again_is_the_same_version(town: Town, code: str) -> None:
    issue(town, code, "05")
    for _ in range(2):
        with town.office.begin(town.act_as("chair")) as work:
            case = find_case(work, code)
            found = print_paper(work, case, line_of(work, case, "05"), how="pdf")
        assert found.content.version_hash == found.hash[:16] == hashes(town, code)[0][:16]
    assert len(hashes(town, code)) == 1


def test_every_part_of_what_is_printed_is_in_the_hash(town: Town, code: str) -> None:
    issue(town, code, "05")
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        found = look(work, case, line_of(work, case, "05"))
        law = found.law
        changed = [
            replace(found.content, values={**found.content.values, "child_name": "Vừ Mí Thứ"}),
            replace(found.content, number="2"),
            replace(found.content, signer_name="Người khác"),
            replace(found.content, deputy=True),
            replace(found.content, recipients=("Lưu hồ sơ",)),
            replace(found.content, code="TE-26-000000"),
        ]
    seen = {hash_of(one, law) for one in changed} | {found.hash}
    assert len(seen) == 7
    other_wording = replace(law, papers={**law.papers, "05": replace(law.papers["05"], decides="QUYẾT NGHỊ:")})
    assert hash_of(found.content, other_wording) not in seen


def test_issued_again_before_it_is_signed_it_keeps_its_number_and_is_another_version(town: Town, code: str) -> None:
    first = issue(town, code, "05")
    again = issue(town, code, "05", choices=Choices(recipients=("Sở Y tế (để b/c)", "Lưu hồ sơ")))
    assert (again.id, again.number) == (first.id, first.number)
    assert len(set(hashes(town, code))) == 2
    assert issue(town, code, "05", choices=Choices(recipients=("Sở Y tế (để b/c)", "Lưu hồ sơ"))).id == first.id
    assert len(hashes(town, code)) == 2


def test_a_signed_paper_does_not_change_but_is_replaced_under_a_number_of_its_own(town: Town, code: str) -> None:
    first = issue(town, code, "05")
    send_back(town, code, hashes(town, code)[0][:8])
    again = issue(town, code, "05", choices=Choices(recipients=("Lưu hồ sơ",)))
    assert (again.replaces_id, again.number, again.state) == (first.id, 2, PaperState.ISSUED)
    with town.office.begin(SYSTEM) as work:
        old = work.session.get_one(Paper, first.id)
        assert (old.state, old.number) == (PaperState.SIGNED, 1)
        (gone,) = replaced_lines(work, find_case(work, code))
    assert gone.paper is not None and gone.paper.id == first.id and len(gone.scans) == 1
    assert fault(town, code, hashes_of(town, gone)[0][:8]) == "hash-other-paper"


def test_a_form_handed_in_anew_is_a_paper_of_its_own_and_the_old_copy_stays_with_the_old(town: Town, code: str) -> None:
    issue(town, code, "05")
    send_back(town, code, hashes(town, code)[0][:8])
    file_form(town, code, "05", {**DECISION, "proposer": "Người khác (diễn tập)"}, serial=2)
    assert issue(town, code, "05").number == 2
    assert line(town, code, "05").signed is None and line(town, code, "05").serial == 2
    assert line(town, code, "05", 1).signed is not None


# ---------------------------------------------------------------- who signs, what is chosen


def test_the_deputy_on_the_rota_signs_for_the_chair(town: Town, code: str) -> None:
    with town.office.begin(SYSTEM) as work:
        deputy = work.session.exec(select(Staff).where(Staff.username == "deputy-99001")).one()
        put_on_duty(work, deputy, starts_at=work.now)
    file_form(town, code, "05", DECISION, by="deputy-99001", serial=2)
    issue(town, code, "05")
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        content = look(work, case, line_of(work, case, "05")).content
    assert (content.deputy, content.signer_name) == (True, "Phó Chủ tịch UBND Xã Nà Lũng")


def test_nobody_signs_who_does_not_hold_the_post(town: Town, code: str) -> None:
    with town.office.begin(SYSTEM) as work:
        case = find_case(work, code)
        outsider = next(one for one in signers_for(work, case, line_of(work, case, "05")))
        other = town.act_as("worker").id
        assert outsider.id != other
    with pytest.raises(Invalid):
        issue(town, code, "05", choices=Choices(signer_id=other))


def test_a_paper_nobody_can_sign_can_be_read_but_not_issued(town: Town, code: str) -> None:
    file_form(town, code, "extend-separation", {"until": "2026-12-15"}, by="worker")
    with town.office.begin(SYSTEM) as work:
        case = find_case(work, code)
        for one in signers_for(work, case, line_of(work, case, "extend-separation")):
            take_leave(work, one, starts_at=work.now, ends_at=work.now.replace(year=2027))
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        able = signers_for(work, case, line_of(work, case, "extend-separation"))
        found = look(work, case, line_of(work, case, "extend-separation"))
    assert [one.post for one in able] in ([], ["deputy"])
    assert found.content.signer_name == ("Phó Chủ tịch UBND Xã Nà Lũng" if able else "")


def test_mau_07_can_print_the_office_instead_of_where_the_child_is(town: Town, code: str) -> None:
    issue(town, code, "07", choices=Choices(office_address=True))
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        content = look(work, case, line_of(work, case, "07")).content
    assert content.values["receiver_address"] == "trụ sở Ủy ban nhân dân xã Nà Lũng"
    assert "bản Sen" not in str(content)


def test_later_papers_speak_of_the_order_by_its_number_and_day(town: Town, code: str) -> None:
    issue(town, code, "07")
    file_form(town, code, "cancel-separation", {"reason": "An toàn.", "handed_to": "Bà (diễn tập)"})
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        extra = look(work, case, line_of(work, case, "cancel-separation")).content.extra
    assert (extra["separation"]["number"], extra["separation"]["day"]) == ("01/QĐ-UBND", "2026-11-23")


def test_only_the_commune_that_holds_the_case_issues(town: Town, code: str) -> None:
    for who in ("supervisor", "police", "health", "hotline"):
        with pytest.raises(Forbidden), town.office.begin(town.act_as(who)) as work:
            case = find_case(work, code) if who == "supervisor" else case_of(town, code)
            assert not may_issue(work, case)
            issue_paper(work, case, line(town, code, "05"), Choices())


# ---------------------------------------------------------------- the signed copy


def test_a_signed_copy_is_kept_with_the_version_whose_hash_stands_on_it(town: Town, code: str) -> None:
    issue(town, code, "05")
    typed = hashes(town, code)[0][:8]
    assert send_back(town, code, f" {typed[:4].upper()} {typed[4:]}-")
    found = line(town, code, "05")
    assert found.paper is not None and found.paper.state == PaperState.SIGNED
    assert found.signed is not None
    with town.office.begin(town.act_as("chair")) as work:
        _scan, _paper, stored = find_scan(work, find_case(work, code), found.signed.id)
        assert read_file(work, stored) == scanned().data


def test_a_copy_of_an_earlier_print_is_said_to_be_one_and_leaves_the_new_print_unsigned(town: Town, code: str) -> None:
    issue(town, code, "05")
    issue(town, code, "05", choices=Choices(recipients=("Lưu hồ sơ",)))
    old, new = hashes(town, code)
    assert fault(town, code, old[:8]) == "hash-older"
    assert send_back(town, code, old[:8], older_accepted=True) is False
    found = line(town, code, "05")
    assert found.signed is None and len(found.scans) == 1
    assert found.paper is not None and found.paper.state == PaperState.ISSUED
    town.clock.advance(minutes=1)
    assert send_back(town, code, new[:8])
    assert [one.version_id for one in line(town, code, "05").scans] == [one.id for one in found.versions]


def test_a_copy_of_something_else_is_refused(town: Town, code: str) -> None:
    assert fault(town, code, "0123456789abcdef") == "not-issued"
    issue(town, code, "05")
    issue(town, code, "07")
    assert fault(town, code, hashes(town, code, "07")[0][:8]) == "hash-other-paper"
    assert fault(town, code, "0123456789abcdef") == "hash-unknown"
    for short in ("", "abcdef1", "không rõ", "zzzzzzzz"):
        assert fault(town, code, short) == "hash-short"


def test_a_better_scan_is_added_and_the_first_one_stays(town: Town, code: str) -> None:
    issue(town, code, "05")
    for _ in range(2):
        send_back(town, code, hashes(town, code)[0][:8])
        town.clock.advance(minutes=1)
    assert len(line(town, code, "05").scans) == 2


def test_the_trail_says_what_left_and_how_secret_it_is(town: Town, code: str) -> None:
    issue(town, code, "05")
    send_back(town, code, hashes(town, code)[0][:8])
    with town.office.begin(SYSTEM) as work:
        issued, returned = (
            work.session.exec(select(AuditEntry).where(AuditEntry.tag == tag)).one()
            for tag in (Tag.PAPER_ISSUED, Tag.SCAN_RETURNED)
        )
        reason = work.open(issued, "reason")
        assert hashes(town, code)[0] in reason
        assert "Mức độ bảo mật" in reason and "Phạm vi cung cấp: Như Điều 3" in reason
        assert hashes(town, code)[0] in work.open(returned, "reason")
        assert returned.object_type == "paper-05"


# ---------------------------------------------------------------- small things


def test_the_index_lists_every_form_with_its_number_and_whether_it_is_signed(town: Town, code: str) -> None:
    issue(town, code, "05")
    send_back(town, code, hashes(town, code)[0][:8])
    with town.office.begin(town.act_as("worker")) as work:
        rows = index_rows(work, find_case(work, code))
    assert [row["title"].split(".")[0] for row in rows] == ["Mẫu số 01", "Mẫu số 05", "Mẫu số 07"]
    assert [row["number"] for row in rows] == ["", "01/QĐ-UBND", ""]
    assert [row["note"] for row in rows] == ["", "Đã có bản ký", ""]


def test_the_reporter_is_on_no_paper(town: Town, code: str) -> None:
    with town.office.begin(town.act_as("worker")) as work:
        case = find_case(work, code)
        assert "Người Kín Tiếng" not in str(look(work, case, line_of(work, case, "01")).content)


def test_what_a_paper_holds_is_sealed_its_hash_too(town: Town, code: str) -> None:
    issue(town, code, "05")
    full = hashes(town, code)[0]
    with psycopg.connect(town.database.owner_url) as owner:
        rows = owner.execute("select t::text from paper t union all select t::text from paper_version t").fetchall()
    lying = "\n".join(row[0] for row in rows)
    for trace in (CHILD, CHILD.encode().hex(), full, full[:8], full.encode().hex()):
        assert trace not in lying
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(PaperVersion)).one().content is not None


@pytest.mark.parametrize(
    ("name", "place"), [("Xã Nà Lũng", "Nà Lũng"), ("phường Đông Kỳ", "Đông Kỳ"), ("Đặc khu Hòn X", "Hòn X")]
)
def test_a_place_is_named_without_its_kind(name: str, place: str) -> None:
    assert place_name(name) == place


def test_every_kind_says_its_secrecy_and_its_scope(law: Law) -> None:
    kinds: list[PaperKind] = list(law.papers.values())
    assert len(kinds) >= 13
    for kind in kinds:
        said = secrecy_of(kind, [one.text for one in kind.recipients])
        assert "Mức độ bảo mật" in said and "Phạm vi cung cấp" in said
    assert typed_hash("AB-cd 12.34 ", field="version") == "abcd1234"
