"""Telling of a child who may be in danger: one question a page, for a phone, a village and somebody who is no writer.

Between the steps the answers stand in the person's sealed draft and nowhere else: not in the phone, not in an address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from casework.cases.drafts import drop_draft, read_draft, save_draft
from casework.cases.models import Case
from casework.cases.queries import state_of
from casework.clock import local
from casework.deadlines.queries import running_of
from casework.errors import NotFound
from casework.intake.queries import own_receipt, own_reports
from casework.intake.service import TypedReport, read_typed, receive_typed, was_sent
from casework.law.forms import FAULTS
from casework.people.models import Unit, UnitKind
from casework.people.queries import communes_of, unit
from casework.people.rules import Role
from casework.web.access import keeps_draft, open_to
from casework.web.door import begin, the_viewer
from casework.web.lawform import posted
from casework.web.wording import law_text, short_moment
from casework.work import Work

bp = Blueprint("report", __name__)

TELLERS = (Role.COLLABORATOR, Role.HEALTH, Role.POLICE)
DRAFT = "report"
LAST_STEP = 5
LONGEST_TEXT = 4000  # characters: a phone's page, not a file
STEP_FIELDS: Mapping[int, tuple[str, ...]] = {
    1: ("danger_now",),
    2: ("kinds",),
    3: ("where", "incident_place", "elsewhere", "commune"),
    4: ("age_band", "child_sex", "child_name", "whose_house"),
    5: ("narrative", "accused_works_for"),
}
OWN_COMMUNE, ELSEWHERE = "own", "elsewhere"
FORM_FIELDS = ("danger_now", "kinds", "incident_place", "child_sex", "child_name", "narrative", "accused_works_for")

Answers = dict[str, list[str]]


@bp.get("/bao-tin")
@open_to(*TELLERS)
def start() -> ResponseReturnValue:
    with begin() as work:
        unfinished = bool(_answers(work))
    return render_template("report/start.html", unfinished=unfinished)


@bp.get("/bao-tin/<int:step>")
@open_to(*TELLERS)
def ask(step: int) -> ResponseReturnValue:
    _known(step)
    with begin() as work:
        answers = _answers(work)
        page = _step_page(work, step, answers)
    return render_template("report/step.html", **page)


@bp.post("/bao-tin/<int:step>")
@open_to(*TELLERS)
@keeps_draft(lambda step: _step_draft(step))
def answer(step: int) -> ResponseReturnValue:
    _known(step)
    typed = posted()
    with begin() as work:
        answers = _answers(work)
        given = {name: typed[name] for name in STEP_FIELDS[step] if any(typed.get(name, ()))}
        answers = {name: value for name, value in answers.items() if name not in STEP_FIELDS[step]} | given
        answers.setdefault("once", [str(uuid4())])
        answers["reached"] = [str(max(step, int(_first(answers, "reached") or 0)))]
        _keep(work, answers)
        faults = _step_faults(work, step, answers)
        if faults:
            page = _step_page(work, step, answers, faults)
            return render_template("report/step.html", **page), 422
    return redirect(_after(step, answers), code=303)


@bp.get("/bao-tin/goi-ngay")
@open_to(*TELLERS)
def call() -> ResponseReturnValue:
    """Danger now: the two numbers before any further question."""
    return render_template("report/call.html", forward=_next_url(1))


@bp.get("/bao-tin/kiem-tra")
@open_to(*TELLERS)
def check() -> ResponseReturnValue:
    with begin() as work:
        answers = _answers(work)
        missing = _first_missing(work, answers)
        lines = _lines(work, answers)
    if missing:
        return redirect(url_for("report.ask", step=missing))
    return render_template("report/check.html", lines=lines, once=_first(answers, "once"))


@bp.post("/bao-tin/gui")
@open_to(*TELLERS)
def send() -> ResponseReturnValue:
    """Sends what the draft holds. Pressed twice, by a double tap or the back button, it still makes one report."""
    once = _uuid(request.form.get("once", ""))
    with begin() as work:
        answers = _answers(work)
        if _first(answers, "once") != str(once):
            return redirect(_already(work, once), code=303)
        missing = _first_missing(work, answers)
        if missing:
            return redirect(url_for("report.ask", step=missing), code=303)
        report = _read(work, answers)
        received = receive_typed(work, report, once=once)
        _drop(work)
    return redirect(url_for("report.sent", code=received.report.code), code=303)


@bp.post("/bao-tin/bo")
@open_to(*TELLERS)
def forget() -> ResponseReturnValue:
    with begin() as work:
        _drop(work)
    flash(_("Đã xóa những gì đang viết dở."), "success")
    return redirect(url_for("report.start"), code=303)


@bp.get("/bao-tin/da-gui/<code>")
@open_to(*TELLERS)
def sent(code: str) -> ResponseReturnValue:
    with begin() as work:
        found = own_receipt(work, code)
        clocks = {one.rule: one for one in running_of(work, [found.case.id]).get(found.case.id, [])}
        page = {
            "code": found.report.code,
            "sent_at": f"{local(found.report.recorded_at):%H:%M}",
            "office": unit(work, found.case.responsible_unit_id).name,
            "commune_known": found.case.incident_unit_id is not None,
            "only_received": found.kept_from_me,
            "answer_by": f"{local(clocks['acknowledge'].due_at):%H:%M}" if "acknowledge" in clocks else None,
            "visit_by": short_moment(clocks["emergency"].due_at) if "emergency" in clocks else None,
        }
    return render_template("report/sent.html", **page)


@bp.get("/bao-tin/cua-toi")
@open_to(*TELLERS)
def mine() -> ResponseReturnValue:
    """Codes, days and how far it got. What was reported is never shown again."""
    with begin() as work:
        rows = [
            {
                "code": one.report.code,
                "at": short_moment(one.report.recorded_at),
                "state": _("đã nhận") if one.kept_from_me else _state_words(work, one.case),
            }
            for one in own_reports(work)
        ]
    return render_template("report/mine.html", rows=rows)


# ---------------------------------------------------------------- the draft


def _answers(work: Work) -> Answers:
    """All answers so far; what an expired session kept of one step lies over them. Of a report already sent: none."""
    answers = read_draft(work, DRAFT) or {}
    for step in STEP_FIELDS:
        kept = read_draft(work, _step_draft(step))
        if kept is not None:
            fields = STEP_FIELDS[step]
            answers = {name: value for name, value in answers.items() if name not in fields}
            answers |= {name: value for name, value in kept.items() if name in fields and any(value)}
            answers["reached"] = [str(max(step, int(_first(answers, "reached") or 0)))]
    if answers:
        answers.setdefault("once", [str(uuid4())])
        if was_sent(work, _uuid(_first(answers, "once"))):
            _drop(work)
            return {}
    return answers


def _keep(work: Work, answers: Answers) -> None:
    for step in STEP_FIELDS:
        drop_draft(work, _step_draft(step))
    save_draft(work, DRAFT, answers)


def _drop(work: Work) -> None:
    for step in STEP_FIELDS:
        drop_draft(work, _step_draft(step))
    drop_draft(work, DRAFT)


def _step_draft(step: int) -> str:
    return f"{DRAFT}:{step}"


def _already(work: Work, once: UUID) -> str:
    """Where to go from a send whose draft is gone: to the report it made, else to the beginning."""
    for one in own_reports(work):
        if one.report.id == once:
            return url_for("report.sent", code=one.report.code)
    return url_for("report.start")


# ---------------------------------------------------------------- the questions


@dataclass(frozen=True)
class _Place:
    """Where the person who reports belongs: their own commune, or (a hospital, the police) the province's to choose from."""

    own: Unit | None
    choices: Sequence[Unit]


def _place(work: Work) -> _Place:
    viewer = the_viewer()
    own = unit(work, viewer.actor.unit_id) if viewer.actor.unit_id else None
    if own is not None and own.kind == UnitKind.COMMUNE:
        return _Place(own, ())
    province = viewer.actor.province_id
    return _Place(None, communes_of(work, province) if province else ())


def _step_page(work: Work, step: int, answers: Answers, faults: Mapping[str, str] | None = None) -> dict[str, Any]:
    place = _place(work)
    shown = dict(answers)
    if step == 3 and int(_first(answers, "reached") or 0) < 3:
        shown.setdefault("where", [OWN_COMMUNE if place.own else ""])
        shown.setdefault("incident_place", [the_viewer().hamlet or ""])
    return {
        "step": step,
        "last": LAST_STEP,
        "shown": shown,
        "faults": {name: law_text(FAULTS[code]) for name, code in (faults or {}).items()},
        "own": place.own.name if place.own else None,
        "choices": [(one.code, one.name) for one in place.choices],
        "kinds": [{"value": value, "title": title, "icon": icon} for value, title, icon in _kind_tiles()],
        "dangers": [{"value": value, "title": title} for value, title in _danger_words().items()],
        "bands": [{"value": value, "title": title} for value, title in _band_words().items()],
        "sexes": [{"value": value, "title": title} for value, title in _sex_words().items()],
        "employers": [{"value": value, "title": title} for value, title in _employer_words().items()],
        "back": url_for("report.check") if _editing() else _back_url(step),
        "action": url_for("report.answer", step=step, sua=1 if _editing() else None),
        "editing": _editing(),
    }


def _step_faults(work: Work, step: int, answers: Answers) -> dict[str, str]:
    """What is wrong with the answers of this step: only danger, what was seen and where have to be answered."""
    report = _read(work, answers)
    wrong = {field: code for field, code in report.faults.items() if field in STEP_FIELDS[step]}
    if step in (1, 2) and STEP_FIELDS[step][0] not in report.values:
        wrong.setdefault(STEP_FIELDS[step][0], "missing")
    if step == LAST_STEP and len(_first(answers, "narrative")) > LONGEST_TEXT:
        wrong["narrative"] = "too-long"
    if step == 3:
        wrong |= _place_faults(work, answers)
    return wrong


def _place_faults(work: Work, answers: Answers) -> dict[str, str]:
    if _place(work).own is not None and _first(answers, "where") not in (OWN_COMMUNE, ELSEWHERE):
        return {"where": "missing"}
    if not _commune_words(work, answers):
        return {"elsewhere": "missing"}
    return {}


def _first_missing(work: Work, answers: Answers) -> int:
    """The first step that still has to be answered or put right, 0 if none has."""
    return next((step for step in STEP_FIELDS if _step_faults(work, step, answers)), 0)


def _commune_words(work: Work, answers: Answers) -> str:
    own = _place(work).own
    if own is not None and _first(answers, "where") == OWN_COMMUNE:
        return own.code
    return _first(answers, "elsewhere") or _first(answers, "commune")


def _read(work: Work, answers: Answers) -> TypedReport:
    """The answers as Mẫu 01. An age band is told in words: a middle written down as the age would be invented."""
    typed = {name: answers[name] for name in FORM_FIELDS if name in answers}
    typed["incident_commune"] = [_commune_words(work, answers)]
    told = [_first(answers, "narrative")]
    band = _first(answers, "age_band")
    if band in _bands_told():
        told.append(_bands_told()[band])
    if house := _first(answers, "whose_house"):
        told.append(f"Ở nhà: {house}")
    typed["narrative"] = ["\n".join(part for part in told if part)]
    return read_typed(work, typed, opened_at=work.now)


def _lines(work: Work, answers: Answers) -> list[dict[str, Any]]:
    """The check page: question, answer in words, the step it can be changed at."""
    place = _place(work)
    here = _first(answers, "where") == OWN_COMMUNE and place.own
    codes = {one.code: one.name for one in place.choices}
    commune = (
        place.own.name if here and place.own else _first(answers, "elsewhere") or codes.get(_first(answers, "commune"))
    )
    kinds = [title for value, title, _icon in _kind_tiles() if value in answers.get("kinds", [])]
    child = [
        _band_words().get(_first(answers, "age_band")),
        _sex_words().get(_first(answers, "child_sex")),
        _first(answers, "child_name"),
        _first(answers, "whose_house"),
    ]
    return [
        _line(1, _("Nguy hiểm ngay lúc này"), [_danger_words().get(_first(answers, "danger_now"))]),
        _line(2, _("Điều đã thấy"), kinds),
        _line(3, _("Ở đâu"), [_first(answers, "incident_place"), commune]),
        _line(4, _("Trẻ"), child),
        _line(5, _("Thêm"), [_first(answers, "narrative")]),
        _line(5, _("Người đó làm ở"), [_employer_words().get(_first(answers, "accused_works_for"))]),
    ]


def _line(step: int, question: str, parts: Sequence[str | None]) -> dict[str, Any]:
    return {"step": step, "question": question, "answer": ", ".join(part for part in parts if part)}


def _after(step: int, answers: Answers) -> str:
    if step == 1 and _first(answers, "danger_now") == "yes":
        return url_for("report.call", sua=1 if _editing() else None)
    return _next_url(step)


def _next_url(step: int) -> str:
    if _editing() or step == LAST_STEP:
        return url_for("report.check")
    return url_for("report.ask", step=step + 1)


def _back_url(step: int) -> str:
    return url_for("report.start") if step == 1 else url_for("report.ask", step=step - 1)


def _editing() -> bool:
    return "sua" in request.args


def _known(step: int) -> None:
    if step not in STEP_FIELDS:
        raise NotFound


def _first(answers: Mapping[str, Sequence[str]], name: str) -> str:
    return next((value.strip() for value in answers.get(name, ())), "")


def _uuid(text: str) -> UUID:
    """Raises NotFound for what no page of ours gave out."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound from error


# ---------------------------------------------------------------- words


def _kind_tiles() -> tuple[tuple[str, str, str], ...]:
    """(kind of the law's list, as a neighbour would say it, icon)."""
    return (
        ("violence", _("Bị đánh"), "hand"),
        ("neglect", _("Bị bỏ đói, bỏ mặc"), "bowl"),
        ("sexual", _("Nghi xâm hại tình dục"), "warning"),
        ("trafficking", _("Bị đưa đi, nghỉ học bất thường"), "bus"),
        ("exploitation", _("Phải làm việc nặng"), "work"),
        ("other", _("Khác, không chắc"), "more"),
    )


def _danger_words() -> dict[str, str]:
    return {"yes": _("Có"), "no": _("Không"), "unknown": _("Không rõ")}


def _band_words() -> dict[str, str]:
    return {"0-5": _("Dưới 6 tuổi"), "6-10": _("6 đến 10 tuổi"), "11-15": _("11 đến 15 tuổi"), "": _("Không rõ tuổi")}


def _bands_told() -> dict[str, str]:
    """As it stands in the record, which is written in Vietnamese whatever language the page was read in."""
    return {"0-5": "Người báo cho biết trẻ khoảng 0 đến 5 tuổi", "6-10": "Người báo cho biết trẻ khoảng 6 đến 10 tuổi",
            "11-15": "Người báo cho biết trẻ khoảng 11 đến 15 tuổi"}  # fmt: skip


def _sex_words() -> dict[str, str]:
    return {"male": _("Con trai"), "female": _("Con gái"), "unknown": _("Không rõ")}


def _employer_words() -> dict[str, str]:
    return {
        "none": _("Không"),
        "commune": _("Có, ở UBND xã"),
        "school": _("Có, ở trường học"),
        "police": _("Có, ở công an xã"),
        "unknown": _("Không rõ"),
    }


def _state_words(work: Work, case: Case) -> str:
    """How far it got, in four words: nothing of what was found."""
    state = state_of(work, case)
    words: str = _("cán bộ đã gặp trẻ")
    if state.final:
        words = _("đã kết thúc")
    elif state.initial:
        words = _("đã nhận")
    elif state.id in ("initial-assessment", "conclusion-review"):
        words = _("đang kiểm tra")
    return words
