"""Where the artifacts of stacks come from: the runs that checked it, and what they found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from thoth.storages.graph.models.base import Base, BaseExtension
from thoth.storages.graph.models.run import RunOnStack


class ProvenanceRun(RunOnStack, Base):
    """A check of the provenance of a stack."""

    __tablename__ = "provenance_run"


class ProvenanceFinding(Base, BaseExtension):
    """Something that a check found in a stack, numbered from 0.

    `finding_type` is how bad it is (`ERROR`, `WARNING`, `INFO`), `finding_id` which finding it is.
    The release is named, not referred to: that an index has no such release may be the finding.
    `other` holds what the finding says besides.
    """

    __tablename__ = "provenance_finding"
    __table_args__ = (
        Index(None, "package_id"),
        Index(None, "package_index_id"),
        Index(None, "finding_id"),
    )

    provenance_run_id: Mapped[int] = mapped_column(
        ForeignKey("provenance_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    package_id: Mapped[int | None] = mapped_column(ForeignKey("package.id"))
    package_index_id: Mapped[int | None] = mapped_column(
        ForeignKey("package_index.id", ondelete="CASCADE")
    )
    package_version: Mapped[str | None] = mapped_column(Text(collation="C"))
    finding_type: Mapped[str | None] = mapped_column(Text(collation="C"))
    finding_id: Mapped[str | None] = mapped_column(Text(collation="C"))
    justification: Mapped[str | None] = mapped_column(Text)
    other: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
