"""Second factors against a real database: what a code, a passkey and a recovery code may do, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from casework.audit.models import AuditEntry
from casework.audit.tags import Tag
from casework.errors import Forbidden, NotFound, SignInRefused, TooManyAttempts
from casework.people.enrolment import (
    add_passkey,
    close_passkey,
    confirm_totp,
    factors_of,
    finish_enrolment,
    new_recovery_codes,
    remove_totp,
    rename_passkey,
    reset_factors,
    seed_to_confirm,
    start_totp,
)
from casework.people.factormodels import Passkey, RecoveryCode, SignInChallenge, Totp
from casework.people.factors import (
    Answer,
    Outcome,
    Purpose,
    Site,
    Step,
    Verdict,
    ask,
    confirm,
    finish_sign_in,
    is_fresh,
    passkey_question,
    sign_in,
    sign_in_by_passkey,
    site_of,
)
from casework.people.models import Staff
from casework.people.service import open_session, resume_session
from casework.work import SYSTEM, Work
from tests.conftest import Town
from tests.people.authenticator import Authenticator

SITE = Site("casework.example", "https://casework.example")


def me(work: Work, username: str = "worker") -> Staff:
    return work.session.exec(select(Staff).where(Staff.username == username)).one()


@pytest.fixture
def seed(town: Town) -> str:
    """The worker, of whom a second factor is asked, has set up an application; its seed."""
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        staff.second_factor = "required"
        work.session.add(staff)
        start_totp(work, staff)
        work.session.flush()
        waiting = seed_to_confirm(work, staff)
        assert waiting is not None
        assert confirm_totp(work, staff, pyotp.TOTP(waiting[0]).at(int(work.now.timestamp())))
    town.clock.advance(seconds=90)
    return waiting[0]


def code(town: Town, seed: str, later: int = 0) -> str:
    return pyotp.TOTP(seed).at(int(town.clock.now().timestamp()) + later)


def enrol(town: Town, device: Authenticator, name: str = "máy") -> bool:
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        token = ask(work, Purpose.ENROL, staff.id)
        work.session.flush()
        asked = json.loads(passkey_question(work, Purpose.ENROL, token, SITE))
        return add_passkey(work, staff, token, device.create(asked), name, SITE) is not None


def question(town: Town) -> str:
    """As after the right password, without the time that hashing it takes."""
    with town.office.begin(SYSTEM) as work:
        return ask(work, Purpose.SIGN_IN, me(work).id)


def answer(town: Town, token: str, given: Answer) -> Verdict:
    with town.office.begin(SYSTEM) as work:
        outcome, opened = finish_sign_in(work, token, given, SITE)
    assert (opened is not None) == (outcome.verdict == Verdict.RIGHT)
    return outcome.verdict


def alone(town: Town, device: Authenticator, spoil: Callable[[str], str] = lambda said: said) -> tuple[Outcome, str]:
    """A sign-in by passkey alone; (how it went, what was sent)."""
    with town.office.begin(SYSTEM) as work:
        token = ask(work, Purpose.PASSKEY)
        work.session.flush()
        said = spoil(device.get(json.loads(passkey_question(work, Purpose.PASSKEY, token, SITE))))
    with town.office.begin(SYSTEM) as work:
        return sign_in_by_passkey(work, token, said, SITE)[0], said


def tags(town: Town) -> set[str]:
    with town.office.begin(SYSTEM) as work:
        return set(work.session.exec(select(AuditEntry.tag)))


# ---------------------------------------------------------------- the first step


def test_a_password_alone_opens_only_the_pages_that_set_up_a_second_factor(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        staff.second_factor = "required"
        work.session.add(staff)
    with town.office.begin(SYSTEM) as work:
        admitted = sign_in(work, "worker", town.password)
    assert admitted.step == Step.ENROL
    with town.office.begin(SYSTEM) as work:
        resumed = resume_session(work, admitted.token)
        assert resumed is not None
        assert resumed.limited and resumed.factor_at is None
    town.clock.advance(minutes=21)
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, admitted.token) is None


def test_who_has_a_factor_is_not_signed_in_by_a_password_even_where_it_is_waived(town: Town) -> None:
    assert enrol(town, Authenticator())
    with town.office.begin(SYSTEM) as work:
        admitted = sign_in(work, "worker", town.password)
    assert admitted.step == Step.FACTOR
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, admitted.token) is None


# ---------------------------------------------------------------- codes


def test_a_code_works_once_and_none_before_it_afterwards(town: Town, seed: str) -> None:
    earlier, now = code(town, seed, -30), code(town, seed)
    assert answer(town, question(town), Answer(code=now)) == Verdict.RIGHT
    for used in (now, earlier):
        assert answer(town, question(town), Answer(code=used)) == Verdict.WRONG
    town.clock.advance(seconds=30)
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.RIGHT


def test_without_the_step_that_was_taken_last_a_code_would_work_twice(town: Town, seed: str) -> None:
    given = Answer(code=code(town, seed))
    assert answer(town, question(town), given) == Verdict.RIGHT
    with town.office.begin(SYSTEM) as work:
        totp = work.session.exec(select(Totp)).one()
        totp.last_step = 0  # the planted defect
        work.session.add(totp)
    assert answer(town, question(town), given) == Verdict.RIGHT


@pytest.mark.parametrize(
    ("late", "verdict"), [(-60, Verdict.WRONG), (-30, Verdict.RIGHT), (30, Verdict.RIGHT), (60, Verdict.WRONG)]
)
def test_a_code_of_one_step_beside_is_taken_and_of_two_is_not(
    town: Town, seed: str, late: int, verdict: Verdict
) -> None:
    assert answer(town, question(town), Answer(code=code(town, seed, late))) == verdict


def test_the_code_that_confirmed_an_application_signs_nobody_in(town: Town, seed: str) -> None:
    town.clock.advance(seconds=-90)
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.WRONG


def test_five_wrong_codes_end_a_question_and_more_make_every_question_wait(town: Town, seed: str) -> None:
    token = question(town)
    for _ in range(5):
        assert answer(town, token, Answer(code="000000")) == Verdict.WRONG
    assert answer(town, token, Answer(code=code(town, seed))) == Verdict.OVER
    with pytest.raises(TooManyAttempts):
        answer(town, question(town), Answer(code=code(town, seed)))
    town.clock.advance(minutes=2)
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.RIGHT


def test_a_hundred_wrong_codes_stop_codes_for_good_and_no_passkey(town: Town, seed: str) -> None:
    device = Authenticator()
    assert enrol(town, device)
    with town.office.begin(SYSTEM) as work:
        work.session.connection().execute(
            text("insert into code_failures (staff_id, failures, latest_at) values (:who, 100, :at)"),
            {"who": me(work).id, "at": work.now},
        )
    town.clock.advance(days=30)
    with pytest.raises(TooManyAttempts) as refused:
        answer(town, question(town), Answer(code=code(town, seed)))
    assert refused.value.closed
    assert alone(town, device)[0].verdict == Verdict.RIGHT
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.RIGHT


def test_codes_tried_at_once_are_counted_one_after_the_other(town: Town, seed: str) -> None:
    tokens = [question(town) for _ in range(12)]

    def one(token: str) -> str:
        try:
            return answer(town, token, Answer(code="000000"))
        except TooManyAttempts:
            return "wait"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(one, tokens))
    assert results.count(Verdict.WRONG) == 5
    assert results.count("wait") == 7


def test_one_code_sent_twice_at_once_signs_in_once(town: Town, seed: str) -> None:
    given = Answer(code=code(town, seed))
    tokens = [question(town) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda token: answer(town, token, given), tokens))
    assert results.count(Verdict.RIGHT) == 1


@pytest.mark.parametrize("how", ["code", "recovery"])
def test_an_answer_that_waits_for_the_right_one_is_told_no_and_does_not_break(town: Town, seed: str, how: str) -> None:
    with town.office.begin(SYSTEM) as work:
        once = (
            Answer(code=code(town, seed)) if how == "code" else Answer(recovery=new_recovery_codes(work, me(work))[0])
        )
    assert answer(town, question(town), Answer(code="000000")) == Verdict.WRONG
    tokens = [question(town) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda token: answer(town, token, once), tokens))
    assert sorted(results) == [Verdict.RIGHT, *[Verdict.WRONG] * 3]


def test_a_recovery_code_works_once_however_it_is_typed(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        first, *_, last = codes = new_recovery_codes(work, me(work))
    assert len(set(codes)) == 10
    assert answer(town, question(town), Answer(recovery=first)) == Verdict.RIGHT
    assert answer(town, question(town), Answer(recovery=first)) == Verdict.WRONG
    assert answer(town, question(town), Answer(recovery=f" {last.replace('-', ' ').upper()} ")) == Verdict.RIGHT
    with town.office.begin(SYSTEM) as work:
        assert factors_of(work, me(work)).codes_left == 8
        new_recovery_codes(work, me(work))
    assert answer(town, question(town), Answer(recovery=codes[1])) == Verdict.WRONG


def test_nobody_s_code_is_anybody_else_s(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        codes = new_recovery_codes(work, me(work, "chair"))
    assert answer(town, question(town), Answer(recovery=codes[0])) == Verdict.WRONG


def test_neither_seed_nor_codes_are_in_the_database_in_clear(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        codes = new_recovery_codes(work, me(work))
    with town.office.begin(SYSTEM) as work:
        stored = repr([(bytes(one.seed or b""), one.id) for one in work.session.exec(select(Totp))])
        stored += repr([one.digest for one in work.session.exec(select(RecoveryCode))])
    assert seed not in stored
    assert not [one for one in codes if one in stored or one.replace("-", "") in stored]


# ---------------------------------------------------------------- passkeys


def test_a_passkey_alone_signs_its_owner_in_without_a_name(town: Town) -> None:
    device = Authenticator()
    assert enrol(town, device)
    outcome, _said = alone(town, device)
    assert outcome.verdict == Verdict.RIGHT
    assert outcome.staff is not None and outcome.staff.username == "worker"


def test_a_passkey_that_keeps_no_count_works_again_and_again(town: Town) -> None:
    device = Authenticator(counts=False)
    assert enrol(town, device)
    assert [alone(town, device)[0].verdict for _ in range(3)] == [Verdict.RIGHT] * 3


def test_passkeys_nobody_has_fill_no_trail_and_stop_no_passkey(town: Town) -> None:
    device = Authenticator()
    assert enrol(town, device)
    for _ in range(12):
        assert alone(town, Authenticator())[0].verdict == Verdict.WRONG
    with town.office.begin(SYSTEM) as work:
        assert list(work.session.exec(select(AuditEntry.tag))).count(Tag.FACTOR_REFUSED) == 5
    assert alone(town, device)[0].verdict == Verdict.RIGHT


def test_a_replayed_answer_is_refused(town: Town) -> None:
    device = Authenticator()
    assert enrol(town, device)
    _, said = alone(town, device)
    assert alone(town, device, lambda _: said)[0].verdict == Verdict.WRONG


def test_an_answer_counts_for_one_question_once(town: Town) -> None:
    device = Authenticator(counts=False)
    assert enrol(town, device)
    with town.office.begin(SYSTEM) as work:
        token = ask(work, Purpose.PASSKEY)
        work.session.flush()
        said = device.get(json.loads(passkey_question(work, Purpose.PASSKEY, token, SITE)))
    verdicts = []
    for _ in range(2):
        with town.office.begin(SYSTEM) as work:
            verdicts.append(sign_in_by_passkey(work, token, said, SITE)[0].verdict)
    assert verdicts == [Verdict.RIGHT, Verdict.OVER]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://casework.example.evil.example"},
        {"origin": "http://casework.example"},
        {"rp_id": "evil.example"},
        {"verified": False},
        {"user_handle": uuid4().bytes},
        {"credential_id": b"another credential altogether"},
        {"key": Authenticator().key},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_answer_of_another_place_person_or_device_is_refused(town: Town, wrong: dict[str, object]) -> None:
    device = Authenticator()
    assert enrol(town, device)
    for name, value in wrong.items():
        setattr(device, name, value)
    assert alone(town, device)[0].verdict == Verdict.WRONG


@pytest.mark.parametrize(
    "wrong", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"verified": False}], ids=str
)
def test_a_passkey_made_elsewhere_or_without_its_owner_is_not_kept(town: Town, wrong: dict[str, object]) -> None:
    device = Authenticator()
    for name, value in wrong.items():
        setattr(device, name, value)
    assert not enrol(town, device)


@pytest.mark.parametrize(
    "said", ["", "null", "[]", "{}", "x" * 20_000, '{"id": 1}', '{"id":"AA","rawId":"AA","type":"public-key","response":{}}',
             '{"id":"é","rawId":"é","type":"public-key","response":{"clientDataJSON":"é","authenticatorData":"1","signature":"1"}}']
)  # fmt: skip
def test_what_is_no_credential_is_refused_without_a_fault_of_ours(town: Town, said: str) -> None:
    device = Authenticator()
    assert enrol(town, device)
    assert alone(town, device, lambda _: said)[0].verdict == Verdict.WRONG
    with town.office.begin(SYSTEM) as work:
        token = ask(work, Purpose.ENROL, me(work).id)
        work.session.flush()
        assert add_passkey(work, me(work), token, said, "", SITE) is None


def test_a_copied_passkey_is_found_by_its_count_and_opens_nothing_from_then_on(town: Town) -> None:
    device = Authenticator()
    assert enrol(town, device)
    copy = Authenticator(credential_id=device.credential_id, key=device.key, user_handle=device.user_handle)
    for _ in range(3):
        assert alone(town, device)[0].verdict == Verdict.RIGHT
    assert alone(town, copy)[0].verdict == Verdict.CLONED
    assert Tag.FACTOR_SUSPECTED in tags(town)
    assert alone(town, device)[0].verdict == Verdict.WRONG
    # The password alone is not enough again because of it.
    with town.office.begin(SYSTEM) as work:
        assert sign_in(work, "worker", town.password).step == Step.FACTOR


def test_a_removed_passkey_and_a_closed_account_s_open_nothing(town: Town, seed: str) -> None:
    device, other = Authenticator(), Authenticator()
    assert enrol(town, device)
    town.clock.advance(minutes=1)
    assert enrol(town, other)
    with town.office.begin(SYSTEM) as work:
        close_passkey(work, me(work), factors_of(work, me(work)).passkeys[0].id)
    assert alone(town, device)[0].verdict == Verdict.WRONG
    assert alone(town, other)[0].verdict == Verdict.RIGHT
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        staff.closed_at = work.now
        work.session.add(staff)
    assert alone(town, other)[0].verdict == Verdict.WRONG


def test_a_passkey_answers_while_passwords_are_guessed(town: Town) -> None:
    device = Authenticator()
    assert enrol(town, device)
    for _ in range(8):
        try:
            with town.office.begin(SYSTEM) as work:
                sign_in(work, "worker", "wrong")
        except (SignInRefused, TooManyAttempts) as refused:
            last = refused
    assert isinstance(last, TooManyAttempts)
    assert alone(town, device)[0].verdict == Verdict.RIGHT


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://Casework.example", Site("casework.example", "https://casework.example")),
        ("https://casework.example:8443", Site("casework.example", "https://casework.example:8443")),
        ("http://localhost:8000", Site("localhost", "http://localhost:8000")),
        ("http://casework.example", None),
        ("http://127.0.0.1:8000", None),
        ("https://10.0.0.1", None),
        ("https://[::1]:8000", None),
    ],
)
def test_passkeys_belong_to_a_name_with_tls(url: str, site: Site | None) -> None:
    assert site_of(url) == site


# ---------------------------------------------------------------- one's own


def test_the_last_factor_stays(town: Town, seed: str) -> None:
    def factors() -> int:
        with town.office.begin(SYSTEM) as work:
            return factors_of(work, me(work)).usable

    with pytest.raises(Forbidden), town.office.begin(SYSTEM) as work:
        remove_totp(work, me(work))
    assert enrol(town, Authenticator())
    with town.office.begin(SYSTEM) as work:
        remove_totp(work, me(work))
    with pytest.raises(Forbidden), town.office.begin(SYSTEM) as work:
        close_passkey(work, me(work), factors_of(work, me(work)).passkeys[0].id)
    assert factors() == 1


def test_of_two_removals_at_once_one_is_refused(town: Town, seed: str) -> None:
    assert enrol(town, Authenticator())

    def remove(which: str) -> bool:
        try:
            with town.office.begin(SYSTEM) as work:
                if which == "totp":
                    remove_totp(work, me(work))
                else:
                    close_passkey(work, me(work), factors_of(work, me(work)).passkeys[0].id)
        except Forbidden:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, ("totp", "passkey"))) == [False, True]


def test_a_suspect_passkey_is_no_factor_to_fall_back_on(town: Town, seed: str) -> None:
    assert enrol(town, Authenticator())
    with town.office.begin(SYSTEM) as work:
        passkey = work.session.exec(select(Passkey)).one()
        passkey.suspect_at = work.now
        work.session.add(passkey)
    with pytest.raises(Forbidden), town.office.begin(SYSTEM) as work:
        remove_totp(work, me(work))
    with town.office.begin(SYSTEM) as work:
        close_passkey(work, me(work), passkey.id)


def test_nobody_renames_or_removes_another_s_passkey(town: Town) -> None:
    assert enrol(town, Authenticator())
    with town.office.begin(SYSTEM) as work:
        passkey_id = factors_of(work, me(work)).passkeys[0].id
        with pytest.raises(NotFound):
            close_passkey(work, me(work, "chair"), passkey_id)
        with pytest.raises(NotFound):
            rename_passkey(work, me(work, "chair"), passkey_id, "x")


def test_a_new_application_takes_the_old_one_s_place_only_when_confirmed(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        start_totp(work, me(work))
        work.session.flush()
        waiting = seed_to_confirm(work, me(work))
    assert waiting is not None
    assert answer(town, question(town), Answer(code=code(town, waiting[0]))) == Verdict.WRONG
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.RIGHT
    with town.office.begin(SYSTEM) as work:
        assert confirm_totp(work, me(work), code(town, waiting[0]))
    town.clock.advance(seconds=60)
    assert answer(town, question(town), Answer(code=code(town, seed))) == Verdict.WRONG
    assert answer(town, question(town), Answer(code=code(town, waiting[0]))) == Verdict.RIGHT


def test_lost_factors_are_taken_away_by_two_other_people(town: Town, seed: str) -> None:
    administrator, supervisor = town.act_as("administrator").id, town.act_as("supervisor").id
    assert administrator is not None and supervisor is not None
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        for pair in ((administrator, administrator), (staff.id, administrator), (administrator, staff.id)):
            with pytest.raises(Forbidden):
                reset_factors(work, staff, proposed_by=pair[0], confirmed_by=pair[1])
        reset_factors(work, staff, proposed_by=administrator, confirmed_by=supervisor)
    with town.office.begin(SYSTEM) as work:
        assert sign_in(work, "worker", town.password).step == Step.ENROL


def test_of_two_who_set_up_at_once_with_the_password_one_is_let_in(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        staff = me(work)
        staff.second_factor = "required"
        work.session.add(staff)
        tokens = [open_session(work, staff, limited=True).token for _ in range(2)]

    def set_up(token: str) -> bool:
        try:
            with town.office.begin(SYSTEM) as work:
                start_totp(work, me(work))
                work.session.flush()
                mine = work.session.exec(select(Totp).where(col(Totp.confirmed_at).is_(None))).one()
                mine.confirmed_at = work.now
                finish_enrolment(work, me(work), token)
        except (Forbidden, SignInRefused):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(set_up, tokens)) == [False, True]
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(Totp)).all()) == 1


# ---------------------------------------------------------------- a fresh proof


def test_a_fresh_proof_gives_the_session_a_new_token_and_five_minutes(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        admitted = sign_in(work, "worker", town.password)
        outcome, opened = finish_sign_in(work, admitted.token, Answer(code=code(town, seed)), SITE)
    assert opened is not None
    town.clock.advance(minutes=6)
    with town.office.begin(SYSTEM) as work:
        stale = resume_session(work, opened.token)
        assert stale is not None and not is_fresh(stale.factor_at, work.now)
        token = ask(work, Purpose.STEP_UP, me(work).id)
    for given in (Answer(password=town.password), Answer(code="000000")):
        with town.office.begin(SYSTEM) as work:
            assert confirm(work, me(work), opened.token, token, given, SITE)[1] is None
    with town.office.begin(SYSTEM) as work:
        outcome, renewed = confirm(work, me(work), opened.token, token, Answer(code=code(town, seed)), SITE)
    assert outcome.verdict == Verdict.RIGHT and renewed is not None
    with town.office.begin(SYSTEM) as work:
        assert resume_session(work, opened.token) is None
        fresh = resume_session(work, renewed)
        assert fresh is not None and is_fresh(fresh.factor_at, work.now)


def test_a_question_for_one_purpose_or_person_is_none_for_another(town: Town, seed: str) -> None:
    with town.office.begin(SYSTEM) as work:
        token = ask(work, Purpose.STEP_UP, me(work).id)
        other = ask(work, Purpose.STEP_UP, me(work, "chair").id)
    assert answer(town, token, Answer(code=code(town, seed))) == Verdict.OVER
    with town.office.begin(SYSTEM) as work:
        assert confirm(work, me(work), "x", other, Answer(code=code(town, seed)), SITE)[0].verdict == Verdict.OVER


def test_questions_do_not_pile_up(town: Town) -> None:
    with town.office.begin(SYSTEM) as work:
        for _ in range(5):
            ask(work, Purpose.PASSKEY)
    town.clock.advance(minutes=11)
    with town.office.begin(SYSTEM) as work:
        ask(work, Purpose.PASSKEY)
    with town.office.begin(SYSTEM) as work:
        assert len(work.session.exec(select(SignInChallenge)).all()) == 1
