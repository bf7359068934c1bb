"""A validator's way to packages: through a read-through index, as facts, and no other way.

Users know the real indexes: errors name those, never the URL of the read-through index, which may
be that of a worker's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    canonical_index_url,
    without_user_info,
)
from thoth.dependency_monkey.ecosystems.pypi.index.faults import WrongAnswerError
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.transport import (
    Answer,
    Body,
    Nothing,
    Sink,
    Transport,
)
from thoth.dependency_monkey.errors import (
    IndexUnreachableError,
    LimitExceededError,
    UndecidedError,
)
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

_READ_THROUGH = "read-through index"


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
        """Return the indexes behind the URL; None where it is no read-through index of ours.

        Where nobody answers there, it is one index that fails whenever it is asked.
        """
        try:
            fact = await self._transport.fetch(self._url, self._headers, self._sink, _read_if_ours)
        except UndecidedError as error:
            failing = _Failing(_renamed(error, self._url, _READ_THROUGH))
            return [NamedIndex(_READ_THROUGH, _READ_THROUGH, failing)]
        if not isinstance(fact, IndexList):
            return None
        return [
            NamedIndex(name, url, _IndexByFacts(self, url, self._base(name)))
            for name, url in fact.indexes
        ]

    async def ask(self, url: str, shown: str) -> Fact:
        """Return the fact at `url`; errors call it `shown`.

        Raises `IndexUnreachableError` where there is none, and `UndecidedError` with the reason
        that the read-through index gives.
        """
        try:
            fact = await self._transport.fetch(url, self._headers, self._sink, _read)
        except UndecidedError as error:
            raise _renamed(error, url, f"{shown} ({_READ_THROUGH})") from None
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
        shown = f"{self.url}{package}/"
        fact = await self._client.ask(f"{self._base}simple/{package}/", shown)
        if isinstance(fact, PageFact):
            return fact.page
        raise _wrong(shown)

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:  # noqa: ARG002
        """See `PackageIndex.metadata`."""
        url = f"{self._base}files/{package}/{quote(artifact.filename, safe='')}.metadata"
        shown = f"{self.url}{package}/: {artifact.filename}.metadata"
        fact = await self._client.ask(url, shown)
        if isinstance(fact, MetadataFact):
            return fact.metadata
        raise _wrong(shown)


class _Failing:
    """An index that cannot be asked; see `ports.PackageIndex`."""

    def __init__(self, error: UndecidedError) -> None:
        self.url = _READ_THROUGH
        self._error = error

    async def page(self, package: str, known: Page | None = None) -> Page:  # noqa: ARG002
        """See `PackageIndex.page`."""
        raise self._error

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:  # noqa: ARG002
        """See `PackageIndex.metadata`."""
        raise self._error


def _read_if_ours(answer: Answer, sink: Sink) -> Fact | None:
    return _read(answer, sink) if answer.status == 200 and isinstance(sink, Body) else None


def _renamed(error: UndecidedError, url: str, shown: str) -> UndecidedError:
    """Return an error about `url` as one about what the user knows by another name."""
    detail = error.detail.replace(without_user_info(url), shown)
    if isinstance(error, LimitExceededError):
        return LimitExceededError(error.limit, error.allowed, detail)
    return IndexUnreachableError(shown, detail, getattr(error, "status", None))


def _read(answer: Answer, sink: Sink) -> Fact:
    if answer.status != 200:
        raise WrongAnswerError(f"HTTP status {answer.status}", answer.status)
    if not isinstance(sink, Body):
        raise WrongAnswerError(f"not of the type {MEDIA_TYPE}")
    try:
        return decode_fact(bytes(sink.data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongAnswerError(f"malformed: {error}") from None


def _wrong(shown: str) -> IndexUnreachableError:
    return IndexUnreachableError(shown, f"{shown}: not the fact that was asked for")
