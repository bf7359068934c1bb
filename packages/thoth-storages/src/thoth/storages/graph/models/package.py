"""Packages, their releases and the files of these."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base


class Package(Base):
    """A named project of an ecosystem; `name` is normalised as the ecosystem does it."""

    __tablename__ = "package"
    __table_args__ = (UniqueConstraint("ecosystem", "name"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    ecosystem: Mapped[str] = mapped_column(Text(collation="C"))
    name: Mapped[str] = mapped_column(Text(collation="C"))


class Release(Base):
    """One version of a package on one index; the index is null where nobody said.

    `version_key` orders versions as their ecosystem does (null where the version is not one of its
    versions). `is_missing` says that the index had it once and has it no more.
    `provides_source_distro` is null where nobody looked. `uploaded_at` is when its first artifact
    was uploaded, `recorded_at` when the graph learnt of it. `dependencies_digest` is the SHA-256
    over the declared dependencies as they were recorded last: null where they are unknown, so that
    a release without dependencies and one that nobody looked into are told apart.
    """

    __tablename__ = "release"
    __table_args__ = (
        UniqueConstraint(
            "package_id", "version", "package_index_id", postgresql_nulls_not_distinct=True
        ),
        Index(None, "package_id", "version_key", "version"),
        Index(None, "package_index_id"),
        CheckConstraint("octet_length(dependencies_digest) = 32", name="dependencies_digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    package_index_id: Mapped[int | None] = mapped_column(ForeignKey("package_index.id"))
    is_missing: Mapped[bool] = mapped_column(server_default=text("false"))
    yanked: Mapped[bool] = mapped_column(server_default=text("false"))
    provides_source_distro: Mapped[bool | None]
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    uploaded_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    version: Mapped[str] = mapped_column(Text(collation="C"))
    version_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    dependencies_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    requires_python: Mapped[str | None] = mapped_column(Text)
    yanked_reason: Mapped[str | None] = mapped_column(Text)


class ReleaseMetadata(Base):
    """What a release says of itself (core metadata), dependencies apart.

    `license_expression` is PEP 639's, `license` the older free text. `import_packages` are the
    names that it can be imported by. `other` holds the remaining fields, by their names in the
    JSON form of core metadata (PEP 566).
    """

    __tablename__ = "release_metadata"
    __table_args__ = (
        Index(None, "license_expression"),
        Index("release_metadata_license_idx", text("left(license, 200)")),
        Index(None, "classifiers", postgresql_using="gin"),
        Index(None, "import_packages", postgresql_using="gin"),
    )

    release_id: Mapped[int] = mapped_column(
        ForeignKey("release.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    metadata_version: Mapped[str | None] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str | None] = mapped_column(Text)
    author_email: Mapped[str | None] = mapped_column(Text)
    maintainer: Mapped[str | None] = mapped_column(Text)
    maintainer_email: Mapped[str | None] = mapped_column(Text)
    license: Mapped[str | None] = mapped_column(Text)
    license_expression: Mapped[str | None] = mapped_column(Text)
    home_page: Mapped[str | None] = mapped_column(Text)
    download_url: Mapped[str | None] = mapped_column(Text)
    keywords: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    description_content_type: Mapped[str | None] = mapped_column(Text)
    platforms: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    classifiers: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    import_packages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    project_urls: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    other: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class ReleaseChange(Base):
    """Something that changed in a release that was known already.

    `kind` says what: `yanked`, `unyanked`, `missing`, `found`, `requires-python`, `artifact`,
    `dependencies`; `detail` what is so since then. A release's first record is no change of it.
    """

    __tablename__ = "release_change"
    __table_args__ = (Index(None, "release_id", "changed_at"), Index(None, "changed_at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id", ondelete="CASCADE"))
    changed_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    kind: Mapped[str] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)


class Artifact(Base):
    """One file of a release.

    `filename` is null where only a hash was reported, `sha256` where the index gives none; at least
    one is known. `kind` is `wheel`, `sdist` or another, null where it is unknown; `tags` are a
    wheel's (PEP 425), `size` is in bytes. `present` is false once the file is gone from the index.
    """

    __tablename__ = "artifact"
    __table_args__ = (
        UniqueConstraint("release_id", "filename", "sha256", postgresql_nulls_not_distinct=True),
        Index(None, "sha256"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint("filename IS NOT NULL OR sha256 IS NOT NULL", name="known"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id", ondelete="CASCADE"))
    yanked: Mapped[bool] = mapped_column(server_default=text("false"))
    present: Mapped[bool] = mapped_column(server_default=text("true"))
    size: Mapped[int | None] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    uploaded_at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    filename: Mapped[str | None] = mapped_column(Text(collation="C"))
    kind: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
