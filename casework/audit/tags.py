"""What can be written in the audit trail besides transitions, whose tags come from the law's own data."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """Facts, in the past tense where they are acts. `subject:fact`; the value is stored and must never change."""

    SESSION_OPENED = "session:opened"
    SESSION_REFUSED = "session:refused"
    SESSION_THROTTLED = "session:throttled"
    SESSION_CLOSED = "session:closed"
    SESSION_LOCKED = "session:locked"
    SESSION_UNLOCKED = "session:unlocked"
    SESSION_REVOKED = "session:revoked"
    SIGN_IN_REOPENED = "sign-in:reopened"
    PHONE_CODE_GIVEN = "phone:code-given"
    PHONE_ENROLLED = "phone:enrolled"
    PHONE_REVOKED = "phone:revoked"
    PHONE_PIN_REFUSED = "phone:pin-refused"
    IDENTITY_LINKED = "identity:linked"
    IDENTITY_UNLINKED = "identity:unlinked"

    FACTOR_ADDED = "factor:added"
    FACTOR_RENAMED = "factor:renamed"
    FACTOR_REMOVED = "factor:removed"
    FACTOR_CONFIRMED = "factor:confirmed"
    FACTOR_REFUSED = "factor:refused"
    FACTOR_SUSPECTED = "factor:suspected"
    RECOVERY_CODES_MADE = "recovery-codes:made"
    RECOVERY_CODE_USED = "recovery-codes:used"
    FACTORS_RESET = "factor:all-reset"

    CASE_OPENED = "case:opened"
    CASE_MOVED_TO_EDITION = "case:moved-to-edition"
    CASE_READ = "case:read"
    CASE_LIST_READ = "case:list-read"
    CASE_PRINTED = "case:printed"
    DOCUMENT_READ = "document:read"
    SEARCHED = "case:searched"
    IDENTITY_REVEALED = "case:identity-revealed"
    REFERRAL_READ = "referral:read"

    PAPER_PRINTED = "paper:printed"
    PAPER_ISSUED = "paper:issued"
    SCAN_RETURNED = "scan:returned"
    SCAN_READ = "scan:read"
    CASE_EXPORTED = "case:exported"
    EXPORT_READ = "export:read"

    ACCESS_REFUSED = "access:refused"
    MOVE_REFUSED = "move:refused"
    LATE_REASON_GIVEN = "late-reason:given"
    HAND_OVER_READ = "hand-over:read"

    REPORT_RECEIVED = "report:received"
    REPORT_JOINED = "report:joined"
    REPORT_CLOSED_NO_CASE = "report:closed-no-case"
    REPORT_REPLAYED = "report:replayed"
    REPORT_MALFORMED_KEPT = "report:malformed-kept"
    REVIEW_QUEUE_READ = "review:read"
    REVIEW_DONE = "review:done"

    CLOCK_STARTED = "clock:started"
    CLOCK_STOPPED = "clock:stopped"
    CLOCK_WARNED = "clock:warned"
    CLOCK_BREACHED = "clock:breached"
    CLOCK_CHANGED = "clock:changed"

    CALENDAR_CHANGED = "calendar:changed"

    NOTICE_QUEUED = "notice:queued"
    NOTICE_SENT = "notice:sent"
    NOTICE_FAILED = "notice:failed"
    NOTICE_READ = "notice:read"

    ALARM_CALLED = "alarm:called"
    ALARM_RECEIVED = "alarm:received"
    ALARM_TAKEN = "alarm:taken"
    CALENDAR_LINK_MADE = "calendar-link:made"
    CALENDAR_LINK_REVOKED = "calendar-link:revoked"

    ACCOUNT_CREATED = "account:created"
    ACCOUNT_CHANGED = "account:changed"
    ACCOUNT_CLOSED = "account:closed"
    PASSWORD_CHANGED = "account:password-changed"  # noqa: S105  # the name of a fact
    DUTY_CHANGED = "duty:changed"
    UNIT_CHANGED = "unit:changed"
    API_KEY_CREATED = "api-key:created"
    API_KEY_REVOKED = "api-key:revoked"
    SETTING_CHANGED = "setting:changed"
    KEY_ROTATED = "key:rotated"

    AUDIT_READ = "audit:read"
    AUDIT_VERIFIED = "audit:verified"
    CHECKPOINT_SEALED = "audit:checkpoint-sealed"
