"""Declared dependencies: which release requires what."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension


class Requirement(Base):
    """A constraint on a package as metadata declares it (PEP 508), each stored once.

    `digest` is the SHA-256 of its canonical text. `bounds` are the ascending thresholds of the
    version keys that it admits: a key is admitted where `width_bucket(key, bounds)` is odd; null
    where the specifier cannot be understood. `marker_extras` are the extras of the *declaring*
    package that its marker names, `extras` those of the required package that it asks for. `url`
    is that of a direct reference.
    """

    __tablename__ = "requirement"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index(None, "package_id"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    specifier: Mapped[str] = mapped_column(Text)
    bounds: Mapped[list[bytes] | None] = mapped_column(ARRAY(LargeBinary))
    extras: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    marker_extras: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    marker: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)


class Dependency(Base, BaseExtension):
    """A release declares a requirement: one row, whatever the environment.

    The table that grows most, hence nothing but its natural key, which leads from a release to what
    it needs; the other index leads from a requirement to its dependents.
    """

    __tablename__ = "dependency"
    __table_args__ = (Index(None, "requirement_id"),)

    release_id: Mapped[int] = mapped_column(
        ForeignKey("release.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    requirement_id: Mapped[int] = mapped_column(
        ForeignKey("requirement.id"), primary_key=True, autoincrement=False
    )
