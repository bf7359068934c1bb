"""Environments, solver results, vulnerabilities and rules.

Revision 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hardware_environment",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("is_external", sa.Boolean(), nullable=False),
        sa.Column("cpu_family", sa.Integer(), nullable=True),
        sa.Column("cpu_model", sa.Integer(), nullable=True),
        sa.Column("cpu_physical_cpus", sa.Integer(), nullable=True),
        sa.Column("cpu_cores", sa.Integer(), nullable=True),
        sa.Column("gpu_cores", sa.Integer(), nullable=True),
        sa.Column("gpu_memory_size", sa.BigInteger(), nullable=True),
        sa.Column("ram_size", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("cpu_vendor", sa.Text(), nullable=True),
        sa.Column("cpu_model_name", sa.Text(), nullable=True),
        sa.Column("gpu_vendor", sa.Text(), nullable=True),
        sa.Column("gpu_model_name", sa.Text(), nullable=True),
        sa.Column(
            "other",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "octet_length(digest) = 32", name=op.f("hardware_environment_digest_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("hardware_environment_pkey")),
        sa.UniqueConstraint(
            "is_external", "digest", name=op.f("hardware_environment_is_external_digest_key")
        ),
    )
    op.create_table(
        "milestone",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("reached_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("milestone_pkey")),
    )
    op.create_table(
        "software_environment",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("os_name", sa.Text(collation="C"), nullable=False),
        sa.Column("os_version", sa.Text(collation="C"), nullable=False),
        sa.Column("python_version", sa.Text(collation="C"), nullable=False),
        sa.Column("markers", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("software_environment_pkey")),
        sa.UniqueConstraint(
            "os_name",
            "os_version",
            "python_version",
            name=op.f("software_environment_os_name_os_version_python_version_key"),
        ),
    )
    op.create_table(
        "vulnerability",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("cve_id", sa.Text(collation="C"), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("vulnerability_pkey")),
        sa.UniqueConstraint("cve_id", name=op.f("vulnerability_cve_id_key")),
    )
    op.create_table(
        "rule",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("package_index_id", sa.Integer(), nullable=True),
        sa.Column("version_specifier", sa.Text(collation="C"), nullable=True),
        sa.Column("bounds", postgresql.ARRAY(sa.LargeBinary()), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name=op.f("rule_package_id_fkey")),
        sa.ForeignKeyConstraint(
            ["package_index_id"],
            ["package_index.id"],
            name=op.f("rule_package_index_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("rule_pkey")),
        sa.UniqueConstraint(
            "package_id",
            "version_specifier",
            "package_index_id",
            name=op.f("rule_package_id_version_specifier_package_index_id_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("rule_package_index_id_idx"), "rule", ["package_index_id"])
    op.create_table(
        "solver_result",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("software_environment_id", sa.Integer(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("solver_name", sa.Text(collation="C"), nullable=False),
        sa.Column("solver_version", sa.Text(), nullable=True),
        sa.Column(
            "unparsed",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["software_environment_id"],
            ["software_environment.id"],
            name=op.f("solver_result_software_environment_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("solver_result_pkey")),
        sa.UniqueConstraint("document_id", name=op.f("solver_result_document_id_key")),
    )
    op.create_index(
        op.f("solver_result_software_environment_id_created_at_idx"),
        "solver_result",
        ["software_environment_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("solver_result_solver_name_idx"), "solver_result", ["solver_name"], unique=False
    )
    op.create_table(
        "solved",
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("solver_result_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("unsolvable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("unparseable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "error OR NOT (unsolvable OR unparseable)", name=op.f("solved_error_check")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("solved_release_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["solver_result_id"],
            ["solver_result.id"],
            name=op.f("solved_solver_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("release_id", "solver_result_id", name=op.f("solved_pkey")),
    )
    op.create_index(
        op.f("solved_solver_result_id_idx"), "solved", ["solver_result_id"], unique=False
    )
    op.create_table(
        "unresolved",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("solver_result_id", sa.Integer(), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("package_index_id", sa.Integer(), nullable=True),
        sa.Column("specifier", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["package_id"], ["package.id"], name=op.f("unresolved_package_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["package_index_id"],
            ["package_index.id"],
            name=op.f("unresolved_package_index_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["solver_result_id"],
            ["solver_result.id"],
            name=op.f("unresolved_solver_result_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("unresolved_pkey")),
        sa.UniqueConstraint(
            "solver_result_id",
            "package_id",
            "specifier",
            "package_index_id",
            name=op.f("unresolved_solver_result_id_package_id_specifier_package_index_id_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("unresolved_package_id_idx"), "unresolved", ["package_id"])
    op.create_index(
        op.f("unresolved_package_index_id_idx"), "unresolved", ["package_index_id"], unique=False
    )
    op.create_table(
        "vulnerability_release",
        sa.Column("vulnerability_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("release_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["release.id"],
            name=op.f("vulnerability_release_release_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["vulnerability_id"],
            ["vulnerability.id"],
            name=op.f("vulnerability_release_vulnerability_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "vulnerability_id", "release_id", name=op.f("vulnerability_release_pkey")
        ),
    )
    op.create_index(
        op.f("vulnerability_release_release_id_idx"),
        "vulnerability_release",
        ["release_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("vulnerability_release")
    op.drop_table("unresolved")
    op.drop_table("solved")
    op.drop_table("solver_result")
    op.drop_table("rule")
    op.drop_table("vulnerability")
    op.drop_table("software_environment")
    op.drop_table("milestone")
    op.drop_table("hardware_environment")
