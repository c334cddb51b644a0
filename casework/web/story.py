"""The child's story in three to six lines, told anew at every look from the facts and the papers: nobody writes it twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from casework.cases.models import Case, Document
from casework.cases.rules import Facts, fact
from casework.cases.sight import contents_for
from casework.clock import local
from casework.law.model import Law
from casework.web import wording
from casework.work import Work

NARRATIVE_LENGTH = 320  # characters of the account; the whole of it is in Mẫu 01
CONDITION_LENGTH = 160
ASSESSMENTS = ("02", "03", "06")
PLAN, APPROVAL, MEASURES, VISIT = "04", "05", "measures", "progress"
TOLD = (*ASSESSMENTS, PLAN, APPROVAL, MEASURES, VISIT)


@dataclass(frozen=True)
class Paper:
    """A document with what it says."""

    document: Document
    content: Mapping[str, Any]


def latest_papers(work: Work, case: Case, documents: Sequence[Document]) -> dict[str, Paper]:
    """The newest paper of each form the story draws on, opened with one look-up of the key. `documents` oldest first."""
    latest = {one.form: one for one in documents if one.form in TOLD}
    opened = contents_for(work, case, list(latest.values()))
    return {form: Paper(one, said) for (form, one), said in zip(latest.items(), opened, strict=True)}


def story(law: Law, case: Case, facts: Facts, papers: Mapping[str, Paper]) -> list[str]:
    """What happened, by whom, where the child is, what was concluded, what is being done, who saw the child last."""
    lines = (
        _told(case, facts),
        _harm(law, facts),
        _whereabouts(facts, papers),
        _concluded(law, facts, papers),
        _planned(facts, papers),
        _visited(law, papers),
    )
    return [line for line in lines if line]


def updated_at(facts: Facts, documents: Sequence[Document]) -> datetime | None:
    """When anything the story is made of last changed (UTC)."""
    moments = [datetime.fromisoformat(entry["at"]) for entry in facts.values()]
    return max([*moments, *(one.at for one in documents if one.form in TOLD)], default=None)


def shortened(text: Any, length: int) -> str:
    """`text` cut at a word, with a sign that there is more."""
    text = " ".join(str(text or "").split())
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"


def _told(case: Case, facts: Facts) -> str:
    when = wording.short_moment(case.received_at)
    narrative = shortened(fact(facts, "narrative"), NARRATIVE_LENGTH)
    if not narrative:
        return _("Nhận tin %(when)s; chưa có lời kể.", when=when)
    return _("Nhận tin %(when)s: %(text)s", when=when, text=_ended(narrative))


def _harm(law: Law, facts: Facts) -> str:
    kinds = [wording.list_word(law, "kinds", kind) for kind in fact(facts, "kinds") or []]
    parts = [_("Hình thức: %(kinds)s.", kinds=", ".join(kinds).lower())] if kinds else []
    if relation := wording.list_word(law, "harmer_relations", fact(facts, "harmer.relation")):
        together = fact(facts, "harmer.lives_with_child")
        tail = {True: _(", sống cùng em"), False: _(", không sống cùng em")}.get(together, "")
        parts.append(_("Người bị cho là gây tổn hại: %(who)s%(tail)s.", who=relation.lower(), tail=tail))
    return " ".join(parts)


def _whereabouts(facts: Facts, papers: Mapping[str, Paper]) -> str:
    measures = papers.get(MEASURES)
    safe = measures.content.get("safe_place") if measures else None
    # The later of the two answers: a visit may find the child elsewhere than the measures put it.
    told = facts.get("child.whereabouts")
    if safe and measures and (told is None or datetime.fromisoformat(told["at"]) <= measures.document.at):
        where = _("Em đang ở nơi an toàn: %(where)s.", where=str(safe).rstrip("."))
    elif told:
        where = _("Em đang ở: %(where)s.", where=str(told["value"]).rstrip("."))
    else:
        where = ""
    condition = shortened(fact(facts, "child.condition"), CONDITION_LENGTH)
    return " ".join(part for part in (where, _ended(condition)) if part)


def _concluded(law: Law, facts: Facts, papers: Mapping[str, Paper]) -> str:
    found = max((papers[form] for form in ASSESSMENTS if form in papers), key=lambda one: one.document.at, default=None)
    if found is None:
        return {
            "yes": _("Lúc báo tin: đang gặp nguy hiểm. Chưa đánh giá."),
            "no": _("Lúc báo tin: không nguy hiểm ngay. Chưa đánh giá."),
        }.get(fact(facts, "danger_now") or "", _("Lúc báo tin: chưa rõ có nguy hiểm ngay không. Chưa đánh giá."))
    form = law.forms[found.document.form]
    chosen = found.content.get("conclusion")
    options = {option.id: option.text for option in form.field("conclusion").options}
    return _(
        "%(form)s, %(when)s: %(conclusion)s.",
        form=form_name(law, form.id),
        when=wording.short_moment(found.document.at),
        conclusion=_lower_first(wording.law_text(options.get(str(chosen))) or _("chưa kết luận")).rstrip("."),
    )


def _planned(facts: Facts, papers: Mapping[str, Paper]) -> str:
    plan, approval = papers.get(PLAN), papers.get(APPROVAL)
    if plan is None:
        return ""
    count = len(plan.content.get("activities") or [])
    approved = approval is not None and approval.document.at >= plan.document.at
    state = (
        _("đã duyệt %(when)s", when=wording.short_moment(approval.document.at))
        if approved and approval
        else _("trình %(when)s, chưa duyệt", when=wording.short_moment(plan.document.at))
    )
    words = ngettext("Kế hoạch %(num)d hoạt động", "Kế hoạch %(num)d hoạt động", count)
    review = fact(facts, "plan.review_date")
    tail = _("; rà soát %(day)s", day=wording.day_text(date.fromisoformat(review))) if review else ""
    return f"{words}, {state}{tail}."


def _visited(law: Law, papers: Mapping[str, Paper]) -> str:
    visit = papers.get(VISIT)
    if visit is None:
        return ""
    when = _moment_of(visit.content.get("happened_at")) or visit.document.at
    safe = {
        "yes": _("em an toàn"),
        "no": _("em chưa an toàn"),
    }.get(str(visit.content.get("child_safe")), _("chưa rõ em có an toàn không"))
    ahead = _moment_of(visit.content.get("next_at"))
    tail = _(" Hẹn tiếp %(when)s.", when=wording.short_moment(ahead)) if ahead else ""
    return _("Gặp gần nhất %(when)s: %(safe)s.", when=wording.short_moment(when), safe=safe) + tail


def form_name(law: Law, form_id: str) -> str:
    """`Mẫu 02`, or the title of a form without a number."""
    form = law.forms.get(form_id)
    if form is None:
        return form_id
    return (wording.form_number(form) or wording.law_text(form.title)).replace("Mẫu số", "Mẫu")


def _moment_of(value: Any) -> datetime | None:
    return local(datetime.fromisoformat(value)) if value else None


def _ended(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text}."


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
