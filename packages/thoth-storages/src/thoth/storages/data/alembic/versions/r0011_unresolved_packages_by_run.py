"""An index that tells how many runs of advisers did not resolve a package.

Revision 0011, after 0010.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = "adviser_unresolved"
_FORMER = "adviser_unresolved_package_id_idx"
_NEW = "adviser_unresolved_package_id_adviser_run_id_idx"


def upgrade() -> None:
    op.create_index(
        op.f(_NEW), _TABLE, ["package_id", "adviser_run_id"], unique=False, if_not_exists=True
    )
    op.drop_index(op.f(_FORMER), table_name=_TABLE, if_exists=True)


def downgrade() -> None:
    op.create_index(op.f(_FORMER), _TABLE, ["package_id"], unique=False, if_not_exists=True)
    op.drop_index(op.f(_NEW), table_name=_TABLE, if_exists=True)
