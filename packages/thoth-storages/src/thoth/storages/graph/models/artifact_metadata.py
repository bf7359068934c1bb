"""The core metadata of artifacts."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class ArtifactMetadata(Base):
    """The core metadata of one artifact, or why there is none.

    `key` is 32 bytes by which the caller tells artifacts apart. `facts` are opaque here (`format`
    says how they are encoded) and null where the release is opaque; then `opaque` says why.
    `content` is the core metadata file itself.
    """

    __tablename__ = "artifact_metadata"
    __table_args__ = (
        CheckConstraint("octet_length(key) = 32", name="key"),
        CheckConstraint("(facts IS NULL) = (opaque IS NOT NULL)", name="opaque"),
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    format: Mapped[int] = mapped_column(SmallInteger)
    origin: Mapped[str] = mapped_column(Text)
    needs_build: Mapped[bool]
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    opaque: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[bytes | None] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary)
