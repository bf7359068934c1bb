"""Package indexes."""

from __future__ import annotations

from sqlalchemy import Identity, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class PackageIndex(Base):
    """A server of packages of one ecosystem; `url` is canonical and carries no user info.

    `enabled` says that tasks are to use it, `only_if_package_seen` that they look there only for
    packages that it is known to have; `warehouse_api_url` is that of Warehouse's JSON API.
    """

    __tablename__ = "package_index"
    __table_args__ = (UniqueConstraint("ecosystem", "url"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    verify_ssl: Mapped[bool] = mapped_column(server_default=text("true"))
    enabled: Mapped[bool] = mapped_column(server_default=text("false"))
    only_if_package_seen: Mapped[bool] = mapped_column(server_default=text("true"))
    warehouse_api_url: Mapped[str | None] = mapped_column(Text)
