"""Which documents of validations are to be stored, and which to be removed.

Revision 0008, after 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One moment for all rows rewrites no table: what is finished already is due then, and so is
    # what the former release's code finishes.
    due = sa.Column(
        "document_due_at",
        sa.TIMESTAMP(timezone=True),
        server_default=sa.text("now()"),
        nullable=True,
    )
    op.add_column("validation_job", due)
    op.create_index(
        op.f("validation_job_document_due_at_idx"),
        "validation_job",
        ["document_due_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL AND document_due_at IS NOT NULL"),
    )
    op.add_column("validation", sa.Column("document_id", sa.Text(collation="C"), nullable=True))
    op.create_index(
        op.f("validation_document_id_idx"),
        "validation",
        ["document_id"],
        unique=True,
        postgresql_where=sa.text("document_id IS NOT NULL"),
    )
    op.create_table(
        "document_removal",
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("removed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("document_id", name=op.f("document_removal_pkey")),
    )
    op.create_index(op.f("document_removal_due_at_idx"), "document_removal", ["due_at"])


def downgrade() -> None:
    op.drop_table("document_removal")
    op.drop_index(op.f("validation_document_id_idx"), "validation")
    op.drop_column("validation", "document_id")
    op.drop_index(op.f("validation_job_document_due_at_idx"), "validation_job")
    op.drop_column("validation_job", "document_due_at")
