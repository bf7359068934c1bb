"""Validations, the jobs that answer them, and the results.

Revision 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "result",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("result_digest_check")),
        sa.PrimaryKeyConstraint("digest", name=op.f("result_pkey")),
    )
    op.execute("ALTER TABLE result ALTER COLUMN content SET STORAGE EXTERNAL")
    op.create_index(op.f("result_used_at_idx"), "result", ["used_at"])
    op.create_table(
        "validation_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ecosystem", sa.Text(), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("valid", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result_digest", sa.LargeBinary(), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("raw_log", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "octet_length(question) = 32", name=op.f("validation_job_question_check")
        ),
        sa.CheckConstraint(
            "phase IN ('pending', 'running', 'succeeded', 'failed', 'unknown')",
            name=op.f("validation_job_phase_check"),
        ),
        sa.CheckConstraint(
            "(phase IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)",
            name=op.f("validation_job_finished_at_check"),
        ),
        sa.CheckConstraint(
            "(phase = 'succeeded') = (valid IS NOT NULL)", name=op.f("validation_job_valid_check")
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (reason IS NULL)", name=op.f("validation_job_reason_check")
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (raw_log IS NULL)", name=op.f("validation_job_raw_log_check")
        ),
        sa.CheckConstraint(
            "request IS NOT NULL OR finished_at IS NOT NULL",
            name=op.f("validation_job_request_check"),
        ),
        sa.ForeignKeyConstraint(
            ["result_digest"], ["result.digest"], name=op.f("validation_job_result_digest_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("validation_job_pkey")),
    )
    op.create_index(
        op.f("validation_job_question_idx"),
        "validation_job",
        ["question"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(op.f("validation_job_result_digest_idx"), "validation_job", ["result_digest"])
    op.create_table(
        "validation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("ecosystem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("stack_specification", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["validation_job.id"], name=op.f("validation_job_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("validation_pkey")),
    )
    op.create_index(op.f("validation_job_id_idx"), "validation", ["job_id"])
    op.create_index(op.f("validation_created_at_id_idx"), "validation", ["created_at", "id"])
    op.create_index(op.f("validation_expires_at_idx"), "validation", ["expires_at"])


def downgrade() -> None:
    op.drop_table("validation")
    op.drop_table("validation_job")
    op.drop_table("result")
