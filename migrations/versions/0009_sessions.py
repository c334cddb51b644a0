"""Tables and columns of: sessions, guesses, collaborators' telephones, links to an identity provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "phone",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("pin_hash", sa.Text(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="phone_staff_id_fkey"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="phone_made_by_fkey"),
        sa.ForeignKeyConstraint(["revoked_by"], ["staff.id"], name="phone_revoked_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="phone_pkey"),
        sa.UniqueConstraint("token_digest", name="phone_token_digest_key"),
    )
    op.create_index("ix_phone_staff", "phone", ["staff_id"], postgresql_where="revoked_at is null")
    op.create_table(
        "phone_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="phone_code_staff_id_fkey"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="phone_code_made_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="phone_code_pkey"),
        sa.UniqueConstraint("digest", name="phone_code_digest_key"),
    )
    op.create_index("ix_phone_code_staff", "phone_code", ["staff_id"])
    op.create_table(
        "oidc_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="oidc_link_staff_id_fkey"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="oidc_link_made_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="oidc_link_pkey"),
        sa.UniqueConstraint("subject_digest", name="oidc_link_subject_digest_key"),
        sa.UniqueConstraint("staff_id", name="oidc_link_staff_id_key"),
    )
    op.create_table(
        "oidc_flow",
        sa.Column("state_digest", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name="oidc_flow_pkey"),
    )
    op.add_column("signed_in_session", sa.Column("network", sa.Text(), nullable=True))
    op.add_column("signed_in_session", sa.Column("agent", sa.Text(), nullable=True))
    op.add_column("signed_in_session", sa.Column("locked_at", moment, nullable=True))
    op.add_column("signed_in_session", sa.Column("phone_id", sa.Uuid(), nullable=True))
    op.add_column("sign_in_attempt", sa.Column("network_digest", sa.LargeBinary(), nullable=True))
    op.add_column("sign_in_attempt", sa.Column("staff_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("sign_in_attempt_staff_id_fkey", "sign_in_attempt", "staff", ["staff_id"], ["id"])
    op.create_index("ix_sign_in_attempt_network", "sign_in_attempt", ["network_digest", "at"])
    op.create_index("ix_sign_in_attempt_at", "sign_in_attempt", ["at"])


def downgrade() -> None:
    op.drop_index("ix_sign_in_attempt_at", table_name="sign_in_attempt")
    op.drop_index("ix_sign_in_attempt_network", table_name="sign_in_attempt")
    for column in ("staff_id", "network_digest"):
        op.drop_column("sign_in_attempt", column)
    for column in ("phone_id", "locked_at", "agent", "network"):
        op.drop_column("signed_in_session", column)
    for table in ("oidc_flow", "oidc_link", "phone_code", "phone"):
        op.drop_table(table)
