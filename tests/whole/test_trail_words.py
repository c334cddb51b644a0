"""The trail in plain words: whatever the program records, the auditor's page has a title for it in both languages.

The object types and field names are read out of the source. One that is no constant stands in DYNAMIC, with what it may be.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from flask_babel import force_locale

from casework.access.policybook import policy_book
from casework.access.rules import CONDITIONS
from casework.app import create_app
from casework.audit.tags import Tag
from casework.audit.verifier import Kind
from casework.deadlines.calendar import KINDS as DAYS
from casework.deadlines.models import ChangeKind
from casework.incidents.models import EntryKind
from casework.incidents.rules import course
from casework.law.model import Law
from casework.notices.models import Channel
from casework.oversight.acts import kinds
from casework.papers.models import PaperState
from casework.web.trailwords import FIELDS, OBJECTS, PAGES, RESULTS, TAGS, TrailWords
from tests.conftest import Town

PACKAGE = Path(__file__).resolve().parents[2] / "casework"
RECORDERS = {"record": "object_type", "record_read": "what"}
Part = Literal["object", "fields"]
Pair = tuple[str, str]  # (tag, what is stored with it)


@dataclass(frozen=True)
class Said:
    """One place that records: where, with which tag (as written), and the expression of the object type or the fields."""

    place: str
    tag: str
    part: Part
    node: ast.expr

    @property
    def key(self) -> tuple[str, Part, str]:
        return self.place, self.part, ast.unparse(self.node)


def every_said(package: Path = PACKAGE) -> Iterator[Said]:
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name not in RECORDERS:
                continue
            assert isinstance(node, ast.Call)
            tag = ast.unparse(node.args[1]) if name == "record" else "Tag.CASE_READ"
            for one in node.keywords:
                if one.arg in (RECORDERS[name], "fields"):
                    part: Part = "fields" if one.arg == "fields" else "object"
                    yield Said(path.relative_to(package).as_posix(), tag, part, one.value)


def constants(said: Said) -> list[str] | None:
    """What the expression may be, if all of it stands in the source; else None."""
    found: list[str] = []
    waiting = [said.node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.IfExp):
            waiting += [node.body, node.orelse]
        elif isinstance(node, ast.List | ast.Tuple):
            waiting += node.elts
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.Name) and node.id.isupper():
            module = importlib.import_module("casework." + said.place.removesuffix(".py").replace("/", "."))
            found.append(getattr(module, node.id))
        else:
            return None
    return found


def tag_of(said: Said) -> str:
    """The tag's value; of one that is a variable, some tag whose words are not looked up in a way of their own."""
    name = said.tag.removeprefix("Tag.")
    return Tag[name].value if said.tag.startswith("Tag.") else Tag.PAPER_ISSUED.value


def limits(law: Law, *tags: Tag) -> list[Pair]:
    return [(tag, rule) for tag in tags for rule in law.deadlines]


def papers(law: Law, *tags: Tag) -> list[Pair]:
    return [(tag, f"paper-{kind}") for tag in tags for kind in law.papers]


def each(tag: Tag, names: Any) -> list[Pair]:
    return [(tag, str(name)) for name in names]


def answers(law: Law) -> list[Pair]:
    return [
        (action.tag, field.id)
        for action in law.actions.values()
        if action.form
        for field in law.forms[action.form].fields
    ]


def form_reads(law: Law) -> list[Pair]:
    return [(Tag.CASE_READ, f"form-{form}") for form in law.forms]


COUNTS = ("added-3", "changed-0", "removed-12")
WHY_REVOKED = ("replaced", "pin", "lost", "own")
FACTORS = ("passkey", "totp", "recovery-code", "password")
FILTERS = ("han", "buoc", "nguy-co", "xa", "q", "tat-ca")
CASE_FORM = "f'form-{form.id}'"
PAPER = "f'paper-{paper.kind}'"
# What is no constant: (file, which part, as written) → everything it may be, with the tags it comes with.
DYNAMIC: dict[tuple[str, Part, str], Callable[[Law], Sequence[Pair]]] = {
    ("cases/service.py", "object", "'document' if document else action.liaison or 'case'"): lambda law: [
        (action.tag, kind)
        for action in law.actions.values()
        for kind in ("document", "case", *([action.liaison] if action.liaison else []))
    ],
    ("cases/service.py", "fields", "told_by_name(law.forms[action.form] if action.form else None, given)"): answers,
    ("cases/service.py", "object", "what"): lambda law: [],  # every caller of `record_read` is looked at itself
    ("cases/service.py", "fields", "tuple(sorted({clock.rule for clock in late}))"): lambda law: each(
        Tag.LATE_REASON_GIVEN, law.deadlines
    ),
    ("cases/service.py", "object", "action_id"): lambda law: each(Tag.MOVE_REFUSED, law.actions),
    ("deadlines/calendar.py", "object", "act"): lambda law: each(Tag.CALENDAR_CHANGED, ("added", "taken-back")),
    ("deadlines/calendar.py", "fields", "[changed[0].kind, *days]"): lambda law: each(
        Tag.CALENDAR_CHANGED, (*DAYS, "2026-11-24")
    ),
    ("deadlines/service.py", "object", "rule_id"): lambda law: limits(law, Tag.CLOCK_STARTED, Tag.CLOCK_STOPPED),
    ("deadlines/service.py", "object", "clock.rule"): lambda law: limits(law, Tag.CLOCK_CHANGED),
    ("deadlines/service.py", "fields", "[kind]"): lambda law: each(Tag.CLOCK_CHANGED, ChangeKind),
    ("deadlines/sweeping.py", "object", "one.clock.rule"): lambda law: limits(
        law, Tag.CLOCK_WARNED, Tag.CLOCK_BREACHED
    ),
    ("incidents/notice.py", "fields", "['notice', str(notice.serial)]"): lambda law: each(
        Tag.INCIDENT_NOTICE_CONFIRMED, ("notice", 2)
    ),
    ("incidents/service.py", "fields", "[kind.value]"): lambda law: each(Tag.INCIDENT_NOTED, EntryKind),
    ("incidents/service.py", "fields", "[step.id]"): lambda law: [
        (tag, step.id) for tag in (Tag.INCIDENT_NOTED, Tag.INCIDENT_FILED) for step in course().steps
    ],
    ("incidents/service.py", "fields", "fields"): lambda law: each(
        Tag.INCIDENT_MARK_PASSED, [mark.hours for mark in course().marks]
    ),
    ("intake/service.py", "fields", "named"): lambda law: each(
        Tag.REPORT_RECEIVED, [one.id for one in law.forms["01"].fields]
    ),
    ("notices/alarms.py", "object", "limit.rule"): lambda law: limits(law, Tag.ALARM_CALLED),
    ("notices/alarms.py", "fields", "[who]"): lambda law: each(
        Tag.ALARM_CALLED, ("owner", "deputy", "chair", "province", "national")
    ),
    ("notices/relay.py", "fields", "[channel.value]"): lambda law: each(Tag.NOTICE_QUEUED, Channel),
    ("oversight/acts.py", "object", "kind_id"): lambda law: each(Tag.ACT_PROPOSED, kinds()),
    ("oversight/acts.py", "object", "act.kind"): lambda law: [
        (tag, kind) for tag in (Tag.ACT_DONE, Tag.ACT_REFUSED, Tag.ACT_WITHDRAWN, Tag.ACT_EXPIRED) for kind in kinds()
    ],
    ("oversight/acts.py", "fields", "groups"): lambda law: each(Tag.GRANT_MADE, policy_book(CONDITIONS).all_groups),
    ("papers/service.py", "object", PAPER): lambda law: papers(
        law, Tag.PAPER_PRINTED, Tag.PAPER_ISSUED, Tag.SCAN_RETURNED
    ),
    ("papers/service.py", "fields", "fields"): lambda law: each(
        Tag.PAPER_PRINTED, ("pdf", "docx", "print", *PaperState)
    ),
    ("people/contacts.py", "fields", "counts"): lambda law: each(Tag.CONTACT_CHANGED, COUNTS),
    ("people/factors.py", "fields", "[outcome.by]"): lambda law: each(Tag.FACTOR_CONFIRMED, FACTORS),
    ("people/imports.py", "fields", "counts"): lambda law: each(Tag.UNIT_CHANGED, COUNTS),
    ("people/phones.py", "fields", "[why]"): lambda law: each(Tag.PHONE_REVOKED, WHY_REVOKED),
    ("referral/service.py", "fields", "tuple(referral.shows)"): lambda law: each(Tag.REFERRAL_READ, law.groups),
    ("web/accounts.py", "object", "request.endpoint"): lambda law: each(Tag.ACCESS_REFUSED, ("accounts.close",)),
    ("web/imports.py", "object", "request.endpoint"): lambda law: each(Tag.ACCESS_REFUSED, ("imports.check_staff",)),
    ("web/guard.py", "object", "request.endpoint or 'unknown-page'"): lambda law: each(
        Tag.ACCESS_REFUSED, ("unknown-page", "cases.home")
    ),
    ("web/casefile.py", "object", CASE_FORM): form_reads,
    ("web/cases.py", "object", CASE_FORM): form_reads,
    ("web/cases.py", "object", "found.form"): lambda law: each(Tag.DOCUMENT_READ, law.forms),
    ("web/cases.py", "fields", "tuple(chosen)"): lambda law: each(Tag.CASE_LIST_READ, FILTERS),
    ("web/incidents.py", "fields", "['notice', how]"): lambda law: each(Tag.INCIDENT_READ, ("notice", "pdf", "docx")),
    ("web/office.py", "fields", "used"): lambda law: each(Tag.AUDIT_READ, ("tag", "result", "day")),
    ("web/office.py", "fields", "sorted({fault.kind for fault in verdict.faults})"): lambda law: each(
        Tag.AUDIT_VERIFIED, get_args(Kind)
    ),
    ("web/papers.py", "object", "f'paper-{line.kind.id}'"): lambda law: papers(law, Tag.DOCUMENT_READ),
}


@pytest.fixture
def words(town: Town) -> Iterator[TrailWords]:
    with create_app(town.office).test_request_context():
        yield TrailWords(town.office.law, tuple(town.office.book))


def missing(words: TrailWords, part: Part, pairs: Sequence[Pair]) -> list[tuple[str, Pair]]:
    """(language, pair) of what has no title of its own, or the same in both languages: nobody has put it into English."""
    title = words.object if part == "object" else words.field
    found: list[tuple[str, Pair]] = []
    for tag, stored in pairs:
        said: dict[str, str] = {}
        for language in ("vi", "en"):
            with force_locale(language):
                said[language] = title(tag, stored)
            if not said[language]:
                found.append((language, (tag, stored)))
        if said["vi"] == said["en"] and not said["vi"][:1].isdigit():
            found.append(("en", (tag, stored)))
    return found


def test_every_tag_has_a_title_in_both_languages(words: TrailWords) -> None:
    for language in ("vi", "en"):
        with force_locale(language):
            assert [tag for tag in words.every_tag() if not words.tag(tag)] == []
    assert set(TAGS) == set(Tag)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_two_tags_are_called_the_same(words: TrailWords, language: str) -> None:
    with force_locale(language):
        titles = [words.tag(tag) for tag in words.every_tag()]
    assert sorted(one for one in titles if titles.count(one) > 1) == []


def test_the_english_title_of_a_tag_is_english(words: TrailWords) -> None:
    with force_locale("en"):
        english = {tag: words.tag(tag) for tag in words.every_tag()}
    with force_locale("vi"):
        assert [tag for tag, title in english.items() if title == words.tag(tag)] == []


def test_every_constant_the_code_records_has_a_title(words: TrailWords) -> None:
    found = [(said.part, tag_of(said), names) for said in every_said() if (names := constants(said)) is not None]
    assert len(found) > 80
    assert [one for part, tag, names in found for one in missing(words, part, [(tag, name) for name in names])] == []


def test_every_expression_the_code_records_is_known() -> None:
    dynamic = {said.key for said in every_said() if constants(said) is None}
    assert dynamic - DYNAMIC.keys() == set(), "says nothing yet of what it may be"
    assert DYNAMIC.keys() - dynamic == set(), "the list is out of date"


def test_whatever_an_expression_may_be_has_a_title(words: TrailWords, town: Town) -> None:
    for (_place, part, _as_written), may_be in DYNAMIC.items():
        assert [one for law in town.office.book for one in missing(words, part, may_be(law))] == []


def test_every_page_that_may_be_refused_has_a_title(town: Town) -> None:
    rooms = {rule.endpoint.partition(".")[0] for rule in create_app(town.office).url_map.iter_rules()}
    assert rooms - PAGES.keys() == set()


@pytest.mark.parametrize(
    ("planted", "part"),
    [
        ("record(work, Tag.CASE_READ, object_type='planted')", "object"),
        ("record(work, Tag.DUTY_CHANGED, object_type='staff', fields=['planted'])", "fields"),
        ("record_read(work, case, what='planted')", "object"),
    ],
)
def test_a_planted_name_without_a_title_is_found(words: TrailWords, tmp_path: Path, planted: str, part: Part) -> None:
    (tmp_path / "planted.py").write_text(f"def act(work, case):\n    {planted}\n", "utf-8")
    (said,) = [one for one in every_said(tmp_path) if one.part == part]
    assert missing(words, part, [(tag_of(said), name) for name in constants(said) or []]) != []


def test_no_word_stands_that_nothing_records(town: Town) -> None:
    said = list(every_said())
    stored: dict[Part, set[str]] = {"object": set(), "fields": set()}
    for one in said:
        stored[one.part] |= set(constants(one) or [])
    for (_place, part, _as_written), may_be in DYNAMIC.items():
        stored[part] |= {name for law in town.office.book for _tag, name in may_be(law)}
    assert OBJECTS.keys() - stored["object"] == set()
    assert FIELDS.keys() - stored["fields"] == set()
    assert set(RESULTS) == {"done", "refused"}
