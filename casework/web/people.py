"""The people of a case from its facts: names and addresses covered until somebody asks to see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _

from casework.cases.rules import Facts, age_at, fact, initials
from casework.clock import local
from casework.law.model import Law
from casework.web import wording
from casework.web.story import form_name


def people(law: Law, facts: Facts, order: Mapping[str, Any], today: date, *, shown: bool) -> list[dict[str, Any]]:
    """Cards of the child, those around it and the one said to do harm. `order` is the content of the last Mẫu 07."""
    cards = [
        _card(_("Trẻ"), _child(law, facts, today, shown)),
        _card(_("Cha"), [_name(law, facts, "father.name", shown)]),
        _card(_("Mẹ"), [_name(law, facts, "mother.name", shown)]),
        _card(
            _("Người chăm sóc hiện nay"),
            [_name(law, facts, "carer.name", shown), _secret(law, facts, "carer.address", _("Nơi ở"), shown)],
        ),
        _card(_("Người bị cho là gây tổn hại"), _harmer(law, facts), alarming=True),
        _card(_("Người tiếp nhận trẻ khi cách ly (Mẫu 07)"), _receiver(order, shown)),
    ]
    return [card for card in cards if card["lines"]]


def _card(title: str, lines: list[dict[str, Any] | None], *, alarming: bool = False) -> dict[str, Any]:
    return {"title": title, "lines": [line for line in lines if line], "alarming": alarming}


def _child(law: Law, facts: Facts, today: date, shown: bool) -> list[dict[str, Any] | None]:
    age = age_at(facts, today)
    born = fact(facts, "child.birth_date")
    sex = {"male": _("nam"), "female": _("nữ")}.get(fact(facts, "child.sex") or "")
    return [
        _name(law, facts, "child.name", shown),
        _line(law, facts, "child.age", _("Tuổi"), _("%(age)d tuổi", age=age)) if age is not None else None,
        _secret(law, facts, "child.birth_date", _("Ngày sinh"), shown, wording.day_text(date.fromisoformat(born)))
        if born
        else None,
        _line(law, facts, "child.sex", _("Giới tính"), sex) if sex else None,
        _line(law, facts, "child.hamlet", _("Nơi xảy ra vụ việc"), fact(facts, "child.hamlet")),
        _secret(law, facts, "child.address", _("Nơi ở"), shown),
        _secret(law, facts, "child.whereabouts", _("Hiện đang ở"), shown),
    ]


def _harmer(law: Law, facts: Facts) -> list[dict[str, Any] | None]:
    relation = wording.list_word(law, "harmer_relations", fact(facts, "harmer.relation"))
    together = {True: _("có"), False: _("không")}.get(fact(facts, "harmer.lives_with_child"))
    return [
        _line(law, facts, "harmer.relation", _("Là ai đối với trẻ"), relation),
        _line(law, facts, "harmer.lives_with_child", _("Ở cùng nhà với trẻ"), together),
    ]


def _receiver(order: Mapping[str, Any], shown: bool) -> list[dict[str, Any] | None]:
    name, address = order.get("receiver"), order.get("receiver_address")
    return [
        {"label": _("Họ và tên"), "value": name if shown else initials(name), "source": "", "hidden": not shown}
        if name
        else None,
        {"label": _("Địa chỉ"), "value": address if shown else "", "source": "", "hidden": not shown}
        if address
        else None,
    ]


def _name(law: Law, facts: Facts, datum: str, shown: bool) -> dict[str, Any] | None:
    name = fact(facts, datum)
    if not name:
        return None
    return {**_entry(law, facts, datum, _("Họ và tên"), name if shown else initials(name)), "hidden": not shown}


def _secret(
    law: Law, facts: Facts, datum: str, label: str, shown: bool, words: str | None = None
) -> dict[str, Any] | None:
    value = words or fact(facts, datum)
    if not value:
        return None
    return {**_entry(law, facts, datum, label, value if shown else ""), "hidden": not shown}


def _line(law: Law, facts: Facts, datum: str, label: str, words: str | None) -> dict[str, Any] | None:
    return _entry(law, facts, datum, label, words) if words else None


def _entry(law: Law, facts: Facts, datum: str, label: str, words: str) -> dict[str, Any]:
    """A line with the form and the day it comes from."""
    entry = facts.get(datum)
    source = f"{form_name(law, entry['form'])}, {_day(entry['at'])}" if entry else ""
    return {"label": label, "value": words, "source": source, "hidden": False}


def _day(at: str) -> str:
    return local(datetime.fromisoformat(at)).strftime("%d/%m")
