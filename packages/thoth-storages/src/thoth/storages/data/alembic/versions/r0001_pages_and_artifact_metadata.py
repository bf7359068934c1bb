"""Package indexes, their pages, and the core metadata of artifacts.

Revision 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "package_index",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("ecosystem", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("package_index_pkey")),
        sa.UniqueConstraint("ecosystem", "url", name=op.f("package_index_ecosystem_url_key")),
    )
    op.create_table(
        "page",
        sa.Column("package_index_id", sa.Integer(), nullable=False),
        sa.Column("package", sa.Text(collation="C"), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("format", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("artifacts", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("page_digest_check")),
        sa.CheckConstraint("present = (facts IS NOT NULL)", name=op.f("page_facts_check")),
        sa.ForeignKeyConstraint(
            ["package_index_id"],
            ["package_index.id"],
            name=op.f("page_package_index_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("package_index_id", "package", name=op.f("page_pkey")),
    )
    op.execute("ALTER TABLE page SET (fillfactor = 90)")
    op.execute("ALTER TABLE page ALTER COLUMN facts SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE page ALTER COLUMN artifacts SET STORAGE EXTERNAL")
    op.create_table(
        "artifact_metadata",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("format", sa.SmallInteger(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("needs_build", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("opaque", sa.Text(), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(key) = 32", name=op.f("artifact_metadata_key_check")),
        sa.CheckConstraint(
            "(facts IS NULL) = (opaque IS NOT NULL)", name=op.f("artifact_metadata_opaque_check")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("artifact_metadata_pkey")),
    )


def downgrade() -> None:
    op.drop_table("artifact_metadata")
    op.drop_table("page")
    op.drop_table("package_index")
