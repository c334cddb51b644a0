"""Tables and columns of: sign-in factors, and how fresh they are in a session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("staff", sa.Column("second_factor", sa.Text(), server_default=sa.text("'required'"), nullable=False))
    op.create_check_constraint("staff_second_factor_check", "staff", "second_factor in ('required', 'waived')")
    op.add_column(
        "signed_in_session", sa.Column("limited", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("signed_in_session", sa.Column("factor_at", moment, nullable=True))
    # None of them proved a second factor.
    op.execute("update signed_in_session set ended_at = now() where ended_at is null")
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("last_used_at", moment, nullable=True),
        sa.Column("suspect_at", moment, nullable=True),
        sa.Column("closed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="passkey_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="passkey_pkey"),
        sa.UniqueConstraint("credential_id", name="passkey_credential_id_key"),
    )
    op.create_index("ix_passkey_staff_id", "passkey", ["staff_id"], unique=False)
    op.create_table(
        "totp",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("seed", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="totp_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="totp_pkey"),
    )
    op.create_index("ix_totp_staff_id", "totp", ["staff_id"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="recovery_code_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="recovery_code_pkey"),
    )
    op.create_index("ix_recovery_code_staff_id", "recovery_code", ["staff_id"], unique=False)
    op.create_table(
        "sign_in_challenge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="sign_in_challenge_staff_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="sign_in_challenge_pkey"),
        sa.UniqueConstraint("token_digest", name="sign_in_challenge_token_digest_key"),
    )
    op.create_index("ix_sign_in_challenge_staff_id", "sign_in_challenge", ["staff_id"], unique=False)
    op.create_table(
        "code_failures",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("latest_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="code_failures_staff_id_fkey"),
        sa.PrimaryKeyConstraint("staff_id", name="code_failures_pkey"),
    )


def downgrade() -> None:
    for table in ("code_failures", "sign_in_challenge", "recovery_code", "totp", "passkey"):
        op.drop_table(table)
    op.drop_column("signed_in_session", "factor_at")
    op.drop_column("signed_in_session", "limited")
    op.drop_constraint("staff_second_factor_check", "staff", type_="check")
    op.drop_column("staff", "second_factor")
