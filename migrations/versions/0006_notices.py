"""Tables and columns of: the outbox's attempts and receipts, the ladder of alarms, calendar links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    for name in ("due_at", "leased_until", "delivered_at", "seen_at"):
        op.add_column("notice", sa.Column(name, moment, nullable=True))
    op.add_column("notice", sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("notice", "held", server_default=None)
    op.add_column("notice", sa.Column("digest_id", sa.Uuid(), nullable=True))
    op.drop_index("ix_notice_waiting", table_name="notice")
    op.create_index(
        "ix_notice_waiting", "notice", ["next_try_at"], postgresql_where="state in ('ready', 'sending', 'unknown')"
    )
    op.create_index("ix_notice_unseen", "notice", ["staff_id"], postgresql_where="seen_at is null")
    op.create_index(
        "ix_notice_undelivered",
        "notice",
        ["staff_id"],
        postgresql_where="seen_at is null and (state = 'failed' or (state in ('ready', 'unknown') and attempts > 0)"
        " or (state = 'kept' and fault is not null))",
    )
    op.create_index("ix_notice_recent", "notice", ["staff_id", "created_at"])
    op.create_table(
        "notice_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", moment, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="notice_attempt_notice_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="notice_attempt_pkey"),
        sa.UniqueConstraint("provider", "provider_id", name="notice_attempt_provider_id_key"),
    )
    op.create_index("ix_notice_attempt_notice", "notice_attempt", ["notice_id", "number"])
    op.create_index(
        "ix_notice_attempt_unpriced",
        "notice_attempt",
        ["at"],
        postgresql_where="provider_id is not null and price is null",
    )
    # What was being sent when the program was changed is asked after like any other attempt without an answer.
    op.execute(
        "insert into notice_attempt (id, notice_id, number, provider, state, at, provider_id, asked)"
        " select attempt, id, attempts, case when provider_id like 'console-%' then 'console' else 'twilio' end,"
        " state, coalesce(sent_at, created_at), provider_id || case when provider_id like 'console-%'"
        " then '-' || id::text else '' end, 0 from notice where attempt is not null and state in ('sending', 'accepted')"
    )
    op.execute("update notice set state = 'ready' where state = 'sending' and attempt is null")
    op.create_table(
        "notice_callback",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["notice_attempt.id"], name="notice_callback_attempt_id_fkey"),
        sa.PrimaryKeyConstraint("digest", name="notice_callback_pkey"),
    )
    op.create_index(op.f("ix_notice_callback_attempt_id"), "notice_callback", ["attempt_id"])
    op.create_table(
        "sms_line",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", moment, nullable=True),
        sa.Column("rests_until", moment, nullable=True),
        sa.PrimaryKeyConstraint("provider", name="sms_line_pkey"),
    )
    op.create_table(
        "sms_stop",
        sa.Column("phone_digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("phone_digest", name="sms_stop_pkey"),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_code", sa.Text(), nullable=False),
        sa.Column("ladder", sa.Text(), nullable=False),
        sa.Column("rung", sa.BigInteger(), nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("since", moment, nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("taken_at", moment, nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["taken_by"], ["staff.id"], name="alarm_taken_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="alarm_pkey"),
        sa.UniqueConstraint("clock_id", name="alarm_clock_id_key"),
    )
    op.create_index("ix_alarm_waiting", "alarm", ["next_at"], postgresql_where="next_at is not null")
    op.create_index("ix_alarm_case", "alarm", ["case_id"])
    op.create_table(
        "alarm_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("received_at", moment, nullable=True),
        sa.Column("taken_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name="alarm_call_alarm_id_fkey"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="alarm_call_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="alarm_call_pkey"),
        sa.UniqueConstraint("alarm_id", "rung", "staff_id", name="alarm_call_once_key"),
    )
    op.create_index(op.f("ix_alarm_call_alarm_id"), "alarm_call", ["alarm_id"])
    op.create_index("ix_alarm_call_staff", "alarm_call", ["staff_id"], postgresql_where="received_at is null")
    op.create_table(
        "calendar_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="calendar_link_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="calendar_link_pkey"),
        sa.UniqueConstraint("digest", name="calendar_link_digest_key"),
    )
    op.create_index(op.f("ix_calendar_link_staff_id"), "calendar_link", ["staff_id"])


def downgrade() -> None:
    for table in ("calendar_link", "alarm_call", "alarm", "sms_stop", "sms_line", "notice_callback", "notice_attempt"):
        op.drop_table(table)
    for index in ("ix_notice_recent", "ix_notice_undelivered", "ix_notice_unseen", "ix_notice_waiting"):
        op.drop_index(index, table_name="notice")
    op.execute("update notice set state = 'accepted' where state = 'delivered'")
    op.execute("update notice set state = 'ready' where state = 'unknown'")
    op.execute("delete from notice where state = 'kept'")
    op.create_index("ix_notice_waiting", "notice", ["next_try_at"], postgresql_where="state in ('ready', 'sending')")
    for column in ("digest_id", "held", "seen_at", "delivered_at", "leased_until", "due_at"):
        op.drop_column("notice", column)
