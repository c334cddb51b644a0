"""The engine reads any policy of the form "OR of ANDs of named conditions", and ours does not start unless it is understood."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from casework.access.engine import EVERY, Policy, Rule, Verdict, evaluate
from casework.access.policybook import FILE, policy_book, read_policy
from casework.access.queries import IN_SQL, check_policy
from casework.access.rules import CONDITIONS
from casework.errors import UnsafeStart
from casework.law.loader import load_book
from tests.conftest import Town

POLICIES = int(os.environ.get("CASEWORK_FOREIGN_POLICIES", "200"))
ACTIONS, GROUPS, PURPOSES = ("a1", "a2", "a3"), ("g1", "g2", "g3"), ("p1", "p2")


# ---------------------------------------------------------------- foreign policies

Written = list[dict[str, Any]]  # a policy as somebody else would write it down


def foreign(chance: random.Random) -> tuple[Written, list[str]]:
    """Up to six rules over up to six conditions, empty lists and everything-words among them."""
    names = [f"c{number}" for number in range(chance.randint(1, 6))]

    def some(words: tuple[str, ...]) -> list[str]:
        return [EVERY] if chance.random() < 0.2 else chance.sample(words, chance.randint(0, len(words)))

    def way() -> list[str]:
        return chance.sample(names, chance.randint(0 if chance.random() < 0.1 else 1, min(3, len(names))))

    rules = [
        {
            "id": f"r{number}",
            "actions": some(ACTIONS),
            "groups": some(GROUPS),
            "purposes": some(PURPOSES),
            "when": [way() for _ in range(chance.randint(0, 4))],
        }
        for number in range(chance.randint(0, 6))
    ]
    return rules, names


def independent(written: Written, true: set[str], action: str, group: str | None, purpose: str | None) -> bool:
    """The same question answered by the text of the form alone, with none of the engine's parts."""
    answer = False
    for rule in written:
        speaks = "*" in rule["actions"] or action in rule["actions"]
        if group is not None and "*" not in rule["groups"] and group not in rule["groups"]:
            speaks = False
        if purpose is not None and "*" not in rule["purposes"] and purpose not in rule["purposes"]:
            speaks = False
        ways = [len(set(way) - true) == 0 for way in rule["when"]]
        answer = answer or (speaks and True in ways)
    return answer


def policy_of(written: Written) -> Policy:
    return Policy(
        tuple(
            Rule(
                one["id"],
                frozenset(one["actions"]),
                frozenset(one["groups"]),
                frozenset(one["purposes"]),
                tuple(map(tuple, one["when"])),
            )
            for one in written
        )
    )


def cells(names: list[str]) -> Iterator[tuple[set[str], str, str | None, str | None]]:
    """The whole truth table: every set of true conditions against everything that may be asked."""
    asked = list(product((*ACTIONS, "unheard-of"), (None, *GROUPS, "unheard-of"), (None, *PURPOSES)))
    for truth in product((False, True), repeat=len(names)):
        true = {name for name, holds in zip(names, truth, strict=True) if holds}
        yield from ((true, *one) for one in asked)


Engine = Callable[..., Verdict]


@dataclass
class Compared:
    cells: int = 0
    wrong: int = 0
    allowed: int = 0


def compare(engine: Engine, policies: int) -> Compared:
    chance, found = random.Random(56), Compared()
    for _ in range(policies):
        written, names = foreign(chance)
        policy = policy_of(written)
        for true, action, group, purpose in cells(names):
            answer = engine(policy, true, action, group, purpose).allowed
            found.cells += 1
            found.allowed += answer
            found.wrong += answer != independent(written, true, action, group, purpose)
    return found


def test_foreign_policies_are_read_as_an_independent_interpreter_reads_them_on_every_cell() -> None:
    """CASEWORK_FOREIGN_POLICIES says how many."""
    found = compare(evaluate, POLICIES)
    assert found.wrong == 0
    assert found.cells > POLICIES * 100
    assert 0.1 < found.allowed / found.cells < 0.9  # neither answer wins by itself


def only_the_first_way(policy: Policy, *asked: Any) -> Verdict:
    return evaluate(
        Policy(tuple(Rule(r.id, r.actions, r.groups, r.purposes, r.when[:1]) for r in policy.rules)), *asked
    )


def any_condition_is_enough(policy: Policy, *asked: Any) -> Verdict:
    loose = (Rule(r.id, r.actions, r.groups, r.purposes, tuple((c,) for w in r.when for c in w)) for r in policy.rules)
    return evaluate(Policy(tuple(loose)), *asked)


def groups_are_not_asked(policy: Policy, facts: Any, action: str, group: str | None, purpose: str | None) -> Verdict:
    return evaluate(policy, facts, action, None, purpose)


@pytest.mark.parametrize("defect", [only_the_first_way, any_condition_is_enough, groups_are_not_asked])
def test_a_planted_defect_of_the_engine_is_found(defect: Engine) -> None:
    assert compare(defect, 20).wrong > 0


def test_conditions_are_worked_out_only_when_they_are_asked_for() -> None:
    class Facts:
        asked: list[str] = []  # noqa: RUF012 - one instance, one test

        def __contains__(self, name: object) -> bool:
            self.asked.append(str(name))
            return name == "a"

    policy = policy_of([{"id": "r", "actions": ["x"], "groups": ["*"], "purposes": ["*"], "when": [["a"], ["b"]]}])
    assert evaluate(policy, Facts(), "x").allowed
    assert not evaluate(policy, Facts(), "y").allowed
    assert Facts.asked == ["a"]


# ---------------------------------------------------------------- our own


def own_text() -> str:
    from importlib import resources

    return resources.files("casework.access").joinpath(FILE).read_text("utf-8")


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if words in line)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('["role:worker", "unit:responsible"],', '["role:worker", "unit:nearby"],', "unknown condition 'unit:nearby'"),
        ('["role:worker", "unit:responsible"],', '["role:administrator"],', "unknown condition 'role:administrator'"),
        ('actions = ["read-referral"]', 'actions = ["read-everything"]', "unknown action 'read-everything'"),
        ('groups = ["identity", "medical", "restricted"]', 'groups = ["gossip"]', "unknown group 'gossip'"),
        ('purposes = ["treatment"]', 'purposes = ["curiosity"]', "unknown purpose 'curiosity'"),
        ('id = "unit:residence"', 'id = "unit:nearby"', "the program has no such condition"),
        ('when = [["role:police", "referred:unit"]]', "when = []", "when must be a list of lists"),
        ('when = [["role:police", "referred:unit"]]', "when = [[]]", "when must be a list of lists"),
        ('source = "31.4"', 'sauce = "31.4"', "unknown key 'sauce'"),
    ],
)
def test_a_policy_with_an_unknown_word_is_refused_with_file_and_line(old: str, new: str, word: str) -> None:
    text = own_text().replace(old, new, 1)
    assert text != own_text()
    with pytest.raises(UnsafeStart) as refused:
        read_policy(text, CONDITIONS)
    fault = next(one for one in str(refused.value).split("; ") if word in one)
    name, line, _rest = fault.split(":", 2)
    assert name == FILE
    assert abs(int(line) - line_of(text, new)) <= 1  # the line itself, or the entry's head over it


def test_a_condition_that_the_file_does_not_tell_is_refused() -> None:
    with pytest.raises(UnsafeStart, match="unit:moon: is not told in this file"):
        read_policy(own_text(), [*CONDITIONS, "unit:moon"])


def test_a_policy_cannot_speak_of_exclusions_nor_of_administrators_and_auditors() -> None:
    words = {*policy_book(CONDITIONS).conditions, *CONDITIONS}
    assert not [one for one in words if "exclu" in one or "administrator" in one or "auditor" in one]


def test_the_office_does_not_open_on_a_policy_that_a_list_could_not_follow(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casework.bootstrap import open_office

    check_policy()
    monkeypatch.delitem(IN_SQL, "unit:residence")
    with pytest.raises(UnsafeStart, match="communes-concerned: 'unit:residence'"):
        open_office(town.office.settings, clock=town.clock)


def test_what_the_law_s_data_show_a_body_is_what_the_policy_lets_it_read() -> None:
    rules = {one.id: one for one in policy_book(CONDITIONS).policy.rules}
    for law in load_book():
        for body, audience in law.audiences.items():
            assert rules[f"{body}-referral"].groups - {"restricted"} == set(audience.shows)


def test_every_article_the_policy_names_is_one_of_the_law_s_data() -> None:
    law = load_book().get("nd56-2017")
    told = policy_book(CONDITIONS).told
    named = {article for one in told.values() for article in one.source.split(", ") if article}
    assert named <= set(law.articles)
    assert all(one.source or one.by_product for one in told.values())
