"""Advice on stacks: the runs of advisers, what they advised, and what they could not resolve."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension
from thoth.storages.graph.models.run import RunOnStack


class AdviserRun(RunOnStack, Base):
    """A run of an adviser.

    It was asked for at most `count` stacks of the best of at most `limit` that it would score.
    """

    __tablename__ = "adviser_run"

    count: Mapped[int | None]
    limit: Mapped[int | None]
    recommendation_type: Mapped[str | None] = mapped_column(Text(collation="C"))
    decision_type: Mapped[str | None] = mapped_column(Text)
    predictor: Mapped[str | None] = mapped_column(Text)


class AdviserProduct(Base, BaseExtension):
    """A stack that an adviser recommends; the best of a run has rank 0."""

    __tablename__ = "adviser_product"
    __table_args__ = (Index(None, "software_stack_id"),)

    adviser_run_id: Mapped[int] = mapped_column(
        ForeignKey("adviser_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    software_stack_id: Mapped[int | None] = mapped_column(
        ForeignKey("software_stack.id", ondelete="SET NULL")
    )
    score: Mapped[float | None]
    justification: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))


class AdviserUnresolved(Base, BaseExtension):
    """A package of which an adviser found no release that would do.

    `specifier` is what it was asked for, empty where nobody said.
    """

    __tablename__ = "adviser_unresolved"
    __table_args__ = (Index(None, "package_id", "adviser_run_id"),)

    adviser_run_id: Mapped[int] = mapped_column(
        ForeignKey("adviser_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    package_id: Mapped[int] = mapped_column(
        ForeignKey("package.id"), primary_key=True, autoincrement=False
    )
    specifier: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
