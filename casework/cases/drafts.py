"""What people have typed and not handed in. A draft is one person's, on one page; nobody else is shown it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlmodel import col, select

from casework.cases.models import Case, Draft
from casework.errors import Forbidden
from casework.work import Work

Typed = Mapping[str, Sequence[str]]


def save_draft(work: Work, page: str, typed: Typed, case: Case | None = None) -> Draft:
    """Keeps what was typed on `page`, in place of what was kept there before. Raises Forbidden for nobody."""
    draft = find_draft(work, page, case)
    if draft is None:
        if work.actor.id is None:
            raise Forbidden("nobody")
        draft = Draft(staff_id=work.actor.id, page=page, scope_id=case.id if case else work.actor.id, saved_at=work.now)
    draft.saved_at = work.now
    work.seal(draft, content={name: list(values) for name, values in typed.items()})
    work.session.add(draft)
    return draft


def find_draft(work: Work, page: str, case: Case | None = None) -> Draft | None:
    scope = case.id if case else work.actor.id
    return work.session.exec(
        select(Draft).where(Draft.staff_id == work.actor.id, Draft.page == page, Draft.scope_id == scope)
    ).first()


def read_draft(work: Work, page: str, case: Case | None = None) -> dict[str, list[str]] | None:
    """What was typed on `page`, as it was posted, or None."""
    draft = find_draft(work, page, case)
    opened: dict[str, list[str]] | None = work.open(draft, "content") if draft else None
    return opened


def take_draft(work: Work, page: str) -> dict[str, list[str]] | None:
    """What was kept of the person's own on `page`, and from then on it is kept no more: of two at once, one gets it."""
    draft = work.session.exec(
        select(Draft)
        .where(Draft.staff_id == work.actor.id, Draft.page == page, Draft.scope_id == work.actor.id)
        .with_for_update()
    ).first()
    if draft is None:
        return None
    typed: dict[str, list[str]] = work.open(draft, "content")
    work.session.delete(draft)
    return typed


def drop_draft(work: Work, page: str, case: Case | None = None) -> None:
    draft = find_draft(work, page, case)
    if draft is not None:
        work.session.delete(draft)


def own_drafts(work: Work) -> Sequence[Draft]:
    """The person's unfinished pages, newest first; content stays sealed."""
    return work.session.exec(
        select(Draft).where(Draft.staff_id == work.actor.id).order_by(col(Draft.saved_at).desc()).limit(20)
    ).all()


def drafts_on(work: Work, case_id: UUID) -> dict[str, Draft]:
    """The person's own drafts on one case, by page."""
    found = work.session.exec(select(Draft).where(Draft.staff_id == work.actor.id, Draft.scope_id == case_id))
    return {draft.page: draft for draft in found}
