"""Which moves the procedure allows, and where they lead. Pure: roles of persons and guards are asked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casework.errors import IllegalMove, Invalid
from casework.law.model import Action, Law


def actions_from(law: Law, state_id: str, role: str | None = None) -> tuple[Action, ...]:
    """The moves allowed in a state, in the order of the file; only those of `role` if one is given.
    "*" among an action's sources means every state that is not final. Raises KeyError for an unknown state."""
    final = law.states[state_id].final
    return tuple(
        action
        for action in law.actions.values()
        if (state_id in action.sources or ("*" in action.sources and not final))
        and (role is None or role in action.roles)
    )


def find_action(law: Law, state_id: str, action_id: str) -> Action:
    """The move named. Raises IllegalMove, which names the moves allowed instead, and KeyError for an unknown state."""
    allowed = actions_from(law, state_id)
    for action in allowed:
        if action.id == action_id:
            return action
    raise IllegalMove(state_id, action_id, [action.id for action in allowed])


def target_of(action: Action, state_id: str, values: Mapping[str, Any]) -> str:
    """The state the move leads to. Outcomes, where the action has them, decide by the value of `outcome_field`;
    an action without target stays. Raises Invalid where the value is missing or leads nowhere."""
    if not action.outcomes or action.outcome_field is None:
        return action.to or state_id
    value = values.get(action.outcome_field)
    if value is None:
        raise Invalid({action.outcome_field: "missing"})
    if value not in action.outcomes:
        raise Invalid({action.outcome_field: "not-a-choice"})
    return action.outcomes[value]
