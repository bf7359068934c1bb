"""Thoth Storages: the knowledge graph and the documents of Thoth.

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thoth.storages.exceptions import (
        AlreadyConnectedError,
        AnswerTooLargeError,
        DatabaseBusyError,
        DatabaseError,
        DatabaseRefusedError,
        DatabaseUnreachableError,
        EmbeddedServerError,
        InUseError,
        InvalidArgumentError,
        InvalidDocumentError,
        InvalidRecordError,
        NotConnectedError,
        NotFoundError,
        SchemaMismatchError,
        SettingsError,
        StoragesError,
    )
    from thoth.storages.graph.database import GraphDatabase
    from thoth.storages.graph.queries.artifact_metadata import ArtifactMetadataStore
    from thoth.storages.graph.queries.pages import PageStore
    from thoth.storages.graph.queries.releases import ReleaseStore
    from thoth.storages.graph.queries.validations import ValidationStore
    from thoth.storages.graph.records import ArtifactMetadataRecord, PageRecord, PageStamp
    from thoth.storages.graph.release_records import (
        ArtifactRecord,
        ReleaseMetadataRecord,
        ReleaseRecord,
    )
    from thoth.storages.graph.validation_records import (
        FinishedJob,
        JobRecord,
        NewValidation,
        ValidationRecord,
    )
    from thoth.storages.settings import GraphServer, StoragesSettings

__all__ = [
    "AlreadyConnectedError",
    "AnswerTooLargeError",
    "ArtifactMetadataRecord",
    "ArtifactMetadataStore",
    "ArtifactRecord",
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseRefusedError",
    "DatabaseUnreachableError",
    "EmbeddedServerError",
    "FinishedJob",
    "GraphDatabase",
    "GraphServer",
    "InUseError",
    "InvalidArgumentError",
    "InvalidDocumentError",
    "InvalidRecordError",
    "JobRecord",
    "NewValidation",
    "NotConnectedError",
    "NotFoundError",
    "PageRecord",
    "PageStamp",
    "PageStore",
    "ReleaseMetadataRecord",
    "ReleaseRecord",
    "ReleaseStore",
    "SchemaMismatchError",
    "SettingsError",
    "StoragesError",
    "StoragesSettings",
    "ValidationRecord",
    "ValidationStore",
]

_HOMES = {
    "ArtifactMetadataRecord": "graph.records",
    "ArtifactMetadataStore": "graph.queries.artifact_metadata",
    "ArtifactRecord": "graph.release_records",
    "FinishedJob": "graph.validation_records",
    "GraphDatabase": "graph.database",
    "GraphServer": "settings",
    "JobRecord": "graph.validation_records",
    "NewValidation": "graph.validation_records",
    "PageRecord": "graph.records",
    "PageStamp": "graph.records",
    "PageStore": "graph.queries.pages",
    "ReleaseMetadataRecord": "graph.release_records",
    "ReleaseRecord": "graph.release_records",
    "ReleaseStore": "graph.queries.releases",
    "StoragesSettings": "settings",
    "ValidationRecord": "graph.validation_records",
    "ValidationStore": "graph.queries.validations",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES.get(name, 'exceptions')}")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
