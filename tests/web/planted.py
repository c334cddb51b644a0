"""A case whose every answer can be told from every other, and every address that could show one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlmodel import select

from casework.audit.models import AuditEntry
from casework.cases.models import Case, Document
from casework.intake.models import Report
from casework.intake.service import receive_report
from casework.law.book import LawBook
from casework.law.forms import datum_fields
from casework.law.model import Field, Law
from casework.referral.models import Referral
from casework.referral.service import refer_case
from casework.work import SYSTEM
from tests.conftest import Town

REPORTER = {"reporter_name": "Danhdaubaotin Thị", "reporter_phone": "+84900000777", "reporter_address": "Danhdaunoio"}
LEAVING = ("pages.quick_exit",)  # ends the session of whoever walks through the addresses
KINDS = {"police": "CA-99001", "health": "YT-99001"}


def planted(number: int, one: Field) -> tuple[Any, str] | None:
    """A value nobody else has for a datum, and how a page would show it; None for a plain yes or no."""
    if one.kind == "yes_no":
        return None
    if one.kind == "date":
        day = date(1911, 1, 1) + timedelta(days=number)
        return day.isoformat(), day.strftime("%d/%m/%Y")
    if one.kind == "datetime":
        day = date(1921, 1, 1) + timedelta(days=number)
        return f"{day}T03:03:00+07:00", day.strftime("%d/%m/%Y")
    if one.kind in ("number", "age"):
        return 700_000 + number, f"700.{number:03d}" if one.kind == "number" else str(700_000 + number)
    marker = f"danhdau{number:03d}x"
    if one.kind == "rows":
        return [{column.id: marker for column in one.columns if column.kind in ("text", "longtext", "name")}], marker
    return ([marker] if one.kind == "choices" else marker), marker


def book_of(town: Town, law: Law) -> LawBook:
    """The office's book with `law` for its edition: a province's case is read under the province's key."""
    return LawBook([law, *(replace(law, overlay=one.overlay) for one in town.office.book if one.overlay)])


def plant(town: Town, law: Law) -> dict[str, str]:
    """A case in Nà Lũng with every datum planted, referred to both bodies. Datum → how it would be shown."""
    shown: dict[str, str] = {}
    facts: dict[str, Any] = {}
    for number, (datum, one) in enumerate(datum_fields(law).items()):
        value = planted(number, one)
        if value is not None and datum != "danger_now":
            facts[datum] = {"value": value[0], "form": "01", "at": "2026-11-22T15:14:00+00:00"}
            shown[datum] = value[1]
    with town.office.begin(town.act_as("hotline")) as work:
        values = {"incident_commune": "99001", "danger_now": "yes", "narrative": "Lời kể gốc", **REPORTER}
        case = receive_report(work, values, received_at=work.now).case
        work.seal(case, facts=facts)
    for kind, unit in KINDS.items():
        with replace(town.office, book=book_of(town, law)).begin(town.act_as("worker")) as work:
            case = work.session.exec(select(Case)).one()
            given = {"to_unit": unit, "reason": f"Lý do chuyển {kind}", "danger_now": "yes", "safety_notes": "Có dao"}
            refer_case(work, case, kind, given)
    return shown


def every_address(town: Town, app: Any) -> Iterator[str]:
    """Every address of the application that can be read, with the ids of the one case put in wherever one fits."""
    with town.office.begin(SYSTEM) as work:
        case = work.session.exec(select(Case)).one()
        ids = [case.id]
        for table in (Referral, Document, Report, AuditEntry):
            ids += list(work.session.exec(select(table.id)))
        codes = [case.code, *work.session.exec(select(Report.code))]
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint in ("static", "pages.switch_language", *LEAVING):
            continue
        tries: list[dict[str, Any]] = [{}]
        for name in rule.arguments:
            converter = type(rule._converters[name]).__name__
            fits: list[Any] = ids[:6] if converter == "UUIDConverter" else [1] if "Int" in converter else [*codes, "01"]
            if converter == "AnyConverter":
                fits = sorted(rule._converters[name].items)
            tries = [{**one, name: value} for one in tries for value in fits]
        yield from (adapter.build(rule.endpoint, values) for values in tries)
