"""Forms laid straight into a case's file, for tests that begin where a paper does and not where a case does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import select

from casework.cases.models import Case, Document
from casework.cases.queries import find_case
from casework.files.rules import PDF, Upload
from casework.papers.models import Paper
from casework.papers.queries import Line, line_of
from casework.papers.service import Choices, issue_paper
from casework.people.models import Staff
from tests.conftest import Town
from tests.files.papers_of_others import pdf
from tests.web.walks import CHILD

DECISION = {"proposer": "Cán bộ đề nghị (diễn tập)", "child_name": CHILD}
ORDER = {
    "trigger": "grave-harm",
    "child_name": CHILD,
    "from_whom": "Người chăm sóc (diễn tập)",
    "separation_from": "2026-11-23",
    "days": 15,
    "until": "2026-12-08",
    "receiver": "Cơ sở tiếp nhận (diễn tập)",
    "receiver_address": "nhà kín số 7, bản Sen",
}


def file_form(
    town: Town, code: str, form: str, values: Mapping[str, Any], *, by: str = "chair", serial: int = 1
) -> None:
    """As if `by` had handed this form in."""
    with town.office.begin(town.act_as(by)) as work:
        case = find_case(work, code)
        author = work.session.exec(select(Staff).where(Staff.username == by)).one()
        document = Document(
            case_id=case.id,
            form=form,
            edition=case.edition,
            serial=serial,
            action="test",
            author_id=author.id,
            author_role=author.role,
            at=work.now,
        )
        work.seal(document, content=dict(values))
        work.session.add(document)


def issue(town: Town, code: str, kind: str, *, by: str = "worker", choices: Choices | None = None) -> Paper:
    with town.office.begin(town.act_as(by)) as work:
        case = find_case(work, code)
        return issue_paper(work, case, line_of(work, case, kind), choices or Choices())


def line(town: Town, code: str, kind: str, serial: int | None = None) -> Line:
    with town.office.begin(town.act_as("worker")) as work:
        return line_of(work, find_case(work, code), kind, serial)


def scanned(words: str = "bản ký") -> Upload:
    return Upload(pdf(words), PDF, "ban-ky.pdf")


def case_of(town: Town, code: str) -> Case:
    with town.office.begin(town.act_as("worker")) as work:
        return find_case(work, code)
