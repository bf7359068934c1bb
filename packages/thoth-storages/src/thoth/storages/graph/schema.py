"""Which revision the code's schema has and which the database's, without importing Alembic.

Revisions are numbered, 0001 upwards, and their files are named after them
(`r0001_what_it_does.py`), so the newest is known from the folder alone. What changes a schema
lives in `migrations`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import errors

if TYPE_CHECKING:
    from thoth.storages.graph.connections import Connection

SCRIPTS = Path(__file__).parent.parent / "data" / "alembic"
_REVISION_FILE = re.compile(r"r(\d{4})_\w+\.py")


def script_revisions() -> tuple[str, ...]:
    """Return the revisions that this code knows, oldest first."""
    names = (entry.name for entry in (SCRIPTS / "versions").iterdir())
    return tuple(sorted(match[1] for match in map(_REVISION_FILE.fullmatch, names) if match))


def table_revision(connection: Connection) -> str | None:
    """Return the revision that the database is marked with; None where it has no mark."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])
