"""Whoever lifts the second wall stands here with the reason: the whole sight, one case reached, or the database told by hand.

Row security holds only as far as nobody asks it to look away. `work.whole_sight`, `in_whole_sight` and `work.reach` are the
ways to do so, and a statement that writes the wall's own settings would be a fourth.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "casework"
WAYS = frozenset(("whole_sight", "in_whole_sight", "reach"))
BY_HAND = frozenset(("_see_anew", "_whole", "_reached", "enter", "Sight"))  # of Work and of casework.db
WALL = ("work", "db", "access.rowsecurity")  # the modules that the wall is made of
SETTINGS = ("set_config('app.", "enter_sight(", "set app.whole", "set local app.")

ALLOWED = {
    # The whole sight: for what must know of cases that the actor may not see, and tells them codes at most.
    "cases.exclusions.keep_from": "takes back what the excluded were told; who excludes may be of that very unit",
    "cases.queries.any_case": "an emergency opening decides by itself, exclusions first, and shows nothing before",
    "cases.service._free_code": "whether a random code is taken",
    "cases.service.record_refusal": "seals the reason of a refused move with the case's key; the case may have left their sight",
    "deadlines.calendar._preview": "how many limits an edit of the calendar moves: numbers",
    "deadlines.calendar.behind": "how many clocks wait to be counted anew: a number",
    "deadlines.calendar.catch_up": "counts the clocks of every office anew, and returns how many",
    "intake.queries.own_receipt": "their own report's receipt, also of a case kept from them: that it was received, no more",
    "intake.queries.own_reports": "as own_receipt, for the list",
    "intake.queries.similar_cases": "for the hotline alone: codes of cases a report may repeat; exclusions hold",
    "intake.service.receive_report": "no report is lost to a boundary: it joins the case wherever that is held",
    "intake.service.receive_typed": "whether this form was sent before; another's is not found",
    "oversight.acts.drop_acts_of_leavers": "ends what was to be decided about a closed account, of whatever case; shows none of it",
    "oversight.breakglass.open_in_emergency": "writes the grant that lets them in; the checks came before",
    "oversight.breakglass.tries_left": "counts their own tries, of other provinces' cases as well",
    "oversight.watching.look_over": "tells other people of what was done; who did it reads none of it",
    # The wall's settings by hand.
    "migrate._begin_alone": "row security is forced upon the owner too, and a migration of rows must see them",
    # One case reached: the right to it was found elsewhere.
    "cases.handover._locked": "the offer is this commune's; how often the case was refused is told by offers to others",
    "cases.service.open_case": "the case is being made, and may be another office's from its first moment",
    "cases.service.take_action": "the case was found by a right of theirs, and the move itself may take it out of their sight",
}  # fmt: skip


def lifters(source: str, module: str) -> set[str]:
    """ "module.function" of every place in this source that lifts the wall."""
    finder = _Finder(module)
    finder.visit(ast.parse(source))
    return finder.found


def all_lifters(package: Path = PACKAGE) -> set[str]:
    found: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        if module not in WALL:
            found |= lifters(path.read_text("utf-8"), module)
    return found


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str) -> None:
        self.place = [module]
        self.found: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        # With its decorators: what stands over a function is the function's.
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in WAYS or (node.attr in BY_HAND and ast.unparse(node.value) in ("work", "db")):
            self._note()
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in WAYS:
            self._note()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for one in node.names:
            # Under another name it would not be found where it is used, so it is found where it is renamed.
            renamed = one.asname is not None and one.name in WAYS
            if renamed or (node.module == "casework.db" and one.name in BY_HAND):
                self._note()

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and (
            node.value in WAYS or any(one in " ".join(node.value.lower().split()) for one in SETTINGS)
        ):
            self._note()

    def _note(self) -> None:
        self.found.add(".".join(self.place[:2] if len(self.place) > 1 else [*self.place, "<module>"]))


def test_whoever_lifts_the_second_wall_has_a_reason_here() -> None:
    assert sorted(all_lifters() - set(ALLOWED)) == [], "do without, or name the reason here"


def test_no_reason_stands_here_for_what_lifts_nothing_any_more() -> None:
    assert sorted(set(ALLOWED) - all_lifters()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "def look(work):\n    with work.whole_sight():\n        pass",
        "def look(work):\n    with work.whole_sight(excluding=True):\n        pass",
        "@in_whole_sight\ndef look(work):\n    pass",
        "def look(job):\n    job.reach(case_id)",
        "def look(work):\n    lift = work.whole_sight\n    with lift():\n        pass",
        "def look(work):\n    with getattr(work, 'whole_sight')():\n        pass",
        "def look(work):\n    return in_whole_sight(found)(work)",
        "def look(work):\n    work._whole = (True, False)",
        "def look(work):\n    work.session.execute(text(\"select set_config('app.whole', 'on', true)\"))",
        "def look(work):\n    work.session.execute(text('set local app.whole = on'))",
        "def look(work):\n    from casework.db import enter",
        "def look(work):\n    from casework.work import in_whole_sight as seeing",
    ],
)
def test_a_planted_one_turns_it_red(tmp_path: Path, planted: str) -> None:
    (tmp_path / "pages.py").write_text(f"{planted}\n", "utf-8")
    assert all_lifters(tmp_path) == {"pages.look"}


def test_what_lifts_nothing_is_not_taken_for_it(tmp_path: Path) -> None:
    fine = "def look(work):\n    '''Asks nothing of work.whole_sight.'''\n    return reached(work), work.enter_name, find(work)\n"
    (tmp_path / "pages.py").write_text(fine, "utf-8")
    assert all_lifters(tmp_path) == set()
