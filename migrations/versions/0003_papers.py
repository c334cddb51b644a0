"""Tables and columns of: papers and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import casework.vault.columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("about", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="stored_file_case_id_fkey"),
        sa.ForeignKeyConstraint(["uploaded_by"], ["staff.id"], name="stored_file_uploaded_by_fkey"),
        sa.PrimaryKeyConstraint("id", name="stored_file_pkey"),
    )
    op.create_index("ix_stored_file_case", "stored_file", ["case_id", "at"], unique=False)
    op.create_table(
        "file_chunk",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("content", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="file_chunk_case_id_fkey"),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name="file_chunk_file_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="file_chunk_pkey"),
        sa.UniqueConstraint("file_id", "place", name="file_chunk_file_id_place_key"),
    )
    op.create_table(
        "paper",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("signer_id", sa.Uuid(), nullable=True),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'draft-print') = (issued_at is null)", name="paper_issued_check"),
        sa.CheckConstraint("number is null or issued_at is not null", name="paper_number_check"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="paper_case_id_fkey"),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name="paper_document_id_fkey"),
        sa.ForeignKeyConstraint(["replaces_id"], ["paper.id"], name="paper_replaces_id_fkey"),
        sa.ForeignKeyConstraint(["signer_id"], ["staff.id"], name="paper_signer_id_fkey"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="paper_unit_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="paper_pkey"),
        sa.UniqueConstraint("unit_id", "series", "year", "number", name="paper_unit_id_series_year_number_key"),
    )
    op.create_index("ix_paper_case", "paper", ["case_id", "kind"], unique=False)
    op.create_table(
        "paper_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("content", casework.vault.columns.Sealed(), nullable=True),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="paper_version_case_id_fkey"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="paper_version_made_by_fkey"),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name="paper_version_paper_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="paper_version_pkey"),
        sa.UniqueConstraint("paper_id", "serial", name="paper_version_paper_id_serial_key"),
    )
    op.create_table(
        "paper_register",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="paper_register_unit_id_fkey"),
        sa.PrimaryKeyConstraint("unit_id", "series", "year", name="paper_register_pkey"),
    )
    op.create_table(
        "signed_scan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name="signed_scan_by_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="signed_scan_case_id_fkey"),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name="signed_scan_file_id_fkey"),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name="signed_scan_paper_id_fkey"),
        sa.ForeignKeyConstraint(["version_id"], ["paper_version.id"], name="signed_scan_version_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="signed_scan_pkey"),
        sa.UniqueConstraint("file_id", name="signed_scan_file_id_key"),
    )
    op.create_index("ix_signed_scan_paper", "signed_scan", ["paper_id", "at"], unique=False)
    op.create_table(
        "case_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["by"], ["staff.id"], name="case_export_by_fkey"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="case_export_case_id_fkey"),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name="case_export_file_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="case_export_pkey"),
        sa.UniqueConstraint("file_id", name="case_export_file_id_key"),
    )
    op.create_index("ix_case_export_case", "case_export", ["case_id", "at"], unique=False)


def downgrade() -> None:
    for table in (
        "case_export",
        "signed_scan",
        "paper_register",
        "paper_version",
        "paper",
        "file_chunk",
        "stored_file",
    ):
        op.drop_table(table)
