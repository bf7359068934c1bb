"""`HttpIndex`: the port to a real package index, over HTTP."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

from msgspec.structs import replace

from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
from thoth.dependency_monkey.ecosystems.pypi.index.artifacts import (
    ArtifactReader,
    UnavailableError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.core_metadata import parse_core_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    Credentials,
    canonical_index_url,
)
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    ArchiveError,
    MetadataError,
    WrongAnswerError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.pages import ACCEPT, absent_page, parse_page
from thoth.dependency_monkey.ecosystems.pypi.index.transport import (
    Answer,
    Body,
    RefusedTargetError,
    Sink,
    Transport,
)
from thoth.dependency_monkey.errors import IndexUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

_NEEDS_BUILD = "its source distribution does not state its dependencies for good (PEP 643)"
_OLD_FORMAT = "its source distribution is of a format older than static metadata (PEP 625)"


def _now() -> datetime:
    return datetime.now(UTC)


class HttpIndex:
    """A package index that is asked over HTTP, the `PackageIndex` of real use.

    `url` may hold user info; `credentials` given apart win over it. They are sent to the index's
    own origin alone and appear in no error. With `trust_env`, proxies and certificates come from
    the usual variables (see `connections`). Use as an async context manager, within one event loop.

    Raises `RequestError` where `url` is no http or https URL.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        limits: IndexLimits | None = None,
        trust_env: bool = True,
        clock: Callable[[], datetime] = _now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._url, found = canonical_index_url(url)
        self._limits = limits or IndexLimits()
        self._clock = clock
        self._transport = Transport(
            self._url, credentials or found, self._limits, trust_env=trust_env, jitter=jitter
        )
        self._artifacts = ArtifactReader(self._transport, self._limits)

    @property
    def url(self) -> str:
        """The canonical URL: no user info, trailing slash, default port dropped."""
        return self._url

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._transport.__aexit__(*details)

    async def page(self, package: str, known: Page | None = None) -> Page:
        """Ask for the page of a package; see `PackageIndex.page`.

        An unchanged page is recognised by the validators of `known` (304), else by its digest.
        """
        headers = {"accept": ACCEPT, "accept-encoding": "gzip", **_conditions(known)}

        def sink(_: Answer) -> Sink:
            return Body("page_bytes", self._limits.page_bytes)

        def read(answer: Answer, body: Sink) -> Page:
            if answer.status == 304 and known is not None:
                return replace(known, checked_at=self._clock())
            if answer.status in (404, 410):
                parsed = absent_page()
            elif answer.status == 200 and isinstance(body, Body):
                parsed = parse_page(
                    bytes(body.data),
                    answer.headers.get("content-type", ""),
                    answer.url,
                    package,
                    self._limits,
                )
            else:
                raise _refused(answer)
            return Page(
                index_url=self._url,
                package=package,
                facts=parsed.facts,
                artifacts=parsed.artifacts,
                digest=parsed.digest,
                checked_at=self._clock(),
                etag=answer.headers.get("etag"),
                last_modified=answer.headers.get("last-modified"),
            )

        return await self._transport.fetch(f"{self._url}{package}/", headers, sink, read)

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:
        """Ask for the core metadata of an artifact; see `PackageIndex.metadata`.

        In this order: the `.metadata` file where the index offers one; a wheel's METADATA by range
        requests, or an sdist's PKG-INFO where it is static. A `.metadata` file that is missing,
        malformed or does not have its hash is passed over for the artifact itself.
        """
        if artifact.metadata_sha256 is not None:
            found = await self._beside(package, version, artifact)
            if found is not None:
                return found
        try:
            if artifact.kind == "wheel":
                content = await self._artifacts.wheel_metadata(artifact, package, version)
            elif artifact.filename.lower().endswith((".tar.gz", ".tgz", ".zip")):
                content = await self._artifacts.sdist_metadata(artifact)
            else:
                return _opaque(_OLD_FORMAT, needs_build=True)
            return self._read(content, package, version, artifact, artifact.kind)
        except (UnavailableError, ArchiveError, MetadataError) as error:
            return _opaque(f"{artifact.filename}: {error}")
        except RefusedTargetError as error:
            return _opaque(error.detail)

    async def _beside(self, package: str, version: str, artifact: Artifact) -> Metadata | None:
        try:
            content = await self._artifacts.core_metadata_file(artifact)
            return self._read(content, package, version, artifact, "core-metadata")
        except (UnavailableError, ArchiveError, MetadataError, RefusedTargetError):
            return None
        except IndexUnreachableError as error:
            # Object stores answer 403 for a file that they do not have.
            if error.status == 403:
                return None
            raise

    def _read(
        self,
        content: bytes,
        package: str,
        version: str,
        artifact: Artifact,
        origin: Literal["core-metadata", "wheel", "sdist"],
    ) -> Metadata:
        parsed = parse_core_metadata(content, package, version, self._limits.metadata_entries)
        if artifact.kind == "sdist" and not parsed.is_static:
            return _opaque(f"{artifact.filename}: {_NEEDS_BUILD}", needs_build=True)
        return Metadata(parsed.facts, origin, content)


def _conditions(known: Page | None) -> dict[str, str]:
    conditions = {}
    if known is not None and known.etag:
        conditions["if-none-match"] = known.etag
    if known is not None and known.last_modified:
        conditions["if-modified-since"] = known.last_modified
    return conditions


def _refused(answer: Answer) -> WrongAnswerError:
    return WrongAnswerError(f"HTTP status {answer.status}", answer.status)


def _opaque(reason: str, *, needs_build: bool = False) -> Metadata:
    return Metadata(None, "none", opaque=reason, needs_build=needs_build)
