"""${message}.

Revision ${up_revision}${f", after {down_revision}" if down_revision else ", the first"}.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
<%def name="quoted(value)">${f'"{value}"' if isinstance(value, str) else repr(value)}</%def>\
revision = ${quoted(up_revision)}
down_revision = ${quoted(down_revision)}
branch_labels = ${quoted(branch_labels)}
depends_on = ${quoted(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
