"""What the tests of conflict, emergency and second persons begin with: reports, a second supervisor, who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import select

from casework.cases.models import Case
from casework.intake.service import receive_report
from casework.notices.models import Notice
from casework.people.models import SecondFactor, Staff, Unit
from casework.people.rules import Role
from casework.people.service import create_staff, put_on_duty
from casework.work import SYSTEM
from tests.conftest import Town

NAME = "Lò Văn Kín Đáo"


def report(town: Town, by: str = "hotline", **answers: Any) -> Case:
    """A report about the same child; `accused_works_for="commune"` makes a conflict of interest."""
    values: Mapping[str, Any] = {
        "danger_now": "yes",
        "incident_commune": "99001",
        "child_name": NAME,
        "child_age": 9,
        "child_sex": "male",
        "kinds": ["violence"],
        "narrative": "Cháu bị đánh (diễn tập).",
        **answers,
    }
    with town.office.begin(town.act_as(by)) as work:
        return receive_report(work, values, received_at=work.now).case


def second_supervisor(town: Town, username: str = "supervisor-2") -> str:
    """Another supervisor of the province, as the machine's operator opens accounts."""
    with town.office.begin(SYSTEM) as work:
        province = work.session.exec(select(Unit).where(Unit.code == "99")).one()
        staff = create_staff(
            work, username=username, password=town.password, role=Role.SUPERVISOR, unit=province, name="Giám sát 2"
        )
        staff.second_factor = SecondFactor.WAIVED.value
        staff.first_password_at = None
        put_on_duty(work, staff, starts_at=work.now)
    return username


def staff_named(town: Town, username: str) -> Staff:
    with town.office.begin(SYSTEM) as work:
        return work.session.exec(select(Staff).where(Staff.username == username)).one()


def told(town: Town, username: str, text_id: str | None = None) -> list[Notice]:
    """What was told to one person, oldest first."""
    with town.office.begin(SYSTEM) as work:
        query = select(Notice).join(Staff, Staff.id == Notice.staff_id).where(Staff.username == username)  # type: ignore[arg-type]
        found = [one for one in work.session.exec(query) if text_id in (None, one.text_id)]
        return sorted(found, key=lambda one: one.created_at)
