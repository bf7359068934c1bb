"""Memory, a local folder and servers that speak S3 keep the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages.documents.local import LocalBackend
from thoth.storages.documents.s3 import MemoryBackend, S3Backend
from thoth.storages.testing import (
    DocumentStoreContract,
    s3_server_from_environment,
    temporary_s3_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thoth.storages import ObjectStoreServer


class TestMemory(DocumentStoreContract):
    def make_backend(self) -> MemoryBackend:
        return MemoryBackend()


class TestLocalFolder(DocumentStoreContract):
    MANY = 20

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder: Path = tmp_path_factory.mktemp("documents")

    def make_backend(self) -> LocalBackend:
        return LocalBackend(self.folder)


class TestSeaweedFS(DocumentStoreContract):
    server: ObjectStoreServer

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls) -> Iterator[None]:
        with temporary_s3_server() as cls.server:
            yield

    def make_backend(self) -> S3Backend:
        return S3Backend(self.server)


@pytest.mark.slow
class TestGatewayWithHabitsOfCeph(DocumentStoreContract):
    server: ObjectStoreServer

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, ceph_like: ObjectStoreServer) -> None:
        cls.server = ceph_like

    def make_backend(self) -> S3Backend:
        return S3Backend(self.server)


@pytest.mark.skipif(
    s3_server_from_environment() is None, reason="THOTH_TEST_S3_ENDPOINT_URL names no server"
)
class TestServerOfTheEnvironment(DocumentStoreContract):
    def make_backend(self) -> S3Backend:
        server = s3_server_from_environment()
        assert server is not None
        return S3Backend(server)
