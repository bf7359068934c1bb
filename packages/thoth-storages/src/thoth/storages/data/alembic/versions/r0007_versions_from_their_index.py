"""The versions of a package come in their order from one index, without a look at the releases.

Revision 0007, after 0006.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FORMER = ["package_id", "version_key"]
WITH_VERSION = [*FORMER, "version"]


def upgrade() -> None:
    _replace(FORMER, WITH_VERSION)


def downgrade() -> None:
    _replace(WITH_VERSION, FORMER)


def _replace(old: list[str], new: list[str]) -> None:
    op.create_index(op.f(f"release_{'_'.join(new)}_idx"), "release", new)
    op.drop_index(op.f(f"release_{'_'.join(old)}_idx"), "release")
