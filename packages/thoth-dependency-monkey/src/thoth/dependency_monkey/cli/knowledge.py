"""The knowledge graph behind a run of the command: opened on the side, while work goes on."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from thoth.dependency_monkey.validation.store import GraphFactStore
from thoth.storages import GraphDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.ecosystems.pypi.facts import Metadata, Page


class Knowledge:
    """The knowledge graph of this run, as a fact store; a context manager.

    A graph that does not exist yet takes a second or two to make: until then `is_empty` is true,
    nothing needs to be looked up, and only writing waits. Whatever opening it raises, the first
    call that needs it raises, and so does leaving the context.
    """

    def __init__(self) -> None:
        self._graph = GraphDatabase()
        self.is_empty = self._graph.is_new
        self._opened: Future[GraphFactStore] = Future()
        # A daemon: an interrupted run must not wait for a server to come up.
        self._thread = Thread(target=self._open, name="open-graph", daemon=True)

    def __enter__(self) -> Knowledge:
        """Begin to open the graph."""
        self._thread.start()
        if not self.is_empty:
            self._opened.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the graph."""
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self._thread.join()
        if self._graph.is_connected():
            self._graph.disconnect()
        if kind is None:
            self._opened.result()

    def graph(self) -> GraphDatabase:
        """Return the graph, once it is open."""
        self._opened.result()
        return self._graph

    def _open(self) -> None:
        try:
            self._graph.connect()
            self._graph.initialize_schema()
        except BaseException as error:  # noqa: BLE001 - handed to whoever needs the graph
            self._opened.set_exception(error)
        else:
            self._opened.set_result(GraphFactStore(self._graph))

    def pages(self, index_url: str, packages: Sequence[str]) -> dict[str, Page]:
        """See `FactStore.pages`."""
        return self._opened.result().pages(index_url, packages)

    def artifacts(self, index_url: str, wanted: Sequence[tuple[Page, int]]) -> list[bytes | None]:
        """See `FactStore.artifacts`."""
        return self._opened.result().artifacts(index_url, wanted)

    def record_pages(self, index_url: str, pages: Sequence[Page]) -> None:
        """See `FactStore.record_pages`."""
        self._opened.result().record_pages(index_url, pages)

    def metadata(self, keys: Sequence[bytes]) -> dict[bytes, Metadata]:
        """See `FactStore.metadata`."""
        return self._opened.result().metadata(keys)

    def record_metadata(self, records: Sequence[tuple[bytes, Metadata]]) -> None:
        """See `FactStore.record_metadata`."""
        self._opened.result().record_metadata(records)
