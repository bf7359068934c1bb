"""Thoth Storages: the knowledge graph and the documents of Thoth.

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thoth.storages.documents.ceph import CephStore
    from thoth.storages.documents.ids import new_document_id
    from thoth.storages.documents.inspections import InspectionsStore, InspectionStore
    from thoth.storages.documents.other_stores import (
        AdvisersCacheStore,
        AnalysesCacheStore,
        BuildLogsStore,
        CephCache,
        GraphBackupStore,
        ProvenanceCacheStore,
    )
    from thoth.storages.documents.results import (
        AdvisersResultsStore,
        AnalysisResultsStore,
        DependencyMonkeyReportsStore,
        DependencyMonkeyRequestsStore,
        ProvenanceResultsStore,
        ResultStorageBase,
        RevSolverResultsStore,
        SolverResultsStore,
        ValidationResultsStore,
    )
    from thoth.storages.exceptions import (
        AlreadyConnectedError,
        AnswerTooLargeError,
        BucketNotFoundError,
        CorruptDocumentError,
        DatabaseBusyError,
        DatabaseError,
        DatabaseRefusedError,
        DatabaseUnreachableError,
        DocumentExistsError,
        DocumentStoreError,
        DocumentTooLargeError,
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
        StoreFullError,
        StoreRefusedError,
        StoreUnreachableError,
        SyncWorkerError,
        UnexpectedKeyError,
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
    from thoth.storages.settings import GraphServer, ObjectStoreServer, StoragesSettings
    from thoth.storages.sync.handlers import HANDLERS_MAPPING, Handler
    from thoth.storages.sync.metrics import SyncMetrics
    from thoth.storages.sync.run import SyncCounts, sync_documents

__all__ = [
    "HANDLERS_MAPPING",
    "AdvisersCacheStore",
    "AdvisersResultsStore",
    "AlreadyConnectedError",
    "AnalysesCacheStore",
    "AnalysisResultsStore",
    "AnswerTooLargeError",
    "ArtifactMetadataRecord",
    "ArtifactMetadataStore",
    "ArtifactRecord",
    "BucketNotFoundError",
    "BuildLogsStore",
    "CephCache",
    "CephStore",
    "CorruptDocumentError",
    "DatabaseBusyError",
    "DatabaseError",
    "DatabaseRefusedError",
    "DatabaseUnreachableError",
    "DependencyMonkeyReportsStore",
    "DependencyMonkeyRequestsStore",
    "DocumentExistsError",
    "DocumentStoreError",
    "DocumentTooLargeError",
    "EmbeddedServerError",
    "FinishedJob",
    "GraphBackupStore",
    "GraphDatabase",
    "GraphServer",
    "Handler",
    "InUseError",
    "InspectionStore",
    "InspectionsStore",
    "InvalidArgumentError",
    "InvalidDocumentError",
    "InvalidRecordError",
    "JobRecord",
    "NewValidation",
    "NotConnectedError",
    "NotFoundError",
    "ObjectStoreServer",
    "PageRecord",
    "PageStamp",
    "PageStore",
    "ProvenanceCacheStore",
    "ProvenanceResultsStore",
    "ReleaseMetadataRecord",
    "ReleaseRecord",
    "ReleaseStore",
    "ResultStorageBase",
    "RevSolverResultsStore",
    "SchemaMismatchError",
    "SettingsError",
    "SolverResultsStore",
    "StoragesError",
    "StoragesSettings",
    "StoreFullError",
    "StoreRefusedError",
    "StoreUnreachableError",
    "SyncCounts",
    "SyncMetrics",
    "SyncWorkerError",
    "UnexpectedKeyError",
    "ValidationRecord",
    "ValidationResultsStore",
    "ValidationStore",
    "new_document_id",
    "sync_documents",
]

_HOMES = {
    "AdvisersCacheStore": "documents.other_stores",
    "AdvisersResultsStore": "documents.results",
    "AnalysesCacheStore": "documents.other_stores",
    "AnalysisResultsStore": "documents.results",
    "ArtifactMetadataRecord": "graph.records",
    "ArtifactMetadataStore": "graph.queries.artifact_metadata",
    "ArtifactRecord": "graph.release_records",
    "BuildLogsStore": "documents.other_stores",
    "CephCache": "documents.other_stores",
    "CephStore": "documents.ceph",
    "DependencyMonkeyReportsStore": "documents.results",
    "DependencyMonkeyRequestsStore": "documents.results",
    "FinishedJob": "graph.validation_records",
    "GraphBackupStore": "documents.other_stores",
    "GraphDatabase": "graph.database",
    "GraphServer": "settings",
    "HANDLERS_MAPPING": "sync.handlers",
    "Handler": "sync.handlers",
    "InspectionStore": "documents.inspections",
    "InspectionsStore": "documents.inspections",
    "JobRecord": "graph.validation_records",
    "NewValidation": "graph.validation_records",
    "ObjectStoreServer": "settings",
    "PageRecord": "graph.records",
    "PageStamp": "graph.records",
    "PageStore": "graph.queries.pages",
    "ProvenanceCacheStore": "documents.other_stores",
    "ProvenanceResultsStore": "documents.results",
    "ReleaseMetadataRecord": "graph.release_records",
    "ReleaseRecord": "graph.release_records",
    "ReleaseStore": "graph.queries.releases",
    "ResultStorageBase": "documents.results",
    "RevSolverResultsStore": "documents.results",
    "SolverResultsStore": "documents.results",
    "StoragesSettings": "settings",
    "SyncCounts": "sync.run",
    "SyncMetrics": "sync.metrics",
    "ValidationRecord": "graph.validation_records",
    "ValidationResultsStore": "documents.results",
    "ValidationStore": "graph.queries.validations",
    "new_document_id": "documents.ids",
    "sync_documents": "sync.run",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES.get(name, 'exceptions')}")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
