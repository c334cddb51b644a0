"""Reads the whole database after a kill test and names every report that is lost, half, twice or fired twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import select

from casework.audit.verifier import verify
from casework.bootstrap import Office
from casework.cases.models import Document
from casework.intake.models import Report
from casework.people.queries import on_duty
from casework.work import SYSTEM, Work

Progress = Callable[[int, int], None]
CHUNK = 500
SHOWN = 12


@dataclass
class Sent:
    """What the clients know: every key they ever used, and the answer of each that was acknowledged with 201."""

    attempted: set[str] = field(default_factory=set)
    acknowledged: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """`kind` is lost, half, duplicate, invented, double, unfired, untold or trail; `text` names the row."""

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What was found in the database: counts, and the faults."""

    cases: int
    reports: int
    breaches: int
    entries: int
    faults: tuple[Fault, ...]

    def count(self, *kinds: str) -> int:
        return sum(one.kind in kinds for one in self.faults)

    @property
    def sound(self) -> bool:
        return not self.faults


def check(office: Office, sent: Sent, swept_at: datetime, progress: Progress | None = None) -> Verdict:
    """Holds the database against `sent`. Nothing may be running on it; the last sweep was at `swept_at`."""
    with office.begin(SYSTEM) as work:
        reports = dict(_reports(work, progress))
        faults = [
            *_acknowledged(work, sent, reports),
            *_half(work),
            *_clocks(work, swept_at),
            *_notices(work),
        ]
        counted = work.session.execute(
            text(
                "select (select count(*) from case_file), (select count(*) from report),"
                " (select count(*) from clock_effect where effect like 'breach:%')"
            )
        ).one()
        trail = verify(work.session, office.keys, office.settings.anchor_file)
    faults += [Fault("trail", f"{one.kind} {one.first_seq}-{one.last_seq}: {one.text}") for one in trail.faults]
    return Verdict(counted[0], counted[1], counted[2], trail.entries, tuple(faults))


@dataclass(frozen=True)
class _Kept:
    report: Report
    key: str  # the sender's own name for it, sealed with the report
    case_code: str


def _reports(work: Work, progress: Progress | None) -> Iterator[tuple[UUID, _Kept]]:
    """Every report that came by the API, with the key its sender wrote into it."""
    rows = work.session.exec(select(Report)).all()
    codes = {row.id: row.code for row in _rows(work, "select id, code from case_file")}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        for report, extra in zip(chunk, work.open_all(chunk, "extra"), strict=True):
            if report.client_id is not None:
                yield report.id, _Kept(report, (extra or {}).get("external_id") or "", codes[report.case_id])
        if progress:
            progress(min(start + CHUNK, len(rows)), len(rows))


def _acknowledged(work: Work, sent: Sent, reports: Mapping[UUID, _Kept]) -> Iterator[Fault]:
    times = Counter(kept.key for kept in reports.values())
    by_code = {kept.report.code: kept for kept in reports.values()}
    for key, answer in sent.acknowledged.items():
        kept = by_code.get(answer["report"])
        if kept is None:
            yield Fault("lost", f"{key}: acknowledged as {answer['report']}, not there")
        elif (kept.key, kept.case_code) != (key, answer["case"]):
            yield Fault("lost", f"{key}: {answer['report']} stands for {kept.key} in {kept.case_code}")
    for key, number in times.items():
        if number > 1:
            yield Fault("duplicate", f"{key}: {number} reports")
        if key not in sent.attempted:
            yield Fault("invented", f"{key!r}: nobody sent it")
    yield from _papers(work, reports)
    once = Counter(row.code for row in _rows(work, "select answer->>'report' as code from received_once"))
    for code in set(by_code) - set(once):
        yield Fault("half", f"report {code}: its key is not remembered")
    for code in set(once) - set(by_code):
        yield Fault("half", f"a key is remembered with no report: {code}")


def _papers(work: Work, reports: Mapping[UUID, _Kept]) -> Iterator[Fault]:
    """Each report's account stands in exactly one Mẫu 01, and in its own case."""
    found: dict[str, list[UUID]] = {}
    papers = work.session.exec(select(Document).where(Document.form == "01")).all()
    for start in range(0, len(papers), CHUNK):
        chunk = papers[start : start + CHUNK]
        for paper, content in zip(chunk, work.open_all(chunk, "content"), strict=True):
            found.setdefault(str((content or {}).get("narrative")).rpartition(" ")[2], []).append(paper.case_id)
    for kept in reports.values():
        held = found.get(kept.key, [])
        if held != [kept.report.case_id]:
            kind = "duplicate" if len(held) > 1 else "half"
            yield Fault(kind, f"{kept.key}: {len(held)} papers 01 for {kept.report.code}")


HALF = {
    "case {} has no report": "select code from case_file c where not exists"
    " (select from report r where r.case_id = c.id)",
    "case {} has not as many papers 01 as reports": "select code from case_file c where"
    " (select count(*) from document d where d.case_id = c.id and d.form = '01')"
    " <> (select count(*) from report r where r.case_id = c.id)",
    "case {} has no emergency clock": "select code from case_file c where not exists"
    " (select from case_clock k where k.case_id = c.id and k.rule = 'emergency')",
    "case {} was not audited as opened once": "select code from case_file c where"
    " (select count(*) from audit_entry a where a.case_id = c.id and a.tag = 'case:opened') <> 1",
    "report {} was not audited once": "select code from report r where"
    " (select count(*) from audit_entry a where a.object_id = r.id and a.tag = 'report:received') <> 1",
    "clock {} was not audited as started": "select k.id::text from case_clock k where not exists"
    " (select from audit_entry a where a.object_id = k.id and a.tag = 'clock:started')",
    "case {} has no key": "select code from case_file c where not exists"
    " (select from keystore.scope_key s where s.scope_id = c.id)",
    "case {} has no facts": "select code from case_file where facts is null",
    "a key {} was claimed and never answered": "select encode(key_digest, 'hex') from received_once where status = 0",
    "case {} told nobody of its report": "select code from case_file c where not exists"
    " (select from notice n where n.case_id = c.id and n.text_id = 'report-received')",
}


def _half(work: Work) -> Iterator[Fault]:
    for words, query in HALF.items():
        for row in _rows(work, query):
            yield Fault("half", words.format(row[0]))


CLOCKS = {
    ("double", "clock {} was audited as breached {} times"): "select object_id, count(*) from audit_entry"
    " where tag = 'clock:breached' group by object_id having count(*) > 1",
    # A limit that was moved may be missed again, at its new hour: the hour stands in the effect's name.
    ("double", "clock {} has {} breach effects of one hour"): "select clock_id, count(*) from clock_effect"
    " where effect like 'breach:%' group by clock_id, effect having count(*) > 1",
    ("double", "case {} has {} running emergency clocks"): "select case_code, count(*) from case_clock"
    " where rule = 'emergency' and state = 'running' group by case_code having count(*) > 1",
    ("unfired", "clock {} ({}) is due and has not fired"): "select id, rule from case_clock"
    " where state = 'running' and next_at <= :swept_at",
    ("half", "clock {} is breached without effect or entry, or the other way round ({})"): "select k.id, k.rule"
    " from case_clock k where (k.breached_at is not null) <> exists"
    " (select from clock_effect e where e.clock_id = k.id and e.effect like 'breach:%') or (k.breached_at is not null)"
    " <> exists (select from audit_entry a where a.object_id = k.id and a.tag = 'clock:breached')",
}


def _clocks(work: Work, swept_at: datetime) -> Iterator[Fault]:
    for (kind, words), query in CLOCKS.items():
        for row in _rows(work, query, **({"swept_at": swept_at} if ":swept_at" in query else {})):
            yield Fault(kind, words.format(*row))


def _notices(work: Work) -> Iterator[Fault]:
    """A breach tells each holder of the post that is late, and each supervisor, once: no more and no less."""
    expected: Counter[tuple[str, UUID, str]] = Counter()
    for clock in _rows(
        work,
        "select k.case_code, k.rule, k.owner_unit_id, k.province_id from case_clock k where k.breached_at is not null"
        " and exists (select from report r where r.case_id = k.case_id and r.client_id is not null)",
    ):
        rule = work.law.deadlines[clock.rule]
        if rule.period:
            continue
        above = _holders(work, clock.province_id, rule.escalate)
        for staff in _holders(work, clock.owner_unit_id, rule.owner) or above:
            expected[clock.case_code, staff, "deadline-passed"] += 1
        for staff in above:
            expected[clock.case_code, staff, "deadline-passed-supervisor"] += 1
    told = Counter(
        {
            (row.case_code, row.staff_id, row.text_id): row.number
            for row in _rows(
                work,
                "select n.case_code, n.staff_id, n.text_id, count(*) as number from notice n"
                " where n.text_id in ('deadline-passed', 'deadline-passed-supervisor')"
                " and exists (select from report r where r.case_id = n.case_id and r.client_id is not null)"
                " group by 1, 2, 3",
            )
        }
    )
    for (case, _, what), number in (told - expected).items():
        yield Fault("double", f"case {case}: {what} told {number} times too often")
    for (case, _, what), number in (expected - told).items():
        yield Fault("untold", f"case {case}: {what} told {number} times too few")
    for row in _rows(
        work, "select id from notice where state = 'failed' or (state = 'sending' and next_try_at < now())"
    ):
        yield Fault("untold", f"notice {row.id} never left")


def _holders(work: Work, unit_id: UUID, role: str) -> list[UUID]:
    return work.keep(("holders", unit_id, role), lambda: [staff.id for staff in on_duty(work, unit_id, role, work.now)])


def _rows(work: Work, query: str, **values: Any) -> Iterable[Row[Any]]:
    return work.session.execute(text(query), values).all()


def told(faults: Iterable[Fault]) -> str:
    """The first faults, a line each."""
    lines = [f"  {one.kind}: {one.text}" for one in faults]
    rest = [f"  … and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *rest])
