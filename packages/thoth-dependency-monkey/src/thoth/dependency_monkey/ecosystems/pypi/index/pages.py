"""Pages of packages: from the bytes of an index to `PageFacts` (PEP 503, 592, 691, 700, 714).

No I/O and no HTTP library here.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn
from urllib.parse import urljoin

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.facts import (
    SDIST,
    UNKNOWN,
    Artifact,
    PageFacts,
    encode_artifacts,
)
from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    origin_of,
    without_user_info,
)
from thoth.dependency_monkey.ecosystems.pypi.index.faults import (
    BrokenAnswerError,
    WrongAnswerError,
)
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import (
    IGNORED,
    FileNames,
    normalize_name,
)
from thoth.dependency_monkey.ecosystems.pypi.index.html_pages import Link, read_html
from thoth.dependency_monkey.errors import LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

ACCEPT = ", ".join(
    (
        "application/vnd.pypi.simple.v1+json",
        "application/vnd.pypi.simple.v1+html;q=0.2",
        "text/html;q=0.01",
    )
)
MAX_SKIPPED = 100

_SKIPPED_LENGTH = 200
_JSON_TYPES = {"application/json", "application/vnd.pypi.simple.latest+json"}
_HTML_TYPES = {"text/html", "application/xhtml+xml", "application/vnd.pypi.simple.latest+html"}
_SIMPLE_TYPE = re.compile(r"application/vnd\.pypi\.simple\.v(\d+)\+(json|html)")
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class ParsedPage(NamedTuple):
    """A page's facts, its encoded artifacts, and the digest over both."""

    facts: PageFacts | None
    artifacts: bytes | None
    digest: str


class _File(msgspec.Struct, rename="kebab", gc=False):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    size: _Size | None = None
    upload_time: datetime | None = None
    yanked: bool | str | None = None
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _JsonPage(msgspec.Struct):
    meta: _Meta
    files: list[_File]
    name: str | None = None


class _RawPage(msgspec.Struct):
    meta: _Meta
    files: list[msgspec.Raw]
    name: str | None = None


_JSON_PAGE = msgspec.json.Decoder(_JsonPage)
_RAW_PAGE = msgspec.json.Decoder(_RawPage)
_FILE = msgspec.json.Decoder(_File)
_ENCODER = msgspec.msgpack.Encoder()


def absent_page() -> ParsedPage:
    """Return what is known of a package that the index does not have."""
    return ParsedPage(None, None, _digest(None, None))


def parse_page(
    body: bytes, content_type: str, url: str, package: str, limits: IndexLimits
) -> ParsedPage:
    """Parse the page of `package`, a PEP 503 normalised name, that was found at `url`.

    Raises `BrokenAnswerError` where the body seems to be cut short, `WrongAnswerError` where it is
    no page of this package that we understand, `LimitExceededError` where it lists too many files.
    """
    builder = _Builder(package, url, limits)
    if _is_json(content_type):
        _read_json(body, builder)
    else:
        _read_html(body, builder)
    facts, artifacts = builder.build()
    return ParsedPage(facts, artifacts, _digest(facts, artifacts))


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    versioned = _SIMPLE_TYPE.fullmatch(media_type)
    if versioned is not None:
        _check_api_version(versioned[1])
        return versioned[2] == "json"
    if media_type in _JSON_TYPES:
        return True
    if media_type in _HTML_TYPES:
        return False
    raise WrongAnswerError(f"a page has no content type {media_type[:80]!r}")


def _check_api_version(version: str) -> None:
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major[:9]) != 1:
        raise WrongAnswerError(f"API version {version[:20]!r} is not known; 1.x is (PEP 629)")


def _read_json(body: bytes, builder: _Builder) -> None:
    try:
        page = _JSON_PAGE.decode(body)
    except (msgspec.ValidationError, UnicodeDecodeError):
        _read_json_leniently(body, builder)
        return
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse_json(error)
    _check_page(page, builder)
    builder.add_all(page.files)


def _read_json_leniently(body: bytes, builder: _Builder) -> None:
    """Read a page some of whose files are malformed: those are skipped, not the page."""
    try:
        page = _RAW_PAGE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        _refuse_json(error)
    _check_page(page, builder)
    builder.check_count(len(page.files))
    for raw in page.files:
        try:
            file = _FILE.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            builder.skip(str(memoryview(raw)[:_SKIPPED_LENGTH], "utf-8", "replace"))
        else:
            builder.add(file)


def _refuse_json(error: Exception) -> NoReturn:
    if isinstance(error, msgspec.ValidationError):
        raise WrongAnswerError(f"the JSON is no page as of PEP 691: {error}") from None
    raise BrokenAnswerError(f"the JSON is malformed or cut short: {error}") from None


def _check_page(page: _JsonPage | _RawPage, builder: _Builder) -> None:
    _check_api_version(page.meta.api_version)
    if page.name is not None and normalize_name(page.name) != builder.package:
        raise WrongAnswerError(f"it is the page of another package, {page.name[:80]!r}")


def _read_html(body: bytes, builder: _Builder) -> None:
    page = read_html(body.decode("utf-8", "replace"), builder.url)
    if page.api_version is not None:
        _check_api_version(page.api_version)
    builder.check_count(len(page.links))
    understood = False
    for link in page.links:
        understood |= builder.add(_file_of(link))
    if not understood and page.api_version is None:
        # A proxy's log-in form or an error page with status 200 must not read as "no releases".
        raise WrongAnswerError(
            "the HTML neither links a file of the package nor states a pypi:repository-version"
        )


def _file_of(link: Link) -> _File:
    attributes = link.attributes
    return _File(
        filename=link.filename,
        url=link.url,
        hashes=_hashes(link.fragment.split("&")),
        requires_python=attributes.get("data-requires-python"),
        yanked=attributes["data-yanked"] or True if "data-yanked" in attributes else None,
        core_metadata=_offered(attributes.get("data-core-metadata")),
        dist_info_metadata=_offered(attributes.get("data-dist-info-metadata")),
    )


def _hashes(pairs: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if value}


def _offered(attribute: str | None) -> bool | dict[str, str] | None:
    if attribute is None:
        return None
    return _hashes([attribute]) or attribute.lower() == "true"


class _Builder:
    """Gathers the files of a page, then lays the facts out in columns."""

    def __init__(self, package: str, url: str, limits: IndexLimits) -> None:
        self.package = package
        self.url = url
        self._limits = limits
        self._names = FileNames(package)
        self._seen: set[str] = set()
        # Beginnings of absolute URLs, up to the path, that were found to need no change.
        self._servers: set[str] = set()
        self._releases: dict[str, list[tuple[str, Artifact, str | None]]] = {}
        self._skipped: list[str] = []

    def check_count(self, count: int) -> None:
        allowed = self._limits.page_files
        if count > allowed:
            raise LimitExceededError(
                "page_files", allowed, f"{self.url}: lists {count} files, more than {allowed}"
            )

    def skip(self, name: str) -> None:
        if len(self._skipped) < MAX_SKIPPED:
            self._skipped.append(name[:_SKIPPED_LENGTH])

    def add_all(self, files: list[_File]) -> None:
        self.check_count(len(files))
        for file in files:
            self.add(file)

    def add(self, file: _File) -> bool:
        """Add a file; say whether its name is that of a distribution of some kind."""
        filename = file.filename
        read = self._names.read(filename)
        if read is None:
            self.skip(filename)
            return False
        if isinstance(read, str):
            return read == IGNORED
        release, tag_set = read
        if filename in self._seen:
            return True
        url = file.url
        server = url[: url.find("/", 8)]
        if server not in self._servers or "#" in url or not url.isprintable() or " " in url:
            absolute = _file_url(self.url, url)
            if absolute is None:
                self.skip(filename)
                return True
            if absolute == url:
                self._servers.add(server)
            url = absolute
        self._seen.add(filename)
        uploaded = file.upload_time
        yanked = file.yanked
        specifier = file.requires_python
        offered = file.core_metadata
        if offered is None:
            offered = file.dist_info_metadata
        artifact = Artifact(
            filename,
            url,
            "sdist" if tag_set is None else "wheel",
            _sha256(file.hashes),
            file.size,
            None if uploaded is None else _seconds(uploaded),
            specifier.strip() or None if specifier else None,
            (yanked if isinstance(yanked, str) else "") if yanked else None,
            None if offered is None else _metadata_sha256(offered),
        )
        files = self._releases.get(release)
        if files is None:
            self._releases[release] = [(filename, artifact, tag_set)]
        else:
            files.append((filename, artifact, tag_set))
        return True

    def build(self) -> tuple[PageFacts, bytes]:
        releases = self._names.releases
        keys = sorted(self._releases, key=lambda key: releases[key].version)
        versions = [releases[key].text for key in keys]
        facts = PageFacts(versions, [0], [], [], [], [], [], [], [0], self._skipped)
        tag_sets: dict[str, int] = {}
        specifiers: dict[str, int] = {}
        encoded = bytearray()
        for key in keys:
            files = self._releases[key]
            # Sorted, so that an index that shuffles its files does not change the digest.
            files.sort()
            for _, artifact, tag_set in files:
                specifier = artifact.requires_python
                uploaded = artifact.uploaded
                facts.tags.append(
                    SDIST if tag_set is None else tag_sets.setdefault(tag_set, len(tag_sets))
                )
                facts.requires_python.append(
                    UNKNOWN
                    if specifier is None
                    else specifiers.setdefault(specifier, len(specifiers))
                )
                facts.uploaded.append(UNKNOWN if uploaded is None else uploaded)
                facts.yanked.append(artifact.yanked is not None)
            encoded += encode_artifacts([artifact for _, artifact, _ in files])
            facts.starts.append(len(facts.tags))
            facts.offsets.append(len(encoded))
        facts.tag_sets.extend(tag_sets)
        facts.specifiers.extend(specifiers)
        return facts, bytes(encoded)


def _file_url(page_url: str, url: str) -> str | None:
    """Return a file's absolute URL without user info and fragment, or None where it is unusable."""
    try:
        absolute = without_user_info(urljoin(page_url, url))
        origin_of(absolute)
    except ValueError:
        return None
    return absolute if absolute.isprintable() and " " not in absolute else None


def _sha256(hashes: dict[str, str]) -> str | None:
    value = hashes.get("sha256")
    if value is None or len(value) != 64:
        return None
    try:
        # White space would be taken, but leaves fewer bytes.
        return value.lower() if len(bytes.fromhex(value)) == 32 else None
    except ValueError:
        return None


def _metadata_sha256(offered: bool | dict[str, str]) -> str | None:
    if isinstance(offered, dict):
        return _sha256(offered) or ""
    return "" if offered else None


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def _digest(facts: PageFacts | None, artifacts: bytes | None) -> str:
    digest = hashlib.sha256(_ENCODER.encode(facts))
    digest.update(artifacts or b"")
    return digest.hexdigest()
