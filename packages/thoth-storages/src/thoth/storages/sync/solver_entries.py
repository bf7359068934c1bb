"""Installed releases of solver documents: what an entry of a tree says, as a record and releases.

Pure. Documents say the same of a release, and releases declare the same, again and again: what an
encoded entry says is remembered.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.release_batches import CheckedRelease, ReleaseKey, check_release
from thoth.storages.graph.queries.release_checks import storable_version
from thoth.storages.graph.queries.values import storable_text
from thoth.storages.graph.release_records import ArtifactRecord, ReleaseRecord
from thoth.storages.graph.versions import normalize_index_url, normalize_package_name
from thoth.storages.sync.core_metadata import FileEntry, metadata_record, text_of
from thoth.storages.sync.document_parts import MAX_NAME_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ANY_VERSION = frozenset({"", "*", "any", "Any"})
"""How documents write that any version will do."""
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
"""The name of a package or an extra (PEP 508)."""
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
# How a specifier may begin, if only to be kept as it is written; and what would end it.
_SPECIFIER = re.compile(r"[\s(]*[<>=!~0-9][^;@\[\]]*")
# What the last entries say is remembered, about so many bytes of memory twice; not of one that is
# longer than the first. Of short values, what is remembered takes many times the room of the JSON.
_MEMOISED_ENTRY_BYTES = 2**16
_MEMOISED_TREE_BYTES = 48 * 2**20
_MEMOISED_DEPENDENCY_BYTES = 32 * 2**20
_BYTES_OF_ENTRY = 1024
_BYTES_OF_VALUE = 96

Place: TypeAlias = tuple[str | int, ...]
"""Where something is in a document or an entry: keys of objects and positions in arrays."""


class EntryError(Exception):
    """What is at a place of an entry cannot be read or stored."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


# The collector of reference cycles need not look at structs of which there are many.
class ResolvedVersions(msgspec.Struct, frozen=True, gc=False):
    """Versions of a dependency that a package index had."""

    index: str | None = None
    versions: list[str] | None = None


class DependencyEntry(msgspec.Struct, frozen=True, gc=False):
    """A requirement that a release declares.

    `specifier` was `required_version` in 2018, and `resolved_versions` a list of versions.
    """

    package_name: str
    specifier: str | None = None
    required_version: str | None = None
    extras: list[str] | None = None
    extra: list[str] | str | None = None
    marker: str | None = None
    resolved_versions: list[ResolvedVersions | str] | None = None


class ImportlibMetadata(msgspec.Struct, frozen=True, gc=False):
    """What the installed release says of itself."""

    metadata: dict[str, Any] | None = None
    requires: list[str] | None = None
    files: list[FileEntry] | None = None


class InstalledEntry(msgspec.Struct, frozen=True, gc=False):
    """A release that was installed; what it declares apart."""

    package_name: str
    package_version: str
    index_url: str | None = None
    sha256: list[str] | None = None
    package_license: str | None = None
    importlib_metadata: ImportlibMetadata | None = None


class TreeEntry(InstalledEntry, frozen=True, gc=False):
    """A release that was installed, with what it declares."""

    dependencies: list[DependencyEntry] | None = None


class EncodedTreeEntry(InstalledEntry, frozen=True, gc=False):
    """A release that was installed, with what it declares as it is in the document.

    Releases declare the same again and again: each distinct entry is decoded once.
    """

    dependencies: list[msgspec.Raw] | None = None


class Installed(msgspec.Struct, frozen=True, gc=False):
    """What an entry of a tree says.

    `seen` are the release itself and those that an index had of what it declares.
    """

    release: CheckedRelease
    seen: tuple[ReleaseKey, ...]


class Declared(msgspec.Struct, frozen=True, gc=False):
    """What an entry says that a release declares, and the releases that an index had of it."""

    requirement: str
    releases: tuple[ReleaseKey, ...]


_T = TypeVar("_T")


class _Memo(Generic[_T]):
    """What encoded entries that were read lately say: those of the last `most_bytes` at least.

    These are bytes of memory, estimated from how long an entry is and how many values it has.
    """

    def __init__(self, read: Callable[[bytes], _T], most_bytes: int) -> None:
        self._read = read
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: dict[bytes, _T] = {}
        self._older: dict[bytes, _T] = {}

    def __call__(self, entry: msgspec.Raw) -> _T:
        encoded = bytes(entry)
        known = self._known.get(encoded)
        if known is None:
            known = self._older.get(encoded) or self._read(encoded)
            if len(encoded) <= _MEMOISED_ENTRY_BYTES:
                size = len(encoded) + _BYTES_OF_ENTRY + _BYTES_OF_VALUE * encoded.count(b",")
                self._bytes += size
                if self._bytes > self._most_bytes:
                    self._older, self._known = self._known, {}
                    self._bytes = size
                self._known[encoded] = known
        return known


def installed(entry: TreeEntry | msgspec.Raw) -> Installed:
    """Return what an entry of a tree says.

    Raises `EntryError`, and `msgspec.MsgspecError` where it is encoded and of another form.
    """
    return _encoded(entry) if isinstance(entry, msgspec.Raw) else _installed(entry)


def _installed(entry: TreeEntry | EncodedTreeEntry) -> Installed:
    report = entry.importlib_metadata
    fields = (report and report.metadata) or {}
    dependencies: tuple[str, ...] | None = None
    if entry.dependencies is not None:
        declared = _all_declared(entry.dependencies)
        dependencies = tuple([each.requirement for each in declared])
    else:
        declared = []
        if report is not None and report.metadata:
            dependencies = tuple(report.requires or ())
    record = ReleaseRecord(
        package=package_name(entry.package_name),
        version=entry.package_version,
        index_url=index_url(entry.index_url),
        requires_python=text_of(fields.get("Requires-Python")),
        dependencies=dependencies,
        artifacts=_artifacts(entry.sha256),
        metadata=None
        if report is None and entry.package_license is None
        else metadata_record(fields, (report and report.files) or (), entry.package_license),
    )
    try:
        release = check_release(record, is_metadata_checked=True)
    except InvalidRecordError as error:
        raise EntryError(_place(error.field, record), error.problem) from error
    seen = [release.key, *[release for each in declared for release in each.releases]]
    return Installed(release, tuple(dict.fromkeys(seen)))


def _all_declared(entries: Sequence[DependencyEntry | msgspec.Raw]) -> list[Declared]:
    declared = []
    try:
        for entry in entries:
            if isinstance(entry, DependencyEntry):
                declared.append(_declared(entry))
            else:
                declared.append(_encoded_dependency(entry))
    except EntryError as error:
        raise EntryError(("dependencies", len(declared), *error.place), error.problem) from error
    return declared


def _declared(entry: DependencyEntry) -> Declared:
    name = package_name(entry.package_name)
    requirement = declared_requirement(entry)
    if requirement is None:
        key, problem = requirement_problem(entry)
        raise EntryError((key,), problem)
    releases: list[ReleaseKey] = []
    for number, resolved in enumerate(entry.resolved_versions or ()):
        place = "resolved_versions", number
        if isinstance(resolved, str):
            releases.append((name, version(resolved, place), None))
        else:
            url = index_url(resolved.index, (*place, "index"))
            releases += [(name, version(text, place), url) for text in resolved.versions or ()]
    return Declared(requirement, tuple(releases))


_TREE_ENTRY = msgspec.json.Decoder(EncodedTreeEntry)
_DEPENDENCY = msgspec.json.Decoder(DependencyEntry)
_encoded = _Memo(lambda encoded: _installed(_TREE_ENTRY.decode(encoded)), _MEMOISED_TREE_BYTES)
_encoded_dependency = _Memo(
    lambda encoded: _declared(_DEPENDENCY.decode(encoded)), _MEMOISED_DEPENDENCY_BYTES
)
_PLACES: dict[str, Place] = {
    "package": ("package_name",),
    "version": ("package_version",),
    "requires_python": ("importlib_metadata", "metadata", "Requires-Python"),
}


def _place(field: str, record: ReleaseRecord) -> Place:
    """Return where in an entry a field of its record comes from."""
    if field == "dependencies":
        for number, text in enumerate(record.dependencies or ()):
            try:
                storable_text(field, text)
            except InvalidRecordError:
                return "dependencies", number
    return _PLACES.get(field, ("importlib_metadata", "metadata"))


def _artifacts(hashes: Sequence[str] | None) -> tuple[ArtifactRecord, ...] | None:
    for number, text in enumerate(hashes or ()):
        if not _SHA256.fullmatch(text):
            raise EntryError(("sha256", number), "is not a SHA-256 in hexadecimal")
    if not hashes:
        return None
    return tuple([ArtifactRecord(sha256=bytes.fromhex(text)) for text in hashes])


# --- names ---------------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def package_name(text: str) -> str:
    """Return the name of a package, normalised. Raises `EntryError`."""
    if len(text) > MAX_NAME_CHARACTERS or not NAME.fullmatch(text.strip()):
        raise EntryError(("package_name",), "is not a package's name (PEP 508)")
    return normalize_package_name(text.strip())


def index_url(text: str | None, place: Place = ("index_url",)) -> str | None:
    """Return the URL of an index, normalised. Raises `EntryError`."""
    try:
        return _normal_url(text)
    except InvalidRecordError as error:
        raise EntryError(place, error.problem) from error


@lru_cache(maxsize=1024)
def _normal_url(text: str | None) -> str | None:
    return normalize_index_url(storable_text("index_url", text, most=MAX_NAME_CHARACTERS))


def version(text: str, place: Place) -> str:
    """Return a version, normalised. Raises `EntryError`."""
    try:
        return storable_version(text)
    except InvalidRecordError as error:
        raise EntryError(place, error.problem) from error


# --- requirements --------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def requirement_text(
    name: str, extras: tuple[str, ...], specifier: str, marker: str, of_extras: tuple[str, ...]
) -> str | None:
    """Return a requirement as PEP 508 writes it, None where a part cannot be part of one.

    `of_extras` are the extras that the requirement is one of; a marker that does not mention
    extras is made to.
    """
    specifier = "" if specifier in ANY_VERSION else specifier
    if specifier and not _SPECIFIER.fullmatch(specifier):
        return None
    if not all(NAME.fullmatch(extra) for extra in (*extras, *of_extras)):
        return None
    if of_extras and not re.search(r"\bextra\b", marker):
        chosen = " or ".join(f'extra == "{extra}"' for extra in of_extras)
        marker = f"({marker}) and ({chosen})" if marker else chosen
    requested = f"[{','.join(extras)}]" if extras else ""
    ending = f"; {marker}" if marker else ""
    # A version alone is no specifier, and must not become a part of the name.
    space = " " if specifier[:1].isdigit() else ""
    return f"{name.strip()}{requested}{space}{specifier}{ending}"


def declared_requirement(entry: DependencyEntry) -> str | None:
    """Return the requirement of an entry, None where `requirement_problem` says what is wrong."""
    extra = entry.extra
    return requirement_text(
        entry.package_name,
        tuple(entry.extras or ()),
        entry.specifier or entry.required_version or "",
        entry.marker or "",
        (extra,) if isinstance(extra, str) else tuple(extra or ()),
    )


def requirement_problem(entry: DependencyEntry) -> tuple[str, str]:
    """Return the key of the part that `requirement_text` refused, and what is wrong with it."""
    if not all(NAME.fullmatch(extra) for extra in entry.extras or ()):
        return "extras", "has what is not the name of an extra (PEP 508)"
    specifier = entry.specifier or entry.required_version or ""
    if specifier not in ANY_VERSION and not _SPECIFIER.fullmatch(specifier):
        key = "specifier" if entry.specifier else "required_version"
        return key, "is not a version specifier (PEP 440)"
    return "extra", "has what is not the name of an extra (PEP 508)"
