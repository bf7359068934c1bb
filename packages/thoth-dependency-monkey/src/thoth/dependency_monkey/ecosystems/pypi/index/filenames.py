"""File names of a package's artifacts: of which release, with which tags (PEP 427, 625)."""

from __future__ import annotations

import re
from typing import Final

from packaging.version import InvalidVersion, Version

IGNORED: Final = "ignored"

_MAX_LENGTH = 512
_SEPARATORS = re.compile(r"[-_.]+")
_PLAIN = re.compile(r"[A-Za-z0-9_.+!~-]+")
_TAG_SET = re.compile(r"[a-z0-9_.]+-[a-z0-9_.]+-[a-z0-9_.]+")
_SDIST_SUFFIXES = (
    *(".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tbz", ".tar.xz", ".txz"),
    *(".tar.lzma", ".tlz", ".tar.z", ".tar"),
)
# Formats that no resolver uses (eggs, installers, packages of systems) and what stands beside
# files. A page lists them by right, so they are no trouble worth a note.
_FOREIGN_SUFFIXES = (
    *(".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg"),
    *(".asc", ".sig", ".metadata", ".provenance", ".attestation"),
)


def normalize_name(name: str) -> str:
    """Return a package's name as PEP 503 normalises it."""
    return _SEPARATORS.sub("-", name).lower()


class FileNames:
    """Reads the file names of one package, given its normalised name.

    Remembers what it has read, since a page repeats few names and versions in many files.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._prefix = f"{package}-"
        self._is_own_name: dict[str, bool] = {}
        self._canonical: dict[str, str | None] = {}
        self.versions: dict[str, Version] = {}

    def read(self, filename: str) -> tuple[str, str | None] | str | None:
        """Return the canonical version, and the tag set of a wheel or None for an sdist.

        Returns `IGNORED` for formats that are no business of ours, None for a name that cannot be
        understood or belongs to another package.
        """
        if len(filename) > _MAX_LENGTH or _PLAIN.fullmatch(filename) is None:
            return None
        if filename.endswith(".whl"):
            return self._wheel(filename[:-4])
        lowered = filename.lower()
        for suffix in _SDIST_SUFFIXES:
            if lowered.endswith(suffix):
                version = self._sdist_version(filename[: -len(suffix)])
                return None if version is None else (version, None)
        if lowered.endswith(_FOREIGN_SUFFIXES):
            return IGNORED
        return None

    def _wheel(self, stem: str) -> tuple[str, str | None] | None:
        parts = stem.split("-")
        if len(parts) == 6:
            if not parts[2][:1].isdigit():
                return None
        elif len(parts) != 5:
            return None
        name = parts[0]
        is_own = self._is_own_name.get(name)
        if is_own is None:
            is_own = self._is_own_name[name] = normalize_name(name) == self._package
        if not is_own:
            return None
        version = self.canonical(parts[1])
        tag_set = "-".join(parts[-3:]).lower()
        if version is None or _TAG_SET.fullmatch(tag_set) is None:
            return None
        return version, tag_set

    def _sdist_version(self, stem: str) -> str | None:
        split = len(self._package)
        if stem[split : split + 1] == "-":
            name = stem[:split]
            if name.lower().replace("_", "-").replace(".", "-") == self._package:
                return self.canonical(stem[split + 1 :])
        for match in _SEPARATORS.finditer(stem):
            # Of a run of separators the last one parts name and version.
            if normalize_name(stem[: match.start()]) == self._package:
                return self.canonical(stem[match.end() :])
        return None

    def canonical(self, text: str) -> str | None:
        """Return a version's canonical text (PEP 440), or None where it is no version."""
        try:
            return self._canonical[text]
        except KeyError:
            pass
        canonical: str | None = None
        try:
            version = Version(text)
        except (InvalidVersion, ValueError):
            pass
        else:
            canonical = str(version)
            self.versions.setdefault(canonical, version)
        self._canonical[text] = canonical
        return canonical
