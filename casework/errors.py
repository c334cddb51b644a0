"""Every way the office says no. One class a fact; `kind` is the stable word a door maps to a status and a sentence.

No exception here carries a person's data: fields are names, opaque ids and codes, never values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class CaseworkError(Exception):
    """Base of all expected refusals. `kind` is a slug; `str(error)` is safe to log and to print."""

    kind = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.kind)


class UnsafeStart(CaseworkError):
    """The office refuses to start: a missing key, a placeholder secret, a wide file mode, an over-mighty role."""

    kind = "unsafe-start"


class LawFault(CaseworkError):
    """A data file of the law does not hold together; `faults` are one line each, with file and entry."""

    kind = "law-fault"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


class NotFound(CaseworkError):
    """No such thing, or none that this person may know of: the two are told apart only in the audit trail."""

    kind = "not-found"


class Forbidden(CaseworkError):
    """The person may know of the thing, but the act is not theirs. `reason` is a slug for the audit trail."""

    kind = "forbidden"

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)


class IllegalMove(CaseworkError):
    """The procedure does not allow `action` in `state`; `allowed` are the action ids that it allows instead."""

    kind = "illegal-move"

    def __init__(self, state: str, action: str, allowed: Sequence[str] = ()) -> None:
        self.state, self.action, self.allowed = state, action, tuple(allowed)
        super().__init__(f"{action} is not allowed in {state}")


class GuardRefused(CaseworkError):
    """The move exists, but a condition of the law is not met yet. `guard` names the condition."""

    kind = "guard-refused"

    def __init__(self, guard: str) -> None:
        self.guard = guard
        super().__init__(guard)


class Invalid(CaseworkError):
    """Input that does not fit: field id → fault code (see `law.forms.FAULTS`). Values are never kept here."""

    kind = "invalid"

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__(", ".join(f"{field}: {fault}" for field, fault in self.faults.items()))


class Stale(CaseworkError):
    """Somebody else changed the row since this page was read."""

    kind = "stale"


class ReadBudgetSpent(CaseworkError):
    """The person has read more cases within the hour than any work needs: no further one opens now."""

    kind = "read-budget-spent"


class BreakGlassSpent(CaseworkError):
    """So many emergency openings, found or not, were tried by this person today that no more are."""

    kind = "break-glass-spent"


class IdempotencyMismatch(CaseworkError):
    """The same Idempotency-Key came with another body."""

    kind = "idempotency-mismatch"


class SignInRefused(CaseworkError):
    """Unknown user, wrong password or a closed account: deliberately one answer for all three."""

    kind = "sign-in-refused"


class TooManyAttempts(CaseworkError):
    """Too many failed sign-ins; `wait_seconds` says when to try again. `closed`: not before somebody opens it again."""

    kind = "too-many-attempts"

    def __init__(self, wait_seconds: int, *, closed: bool = False) -> None:
        self.wait_seconds, self.closed = wait_seconds, closed
        super().__init__(f"wait {wait_seconds} s")


class Tampered(CaseworkError):
    """A sealed value does not open where it stands: moved, rolled back, cut or edited."""

    kind = "tampered"


class KeyMissing(CaseworkError):
    """The key that wraps this scope's key is not in the key file."""

    kind = "key-missing"
