"""Software stacks: requirements, and the locks that satisfy them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension


class StackRequirements(Base):
    """The requirements of stacks, each set stored once; `digest` is over their canonical form."""

    __tablename__ = "stack_requirements"
    __table_args__ = (
        UniqueConstraint("ecosystem", "digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text(collation="C"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    requirements: Mapped[dict[str, Any]] = mapped_column(JSONB)


class StackLock(Base):
    """A lock, each stored once; its releases are rows of `StackLockRelease`.

    `digest` is over its canonical form.
    """

    __tablename__ = "stack_lock"
    __table_args__ = (
        UniqueConstraint("ecosystem", "digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text(collation="C"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class StackLockRelease(Base, BaseExtension):
    """A lock contains a release."""

    __tablename__ = "stack_lock_release"
    __table_args__ = (Index(None, "release_id"),)

    stack_lock_id: Mapped[int] = mapped_column(
        ForeignKey("stack_lock.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    release_id: Mapped[int] = mapped_column(
        ForeignKey("release.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class SoftwareStack(Base):
    """A stack that somebody uses or that we made: requirements, a lock, or both.

    `software_stack_type` says where it comes from (`USER`, `INSPECTION`, `ADVISED` ...).
    """

    __tablename__ = "software_stack"
    __table_args__ = (
        UniqueConstraint(
            "stack_requirements_id",
            "stack_lock_id",
            "software_environment_id",
            "software_stack_type",
            "is_external",
            name="software_stack_key",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "stack_lock_id"),
        Index(None, "software_environment_id"),
        CheckConstraint(
            "stack_requirements_id IS NOT NULL OR stack_lock_id IS NOT NULL", name="content"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    stack_requirements_id: Mapped[int | None] = mapped_column(ForeignKey("stack_requirements.id"))
    stack_lock_id: Mapped[int | None] = mapped_column(ForeignKey("stack_lock.id"))
    software_environment_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_environment.id")
    )
    is_external: Mapped[bool]
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    software_stack_type: Mapped[str] = mapped_column(Text(collation="C"))
