"""The first tables of every room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns
from casework.audit.models import APPEND_ONLY_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema keystore")
    op.create_table(
        "audit_checkpoint",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_checkpoint_pkey"),
        sa.UniqueConstraint("size", name="audit_checkpoint_size_key"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_role", sa.String(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("object_type", sa.String(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("reason", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("result in ('done', 'refused')", name="audit_entry_result"),
        sa.PrimaryKeyConstraint("seq", name="audit_entry_pkey"),
        sa.UniqueConstraint("id", name="audit_entry_id_key"),
    )
    op.create_index("audit_entry_actor", "audit_entry", ["actor_id", "seq"], unique=False)
    op.create_index("audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_index("audit_entry_case", "audit_entry", ["case_id", "seq"], unique=False)
    op.create_index("audit_entry_tag", "audit_entry", ["tag", "at"], unique=False)
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="heartbeat_pkey"),
    )
    op.create_table(
        "scope_key",
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("kek_id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", name="scope_key_pkey"),
        schema="keystore",
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username_digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="sign_in_attempt_pkey"),
    )
    op.create_index("ix_sign_in_attempt_who", "sign_in_attempt", ["username_digest", "at"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("province_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["province_id"], ["unit.id"], name="unit_province_id_fkey"),
        sa.ForeignKeyConstraint(["successor_id"], ["unit.id"], name="unit_successor_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="unit_pkey"),
        sa.UniqueConstraint("code", name="unit_code_key"),
    )
    op.create_index(op.f("ix_unit_folded_name"), "unit", ["folded_name"], unique=False)
    op.create_index(op.f("ix_unit_province_id"), "unit", ["province_id"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="api_key_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="api_key_pkey"),
        sa.UniqueConstraint("digest", name="api_key_digest_key"),
    )
    op.create_table(
        "case_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("incident_unit_id", sa.Uuid(), nullable=True),
        sa.Column("residence_unit_id", sa.Uuid(), nullable=True),
        sa.Column("responsible_unit_id", sa.Uuid(), nullable=False),
        sa.Column("province_id", sa.Uuid(), nullable=False),
        sa.Column("facts", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_unit_id"], ["unit.id"], name="case_file_incident_unit_id_fkey"),
        sa.ForeignKeyConstraint(["province_id"], ["unit.id"], name="case_file_province_id_fkey"),
        sa.ForeignKeyConstraint(["residence_unit_id"], ["unit.id"], name="case_file_residence_unit_id_fkey"),
        sa.ForeignKeyConstraint(["responsible_unit_id"], ["unit.id"], name="case_file_responsible_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="case_file_pkey"),
        sa.UniqueConstraint("code", name="case_file_code_key"),
    )
    op.create_index("ix_case_file_incident", "case_file", ["incident_unit_id"], unique=False)
    op.create_index("ix_case_file_opened", "case_file", ["province_id", "received_at"], unique=False)
    op.create_index("ix_case_file_province", "case_file", ["province_id", "state"], unique=False)
    op.create_index(op.f("ix_case_file_residence_unit_id"), "case_file", ["residence_unit_id"], unique=False)
    op.create_index("ix_case_file_responsible", "case_file", ["responsible_unit_id", "state"], unique=False)
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("person", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="staff_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="staff_pkey"),
        sa.UniqueConstraint("username", name="staff_username_key"),
    )
    op.create_index(op.f("ix_staff_unit_id"), "staff", ["unit_id"], unique=False)
    op.create_table(
        "case_clock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_code", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("owner_unit_id", sa.Uuid(), nullable=False),
        sa.Column("province_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("warn_at", sa.JSON(), nullable=False),
        sa.Column("counted", sa.JSON(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="case_clock_case_id_fkey"),
        sa.ForeignKeyConstraint(["owner_unit_id"], ["unit.id"], name="case_clock_owner_unit_id_fkey"),
        sa.ForeignKeyConstraint(["province_id"], ["unit.id"], name="case_clock_province_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="case_clock_pkey"),
        sa.UniqueConstraint("case_id", "rule", "cycle", name="case_clock_case_id_rule_cycle_key"),
    )
    op.create_index(
        "ix_case_clock_due",
        "case_clock",
        ["owner_unit_id", "due_at"],
        unique=False,
        postgresql_where="state = 'running'",
    )
    op.create_index(
        "ix_case_clock_province",
        "case_clock",
        ["province_id", "due_at"],
        unique=False,
        postgresql_where="state = 'running'",
        postgresql_include=["case_id", "rule"],
    )
    op.create_index(
        "ix_case_clock_waiting",
        "case_clock",
        ["next_at"],
        unique=False,
        postgresql_where="state = 'running' and next_at is not null",
    )
    op.create_table(
        "closed_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="closed_call_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="closed_call_pkey"),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_role", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name="document_author_id_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="document_case_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="document_pkey"),
        sa.UniqueConstraint("case_id", "form", "serial", name="document_case_id_form_serial_key"),
    )
    op.create_table(
        "draft",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="draft_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="draft_pkey"),
    )
    op.create_index("ix_draft_page", "draft", ["staff_id", "page", "scope_id"], unique=True)
    op.create_table(
        "duty",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="duty_staff_id_fkey"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="duty_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="duty_pkey"),
    )
    op.create_index("ix_duty_post", "duty", ["unit_id", "role", "starts_at"], unique=False)
    op.create_table(
        "name_bucket",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="name_bucket_case_id_fkey"),
        sa.PrimaryKeyConstraint("case_id", "bucket", name="name_bucket_pkey"),
    )
    op.create_index("ix_name_bucket", "name_bucket", ["bucket"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("case_code", sa.Text(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("phone", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="notice_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="notice_pkey"),
    )
    op.create_index("ix_notice_case", "notice", ["case_id"], unique=False)
    op.create_index(op.f("ix_notice_staff_id"), "notice", ["staff_id"], unique=False)
    op.create_index(
        "ix_notice_waiting", "notice", ["next_try_at"], unique=False, postgresql_where="state in ('ready', 'sending')"
    )
    op.create_table(
        "received_once",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_key.id"], name="received_once_client_id_fkey"),
        sa.PrimaryKeyConstraint("client_id", "key_digest", name="received_once_pkey"),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("reporter", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("extra", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="report_case_id_fkey"),
        sa.ForeignKeyConstraint(["client_id"], ["api_key.id"], name="report_client_id_fkey"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="report_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="report_pkey"),
        sa.UniqueConstraint("code", name="report_code_key"),
    )
    op.create_index(op.f("ix_report_case_id"), "report", ["case_id"], unique=False)
    op.create_index("ix_report_recorded", "report", ["recorded_at"], unique=False)
    op.create_index("ix_report_staff", "report", ["staff_id", "recorded_at"], unique=False)
    op.create_table(
        "signed_in_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="signed_in_session_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="signed_in_session_pkey"),
        sa.UniqueConstraint("token_digest", name="signed_in_session_token_digest_key"),
    )
    op.create_index(op.f("ix_signed_in_session_staff_id"), "signed_in_session", ["staff_id"], unique=False)
    op.create_table(
        "clock_effect",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["case_clock.id"], name="clock_effect_clock_id_fkey"),
        sa.PrimaryKeyConstraint("clock_id", "effect", name="clock_effect_pkey"),
    )
    op.create_table(
        "referral",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("to_unit_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=True),
        sa.Column("shows", sa.JSON(), nullable=False),
        sa.Column("packet", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("reason", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["answer_id"], ["document.id"], name="referral_answer_id_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="referral_case_id_fkey"),
        sa.ForeignKeyConstraint(["sent_by"], ["staff.id"], name="referral_sent_by_fkey"),
        sa.ForeignKeyConstraint(["to_unit_id"], ["unit.id"], name="referral_to_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="referral_pkey"),
    )
    op.create_index(op.f("ix_referral_case_id"), "referral", ["case_id"], unique=False)
    op.create_index("ix_referral_to", "referral", ["to_unit_id", "sent_at"], unique=False)
    op.create_table(
        "unread_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("body", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("report_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["api_key.id"], name="unread_report_client_id_fkey"),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name="unread_report_report_id_fkey"),
        sa.ForeignKeyConstraint(["settled_by"], ["staff.id"], name="unread_report_settled_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="unread_report_pkey"),
        sa.UniqueConstraint("code", name="unread_report_code_key"),
    )
    op.create_index(
        "ix_unread_report_waiting",
        "unread_report",
        ["received_at"],
        unique=False,
        postgresql_where="settled_at is null",
    )
    for statement in APPEND_ONLY_DDL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_unread_report_waiting", table_name="unread_report", postgresql_where="settled_at is null")
    op.drop_table("unread_report")
    op.drop_index("ix_referral_to", table_name="referral")
    op.drop_index(op.f("ix_referral_case_id"), table_name="referral")
    op.drop_table("referral")
    op.drop_table("clock_effect")
    op.drop_index(op.f("ix_signed_in_session_staff_id"), table_name="signed_in_session")
    op.drop_table("signed_in_session")
    op.drop_index("ix_report_staff", table_name="report")
    op.drop_index("ix_report_recorded", table_name="report")
    op.drop_index(op.f("ix_report_case_id"), table_name="report")
    op.drop_table("report")
    op.drop_table("received_once")
    op.drop_index("ix_notice_waiting", table_name="notice", postgresql_where="state in ('ready', 'sending')")
    op.drop_index(op.f("ix_notice_staff_id"), table_name="notice")
    op.drop_index("ix_notice_case", table_name="notice")
    op.drop_table("notice")
    op.drop_index("ix_name_bucket", table_name="name_bucket")
    op.drop_table("name_bucket")
    op.drop_index("ix_duty_post", table_name="duty")
    op.drop_table("duty")
    op.drop_index("ix_draft_page", table_name="draft")
    op.drop_table("draft")
    op.drop_table("document")
    op.drop_table("closed_call")
    op.drop_index(
        "ix_case_clock_waiting", table_name="case_clock", postgresql_where="state = 'running' and next_at is not null"
    )
    op.drop_index("ix_case_clock_province", table_name="case_clock", postgresql_where="state = 'running'")
    op.drop_index("ix_case_clock_due", table_name="case_clock", postgresql_where="state = 'running'")
    op.drop_table("case_clock")
    op.drop_index(op.f("ix_staff_unit_id"), table_name="staff")
    op.drop_table("staff")
    op.drop_index("ix_case_file_responsible", table_name="case_file")
    op.drop_index(op.f("ix_case_file_residence_unit_id"), table_name="case_file")
    op.drop_index("ix_case_file_province", table_name="case_file")
    op.drop_index("ix_case_file_opened", table_name="case_file")
    op.drop_index("ix_case_file_incident", table_name="case_file")
    op.drop_table("case_file")
    op.drop_table("api_key")
    op.drop_index(op.f("ix_unit_province_id"), table_name="unit")
    op.drop_index(op.f("ix_unit_folded_name"), table_name="unit")
    op.drop_table("unit")
    op.drop_index("ix_sign_in_attempt_who", table_name="sign_in_attempt")
    op.drop_table("sign_in_attempt")
    op.drop_table("scope_key", schema="keystore")
    op.drop_table("heartbeat")
    op.drop_index("audit_entry_tag", table_name="audit_entry")
    op.drop_index("audit_entry_case", table_name="audit_entry")
    op.drop_index("audit_entry_at", table_name="audit_entry")
    op.drop_index("audit_entry_actor", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("audit_checkpoint")
    op.execute("drop function audit_append_only()")
    op.execute("drop schema keystore")
