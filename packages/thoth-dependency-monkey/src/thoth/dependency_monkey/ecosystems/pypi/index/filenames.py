"""File names of a package's artifacts: of which release, with which tags (PEP 427, 625)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

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


class Release(NamedTuple):
    """A version, and its canonical text."""

    text: str
    version: Version


class FileNames:
    """Reads the file names of one package, given its normalised name.

    Remembers the parts that it has read: the files of a page share few of them. `releases` are
    those seen so far, by the keys that `read` returns. Where canonical texts of one version differ
    (1.0 and 1.0.0), the shortest one stands for the release.
    """

    def __init__(self, package: str) -> None:
        self.releases: dict[str, Release] = {}
        self._package = package
        self._prefix = f"{package}-"
        self._keys: dict[Version, str] = {}
        self._known: dict[str, str | None] = {}
        self._wheel_stems: dict[str, str | None] = {}
        self._tag_sets: dict[str, str | None] = {}

    def read(self, filename: str) -> tuple[str, str | None] | str | None:
        """Return the key of the release, and the tag set of a wheel or None for an sdist.

        Returns `IGNORED` for formats that are no business of ours, None for a name that cannot be
        understood or belongs to another package.
        """
        if filename.endswith(".whl"):
            return self._wheel(filename)
        if filename.endswith(".tar.gz"):
            version = self._sdist_version(filename[:-7])
            return None if version is None else (version, None)
        lowered = filename.lower()
        for suffix in _SDIST_SUFFIXES:
            if lowered.endswith(suffix):
                version = self._sdist_version(filename[: -len(suffix)])
                return None if version is None else (version, None)
        return IGNORED if lowered.endswith(_FOREIGN_SUFFIXES) else None

    def _wheel(self, filename: str) -> tuple[str, str] | None:
        stem, *tags = filename[:-4].rsplit("-", 3)
        tail = filename[len(stem) :]
        if stem in self._wheel_stems:
            version = self._wheel_stems[stem]
        else:
            version = self._wheel_stems[stem] = self._wheel_version(stem)
        if tail in self._tag_sets:
            tag_set = self._tag_sets[tail]
        else:
            tag_set = "-".join(tags).lower()
            matches = len(tail) <= _MAX_LENGTH and _TAG_SET.fullmatch(tag_set)
            tag_set = self._tag_sets[tail] = tag_set if matches else None
        if version is None or tag_set is None:
            return None
        return version, tag_set

    def _wheel_version(self, stem: str) -> str | None:
        parts = stem.split("-")
        if len(parts) == 3 and not parts[2][:1].isdigit():
            return None
        if len(parts) not in (2, 3) or _PLAIN.fullmatch(stem) is None:
            return None
        if normalize_name(parts[0]) != self._package:
            return None
        return self._release(parts[1])

    def _sdist_version(self, stem: str) -> str | None:
        if stem.startswith(self._prefix):
            return self._release(stem[len(self._prefix) :])
        if len(stem) > _MAX_LENGTH:
            return None
        for match in _SEPARATORS.finditer(stem):
            # Of a run of separators the last one parts name and version.
            if normalize_name(stem[: match.start()]) == self._package:
                return self._release(stem[match.end() :])
        return None

    def _release(self, text: str) -> str | None:
        """Return the key of the release that a version in a file name belongs to, if it is one."""
        if text in self._known:
            return self._known[text]
        key: str | None = None
        # `Version` would also take white space around, and digits of other scripts.
        if len(text) <= _MAX_LENGTH and _PLAIN.fullmatch(text) is not None:
            try:
                version = Version(text)
            except InvalidVersion:
                pass
            else:
                canonical = str(version)
                key = self._keys.setdefault(version, canonical)
                release = self.releases.get(key)
                if release is None or _is_shorter(canonical, release.text):
                    self.releases[key] = Release(canonical, version)
        self._known[text] = key
        return key


def _is_shorter(text: str, other: str) -> bool:
    return (len(text), text) < (len(other), other)
