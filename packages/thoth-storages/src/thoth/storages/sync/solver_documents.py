"""Solver documents: what one says, as records that can be written. Nothing asks a database here.

A text of its own that only people read (descriptions, licences, details of errors) is shortened to
what a row may hold. Names, versions, URLs and hashes that cannot be stored make a document invalid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.queries.release_batches import CheckedReleases, ReleaseKey
from thoth.storages.graph.queries.values import storable_text
from thoth.storages.graph.requirements import marker_environment
from thoth.storages.graph.versions import normalize_os
from thoth.storages.sync.core_metadata import shown, text_of
from thoth.storages.sync.document_parts import MAX_NAME_CHARACTERS
from thoth.storages.sync.documents import Document, read_at_once, read_document
from thoth.storages.sync.solver_entries import (
    ANY_VERSION,
    NAME,
    EntryError,
    Place,
    TreeEntry,
    index_url,
    installed,
    package_name,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_ID = re.compile(
    r"(solver-(.+)-([^-]+)-py([0-9])\.?([0-9]+))-(?:[0-9]{12}-[0-9a-f]{16}|[0-9a-f]{8,64})"
)
_PIN = re.compile(r"[\s(]*(===?)\s*([^\s,;()*]+)[\s)]*")
_PINNED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(===?[^,;]+)", re.ASCII)


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


_Entry = TypeVar("_Entry", TreeEntry, msgspec.Raw)


class SolverReport(msgspec.Struct, Generic[_Entry], frozen=True):
    """The `result` of a solver document; in 2018, `environment` was a list of packages.

    The entries of its tree are as they are in the document where they are remembered so.
    """

    tree: list[_Entry]
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


@dataclass(slots=True)
class SolverFacts:
    """The rows that a solver document becomes; `document` without its result, which they hold.

    `said` is what it says of releases. Those of `seen` were installed, or an index had them.
    """

    document: Document[None]
    solver_name: str
    environment: Environment
    said: CheckedReleases = field(default_factory=CheckedReleases)
    seen: dict[ReleaseKey, None] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    unresolved: list[UnresolvedPackage] = field(default_factory=list)
    unparsed: list[dict[str, Any]] = field(default_factory=list)


def read_solver_document(
    content: dict[str, Any] | bytes, *, document_id: str | None = None
) -> SolverFacts:
    """Read a solver document, today's form or that of 2018; return the rows that it becomes.

    The name of the solver and its environment come from the document's id; where that says nothing,
    from what the document says of its host. See `documents.read_document` for the arguments. Raises
    `InvalidDocumentError`.
    """
    encoded = read_at_once(content, SolverReport[msgspec.Raw], document_id=document_id)
    if encoded is not None:
        try:
            return _facts(encoded)
        except (msgspec.MsgspecError, RecursionError):
            # What is wrong with an entry by itself is said below, with its path.
            pass
    return _facts(read_document(content, SolverReport[TreeEntry], document_id=document_id))


def _facts(document: Document[SolverReport[_Entry]]) -> SolverFacts:
    solver_name, environment = _environment(document)
    try:
        storable_text("analyzer_version", document.metadata.analyzer_version)
    except InvalidRecordError as wrong:
        raise document.invalid("metadata.analyzer_version", wrong.problem) from wrong
    facts = SolverFacts(document.without_result(), solver_name, environment)
    report = document.result
    reader = _Reader(facts)
    for number, entry in enumerate(report.tree):
        reader.read(reader.installed, entry, ("tree", number))
    for number, error in enumerate(report.errors or ()):
        reader.read(reader.failed, error, ("errors", number))
    for number, wanted in enumerate(report.unresolved or ()):
        reader.read(reader.unresolved, wanted, ("unresolved", number))
    for number, unparsed in enumerate(report.unparsed or ()):
        reader.read(reader.unparsed, unparsed, ("unparsed", number))
    reader.finish()
    return facts


class _Reader:
    """Turns entries into facts."""

    def __init__(self, facts: SolverFacts) -> None:
        self._facts = facts
        self._sought: dict[ReleaseKey, None] = {}

    def read(self, read: Callable[[_T], None], entry: _T, place: Place) -> None:
        """Read an entry at a place of the result. Raises `InvalidDocumentError`."""
        try:
            read(entry)
        except EntryError as error:
            path = _path(("result", *place, *error.place))
            raise self._facts.document.invalid(path, error.problem) from error

    def finish(self) -> None:
        """Complete the facts."""
        facts = self._facts
        facts.said.mentioned = facts.seen | self._sought

    def installed(self, entry: TreeEntry | msgspec.Raw) -> None:
        """Read a release that was installed, and the releases that its dependencies may become."""
        facts, read = self._facts, installed(entry)
        facts.said.releases.append(read.release)
        facts.outcomes.append(Outcome(read.release.key))
        facts.seen.update(dict.fromkeys(read.seen))

    def failed(self, entry: ErrorEntry) -> None:
        """Read a release that could not be installed."""
        text = entry.package_version or entry.version
        if not text:
            raise EntryError(("package_version",), "is missing")
        outcome = Outcome(
            self._wanted(entry.package_name, text, entry.index_url, "package_version"),
            error=True,
            error_type=shown(entry.type),
            details=shown(entry.details),
        )
        self._facts.outcomes.append(outcome)

    def unresolved(self, entry: UnresolvedEntry) -> None:
        """Read a package of which nothing was found; a pinned version is an unsolvable release."""
        specifier = (entry.version_spec or "").strip()
        specifier = "" if specifier in ANY_VERSION else specifier
        unresolved = UnresolvedPackage(
            package_name(entry.package_name), specifier, index_url(entry.index_url)
        )
        try:
            storable_text("version_spec", specifier, most=MAX_NAME_CHARACTERS)
        except InvalidRecordError as error:
            raise EntryError(("version_spec",), error.problem) from error
        self._facts.unresolved.append(unresolved)
        self._facts.said.packages.add(unresolved.package)
        if unresolved.index_url is not None:
            self._facts.said.index_urls.add(unresolved.index_url)
        pin = _PIN.fullmatch(specifier)
        if pin is not None:
            release = self._wanted(entry.package_name, pin[2], entry.index_url, "version_spec")
            self._facts.outcomes.append(Outcome(release, error=True, unsolvable=True))

    def unparsed(self, entry: UnparsedEntry) -> None:
        """Keep a requirement that could not be read; a pinned version is an unparseable release."""
        requirement, details = shown(entry.requirement) or "", shown(entry.details)
        self._facts.unparsed.append({"requirement": requirement, "details": details})
        found = _PINNED.match(requirement)
        pin = found and _PIN.fullmatch(found[2])
        name = found and NAME.fullmatch(found[1])
        if not (name and pin) or max(len(name[0]), len(pin[2])) > MAX_NAME_CHARACTERS:
            return
        release = self._wanted(name[0], pin[2], None, "requirement")
        outcome = Outcome(release, error=True, unparseable=True, details=details)
        self._facts.outcomes.append(outcome)

    def _wanted(self, name: str, text: str, url: str | None, key: str) -> ReleaseKey:
        """Return a release that somebody wanted, whose version is under a key."""
        release = package_name(name), version(text, (key,)), index_url(url)
        self._sought[release] = None
        return release


def _path(place: Place) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


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
