"""Invented cases, made by the office's own use cases at invented times: nothing here writes a row by itself.

The children's names are words for *trial*, *example*, *drill*: nobody can take them for a person.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from typing import Any
from uuid import UUID

from sqlmodel import select

from casework.bootstrap import Office, open_office
from casework.cases.clocks import late_clocks
from casework.cases.handover import offer_hand_over
from casework.cases.models import Case
from casework.cases.queries import facts_of_case, find_case
from casework.cases.service import take_action
from casework.clock import FrozenClock, local
from casework.intake.service import receive_report
from casework.jobs.posting import send_notices
from casework.jobs.runner import climb, sweep_clocks
from casework.law.forms import prefill, read, to_submitted
from casework.people.models import Staff
from casework.people.service import actor_of
from casework.referral.queries import referrals_to_me
from casework.referral.service import acknowledge, answer, refer_case
from casework.settings import Settings
from casework.work import SYSTEM, Actor, Work

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Step:
    """One act of a story: `after` the report, by the holder of a post (role, and unit code where it is no commune post)."""

    after: timedelta
    role: str
    action: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """One invented case: reported `ago` before now in `commune`, by a role, and what was done since."""

    ago: timedelta
    commune: str
    by: str
    report: Mapping[str, Any]
    steps: Sequence[Step] = ()


def _h(hours: float) -> timedelta:
    return timedelta(hours=hours)


def _d(days: float) -> timedelta:
    return timedelta(days=days)


HIGH_02 = {"harm_1_1": "cao", "harm_1_2": "cao", "ability_2_1": "thap", "ability_2_2": "trung_binh"}
MILD_02 = {"harm_1_1": "trung_binh", "harm_1_2": "trung_binh", "ability_2_1": "trung_binh", "ability_2_2": "cao"}
HARM_5 = {f"harm_1_{n}": level for n, level in enumerate(("cao", "cao", "trung_binh", "cao", "trung_binh"), 1)}
ABLE_5 = {f"ability_2_{n}": level for n, level in enumerate(("thap", "thap", "trung_binh", "thap", "cao"), 1)}
CALM_06 = {
    **{f"harm_1_{n}": "thap" for n in (1, 2, 3)},
    **{f"ability_2_{n}": "cao" for n in (1, 2, 3)},
}
EMERGENCY = {**HIGH_02, "conclusion": "emergency"}
NEEDS_PLAN = {**MILD_02, "conclusion": "plan"}
# The mother is the one harming: article 31.1 asks why this is not the emergency, and a second person to agree.
MOTHER_AWAY = "Cháu đã về ở với bà ngoại, mẹ không còn gần cháu (diễn tập)."
WATCH = {**MILD_02, "harm_1_2": "thap", "conclusion": "monitor"}
MEASURES = {
    "services": [{"service": "medical-care", "provider": "Trạm y tế xã"}],
    "safe_place": "nhà người thân được UBND xã giao (diễn tập)",
    "police_informed": True,
    "first_aid": True,
    "evidence_kept": True,
}
SPECIFIC = {
    **HARM_5,
    **ABLE_5,
    "purpose": "plan",
    "state_of_child": "Trẻ sợ hãi, có vết bầm ở tay; đã được khám (diễn tập).",
    "family": "Cha mẹ ly thân, bà ngoại trông nom (diễn tập).",
    "conclusion": "high",
    "problems": [{"problem": "Tổn hại về thể chất và tâm lý"}, {"problem": "Người gây hại còn ở gần trẻ"}],
}
MINUTES = {
    "place": "UBND xã",
    "participants": [{"name": "Trưởng thôn (diễn tập)", "position": "đại diện khu dân cư"}],
    "parents_invited": "withheld",
    "withheld_reason": "Người chăm sóc là người bị cho là gây tổn hại (Điều 27 khoản 1 điểm h).",
    "needs": "Chăm sóc y tế, tư vấn tâm lý, chỗ ở an toàn (diễn tập).",
}
GOALS = ["recovery", "safe-environment"]


def _plan(review_in: timedelta, first_until: timedelta = timedelta(days=14)) -> dict[str, Any]:
    """Two activities: the first to its own day, the second until the review."""
    return {
        "goals": GOALS,
        "activities": [
            {
                "name": "Khám và điều trị vết thương",
                "officer": "Trạm trưởng trạm y tế (diễn tập)",
                "coordinator": "Cán bộ bảo vệ trẻ em (diễn tập)",
                "from": timedelta(days=1),
                "to": first_until,
                "provider": "Trạm y tế xã",
                "cost": 300000,
                "outcome": "Vết thương lành (diễn tập)",
            },
            {
                "name": "Tư vấn tâm lý hằng tuần",
                "officer": "Cán bộ tư vấn (diễn tập)",
                "coordinator": "Cô giáo chủ nhiệm (diễn tập)",
                "from": timedelta(days=2),
                "to": review_in,
                "provider": "Trung tâm công tác xã hội tỉnh",
                "cost": 1200000,
                "outcome": "Trẻ ngủ được, đi học lại (diễn tập)",
            },
        ],
        "review_date": review_in,
    }


WHY_LATE = "Đường vào thôn bị sạt lở (diễn tập)."


def _report(
    name: str | None, age: int, sex: str, hamlet: str, kinds: list[str], text: str, **more: Any
) -> dict[str, Any]:
    return {
        "channel": "phone",
        "danger_now": "yes",
        "child_name": name,
        "child_age": age,
        "child_sex": sex,
        "incident_place": hamlet,
        "kinds": kinds,
        "narrative": text,
        **more,
    }


LIVES_WITH = {"harmer_lives_with_child": True}
STORIES: tuple[Story, ...] = (
    Story(
        _h(0.1), "99001", "hotline",
        _report("Vừ Mí Diễn", 9, "male", "thôn Má Lủng, gần điểm trường", ["violence"],
                "Cha dượng say rượu đánh cháu bằng dây điện, cháu chảy máu đầu, mẹ đi làm xa (diễn tập).",
                harmer_relation="stepfather", child_whereabouts="nhà hàng xóm",
                reporter_name="Người Báo Tin Giả", reporter_phone="+84900009999", **LIVES_WITH),
    ),
    Story(
        _h(9.2), "99001", "hotline",
        _report("Lò Thị Tập", 14, "female", "bản Hạ", ["sexual"],
                "Cháu kể với cô giáo bị người họ hàng đụng chạm nhiều lần (diễn tập).", harmer_relation="relative"),
        (
            Step(_h(0.2), "worker", "accept"),
            Step(_h(2), "worker", "progress-note", {"child_safe": "unclear", "text": "Đã gặp cháu ở trường (diễn tập)."}),
            Step(_h(2.3), "worker", "refer-police", {"to_unit": "CA-99001", "reason": "Nghi có dấu hiệu tội phạm, cần ngăn chặn."}),
            Step(_h(2.6), "police", "acknowledge"),
        ),
    ),
    Story(
        _h(14.1), "99002", "hotline",
        _report("Giàng A Thử", 6, "male", "thôn Suối Cạn", ["neglect"],
                "Cháu ở nhà một mình nhiều ngày, không có gì ăn (diễn tập).", harmer_relation="father", **LIVES_WITH),
        (Step(_h(3), "worker", "accept"),),
    ),
    Story(
        _h(30), "99001", "collaborator",
        _report("Nguyễn Thị Mẫu", 11, "female", "thôn Má Lủng", ["violence"],
                "Nghe tiếng cháu khóc, thấy vết bầm trên mặt (diễn tập).", harmer_relation="father", **LIVES_WITH),
        (
            Step(_h(0.3), "worker", "accept"),
            Step(_h(3), "worker", "submit-initial-assessment", EMERGENCY),
        ),
    ),
    Story(
        _d(3), "99003", "hotline",
        _report("Trần Văn Ví", 8, "male", "xóm Đồi", ["violence"], "Bị chú ruột đánh (diễn tập).", harmer_relation="relative"),
        (
            Step(_h(0.1), "worker", "accept"),
            Step(_h(2), "worker", "submit-initial-assessment", EMERGENCY),
            Step(_h(3), "chair", "decide-measures", MEASURES),
        ),
    ),
    Story(
        _d(9), "99001", "hotline",
        _report("Hoàng Thị Giả", 6, "female", "thôn Khe Dưới", ["neglect"], "Bị bỏ mặc, thường xuyên đói (diễn tập).",
                harmer_relation="mother"),
        (
            Step(_h(0.2), "worker", "accept"),
            Step(_h(5), "worker", "submit-initial-assessment", {**NEEDS_PLAN, "reason": MOTHER_AWAY}),
            Step(_h(6), "chair", "confirm-conclusion", {"conclusion": "plan", "reason": "Đã gặp bà ngoại và cháu (diễn tập)."}),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(2), "worker", "record-meeting", MINUTES),
        ),
    ),
    Story(
        _d(6), "99004", "hotline",
        _report("Sùng A Phỏng", 13, "male", "tổ 4", ["exploitation"], "Phải làm ca đêm ở lò gạch (diễn tập).",
                danger_now="no", harmer_relation="stranger"),
        (
            Step(_h(1), "worker", "accept"),
            Step(_h(6), "worker", "submit-initial-assessment", NEEDS_PLAN),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(2), "worker", "record-meeting", MINUTES),
            Step(_d(4.9), "worker", "submit-plan", _plan(_d(60))),
        ),
    ),
    Story(
        _d(12), "99001", "hotline",
        _report("Lý Thị Minh Họa", 10, "female", "thôn Khe Trên", ["violence"], "Bị cha đánh gãy tay (diễn tập).",
                harmer_relation="father", **LIVES_WITH),
        (
            Step(_h(0.1), "worker", "accept"),
            Step(_h(1), "worker", "submit-initial-assessment", EMERGENCY),
            Step(_h(1.2), "worker", "refer-health", {"to_unit": "YT-99001", "reason": "Khám và điều trị vết thương."}),
            Step(_h(1.6), "health", "acknowledge"),
            Step(_h(2), "chair", "decide-measures", MEASURES),
            Step(_h(3), "chair", "order-separation", {"days": 10}),
            Step(_h(5), "health", "answer", {"shared_findings": "Gãy xương cẳng tay trái, đã bó bột (diễn tập)."}),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(8), "chair", "extend-separation",
                 {"until": _d(7), "reason": "Nhà chưa an toàn cho cháu (diễn tập).", "past_limit": False}),
        ),
    ),
    Story(
        _d(40), "99001", "hotline",
        _report("Đặng Văn Kịch Bản", 12, "male", "thôn Bờ Suối", ["violence"], "Bị bạn của cha đánh (diễn tập).",
                harmer_relation="friend"),
        (
            Step(_h(0.2), "worker", "accept"),
            Step(_h(4), "worker", "submit-initial-assessment", NEEDS_PLAN),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(2), "worker", "record-meeting", MINUTES),
            Step(_d(3), "worker", "submit-plan", _plan(_d(44))),
            Step(_d(4), "chair", "approve-plan", {}),
            Step(_d(15), "worker", "record-activity",
                 {"activity": "1-1", "state": "done", "outcome": "Cháu đã khỏi (diễn tập).", "real_cost": 280000}),
        ),
    ),
    Story(
        _d(75), "99002", "hotline",
        _report("Phàn Thị Dữ Liệu", 15, "female", "bản Sen Thượng", ["trafficking"], "Bị rủ rê đi xa làm việc (diễn tập).",
                harmer_relation="stranger"),
        (
            Step(_h(0.2), "worker", "accept"),
            Step(_h(4), "worker", "submit-initial-assessment", NEEDS_PLAN),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(2), "worker", "record-meeting", MINUTES),
            Step(_d(3), "worker", "submit-plan", _plan(_d(60))),
            Step(_d(4), "chair", "approve-plan", {}),
            Step(_d(61), "worker", "submit-review", {**CALM_06, "conclusion": "stable"}),
            Step(_d(62), "chair", "decide-monitoring", {}),
        ),
    ),
    Story(
        _d(20), "99005", "hotline",
        _report(None, 4, "female", "chợ Tả Lìn", ["abandonment"], "Trẻ bị bỏ lại ở chợ, sau đó tìm được mẹ (diễn tập).",
                danger_now="unknown"),
        (
            Step(_h(0.1), "worker", "accept"),
            Step(_h(6), "worker", "submit-initial-assessment", WATCH),
        ),
    ),
    Story(
        _d(50), "99001", "hotline",
        _report("Bàn Văn Luyện", 7, "male", "thôn Khe Dưới", ["neglect"], "Nghe nói cháu bị bỏ đói (diễn tập).", danger_now="no"),
        (
            Step(_h(0.4), "worker", "accept"),
            Step(_h(5), "worker", "submit-initial-assessment", WATCH),
            Step(_d(20), "chair", "end-observation", {"outcome": "no-abuse"}),
        ),
    ),
    Story(
        _d(2), "99002", "hotline",
        _report("Quàng Thị Diễn Tập", 10, "female", "bản Sen Hạ", ["violence"],
                "Bị người yêu của chị họ đánh; cháu ở nhờ, nhà ở xã khác (diễn tập).", harmer_relation="stranger"),
        (
            Step(_h(0.2), "worker", "accept"),
            Step(_h(4), "worker", "submit-initial-assessment", NEEDS_PLAN),
            Step(_d(1), "worker", "submit-specific-assessment", SPECIFIC),
            Step(_d(1.9), "worker", "offer-hand-over",
                 {"to_commune": "99001", "reason": "Trẻ cư trú ở xã Nà Lũng (diễn tập).",
                  "outstanding": "Họp xác định nhu cầu, lập kế hoạch (diễn tập)."}),
        ),
    ),
    Story(
        _h(7), "99004", "hotline",
        _report("Cao Thị Ví Dụ", 12, "female", "tổ 2", ["violence"],
                "Bị cha đánh; cha làm việc ở UBND phường nên người báo xin giấu phường (diễn tập).",
                harmer_relation="father", accused_works_for="commune", **LIVES_WITH),
        (Step(_h(0.2), "supervisor", "accept"),),
    ),
    Story(
        _h(1.5), "00000", "hotline",
        _report("Ma Thị Thí Điểm", 8, "female", "gần cầu treo, người gọi không biết tên xã", ["violence"],
                "Người đi đường thấy cháu bị đánh rồi mất liên lạc (diễn tập).", danger_now="unknown"),
    ),
)  # fmt: skip


def tell_stories(office: Office, stories: Sequence[Story] = STORIES, progress: Progress | None = None) -> int:
    """Makes the stories' cases in the order of time, sweeping clocks and sending alerts on the way. Returns how many."""
    now = office.clock.now()
    events = sorted(_events(stories, now), key=lambda event: event[0])
    cases: dict[int, str] = {}
    posts = _Posts(office)
    for done, (at, number, step) in enumerate(events, 1):
        then = replace(office, clock=FrozenClock(at))
        sweep_clocks(then)
        climb(then)
        send_notices(then)
        story = stories[number]
        if step is None:
            cases[number] = _open(then, posts, story)
        else:
            _act(then, posts, story, cases[number], step)
        if progress:
            progress(done, len(events))
    sweep_clocks(office)
    climb(office)
    send_notices(office)
    return len(cases)


def _events(stories: Sequence[Story], now: datetime) -> Iterator[tuple[datetime, int, Step | None]]:
    for number, story in enumerate(stories):
        reported = now - story.ago
        yield reported, number, None
        for step in story.steps:
            yield reported + step.after, number, step


class _Posts:
    """Who acts: the holder of a post in a unit, looked up once."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._known: dict[str, Actor] = {}

    def holder(self, role: str, commune: str) -> Actor:
        home = "99001"
        name = {
            "police": "police" if commune == home else f"police-ca-{commune}",
            "health": "health" if commune == home else f"health-yt-{commune}",
        }.get(role, role if role in _PROVINCIAL or commune == home else f"{role}-{commune}")
        if name not in self._known:
            with self._office.begin(SYSTEM) as work:
                staff = work.session.exec(select(Staff).where(Staff.username == name)).one()
                self._known[name] = actor_of(work, staff)
        return self._known[name]


_PROVINCIAL = ("hotline", "supervisor", "collaborator")


def _open(then: Office, posts: _Posts, story: Story) -> str:
    with then.begin(posts.holder(story.by, story.commune)) as work:
        values = _checked(work, "01", {**story.report, "incident_commune": story.commune})
        return receive_report(work, values, received_at=work.now).case.code


def _act(then: Office, posts: _Posts, story: Story, code: str, step: Step) -> None:
    with then.begin(posts.holder(step.role, story.commune)) as work:
        if step.action in ("acknowledge", "answer"):
            referral_id = _own_referral(work, code)
            if step.action == "acknowledge":
                acknowledge(work, referral_id)
            else:
                answer(work, referral_id, _checked(work, f"answer-{step.role}", step.values))
            return
        case = find_case(work, code)
        action_id = "record-progress" if step.action == "progress-note" else step.action
        action = work.law.actions[action_id]
        values = _checked(work, action.form, _as_known(work, case, action.form, step.values)) if action.form else {}
        if action_id.startswith("refer-"):
            refer_case(work, case, action_id.removeprefix("refer-"), values)
        elif action_id == "offer-hand-over":
            offer_hand_over(work, case, values)
        else:
            late = late_clocks(work, case, action_id, values)
            take_action(work, case, action_id, values, late_reason=WHY_LATE if late else None)


def _as_known(work: Work, case: Case, form_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Who the child is stands on every form that asks it, as it would for a person who is offered it."""
    form = work.law_for(case.edition).forms[form_id]
    offered = prefill(form, facts_of_case(work, case))
    known = {name: one.value for name, one in offered.items() if form.field(name).group in ("identity", "contact")}
    return {**known, **given}


def _own_referral(work: Work, code: str) -> UUID:
    return next(one.id for one in referrals_to_me(work) if one.case_code == code)


def _checked(work: Work, form_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The story's answers through the form's own check, dates filled in from the story's time."""
    form = work.law.forms[form_id]
    today = local(work.now).date()
    values = {key: value for key, value in given.items() if value is not None}
    if form_id == "07":
        values = _separation(values, today)
    for one in form.fields:
        if one.kind == "rows":
            values[one.id] = [_dated(row, today) for row in values.get(one.id, ())]
        elif isinstance(values.get(one.id), timedelta):
            values[one.id] = (today + values[one.id]).isoformat()
        elif one.required and one.kind == "date" and one.id not in values:
            values[one.id] = today.isoformat()
        elif one.required and one.kind == "datetime" and one.id not in values:
            values[one.id] = local(work.now).isoformat(timespec="minutes")
    filled = read(form, to_submitted(form, values), today=today)
    if filled.faults:
        raise ValueError(f"the story's form {form_id} does not hold: {filled.faults}")
    return dict(filled.values)


def _dated(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    return {key: (today + value).isoformat() if isinstance(value, timedelta) else value for key, value in row.items()}


def _separation(values: dict[str, Any], today: date) -> dict[str, Any]:
    return {
        "trigger": "carer-harms",
        "child_name": "Lý Thị Minh Họa",
        "from_whom": "Cha của trẻ (diễn tập)",
        "receiver": "Bà ngoại của trẻ (diễn tập)",
        "receiver_address": "UBND xã Nà Lũng",
        "until": (today + timedelta(days=values["days"])).isoformat(),
        **values,
    }


# ---------------------------------------------------------------- many cases, for measuring

_SURNAMES = ("Vừ", "Lò", "Giàng", "Sùng", "Phàn", "Bàn", "Ma", "Lý", "Hoàng", "Đặng", "Trần", "Nguyễn")
_MIDDLES = ("Thị", "Văn", "A", "Mí", "Thử", "Mẫu", "Giả")
_GIVEN = ("Diễn", "Tập", "Thử", "Mẫu", "Ví", "Dụ", "Giả", "Định", "Phỏng", "Luyện", "Kịch", "Bản", "Họa", "Điểm")
BATCH = 50  # cases a transaction
SHARE = 5  # batches a task of one process
_COMMUNES = ("99001", "99002", "99003", "99004", "99005")


def seed_cases(office: Office, count: int, progress: Progress | None = None, *, seed: int = 56) -> int:
    """Adds `count` invented cases over the last 300 days, the older ones further along. For measuring, not for showing.

    Every case goes through the use cases, so a core makes some thirty a second: many cases are shared out among processes.
    """
    now = office.clock.now()
    sizes = [min(BATCH, count - first) for first in range(0, count, BATCH)]
    shares = [dict(enumerate(sizes[first : first + SHARE], first)) for first in range(0, len(sizes), SHARE)]
    done = 0
    for made in _made(office, shares, now, seed):
        done += made
        if progress:
            progress(done, count)
    return done


def _made(office: Office, shares: Sequence[Mapping[int, int]], now: datetime, seed: int) -> Iterator[int]:
    processes = min(os.cpu_count() or 1, len(shares))
    if processes < 2:
        for share in shares:
            yield _seed_share(office, share, now, seed)
        return
    # Spawned, not forked: no connection and no thread of this process goes along.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_seed_share_apart, office.settings, share, now, seed) for share in shares]
        for one in as_completed(waiting):
            yield one.result()


def _seed_share_apart(settings: Settings, share: Mapping[int, int], now: datetime, seed: int) -> int:
    office = open_office(settings)
    try:
        return _seed_share(office, share, now, seed)
    finally:
        office.engine.dispose()


def _seed_share(office: Office, share: Mapping[int, int], now: datetime, seed: int) -> int:
    """`share` is batch number → how many cases; a batch comes out the same whoever makes it."""
    posts = _Posts(office)
    for batch, size in share.items():
        chance = random.Random(f"{seed}-{batch}")  # noqa: S311  # invented data, repeatable on purpose
        commune = _COMMUNES[batch % len(_COMMUNES)]
        at = now - timedelta(minutes=chance.randrange(30, 300 * 24 * 60))
        then = replace(office, clock=FrozenClock(at))
        with then.begin(posts.holder("hotline", commune)) as work:
            codes = [_seed_one(work, chance, commune, batch * BATCH + place) for place in range(size)]
        _seed_on(then, posts, commune, codes, chance)
    return sum(share.values())


def _seed_one(work: Work, chance: random.Random, commune: str, number: int) -> str:
    name = f"{chance.choice(_SURNAMES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVEN)} {number}"
    report = _report(
        name, chance.randrange(1, 16), chance.choice(("male", "female")), f"thôn {chance.randrange(1, 12)}",
        [chance.choice(("violence", "neglect", "sexual", "exploitation"))], "Nội dung diễn tập để đo.",
        danger_now=chance.choice(("yes", "no", "unknown")),
    )  # fmt: skip
    values = _checked(work, "01", {**report, "incident_commune": commune})
    return receive_report(work, values, received_at=work.now).case.code


def _seed_on(then: Office, posts: _Posts, commune: str, codes: list[str], chance: random.Random) -> None:
    """Takes most cases a few steps on; one in ten is left unaccepted."""
    with then.begin(posts.holder("worker", commune)) as work:
        for code in codes:
            if chance.random() < 0.1:
                continue
            case = find_case(work, code)
            take_action(work, case, "accept")
            if chance.random() < 0.8:
                chosen = chance.choice((EMERGENCY, NEEDS_PLAN, NEEDS_PLAN, WATCH))
                take_action(work, case, "submit-initial-assessment", _checked(work, "02", chosen))
            if case.state == "specific-assessment" and chance.random() < 0.5:
                take_action(work, case, "submit-specific-assessment", _checked(work, "03", SPECIFIC))
