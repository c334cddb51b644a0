"""A policy of rules and how it is read: pure, and without a word about this office.

A rule allows some actions, on some groups of what is asked for, for some purposes, when one of its lists of named
conditions holds whole (OR of ANDs). What no rule allows is denied. A policy cannot deny: whatever must beat every rule is
decided before it is asked.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field

EVERY = "*"  # of actions, groups or purposes: whatever is asked


@dataclass(frozen=True)
class Rule:
    """`when` is an OR of ANDs of conditions' names; an empty AND always holds, an empty OR never does.

    `refused` says, condition by condition, what a refusal by this rule is called where the condition's own word would
    mislead.
    """

    id: str
    actions: frozenset[str]
    groups: frozenset[str]
    purposes: frozenset[str]
    when: tuple[tuple[str, ...], ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, action: str, group: str | None, purpose: str | None) -> bool:
        """Whether the rule speaks of this at all. `group` None asks for the thing itself, `purpose` None names none."""
        return (
            _names(self.actions, action)
            and (group is None or _names(self.groups, group))
            and (purpose is None or _names(self.purposes, purpose))
        )


@dataclass(frozen=True)
class Policy:
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Verdict:
    """`rule` is the one that allows. Denied: `missed` is the condition that the nearest rule failed on, if any came near."""

    allowed: bool
    rule: Rule | None = None
    missed: str | None = None


def evaluate(
    policy: Policy, facts: Container[str], action: str, group: str | None = None, purpose: str | None = None
) -> Verdict:
    """Whether a rule of the policy allows `action`, where `facts` holds the names of the conditions that are true.

    Rules and conditions are asked in their order; `facts` may work a condition out when it is asked for.
    """
    nearest: tuple[tuple[int, int], Rule, str] | None = None
    for rule in policy.rules:
        if not rule.concerns(action, group, purpose):
            continue
        for conditions in rule.when:
            missing = [one for one in conditions if one not in facts]
            if not missing:
                return Verdict(True, rule)
            # Fewest conditions failed, and of those the way that was gone furthest: the word that tells most.
            distance = (len(missing), -conditions.index(missing[0]))
            if nearest is None or distance < nearest[0]:
                nearest = (distance, rule, missing[0])
    return Verdict(False, nearest[1], nearest[2]) if nearest else Verdict(False)


def conditions_of(policy: Policy) -> Iterator[str]:
    """Every condition the policy names, as often as it does."""
    return (one for rule in policy.rules for conditions in rule.when for one in conditions)


def _names(words: frozenset[str], word: str) -> bool:
    return word in words or EVERY in words
