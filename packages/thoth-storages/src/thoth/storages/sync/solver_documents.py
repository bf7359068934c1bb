"""Solver documents: what one says, as records that can be written. Nothing asks a database here.

A text of its own that only people read (descriptions, licences, details of errors) is shortened to
what a row may hold. Names, versions, URLs and hashes that cannot be stored make a document invalid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.release_batches import (
    CheckedReleases,
    ReleaseChecker,
    ReleaseKey,
)
from thoth.storages.graph.queries.release_checks import storable_version
from thoth.storages.graph.queries.values import storable_text
from thoth.storages.graph.release_records import ArtifactRecord, ReleaseRecord
from thoth.storages.graph.requirements import marker_environment
from thoth.storages.graph.versions import (
    normalize_index_url,
    normalize_os,
    normalize_package_name,
)
from thoth.storages.sync.core_metadata import FileEntry, metadata_record, shown, text_of
from thoth.storages.sync.documents import Document, read_at_once, read_document

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NAME_CHARACTERS = 512
"""A package's name, a version and a URL may have at most so many characters."""

_ID = re.compile(
    r"(solver-(.+)-([^-]+)-py([0-9])\.?([0-9]+))-(?:[0-9]{12}-[0-9a-f]{16}|[0-9a-f]{8,64})"
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
# How a specifier may begin, if only to be kept as it is written; and what would end it.
_SPECIFIER = re.compile(r"[\s(]*[<>=!~0-9][^;@\[\]]*")
_ANY_VERSION = frozenset({"", "*", "any", "Any"})
_PIN = re.compile(r"[\s(]*(===?)\s*([^\s,;()*]+)[\s)]*")
_PINNED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(===?[^,;]+)", re.ASCII)


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


class ErrorEntry(msgspec.Struct, frozen=True, gc=False):
    """A release that could not be installed; `package_version` was `version` in 2018."""

    package_name: str
    package_version: str | None = None
    version: str | None = None
    index_url: str | None = None
    type: str | None = None
    details: Any = None


class UnresolvedEntry(msgspec.Struct, frozen=True, gc=False):
    """A package of which no release was found in the versions that were asked for."""

    package_name: str
    version_spec: str | None = None
    index_url: str | None = None


class UnparsedEntry(msgspec.Struct, frozen=True, gc=False):
    """A requirement that the solver could not read."""

    requirement: str
    details: Any = None


_TreeEntry: TypeAlias = TreeEntry | EncodedTreeEntry
_Tree = TypeVar("_Tree", TreeEntry, EncodedTreeEntry)


class SolverReport(msgspec.Struct, Generic[_Tree], frozen=True):
    """The `result` of a solver document; in 2018, `environment` was a list of packages."""

    tree: list[_Tree]
    environment: dict[str, Any] | list[Any] | None = None
    errors: list[ErrorEntry] | None = None
    unresolved: list[UnresolvedEntry] | None = None
    unparsed: list[UnparsedEntry] | None = None


class Environment(msgspec.Struct, frozen=True):
    """Where a solver ran, normalised; `markers` are None where the document does not say them."""

    os_name: str
    os_version: str
    python_version: str
    markers: dict[str, str] | None = None


# The collector of reference cycles need not look at structs of which there are many.
class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a solver found out about a release."""

    release: ReleaseKey
    error: bool = False
    unsolvable: bool = False
    unparseable: bool = False
    error_type: str | None = None
    details: str | None = None


class UnresolvedPackage(msgspec.Struct, frozen=True, gc=False):
    """A package, normalised, and what was asked of it: any version where `specifier` is empty."""

    package: str
    specifier: str
    index_url: str | None


class Declared(msgspec.Struct, frozen=True, gc=False):
    """What an entry says that a release declares, and the releases that an index had of it."""

    package: str
    requirement: str
    releases: tuple[ReleaseKey, ...]


@dataclass(slots=True)
class SolverFacts:
    """The rows that a solver document becomes; `document` without its result, which they hold.

    `said` is what it says of releases. Those of `seen` were installed, or an index had them.
    `packages` and `index_urls` are all that it names, normalised.
    """

    document: Document[None]
    solver_name: str
    environment: Environment
    said: CheckedReleases = field(default_factory=CheckedReleases)
    seen: dict[ReleaseKey, None] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    unresolved: list[UnresolvedPackage] = field(default_factory=list)
    unparsed: list[dict[str, Any]] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    index_urls: set[str] = field(default_factory=set)


def read_solver_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> SolverFacts:
    """Read a solver document, today's form or that of 2018; return the rows that it becomes.

    The name of the solver and its environment come from the document's id; where that says nothing,
    from what the document says of its host. See `documents.read_document` for the arguments. Raises
    `InvalidDocumentError`.
    """
    encoded = read_at_once(content, SolverReport[EncodedTreeEntry], document_id=document_id)
    if encoded is not None:
        try:
            return _facts(encoded)
        except (msgspec.MsgspecError, RecursionError):
            # What is wrong with an entry by itself is said below, with its path.
            pass
    return _facts(read_document(content, SolverReport[TreeEntry], document_id=document_id))


def _facts(document: Document[SolverReport[_Tree]]) -> SolverFacts:
    solver_name, environment = _environment(document)
    try:
        storable_text("analyzer_version", document.metadata.analyzer_version)
    except InvalidRecordError as wrong:
        raise document.invalid("metadata.analyzer_version", wrong.problem) from wrong
    facts = SolverFacts(document.without_result(), solver_name, environment)
    report = document.result
    reader = _Reader(facts)
    for number, entry in enumerate(report.tree):
        reader.installed(entry, ("result", "tree", number))
    for number, error in enumerate(report.errors or ()):
        reader.failed(error, ("result", "errors", number))
    for number, wanted in enumerate(report.unresolved or ()):
        reader.unresolved(wanted, ("result", "unresolved", number))
    for unparsed in report.unparsed or ():
        reader.unparsed(unparsed)
    reader.finish()
    return facts


_Place = tuple[str | int, ...]
_MEMOISED_BYTES = 2048
_MEMOISED = 16_384
_DEPENDENCY = msgspec.json.Decoder(DependencyEntry)
# What entries that were seen lately, as they are encoded, declare; emptied when it is full.
_DECLARED: dict[bytes, Declared] = {}


class _Reader:
    """Turns entries into facts; each distinct name, version and URL is looked at once."""

    def __init__(self, facts: SolverFacts) -> None:
        self._facts = facts
        self._checker = ReleaseChecker()
        self._sought: dict[ReleaseKey, None] = {}
        self._names: dict[str, str] = {}
        self._urls: dict[str | None, str | None] = {None: None}
        self._versions: dict[str, str] = {}

    def finish(self) -> None:
        """Complete the facts."""
        facts = self._facts
        facts.said = self._checker.finished()
        facts.said.mentioned = facts.seen | self._sought
        facts.packages.update(self._names.values())
        facts.packages.update(name for name, _, _ in facts.said.mentioned)
        facts.index_urls.update(url for _, _, url in facts.said.mentioned if url is not None)

    def installed(self, entry: _TreeEntry, place: _Place) -> None:
        """Read a release that was installed, and the releases that its dependencies may become."""
        facts = self._facts
        installed = entry.importlib_metadata or _NO_METADATA
        name = self._name(entry.package_name, place)
        url = self._url(entry.index_url, (*place, "index_url"))
        declared = installed.metadata or {}
        record = ReleaseRecord(
            package=name,
            version=entry.package_version,
            index_url=url,
            requires_python=text_of(declared.get("Requires-Python")),
            dependencies=self._dependencies(entry, place),
            artifacts=self._artifacts(entry.sha256, place),
            metadata=None
            if entry.importlib_metadata is None and entry.package_license is None
            else metadata_record(declared, installed.files or (), entry.package_license),
        )
        try:
            release = self._checker.add(record)
        except InvalidRecordError as error:
            raise self._invalid((*place, *_key(error.field, record)), error.problem) from error
        facts.seen[release] = None
        facts.outcomes.append(Outcome(release))

    def failed(self, entry: ErrorEntry, place: _Place) -> None:
        """Read a release that could not be installed."""
        path = (*place, "package_version")
        version = entry.package_version or entry.version
        if not version:
            raise self._invalid(path, "is missing")
        name = self._name(entry.package_name, place)
        url = self._url(entry.index_url, (*place, "index_url"))
        outcome = Outcome(
            self._wanted(name, self._version(version, path), url),
            error=True,
            error_type=shown(entry.type),
            details=shown(entry.details),
        )
        self._facts.outcomes.append(outcome)

    def unresolved(self, entry: UnresolvedEntry, place: _Place) -> None:
        """Read a package of which nothing was found; a pinned version is an unsolvable release."""
        name = self._name(entry.package_name, place)
        url = self._url(entry.index_url, (*place, "index_url"))
        specifier = (entry.version_spec or "").strip()
        specifier = "" if specifier in _ANY_VERSION else specifier
        path = (*place, "version_spec")
        self._text(specifier, path)
        self._facts.unresolved.append(UnresolvedPackage(name, specifier, url))
        pin = _PIN.fullmatch(specifier)
        if pin is not None:
            release = self._wanted(name, self._version(pin[2], path), url)
            self._facts.outcomes.append(Outcome(release, error=True, unsolvable=True))

    def unparsed(self, entry: UnparsedEntry) -> None:
        """Keep a requirement that could not be read; a pinned version is an unparseable release."""
        requirement, details = shown(entry.requirement) or "", shown(entry.details)
        self._facts.unparsed.append({"requirement": requirement, "details": details})
        found = _PINNED.match(requirement)
        pin = found and _PIN.fullmatch(found[2])
        name = found and _NAME.fullmatch(found[1])
        if not (name and pin) or max(len(name[0]), len(pin[2])) > MAX_NAME_CHARACTERS:
            return
        place = ("result", "unparsed", len(self._facts.unparsed) - 1)
        version = self._version(pin[2], (*place, "requirement"))
        release = self._wanted(self._name(name[0], place), version, None)
        outcome = Outcome(release, error=True, unparseable=True, details=details)
        self._facts.outcomes.append(outcome)

    def _wanted(self, name: str, version: str, url: str | None) -> ReleaseKey:
        release = name, version, url
        self._sought[release] = None
        return release

    def _dependencies(self, entry: _TreeEntry, place: _Place) -> tuple[str, ...] | None:
        """Return what a release declares; the releases that an index had of it are seen."""
        if entry.dependencies is None:
            installed = entry.importlib_metadata
            return tuple(installed.requires or ()) if installed and installed.metadata else None
        declared = [
            self._declared(each, place, number)  # type: ignore[arg-type]
            for number, each in enumerate(entry.dependencies)
        ]
        seen, packages = self._facts.seen, self._facts.packages
        for each in declared:
            packages.add(each.package)
            for release in each.releases:
                seen[release] = None
        return tuple([each.requirement for each in declared])

    def _declared(
        self, entry: DependencyEntry | msgspec.Raw, place: _Place, number: int
    ) -> Declared:
        if isinstance(entry, DependencyEntry):
            return self._read(entry, (*place, "dependencies", number))
        encoded = bytes(entry)
        known = _DECLARED.get(encoded)
        if known is None:
            known = self._read(_DEPENDENCY.decode(encoded), (*place, "dependencies", number))
            if len(encoded) <= _MEMOISED_BYTES:
                if len(_DECLARED) >= _MEMOISED:
                    _DECLARED.clear()
                _DECLARED[encoded] = known
        return known

    def _read(self, entry: DependencyEntry, place: _Place) -> Declared:
        name = self._name(entry.package_name, place)
        requirement = declared_requirement(entry)
        if requirement is None:
            key, problem = requirement_problem(entry)
            raise self._invalid((*place, key), problem)
        releases = [
            (name, version, url)
            for number, resolved in enumerate(entry.resolved_versions or ())
            for version, url in self._resolved(resolved, (*place, "resolved_versions", number))
        ]
        return Declared(name, requirement, tuple(releases))

    def _resolved(
        self, resolved: ResolvedVersions | str, place: _Place
    ) -> list[tuple[str, str | None]]:
        """Return which versions of a dependency an index had, each with the index."""
        if isinstance(resolved, str):
            return [(self._version(resolved, place), None)]
        url = self._url(resolved.index, (*place, "index"))
        return [(self._version(version, place), url) for version in resolved.versions or ()]

    def _artifacts(
        self, hashes: Sequence[str] | None, place: _Place
    ) -> tuple[ArtifactRecord, ...] | None:
        for number, text in enumerate(hashes or ()):
            if not _SHA256.fullmatch(text):
                raise self._invalid((*place, "sha256", number), "is not a SHA-256 in hexadecimal")
        if not hashes:
            return None
        return tuple(ArtifactRecord(sha256=bytes.fromhex(text)) for text in hashes)

    def _name(self, text: str, place: _Place) -> str:
        name = self._names.get(text)
        if name is None:
            if len(text) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(text.strip()):
                raise self._invalid((*place, "package_name"), "is not a package's name (PEP 508)")
            name = self._names[text] = normalize_package_name(text.strip())
        return name

    def _url(self, text: str | None, place: _Place) -> str | None:
        if text not in self._urls:
            try:
                storable_text("index_url", text, most=MAX_NAME_CHARACTERS)
                self._urls[text] = normalize_index_url(text)
            except InvalidRecordError as error:
                raise self._invalid(place, error.problem) from error
        return self._urls[text]

    def _version(self, text: str, place: _Place) -> str:
        version = self._versions.get(text)
        if version is None:
            try:
                version = self._versions[text] = storable_version(text)
            except InvalidRecordError as error:
                raise self._invalid(place, error.problem) from error
        return version

    def _text(self, text: str, place: _Place) -> None:
        try:
            storable_text(str(place[-1]), text, most=MAX_NAME_CHARACTERS)
        except InvalidRecordError as error:
            raise self._invalid(place, error.problem) from error

    def _invalid(self, place: _Place, problem: str) -> Exception:
        return self._facts.document.invalid(_path(place), problem)


_NO_METADATA = ImportlibMetadata()
_KEYS = {
    "package": ("package_name",),
    "version": ("package_version",),
    "requires_python": ("importlib_metadata", "metadata", "Requires-Python"),
}


def _key(field: str, record: ReleaseRecord) -> _Place:
    """Return where in an entry of the tree a field of its record comes from."""
    if field == "dependencies":
        for number, text in enumerate(record.dependencies or ()):
            try:
                storable_text(field, text)
            except InvalidRecordError:
                return "dependencies", number
    return _KEYS.get(field, ("importlib_metadata", "metadata"))


def _path(place: _Place) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


# --- requirements --------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def requirement_text(
    name: str, extras: tuple[str, ...], specifier: str, marker: str, of_extras: tuple[str, ...]
) -> str | None:
    """Return a requirement as PEP 508 writes it, None where a part cannot be part of one.

    `of_extras` are the extras that the requirement is one of; a marker that does not mention
    extras is made to.
    """
    specifier = "" if specifier in _ANY_VERSION else specifier
    if specifier and not _SPECIFIER.fullmatch(specifier):
        return None
    if not all(_NAME.fullmatch(extra) for extra in (*extras, *of_extras)):
        return None
    if of_extras and not re.search(r"\bextra\b", marker):
        chosen = " or ".join(f'extra == "{extra}"' for extra in of_extras)
        marker = f"({marker}) and ({chosen})" if marker else chosen
    requested = f"[{','.join(extras)}]" if extras else ""
    ending = f"; {marker}" if marker else ""
    return f"{name.strip()}{requested}{specifier}{ending}"


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
    if not all(_NAME.fullmatch(extra) for extra in entry.extras or ()):
        return "extras", "has what is not the name of an extra (PEP 508)"
    specifier = entry.specifier or entry.required_version or ""
    if specifier not in _ANY_VERSION and not _SPECIFIER.fullmatch(specifier):
        key = "specifier" if entry.specifier else "required_version"
        return key, "is not a version specifier (PEP 440)"
    return "extra", "has what is not the name of an extra (PEP 508)"


# --- environments --------------------------------------------------------------------------------

_KERNEL = ("platform_release", "platform_version")


def _environment(document: Document[SolverReport[Any]]) -> tuple[str, Environment]:
    """Return the solver's name and where it ran."""
    found = _ID.fullmatch(document.document_id)
    if found is None:
        os_name, os_version, python_version = _host(document)
    else:
        os_name, os_version = found[2], found[3]
        python_version = f"{found[4]}.{found[5]}"
    name, version = normalize_os(os_name, os_version)
    os_name, os_version = name or "", version or ""
    solver_name = f"solver-{os_name}-{os_version}-py{python_version.replace('.', '')}"
    for part in (os_name, os_version, python_version):
        try:
            storable_text("environment", part, most=MAX_NAME_CHARACTERS)
        except InvalidRecordError as error:
            raise document.invalid("metadata.os_release", error.problem) from error
    markers = _markers(document, os_name, os_version, python_version)
    environment = Environment(os_name, os_version, python_version, markers)
    return found[1] if found else solver_name, environment


def _host(document: Document[SolverReport[Any]]) -> tuple[str, str, str]:
    """Return operating system, its version and Python's as the document says them."""
    metadata = document.metadata
    release = metadata.os_release or {}
    os_name = text_of(release.get("id")) or text_of(metadata.distribution.get("id"))
    os_version = text_of(release.get("version_id")) or text_of(metadata.distribution.get("version"))
    if os_name is None:
        raise document.invalid("metadata.distribution.id", "is missing, and the id names no system")
    major, minor = metadata.python.get("major"), metadata.python.get("minor")
    if not (isinstance(major, int) and isinstance(minor, int)):
        raise document.invalid("metadata.python.major", "is missing, and the id names no Python")
    return os_name.lower(), os_version or "", f"{major}.{minor}"


def _markers(
    document: Document[SolverReport[Any]], os_name: str, os_version: str, python_version: str
) -> dict[str, str] | None:
    """Return the marker variables of an environment; those of its host's kernel are empty."""
    said = document.result.environment
    known = marker_environment(os_name, os_version, python_version)
    if not isinstance(said, dict) or not said.keys() & known.keys():
        return None
    for name in known.keys() & said.keys():
        if not isinstance(said[name], str):
            raise document.invalid(f"result.environment.{name}", "is not a text")
        known[name] = shown(said[name]) or ""
    return {**known, **dict.fromkeys(_KERNEL, "")}
