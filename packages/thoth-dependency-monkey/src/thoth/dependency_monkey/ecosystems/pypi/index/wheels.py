"""Which member of a wheel is its METADATA (PEP 427)."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from thoth.dependency_monkey.ecosystems.pypi.index.faults import ArchiveError
from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name

WANTED = b".dist-info/"
_SUFFIX = ".dist-info"


def choose_metadata(names: list[bytes], package: str, version: str) -> int:
    """Return the position of the METADATA file among the names that contain `WANTED`.

    Raises `ArchiveError` where there is none, more than one, or it is another release's.
    """
    directories = set()
    found = []
    for position, name in enumerate(names):
        directory, _, rest = name.partition(b"/")
        if directory.endswith(b".dist-info"):
            directories.add(directory)
            if rest == b"METADATA":
                found.append(position)
    if len(directories) > 1:
        raise ArchiveError("the wheel has several .dist-info directories")
    if len(found) != 1:
        raise ArchiveError(
            "the wheel has no METADATA" if not found else "the wheel has METADATA twice"
        )
    _check_directory(directories.pop(), package, version)
    return found[0]


def _check_directory(directory: bytes, package: str, version: str) -> None:
    text = directory.decode("utf-8", "replace").removesuffix(_SUFFIX)
    name, _, found = text.rpartition("-")
    try:
        matches = normalize_name(name) == package and Version(found) == Version(version)
    except (InvalidVersion, ValueError):
        matches = False
    if not matches:
        raise ArchiveError(
            f"the wheel's .dist-info directory is of another release, {text[:120]!r}"
        )
