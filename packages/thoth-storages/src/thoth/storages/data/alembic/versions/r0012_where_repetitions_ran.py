"""Indexes that tell where repetitions of inspections ran, without their rows, which are wide.

Revision 0012, after 0011.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("inspection_result_id_idx"),
        "inspection_result",
        ["id"],
        unique=False,
        postgresql_include=[
            "inspection_id",
            "hardware_environment_id",
            "software_environment_id",
        ],
        if_not_exists=True,
    )
    op.create_index(
        op.f("inspection_id_idx"),
        "inspection",
        ["id"],
        unique=False,
        postgresql_include=["software_stack_id", "run_hardware_environment_id"],
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index(op.f("inspection_id_idx"), table_name="inspection")
    op.drop_index(op.f("inspection_result_id_idx"), table_name="inspection_result")
