"""A package index in memory: the twin of `HttpIndex`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page
from thoth.dependency_monkey.ecosystems.pypi.index.core_metadata import parse_core_metadata
from thoth.dependency_monkey.ecosystems.pypi.index.faults import MetadataError
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.pages import absent_page, parse_page
from thoth.dependency_monkey.errors import IndexUnreachableError
from thoth.dependency_monkey.testing.artifacts import ReleaseSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from thoth.dependency_monkey.ecosystems.pypi.index.pages import ParsedPage

_JSON = "application/vnd.pypi.simple.v1+json"
_SIZE = 100_000


def _now() -> datetime:
    return datetime.now(UTC)


class InMemoryIndex:
    """A `PackageIndex` over a mapping: package to version to a release or its Requires-Dist.

    Files have no content: their SHA-256 is that of their name, their size 100,000 bytes. `asked`
    records each question in order, as ("page", package) or ("metadata", filename). Packages and
    file names in `unreachable` raise `IndexUnreachableError`. `releases` may be changed at any
    time.
    """

    def __init__(
        self,
        packages: Mapping[str, Mapping[str, ReleaseSpec | Sequence[str]]] | None = None,
        *,
        url: str = "https://index.test/simple/",
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self.unreachable: set[str] = set()
        self.releases: dict[str, dict[str, ReleaseSpec]] = {}
        self._url = url
        self._clock = clock
        for package, releases in (packages or {}).items():
            self.releases[normalize_name(package)] = {
                version: spec
                if isinstance(spec, ReleaseSpec)
                else ReleaseSpec(requires_dist=tuple(spec))
                for version, spec in releases.items()
            }

    @property
    def url(self) -> str:
        """The canonical URL."""
        return self._url

    async def page(self, package: str, known: Page | None = None) -> Page:
        """Return the page of a package; see `PackageIndex.page`."""
        self.asked.append(("page", package))
        self._check(package, f"{self._url}{package}/")
        parsed = self._parsed(package)
        if known is not None and known.digest == parsed.digest:
            return msgspec.structs.replace(known, checked_at=self._clock())
        return Page(
            self._url, package, parsed.facts, parsed.artifacts, parsed.digest, self._clock()
        )

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:
        """Return the core metadata of an artifact; see `PackageIndex.metadata`."""
        self.asked.append(("metadata", artifact.filename))
        self._check(artifact.filename, artifact.url)
        for spelled, spec in self.releases.get(package, {}).items():
            if artifact.filename in spec.filenames(package, spelled):
                return _metadata(package, version, spelled, spec, artifact)
        return Metadata(None, "none", opaque=f"{artifact.filename}: the server answers 404 for it")

    def _check(self, subject: str, url: str) -> None:
        if subject in self.unreachable:
            raise IndexUnreachableError(url, f"{url}: HTTP status 503 (1 try)", 503)

    def _parsed(self, package: str) -> ParsedPage:
        releases = self.releases.get(package)
        if releases is None:
            return absent_page()
        files = [
            _file(f"{self._url}files/{filename}", filename, spec)
            for version, spec in releases.items()
            for filename in spec.filenames(package, version)
        ]
        body = msgspec.json.encode({"meta": {"api-version": "1.1"}, "files": files})
        return parse_page(body, _JSON, f"{self._url}{package}/", package, IndexLimits())


def _file(url: str, filename: str, spec: ReleaseSpec) -> dict[str, object]:
    return {
        "filename": filename,
        "url": url,
        "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
        "size": _SIZE,
        "upload-time": spec.uploaded,
        "requires-python": spec.requires_python,
        "yanked": False if spec.yanked is None else spec.yanked or True,
        "core-metadata": filename.endswith(".whl"),
    }


def _metadata(
    package: str, version: str, spelled: str, spec: ReleaseSpec, artifact: Artifact
) -> Metadata:
    static = artifact.kind == "wheel" or spec.static
    content = spec.core_metadata(package, spelled, static=static)
    try:
        parsed = parse_core_metadata(content, package, version)
    except MetadataError as error:
        return Metadata(None, "none", opaque=f"{artifact.filename}: {error}")
    if artifact.kind == "sdist" and not parsed.is_static:
        return Metadata(
            None, "none", opaque=f"{artifact.filename}: needs a build", needs_build=True
        )
    return Metadata(parsed.facts, "core-metadata" if artifact.kind == "wheel" else "sdist", content)
