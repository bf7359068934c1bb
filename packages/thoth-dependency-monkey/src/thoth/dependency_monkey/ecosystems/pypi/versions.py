"""Ordered versions of one package, and PEP 440 specifiers as masks over them.

Versions are parsed only when a comparison needs them: a specifier costs a few bisection steps,
however many releases there are.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

_STAR_AFTER_ORDER = re.compile(r"([<>]=|[<>])(\s*[\w.!]+?)\.\*")

_MOST_MASKS = 2_048
"""Masks of one package that are remembered; more start anew."""

parse_version = lru_cache(maxsize=65_536)(Version)


@lru_cache(maxsize=16_384)
def parse_specifier(specifier: str) -> tuple[Specifier, ...]:
    """Return the clauses of a specifier; none for "" (any version).

    Raises `packaging.specifiers.InvalidSpecifier`.
    """
    return tuple(SpecifierSet(specifier))


def is_prerelease(version: str) -> bool:
    """Say whether a canonical version text is a pre-release or a development release."""
    if version.replace(".", "").isdigit():
        return False
    # Canonical final and post releases are digits and dots, "postN", epoch and local part; the
    # letters a, b, c and d (of "dev") occur in no other place before a local part.
    return any(letter in version.partition("+")[0] for letter in "abrcd") and (
        parse_version(version).is_prerelease
    )


def names_prerelease(specifier: str) -> bool:
    """Say whether a specifier itself names a pre-release, other than to exclude it."""
    for clause in parse_specifier(specifier):
        if clause.operator in ("!=", "==="):
            continue
        try:
            if parse_version(clause.version.removesuffix(".*")).is_prerelease:
                return True
        except InvalidVersion:
            continue
    return False


def is_exact(specifier: str) -> bool:
    """Say whether a specifier pins one version: `==` without a wildcard, or `===` (PEP 592)."""
    return any(
        clause.operator == "===" or (clause.operator == "==" and not clause.version.endswith(".*"))
        for clause in parse_specifier(specifier)
    )


class VersionLine:
    """The versions of one package in ascending PEP 440 order, as canonical texts."""

    __slots__ = ("_everything", "_masks", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self._everything = (1 << len(texts)) - 1
        self._masks: dict[str, int] = {}

    def mask(self, specifier: str) -> int:
        """Return what `compute` does, remembering it: for specifiers that packages declare."""
        mask = self._masks.get(specifier)
        if mask is None:
            mask = self.compute(specifier)
            if len(self._masks) >= _MOST_MASKS:
                self._masks.clear()
            self._masks[specifier] = mask
        return mask

    def compute(self, specifier: str) -> int:
        """Return the versions that a specifier accepts, pre-releases included.

        Version `i` is bit `i + 1`, as the resolver has it. Source: PEP 440, "Version specifiers".
        Raises `packaging.specifiers.InvalidSpecifier`.
        """
        mask = self._everything
        for clause in parse_specifier(specifier):
            mask &= self._clause(clause.operator, clause.version)
        return mask << 1

    def _key(self, position: int) -> Version:
        return parse_version(self.texts[position])

    def _left(self, version: Version) -> int:
        return bisect_left(range(len(self.texts)), version, key=self._key)

    def _right(self, version: Version) -> int:
        return bisect_right(range(len(self.texts)), version, key=self._key)

    def _clause(self, operator: str, text: str) -> int:
        if operator == "===":
            wanted = text.lower()
            return sum(1 << i for i, own in enumerate(self.texts) if own.lower() == wanted)
        if operator == "~=":
            version = parse_version(text)
            prefix = ".".join(str(part) for part in version.release[:-1])
            epoch = f"{version.epoch}!" if version.epoch else ""
            return self._clause(">=", text) & self._clause("==", f"{epoch}{prefix}.*")
        if operator in ("==", "!="):
            inside = self._prefix(text[:-2]) if text.endswith(".*") else self._equal(text)
            return inside if operator == "==" else self._everything & ~inside
        version = parse_version(text)
        if operator == ">=":
            return self._span(self._left(version), len(self.texts))
        if operator == "<=":
            return self._span(0, self._past_locals(version))
        if operator == "<":
            return self._less(version)
        return self._greater(version)

    @staticmethod
    def _span(start: int, stop: int) -> int:
        return (1 << stop) - (1 << start) if stop > start else 0

    def _prefix(self, text: str) -> int:
        version = parse_version(text)
        epoch = f"{version.epoch}!" if version.epoch else ""
        *head, last = version.release
        following = ".".join(str(part) for part in (*head, last + 1))
        return self._span(
            self._left(parse_version(f"{text}.dev0")),
            self._left(parse_version(f"{epoch}{following}.dev0")),
        )

    def _past_locals(self, version: Version) -> int:
        """Return the position after a version and after all its local versions."""
        stop = self._right(version)
        if version.local is None:
            while stop < len(self.texts) and self._is_local_of(stop, version):
                stop += 1
        return stop

    def _is_local_of(self, position: int, version: Version) -> bool:
        own = self._key(position)
        return own.local is not None and parse_version(own.public) == version

    def _equal(self, text: str) -> int:
        version = parse_version(text)
        return self._span(self._left(version), self._past_locals(version))

    def _less(self, version: Version) -> int:
        # "<V" leaves out the pre-releases of V, unless V is one itself.
        if not version.is_prerelease:
            version = version.__replace__(dev=0, local=None)
        return self._span(0, self._left(version))

    def _greater(self, version: Version) -> int:
        # ">V" leaves out the post-releases and local versions of V, unless V is a post-release.
        if version.dev is not None:
            start = self._left(version.__replace__(dev=version.dev + 1, local=None))
        elif version.post is not None:
            start = self._left(version.__replace__(post=version.post + 1, dev=0, local=None))
        else:
            start = self._right(version)
            while start < len(self.texts) and self._is_after(start, version):
                start += 1
        return self._span(start, len(self.texts))

    def _is_after(self, position: int, version: Version) -> bool:
        """Say whether a version is a local version or a post-release of a given one."""
        own = self._key(position)
        return own.__replace__(post=None, dev=None, local=None) == version


def lenient_specifier(text: str) -> str:
    """Return a specifier with an old spelling mended that has one reading only.

    `>=2.7.*` becomes `>=2.7`, likewise for `>`, `<` and `<=`. What needs no mending comes back as
    it is.
    """
    return _STAR_AFTER_ORDER.sub(r"\1\2", text)


def accepts_python(specifier: str, python: Version) -> bool:
    """Say whether a Requires-Python accepts an interpreter; one that is not valid accepts all."""
    try:
        clauses = parse_specifier(lenient_specifier(specifier))
        return all(clause.contains(python, prereleases=True) for clause in clauses)
    except ValueError:
        # Not a specifier, or one with a number of more digits than Python reads.
        return True
