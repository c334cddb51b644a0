"""A case with one of everything that can have an address, and people at every place around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import select

from casework.access.models import CaseExclusion, CaseGrant
from casework.cases.drafts import save_draft
from casework.cases.handover import offer_hand_over
from casework.cases.models import Case, Document, HandOver
from casework.cases.service import take_action
from casework.deadlines.models import CaseClock
from casework.files.rules import PDF, Upload
from casework.files.service import keep_file
from casework.intake.models import Report
from casework.intake.service import receive_report
from casework.notices.models import Alarm, AlarmCall
from casework.papers.export import EXPORT_KIND, MEDIA_TYPE
from casework.papers.models import CaseExport, SignedScan
from casework.papers.queries import line_of, version_content
from casework.papers.rules import HASH_TYPED
from casework.papers.service import Choices, issue_paper, return_scan
from casework.people.models import Post, Staff, Unit, UnitKind
from casework.people.rules import Role
from casework.people.service import create_staff, create_unit
from casework.referral.models import Referral
from casework.referral.service import refer_case
from casework.work import SYSTEM, Work
from tests.cases.walking import GRAVE, MINUTES, initial, specific
from tests.conftest import Town
from tests.files.papers_of_others import pdf
from tests.papers.filing import DECISION, file_form

ACTION = "record-progress"  # the page a draft is kept of
PAPER = "05"
# Everything a grant may name, but who reported and what health keeps to itself.
GROUPS = ("identity", "contact", "narrative", "medical", "legal", "assessment", "work", "attachments")


@dataclass(frozen=True)
class Filled:
    """A case and the ids of what hangs on it, as their addresses write them."""

    name: str
    id: UUID
    code: str
    child: str
    place: str
    documents: tuple[UUID, ...] = ()
    scans: tuple[UUID, ...] = ()
    exports: tuple[UUID, ...] = ()
    offers: Mapping[UUID, str] = field(default_factory=dict)  # id → code of the unit it is offered to
    referrals: Mapping[UUID, str] = field(default_factory=dict)
    reports: Mapping[str, str] = field(default_factory=dict)  # code → who made it
    exclusions: tuple[UUID, ...] = ()
    papers: tuple[str, ...] = ()  # kinds that can be printed
    alarms: Mapping[UUID, frozenset[str]] = field(default_factory=dict)  # id → user names that were called
    clocks: tuple[UUID, ...] = ()

    @property
    def traces(self) -> tuple[str, ...]:
        """Words that only this case's own pages can hold."""
        ids = (self.id, *self.documents, *self.scans, *self.exports, *self.offers, *self.referrals, *self.alarms)
        return (self.code, self.child, self.place, *map(str, ids), *self.reports)


def person(work: Work, username: str, role: Role, unit: str, *, post: Post | None = None) -> Staff:
    """An account more at a unit; it needs no password, its browser is signed in from within."""
    home = work.session.exec(select(Unit).where(Unit.code == unit)).one()
    return create_staff(work, username=username, password=None, role=role, unit=home, name=f"{role} {unit}", post=post)


def other_province(work: Work) -> None:
    """Province 98 with a commune, its police and health, and one account a role named `<role>-98`."""
    province = create_unit(work, code="98", name="Tỉnh Biển Hồ", kind=UnitKind.PROVINCE)
    for code, name, kind in (
        ("98001", "Xã Đá Trắng", UnitKind.COMMUNE),
        ("98002", "Xã Suối Cạn", UnitKind.COMMUNE),
        ("CA-98001", "Công an xã Đá Trắng", UnitKind.POLICE),
        ("YT-98001", "Trạm y tế xã Đá Trắng", UnitKind.HEALTH),
    ):
        create_unit(work, code=code, name=name, kind=kind, province_id=province.id)
    for role, unit in (
        (Role.WORKER, "98001"), (Role.CHAIR, "98001"), (Role.COLLABORATOR, "98001"), (Role.SUPERVISOR, "98"),
        (Role.POLICE, "CA-98001"), (Role.HEALTH, "YT-98001"), (Role.ADMINISTRATOR, "98"), (Role.AUDITOR, "98"),
    ):  # fmt: skip
        person(work, f"{role.value}-98", role, unit)


def reported(town: Town, name: str, commune: str | None, *, by: str = "hotline") -> Filled:
    """A report of a case of its own, nothing done yet. `commune` None: nobody knows where, so the province has it."""
    child, place = f"Dấuvết {name}", f"thôn Dấunơi{name}"
    with town.office.begin(town.act_as(by)) as work:
        values = {
            "danger_now": "yes",
            "child_name": child,
            "child_age": 9,
            "incident_place": place,
            "kinds": ["violence"],
        }
        if commune:
            values["incident_commune"] = commune
        values["narrative"] = f"Lời kể {name} (diễn tập)"
        received = receive_report(work, values, received_at=work.now)
        case = received.case
        return Filled(name, case.id, case.code, child, place, reports={received.report.code: by})


def filled(
    town: Town,
    name: str,
    commune: str,
    *,
    worker: str,
    chair: str,
    offered_to: str,
    joined_by: str | None = None,
    with_papers: bool = True,
) -> Filled:
    """A case of `commune` at the needs meeting, referred to its police and health, offered on, with papers and files."""
    one = reported(town, name, commune)

    def act(username: str, action: str, values: Mapping[str, Any] | None = None) -> None:
        with town.office.begin(town.act_as(username)) as work:
            take_action(work, _case(work, one), action, values)
        town.clock.advance(minutes=1)

    act(worker, "accept")
    if joined_by:
        with town.office.begin(town.act_as(joined_by)) as work:
            again = {"danger_now": "yes", "incident_commune": commune, "narrative": "Nghe thêm (diễn tập)"}
            receive_report(work, again, received_at=work.now, into=_case(work, one))
    act(worker, "submit-initial-assessment", initial("emergency", GRAVE))
    for kind, body in (("police", f"CA-{commune}"), ("health", f"YT-{commune}")):
        refer(town, one, worker, kind, body)
    act(chair, "decide-measures")
    act(worker, "submit-specific-assessment", specific("high"))
    act(worker, "record-meeting", MINUTES)
    with town.office.begin(town.act_as(worker)) as work:
        offer_hand_over(work, _case(work, one), {"to_commune": offered_to, "reason": "Cháu về quê (diễn tập)"})
    if with_papers:
        file_form(town, one.code, PAPER, DECISION, by=worker)
        papers(town, one, worker)
    return with_ids(town, one)


def refer(town: Town, one: Filled, username: str, kind: str, body: str) -> None:
    with town.office.begin(town.act_as(username)) as work:
        refer_case(work, _case(work, one), kind, {"to_unit": body, "reason": "Cần phối hợp", "danger_now": "yes"})


def papers(town: Town, one: Filled, worker: str) -> None:
    """A paper with its number, its signed copy, a file written out, and a draft of somebody's."""
    with town.office.begin(town.act_as(worker)) as work:
        case = _case(work, one)
        issue_paper(work, case, line_of(work, case, PAPER), Choices())
        work.session.flush()
        line = line_of(work, case, PAPER)
        assert line.version is not None
        seen = version_content(work, line.version)["hash"][:HASH_TYPED]
        return_scan(work, case, line, Upload(pdf(f"bản ký {one.name}"), PDF, "ban-ky.pdf"), seen)
        stored = keep_file(work, case, Upload(b"{}", MEDIA_TYPE, f"{one.code}.json"), kind=EXPORT_KIND)
        work.session.add(CaseExport(case_id=case.id, file_id=stored.id, at=work.now, by=work.actor.id))
        save_draft(work, f"action:{ACTION}", {"notes": [f"viết dở {one.child}"]}, case)


def with_ids(town: Town, one: Filled) -> Filled:
    """The same case with the ids of everything that hangs on it now."""
    with town.office.begin(SYSTEM) as work:
        units = {unit.id: unit.code for unit in work.session.exec(select(Unit))}
        names = {staff.id: staff.username for staff in work.session.exec(select(Staff))}

        def ids(table: Any) -> tuple[UUID, ...]:
            return tuple(work.session.exec(select(table.id).where(table.case_id == one.id)))

        def to(table: Any) -> dict[UUID, str]:
            rows = work.session.exec(select(table).where(table.case_id == one.id))
            return {row.id: units[row.to_unit_id] for row in rows}

        reports = work.session.exec(select(Report).where(Report.case_id == one.id))
        return Filled(
            one.name,
            one.id,
            one.code,
            one.child,
            one.place,
            documents=ids(Document),
            scans=ids(SignedScan),
            exports=ids(CaseExport),
            exclusions=ids(CaseExclusion),
            papers=(PAPER,) if ids(SignedScan) else (),
            offers=to(HandOver),
            referrals=to(Referral),
            reports={row.code: names[row.staff_id] if row.staff_id else "" for row in reports},
            alarms={alarm: _called(work, alarm, names) for alarm in ids(Alarm)},
            clocks=ids(CaseClock),
        )


def exclude(town: Town, one: Filled, *, units: Sequence[str] = (), people: Sequence[str] = ()) -> None:
    """Rows as the office itself writes them, whoever asked for them."""
    with town.office.begin(SYSTEM) as work:
        for unit in work.session.exec(select(Unit).where(Unit.code.in_(units))):  # type: ignore[attr-defined]
            work.session.add(CaseExclusion(case_id=one.id, unit_id=unit.id, made_at=work.now))
        for staff in work.session.exec(select(Staff).where(Staff.username.in_(people))):  # type: ignore[attr-defined]
            work.session.add(CaseExclusion(case_id=one.id, staff_id=staff.id, made_at=work.now))


def grant(
    town: Town,
    one: Filled,
    *,
    hours: float,
    units: Sequence[str] = (),
    people: Sequence[str] = (),
    revoked: bool = False,
) -> None:
    """Lets units and people in from now for so long."""
    with town.office.begin(SYSTEM) as work:
        whom: list[tuple[UUID | None, UUID | None]] = []
        whom += [(one.id, None) for one in work.session.exec(select(Unit)) if one.code in units]
        whom += [(None, one.id) for one in work.session.exec(select(Staff)) if one.username in people]
        assert len(whom) == len(units) + len(people)
        for unit_id, staff_id in whom:
            row = CaseGrant(
                case_id=one.id,
                unit_id=unit_id,
                staff_id=staff_id,
                groups=list(GROUPS),
                purpose="care",
                starts_at=work.now,
                expires_at=work.now + timedelta(hours=hours),
                revoked_at=work.now if revoked else None,
            )
            work.session.add(row)


def _called(work: Work, alarm: UUID, names: Mapping[UUID, str]) -> frozenset[str]:
    return frozenset(
        names[one] for one in work.session.exec(select(AlarmCall.staff_id).where(AlarmCall.alarm_id == alarm))
    )


def _case(work: Work, one: Filled) -> Case:
    with work.whole_sight():  # the stage, not the person: a collaborator's report joins a case that they do not see
        return work.session.exec(select(Case).where(Case.code == one.code)).one()
