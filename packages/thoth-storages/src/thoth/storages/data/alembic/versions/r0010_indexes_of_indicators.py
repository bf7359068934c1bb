"""Indexes for questions on performance indicators that have no table of their own.

Revision 0010, after 0009.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("performance_indicator_name_component_idx"),
        "performance_indicator",
        ["name", "component"],
        unique=False,
        if_not_exists=True,
    )
    op.create_index(
        op.f("performance_indicator_parameters_idx"),
        "performance_indicator",
        ["parameters"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"parameters": "jsonb_path_ops"},
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index(op.f("performance_indicator_parameters_idx"), table_name="performance_indicator")
    op.drop_index(
        op.f("performance_indicator_name_component_idx"), table_name="performance_indicator"
    )
