"""Answers for any form of the law: what a careful official would write, and what nobody can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from casework.law.forms import to_submitted
from casework.law.model import Field, Form

DAY, MOMENT = "2026-11-22", "2026-11-22T21:30:00+07:00"
TOLD = (
    "Trẻ được người thân đưa đến trạm y tế xã lúc 21 giờ 30; trên tay trái có vết bầm, đã được sơ cứu và theo dõi."
    " Trẻ nói còn sợ khi ở nhà một mình (diễn tập)."
)
SIMPLE: dict[str, Any] = {
    "text": "Trạm y tế xã Nà Lũng (diễn tập)",
    "longtext": f"{TOLD}\n{TOLD}",
    "name": "Vừ Mí Thử",
    "phone": "+84912345678",
    "age": 9,
    "date": DAY,
    "datetime": MOMENT,
    "yes_no": True,
    "commune": "99001",
}
ROWS = 3


def filled(form: Form) -> dict[str, list[str]]:
    """What the boxes of the whole form hold when every question is answered, those behind a condition too."""
    return to_submitted(form, {one.id: _value(one) for one in form.fields})


def unreadable(form: Form) -> dict[str, list[str]]:
    """A fault at every question that can have one: choices that are none, days that are none, names too long."""
    boxes: dict[str, list[str]] = {}
    for one in form.fields:
        boxes.update(_wrong(one, one.id))
    return boxes


def _value(one: Field) -> Any:
    if one.kind == "rows":
        return [{column.id: _value(column) for column in one.columns}] * ROWS
    if one.kind == "choices":
        return [option.id for option in one.options[:2]]
    if one.options:
        return one.options[0].id
    if one.kind == "number":
        return one.minimum or 12
    return SIMPLE[one.kind]


def _wrong(one: Field, name: str) -> Iterator[tuple[str, list[str]]]:
    if one.kind == "rows":
        for column in one.columns:
            yield from _wrong(column, f"{name}-0-{column.id}")
    elif one.kind in ("date", "datetime"):
        yield f"{name}-day", ["31"]
        yield f"{name}-month", ["2"]
        yield f"{name}-year", ["2026"]
    elif one.kind in ("text", "longtext", "name"):
        yield name, ["" if one.required or one.max_length > 1000 else "<b>dài</b> " * (one.max_length // 8)]
    else:
        yield name, ["không đọc được"]
