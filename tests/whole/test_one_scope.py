"""Nobody reads a table of cases but through `cases.queries.scoped`, or from a function that stands here with its reason."""

from __future__ import annotations

import pytest

from tests.whole.raw_selects import CASE_TABLE, all_raw_selects, models_of_cases, raw_selects, tables_of_cases

SCOPE = "the one entry: it says the policy in SQL"
RULE = "part of the rule itself: exclusions and grants"
OF_A_CASE = (
    "of one case, which the caller has from find_case, from a move that was checked, or from a reading of its own here"
)
ASKS = "asks in the same query or right after it whether the case is kept from the person"
OWN = "rows of the person at work alone, and none of a case that is kept from them"
CODE = "whether a random code is taken: nothing of the row is told"
CLOCK = "the office's own clock: nobody is at work, and whom it tells is filtered by the exclusions"
OUTBOX = "the outbox: rows that were addressed already, taken back when their person is kept from the case"
COUNTS = "counts of the whole office for its own health; open to no commune"
LOOSE = "rows that no case is known of yet, or that say nothing of one"
TRAIL = "the trail: opaque ids, for the auditor and for pages that have the case already"
TWO = "acts of two persons: opened only for the province's people, who are asked once more of the case itself"
WALL = "the second wall, in the database"
KEYS = "keys by the id of a row that was read already"

ALLOWED = {
    "access.queries._granted": RULE,
    "access.queries.by_name": RULE,
    "access.rowsecurity.<module>": WALL,
    "access.rowsecurity.in_sight": WALL,
    "audit.queries.entries_of_case": TRAIL,
    "audit.queries.recent": TRAIL,
    "audit.service._read_head": TRAIL,
    "audit.verifier._stream": TRAIL,
    "cases.drafts.drafts_on": OWN,
    "cases.drafts.find_draft": OWN,
    "cases.drafts.own_drafts": OWN,
    "cases.drafts.take_draft": OWN,
    "cases.exclusions._in_force": RULE,
    "cases.exclusions._let_offers_lapse": OF_A_CASE,
    "cases.exclusions.end_exclusion": RULE,
    "cases.exclusions.exclusions_on": RULE,
    "cases.exclusions.find_exclusion": RULE,
    "cases.handover._locked": OF_A_CASE,
    "cases.handover.find_offer": ASKS,
    "cases.handover.offers_to_me": ASKS,
    "cases.queries._all_but_kept": ASKS,
    "cases.queries._these": "by the ids of a page that came through scoped",
    "cases.queries.ageing": "of the cases that came through scoped",
    "cases.queries.any_case": "whether there is any, for a page that takes no case's address",
    "cases.queries.candidates_for": ASKS,
    "cases.queries.case_by_id": OF_A_CASE,
    "cases.queries.count_by_state": COUNTS,
    "cases.queries.documents_of": OF_A_CASE,
    "cases.queries.find_document": OF_A_CASE,
    "cases.queries.hand_overs_of": OF_A_CASE,
    "cases.queries.latest_document": OF_A_CASE,
    "cases.queries.scoped": SCOPE,
    "cases.service._free_code": CODE,
    "cases.service._hand_in": OF_A_CASE,
    "deadlines.calendar.catch_up": CLOCK,
    "deadlines.climbing._clocks": CLOCK,
    "deadlines.climbing._open": ASKS,
    "deadlines.climbing.alarms_for": ASKS,
    "deadlines.climbing.limits_of_post": ASKS,
    "deadlines.climbing.move_up": CLOCK,
    "deadlines.climbing.untaken_in_province": ASKS,
    "deadlines.queries.changes_of": OF_A_CASE,
    "deadlines.queries.clocks_of": OF_A_CASE,
    "deadlines.queries.clocks_of_subjects": OF_A_CASE,
    "deadlines.queries.running_and_breached": COUNTS,
    "deadlines.queries.running_of": OF_A_CASE,
    "deadlines.replay._cases": CLOCK,
    "deadlines.replay.count_clocks": CLOCK,
    "deadlines.replay.replay": CLOCK,
    "deadlines.service._breach_of": OF_A_CASE,
    "deadlines.service._running": OF_A_CASE,
    "deadlines.service.is_running": OF_A_CASE,
    "deadlines.service.move_to_unit": OF_A_CASE,
    "deadlines.service.resume": OF_A_CASE,
    "deadlines.service.start": OF_A_CASE,
    "deadlines.sweeping._most_urgent": CLOCK,
    "deadlines.sweeping.is_idle": CLOCK,
    "deadlines.sweeping.claim": CLOCK,
    "deadlines.sweeping.fire": CLOCK,
    "deadlines.sweeping.tell_missed": CLOCK,
    "files.service.read_file": OF_A_CASE,
    "intake.queries._account_in": OWN,
    "intake.queries._own": "one's own reports; of a case that is kept from them the receipt alone",
    "intake.queries._was_withheld": LOOSE,
    "intake.queries.accepted_receipts": ASKS,
    "intake.queries.recent_receipts": ASKS,
    "intake.queries.waiting_receipts": ASKS,
    "intake.queries.waiting_unread": LOOSE,
    "intake.service._free_code": CODE,
    "intake.service.receive_typed": OWN,
    "intake.service.report_of": OF_A_CASE,
    "intake.service.unread_report": LOOSE,
    "intake.service.was_sent": OWN,
    "notices.alarms._called": ASKS,
    "notices.alarms._is_out_of_reach": CLOCK,
    "notices.alarms._told_lately": CLOCK,
    "notices.alarms._calls_lately": CLOCK,
    "notices.alarms.calls_of": OF_A_CASE,
    "notices.alarms.due_alarms": CLOCK,
    "notices.alarms.look_again": CLOCK,
    "notices.alarms.waiting_for": CLOCK,
    "notices.outbox._doubtful": OUTBOX,
    "notices.outbox._due": OUTBOX,
    "notices.outbox._first_try": OUTBOX,
    "notices.outbox._give_back": OUTBOX,
    "notices.outbox._line_answers": OUTBOX,
    "notices.outbox._reference": OUTBOX,
    "notices.outbox._settle_refused": OUTBOX,
    "notices.outbox._settle_unasked": OUTBOX,
    "notices.outbox._twin_in_flight": OUTBOX,
    "notices.outbox._unclaimed": OUTBOX,
    "notices.outbox._unreported": OUTBOX,
    "notices.outbox.own": OUTBOX,
    "notices.queries._undelivered": COUNTS,
    "notices.queries.by_month": COUNTS,
    "notices.queries.figures": COUNTS,
    "notices.queries.sent": "the demo's page of messages",
    "notices.queries.standing": ASKS,
    "notices.queries.to_staff": ASKS,
    "notices.queries.waiting": COUNTS,
    "notices.receipts._is_another_s": OUTBOX,
    "notices.receipts.fate_of_attempt": OUTBOX,
    "notices.receipts.take_callback": OUTBOX,
    "notices.relay._drop_needless": OUTBOX,
    "notices.relay._is_kept_from_its_person": RULE,
    "notices.relay._was_told": OUTBOX,
    "notices.relay.relay": OUTBOX,
    "notices.service.gather_digests": OUTBOX,
    "notices.service.mark_seen": OWN,
    "notices.service.recall": RULE,
    "notices.service.told_since": CLOCK,
    "oversight.acts._is_second": TRAIL,
    "oversight.acts._open": TWO,
    "oversight.acts._proposal_of": "of an account and of no case",
    "oversight.acts._waiting": TWO,
    "oversight.acts.acts_on": TWO,
    "oversight.acts.drop_acts_of_leavers": "of an account that was just closed; whoever closed it is shown none of it",
    "oversight.acts.expire_acts": CLOCK,
    "oversight.acts.queue_of": TWO,
    "oversight.acts.was_theirs": TWO,
    "oversight.breakglass.openings_of_province": "the province's own cases, for its supervisor to review",
    "oversight.breakglass.own_openings": OWN,
    "oversight.breakglass.review_opening": TWO,
    "oversight.budgets.<module>": "how many cases one account has opened: a count of ids",
    "oversight.grants.grants_on": OF_A_CASE,
    "oversight.grants.revoke_grant": OF_A_CASE,
    "oversight.reporter.informants": OF_A_CASE,
    "oversight.reporter.release_of": RULE,
    "oversight.watching._told_lately": CLOCK,
    "papers.export._paper": OF_A_CASE,
    "papers.queries._shelf": OF_A_CASE,
    "papers.queries.exports_of": OF_A_CASE,
    "papers.queries.find_export": OF_A_CASE,
    "papers.queries.find_scan": OF_A_CASE,
    "papers.service._decision": OF_A_CASE,
    "referral.queries._with_access": ASKS,
    "referral.queries.referrals_of": OF_A_CASE,
    "vault.cabinet.Cabinet": KEYS,
    "web.acts._about": TWO,
    "web.paperwords._replaced": OF_A_CASE,
}


def test_every_reading_of_a_case_s_tables_is_the_one_entry_or_has_its_reason() -> None:
    unexplained = sorted((place, what) for place, what in all_raw_selects() if place not in ALLOWED)
    assert not unexplained, "read through cases.queries.scoped, or name the reason here"


def test_no_reason_stands_here_for_a_reading_that_is_gone() -> None:
    assert sorted(set(ALLOWED) - {place for place, _what in all_raw_selects()}) == []


def test_the_tables_of_cases_are_found_by_themselves() -> None:
    assert {
        CASE_TABLE,
        "document",
        "case_clock",
        "report",
        "referral",
        "paper",
        "stored_file",
        "notice",
    } <= tables_of_cases()
    assert {"Case", "Document", "CaseClock", "Report", "Referral", "Paper", "StoredFile"} <= models_of_cases()
    assert "staff" not in tables_of_cases() and "unit" not in tables_of_cases()


@pytest.mark.parametrize(
    "line",
    [
        "work.session.exec(select(Case).where(col(Case.code) == code))",
        "work.session.exec(select(func.count()).select_from(Case))",
        "work.session.exec(select(col(Document.id), Document.form))",
        "work.session.get(Report, report_id)",
        "work.session.get_one(CaseClock, clock_id)",
        "select(Unit).join(Referral, col(Referral.to_unit_id) == Unit.id)",
        "update(Paper).values(state='signed')",
        "text('select facts from case_file where code = :code')",
    ],
)
def test_a_planted_raw_reading_is_found(line: str) -> None:
    source = f"def look(work, code):\n    return {line}\n"
    found = raw_selects(source, "web.planted", models_of_cases(), tables_of_cases())
    assert {place for place, _what in found} == {"web.planted.look"}


def test_a_reading_through_the_one_entry_is_no_raw_one() -> None:
    source = "def look(work):\n    return work.session.exec(scoped(work.actor, work.now).limit(1)).all()\n"
    assert raw_selects(source, "web.fine", models_of_cases(), tables_of_cases()) == set()
