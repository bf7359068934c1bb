"""Pages: what an index says of a package."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, storage


class Page(Base):
    """The page of a package on an index; absent packages have pages too.

    `facts` and `artifacts` are opaque here: `format` says how they are encoded, `digest` is the
    SHA-256 over both. `checked_at` is when the index last confirmed the page, `changed_at` when it
    last gave other facts. No index covers what a check alone changes, so that checks are HOT
    updates, for which `fillfactor` leaves room.
    """

    __tablename__ = "page"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint("present = (facts IS NOT NULL)", name="facts"),
    )

    package_index_id: Mapped[int] = mapped_column(
        ForeignKey("package_index.id", ondelete="CASCADE"), primary_key=True
    )
    package: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    present: Mapped[bool]
    format: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[bytes]
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    checked_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    facts: Mapped[bytes | None] = mapped_column(LargeBinary)
    artifacts: Mapped[bytes | None] = mapped_column(LargeBinary)


storage(
    Page.__table__,
    "SET (fillfactor = 90)",
    "ALTER COLUMN facts SET STORAGE EXTERNAL",
    "ALTER COLUMN artifacts SET STORAGE EXTERNAL",
)
