"""Whom a case is kept from and whom it is opened to, and who reported it: the province's page, and the release of a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.access.models import CaseExclusion
from casework.cases.exclusions import exclusions_on, find_exclusion, keep_from, staff_of_province
from casework.cases.models import Case
from casework.cases.queries import candidates_for, find_case
from casework.cases.rules import fact
from casework.cases.service import name_bucket, record_read
from casework.cases.sight import facts_for
from casework.intake.rules import SAME_CHILD_WITHIN
from casework.oversight.acts import acts_on, propose
from casework.oversight.reporter import ACT, informants, release_of
from casework.people.models import Staff, Unit, UnitKind
from casework.people.queries import bodies_of, staff_by_id, units_by_id
from casework.people.rules import Role
from casework.web import casebook
from casework.web.access import open_to
from casework.web.door import begin
from casework.web.factors import step_up
from casework.web.wording import moment_text, role_title
from casework.work import Work

bp = Blueprint("conflict", __name__, url_prefix="/ca/<code>")

READERS = (Role.WORKER, Role.CHAIR, Role.SUPERVISOR)
KINDS = (UnitKind.COMMUNE, UnitKind.POLICE, UnitKind.HEALTH)
LEAST, MOST = 10, 1000  # characters of a reason


# ---------------------------------------------------------------- exclusions


@bp.get("/loai-tru")
@open_to(Role.SUPERVISOR)
def exclusions(code: str) -> ResponseReturnValue:
    return _page(code, {}, {})


@bp.post("/loai-tru")
@open_to(Role.SUPERVISOR)
@step_up
def exclude(code: str) -> ResponseReturnValue:
    """Takes effect at once: a child is safer with one office too few than with one too many."""
    typed = {name: request.form.get(name, "").strip()[: MOST + 1] for name in ("unit", "person", "reason")}
    faults = _reason_faults(typed["reason"])
    with begin() as work:
        case = find_case(work, code)
        unit_id = next((one.id for one in _units(work, case) if one.code == typed["unit"]), None)
        person = staff_of_province(work, case, typed["person"]) if typed["person"] else None
        if bool(typed["unit"]) == bool(typed["person"]):
            faults["unit"] = _("Chọn một đơn vị, hoặc ghi tên đăng nhập của một người")
        elif typed["person"] and person is None:
            faults["person"] = _("Không có tài khoản nào của tỉnh với tên đăng nhập này")
        elif person is not None and person.id == work.actor.id:
            faults["person"] = _("Không tự loại trừ mình: nhờ người giám sát khác")
        elif typed["unit"] and unit_id is None:
            faults["unit"] = _("Chọn một đơn vị của tỉnh")
        if not faults:
            staff_id = person.id if person else None
            keep_from(work, case, unit_id=unit_id, staff_id=staff_id, reason=typed["reason"])
    if faults:
        return _page(code, typed, faults)
    flash(_("Đã loại trừ. Với nơi bị loại trừ, ca này không còn tồn tại từ lúc này."), "success")
    return redirect(url_for("conflict.exclusions", code=code), code=303)


@bp.post("/loai-tru/<uuid:exclusion_id>/bo")
@open_to(Role.SUPERVISOR)
def ask_to_end(code: str, exclusion_id: UUID) -> ResponseReturnValue:
    """Asks a second supervisor: who made an exclusion does not end it alone."""
    reason = request.form.get("reason", "").strip()[: MOST + 1]
    faults = {f"end-{exclusion_id}": words for words in _reason_faults(reason).values()}
    if faults:
        return _page(code, {f"end-{exclusion_id}": reason}, faults)
    with begin() as work:
        case = find_case(work, code)
        found = find_exclusion(work, case, exclusion_id)
        propose(work, "end-exclusion", case=case, object_id=found.id, payload={"reason": reason})
    flash(_("Đã đề nghị. Loại trừ chỉ hết khi một người giám sát khác đồng ý."), "success")
    return redirect(url_for("conflict.exclusions", code=code), code=303)


def _reason_faults(reason: str) -> dict[str, str]:
    if len(reason) < LEAST:
        return {"reason": _("Ghi lý do, ít nhất %(least)s ký tự", least=LEAST)}
    return {"reason": _("Lý do dài quá %(most)s ký tự", most=MOST)} if len(reason) > MOST else {}


def _units(work: Work, case: Case) -> list[Unit]:
    return [one for kind in KINDS for one in bodies_of(work, case.province_id, kind)]


def _page(code: str, typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        rows = exclusions_on(work, case)
        units = units_by_id(work, [one.unit_id for one in rows])
        staff = staff_by_id(work, [id_ for one in rows for id_ in (one.staff_id, one.made_by)])
        waiting = {one.object_id for one in acts_on(work, case) if one.kind == "end-exclusion"}
        reasons = work.open_all(rows, "reason")
        page = {
            **casebook.frame_of(work, casebook.look_at(work, case), "exclusions"),
            "rows": [
                {
                    "id": one.id,
                    "who": _who(one, units, staff),
                    "at": moment_text(one.made_at),
                    "by": _maker(one, staff),
                    "reason": _reason(reason),
                    "ended": moment_text(one.ended_at) if one.ended_at else None,
                    "waits": one.id in waiting,
                }
                for one, reason in zip(rows, reasons, strict=True)
            ],
            "units": [{"value": one.code, "title": one.name} for one in _units(work, case)],
            "similar": _similar(work, case),
            "typed": {"unit": "", "person": "", "reason": "", **typed},
            "faults": faults,
        }
        record_read(work, case, what="exclusions")
    return render_template("conflict/exclusions.html", **page), 422 if faults else 200


def _who(one: CaseExclusion, units: Mapping[UUID, Unit], staff: Mapping[UUID, Staff]) -> str:
    if one.unit_id is not None:
        return units[one.unit_id].name
    person = staff[one.staff_id] if one.staff_id else None
    return f"{person.username} ({role_title(person.role)})" if person else ""


def _maker(one: CaseExclusion, staff: Mapping[UUID, Staff]) -> str:
    """The post, and never who reported: an exclusion made with the report itself is the office's."""
    maker = staff.get(one.made_by) if one.made_by else None
    return role_title(maker.role) if maker and maker.role == Role.SUPERVISOR else _("từ tin báo")


def _reason(opened: Mapping[str, Any] | None) -> str:
    said = str((opened or {}).get("reason") or "")
    answers = {
        "commune": _("Tin báo: người bị tố cáo làm việc ở UBND xã"),
        "police": _("Tin báo: người bị tố cáo làm việc ở công an xã"),
        "school": _("Tin báo: người bị tố cáo làm việc ở trường học"),
    }
    return answers.get(said, said)


def _similar(work: Work, case: Case) -> list[dict[str, str]]:
    """Other open cases that may be about the same child: an excluded office's later report opens one, for it may not be
    told of this."""
    name = fact(facts_for(work, case), "child.name")
    if not name or case.incident_unit_id is None:
        return []
    bucket = name_bucket(work, name)
    found = candidates_for(work, unit_id=case.incident_unit_id, bucket=bucket, since=work.now - SAME_CHILD_WITHIN)
    return [
        {"code": other.code, "url": url_for("cases.home", code=other.code)}
        for other, facts in found
        if other.id != case.id and name_bucket(work, fact(facts, "child.name") or "") == bucket
    ]


# ---------------------------------------------------------------- who reported


@bp.get("/nguoi-bao-tin")
@open_to(*READERS)
def reporter(code: str) -> ResponseReturnValue:
    return _reporter(code, {}, {})


@bp.post("/nguoi-bao-tin/de-nghi")
@open_to(*READERS)
def ask_for_reporter(code: str) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()[: MOST + 1]
    faults = _reason_faults(reason)
    if faults:
        return _reporter(code, {"reason": reason}, faults)
    with begin() as work:
        propose(work, ACT, case=find_case(work, code), object_id=work.actor.id, payload={"reason": reason})
    flash(_("Đã đề nghị. Người giám sát của tỉnh quyết định; anh/chị được báo khi có trả lời."), "success")
    return redirect(url_for("conflict.reporter", code=code), code=303)


@bp.post("/nguoi-bao-tin")
@open_to(*READERS)
@step_up
def show_reporter(code: str) -> ResponseReturnValue:
    """Who reported, for this one answer; each look is kept."""
    with begin() as work:
        case = find_case(work, code)
        found = informants(work, case)
        page = _reporter_page(work, case)
        page["informants"] = [
            {
                "code": one.code,
                "at": moment_text(one.at),
                "lines": _lines(one.person),
                "post": role_title(one.by_staff) if one.by_staff else None,
            }
            for one in found
        ]
    return render_template("conflict/reporter.html", **page, typed={"reason": ""}, faults={})


def _lines(person: Mapping[str, Any]) -> list[tuple[str, str]]:
    titles = {
        "name": _("Họ tên"),
        "phone": _("Điện thoại"),
        "address": _("Địa chỉ"),
        "hamlet": _("Thôn"),
        "note": _("Ghi chú"),
    }
    return [(title, str(person[key])) for key, title in titles.items() if person.get(key)]


def _reporter(code: str, typed: Mapping[str, str], faults: Mapping[str, str]) -> ResponseReturnValue:
    with begin() as work:
        case = find_case(work, code)
        page = _reporter_page(work, case)
        record_read(work, case, what="sharing")
    page = {**page, "typed": {"reason": "", **typed}, "faults": faults}
    return render_template("conflict/reporter.html", **page), 422 if faults else 200


def _reporter_page(work: Work, case: Case) -> dict[str, Any]:
    release = release_of(work, case)
    return {
        **casebook.frame_of(work, casebook.look_at(work, case), "reporter"),
        "until": moment_text(release.until) if release.until else None,
        "asked": release.asked,
        "informants": None,
    }
