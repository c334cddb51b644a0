"""Two persons: who proposes never decides, who was made by the proposer decides nothing, and nothing is done before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlmodel import select

from casework.access.models import CaseGrant, TwoPersonAct
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.cases.exclusions import keep_from
from casework.cases.models import Case
from casework.cases.queries import documents_of, find_case
from casework.errors import Forbidden, NotFound
from casework.intake.rules import REPORTER_FIELDS
from casework.oversight import acts
from casework.oversight.acts import decide_act, expire_acts, kinds, propose, queue_of, withdraw_act
from casework.oversight.reporter import informants
from casework.people.service import close_account, reset_password
from casework.work import SYSTEM
from tests.access.scenes import report, second_supervisor, staff_named, told
from tests.conftest import Town
from tests.web.conftest import Browser, app, browser  # noqa: F401

SignIn = Callable[[str], Browser]
WHO = {"reporter_name": "Người Báo Tin Giả", "reporter_phone": "+84900009999"}


def asked(town: Town, case: Case, by: str = "worker") -> TwoPersonAct:
    with town.office.begin(town.act_as(by)) as work:
        return propose(
            work, "release-reporter", case=find_case(work, case.code), object_id=work.actor.id, payload={"reason": "x"}
        )


def decided(town: Town, act: TwoPersonAct, by: str, *, agree: bool = True) -> TwoPersonAct:
    with town.office.begin(town.act_as(by)) as work:
        return decide_act(work, act.id, agree=agree)


def names_seen(town: Town, case: Case, by: str) -> list[str]:
    with town.office.begin(town.act_as(by)) as work:
        return [one.person.get("name", "") for one in informants(work, find_case(work, case.code))]


def test_who_reported_is_shown_to_nobody_before_a_second_person_agrees(town: Town) -> None:
    case = report(town, **WHO)
    for username in ("worker", "chair", "supervisor"):
        with pytest.raises(NotFound):
            names_seen(town, case, username)
    act = asked(town, case)
    with pytest.raises(NotFound):
        names_seen(town, case, "worker")
    decided(town, act, "supervisor")
    assert names_seen(town, case, "worker") == ["Người Báo Tin Giả"]
    with pytest.raises(NotFound):
        names_seen(town, case, "chair")  # released to who asked, and to nobody beside them
    town.clock.advance(hours=25)
    with pytest.raises(NotFound):
        names_seen(town, case, "worker")


def test_the_reporters_fields_stand_on_no_page_sheet_or_paper(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town, **WHO, reporter_address="Thôn Không Tên", reporter_note="Hàng xóm giấu tên")
    assert set(WHO) <= set(REPORTER_FIELDS)
    secrets = ("Người Báo Tin Giả", "900009999", "Thôn Không Tên", "Hàng xóm giấu tên")
    with town.office.begin(town.act_as("worker")) as work:
        mine = find_case(work, case.code)
        documents = [str(one.id) for one in documents_of(work, mine.id)]
    pages = ["", "/dong-thoi-gian", "/nguoi", "/giay-to", "/chia-se", "/nhat-ky", "/in", "/nguoi-bao-tin"]
    pages += [f"/giay-to/{one}" for one in documents]
    for username in ("worker", "supervisor"):
        person = browser(username)
        for page in pages:
            text = person.get(f"/ca/{case.code}{page}").get_data(as_text=True)
            assert not [one for one in secrets if one in text], (username, page)
        for page in ("/nguoi", "/in", "/hien-ten"):
            text = person.submit(f"/ca/{case.code}{page}", {}).get_data(as_text=True)
            assert not [one for one in secrets if one in text], (username, page)


def test_the_release_walks_over_the_pages_of_two_people(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town, **WHO)
    worker, page = browser("worker"), f"/ca/{case.code}/nguoi-bao-tin"
    assert worker.submit(f"{page}/de-nghi", {"reason": "ngắn"}, page=page).status_code == 422
    assert worker.submit(page, {}, page=page).status_code == 404
    answer = worker.submit(f"{page}/de-nghi", {"reason": "Công an cần lời khai của người báo."}, page=page)
    assert answer.status_code == 303 and told(town, "supervisor", "second-person")
    supervisor = browser("supervisor")
    queue = supervisor.get("/viec-hai-nguoi").get_data(as_text=True)
    act = queue.split("/viec-hai-nguoi/")[1].split("/")[0]
    assert "Công an cần lời khai của người báo." in queue
    assert supervisor.submit(f"/viec-hai-nguoi/{act}/dong-y").status_code == 303
    assert told(town, "worker", "second-person-decided")
    shown = worker.submit(page, {}, page=page).get_data(as_text=True)
    assert "Người Báo Tin Giả" in shown
    assert "Người Báo Tin Giả" not in worker.get(page).get_data(as_text=True)
    assert "xem người báo tin" in supervisor.get(f"/ca/{case.code}/nhat-ky").get_data(as_text=True)


def test_nobody_decides_on_their_own_proposal(town: Town) -> None:
    case = report(town, **WHO)
    act = asked(town, case, by="supervisor")
    with pytest.raises(NotFound):
        decided(town, act, "supervisor")
    second = second_supervisor(town)
    with town.office.begin(town.act_as("supervisor")) as work:
        assert queue_of(work).waiting == [] and [one.id for one in queue_of(work).own] == [act.id]
    with town.office.begin(town.act_as(second)) as work:
        assert [one.id for one in queue_of(work).waiting] == [act.id]
    assert decided(town, act, second).outcome == "done"


@contextmanager
def without_the_newcomers_rule() -> Iterator[None]:
    """The planted defect: whoever has the role is taken for a second person."""
    before, acts.MADE_BY_THEM = acts.MADE_BY_THEM, ()
    try:
        yield
    finally:
        acts.MADE_BY_THEM = before


def test_who_was_made_by_the_proposer_decides_nothing_of_theirs(town: Town) -> None:
    second = second_supervisor(town)
    with town.office.begin(town.act_as("administrator")) as work:
        reset_password(work, staff_named(town, second))
        assert work.session.exec(select(TwoPersonAct)).all() == []  # asked for with the commit, not before
    with town.office.begin(SYSTEM) as work:
        act = work.session.exec(select(TwoPersonAct)).one()
        assert {one.username for one in acts.deciders(work, act)} == {"supervisor"}
        other = TwoPersonAct(
            kind="confirm-account", object_id=staff_named(town, "worker").id, proposed_by=act.proposed_by,
            proposed_at=work.now, expires_at=act.expires_at,
        )  # fmt: skip
        staff = staff_named(town, second)
        assert not acts._is_second(work, other, staff)
        with without_the_newcomers_rule():
            assert acts._is_second(work, other, staff)


def test_nothing_waits_for_ever_and_an_answer_in_time_is_needed(town: Town) -> None:
    case = report(town, **WHO)
    act = asked(town, case)
    town.clock.advance(hours=73)
    with pytest.raises(NotFound):
        decided(town, act, "supervisor")
    with town.office.begin(SYSTEM) as work:
        assert expire_acts(work) == 1 and expire_acts(work) == 0
        assert work.session.get_one(TwoPersonAct, act.id).outcome == "expired"


def test_who_presses_a_moment_too_late_is_led_back_to_the_queue(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town, **WHO)
    act = asked(town, case)
    page, supervisor, worker = f"/viec-hai-nguoi/{act.id}", browser("supervisor"), browser("worker")
    assert supervisor.submit(f"{page}/tu-choi").status_code == 303
    for person, button in ((supervisor, "dong-y"), (supervisor, "tu-choi"), (worker, "rut")):
        assert person.submit(f"{page}/{button}").headers["Location"] == "/viec-hai-nguoi"
        assert "Việc này không làm được nữa" in person.follow().get_data(as_text=True)
    for person, button in ((browser("chair"), "rut"), (supervisor, "rut")):
        assert person.submit(f"{page}/{button}").status_code == 404  # never theirs: nothing is told of it
    own = asked(town, case, by="supervisor")
    for button in ("dong-y", "tu-choi"):
        assert supervisor.submit(f"/viec-hai-nguoi/{own.id}/{button}").status_code == 404  # nor theirs to decide
    with town.office.begin(SYSTEM) as work:
        assert work.session.get_one(TwoPersonAct, act.id).outcome == "refused"


def test_what_was_asked_about_or_for_who_has_left_waits_no_more(town: Town, browser: SignIn) -> None:  # noqa: F811
    case = report(town, **WHO)
    release = asked(town, case)
    with town.office.begin(town.act_as("administrator")) as work:
        reset_password(work, staff_named(town, "worker"))
    with town.office.begin(town.act_as("supervisor")) as work:
        assert len(queue_of(work).waiting) == 2
    with town.office.begin(town.act_as("administrator")) as work:
        close_account(work, staff_named(town, "worker"))
    with town.office.begin(town.act_as("supervisor")) as work:
        assert queue_of(work).waiting == []
        assert work.session.get_one(TwoPersonAct, release.id).outcome == "withdrawn"
    assert "Không có việc nào chờ." in browser("supervisor").get("/viec-hai-nguoi").get_data(as_text=True)


def test_an_account_whose_second_person_is_not_asked_says_so_and_what_asks_again(
    town: Town,
    browser: SignIn,  # noqa: F811
) -> None:
    person, page = browser("administrator"), f"/quan-tri/tai-khoan/{staff_named(town, 'worker').id}"
    person.submit(f"{page}/mat-khau")
    assert "một người thứ hai đồng ý ở “Việc hai người”: supervisor." in person.get(page).get_data(as_text=True)
    with town.office.begin(SYSTEM) as work:
        act = work.session.exec(select(TwoPersonAct)).one()
    person.submit(f"/viec-hai-nguoi/{act.id}/rut")
    assert "không ai đang được hỏi" in person.get(page).get_data(as_text=True)
    town.clock.advance(minutes=1)
    person.submit(f"{page}/mat-khau")
    with town.office.begin(town.act_as("supervisor")) as work:
        (waits,) = queue_of(work).waiting
    decided(town, waits, "supervisor", agree=False)
    assert "Người thứ hai đã từ chối tài khoản này" in person.get(page).get_data(as_text=True)


def test_a_proposal_is_withdrawn_by_its_proposer_alone(town: Town) -> None:
    case = report(town, **WHO)
    act = asked(town, case)
    with pytest.raises(NotFound), town.office.begin(town.act_as("chair")) as work:
        withdraw_act(work, act.id)
    with town.office.begin(town.act_as("worker")) as work:
        withdraw_act(work, act.id)
    with pytest.raises(NotFound):
        decided(town, act, "supervisor")


def test_what_waits_is_not_asked_twice_and_a_wrong_role_not_at_all(town: Town) -> None:
    case = report(town, **WHO)
    assert asked(town, case).id == asked(town, case).id
    with pytest.raises(Forbidden), town.office.begin(town.act_as("worker")) as work:
        propose(work, "end-exclusion", case=find_case(work, case.code))


def test_an_excluded_supervisor_is_no_second_person(town: Town) -> None:
    case = report(town, **WHO)
    second = second_supervisor(town)
    with town.office.begin(town.act_as("supervisor")) as work:
        keep_from(work, find_case(work, case.code), staff_id=staff_named(town, second).id, reason="em gái")
    act = asked(town, case, by="worker")
    with pytest.raises(NotFound):
        decided(town, act, second)


def test_a_unit_is_let_in_by_two_for_a_time_and_for_named_groups(town: Town) -> None:
    case = report(town)
    second = second_supervisor(town)
    neighbour = town.act_as("worker-99002")
    with town.office.begin(town.act_as("supervisor")) as work:
        act = propose(
            work, "grant", case=find_case(work, case.code), object_id=neighbour.unit_id,
            payload={"groups": ["identity", "narrative", "reporter"], "reason": "cùng một gia đình"},
        )  # fmt: skip
    decided(town, act, second)
    with town.office.begin(SYSTEM) as work:
        assert work.session.exec(select(CaseGrant)).one().groups == ["identity", "narrative"]
    with town.office.begin(neighbour) as work:
        find_case(work, case.code)
    town.clock.advance(hours=169)
    with pytest.raises(NotFound), town.office.begin(neighbour) as work:
        find_case(work, case.code)


def test_every_step_of_an_act_is_in_the_trail(town: Town) -> None:
    case = report(town, **WHO)
    decided(town, asked(town, case), "supervisor", agree=False)
    with town.office.begin(SYSTEM) as work:
        tags = {one.tag for one in work.session.exec(select(AuditEntry).where(AuditEntry.case_id == case.id))}
    assert {Tag.ACT_PROPOSED, Tag.ACT_REFUSED} <= tags


def test_every_kind_of_act_can_be_done_and_decided() -> None:
    assert set(kinds()) == set(acts.DOERS)
    assert all(kind.propose and kind.decide for kind in kinds().values())
