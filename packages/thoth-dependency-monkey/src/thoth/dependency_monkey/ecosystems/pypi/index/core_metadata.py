"""Core metadata files: what resolution needs of them, and when to rely on them (PEP 566, 643).

Lenient about every field that resolution does not use, strict about those that it does: a
requirement that cannot be read makes the release opaque, since leaving it out could make the
verdict wrong.
"""

from __future__ import annotations

import functools
import re
from email.errors import MessageError
from typing import NamedTuple

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from thoth.dependency_monkey.ecosystems.pypi.facts import MetadataFacts
from thoth.dependency_monkey.ecosystems.pypi.index.faults import MetadataError
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name
from thoth.dependency_monkey.ecosystems.pypi.versions import lenient_specifier

_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"
_HEADERS_END = re.compile(_LINE_END + _LINE_END)
_LOST_FIELD = re.compile(
    r"^(?:Requires-Dist|Requires-Python|Provides-Extra|Dynamic)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_DEPENDENCY_FIELDS = frozenset({"requires-dist", "requires-python", "provides-extra"})
_NEEDED = _DEPENDENCY_FIELDS | {"metadata-version", "name", "version", "dynamic"}
_KNOWN_MAJOR = 2
_SHOWN = 200
_MAX_REQUIREMENT = 8192

# An old spelling that installers have always read, and that has one reading only.


class CoreMetadata(NamedTuple):
    """The facts, and whether an sdist that says so would build into the same ones (PEP 643)."""

    facts: MetadataFacts
    is_static: bool


def parse_core_metadata(
    content: bytes, package: str, version: str, max_entries: int = 10_000
) -> CoreMetadata:
    """Parse a core metadata file of the given release.

    `package` is a PEP 503 normalised name. Raises `MetadataError` where the file is malformed, is
    of another release, or breaks the limit on its entries.
    """
    raw, unparsed = _fields(content)
    unreadable = sorted(_NEEDED & unparsed.keys())
    if unreadable:
        raise MetadataError(f"the metadata has an unreadable or repeated {unreadable[0].title()}")
    _check_identity(raw.get("name"), raw.get("version"), package, version)
    metadata_version = _metadata_version(raw.get("metadata_version", "1.0"))
    requires_dist = raw.get("requires_dist", [])
    provides_extra = raw.get("provides_extra", [])
    if max(len(requires_dist), len(provides_extra)) > max_entries:
        raise MetadataError(f"the metadata has more than {max_entries} requirements or extras")
    facts = MetadataFacts(
        tuple(_requirement(_one_line(text)) for text in requires_dist),
        tuple(_one_line(text) for text in provides_extra),
        _one_line(raw.get("requires_python", "")) or None,
    )
    dynamic = {field.strip().lower() for field in raw.get("dynamic", [])}
    return CoreMetadata(facts, metadata_version >= (2, 2) and not dynamic & _DEPENDENCY_FIELDS)


def _fields(content: bytes) -> tuple[RawMetadata, dict[str, list[str]]]:
    """Parse the headers; the body, which is only the description, is left out.

    A malformed line makes the parser take all that follows for the body. Where that hides a field
    that resolution needs, the file is refused.
    """
    end = _HEADERS_END.search(content)
    try:
        raw, unparsed = parse_email(content if end is None else content[: end.start() + 1])
    except (ValueError, LookupError, MessageError) as error:
        raise MetadataError(f"the metadata is malformed: {type(error).__name__}") from None
    rests: list[str | bytes] = [raw.get("description", ""), *unparsed.get("description", ())]
    for rest in rests:
        # Against its annotation, the parser leaves undecodable text as bytes.
        text = rest if isinstance(rest, str) else rest.decode("latin-1")
        if _LOST_FIELD.search(text):
            raise MetadataError("the metadata has a malformed line before some of its fields")
    return raw, unparsed


def _check_identity(name: str | None, found: str | None, package: str, version: str) -> None:
    if not name or normalize_name(name.strip()) != package:
        raise MetadataError(f"the metadata names the package {_shown(name)}, not {package!r}")
    try:
        same = found is not None and Version(found) == Version(version)
    except (InvalidVersion, ValueError):
        same = False
    if not same:
        raise MetadataError(f"the metadata names the version {_shown(found)}, not {version!r}")


def _metadata_version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", text.strip())
    if match is None or int(match[1]) > _KNOWN_MAJOR:
        raise MetadataError(f"Metadata-Version {_shown(text)} is not known")
    return int(match[1]), int(match[2])


def _one_line(text: str) -> str:
    return " ".join(text.split())


@functools.lru_cache(maxsize=16_384)
def _requirement(text: str) -> str:
    """Return a requirement as it stands, or mended; it is valid (PEP 508)."""
    if _is_valid(text):
        return text
    requirement, semicolon, marker = text.partition(";")
    mended = f"{lenient_specifier(requirement)}{semicolon}{marker}"
    if _is_valid(mended):
        return mended
    raise MetadataError(f"the metadata has an invalid Requires-Dist {_shown(text)}")


def _is_valid(text: str) -> bool:
    if len(text) > _MAX_REQUIREMENT:
        return False
    try:
        Requirement(text)
    except (InvalidRequirement, RecursionError):
        return False
    return True


def _shown(text: str | None) -> str:
    return "nowhere" if text is None else repr(text[:_SHOWN])
