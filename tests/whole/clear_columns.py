"""Every column that could hold words or a day and stands in clear, with the reason why a stolen dump may show it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, Integer, MetaData, SmallInteger, Uuid

from casework.vault.columns import Sealed

# Ids are random, moments and counters say nothing by themselves. Any other type is sealed or listed below.
HARMLESS = (Uuid, DateTime, Boolean, Integer, BigInteger, SmallInteger, Float)

DIGEST = "a digest: cannot be turned back"
CODE = "a random code, given out so that it can be named without naming anybody"
LAW = "an id of the law's data (state, form, action, rule, edition), the same for every case of that kind"
ROLE = "a role, not a person"
PLACE = "a public office or place, with its public code"
HOLIDAY = "a public day off and the decree that made it"
TRAIL = "the audit trail: closed lists of words, and hashes that the verifier reads without any key"

CLEAR: dict[tuple[str, str], str] = {
    ("alarm", "case_code"): CODE,
    ("alarm", "ladder"): "which of the ladders of the ladder's data",
    ("alarm_call", "who"): "a rung of the ladder: a post, not a person",
    ("api_key", "digest"): DIGEST,
    ("api_key", "name"): "what the administrator calls the machine",
    ("audit_checkpoint", "fingerprint"): "names a public key",
    ("audit_checkpoint", "head"): TRAIL,
    ("audit_checkpoint", "previous"): TRAIL,
    ("audit_checkpoint", "signature"): TRAIL,
    ("audit_entry", "actor_role"): ROLE,
    ("audit_entry", "fields"): "names of fields, never their values",
    ("audit_entry", "hash"): TRAIL,
    ("audit_entry", "object_type"): TRAIL,
    ("audit_entry", "prev_hash"): TRAIL,
    ("audit_entry", "request_id"): "random",
    ("audit_entry", "result"): TRAIL,
    ("audit_entry", "tag"): TRAIL,
    ("calendar_day", "day"): HOLIDAY,
    ("calendar_day", "kind"): HOLIDAY,
    ("calendar_day", "source"): HOLIDAY,
    ("calendar_day", "title"): HOLIDAY,
    ("calendar_link", "digest"): DIGEST,
    ("case_clock", "case_code"): CODE,
    ("case_clock", "counted"): "public days of the calendar",
    ("case_clock", "edition"): LAW,
    ("case_clock", "rule"): LAW,
    ("case_clock", "set_day"): "the day of due_at, which stands in clear beside it",
    ("case_clock", "state"): "whether the clock runs",
    ("case_clock", "warn_at"): "moments",
    ("case_file", "code"): CODE,
    ("case_file", "edition"): LAW,
    ("case_file", "risk"): "a band of three; the queues are sorted by it",
    ("case_file", "state"): LAW,
    ("case_grant", "actions"): "a word of a closed list",
    ("case_grant", "groups"): "names of field groups, never what is in them",
    ("case_grant", "kind"): "a word of a closed list",
    ("case_grant", "purpose"): "a word of a closed list",
    ("clock_change", "kind"): "a word of a closed list",
    ("clock_effect", "effect"): "a word of a closed list and a moment",
    ("closed_call", "kind"): "a word of a closed list; nothing about anybody is kept of such a call",
    ("contact", "body"): "a kind of office",
    ("contact", "hours"): "when an office's telephone is answered",
    ("contact", "post"): "a post's title; who holds it and the telephone are sealed",
    ("document", "action"): LAW,
    ("document", "author_role"): ROLE,
    ("document", "edition"): LAW,
    ("document", "form"): LAW,
    ("draft", "page"): LAW,
    ("duty", "role"): ROLE,
    ("hand_over", "answer"): "one word of a closed list: how the other commune answered",
    ("hand_over", "case_code"): CODE,
    ("heartbeat", "name"): "names a process",
    ("missed_message", "else_role"): ROLE,
    ("missed_message", "role"): ROLE,
    ("missed_message", "text_id"): "which of the closed list of texts",
    ("incident", "code"): CODE,
    ("incident_entry", "kind"): "a word of a closed list",
    ("incident_entry", "step"): "which of the steps of the incidents' data",
    ("notice", "body"): "one of a closed list of texts that name neither child nor act, with a case code and a time",
    ("notice", "case_code"): CODE,
    ("notice", "channel"): "SMS, push, mail or voice",
    ("notice", "fault"): "a code of a closed list, never the provider's words",
    ("notice", "provider_id"): "the provider's random id of the message",
    ("notice", "state"): "where the message stands",
    ("notice", "text_id"): "which of the closed list of texts",
    ("notice_attempt", "currency"): "what the provider counts in",
    ("notice_attempt", "fault"): "a code of a closed list, never the provider's words",
    ("notice_attempt", "price"): "what one message cost",
    ("notice_attempt", "provider"): "which provider",
    ("notice_attempt", "provider_id"): "the provider's random id of the message",
    ("notice_attempt", "state"): "where the attempt stands",
    ("notice_callback", "digest"): DIGEST,
    ("oidc_flow", "state_digest"): DIGEST,
    ("oidc_flow", "target"): "a path of the office's own, kept for ten minutes: codes, never names",
    ("oidc_link", "subject_digest"): DIGEST,
    ("phone", "agent"): "one word for a family of browsers",
    ("phone", "pin_hash"): "argon2id under a key that is not in the database",
    ("phone", "revoked_why"): "a word of a closed list",
    ("phone", "token_digest"): DIGEST,
    ("phone_code", "digest"): DIGEST,
    ("paper", "day"): "the day a numbered paper left the office; the audit trail holds the moment",
    ("paper", "kind"): LAW,
    ("paper", "series"): "the abbreviation of a kind of paper and its office, as in QĐ-UBND",
    ("paper", "state"): "whether the paper is a draft, issued or signed",
    ("paper_register", "series"): "the abbreviation of a kind of paper and its office, as in QĐ-UBND",
    ("paper_version", "edition"): LAW,
    ("push_device", "endpoint_digest"): DIGEST,
    ("passkey", "credential_id"): "a random id that the owner's device made up",
    ("passkey", "public_key"): "a public key: it checks signatures and makes none",
    ("received_once", "answer"): "codes, names of clocks and times",
    ("received_once", "body_digest"): DIGEST,
    ("received_once", "key_digest"): DIGEST,
    ("recovery_code", "digest"): DIGEST,
    ("referral", "case_code"): CODE,
    ("referral", "kind"): "police or health",
    ("referral", "shows"): "names of field groups, never what is in them",
    ("report", "code"): CODE,
    ("scope_key", "kek_id"): "names the wrapping key",
    ("scope_key", "wrapped"): "a key wrapped by a key that is not in the database",
    ("sign_in_attempt", "network_digest"): DIGEST,
    ("sign_in_attempt", "username_digest"): DIGEST,
    ("sign_in_challenge", "challenge"): "random bytes that a passkey signs once: knowing them signs nothing",
    ("sign_in_challenge", "purpose"): "a word of a closed list",
    ("sign_in_challenge", "token_digest"): DIGEST,
    ("signed_in_session", "agent"): "one word for a family of browsers",
    ("signed_in_session", "network"): "a /24 or /48: an office or a provider, not a person",
    ("signed_in_session", "token_digest"): DIGEST,
    ("sms_line", "provider"): "which provider",
    ("sms_answer", "digest"): DIGEST,
    ("sms_answer", "wish"): "a word of a closed list, never what was answered",
    ("sms_stop", "phone_digest"): "a keyed digest: cannot be turned back nor tried out without the office's keys",
    ("staff", "password_hash"): "argon2id under a key that is not in the database",
    ("staff", "post"): ROLE,
    ("staff", "role"): ROLE,
    ("staff", "second_factor"): "required or waived",
    ("staff", "username"): "an account's name, chosen by the office; the person's name and phone are sealed",
    ("stored_file", "kind"): "a word of a closed list: signed scan or export",
    ("stored_file", "media_type"): "pdf, jpeg, png or json",
    ("two_person_act", "kind"): "a word of a closed list",
    ("two_person_act", "outcome"): "a word of a closed list",
    ("unit", "code"): PLACE,
    ("unit", "folded_name"): PLACE,
    ("unit", "kind"): PLACE,
    ("unit", "name"): PLACE,
    ("unit", "valid_from"): "a public day of an office",
    ("unit", "valid_to"): "a public day of an office",
    ("unread_report", "code"): CODE,
    ("unread_report", "faults"): "names of our own fields and codes of faults, never values",
}


def telling_columns(metadata: MetaData) -> set[tuple[str, str]]:
    """(table, column) of every column that is neither harmless by its type nor sealed."""
    return {
        (table.name, column.name) for table in metadata.tables.values() for column in table.columns if tells(column)
    }


def tells(column: Column[object]) -> bool:
    return not isinstance(column.type, (*HARMLESS, Sealed))
