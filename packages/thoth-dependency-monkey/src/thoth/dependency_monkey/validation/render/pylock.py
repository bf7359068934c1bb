"""A lock as pylock.toml (PEP 751), with the files that the target can use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from thoth.dependency_monkey.validation.render.escape import visible
from thoth.dependency_monkey.validation.render.locked import UnwritableLockError, hashed_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from thoth.dependency_monkey.validation.result import (
        DependencyGraph,
        LockedArtifact,
        LockedRelease,
        ResultTarget,
    )

_TELLING_MARKERS = ("implementation_name", "python_version", "sys_platform", "platform_machine")


def render_pylock(
    lock: Sequence[LockedRelease], target: ResultTarget, graph: DependencyGraph
) -> str:
    """Return the lock as the text of a pylock.toml.

    `environments` and `requires-python` say what it was locked for, so that an installer refuses
    it elsewhere. Packages come sorted by name with what they depend on, by `graph`. Files without
    a SHA-256, or with a name that PEP 751 does not admit, are left out.

    Raises `UnwritableLockError` where that leaves no file of a release.
    """
    pylock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(_environment(target.markers))],
        requires_python=SpecifierSet(f">={target.markers['python_version']}"),
        created_by="thoth-dependency-monkey",
        packages=list(_packages(lock, graph)),
    )
    pylock.validate()
    return f"# Locked for {visible(target.id)}.\n{_toml(pylock.to_dict())}"


def _environment(markers: Mapping[str, str]) -> str:
    """Return the marker that tells the target from others."""
    return " and ".join(f"{name} == '{markers[name]}'" for name in _TELLING_MARKERS)


def _packages(lock: Sequence[LockedRelease], graph: DependencyGraph) -> Iterator[Package]:
    files = hashed_files(lock)
    needs: dict[str, set[str]] = {}
    for edge in graph.edges:
        if edge.source != edge.target:
            needs.setdefault(edge.source, set()).add(edge.target)
    for release in sorted(lock, key=lambda release: release.name):
        version = Version(release.version)
        wheels = sorted(_admitted(files[release.name], "wheel", release.name, version), key=_name)
        sdists = sorted(_admitted(files[release.name], "sdist", release.name, version), key=_name)
        if not wheels and not sdists:
            raise UnwritableLockError(
                "no usable file has a name that PEP 751 admits",
                [f"{release.name} {release.version}"],
            )
        yield Package(
            name=canonicalize_name(release.name),
            version=version,
            requires_python=_specifiers(release.requires_python),
            dependencies=[{"name": name} for name in sorted(needs.get(release.name, ()))] or None,
            index=release.index,
            sdist=PackageSdist(**_file(sdists[0])) if sdists else None,
            wheels=[PackageWheel(**_file(wheel)) for wheel in wheels] or None,
        )


def _admitted(
    files: Iterable[LockedArtifact], kind: str, name: str, version: Version
) -> Iterator[LockedArtifact]:
    """Yield the files of a kind whose names say this package and version (PEP 427, 625)."""
    for file in files:
        if file.kind == kind and _identity(file) == (name, version):
            yield file


def _identity(file: LockedArtifact) -> tuple[NormalizedName, Version] | None:
    try:
        if file.kind == "wheel":
            return parse_wheel_filename(file.filename)[:2]
        return parse_sdist_filename(file.filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _name(file: LockedArtifact) -> str:
    return file.filename


def _file(file: LockedArtifact) -> dict[str, Any]:
    return {
        "name": file.filename,
        "url": file.url,
        "size": file.size,
        "hashes": {"sha256": file.sha256},
    }


def _specifiers(text: str | None) -> SpecifierSet | None:
    """Return what the index says of Python; nothing where it is no valid specifier."""
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        return None


def _toml(document: Mapping[str, Any]) -> str:
    """Write the kinds of value that a pylock has: the packages as tables, the rest inline."""
    packages = document["packages"]
    head = {key: value for key, value in document.items() if key != "packages" or not packages}
    return "\n".join((_table(head), *(f"[[packages]]\n{_table(package)}" for package in packages)))


def _table(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value, spread=True)}\n" for key, value in table.items())


def _value(value: object, *, spread: bool = False) -> str:
    if isinstance(value, str):
        if '"' in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        # A JSON text is a basic string of TOML but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(entry)}' for key, entry in value.items())} }}"
    if isinstance(value, list):
        entries = [_value(entry) for entry in value]
        if spread and value and isinstance(value[0], dict):
            return "".join(["[\n", *(f"    {entry},\n" for entry in entries), "]"])
        return f"[{', '.join(entries)}]"
    raise TypeError(f"no pylock holds a {type(value).__name__}")
