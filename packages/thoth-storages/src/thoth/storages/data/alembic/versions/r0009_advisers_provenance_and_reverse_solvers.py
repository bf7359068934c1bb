"""What advisers, checks of provenance and reverse solvers reported.

Revision 0009, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revsolver_run",
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("package_version", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("analyzer_version", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("stack_info", postgresql.JSONB(), nullable=True),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("revsolver_run_package_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("revsolver_run_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("revsolver_run_document_id_key")),
    )
    op.create_index(
        op.f("revsolver_run_package_id_package_version_idx"),
        "revsolver_run",
        ["package_id", "package_version"],
        unique=False,
    )
    op.create_table(
        "adviser_run",
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("limit", sa.Integer(), nullable=True),
        sa.Column("recommendation_type", sa.Text(collation="C"), nullable=True),
        sa.Column("decision_type", sa.Text(), nullable=True),
        sa.Column("predictor", sa.Text(), nullable=True),
        sa.Column("stack_requirements_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("analyzer_version", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("stack_info", postgresql.JSONB(), nullable=True),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("adviser_run_software_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["software_stack_id"],
            ["software_stack.id"],
            name=op.f("adviser_run_software_stack_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["stack_requirements_id"],
            ["stack_requirements.id"],
            name=op.f("adviser_run_stack_requirements_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("adviser_run_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("adviser_run_document_id_key")),
    )
    op.create_index(
        op.f("adviser_run_software_environment_id_idx"),
        "adviser_run",
        ["software_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("adviser_run_software_stack_id_idx"),
        "adviser_run",
        ["software_stack_id"],
        unique=False,
    )
    op.create_index(
        op.f("adviser_run_stack_requirements_id_idx"),
        "adviser_run",
        ["stack_requirements_id"],
        unique=False,
    )
    op.create_table(
        "provenance_run",
        sa.Column("stack_requirements_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("analyzer_version", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("stack_info", postgresql.JSONB(), nullable=True),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("provenance_run_software_environment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["software_stack_id"],
            ["software_stack.id"],
            name=op.f("provenance_run_software_stack_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["stack_requirements_id"],
            ["stack_requirements.id"],
            name=op.f("provenance_run_stack_requirements_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("provenance_run_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("provenance_run_document_id_key")),
    )
    op.create_index(
        op.f("provenance_run_software_environment_id_idx"),
        "provenance_run",
        ["software_environment_id"],
        unique=False,
    )
    op.create_index(
        op.f("provenance_run_software_stack_id_idx"),
        "provenance_run",
        ["software_stack_id"],
        unique=False,
    )
    op.create_index(
        op.f("provenance_run_stack_requirements_id_idx"),
        "provenance_run",
        ["stack_requirements_id"],
        unique=False,
    )
    op.create_table(
        "revsolver_dependent",
        sa.Column("revsolver_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requirement_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("revsolver_dependent_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["requirement_id"],
            ["requirement.id"],
            name=op.f("revsolver_dependent_requirement_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["revsolver_run_id"],
            ["revsolver_run.id"],
            name=op.f("revsolver_dependent_revsolver_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "revsolver_run_id",
            "release_id",
            "requirement_id",
            name=op.f("revsolver_dependent_pkey"),
        ),
    )
    op.create_index(
        op.f("revsolver_dependent_release_id_idx"),
        "revsolver_dependent",
        ["release_id"],
        unique=False,
    )
    op.create_index(
        op.f("revsolver_dependent_requirement_id_idx"),
        "revsolver_dependent",
        ["requirement_id"],
        unique=False,
    )
    op.create_table(
        "adviser_product",
        sa.Column("adviser_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column(
            "justification",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["adviser_run_id"],
            ["adviser_run.id"],
            name=op.f("adviser_product_adviser_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["software_stack_id"],
            ["software_stack.id"],
            name=op.f("adviser_product_software_stack_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("adviser_run_id", "rank", name=op.f("adviser_product_pkey")),
    )
    op.create_index(
        op.f("adviser_product_software_stack_id_idx"),
        "adviser_product",
        ["software_stack_id"],
        unique=False,
    )
    op.create_table(
        "adviser_unresolved",
        sa.Column("adviser_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("package_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("specifier", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["adviser_run_id"],
            ["adviser_run.id"],
            name=op.f("adviser_unresolved_adviser_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("adviser_unresolved_package_id_fkey")
        ),
        sa.PrimaryKeyConstraint(
            "adviser_run_id", "package_id", "specifier", name=op.f("adviser_unresolved_pkey")
        ),
    )
    op.create_index(
        op.f("adviser_unresolved_package_id_idx"),
        "adviser_unresolved",
        ["package_id"],
        unique=False,
    )
    op.create_table(
        "provenance_finding",
        sa.Column("provenance_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=True),
        sa.Column("package_index_id", sa.Integer(), nullable=True),
        sa.Column("package_version", sa.Text(collation="C"), nullable=True),
        sa.Column("finding_type", sa.Text(collation="C"), nullable=True),
        sa.Column("finding_id", sa.Text(collation="C"), nullable=True),
        sa.Column("justification", sa.Text(), nullable=True),
        sa.Column(
            "other",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("provenance_finding_package_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["package_index_id"],
            ["package_index.id"],
            name=op.f("provenance_finding_package_index_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["provenance_run_id"],
            ["provenance_run.id"],
            name=op.f("provenance_finding_provenance_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "provenance_run_id", "number", name=op.f("provenance_finding_pkey")
        ),
    )
    op.create_index(
        op.f("provenance_finding_finding_id_idx"),
        "provenance_finding",
        ["finding_id"],
        unique=False,
    )
    op.create_index(
        op.f("provenance_finding_package_id_idx"),
        "provenance_finding",
        ["package_id"],
        unique=False,
    )
    op.create_index(
        op.f("provenance_finding_package_index_id_idx"),
        "provenance_finding",
        ["package_index_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("provenance_finding")
    op.drop_table("adviser_unresolved")
    op.drop_table("adviser_product")
    op.drop_table("revsolver_dependent")
    op.drop_table("provenance_run")
    op.drop_table("adviser_run")
    op.drop_table("revsolver_run")
