"""How attempts at jobs ended that came to no answer.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default rewrites no table, and the former release's code can still insert.
    for name in ("crashes", "interruptions"):
        column = sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        op.add_column("validation_job", column)


def downgrade() -> None:
    for name in ("interruptions", "crashes"):
        op.drop_column("validation_job", name)
