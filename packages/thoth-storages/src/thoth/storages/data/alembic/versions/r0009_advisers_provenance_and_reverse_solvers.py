"""What advisers, checks of provenance and reverse solvers reported.

Revision 0009, after 0008.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _run(table: str, *columns: sa.Column[Any], constraints: tuple[sa.Constraint, ...]) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        *columns,
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("error", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("document_id", sa.Text(collation="C"), nullable=False),
        sa.Column("analyzer_version", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("stack_info", postgresql.JSONB(), nullable=True),
        sa.Column("parameters", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        *constraints,
        sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey")),
        sa.UniqueConstraint("document_id", name=op.f(f"{table}_document_id_key")),
    )


def _run_on_stack(table: str, *columns: sa.Column[Any]) -> None:
    _run(
        table,
        sa.Column("stack_requirements_id", sa.Integer(), nullable=True),
        sa.Column("software_environment_id", sa.Integer(), nullable=True),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        *columns,
        sa.Column("origin", sa.Text(), nullable=True),
        constraints=(
            _foreign_key(table, "stack_requirements"),
            _foreign_key(table, "software_environment"),
            _foreign_key(table, "software_stack", ondelete="SET NULL"),
        ),
    )
    for target in ("stack_requirements", "software_environment", "software_stack"):
        _index(table, f"{target}_id")


def _foreign_key(table: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [f"{target}_id"],
        [f"{target}.id"],
        name=op.f(f"{table}_{target}_id_fkey"),
        ondelete=ondelete,
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"{table}_{'_'.join(columns)}_idx"), table, list(columns))


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def upgrade() -> None:
    _run(
        "revsolver_run",
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("package_version", sa.Text(collation="C"), nullable=False),
        constraints=(_foreign_key("revsolver_run", "package"),),
    )
    _index("revsolver_run", "package_id", "package_version")
    op.create_table(
        "revsolver_dependent",
        _key("revsolver_run_id"),
        _key("release_id"),
        _key("requirement_id"),
        _foreign_key("revsolver_dependent", "revsolver_run", ondelete="CASCADE"),
        _foreign_key("revsolver_dependent", "release", ondelete="CASCADE"),
        _foreign_key("revsolver_dependent", "requirement"),
        sa.PrimaryKeyConstraint(
            "revsolver_run_id",
            "release_id",
            "requirement_id",
            name=op.f("revsolver_dependent_pkey"),
        ),
    )
    _index("revsolver_dependent", "release_id")
    _index("revsolver_dependent", "requirement_id")
    _run_on_stack(
        "adviser_run",
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("limit", sa.Integer(), nullable=True),
        sa.Column("recommendation_type", sa.Text(collation="C"), nullable=True),
        sa.Column("decision_type", sa.Text(), nullable=True),
        sa.Column("predictor", sa.Text(), nullable=True),
    )
    op.create_table(
        "adviser_product",
        _key("adviser_run_id"),
        _key("rank"),
        sa.Column("software_stack_id", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column(
            "justification", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False
        ),
        _foreign_key("adviser_product", "adviser_run", ondelete="CASCADE"),
        _foreign_key("adviser_product", "software_stack", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("adviser_run_id", "rank", name=op.f("adviser_product_pkey")),
    )
    _index("adviser_product", "software_stack_id")
    op.create_table(
        "adviser_unresolved",
        _key("adviser_run_id"),
        _key("package_id"),
        sa.Column("specifier", sa.Text(collation="C"), nullable=False),
        _foreign_key("adviser_unresolved", "adviser_run", ondelete="CASCADE"),
        _foreign_key("adviser_unresolved", "package"),
        sa.PrimaryKeyConstraint(
            "adviser_run_id", "package_id", "specifier", name=op.f("adviser_unresolved_pkey")
        ),
    )
    _index("adviser_unresolved", "package_id")
    _run_on_stack("provenance_run")
    op.create_table(
        "provenance_finding",
        _key("provenance_run_id"),
        _key("number"),
        sa.Column("package_id", sa.Integer(), nullable=True),
        sa.Column("package_index_id", sa.Integer(), nullable=True),
        sa.Column("package_version", sa.Text(collation="C"), nullable=True),
        sa.Column("finding_type", sa.Text(collation="C"), nullable=True),
        sa.Column("finding_id", sa.Text(collation="C"), nullable=True),
        sa.Column("justification", sa.Text(), nullable=True),
        sa.Column("other", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        _foreign_key("provenance_finding", "provenance_run", ondelete="CASCADE"),
        _foreign_key("provenance_finding", "package"),
        _foreign_key("provenance_finding", "package_index", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(
            "provenance_run_id", "number", name=op.f("provenance_finding_pkey")
        ),
    )
    for column in ("package_id", "package_index_id", "finding_id"):
        _index("provenance_finding", column)


def downgrade() -> None:
    for table in (
        "provenance_finding",
        "provenance_run",
        "adviser_unresolved",
        "adviser_product",
        "adviser_run",
        "revsolver_dependent",
        "revsolver_run",
    ):
        op.drop_table(table)
