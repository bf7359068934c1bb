"""What stacks run on: operating systems with their Python, and hardware."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class SoftwareEnvironment(Base):
    """An operating system and a Python; `markers` are its PEP 508 variables where they are known.

    What is unknown is an empty text, so that the natural key has no nulls.
    """

    __tablename__ = "software_environment"
    __table_args__ = (UniqueConstraint("os_name", "os_version", "python_version"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    os_name: Mapped[str] = mapped_column(Text(collation="C"))
    os_version: Mapped[str] = mapped_column(Text(collation="C"))
    python_version: Mapped[str] = mapped_column(Text(collation="C"))
    markers: Mapped[dict[str, str] | None] = mapped_column(JSONB)


class HardwareEnvironment(Base):
    """Hardware that stacks were built or run on, or are to run on; each stored once.

    `digest` is the SHA-256 of its canonical JSON. `is_external` says that a user described it,
    false that it is ours. Sizes are in bytes. `other` holds what no column is for.
    """

    __tablename__ = "hardware_environment"
    __table_args__ = (
        UniqueConstraint("is_external", "digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    is_external: Mapped[bool]
    cpu_family: Mapped[int | None]
    cpu_model: Mapped[int | None]
    cpu_physical_cpus: Mapped[int | None]
    cpu_cores: Mapped[int | None]
    gpu_cores: Mapped[int | None]
    gpu_memory_size: Mapped[int | None] = mapped_column(BigInteger)
    ram_size: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    cpu_vendor: Mapped[str | None] = mapped_column(Text)
    cpu_model_name: Mapped[str | None] = mapped_column(Text)
    gpu_vendor: Mapped[str | None] = mapped_column(Text)
    gpu_model_name: Mapped[str | None] = mapped_column(Text)
    other: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
