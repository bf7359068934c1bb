"""Results: the answers to validations, each stored once."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, storage


class Result(Base):
    """An encoded answer, opaque here, by its SHA-256; any number of jobs point to it.

    `used_at` is when a job last began to point to it: retention removes it only some time later.
    """

    __tablename__ = "result"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        Index(None, "used_at"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    content: Mapped[bytes] = mapped_column(LargeBinary)


storage(Result.__table__, "ALTER COLUMN content SET STORAGE EXTERNAL")
