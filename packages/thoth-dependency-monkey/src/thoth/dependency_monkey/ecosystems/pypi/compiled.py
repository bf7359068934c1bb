"""What is computed of a page and of metadata, kept as long as they are: candidates, declared needs.

Nothing here depends on a stack or on another package, so validations may share it, and threads:
what two of them compute at the same time is the same. A new page is a new `CompiledPage`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from packaging.requirements import Requirement as PackagingRequirement
from packaging.utils import canonicalize_name

from thoth.dependency_monkey.ecosystems.pypi.facts import SDIST, UNKNOWN
from thoth.dependency_monkey.ecosystems.pypi.policy import Artifacts
from thoth.dependency_monkey.ecosystems.pypi.versions import (
    VersionLine,
    accepts_python,
    is_prerelease,
)
from thoth.dependency_monkey.resolver.universe import Exclusion, Opaque

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from packaging.markers import Marker

    from thoth.dependency_monkey.ecosystems.pypi.facts import MetadataFacts, PageFacts
    from thoth.dependency_monkey.ecosystems.pypi.target import Target

_K = TypeVar("_K")
_V = TypeVar("_V")

REQUIRES_PYTHON = "requires-python"
NO_ARTIFACT = "artifact"
NEWER = "exclude-newer"

_TOO_NEW = "was uploaded after the date of exclude-newer, or has no upload time"
_EXTRA = re.compile(r"\bextra\b")
_EXTRA_IS = re.compile(r"""\bextra\s*==\s*['"]([^'"]*)['"]|['"]([^'"]*)['"]\s*==\s*extra\b""")
_MOST_UNUSUAL = 100
"""Requirements of a release that compare `extra` other than by `==`; one with more is opaque."""
_LONGEST_SHOWN = 200
_MOST_SPECIFIERS = 8
"""Different Requires-Python of a package that a proof tells apart."""
_NO_MATCH = 1 << 30
_LONGEST_SPECIFIER = 8192
"""Characters of a Requires-Python; a longer one counts as not valid, so it rules nothing out."""
_REMEMBERED = 50_000
"""Parsed requirements, and answers of a `Fit` of one kind, that are kept; more start anew."""
_LONGEST_REMEMBERED = 1_000
"""Characters of a requirement, specifier or marker that is kept."""
_MOST_FITS = 4
"""Fits whose candidates a page keeps at once."""


class DeclaredRequirement(NamedTuple):
    """A requirement as metadata declares it, parsed. `text` is PEP 508 without the marker."""

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: Marker | None
    marker_text: str | None
    url: str | None
    text: str


class Declared(NamedTuple):
    """What a release, or an extra of it, needs on a target.

    `requires_python` is the specifier with whether the target's Python is accepted, or None.
    """

    requirements: tuple[DeclaredRequirement, ...]
    requires_python: tuple[str, bool] | None


class Fit:
    """Which files and requirements count for a target, under a policy.

    `latest` is the moment, in seconds since 1970, at which and after which uploads do not count.
    Remembers its answers, boundedly; safe to use from several threads.
    """

    __slots__ = ("_markers", "_pythons", "latest", "target", "wheels_only")

    def __init__(
        self, target: Target, artifacts: Artifacts, exclude_newer: datetime | None
    ) -> None:
        self.target = target
        self.wheels_only = artifacts is Artifacts.WHEEL_ONLY
        self.latest = None if exclude_newer is None else exclude_newer.timestamp()
        self._markers: dict[tuple[str, str], bool] = {}
        self._pythons: dict[str, bool] = {}

    def rank(self, tag_set: str) -> int:
        """Return how well a wheel fits, by its tags: smaller is better."""
        priority = self.target.tag_priority(tag_set)
        return _NO_MATCH if priority is None else priority

    def ranks(self, facts: PageFacts) -> list[int]:
        """Return the rank of each tag set, and as the last one that of an sdist."""
        sdist = _NO_MATCH if self.wheels_only else _NO_MATCH - 1
        return [*map(self.rank, facts.tag_sets), sdist]

    def accepts_python(self, specifier: str) -> bool:
        """Say whether a Requires-Python accepts the target's Python."""
        answer = self._pythons.get(specifier)
        if answer is None:
            too_long = len(specifier) > _LONGEST_SPECIFIER
            answer = too_long or accepts_python(specifier, self.target.python)
            _remember(self._pythons, specifier, answer, len(specifier))
        return answer

    def applies(self, requirement: DeclaredRequirement, extra: str) -> bool:
        """Say whether a requirement is one of the extra (of the release itself, for "").

        Raises `ValueError` where PEP 508 gives the marker no meaning.
        """
        if requirement.marker is None:
            return not extra
        if not extra:
            return self._holds(requirement.marker, requirement.marker_text or "", "")
        return self._holds(
            requirement.marker, requirement.marker_text or "", extra
        ) and not self._holds(requirement.marker, requirement.marker_text or "", "")

    def _holds(self, marker: Marker, text: str, extra: str) -> bool:
        key = (text, extra)
        answer = self._markers.get(key)
        if answer is None:
            answer = bool(marker.evaluate({**self.target.markers, "extra": extra}))
            _remember(self._markers, key, answer, len(text) + len(extra))
        return answer


@lru_cache(maxsize=16)
def fit_of(target: Target, artifacts: Artifacts, exclude_newer: datetime | None) -> Fit:
    """Return the fit of a target under a policy; equal arguments share one."""
    return Fit(target, artifacts, exclude_newer)


class CompiledPage:
    """The page of a package as resolving needs it.

    `facts` is None, and `versions` empty, where there is no such package.
    """

    __slots__ = ("_candidates", "_stable", "facts", "line", "versions")

    def __init__(self, facts: PageFacts | None) -> None:
        self.facts = facts
        self.versions: list[str] = [] if facts is None else facts.versions
        self.line = VersionLine(self.versions)
        self._stable: int | None = None
        self._candidates: dict[Fit, Candidates] = {}

    @property
    def stable(self) -> int:
        """The releases that are no pre-releases, as a mask: release `i` is bit `i + 1`."""
        stable = self._stable
        if stable is None:
            stable = self._stable = _mask(
                [i for i, version in enumerate(self.versions) if not is_prerelease(version)]
            )
        return stable

    def candidates(self, fit: Fit) -> Candidates:
        """Return which releases fit; the package must exist."""
        found = self._candidates.get(fit)
        if found is None:
            assert self.facts is not None  # noqa: S101 - promised by the caller
            found = Candidates(self.facts, fit)
            if len(self._candidates) >= _MOST_FITS:
                self._candidates.clear()
            self._candidates[fit] = found
        return found


class Candidates:
    """The releases of a page that a fit lets through, as masks, and why it does not the others.

    `usable` have a file that is not yanked, `yanked` have only yanked ones; `exclusions` tell of
    all others.
    """

    __slots__ = (
        "_declared",
        "_facts",
        "_files",
        "_fit",
        "_grouped",
        "exclusions",
        "usable",
        "yanked",
    )

    def __init__(self, facts: PageFacts, fit: Fit) -> None:
        self._facts = facts
        self._fit = fit
        self._files: dict[int, list[int]] = {}
        self._declared: dict[tuple[int, str], Declared | Opaque] = {}
        self._grouped: dict[int, dict[str, list[int]]] = {}
        self.usable, self.yanked, self.exclusions = self._sort()

    def files(self, position: int) -> list[int]:
        """Return the positions, within release `position`, of the files that fit.

        The best match comes first: the order of PEP 425 tags, then the order on the page; sdists
        are last, and whatever is yanked comes after whatever is not.
        """
        files = self._files.get(position)
        if files is None:
            facts, fit = self._facts, self._fit
            start, stop = facts.starts[position : position + 2]
            ranked = []
            for file in range(start, stop):
                tags, specifier = facts.tags[file], facts.requires_python[file]
                if tags != SDIST:
                    rank = fit.rank(facts.tag_sets[tags])
                else:
                    rank = _NO_MATCH if fit.wheels_only else _NO_MATCH - 1
                if (
                    rank != _NO_MATCH
                    and (specifier == UNKNOWN or fit.accepts_python(facts.specifiers[specifier]))
                    and (fit.latest is None or UNKNOWN < facts.uploaded[file] < fit.latest)
                ):
                    ranked.append((facts.yanked[file], rank, file - start))
            ranked.sort()
            files = self._files[position] = [file for _, _, file in ranked]
        return files

    def declared(self, position: int, extra: str, metadata: MetadataFacts) -> Declared | Opaque:
        """Return what release `position`, or an extra of it, needs; Opaque where it is not valid.

        `metadata` is that of the release's best file, and so always the same.
        """
        known = self._declared.get((position, extra))
        if known is not None:
            return known
        texts: Sequence[str] = metadata.requires_dist
        lasting = True
        if extra:
            grouped = self._grouped.get(position)
            if grouped is None:
                grouped = self._grouped[position] = _group_by_extra(texts)
            unusual = grouped.get("", [])
            if len(unusual) > _MOST_UNUSUAL:
                reason = f"more than {_MOST_UNUSUAL} of its requirements use extras in unusual ways"
                return Opaque(reason, needs_build=False)
            positions = sorted({*grouped.get(extra, ()), *unusual})
            texts = [texts[each] for each in positions]
            # Anybody may ask for any extra; only those that there are may take memory.
            lasting = extra in grouped
        declared = self._read(texts, extra, None if extra else metadata.requires_python)
        if lasting:
            self._declared[position, extra] = declared
        return declared

    def _read(
        self, texts: Sequence[str], extra: str, requires_python: str | None
    ) -> Declared | Opaque:
        found = []
        for text in texts:
            try:
                requirement = parse_requirement(text)
                applies = self._fit.applies(requirement, extra)
            except (ValueError, RecursionError):
                return not_valid(text)
            if not applies:
                continue
            if requirement.url is not None:
                reason = f"it requires {requirement.name} from a URL, not from an index"
                return Opaque(reason, needs_build=False)
            found.append(requirement)
        python = None
        if requires_python:
            python = (shown(requires_python), self._fit.accepts_python(requires_python))
        return Declared(tuple(found), python)

    def _sort(self) -> tuple[int, int, tuple[Exclusion, ...]]:
        """Return the masks, and the exclusions, of all releases."""
        facts = self._facts
        starts, tags, pythons = facts.starts, facts.tags, facts.requires_python
        uploaded, yanked = facts.uploaded, facts.yanked
        # The last element is what the positions SDIST and UNKNOWN, -1, stand for.
        fits = [rank != _NO_MATCH for rank in self._fit.ranks(facts)]
        accepts = [*map(self._fit.accepts_python, facts.specifiers), True]
        latest = self._fit.latest
        by_fault: dict[str, list[int]] = {}
        usable: list[int] = []
        only_yanked: list[int] = []
        no_artifact: list[int] = []
        newer: list[int] = []
        for position in range(len(facts.versions)):
            refused = UNKNOWN
            fits_date = fits_python = fits_tags = False
            for file in range(starts[position], starts[position + 1]):
                if latest is not None and not UNKNOWN < uploaded[file] < latest:
                    continue
                fits_date = True
                if not accepts[pythons[file]]:
                    refused = pythons[file]
                    continue
                fits_python = True
                if fits[tags[file]]:
                    fits_tags = True
                    if not yanked[file]:
                        usable.append(position)
                        break
            else:
                if fits_tags:
                    only_yanked.append(position)
                elif fits_python or (fits_date and refused == UNKNOWN):
                    no_artifact.append(position)
                elif fits_date:
                    by_fault.setdefault(facts.specifiers[refused], []).append(position)
                else:
                    (no_artifact if latest is None else newer).append(position)
        exclusions = self._exclusions([*by_fault.items()], no_artifact, newer)
        return _mask(usable), _mask(only_yanked), exclusions

    def _exclusions(
        self,
        pythons: list[tuple[str, list[int]]],
        no_artifact: list[int],
        newer: list[int],
    ) -> tuple[Exclusion, ...]:
        target = self._fit.target
        unfit = f"cannot run on Python {target.python}"
        found = []
        others = [
            position for _, positions in pythons[:-_MOST_SPECIFIERS] for position in positions
        ]
        if others:
            found.append(Exclusion(REQUIRES_PYTHON, _mask(others), unfit))
        for specifier, positions in pythons[-_MOST_SPECIFIERS:]:
            text = f"{unfit} (Requires-Python: {shown(specifier)})"
            found.append(Exclusion(REQUIRES_PYTHON, _mask(positions), text))
        if no_artifact:
            kind = "wheel" if self._fit.wheels_only else "file"
            text = f"has no {kind} that {target.id} can use"
            found.append(Exclusion(NO_ARTIFACT, _mask(no_artifact), text))
        if newer:
            found.append(Exclusion(NEWER, _mask(newer), _TOO_NEW))
        return tuple(found)


_requirements: dict[str, DeclaredRequirement] = {}


def parse_requirement(text: str) -> DeclaredRequirement:
    """Parse a Requires-Dist text, remembering it: the same few thousand come back all the time.

    Raises `ValueError` where it is not valid.
    """
    parsed = _requirements.get(text)
    if parsed is None:
        requirement = PackagingRequirement(text)
        name = canonicalize_name(requirement.name)
        extras = tuple(sorted({canonicalize_name(extra) for extra in requirement.extras}))
        specifier = ",".join(sorted(str(clause) for clause in requirement.specifier))
        parsed = DeclaredRequirement(
            name,
            extras,
            specifier,
            requirement.marker,
            None if requirement.marker is None else str(requirement.marker),
            requirement.url,
            plain_text(name, extras, specifier),
        )
        _remember(_requirements, text, parsed, len(text))
    return parsed


def plain_text(name: str, extras: Sequence[str], specifier: str) -> str:
    """Return a requirement without its marker, as PEP 508 writes it."""
    return f"{name}[{','.join(extras)}]{specifier}" if extras else f"{name}{specifier}"


def shown(specifier: str) -> str:
    """Return a specifier as an explanation shows it."""
    return specifier if len(specifier) <= _LONGEST_SHOWN else f"{specifier[:_LONGEST_SHOWN]}..."


def not_valid(requirement: str) -> Opaque:
    """Say that a requirement cannot be evaluated; PEP 508 does not give every one a meaning."""
    return Opaque(
        f"its requirement {requirement[:_LONGEST_SHOWN]!r} is not valid", needs_build=False
    )


def _remember(memory: dict[_K, _V], key: _K, value: _V, characters: int) -> None:
    if characters > _LONGEST_REMEMBERED:
        return
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value


def _mask(positions: list[int]) -> int:
    """Return the mask of releases: release `i` is bit `i + 1`."""
    if not positions:
        return 0
    digits = bytearray(b"0") * (max(positions) + 2)
    for position in positions:
        digits[-2 - position] = 49  # "1"
    return int(digits, 2)


def _group_by_extra(requires_dist: Sequence[str]) -> dict[str, list[int]]:
    """Return, by extra, the positions of the requirements that it may add.

    Under "" are those that must be looked at for every extra. Thousands of extras times thousands
    of requirements would otherwise be as many markers to evaluate.
    """
    grouped: dict[str, list[int]] = {}
    for position, text in enumerate(requires_dist):
        marker = text.partition(";")[2]
        mentions = len(_EXTRA.findall(marker))
        if not mentions:
            continue
        compared = _EXTRA_IS.findall(marker)
        names: set[str] = {canonicalize_name(one or other) for one, other in compared}
        if len(compared) != mentions:
            names = {""}
        for name in names:
            grouped.setdefault(name, []).append(position)
    return grouped
