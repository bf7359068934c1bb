"""A validator's way to packages: through a read-through index, as facts, and no other way."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.index.credentials import canonical_index_url
from thoth.dependency_monkey.ecosystems.pypi.index.faults import WrongAnswerError
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.transport import (
    Answer,
    Body,
    Nothing,
    Sink,
    Transport,
)
from thoth.dependency_monkey.errors import IndexUnreachableError, UndecidedError
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.exchange import (
    MEDIA_TYPE,
    Fact,
    IndexList,
    MetadataFact,
    NoFact,
    PageFact,
    decode_fact,
)

if TYPE_CHECKING:
    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page


class FactsClient:
    """The `pypi` package indexes behind one read-through index; an async context manager.

    `url` is that of `/index/{name}/simple/`. `max_age` in seconds is how old a page may be that the
    read-through index answers with. Raises `RequestError` where `url` is no http or https URL.
    """

    def __init__(self, url: str, *, max_age: float) -> None:
        self._url, credentials = canonical_index_url(url)
        self._limits = IndexLimits()
        self._transport = Transport(self._url, credentials, self._limits)
        self._headers = {
            "accept": MEDIA_TYPE,
            "accept-encoding": "identity",
            "cache-control": f"max-age={int(max_age)}",
        }

    async def __aenter__(self) -> FactsClient:
        """Return itself."""
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        """Close the connections."""
        await self._transport.__aexit__(*details)

    async def indexes(self) -> list[NamedIndex] | None:
        """Return the indexes behind the URL; None where it is no read-through index of ours."""
        try:
            fact = await self.ask(self._url)
        except IndexUnreachableError:
            return None
        if not isinstance(fact, IndexList):
            return None
        return [
            NamedIndex(name, url, _IndexByFacts(self, url, self._base(name)))
            for name, url in fact.indexes
        ]

    async def ask(self, url: str) -> Fact:
        """Return the fact at `url`.

        Raises `IndexUnreachableError` where there is none, and `UndecidedError` with the reason
        that the read-through index gives.
        """
        fact = await self._transport.fetch(url, self._headers, self._sink, _read)
        if isinstance(fact, NoFact):
            raise UndecidedError(fact.reason, fact.detail)
        return fact

    def _base(self, name: str) -> str:
        return urljoin(self._url, f"../../{quote(name, safe='')}/")

    def _sink(self, answer: Answer) -> Sink:
        if answer.headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE:
            return Body("page_bytes", self._limits.page_bytes)
        return Nothing()


class _IndexByFacts:
    """One real index; see `ports.PackageIndex`."""

    def __init__(self, client: FactsClient, url: str, base: str) -> None:
        self.url = url
        self._client = client
        self._base = base

    async def page(self, package: str, known: Page | None = None) -> Page:  # noqa: ARG002
        """See `PackageIndex.page`; what is known already is the read-through index's to know."""
        url = f"{self._base}simple/{package}/"
        fact = await self._client.ask(url)
        if isinstance(fact, PageFact):
            return fact.page
        raise _wrong(url)

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:  # noqa: ARG002
        """See `PackageIndex.metadata`."""
        url = f"{self._base}files/{package}/{quote(artifact.filename, safe='')}.metadata"
        fact = await self._client.ask(url)
        if isinstance(fact, MetadataFact):
            return fact.metadata
        raise _wrong(url)


def _read(answer: Answer, sink: Sink) -> Fact:
    if answer.status != 200:
        raise WrongAnswerError(f"HTTP status {answer.status}", answer.status)
    if not isinstance(sink, Body):
        raise WrongAnswerError(f"not of the type {MEDIA_TYPE}")
    try:
        return decode_fact(bytes(sink.data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongAnswerError(f"malformed: {error}") from None


def _wrong(url: str) -> IndexUnreachableError:
    return IndexUnreachableError(url, f"{url}: not the fact that was asked for")
