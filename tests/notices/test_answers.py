"""Who answers STOP gets no more SMS and is called by every other way; nobody else's word counts, and no answer is kept."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlmodel import col, select
from werkzeug.serving import make_server

from casework.app import create_app
from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.bootstrap import Office
from casework.deadlines.climbing import move_up
from casework.errors import LawFault
from casework.jobs.posting import send_notices
from casework.notices import outbox
from casework.notices.models import Delivery, Notice, SmsAnswer, SmsStop, Wish
from casework.notices.optout import answers_since, read_wishes, silent_posts, wish_of
from casework.notices.relay import relay
from casework.notices.service import About, notify, stopped_since
from casework.notices.sms import TwilioSender
from casework.notices.tokens import ANSWER_PATH
from casework.people.models import Staff
from casework.people.service import person_of
from casework.work import SYSTEM
from tests.conftest import Town
from tests.notices.conftest import PUBLIC, QUICK, Post
from tests.notices.peers import MailHost, PushService
from tests.notices.test_channels import seconds, tell
from tests.notices.test_ladder import after, called, report
from tests.notices.twilio_api import REFUSED, Provider, signature

ANSWERS = f"{PUBLIC}{ANSWER_PATH}"
SECRET = "Cháu Vừ Thị Mỷ ở bản Sen bị đánh, gọi 0912345678"


@dataclass
class Door:
    """The office as the provider reaches it: over HTTP, from inside, while it signs for the public address."""

    town: Town
    office: Office
    peer: Provider
    address: str

    def phone(self, username: str = "worker") -> str:
        with self.office.begin(SYSTEM) as work:
            return str(person_of(work, self.staff(work, username))["phone"])

    def staff(self, work: Any, username: str = "worker") -> Staff:
        found: Staff = work.session.exec(select(Staff).where(Staff.username == username)).one()
        return found

    def answer(self, body: str, opt_out_type: str = "", *, username: str = "worker") -> tuple[int, str]:
        return self.pass_on(self.peer.incoming(self.phone(username), body, opt_out_type))

    def pass_on(self, fields: dict[str, str], *, signed: str | None = None) -> tuple[int, str]:
        return self.peer.pass_on(ANSWERS, fields, office=self.address, signed=signed)

    def is_stopped(self, username: str = "worker") -> bool:
        with self.office.begin(SYSTEM) as work:
            return stopped_since(work, self.staff(work, username)) is not None

    def told(self, text_id: str = "sms-stopped") -> list[tuple[str, str]]:
        """(user name, state) of whoever was told that a post takes no SMS."""
        with self.office.begin(SYSTEM) as work:
            query = select(Staff.username, Notice.state).join(Notice, col(Notice.staff_id) == Staff.id)
            return sorted(work.session.exec(query.where(Notice.text_id == text_id, col(Notice.second_of).is_(None))))

    def rows(self) -> tuple[int, int]:
        """How many phones have stopped, and how many answers were counted."""
        with self.office.begin(SYSTEM) as work:
            return len(work.session.exec(select(SmsStop)).all()), len(work.session.exec(select(SmsAnswer)).all())


@contextmanager
def served(office: Office) -> Iterator[str]:
    app = create_app(office)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def door(town: Town, peer: Provider, office: Office) -> Iterator[Door]:
    with served(office) as address:
        yield Door(town, office, peer, address)


# ---------------------------------------------------------------- what counts as asking


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop\n", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"])
def test_a_word_alone_asks_for_no_more(word: str) -> None:
    assert wish_of(word) == Wish.STOP


@pytest.mark.parametrize("word", ["START", "yes", "UNSTOP"])
def test_a_word_alone_asks_for_them_again(word: str) -> None:
    assert wish_of(word) == Wish.START


@pytest.mark.parametrize("words", ["", "STOP please", "Đừng stop", "NONSTOP", "START STOP", SECRET])
def test_anything_else_asks_for_nothing(words: str) -> None:
    assert wish_of(words) == Wish.OTHER


def test_what_the_provider_made_of_it_counts_more_than_the_words() -> None:
    assert wish_of("Thôi", "STOP") == Wish.STOP and wish_of("Nhận lại", "START") == Wish.START
    assert wish_of("STOP", "HELP") == Wish.OTHER


@pytest.mark.parametrize("words", [{"stop": ["X"], "start": ["X"]}, {"stop": [], "start": ["X"]}])
def test_words_that_do_not_hold_together_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(LawFault):
        read_wishes({"words": words})


# ---------------------------------------------------------------- what follows


def test_after_stop_nothing_goes_by_sms_and_everything_else_goes_at_once(
    door: Door, browser_maker: PushService, mailer: MailHost
) -> None:
    status, said = door.answer("STOP")
    assert (status, said) == (200, '<?xml version="1.0" encoding="UTF-8"?><Response/>')
    assert door.is_stopped()
    tell(door.office)
    send_notices(door.office)
    assert door.peer.messages == [] and seconds(door.town) == [("mail", "accepted"), ("push", "accepted")]
    door.town.clock.advance(seconds=31)
    send_notices(door.office)
    assert len(door.peer.calls) == len(browser_maker.got) == len(mailer.letters) == 1
    door.town.clock.advance(days=3)  # what the phone itself said is not tried out a day later
    tell(door.office, number=1)
    send_notices(door.office)
    assert door.peer.messages == []


def test_what_was_queued_before_stop_is_not_sent_after_it(door: Door) -> None:
    for number in range(7):  # more than one batch
        tell(door.office, number=number)
    tell_another(door)
    door.answer("STOP")
    send_notices(door.office)
    assert [one.to for one in door.peer.messages] == [door.phone("chair")]
    assert {state for _channel, state in seconds(door.town)} == {"accepted"} and len(seconds(door.town)) == 14


def tell_another(door: Door) -> None:
    with door.office.begin(SYSTEM) as work:
        notify(work, door.staff(work, "chair"), text_id="report-received", about=About(None, "TE-9"))


def test_start_takes_it_back(door: Door) -> None:
    door.answer("STOP")
    assert door.answer("START")[0] == 200
    assert not door.is_stopped()
    tell(door.office)
    send_notices(door.office)
    assert len(door.peer.messages) == 1
    with door.office.begin(SYSTEM) as work:
        tags = work.session.exec(select(AuditEntry.tag).where(AuditEntry.object_type == "staff")).all()
    assert [tag for tag in tags if tag.startswith("sms:")] == [Tag.SMS_STOPPED, Tag.SMS_RESUMED]


def test_the_province_s_supervisor_is_told_once_in_the_application(door: Door) -> None:
    for body in ("STOP", "QUIT"):
        door.answer(body)
    assert door.told() == [("supervisor", Delivery.KEPT)]
    with door.office.begin(SYSTEM) as work:
        (one,) = silent_posts(work, door.staff(work, "supervisor").unit_id)
        assert (one.staff_id, one.role, one.on_duty) == (door.staff(work).id, "worker", True)
        assert silent_posts(work, door.staff(work).unit_id) == [one]
        assert silent_posts(work, door.staff(work, "hotline").unit_id) == []


def test_where_a_supervisor_alone_takes_no_sms_the_administrators_are_told(door: Door) -> None:
    door.answer("STOP", username="supervisor")
    assert [username for username, _state in door.told()] == ["administrator"]


def test_a_collaborator_s_stop_is_a_matter_of_that_person(door: Door) -> None:
    with door.office.begin(SYSTEM) as work:
        work.seal(door.staff(work, "collaborator"), person={"name": "x", "phone": "+84900009901", "hamlet": None})
    door.answer("STOP", username="collaborator")
    assert door.is_stopped("collaborator") and door.told() == []


def test_a_refusal_by_the_provider_marks_the_same_and_is_tried_again_a_day_later(door: Door, post: Post) -> None:
    door.peer.plan, door.peer.code = [REFUSED], 21610
    tell(door.office)
    send_notices(door.office)
    assert door.is_stopped() and door.told() == [("supervisor", Delivery.KEPT)]
    door.town.clock.advance(hours=25)
    tell(door.office, number=1)
    send_notices(door.office)
    assert len(door.peer.messages) == 1
    door.peer.messages[0].status = "delivered"
    pace = replace(QUICK, follow_up=timedelta(0))
    outbox.follow_up(lambda: door.office.begin(SYSTEM), door.office.sms, failed=move_up, pace=pace)
    assert not door.is_stopped()  # somebody took it back where the office could not hear it


def test_a_duty_officer_without_sms_holds_up_no_ladder(door: Door) -> None:
    door.answer("STOP")
    report(door.town)
    after(door.town, seconds=1)
    send_notices(door.office)
    assert called(door.town) == [("owner", "silent")] and len(seconds(door.town)) >= 2
    for minutes in (7, 4, 4, 31):  # as for anybody who takes SMS: tests/notices/test_ladder.py
        after(door.town, minutes=minutes)
        send_notices(door.office)
    assert called(door.town) == [(who, "silent") for who in ("owner", "deputy", "chair", "province", "national")]
    assert door.phone() not in {one.to for one in door.peer.messages} and len(door.peer.messages) >= 4


def test_whom_no_way_reaches_gives_way_to_the_next_rung_at_once(door: Door) -> None:
    door.answer("STOP")
    report(door.town)
    after(door.town, seconds=1)
    send_notices(replace(door.office, channels={}))
    assert called(door.town) == [("owner", "silent"), ("deputy", "silent")]


def test_without_the_call_up_nobody_would_be_woken_in_their_place(door: Door) -> None:
    """The planted defect: nobody is told that no way was left."""
    door.answer("STOP")
    report(door.town)
    after(door.town, seconds=1)
    with door.office.begin(SYSTEM) as work:
        relay(work, (), failed=lambda *_: None)
    assert called(door.town) == [("owner", "silent")]


# ---------------------------------------------------------------- whose word counts


def test_a_copy_is_refused_and_changes_nothing(door: Door) -> None:
    true = door.peer.incoming(door.phone(), "STOP")
    assert door.pass_on(true)[0] == 200
    door.answer("START")
    assert door.pass_on(true)[0] == 409
    assert not door.is_stopped() and door.rows() == (0, 2)


Forgery = Callable[[dict[str, str]], tuple[dict[str, str], str]]
STRANGER = {"AccountSid": "AC" + "9" * 32}
FORGERIES: dict[str, Forgery] = {
    "unsigned": lambda true: (true, "-"),
    "another's token": lambda true: (true, signature(ANSWERS, true, "a guess")),
    "another host's address": lambda true: (true, signature(f"https://evil.test{ANSWER_PATH}", true)),
    "another address of ours": lambda true: (true, signature(f"{PUBLIC}/api/v1/sms/x", true)),
    "words changed": lambda true: (true | {"Body": "STOP"}, signature(ANSWERS, true)),
    "a field more": lambda true: (true | {"OptOutType": "STOP"}, signature(ANSWERS, true)),
    "another account": lambda true: (true | STRANGER, signature(ANSWERS, true | STRANGER)),
}


def test_a_forged_answer_is_refused_and_changes_nothing(door: Door) -> None:
    for kind, forge in FORGERIES.items():
        body = "Vâng" if kind in ("words changed", "a field more") else "STOP"
        fields, signed = forge(door.peer.incoming(door.phone(), body))
        assert door.pass_on(fields, signed=signed)[0] == 403, kind
    assert not door.is_stopped() and door.rows() == (0, 0)


def test_the_forgeries_would_be_seen(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: a validator that believes everybody."""
    assert isinstance(door.office.sms, TwilioSender)
    monkeypatch.setattr(door.office.sms._account._validator, "validate", lambda *_: True)
    assert door.pass_on(door.peer.incoming(door.phone(), "STOP"), signed="-")[0] == 200
    assert door.is_stopped()


def test_an_unreadable_number_is_refused(door: Door) -> None:
    for phone in ("", "whatsapp:+84900000001", "24680", "+84 900 000 001"):
        assert door.pass_on(door.peer.incoming(phone, "STOP"))[0] == 400
    assert door.rows() == (0, 0)


def test_an_office_whose_provider_passes_nothing_on_has_no_such_address(town: Town, peer: Provider) -> None:
    with served(town.office) as address:
        fields = peer.incoming("+84900000001", "STOP")
        assert peer.pass_on(ANSWERS, fields, office=address)[0] == 404


# ---------------------------------------------------------------- nothing of it is kept


def places_of(town: Town, words: str) -> list[str]:
    """Every table of which a row holds these words, as text or as the bytes of it."""
    found = []
    with psycopg.connect(town.database.owner_url, autocommit=True) as owner:
        tables = owner.execute("select relname from pg_stat_user_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = sql.SQL("select 1 from {} t where t::text like %s or t::text like %s limit 1")
            like = [f"%{words}%", f"%{words.encode().hex()}%"]
            if owner.execute(query.format(sql.Identifier(table)), like).fetchone():
                found.append(table)
    return found


def test_an_answer_and_its_number_are_in_no_table_and_no_log(door: Door, lines: io.StringIO) -> None:
    for body in (SECRET, "STOP", "START", "STOP"):
        assert door.answer(body)[0] == 200
    stranger = door.peer.incoming("+84977000111", SECRET)
    assert door.pass_on(stranger)[0] == 200 and door.pass_on(stranger, signed="-")[0] == 403
    said = lines.getvalue()
    for planted in (SECRET, door.phone(), door.phone().removeprefix("+"), "+84977000111", "0912345678"):
        assert places_of(door.town, planted) == [] and planted not in said
    assert said.count('"endpoint": "callbacks.answered"') == 6
    with door.office.begin(SYSTEM) as work:
        assert answers_since(work, work.now - timedelta(days=1)) == {Wish.STOP: 2, Wish.START: 1, Wish.OTHER: 2}


def test_the_search_would_find_what_was_kept(door: Door) -> None:
    """The planted defect: an answer kept as a fault's words."""
    tell(door.office)
    with door.office.begin(SYSTEM) as work:
        work.session.exec(select(Notice).where(Notice.text_id == "report-received")).one().fault = SECRET
    assert places_of(door.town, SECRET) == ["notice"]
