"""One move of the procedure as a form: its choices and defaults, what its answers amount to, what it will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _

from casework.cases.clocks import late_clocks
from casework.cases.handover import decision_late
from casework.cases.models import Case
from casework.cases.queries import activities_of, documents_of
from casework.cases.rules import Facts, paper_warning, passes_the_limit
from casework.cases.service import LATE_REASON, needs_reason, separation_of
from casework.cases.sight import contents_for, facts_for
from casework.clock import local
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import running_of
from casework.law.forms import prefill, reading, to_submitted
from casework.law.model import Action, Field, Form, Law, Option, Text
from casework.law.offers import AUTHOR, Earlier, Prefill
from casework.people.queries import commune_by_code, communes_of, on_duty, signer_of, unit
from casework.people.rules import Role
from casework.referral.service import KINDS, bodies_for
from casework.web import wording
from casework.web.lawform import checked
from casework.work import Work

REFERRALS = {f"refer-{kind}": kind for kind in KINDS}
LATE_FIELD = "late_reason"
# A second order or a further plan sets its own days: those of the last one are no help.
SET_ANEW = ("separation.", "plan.review_date")


def form_for(work: Work, case: Case, form_id: str, kind: str | None = None) -> Form:
    """The form as this case asks it. Of a referral (`kind` police, health, or None for both) the receiving bodies of the
    province are offered, the commune's own first."""
    form = work.law_for(case.edition).forms[form_id]
    if form_id == "activity":
        return _offering_all(form, "activity", _activity_options(work, case))
    if form_id != "referral":
        return form
    own = unit(work, case.responsible_unit_id).code
    bodies = [body for one in ([kind] if kind else KINDS) for body in bodies_for(work, case, one)]
    bodies.sort(key=lambda body: (not body.code.endswith(f"-{own}"), body.code))
    options = tuple(Option(body.code, Text(body.name, body.name)) for body in bodies)
    return _offering_all(form, "to_unit", options)


def _offering_all(form: Form, field_id: str, options: tuple[Option, ...]) -> Form:
    sections = tuple(
        replace(section, fields=tuple(_offering(one, field_id, options) for one in section.fields))
        for section in form.sections
    )
    return replace(form, sections=sections)


def _offering(field: Field, field_id: str, options: tuple[Option, ...]) -> Field:
    return replace(field, kind="choice", options=options) if field.id == field_id else field


def _activity_options(work: Work, case: Case) -> tuple[Option, ...]:
    """The activities of the plan in force, by their keys, as the plan names them."""
    return tuple(
        Option(one.key, Text(str(one.row.get("name") or one.key), str(one.row.get("name") or one.key)))
        for one in activities_of(work, case)
    )


def with_late_reason(work: Work, case: Case, move: Action, form: Form | None) -> Form | None:
    """The form with the question why it comes late, where a limit that the move stops has passed; the question alone for a
    move without a form. Of the plan's activities it depends on the one chosen, so there the move itself asks."""
    late = decision_late(work, case) if move.id == "decide-hand-over" else late_clocks(work, case, move.id)
    return asking_late_reason(work.law_for(case.edition), form, late)


def asking_late_reason(law: Law, form: Form | None, late: Sequence[CaseClock]) -> Form | None:
    if not late:
        return form
    asking = law.forms[LATE_REASON]
    if any(law.deadlines[clock.rule].set_by_row for clock in late):
        asking = replace(
            asking,
            sections=tuple(
                replace(section, fields=tuple(replace(one, required=False) for one in section.fields))
                for section in asking.sections
            ),
        )
    return replace(form, sections=(*form.sections, *asking.sections)) if form else asking


def communes_for(work: Work, case: Case, form: Form) -> list[dict[str, str]]:
    """Communes of the province to choose from without JavaScript; none where the form does not ask."""
    if all(field.kind != "commune" for field in form.fields):
        return []
    return [{"code": one.code, "title": one.name} for one in communes_of(work, case.province_id)]


def facts_to_offer(facts: Facts) -> dict[str, Mapping[str, Any]]:
    return {datum: entry for datum, entry in facts.items() if not datum.startswith(SET_ANEW)}


def known(work: Work, case: Case, form: Form) -> dict[str, Prefill]:
    """What the case already says to the questions of this form: its facts, and what its documents propose."""
    return prefill(form, facts_to_offer(facts_for(work, case)), _earlier(work, case, form))


def _earlier(work: Work, case: Case, form: Form) -> list[Earlier]:
    """The documents this form takes proposals from; an author's name is opened only where it is asked."""
    offers = [offer for one in form.fields for offer in one.offers if offer.form]
    wanted = {offer.form for offer in offers}
    named = {offer.form for offer in offers if offer.answer == AUTHOR}
    found = []
    for document in documents_of(work, case.id) if wanted else ():
        if document.form not in wanted:
            continue
        author = document.author_id if document.form in named else None
        found.append(
            Earlier(
                form=work.law_for(document.edition).forms[document.form],
                at=document.at.isoformat(),
                values=contents_for(work, case, [document])[0],
                author=signer_of(work, author).name if author else "",
            )
        )
    return found


def defaults(work: Work, case: Case, form: Form) -> dict[str, Any]:
    """What the questions start with where the case says nothing: the words of the form's data, or who and when."""
    found = {one.id: _default(work, case, one.default) for one in form.fields if one.default is not None}
    return {field: value for field, value in found.items() if value}


def _default(work: Work, case: Case, default: str | tuple[str, ...]) -> Any:
    here = local(work.now)
    match default:
        case tuple():
            return list(default)
        case "@me":
            return signer_of(work, work.actor.id).name if work.actor.id else None
        case "@office":
            name = unit(work, case.responsible_unit_id).name
            return f"Ủy ban nhân dân {name[:1].lower()}{name[1:]}"  # it goes onto a paper, which is Vietnamese
        case "@chair":
            deciding = on_duty(work, case.responsible_unit_id, Role.CHAIR, work.now)
            return signer_of(work, deciding[0].id).name if deciding else None
        case "@today":
            return here.date().isoformat()
        case "@now":
            return here.isoformat(timespec="minutes")
    return default


@dataclass(frozen=True)
class Answered:
    """What was typed, completed, with the values that fit and the faults of the rest (name → fault code)."""

    typed: Mapping[str, Sequence[str]]
    values: Mapping[str, Any]
    faults: Mapping[str, str]


def answered(work: Work, case: Case, form: Form, typed: Mapping[str, Sequence[str]]) -> Answered:
    """Reads a form and says at once what its move would refuse, so that nobody meets a refusal two pages later."""
    typed = _with_whole_term(form, typed, work.now) if form.id == "07" else typed
    filled = checked(form, typed, work.now)
    faults = dict(filled.faults)
    if needs_reason(work, case, form, filled.values) and not filled.values.get("reason"):
        faults.setdefault("reason", "missing")
    if form.id == "hand-over" and not faults:
        faults.update(_other_commune_faults(work, case, filled.values))
    if form.id == "07" and not faults:
        faults.update(_term_faults(filled.values, local(work.now).date()))
    if form.id == "route" and not faults:
        commune = commune_by_code(work, str(filled.values["incident_commune"]))
        if commune is None or commune.province_id != case.province_id:
            faults["incident_commune"] = "not-a-commune"
    return Answered(typed, filled.values, faults)


def _other_commune_faults(work: Work, case: Case, values: Mapping[str, Any]) -> dict[str, str]:
    """A case is handed over inside its province, and not to whom it is with already."""
    commune = commune_by_code(work, str(values["to_commune"]))
    fits = commune is not None and commune.province_id == case.province_id and commune.id != case.responsible_unit_id
    return {} if fits else {"to_commune": "not-a-commune"}


def _with_whole_term(form: Form, typed: Mapping[str, Sequence[str]], now: datetime) -> Mapping[str, Sequence[str]]:
    """Of first day, days and last day any two give the third. The first day is not counted (Civil Code 147)."""
    values = checked(form, typed, now).values
    start, days, until = values.get("separation_from"), values.get("days"), values.get("until")
    if not start:
        return typed
    first = date.fromisoformat(start)
    if days and not until and not _touched(typed, "until"):
        return {**typed, **to_submitted(form, {"until": (first + timedelta(days=int(days))).isoformat()})}
    if until and not days and not _touched(typed, "days"):
        return {**typed, **to_submitted(form, {"days": (date.fromisoformat(until) - first).days})}
    return typed


def _touched(typed: Mapping[str, Sequence[str]], name: str) -> bool:
    return any(
        text.strip() for key, texts in typed.items() if key == name or key.startswith(f"{name}-") for text in texts
    )


def _term_faults(values: Mapping[str, Any], today: date) -> dict[str, str]:
    """The same conditions as the guard of the move, said of the box that has to change."""
    start = date.fromisoformat(values["separation_from"])
    if abs((today - start).days) > 1:
        return {"separation_from": "out-of-range"}
    if (date.fromisoformat(values["until"]) - start).days != int(values["days"]):
        return {"until": "out-of-range"}
    return {}


# ---------------------------------------------------------------- before it is done


def reading_of(form: Form, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The two tables of a risk form counted, what the form's own rule says, and why a person should look twice."""
    found = reading(form, values)
    if found is None:
        return None
    literal = None
    if found.literal is not None:
        literal = next(one for one in form.field("conclusion").options if one.id == found.literal)
    flags = {
        "high-harm": _("Có chỉ báo tổn hại ở mức Cao."),
        "tie": _("Số chỉ báo Cao của hai bảng bằng nhau: theo câu chữ của biểu mẫu là nguy cơ thấp, cần xem kỹ."),
        "no-high-but-weak-ability": _(
            "Không có chỉ báo tổn hại mức Cao nhưng trẻ khó tự bảo vệ: theo câu chữ của biểu mẫu là nguy cơ thấp, cần xem kỹ."
        ),
    }
    return {
        "rows": [
            {
                "title": _("Mức độ tổn hại"),
                "counts": (found.harm.cao, found.harm.trung_binh, found.harm.thap),
            },
            {
                "title": _("Khả năng tự bảo vệ, phục hồi"),
                "counts": (found.ability.cao, found.ability.trung_binh, found.ability.thap),
            },
        ],
        "literal": wording.law_text(literal.text) if literal else None,
        "flags": [flags[flag] for flag in found.flags],
    }


def lower_words(work: Work, case: Case, action: Action, form: Form, values: Mapping[str, Any]) -> str | None:
    """What follows where a person concludes less than what is written down."""
    if not needs_reason(work, case, form, values):
        return None
    if action.outcomes.get("second-person"):
        return _("Kết luận thấp hơn mức đã ghi nhận: người thứ hai (Chủ tịch UBND xã) sẽ xem lại trước khi đi tiếp.")
    return _("Kết luận thấp hơn mức đã ghi nhận: lý do đã ghi được lưu trong hồ sơ.")


def confirm_words(work: Work, case: Case, action: Action, values: Mapping[str, Any]) -> str | None:
    """What a serious act does, said before it is done; None for the others."""
    if not action.confirm:
        return None
    if action.id == "order-separation":
        return _(
            "Trẻ được tạm thời cách ly khỏi cha, mẹ, người chăm sóc đến hết ngày %(day)s. Thời hạn bắt đầu chạy ngay.",
            day=wording.day_text(date.fromisoformat(values["until"])),
        )
    if action.id == "extend-separation":
        return _extension_words(work, case, date.fromisoformat(values["until"]))
    words = {
        "cancel-separation": _("Trẻ được giao lại cho người ghi trong quyết định. Thời hạn cách ly dừng lại."),
        "confirm-conclusion": _(
            "Kết luận của người thứ hai thay cho kết luận của Mẫu 02 và quyết định bước tiếp theo."
        ),
        "court-request": _("Đề nghị được lập để ký và gửi Tòa án. Thời hạn cách ly không thay đổi."),
        "confirm-specific": _("Kết luận của người thứ hai thay cho kết luận của Mẫu 03 và quyết định mức nguy cơ."),
        "confirm-parents": _("Kết luận của người thứ hai thay cho kết luận của Mẫu 03 làm lại."),
        "confirm-review": _("Kết luận của người thứ hai thay cho kết luận của Mẫu 06."),
        "decide-hand-over": _(
            "Xã được chỉ định chịu trách nhiệm ngay, không cần nhận; các hạn chạy tiếp như đang chạy."
        ),
        "approve-plan": _("Kế hoạch có hiệu lực và bắt đầu được thực hiện; ngày rà soát bắt đầu được tính."),
        "end-case": _("Ca được kết thúc. Không còn hạn nào chạy; muốn làm tiếp phải mở lại ca có lý do."),
        "end-observation": _("Việc theo dõi và ca được kết thúc. Muốn làm tiếp phải mở lại ca có lý do."),
    }
    return words.get(action.id, wording.law_text(action.done))


def _extension_words(work: Work, case: Case, last: date) -> str:
    clock = next((one for one in running_of(work, [case.id]).get(case.id, []) if one.rule == "separation"), None)
    separation = separation_of(work, case, clock)
    words = _("Trẻ tiếp tục được cách ly đến hết ngày %(day)s.", day=wording.day_text(last))
    if separation is not None and passes_the_limit(separation, last):
        return (
            words
            + " "
            + _(
                "Tổng thời hạn vượt quá %(days)s ngày (Điều 32 khoản 3): chỉ được khi cơ quan có thẩm quyền yêu cầu bằng văn bản"
                " đã ghi. Hãy đối chiếu văn bản đó trước khi ký.",
                days=separation.most_days,
            )
        )
    return words


def parent_warning(law: Law, form: Form, facts: Facts) -> str | None:
    """Before a paper goes to a family in which the harm is said to come from: 28.5 sends it, 27.1h excepts them."""
    relation = paper_warning(law, form.id, facts)
    if relation is None:
        return None
    return _(
        "Người bị cho là gây tổn hại: %(who)s. Giấy này theo Điều 28 khoản 5 được gửi cho cha, mẹ, người chăm sóc, trong"
        " khi Điều 27 khoản 1 điểm h trừ người gây tổn hại cho trẻ. Hãy quyết định ai được nhận bản nào; không ghi nơi trẻ"
        " đang ở.",
        who=wording.list_word(law, "harmer_relations", relation),
    )
