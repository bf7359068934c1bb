"""Stacks in documents: a Pipfile and a Pipfile.lock as JSON, and the environment that they are for.

Each has a canonical form, whose SHA-256 tells it from others: names by PEP 503, URLs of indexes
without user info, sorted. A lock is the releases that it names; their hashes are facts of these
releases, not of the lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from thoth.storages.graph import json_values
from thoth.storages.graph.queries.environments import SoftwareKey
from thoth.storages.graph.release_records import ArtifactRecord, ReleaseRecord
from thoth.storages.graph.versions import normalize_os
from thoth.storages.sync.document_parts import MAX_NAME_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from thoth.storages.sync.document_parts import Invalid

MAX_ENVIRONMENT_CHARACTERS = 128
"""The name and version of an operating system, and Python's, may have so many characters each."""

ReleaseName: TypeAlias = tuple[str, str, str | None]
"""Name, version and index URL of a release, normalised."""

_PIN = re.compile(r"(?:===?)?\s*([^\s,;*<>=!~]+)")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_USER_INFO = re.compile(r"://[^/@\s]*@")
_PYTHON = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:[.a-z+].*)?", re.ASCII)


class Project(msgspec.Struct, frozen=True):
    """A stack as documents have it; each part may be missing."""

    requirements: dict[str, Any] | None = None
    requirements_locked: dict[str, Any] | None = None
    runtime_environment: dict[str, Any] | None = None


class Requirements(msgspec.Struct, frozen=True):
    """Requirements in their canonical form, as JSON."""

    digest: bytes
    canonical: str


class Lock(msgspec.Struct, frozen=True):
    """A lock: its releases (name, version, index URL), and their hashes by release."""

    digest: bytes
    releases: tuple[ReleaseName, ...]
    hashes: dict[ReleaseName, tuple[bytes, ...]]


class Stack(msgspec.Struct, frozen=True):
    """Requirements, a lock or both, and what they are for."""

    requirements: Requirements | None
    lock: Lock | None
    environment: SoftwareKey | None


class GivenStack(msgspec.Struct, frozen=True):
    """The stack that a run was given, and the environment that it is for, if only one is known."""

    stack: Stack | None
    environment: SoftwareKey | None

    @property
    def requirements(self) -> Requirements | None:
        """The requirements of the stack, if they are known."""
        return None if self.stack is None else self.stack.requirements


class ProductEntry(msgspec.Struct, frozen=True):
    """A stack that a run made, as documents have it."""

    project: Project | None = None
    score: float | None = None
    justification: Any = None


class Product(msgspec.Struct, frozen=True):
    """A stack that a run made; `justification` is JSON."""

    stack: Stack | None
    score: float | None
    justification: str

    def columns(self, stack_id: int | None) -> dict[str, object]:
        """Return the columns of its row, as they are sent; `stack_id` is that of its stack."""
        return {
            "software_stack_id": stack_id,
            "score": self.score,
            "justification": msgspec.Raw(self.justification.encode()),
        }


def read_product(entry: ProductEntry, path: str, invalid: Invalid) -> Product:
    """Return a stack that a run made, which lies at a path. Raises `InvalidDocumentError`."""
    justification = invalid.json(entry.justification, f"{path}.justification")
    return Product(
        stack=read_stack(entry.project or Project(), f"{path}.project", invalid),
        score=entry.score,
        justification="[]" if justification == "null" else justification,
    )


def read_given_stack(project: Project, path: str, invalid: Invalid) -> GivenStack:
    """Return the stack that a run was given at a path. Raises `InvalidDocumentError`."""
    stack = read_stack(project, path, invalid)
    if stack is not None:
        return GivenStack(stack, stack.environment)
    where = f"{path}.runtime_environment"
    return GivenStack(None, read_environment(project.runtime_environment, where, invalid))


def read_stack(project: Project, path: str, invalid: Invalid) -> Stack | None:
    """Return the stack of a document, None where it has neither requirements nor a lock.

    `path` is where the project lies. Raises `InvalidDocumentError`.
    """
    requirements = read_requirements(project.requirements, f"{path}.requirements", invalid)
    lock = read_lock(project, path, invalid)
    if requirements is None and lock is None:
        return None
    where = f"{path}.runtime_environment"
    environment = read_environment(project.runtime_environment, where, invalid)
    return Stack(requirements, lock, environment)


def release_records(locks: Iterable[Lock]) -> list[ReleaseRecord]:
    """Return the records of all releases of locks, each once, with all their hashes."""
    hashes: dict[ReleaseName, set[bytes]] = {}
    for lock in locks:
        for release in lock.releases:
            hashes.setdefault(release, set()).update(lock.hashes[release])
    return [
        ReleaseRecord(
            package=name,
            version=version,
            index_url=url,
            artifacts=tuple(ArtifactRecord(sha256=each) for each in sorted(known)) or None,
        )
        for (name, version, url), known in hashes.items()
    ]


# --- requirements --------------------------------------------------------------------------------


def read_requirements(
    pipfile: Mapping[str, Any] | None, path: str, invalid: Invalid
) -> Requirements | None:
    """Return requirements given as a Pipfile, None where there are none."""
    canonical: dict[str, Any] = {}
    for section in ("packages", "dev-packages"):
        packages: dict[str, Any] = {}
        for name, entry in _object(pipfile, section, path, invalid).items():
            package = _package(name, f"{path}.{section}", invalid)
            place = f"{path}.{section}.{name}"
            requirement = _requirement(entry, place, invalid)
            if packages.setdefault(package, requirement) != requirement:
                raise invalid(place, "is required otherwise under another spelling of its name")
        if packages:
            canonical[section] = packages
    if not canonical:
        return None
    sources = _sources(pipfile, "source", path, invalid)
    if sources:
        canonical["source"] = [{"name": name, "url": url} for name, url in sources.items()]
    requires = _object(pipfile, "requires", path, invalid)
    if requires:
        canonical["requires"] = requires
    text = invalid.json(canonical, path)
    return Requirements(json_values.digest(text), text)


def _requirement(entry: Any, path: str, invalid: Invalid) -> Any:
    """Return a requirement as an object; extras are sorted, user info in URLs is left out."""
    if isinstance(entry, str):
        entry = {"version": entry}
    if not isinstance(entry, dict):
        raise invalid(path, "is neither a version specifier nor an object")
    found = {
        name: without_user_info(value) if isinstance(value, str) else value
        for name, value in entry.items()
        if value is not None
    }
    extras = found.get("extras")
    if isinstance(extras, list) and all(isinstance(extra, str) for extra in extras):
        found["extras"] = sorted(set(extras))
    version = found.get("version")
    if isinstance(version, str):
        found["version"] = "".join(version.split()) or "*"
    return found


def _package(name: str, path: str, invalid: Invalid) -> str:
    """Return the name of a package, normalised, that is a key of the object at a path."""
    shown = name[:100] if name.isprintable() else ascii(name[:100])
    return invalid.package_name(name, f"{path}.{shown}")


def without_user_info(text: str) -> str:
    """Return a text with the user info left out of the URLs in it: it may be a password."""
    return _USER_INFO.sub("://", text)


# --- locks ---------------------------------------------------------------------------------------


def read_lock(project: Project, path: str, invalid: Invalid) -> Lock | None:
    """Return the lock of a project given as a Pipfile.lock, None where it locks nothing.

    What is for development counts as the rest does. What is not a release of an index, such as a
    path or a repository, is part of the digest alone.
    """
    locked, where = project.requirements_locked, f"{path}.requirements_locked"
    meta = _object(locked, "_meta", where, invalid)
    sources = _sources(meta, "sources", f"{where}._meta", invalid) or _sources(
        project.requirements, "source", f"{path}.requirements", invalid
    )
    hashes: dict[ReleaseName, tuple[bytes, ...]] = {}
    others = {}
    for section in ("default", "develop"):
        for name, entry in _object(locked, section, where, invalid).items():
            place = f"{where}.{section}.{name}"
            package = _package(name, f"{where}.{section}", invalid)
            if isinstance(entry, str):
                entry = {"version": entry}
            if not isinstance(entry, dict):
                raise invalid(place, "is not an object")
            if entry.get("version") is None:
                others[package] = _requirement(entry, place, invalid)
                continue
            release = (
                package,
                _version(entry["version"], f"{place}.version", invalid),
                _index(entry.get("index"), sources, f"{place}.index", invalid),
            )
            found = _hashes(entry, place, invalid)
            hashes[release] = tuple(sorted({*hashes.get(release, ()), *found}))
    return make_lock(hashes, where, invalid, others=others)


def make_lock(
    hashes: dict[ReleaseName, tuple[bytes, ...]],
    path: str,
    invalid: Invalid,
    *,
    others: Mapping[str, Any] | None = None,
) -> Lock | None:
    """Return the lock of releases, given with their hashes, None where it locks nothing.

    `others` are packages that are locked but no releases of an index. `path` is where the lock
    lies. Raises `InvalidDocumentError`.
    """
    if not hashes and not others:
        return None
    releases = sorted(hashes, key=lambda release: (*release[:2], release[2] or ""))
    text = invalid.json({"releases": releases, **({"others": others} if others else {})}, path)
    return Lock(json_values.digest(text), tuple(releases), hashes)


def _version(text: Any, path: str, invalid: Invalid) -> str:
    found = _PIN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or len(found[1]) > MAX_NAME_CHARACTERS:
        raise invalid(path, "is not one version, such as ==1.0")
    return invalid.version(found[1], path)


def _index(name: Any, sources: Mapping[str, str], path: str, invalid: Invalid) -> str | None:
    """Return the URL of the index that an entry names; of an only index where it names none."""
    if name is None:
        return next(iter(sources.values())) if len(sources) == 1 else None
    if not isinstance(name, str):
        raise invalid(path, "is not a text")
    if name in sources:
        return sources[name]
    if "://" in name:
        return invalid.index_url(name, path)
    raise invalid(path, "names no source")


def _hashes(entry: Mapping[str, Any], path: str, invalid: Invalid) -> list[bytes]:
    texts = entry.get("hashes") or ()
    found = []
    for number, text in enumerate(texts if isinstance(texts, list | tuple) else [texts]):
        place = f"{path}.hashes[{number}]"
        if not isinstance(text, str):
            raise invalid(place, "is not a text")
        algorithm, _, digest = text.strip().rpartition(":")
        if algorithm not in ("", "sha256"):
            continue
        if not _SHA256.fullmatch(digest):
            raise invalid(place, "is not a SHA-256 in hexadecimal")
        found.append(bytes.fromhex(digest))
    return found


# --- environments --------------------------------------------------------------------------------


def read_environment(
    runtime: Mapping[str, Any] | None,
    path: str,
    invalid: Invalid,
    *,
    os_release: Mapping[str, Any] | None = None,
) -> SoftwareKey | None:
    """Return an environment, None where nothing is known of it.

    `os_release` (its `id` and `version_id`) counts where `runtime` names no operating system.
    """
    runtime = runtime or {}
    system = runtime.get("operating_system")
    if not isinstance(system, dict):
        system = {"name": system}
    name, version = system.get("name"), system.get("version")
    if name is None and os_release:
        name, version = os_release.get("id"), os_release.get("version_id")
    os_name = _word(name, f"{path}.operating_system.name", invalid).lower()
    os_version = _word(version, f"{path}.operating_system.version", invalid)
    python = _word(runtime.get("python_version"), f"{path}.python_version", invalid)
    found = _PYTHON.fullmatch(python)
    normal = normalize_os(os_name, os_version)
    key = (normal[0] or "", normal[1] or "", f"{found[1]}.{found[2]}" if found else python)
    return key if any(key) else None


def _word(value: Any, path: str, invalid: Invalid) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(path, "is not a text")
    return invalid.text(str(value).strip(), path, most=MAX_ENVIRONMENT_CHARACTERS)


# --- parts ---------------------------------------------------------------------------------------


def _object(
    owner: Mapping[str, Any] | None, name: str, path: str, invalid: Invalid
) -> dict[str, Any]:
    value = (owner or {}).get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{path}.{name}", "is not an object")
    return value


def _sources(
    owner: Mapping[str, Any] | None, key: str, path: str, invalid: Invalid
) -> dict[str, str]:
    """Return the URLs of package indexes by the names that a project has for them."""
    entries = (owner or {}).get(key) or []
    if not isinstance(entries, list | tuple):
        raise invalid(f"{path}.{key}", "is not an array")
    sources: dict[str, str] = {}
    for number, entry in enumerate(entries):
        place = f"{path}.{key}[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise invalid(f"{place}.url", "is missing or not a text")
        url = invalid.index_url(entry["url"], f"{place}.url")
        name = entry.get("name")
        sources[name if isinstance(name, str) else url] = url
    return sources
