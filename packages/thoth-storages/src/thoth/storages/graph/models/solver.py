"""What solvers found out: which releases install in which environment."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension


class SolverResult(Base):
    """A solver document: one run in one environment.

    `solver_name` is the first part of its id (`solver-rhel-8-py311`). `created_at` is when the
    solver ran, `duration` how long, in seconds. `unparsed` are requirements that it could not read.
    """

    __tablename__ = "solver_result"
    __table_args__ = (
        UniqueConstraint("document_id"),
        Index(None, "software_environment_id", "created_at"),
        Index(None, "solver_name"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    software_environment_id: Mapped[int] = mapped_column(ForeignKey("software_environment.id"))
    duration: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    document_id: Mapped[str] = mapped_column(Text(collation="C"))
    solver_name: Mapped[str] = mapped_column(Text(collation="C"))
    solver_version: Mapped[str | None] = mapped_column(Text)
    unparsed: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))


class Solved(Base, BaseExtension):
    """A solver's result on one release.

    `error` says that it could not be installed: `unsolvable` where no such release was to be had,
    `unparseable` where its metadata could not be read; `error_type` and `details` are the solver's.
    """

    __tablename__ = "solved"
    __table_args__ = (
        Index(None, "solver_result_id"),
        CheckConstraint("error OR NOT (unsolvable OR unparseable)", name="error"),
    )

    release_id: Mapped[int] = mapped_column(
        ForeignKey("release.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    solver_result_id: Mapped[int] = mapped_column(
        ForeignKey("solver_result.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    error: Mapped[bool]
    unsolvable: Mapped[bool] = mapped_column(server_default=text("false"))
    unparseable: Mapped[bool] = mapped_column(server_default=text("false"))
    error_type: Mapped[str | None] = mapped_column(Text)
    details: Mapped[str | None] = mapped_column(Text)


class Unresolved(Base, BaseExtension):
    """A package of which a solver found no release in the versions that it was asked for.

    `specifier` is what it was asked for, empty where any version would have done.
    """

    __tablename__ = "unresolved"
    __table_args__ = (
        UniqueConstraint(
            "solver_result_id",
            "package_id",
            "specifier",
            "package_index_id",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "package_id"),
        Index(None, "package_index_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    solver_result_id: Mapped[int] = mapped_column(
        ForeignKey("solver_result.id", ondelete="CASCADE")
    )
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"))
    package_index_id: Mapped[int | None] = mapped_column(ForeignKey("package_index.id"))
    specifier: Mapped[str] = mapped_column(Text(collation="C"))
