"""Helpers for tests of what builds on Thoth Storages; only `fixtures` needs a framework, pytest.

`servers` lends real databases and `object_servers` real object stores, `twins` keeps records in
memory, `contracts` and `document_contract` are the test suites that every store passes, the twins
included. `solver_documents`, `inspection_documents` and `run_documents` make documents to sync.
"""

from __future__ import annotations

from thoth.storages.testing.contracts import ArtifactMetadataStoreContract, PageStoreContract
from thoth.storages.testing.document_contract import DocumentStoreContract
from thoth.storages.testing.inspection_documents import (
    dependency_monkey_document,
    inspection_document,
)
from thoth.storages.testing.object_servers import (
    s3_server_from_environment,
    temporary_s3_server,
)
from thoth.storages.testing.run_documents import (
    adviser_document,
    provenance_document,
    revsolver_document,
)
from thoth.storages.testing.servers import (
    connection_variables,
    empty_database,
    served_data_dir,
    temporary_data_dir,
    temporary_database,
    temporary_settings,
)
from thoth.storages.testing.solver_documents import solver_document, solver_documents
from thoth.storages.testing.twins import InMemoryArtifactMetadata, InMemoryPages
from thoth.storages.testing.validation_contract import ValidationStoreContract
from thoth.storages.testing.validation_twin import InMemoryValidations

__all__ = [
    "ArtifactMetadataStoreContract",
    "DocumentStoreContract",
    "InMemoryArtifactMetadata",
    "InMemoryPages",
    "InMemoryValidations",
    "PageStoreContract",
    "ValidationStoreContract",
    "adviser_document",
    "connection_variables",
    "dependency_monkey_document",
    "empty_database",
    "inspection_document",
    "provenance_document",
    "revsolver_document",
    "s3_server_from_environment",
    "served_data_dir",
    "solver_document",
    "solver_documents",
    "temporary_data_dir",
    "temporary_database",
    "temporary_s3_server",
    "temporary_settings",
]
