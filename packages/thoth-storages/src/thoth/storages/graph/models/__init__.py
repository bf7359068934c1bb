"""The tables of the knowledge graph, typed; a module per concern.

The models are the truth that `alembic revision --autogenerate` compares a database with. Rows
never leave this distribution: the query families give out records.
"""

from __future__ import annotations

from thoth.storages.graph.models.artifact_metadata import ArtifactMetadata
from thoth.storages.graph.models.base import Base
from thoth.storages.graph.models.package_index import PackageIndex
from thoth.storages.graph.models.page import Page
from thoth.storages.graph.models.result import Result
from thoth.storages.graph.models.validation import Validation, ValidationJob

__all__ = [
    "ArtifactMetadata",
    "Base",
    "PackageIndex",
    "Page",
    "Result",
    "Validation",
    "ValidationJob",
]
