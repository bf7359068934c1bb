"""The stores in PostgreSQL and their twins in memory keep the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages.testing import (
    ArtifactMetadataStoreContract,
    InMemoryArtifactMetadata,
    InMemoryPages,
    InMemoryValidations,
    PageStoreContract,
    ValidationStoreContract,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import ArtifactMetadataStore, GraphDatabase, PageStore, ValidationStore


class TestInMemoryPages(PageStoreContract):
    def make_store(self) -> InMemoryPages:
        return InMemoryPages()


class TestInMemoryArtifactMetadata(ArtifactMetadataStoreContract):
    def make_store(self) -> InMemoryArtifactMetadata:
        return InMemoryArtifactMetadata()


class TestInMemoryValidations(ValidationStoreContract):
    def make_store(self) -> InMemoryValidations:
        return InMemoryValidations()


class _InPostgreSQL:
    @pytest.fixture(autouse=True)
    def _use_graph(self, graph: GraphDatabase, empty_tables: Callable[[], None]) -> None:
        self.graph = graph
        self.empty = empty_tables


class TestPageStore(_InPostgreSQL, PageStoreContract):
    def make_store(self) -> PageStore:
        self.empty()
        return self.graph.pages


class TestArtifactMetadataStore(_InPostgreSQL, ArtifactMetadataStoreContract):
    def make_store(self) -> ArtifactMetadataStore:
        self.empty()
        return self.graph.artifact_metadata


class TestValidationStore(_InPostgreSQL, ValidationStoreContract):
    def make_store(self) -> ValidationStore:
        self.empty()
        return self.graph.validations
