"""A case of the invented province, walked by its own people through the room's use cases, a minute a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from sqlmodel import select

from casework.cases.models import Case
from casework.cases.queries import latest_content
from casework.cases.service import Taken, take_action
from casework.clock import local
from casework.deadlines.models import CaseClock
from casework.deadlines.queries import clocks_of, running_of
from casework.intake.service import receive_report
from casework.work import SYSTEM, Actor, Work
from tests.conftest import Town

Values = dict[str, Any]

CALM = {"harm_1_1": "thap", "harm_1_2": "thap", "ability_2_1": "cao", "ability_2_2": "cao"}
GRAVE = {"harm_1_1": "cao", "harm_1_2": "cao", "ability_2_1": "thap", "ability_2_2": "thap"}
NARRATIVE = "Nghe tiếng trẻ khóc nhiều đêm (diễn tập)."


def report(**more: Any) -> Values:
    """Mẫu 01, answered sparsely: who harms is not known unless it is said."""
    return {"incident_commune": "99001", "danger_now": "yes", "narrative": NARRATIVE, **more}


def initial(conclusion: str, levels: Mapping[str, str] = CALM, **more: Any) -> Values:
    return {"assessed_at": "2026-11-23", **levels, "conclusion": conclusion, **more}


def specific(conclusion: str, harm: str = "cao", ability: str = "thap", **more: Any) -> Values:
    """Mẫu 03 with every harm at one level and every ability at one level."""
    levels = {f"harm_1_{n}": harm for n in range(1, 6)} | {f"ability_2_{n}": ability for n in range(1, 6)}
    return {"assessed_at": "2026-11-23", "purpose": "plan", **levels, "conclusion": conclusion, **more}


SAFE_AGAIN = specific("low", harm="thap", ability="cao")


def review(conclusion: str, harm: str = "thap", ability: str = "cao", **more: Any) -> Values:
    levels = {f"harm_1_{n}": harm for n in range(1, 4)} | {f"ability_2_{n}": ability for n in range(1, 4)}
    return {"assessed_at": "2026-11-23", **levels, "conclusion": conclusion, **more}


ACTIVITY = {
    "name": "Tư vấn tâm lý",
    "officer": "Cán bộ (diễn tập)",
    "coordinator": "Trạm y tế (diễn tập)",
    "from": "2026-12-01",
    "to": "2026-12-31",
    "cost": 300000,
    "outcome": "Trẻ ngủ được (diễn tập)",
}
PLAN = {"goals": ["recovery"], "activities": [ACTIVITY], "review_date": "2027-01-15"}
LATE = "Đường bị sạt lở (diễn tập)."
MINUTES = {"held_at": "2026-11-24T08:00:00+07:00", "parents_invited": "yes", "needs": "Chỗ ở an toàn."}
WHY = {"reason": "Có tình tiết mới (diễn tập)."}

# The straight way: who does what in the state before, with which answers.
COURSE: tuple[tuple[str, str, str, Values], ...] = (
    ("received", "worker", "accept", {}),
    ("initial-assessment", "worker", "submit-initial-assessment", initial("emergency", GRAVE)),
    ("emergency", "chair", "decide-measures", {}),
    ("specific-assessment", "worker", "submit-specific-assessment", specific("high")),
    ("needs-meeting", "worker", "record-meeting", MINUTES),
    ("planning", "worker", "submit-plan", PLAN),
    ("plan-submitted", "chair", "approve-plan", {}),
    ("carrying-out", "worker", "submit-review", review("stable")),
    ("reviewed", "chair", "decide-monitoring", {}),
    ("monitoring", "chair", "end-case", {"outcome": "stable"}),
)


@dataclass
class Walk:
    """One case and the people around it. `do` makes a move as an account of the province and lets a minute pass."""

    town: Town
    code: str = ""
    _actors: dict[str, Actor] = field(default_factory=dict)

    def actor(self, username: str) -> Actor:
        if username not in self._actors:
            self._actors[username] = self.town.act_as(username)
        return self._actors[username]

    def open(self, **answers: Any) -> Walk:
        """A new report, heard now, as a case of its own (a name would join it to another child's)."""
        with self.town.office.begin(self.actor("hotline")) as work:
            self.code = receive_report(work, report(**answers), received_at=work.now).case.code
        self.pass_time(minutes=1)
        return self

    def do(self, username: str, action: str, values: Values | None = None, **more: Any) -> Taken:
        """Makes a move; a late one says why, as its page would ask (`late_reason=None` to leave it out)."""
        with self.town.office.begin(self.actor(username)) as work:
            case = self.found(work)
            taken = take_action(work, case, action, values, **{"late_reason": LATE, **more})
        self.pass_time(minutes=1)
        return taken

    def found(self, work: Work) -> Case:
        """Whoever acts: that they are refused is to be told by the move, not by a case they cannot see."""
        with work.whole_sight():
            return work.session.exec(select(Case).where(Case.code == self.code)).one()

    def join(self, **answers: Any) -> None:
        """A further report about this child."""
        with self.town.office.begin(self.actor("hotline")) as work:
            case = self.found(work)
            receive_report(work, report(**answers), received_at=work.now, into=case)
        self.pass_time(minutes=1)

    def to(self, state: str) -> Walk:
        """On along the course, from where the case stands, until it stands in `state`."""
        stops = [stop for stop, _, _, _ in COURSE]
        while (here := self.case().state) != state:
            _, who, action, values = COURSE[stops.index(here)]
            if action == "end-case":
                self.town.clock.at = self.running()["monitoring"].due_at
            self.do(who, action, values)
        return self

    def pass_time(self, **delta: float) -> None:
        self.town.clock.advance(**delta)

    def case(self) -> Case:
        with self.town.office.begin(SYSTEM) as work:
            return work.session.exec(select(Case).where(Case.code == self.code)).one()

    def content(self, form: str) -> Mapping[str, Any]:
        with self.town.office.begin(SYSTEM) as work:
            return latest_content(work, self.case().id, form)

    def running(self) -> dict[str, CaseClock]:
        """Running clocks by rule; of a rule that runs twice (two referrals) the later due."""
        with self.town.office.begin(SYSTEM) as work:
            return {clock.rule: clock for clock in running_of(work, [self.case().id]).get(self.case().id, [])}

    def clocks(self, rule: str) -> list[CaseClock]:
        """Every cycle of a rule, first to last."""
        with self.town.office.begin(SYSTEM) as work:
            found = [clock for clock in clocks_of(work, self.case().id) if clock.rule == rule]
        return sorted(found, key=lambda clock: clock.cycle)

    def separation(self, days: int = 15, **more: Any) -> Values:
        """Mẫu 07 from today on."""
        today = local(self.town.clock.now()).date()
        return {
            "trigger": "grave-harm",
            "child_name": "Vừ Mí Thử",
            "from_whom": "Người chăm sóc (diễn tập)",
            "separation_from": today.isoformat(),
            "days": days,
            "until": (today + timedelta(days=days)).isoformat(),
            "receiver": "Cơ sở tiếp nhận (diễn tập)",
            **more,
        }


def rows(town: Town) -> dict[str, list[str]]:
    """Every row of every table as text, so that two moments can be compared."""
    with psycopg.connect(town.database.owner_url) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        return {
            str(name): sorted(str(row[0]) for row in connection.execute(f'select t::text from "{name}" t'.encode()))
            for (name,) in names
        }
