"""Who sees what of a case, and who has seen it: the rules of access and the trail in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask_babel import gettext as _

from casework.access.models import CaseGrant
from casework.access.policybook import policy_book
from casework.access.rules import BREAK_GLASS, CONDITIONS, CaseUnits, readable
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.models import Case
from casework.clock import local
from casework.law.model import Law
from casework.oversight.acts import acts_on
from casework.oversight.grants import KIND, grants_on, may_let_in, may_revoke
from casework.people.models import Post, Staff, Unit
from casework.people.queries import staff_by_id, units_by_id
from casework.people.rules import Role
from casework.referral.models import Referral
from casework.web import wording
from casework.web.timeline import who
from casework.web.trailwords import in_a_line
from casework.work import Actor, Work

BREAK_GLASS_OPENED = "case:break-glass:opened"  # the law's tag of an emergency opening
READ_TAGS = (
    Tag.CASE_READ, Tag.DOCUMENT_READ, Tag.IDENTITY_REVEALED, Tag.REFERRAL_READ, Tag.CASE_PRINTED,
    Tag.PAPER_PRINTED, Tag.SCAN_READ, Tag.EXPORT_READ, BREAK_GLASS_OPENED, Tag.REPORTER_SHOWN, Tag.HAND_OVER_READ,
)  # fmt: skip
HERE, THERE = UUID(int=1), UUID(int=2)  # a unit and its province, whichever they are
SEEN, NOT_SEEN, ON_REFERRAL = "seen", "not", "later"


# ---------------------------------------------------------------- who sees what


def sharing(law: Law, referrals: Sequence[Referral], units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    """Who outside the office was given what. The reporter is on the list because nobody is given them."""
    rows = [
        {
            "who": units[referral.to_unit_id].name,
            "what": f"{groups_given(law, referral)} · {referral_state(referral)}",
            "withheld": False,
        }
        for referral in referrals
    ]
    for kind, title in (("police", _("Công an")), ("health", _("Cơ sở y tế"))):
        if all(referral.kind != kind for referral in referrals):
            rows.append({"who": title, "what": _("chưa chuyển"), "withheld": False})
    rows.append({"who": _("Người báo tin"), "what": _("không chia sẻ"), "withheld": True})
    return rows


def groups_given(law: Law, referral: Referral) -> str:
    return ", ".join(wording.law_text(law.groups[group]).lower() for group in referral.shows)


def referral_state(referral: Referral) -> str:
    if referral.answered_at:
        return _("đã phản hồi %(when)s", when=wording.short_moment(referral.answered_at))
    if referral.acknowledged_at:
        return _("đã nhận %(when)s", when=wording.short_moment(referral.acknowledged_at))
    return _("chưa xác nhận, chuyển lúc %(when)s", when=wording.short_moment(referral.sent_at))


@dataclass(frozen=True)
class Viewers:
    """A column of the matrix: who, and for each group of answers whether they see it."""

    title: str
    note: str
    sees: Mapping[str, str]  # group → SEEN, NOT_SEEN or ON_REFERRAL


def matrix(law: Law, referrals: Sequence[Referral], now: datetime) -> dict[str, Any]:
    """Every group of answers against everybody who might see it. The rows are the law's own groups."""
    whole = _by_policy(law, Actor(None, Role.WORKER, HERE, THERE), "read-case", now)
    province = _by_policy(law, Actor(None, Role.SUPERVISOR, THERE, THERE), "read-case", now)
    none = _by_policy(law, Actor(None, Role.HOTLINE, THERE), "read-case", now)
    columns = [
        Viewers(_("Xã giữ ca"), _("cán bộ, Chủ tịch"), whole),
        Viewers(_("Sở Y tế"), _("giám sát của tỉnh"), province),
        _of_body(law, Role.POLICE, _("Công an"), referrals, now),
        _of_body(law, Role.HEALTH, _("Cơ sở y tế"), referrals, now),
        Viewers(_("Tổng đài 111, cộng tác viên"), _("chỉ tình trạng của tin mình báo"), none),
        Viewers(_("Quản trị, kiểm tra"), _("không đọc nội dung ca"), none),
    ]
    words = {SEEN: _("thấy"), NOT_SEEN: _("không thấy"), ON_REFERRAL: _("khi được chuyển")}
    return {
        "columns": [{"title": one.title, "note": one.note} for one in columns],
        "rows": [
            {
                "title": wording.law_text(title),
                "cells": [
                    {"look": one.sees[group], "words": words[one.sees[group]], "head": one.title} for one in columns
                ],
            }
            for group, title in law.groups.items()
        ],
    }


def _by_policy(law: Law, who: Actor, action: str, now: datetime) -> dict[str, str]:
    """What the policy shows somebody of a case that HERE holds in the province THERE, and that was referred to HERE."""
    seen = readable(who, CaseUnits(HERE, THERE, referred_to=HERE), law.groups, now=now, action=action)
    return {group: SEEN if group in seen else NOT_SEEN for group in law.groups}


def _of_body(law: Law, kind: Role, title: str, referrals: Sequence[Referral], now: datetime) -> Viewers:
    given = {group for referral in referrals if referral.kind == kind for group in referral.shows}
    carried = law.audiences[kind].shows  # what a referral may carry; the body's own findings it has without one
    seen = _by_policy(law, Actor(None, kind, HERE, THERE), "read-referral", now)
    sees = {
        group: ON_REFERRAL if look == SEEN and group in carried and group not in given else look
        for group, look in seen.items()
    }
    note = _("bản chụp lúc chuyển") if given else _("chưa chuyển")
    return Viewers(title, note, sees)


def given_out(law: Law, referrals: Sequence[Referral], units: Mapping[UUID, Unit]) -> list[dict[str, Any]]:
    """Each referral: to whom, when, what was given, what came back."""
    return [
        {
            "who": units[one.to_unit_id].name,
            "sent": wording.moment_text(one.sent_at),
            "what": groups_given(law, one),
            "state": referral_state(one),
            "open": one.acknowledged_at is None,
        }
        for one in referrals
    ]


# ---------------------------------------------------------------- who was let in for a time


def group_title(law: Law, group: str) -> str:
    """A field group's name: the law's own, or one that the policy has besides (files and scans)."""
    return wording.law_text(law.groups.get(group) or policy_book(CONDITIONS).groups[group])


def let_in(work: Work, case: Case) -> list[dict[str, Any]]:
    """Each grant on the case, live and past: posts and offices, not names. No question more where there is none."""
    grants = grants_on(work, case)
    staff = staff_by_id(work, [one.staff_id for one in grants])
    units = units_by_id(work, [*(one.unit_id for one in grants), *(one.unit_id for one in staff.values())])
    law, mine = work.law_for(case.edition), may_let_in(work, case)
    return [
        {
            "id": one.id,
            "who": _whom(one.unit_id or one.staff_id, staff, units),
            "what": ", ".join(group_title(law, group) for group in one.groups),
            "why": wording.law_text(policy_book(CONDITIONS).purposes[one.purpose]),
            "from": wording.short_moment(one.starts_at),
            "until": end_text(one.expires_at),
            "state": _grant_state(one, work.now),
            "live": one.revoked_at is None and one.expires_at > work.now,
            "revocable": mine and may_revoke(work, one),
        }
        for one in grants
    ]


def waiting_grants(work: Work, case: Case) -> list[dict[str, Any]]:
    """What was asked for and waits for the second person."""
    acts = [one for one in acts_on(work, case) if one.kind == KIND]
    staff = staff_by_id(work, [one.object_id for one in acts])
    units = units_by_id(work, [*(one.object_id for one in acts), *(one.unit_id for one in staff.values())])
    law = work.law_for(case.edition)
    return [
        {
            "who": _whom(one.object_id, staff, units),
            "what": what_is_given(law, said or {}),
            "until": wording.moment_text(one.expires_at),
        }
        for one, said in zip(acts, work.open_all(acts, "payload"), strict=True)
    ]


def what_is_given(law: Law, payload: Mapping[str, Any]) -> str:
    """The groups, the purpose and the end that a proposal to let somebody in names."""
    words = [", ".join(group_title(law, one) for one in payload.get("groups") or [])]
    purpose = policy_book(CONDITIONS).purposes.get(str(payload.get("purpose")))
    words += [wording.law_text(purpose)] if purpose else []
    if payload.get("until"):
        words.append(_("đến %(until)s", until=end_text(datetime.fromisoformat(payload["until"]))))
    return " · ".join(words)


def end_text(moment: datetime) -> str:
    """`hết ngày 25/11/2026` for midnight after it, else the moment."""
    here = local(moment)
    if here.time() != time.min:
        return wording.moment_text(moment)
    return _("hết ngày %(day)s", day=wording.day_text(here.date() - timedelta(days=1)))


def _whom(id_: UUID | None, staff: Mapping[UUID, Staff], units: Mapping[UUID, Unit]) -> str:
    one = staff.get(id_) if id_ else None
    if one is not None:
        return f"{wording.post_title(one.role, deputy=one.post == Post.DEPUTY)}, {units[one.unit_id].name}"
    return units[id_].name if id_ and id_ in units else ""


def _grant_state(one: CaseGrant, now: datetime) -> str:
    if one.revoked_at is not None:
        return _("đã thu hồi %(when)s", when=wording.short_moment(one.revoked_at))
    if one.expires_at <= now:
        return _("đã hết hạn")
    return _("mở khẩn cấp, đang có hiệu lực") if one.kind == BREAK_GLASS else _("đang có hiệu lực")


# ---------------------------------------------------------------- who has seen it


def reading_words() -> dict[str, str]:
    """In the words of the trail; the law's sentence of an emergency opening is too long for the end of a line."""
    return {**{str(tag): in_a_line(tag) for tag in READ_TAGS}, BREAK_GLASS_OPENED: _("mở khẩn cấp")}


def readers(reads: Sequence[AuditEntry], units: Mapping[UUID, Unit], me: Actor) -> list[dict[str, Any]]:
    """One line a reading, newest first. Posts and offices, not names; one's own readings are said to be so."""
    what = reading_words()
    return [
        {
            "who": reader(entry, units, me),
            "what": what[entry.tag],
            "when": wording.moment_text(entry.at),
            "name": entry.tag == Tag.IDENTITY_REVEALED,
        }
        for entry in reads
    ]


def reader(entry: AuditEntry, units: Mapping[UUID, Unit], me: Actor) -> str:
    title = who(entry, units)
    return _("%(who)s (anh/chị)", who=title) if me.id is not None and entry.actor_id == me.id else title


def readers_summed(reads: Sequence[AuditEntry], units: Mapping[UUID, Unit], me: Actor) -> list[dict[str, Any]]:
    """One line a reader: how often, and when last. `reads` newest first."""
    times = Counter(reader(entry, units, me) for entry in reads)
    shown = Counter(reader(entry, units, me) for entry in reads if entry.tag == Tag.IDENTITY_REVEALED)
    last: dict[str, str] = {}
    for entry in reads:
        last.setdefault(reader(entry, units, me), wording.moment_text(entry.at))
    return [{"who": title, "times": times[title], "names": shown[title], "last": when} for title, when in last.items()]
