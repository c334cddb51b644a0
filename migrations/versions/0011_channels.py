"""Tables and columns of: channels besides SMS, the devices that may ring, incidents of personal data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _devices()
    _channels()
    _incidents()


def _devices() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "push_device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_digest", sa.LargeBinary(), nullable=False),
        sa.Column("subscription", sa.LargeBinary(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("removed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="push_device_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="push_device_pkey"),
    )
    op.create_index("ix_push_device_staff", "push_device", ["staff_id"], postgresql_where="removed_at is null")
    op.create_index(
        "ix_push_device_endpoint",
        "push_device",
        ["endpoint_digest"],
        unique=True,
        postgresql_where="removed_at is null",
    )


def _channels() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("notice", sa.Column("channel", sa.Text(), nullable=False, server_default="sms"))
    op.alter_column("notice", "channel", server_default=None)
    op.add_column("notice", sa.Column("second_of", sa.Uuid(), nullable=True))
    op.add_column("notice", sa.Column("device_id", sa.Uuid(), nullable=True))
    op.add_column("notice", sa.Column("relay_at", moment, nullable=True))
    op.add_column("notice", sa.Column("relay_step", sa.Integer(), nullable=False, server_default="0"))
    op.alter_column("notice", "relay_step", server_default=None)
    op.create_foreign_key("notice_second_of_fkey", "notice", "notice", ["second_of"], ["id"])
    op.create_foreign_key("notice_device_id_fkey", "notice", "push_device", ["device_id"], ["id"])
    op.create_index("ix_notice_relay", "notice", ["relay_at"], postgresql_where="relay_at is not null")
    op.create_index("ix_notice_second", "notice", ["second_of"], postgresql_where="second_of is not null")


def _incidents() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("province_id", sa.Uuid(), nullable=False),
        sa.Column("detected_at", moment, nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("description", sa.LargeBinary(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("filed_at", moment, nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["province_id"], ["unit.id"], name="incident_province_id_fkey"),
        sa.ForeignKeyConstraint(["opened_by"], ["staff.id"], name="incident_opened_by_fkey"),
        sa.ForeignKeyConstraint(["closed_by"], ["staff.id"], name="incident_closed_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="incident_pkey"),
        sa.UniqueConstraint("code", name="incident_code_key"),
    )
    op.create_index("ix_incident_province", "incident", ["province_id", "opened_at"])
    op.create_table(
        "incident_mark",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("fired_at", moment, nullable=True),
        sa.Column("dropped_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="incident_mark_incident_id_fkey"),
        sa.PrimaryKeyConstraint("incident_id", "hours", name="incident_mark_pkey"),
    )
    op.create_index(
        "ix_incident_mark_waiting",
        "incident_mark",
        ["due_at"],
        postgresql_where="fired_at is null and dropped_at is null",
    )
    op.create_table(
        "incident_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name="incident_entry_incident_id_fkey"),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name="incident_entry_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="incident_entry_pkey"),
    )
    op.create_index("ix_incident_entry_incident", "incident_entry", ["incident_id", "at"])


def downgrade() -> None:
    for table in ("incident_entry", "incident_mark", "incident"):
        op.drop_table(table)
    op.execute(
        "delete from notice_callback where attempt_id in (select a.id from notice_attempt a join notice n on n.id = a.notice_id where n.channel <> 'sms')"
    )
    op.execute("delete from notice_attempt where notice_id in (select id from notice where channel <> 'sms')")
    op.execute("delete from notice where channel <> 'sms'")
    for index in ("ix_notice_second", "ix_notice_relay"):
        op.drop_index(index, table_name="notice")
    for column in ("relay_step", "relay_at", "device_id", "second_of", "channel"):
        op.drop_column("notice", column)
    op.drop_table("push_device")
