"""Every edition of the law the program holds. A case keeps the edition it was opened under until it is moved on purpose.

A key names an edition and, after a plus sign, the province's tighter limits laid over it: "nd56-2017", "nd56-2017+99".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from casework.errors import LawFault
from casework.law.model import Law, State


class LawBook:
    """The editions by key. Raises LawFault without any."""

    def __init__(self, laws: Iterable[Law]) -> None:
        self._laws = {law.key: law for law in laws}
        if not self._laws:
            raise LawFault(["no edition of the law was given"])

    def __iter__(self) -> Iterator[Law]:
        return iter(self._laws.values())

    def get(self, key: str) -> Law:
        """The edition a case was opened under. Raises KeyError for a key no data file stands behind."""
        return self._laws[key]

    def in_force(self, day: date) -> Law:
        """The national edition in force on `day` (Vietnam's calendar); before the first, the first."""
        national = sorted(
            (law for law in self._laws.values() if law.overlay is None), key=lambda law: law.edition.in_force
        )
        started = [law for law in national if law.edition.in_force <= day]
        return started[-1] if started else national[0]

    def states_where(self, wanted: Callable[[State], bool]) -> list[str]:
        """Ids of the states that any edition has and `wanted` says yes to: a list of cases holds several editions."""
        return sorted({state.id for law in self for state in law.states.values() if wanted(state)})

    def for_province(self, day: date, province_code: str) -> Law:
        """What a new case of this province is opened under: the edition in force with the province's limits, if any."""
        national = self.in_force(day)
        local = [
            (law.overlay.in_force, law)
            for law in self._laws.values()
            if law.overlay is not None
            and (law.edition.id, law.overlay.province) == (national.edition.id, province_code)
            and law.overlay.in_force <= day <= (law.overlay.until or day)
        ]
        return max(local, key=lambda one: one[0])[1] if local else national
