"""A report arrives. Whatever door it came by, it is recorded here, and it opens a case or joins one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from casework.audit.service import record
from casework.audit.tags import Tag
from casework.cases.exclusions import keep_from, take_from, tells_province, units_of_conflict
from casework.cases.models import Case
from casework.cases.queries import candidates_for, case_by_id, state_of, units_of
from casework.cases.rules import new_code
from casework.cases.service import name_bucket, open_case, take_action
from casework.clock import local
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import running_of
from casework.errors import IdempotencyMismatch, Invalid, NotFound
from casework.intake.models import ClosedCall, ReceivedOnce, Report, UnreadReport
from casework.intake.rules import ACCOUNT_FIELDS, REPORTER_FIELDS, SAME_CHILD_WITHIN, believable, is_same_child
from casework.intake.schemas import (
    ClockOut,
    FaultOut,
    KeptOut,
    ReportIn,
    ReportOut,
    is_simple,
    received_at_of,
    submitted_from,
)
from casework.law.answers import one_line
from casework.law.forms import read, told_by_name
from casework.notices.service import About, notify_post
from casework.people import queries as people
from casework.people.models import ApiKey, Unit
from casework.people.rules import Role
from casework.work import Work, in_whole_sight


@dataclass(frozen=True)
class Received:
    """A recorded report, its case, and the clocks that run on it now."""

    report: Report
    case: Case
    clocks: list[CaseClock] = field(default_factory=list)


@in_whole_sight  # whoever may report adds to a case wherever it is held: no report is lost to a boundary
def receive_report(
    work: Work,
    values: Mapping[str, Any],
    *,
    received_at: datetime,
    client: ApiKey | None = None,
    external_id: str | None = None,
    as_sent: Mapping[str, Any] | None = None,
    into: Case | None = None,
    report_id: UUID | None = None,
) -> Received:
    """Records a report. `values` are the checked answers of Mẫu 01; `received_at` (UTC) is when the first word was heard.

    A commune we do not know goes to the provincial desk, with the clocks running; so does a report whose accused works for
    the commune, and to that commune the case never exists (`cases.exclusions`). `into` joins a case a person has chosen;
    else the open case of the same commune about the same child, else a new one. Raises Invalid for a time not believable.
    """
    if not believable(received_at, work.now):
        raise Invalid({"received_at": "out-of-range"})
    answers = {key: value for key, value in values.items() if key not in REPORTER_FIELDS}
    answers.setdefault("danger_now", "unknown")
    answers["received_at"] = local(received_at).isoformat(timespec="seconds")
    commune = people.commune_by_code(work, str(values.get("incident_commune", "")))
    conflict = str(answers.get("accused_works_for") or "")
    kept_from = units_of_conflict(work, conflict, commune)
    case = into or (_open_case_of_same_child(work, answers, commune) if commune else None)
    joined = case is not None
    if case is None:
        held = None if commune in kept_from else commune
        case = _open(work, answers, commune, received_at, holder=held)
    else:
        for one in kept_from:
            take_from(work, case, one.id)  # first, so that the commune is not told of this report
        take_action(work, case, "join-report", answers, since=received_at)
    if tells_province(conflict):
        # Where they work is an answer: it stands in the report alone.
        record(work, Tag.CONFLICT_NAMED, case_id=case.id, object_type="case", object_id=case.id)
    report = Report(
        id=report_id or uuid4(),
        code=_free_code(work),
        case_id=case.id,
        joined=joined,
        received_at=received_at,
        recorded_at=work.now,
        staff_id=work.actor.id if client is None else None,
        client_id=client.id if client else None,
    )
    reporter = {key.removeprefix("reporter_"): values[key] for key in REPORTER_FIELDS if values.get(key)}
    extra = {"external_id": external_id, "as_sent": dict(as_sent or {})}
    work.seal(report, reporter=reporter or None, extra=extra if external_id or as_sent else None)
    work.session.add(report)
    work.session.flush()
    named = told_by_name(work.law_for(case.edition).forms["01"], answers)
    record(work, Tag.REPORT_RECEIVED, case_id=case.id, object_type="report", object_id=report.id, fields=named)
    received = Received(report, case, running_of(work, [case.id]).get(case.id, []))
    for one in kept_from:
        keep_from(work, case, unit_id=one.id, reason=conflict)
    return received


@dataclass(frozen=True)
class TypedReport:
    """A report as a person typed it, read: checked answers, faults by input, the commune it goes to (None: the provincial
    desk), what the form has no place for, and when the first word of it was heard (UTC)."""

    values: dict[str, Any]
    faults: dict[str, str]
    commune: Unit | None
    as_sent: dict[str, Any]
    received_at: datetime


def read_typed(work: Work, typed: Mapping[str, Sequence[str]], *, opened_at: datetime) -> TypedReport:
    """Reads Mẫu 01 as somebody typed it while listening. Never raises on input.

    Words that name no commune are kept with the place and refuse nothing. `opened_at` counts unless the person wrote down
    another time of receipt. Who wants to stay unnamed (`anonymous`) is not kept, whatever else was typed.
    """
    words = one_line(" ".join(typed.get("incident_commune", ())[:1]))
    commune = people.commune_named(work, words) if words else None
    submitted: dict[str, Sequence[str]] = {key: value for key, value in typed.items() if key != "incident_commune"}
    if typed.get("anonymous"):
        submitted = {key: value for key, value in submitted.items() if key not in REPORTER_FIELDS}
    if commune is not None:
        submitted["incident_commune"] = [commune.code]
    elif words:
        place = one_line(" ".join(typed.get("incident_place", ())[:1]))
        submitted["incident_place"] = ["; ".join(part for part in (place, words) if part)]
    filled = read(work.law.forms["01"], submitted, today=local(work.now).date())
    values, faults = dict(filled.values), dict(filled.faults)
    if words:
        faults.pop("incident_commune", None)
    written = values.pop("received_at", None)
    received_at = datetime.fromisoformat(written).astimezone(UTC) if written else opened_at
    if not believable(received_at, work.now):
        faults.setdefault("received_at", "out-of-range")
    as_sent = {"commune": words} if words and commune is None else {}
    return TypedReport(values, faults, commune, as_sent, received_at)


@in_whole_sight  # the form may have been sent before, by whomever
def receive_typed(work: Work, report: TypedReport, *, once: UUID, into: Case | None = None) -> Received:
    """Records what a person typed, once: the form with this `once` sent again gives the report it made the first time.

    A second sending waits here until the first has committed. Words changed in between are not lost: they become a further
    report to the same case. Raises NotFound for somebody else's `once`.
    """
    work.session.execute(select(func.pg_advisory_xact_lock(once.int % 2**63)))
    words = json.dumps([report.values, report.as_sent], sort_keys=True, ensure_ascii=False)
    digest = work.keys.digest("typed-report", words).hex()
    report_id = once
    before = work.session.get(Report, once)
    if before is not None:
        if before.staff_id != work.actor.id:
            raise NotFound
        case = case_by_id(work, before.case_id)
        if (work.open(before, "extra") or {}).get("as_sent", {}).get("form") == digest:
            record(work, Tag.REPORT_REPLAYED, object_type="report", object_id=before.id)
            return Received(before, case, running_of(work, [case.id]).get(case.id, []))
        report_id = uuid4()
        kept = units_of(work, case).excludes(work.actor)  # since they sent it: to them the case is not there
        into = into or (None if kept or state_of(work, case).final else case)
    return receive_report(
        work,
        report.values,
        received_at=report.received_at,
        as_sent={**report.as_sent, "form": digest},
        into=into,
        report_id=report_id,
    )


def was_sent(work: Work, once: UUID) -> bool:
    """Whether this person's form with this `once` has become a report already."""
    report = work.session.get(Report, once)
    return report is not None and report.staff_id == work.actor.id


def check_account(values: Mapping[str, Any]) -> dict[str, str]:
    """The faults of a report that says nothing of what happened; Mẫu 01 itself requires the commune."""
    if any(values.get(one) for one in ACCOUNT_FIELDS):
        return {}
    return {"narrative": "missing"}


def receive_posted(work: Work, client: ApiKey, body: bytes, key: str | None) -> tuple[int, dict[str, Any]]:
    """The whole of `POST /api/v1/reports` after the key was checked: (status, answer).

    201 and the codes and clocks; 202 where the body could not be read and is kept sealed for a person. The same key and
    body get the same answer; raises IdempotencyMismatch for the same key with another body.
    """
    once = _claim_key(work, client, body, key) if key else None
    if once is not None and once.status:
        record(work, Tag.REPORT_REPLAYED, object_type="api_key", object_id=client.id)
        return once.status, dict(once.answer)
    status, answer = _read_and_receive(work, client, body)
    if once is not None:
        once.status, once.answer = status, answer
        work.session.add(once)
    return status, answer


def _claim_key(work: Work, client: ApiKey, body: bytes, key: str) -> ReceivedOnce:
    """The row of this key. A second request with the same key waits here until the first has committed."""
    key_digest = work.keys.digest("idempotency", key)
    body_digest = work.keys.digest("idempotency", body.decode("latin-1"))  # every byte has a letter there
    work.session.connection().execute(
        insert(ReceivedOnce)
        .values(client_id=client.id, key_digest=key_digest, body_digest=body_digest, status=0, answer={}, at=work.now)
        .on_conflict_do_nothing()
    )
    once = work.session.get_one(ReceivedOnce, (client.id, key_digest))
    if once.body_digest != body_digest:
        raise IdempotencyMismatch
    return once


def _read_and_receive(work: Work, client: ApiKey, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        sent = json.loads(body)
        # What JSON cannot carry on (NaN, half a letter) could not be sealed: a person reads it as it came.
        json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()
        if not is_simple(sent):
            return keep_unread(work, client, body, [FaultOut(field="", fault="too-complex")])
        parsed = ReportIn.model_validate(sent)
    except ValidationError as refused:
        # Only where and of what kind: pydantic's own text repeats the input.
        faults = [FaultOut(field=".".join(map(str, one["loc"])), fault=str(one["type"])) for one in refused.errors()]
        return keep_unread(work, client, body, faults)
    except (ValueError, RecursionError):
        return keep_unread(work, client, body, [FaultOut(field="", fault="not-json")])
    submitted, kept = submitted_from(parsed, work.law)
    received_at = received_at_of(parsed.received_at, work.now)
    report = read_typed(work, submitted, opened_at=received_at or work.now)
    faults_found = {**report.faults, **check_account(report.values)}
    if received_at is None:
        faults_found["received_at"] = "not-a-time"
    if faults_found:
        found = [FaultOut(field=name, fault=fault) for name, fault in faults_found.items()]
        return keep_unread(work, client, body, found)
    received = receive_report(
        work,
        report.values,
        received_at=report.received_at,
        client=client,
        external_id=parsed.external_id,
        as_sent={**kept, **report.as_sent},
    )
    return 201, answer_of(work, received).model_dump(mode="json")


def answer_of(work: Work, received: Received) -> ReportOut:
    return ReportOut(
        report=received.report.code,
        case=received.case.code,
        clocks=[
            ClockOut(
                name=clock.rule, due_at=clock.due_at, article=work.law_for(clock.edition).deadlines[clock.rule].article
            )
            for clock in received.clocks
        ],
    )


def keep_unread(work: Work, client: ApiKey | None, body: bytes, faults: list[FaultOut]) -> tuple[int, dict[str, Any]]:
    """Keeps a body nobody could read, sealed, and wakes the hotline's desk to look at it."""
    unread = UnreadReport(
        code=_free_code(work),
        client_id=client.id if client else None,
        received_at=work.now,
        faults=[one.model_dump() for one in faults],
    )
    work.seal(unread, body=body.decode("utf-8", "backslashreplace"))
    work.session.add(unread)
    record(work, Tag.REPORT_MALFORMED_KEPT, object_type="unread_report", object_id=unread.id)
    desk = people.hotline(work)
    if desk is not None:
        notify_post(
            work, unit_id=desk.id, role=Role.HOTLINE, text_id="report-malformed", about=About(None, unread.code)
        )
    return 202, KeptOut(review=unread.code, faults=faults).model_dump(mode="json")


def settle_unread(work: Work, unread: UnreadReport, report: Report | None) -> None:
    """Notes that a person has read a kept body, and which report came of it (None: it was none)."""
    unread.settled_at = work.now
    unread.settled_by = work.actor.id
    unread.report_id = report.id if report else None
    work.session.add(unread)
    record(work, Tag.REVIEW_DONE, object_type="unread_report", object_id=unread.id)


def unread_report(work: Work, code: str) -> UnreadReport:
    """Raises NotFound."""
    found = work.session.exec(select(UnreadReport).where(UnreadReport.code == code)).first()
    if found is None:
        raise NotFound
    return found


def close_call(work: Work, kind: str) -> None:
    """Counts a call that was no case. Raises Invalid for a kind that is not on the list."""
    if work.actor.id is None or work.law.option("non_case", kind) is None:
        raise Invalid({"kind": "not-a-choice"})
    call = ClosedCall(kind=kind, staff_id=work.actor.id, at=work.now)
    work.session.add(call)
    record(work, Tag.REPORT_CLOSED_NO_CASE, object_type="closed_call", object_id=call.id)


def _open(
    work: Work, answers: Mapping[str, Any], commune: Unit | None, received_at: datetime, *, holder: Unit | None
) -> Case:
    """`commune` is that of the incident; `holder` None: the province holds the case itself."""
    province_id = (commune.province_id if commune else None) or people.province_for(work, work.actor).id
    return open_case(
        work,
        received_at=received_at,
        responsible_unit_id=holder.id if holder else province_id,
        province_id=province_id,
        incident_unit_id=commune.id if commune else None,
        danger=str(answers["danger_now"]),
        values=answers,
    )


def _open_case_of_same_child(work: Work, answers: Mapping[str, Any], commune: Unit) -> Case | None:
    name = answers.get("child_name")
    if not name:
        return None
    found = candidates_for(work, unit_id=commune.id, bucket=name_bucket(work, name), since=work.now - SAME_CHILD_WITHIN)
    today = local(work.now).date()
    return next((case for case, facts in found if is_same_child(answers, facts, today)), None)


def _free_code(work: Work) -> str:
    while True:
        code = new_code("TN", local(work.now).year)
        taken = work.session.exec(select(Report.id).where(col(Report.code) == code)).first()
        if taken is None:
            return code


def report_of(work: Work, report_id: UUID) -> Report:
    return work.session.get_one(Report, report_id)
