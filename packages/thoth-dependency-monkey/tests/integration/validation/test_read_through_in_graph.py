"""The read-through index over the knowledge graph: what one process learns, the next one knows."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from msgspec.structs import replace

from thoth.dependency_monkey.testing import IndexServer, InMemoryIndex
from thoth.dependency_monkey.validation.simple_page import files_of
from thoth.dependency_monkey.validation.store import GraphFactStore, metadata_key
from thoth.storages import GraphDatabase
from thoth.storages.testing import empty_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thoth.storages import StoragesSettings
    from thoth.storages.graph.connections import ConnectionParameters


@pytest.fixture(scope="module")
def store(
    server_parameters: ConnectionParameters, migrated_database: StoragesSettings
) -> Iterator[GraphFactStore]:
    with (
        empty_database(server_parameters, like=migrated_database) as settings,
        GraphDatabase(settings) as graph,
    ):
        yield GraphFactStore(graph)


def test_it_serves_from_the_graph_what_it_recorded_there(
    store: GraphFactStore, read_through: Callable[..., Any]
) -> None:
    with IndexServer(etags=True) as index:
        for version in ("1.0", "2.0", "10.0"):
            index.add("boto3", version, requires_dist=["six"], sdist=True)
        index.add("six", "1.0", uploaded=datetime(2020, 1, 1, tzinfo=UTC))
        first = read_through(main=index.url, store=store)
        expected = _everything(first)
        _wait_until_recorded(store, index)
        asked = len(index.requests)
        second = read_through(main=index.url, store=store)
        assert _everything(second) == expected
        assert len(index.requests) == asked
        stale = read_through(main=index.url, store=store, max_age=0.0)
        assert _everything(stale) == expected
        conditional = [r for r in index.requests[asked:] if "if-none-match" in r.headers]
        assert conditional
        assert {request.status for request in conditional} == {304}
        assert not any(r.path.startswith("/files/") for r in index.requests[asked:])


def _everything(site: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    headers = {"accept": "application/vnd.pypi.simple.v1+json"}
    with httpx2.Client(trust_env=False, headers=headers) as client:
        for name in ("boto3", "six", "absent"):
            page = client.get(f"{site.url}{name}/")
            found[name] = page.status_code if page.is_error else page.json()
            for file in [] if page.is_error else page.json()["files"]:
                url = f"{site.root}/index/main/files/{name}/{file['filename']}.metadata"
                found[file["filename"]] = client.get(url).content
    return found


def _wait_until_recorded(store: GraphFactStore, index: IndexServer) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        page = store.pages(index.url, ["boto3"]).get("boto3")
        six = store.pages(index.url, ["six", "absent"])
        if page is not None and len(six) == 2:
            whole = page_with_artifacts(store, page)
            keys = [metadata_key(page.index_url, artifact) for _, artifact in files_of(whole)]
            if len(store.metadata(keys)) == len(keys):
                return
        time.sleep(0.02)


def page_with_artifacts(store: GraphFactStore, page: Any) -> Any:
    return replace(page, artifacts=store.page_artifacts(page))


def test_artifacts_of_a_page_that_has_changed_are_not_given(store: GraphFactStore) -> None:
    with IndexServer() as index:
        index.add("six", "1.0")
        url = index.url
    memory = InMemoryIndex({"six": {"1.0": []}}, url=url)
    page = asyncio.run(memory.page("six"))
    store.record_pages(url, [page])
    assert store.page_artifacts(page) == page.artifacts
    assert store.page_artifacts(replace(page, digest="0" * 64)) is None
    absent = asyncio.run(memory.page("absent"))
    assert store.page_artifacts(absent) is None
