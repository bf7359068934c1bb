"""Package indexes."""

from __future__ import annotations

from sqlalchemy import Identity, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class PackageIndex(Base):
    """A server of packages of one ecosystem; `url` is canonical and carries no user info."""

    __tablename__ = "package_index"
    __table_args__ = (UniqueConstraint("ecosystem", "url"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
