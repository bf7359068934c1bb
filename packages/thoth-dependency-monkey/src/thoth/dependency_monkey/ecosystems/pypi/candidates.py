"""Which releases a target may use, and what they need: pages and metadata become a universe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from packaging.markers import Marker
from packaging.requirements import Requirement as PackagingRequirement
from packaging.utils import canonicalize_name

from thoth.dependency_monkey.ecosystems.pypi.facts import SDIST, UNKNOWN
from thoth.dependency_monkey.ecosystems.pypi.policy import Artifacts, Prereleases, Strategy
from thoth.dependency_monkey.ecosystems.pypi.versions import (
    VersionLine,
    accepts_python,
    is_exact,
    is_prerelease,
    names_prerelease,
)
from thoth.dependency_monkey.resolver.universe import Exclusion, Missing, Need, Opaque, Universe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.ecosystems.pypi.facts import Metadata, Page, PageFacts
    from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
    from thoth.dependency_monkey.ecosystems.pypi.specification import Requirement
    from thoth.dependency_monkey.ecosystems.pypi.target import Target

PYTHON = "Python"
"""The name under which a target's interpreter is a package; no normalised name looks like it."""

REQUIRES_PYTHON = "requires-python"
NO_ARTIFACT = "artifact"
NEWER = "exclude-newer"
YANKED = "yanked"
PRERELEASE = "prerelease"

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


class Facts(Protocol):
    """What is known now; asking never waits."""

    def page(self, package: str) -> Page | None:
        """Return the page of a package (absent ones too), or None where it is not known yet."""
        ...

    def metadata(self, package: str, index: int, position: int) -> Metadata | None:
        """Return the metadata of an artifact, or None where it is not known yet.

        `index` is the position of the release on the package's page, `position` that of the
        artifact within the release.
        """
        ...


class _Parsed(NamedTuple):
    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: Marker | None
    marker_text: str | None
    url: str | None
    text: str


class PypiUniverse(Universe):
    """The universe of one target under one policy, for one stack.

    The stack matters for what only its own lines can permit: yanked releases by an exact pin,
    and pre-releases in the mode `explicit`.
    """

    def __init__(
        self,
        facts: Facts,
        target: Target,
        policy: Policy,
        requirements: Sequence[Requirement],
        constraints: Sequence[Requirement] = (),
    ) -> None:
        super().__init__()
        self._facts = facts
        self._target = target
        self._policy = policy
        self._environment = {**target.markers, "extra": ""}
        self._requirements = [r for r in requirements if self._applies_to_user(r)]
        self._constraints = [
            (position, r) for position, r in enumerate(constraints) if self._applies_to_user(r)
        ]
        self._direct = {requirement.name for requirement in self._requirements}
        self._lines: dict[int, VersionLine] = {}
        self._needs: dict[tuple[int, int], tuple[Need, ...] | Opaque] = {}
        self._grouped: dict[tuple[int, int], dict[str, list[int]]] = {}
        self._markers: dict[tuple[str | None, str], bool] = {}
        self._pythons: dict[str, bool] = {}
        self._python = self.number(PYTHON)
        self._settle_python()

    # -- what the user asks --------------------------------------------------------------------

    @property
    def requirements(self) -> list[Requirement]:
        """The requirements of the stack that apply to the target."""
        return self._requirements

    def roots(self) -> list[tuple[int, Need]] | Missing:
        """Return the stack's needs, with their positions in `requirements`."""
        bases = [self.number(requirement.name) for requirement in self._requirements]
        unknown = tuple(dict.fromkeys(base for base in bases if not self.load_page(base)))
        if unknown:
            return Missing(pages=unknown)
        roots: list[tuple[int, Need]] = []
        for position, (requirement, base) in enumerate(zip(self._requirements, bases, strict=True)):
            mask = self._lines[base].mask(requirement.specifier)
            text = _plain_text(requirement.name, requirement.extras, requirement.specifier)
            roots.extend(
                (position, Need(member, mask, text, requirement.marker))
                for member in self._members(requirement.name, requirement.extras)
            )
        return roots

    def _applies_to_user(self, requirement: Requirement) -> bool:
        if requirement.marker is None:
            return True
        return bool(Marker(requirement.marker).evaluate(self._environment))

    # -- releases ------------------------------------------------------------------------------

    def load_page(self, number: int) -> bool:
        """See `Universe.load_page`."""
        package = self.packages[number]
        if package.versions is not None:
            return True
        page = self._facts.page(package.name)
        if page is None:
            return False
        facts = page.facts
        versions = facts.versions if facts is not None else []
        line = self._lines[number] = VersionLine(versions)
        constraints = tuple(
            (position, line.mask(requirement.specifier))
            for position, requirement in self._constraints
            if requirement.name == package.name
        )
        if facts is None:
            self.settle(number, [], allowed=0, preferred=0, exclusions=(), constraints=constraints)
            return True
        allowed, exclusions = self._candidates(package.name, facts, line)
        stable = 0
        for position, version in enumerate(versions):
            if not is_prerelease(version):
                stable |= 2 << position
        allowed, preferred, more = self._admit_prereleases(package.name, allowed, stable)
        strategy = self._policy.strategy
        self.settle(
            number,
            versions,
            allowed=allowed,
            preferred=preferred,
            exclusions=(*exclusions, *more),
            lowest=strategy is Strategy.LOWEST
            or (strategy is Strategy.LOWEST_DIRECT and package.name in self._direct),
            constraints=constraints,
        )
        return True

    def _candidates(
        self, name: str, facts: PageFacts, line: VersionLine
    ) -> tuple[int, tuple[Exclusion, ...]]:
        """Return the releases that have a file the target may use, and why the others have none."""
        pinned = 0
        for requirement in self._requirements:
            if requirement.name == name and is_exact(requirement.specifier):
                pinned |= line.mask(requirement.specifier)
        newer = no_artifact = yanked = allowed = 0
        python_bad: dict[str, int] = {}
        for position in range(len(facts.versions)):
            bit = 2 << position
            fault = self._fault(facts, position, may_be_yanked=bool(pinned & bit))
            if fault is None:
                allowed |= bit
            elif fault == NEWER:
                newer |= bit
            elif fault == NO_ARTIFACT:
                no_artifact |= bit
            elif fault == YANKED:
                yanked |= bit
            else:
                python_bad[fault] = python_bad.get(fault, 0) | bit
        target = self._target
        unfit = f"cannot run on Python {target.python}"
        found = [
            Exclusion(REQUIRES_PYTHON, mask, f"{unfit} (Requires-Python: {_shown(specifier)})")
            for specifier, mask in list(python_bad.items())[-_MOST_SPECIFIERS:]
        ]
        others = 0
        for mask in list(python_bad.values())[:-_MOST_SPECIFIERS]:
            others |= mask
        if others:
            found.insert(0, Exclusion(REQUIRES_PYTHON, others, unfit))
        if no_artifact:
            text = f"has no file that {target.id} can use"
            if self._policy.artifacts is Artifacts.WHEEL_ONLY:
                text = f"has no wheel that {target.id} can use"
            found.append(Exclusion(NO_ARTIFACT, no_artifact, text))
        if newer:
            found.append(Exclusion(NEWER, newer, _TOO_NEW))
        if yanked:
            found.append(Exclusion(YANKED, yanked, "is yanked"))
        return allowed, tuple(found)

    def _fault(self, facts: PageFacts, position: int, *, may_be_yanked: bool) -> str | None:
        """Return why no file of a release can be used: a code, or the Requires-Python text."""
        fault = NO_ARTIFACT
        cutoff = self._policy.exclude_newer
        latest = None if cutoff is None else cutoff.timestamp()
        fits_date = fits_python = fits_tags = False
        for file in range(facts.starts[position], facts.starts[position + 1]):
            if latest is not None and not UNKNOWN < facts.uploaded[file] < latest:
                continue
            fits_date = True
            specifier = facts.requires_python[file]
            if specifier != UNKNOWN and not self._accepts_python(facts.specifiers[specifier]):
                fault = facts.specifiers[specifier]
                continue
            fits_python = True
            if self._rank(facts, file) == _NO_MATCH:
                continue
            fits_tags = True
            if may_be_yanked or not facts.yanked[file]:
                return None
        if fits_tags:
            return YANKED
        if fits_python or (fits_date and fault == NO_ARTIFACT):
            return NO_ARTIFACT
        if fits_date:
            return fault
        return NEWER if latest is not None else NO_ARTIFACT

    def _rank(self, facts: PageFacts, file: int) -> int:
        """Return how well a file fits the target: smaller is better, sdists are last."""
        tags = facts.tags[file]
        if tags == SDIST:
            static_sdists = self._policy.artifacts is Artifacts.WHEEL_OR_STATIC_SDIST
            return _NO_MATCH - 1 if static_sdists else _NO_MATCH
        priority = self._target.tag_priority(facts.tag_sets[tags])
        return _NO_MATCH if priority is None else priority

    def _accepts_python(self, specifier: str) -> bool:
        answer = self._pythons.get(specifier)
        if answer is None:
            too_long = len(specifier) > _LONGEST_SPECIFIER
            answer = too_long or accepts_python(specifier, self._target.python)
            self._pythons[specifier] = answer
        return answer

    def _admit_prereleases(
        self, name: str, allowed: int, stable: int
    ) -> tuple[int, int, tuple[Exclusion, ...]]:
        mode = self._policy.prereleases_of(name)
        if mode is Prereleases.ALLOW:
            return allowed, allowed, ()
        if mode is Prereleases.IF_NECESSARY:
            return allowed, allowed & stable, ()
        named = mode is Prereleases.EXPLICIT and any(
            names_prerelease(requirement.specifier)
            for requirement in (*self._requirements, *(r for _, r in self._constraints))
            if requirement.name == name
        )
        if named:
            return allowed, allowed, ()
        out = allowed & ~stable
        if not out:
            return allowed, allowed, ()
        return (
            allowed & stable,
            allowed & stable,
            (Exclusion(PRERELEASE, out, f"is a pre-release (prereleases: {mode.value})"),),
        )

    def _settle_python(self) -> None:
        version = str(self._target.python)
        self._lines[self._python] = VersionLine([version])
        self.settle(self._python, [version], allowed=2, preferred=2, exclusions=())
        self._needs[self._python, 1] = ()
        self.packages[self._python].note = f"the target has Python {version}"

    # -- artifacts and needs -------------------------------------------------------------------

    def usable_artifacts(self, number: int, index: int) -> list[int]:
        """Return the positions, within the release, of the files that the target can use.

        The best match comes first: the order of PEP 425 tags, then the order on the page; sdists
        are last. `index` is a bit index.
        """
        page = self._facts.page(self.packages[number].name)
        if page is None or page.facts is None:
            return []
        facts = page.facts
        start, stop = facts.starts[index - 1], facts.starts[index]
        cutoff = self._policy.exclude_newer
        latest = None if cutoff is None else cutoff.timestamp()
        ranked = []
        for file in range(start, stop):
            specifier = facts.requires_python[file]
            rank = self._rank(facts, file)
            if rank == _NO_MATCH:
                continue
            if specifier != UNKNOWN and not self._accepts_python(facts.specifiers[specifier]):
                continue
            if latest is not None and not UNKNOWN < facts.uploaded[file] < latest:
                continue
            ranked.append((facts.yanked[file], rank, file - start))
        ranked.sort()
        return [position for _, _, position in ranked]

    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        """See `Universe.load_needs`."""
        known = self._needs.get((number, index))
        if known is not None:
            return known
        package = self.packages[number]
        best = self.usable_artifacts(package.base, index)[0]
        metadata = self._facts.metadata(package.name, index - 1, best)
        if metadata is None:
            return Missing(metadata=((package.base, index),))
        facts = metadata.facts
        if facts is None:
            opaque = Opaque(metadata.opaque or "no metadata", metadata.needs_build)
            self._needs[number, index] = opaque
            return opaque
        texts: Sequence[str] = facts.requires_dist
        if package.extra:
            grouped = self._grouped.get((package.base, index))
            if grouped is None:
                grouped = self._grouped[package.base, index] = _group_by_extra(texts)
            unusual = grouped.get("", [])
            if len(unusual) > _MOST_UNUSUAL:
                reason = f"more than {_MOST_UNUSUAL} of its requirements use extras in unusual ways"
                return Opaque(reason, needs_build=False)
            positions = sorted({*grouped.get(package.extra, ()), *unusual})
            texts = [texts[position] for position in positions]
        needs = self._compile(package.extra, texts, facts.requires_python)
        if not isinstance(needs, Missing):
            self._needs[number, index] = needs
        return needs

    def _compile(
        self, extra: str, requires_dist: Sequence[str], requires_python: str | None
    ) -> tuple[Need, ...] | Opaque | Missing:
        parsed = []
        for text in requires_dist:
            try:
                requirement = _parse_requirement(text)
                applies = self._applies(requirement, extra)
            except (ValueError, RecursionError):
                return _not_valid(text)
            if not applies:
                continue
            if requirement.url is not None:
                reason = f"it requires {requirement.name} from a URL, not from an index"
                return Opaque(reason, needs_build=False)
            parsed.append(requirement)
        unknown = []
        for requirement in parsed:
            base = self.number(requirement.name)
            if not self.load_page(base) and base not in unknown:
                unknown.append(base)
        if unknown:
            return Missing(pages=tuple(unknown))
        needs = []
        if requires_python and not extra:
            mask = 2 if self._accepts_python(requires_python) else 0
            needs.append(Need(self._python, mask, f"{PYTHON}{_shown(requires_python)}"))
        for requirement in parsed:
            base = self.number(requirement.name)
            try:
                mask = self._lines[base].mask(requirement.specifier)
            except ValueError:
                return _not_valid(requirement.text)
            needs.extend(
                Need(member, mask, requirement.text, requirement.marker_text)
                for member in self._members(requirement.name, requirement.extras)
            )
        return tuple(needs)

    def _members(self, name: str, extras: Sequence[str]) -> list[int]:
        """Return the numbers of a package and of the extras asked of it."""
        return [self.number(name), *(self.number(name, extra) for extra in extras)]

    def _applies(self, requirement: _Parsed, extra: str) -> bool:
        """Say whether a requirement is one of the extra (of the release itself, for "")."""
        if requirement.marker is None:
            return not extra
        if not extra:
            return self._holds(requirement, "")
        return self._holds(requirement, extra) and not self._holds(requirement, "")

    def _holds(self, requirement: _Parsed, extra: str) -> bool:
        key = (requirement.marker_text, extra)
        answer = self._markers.get(key)
        if answer is None and requirement.marker is not None:
            self._environment["extra"] = extra
            answer = self._markers[key] = bool(requirement.marker.evaluate(self._environment))
        return bool(answer)


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


def _shown(specifier: str) -> str:
    return specifier if len(specifier) <= _LONGEST_SHOWN else f"{specifier[:_LONGEST_SHOWN]}..."


def _not_valid(requirement: str) -> Opaque:
    """Say that a requirement cannot be evaluated; PEP 508 does not give every one a meaning."""
    shown = requirement[:_LONGEST_SHOWN]
    return Opaque(f"its requirement {shown!r} is not valid", needs_build=False)


_requirements: dict[str, _Parsed] = {}
_REMEMBERED = 200_000


def _parse_requirement(text: str) -> _Parsed:
    """Parse a Requires-Dist text, remembering it: the same few thousand come back all the time."""
    parsed = _requirements.get(text)
    if parsed is None:
        requirement = PackagingRequirement(text)
        name = canonicalize_name(requirement.name)
        extras = tuple(sorted({canonicalize_name(extra) for extra in requirement.extras}))
        specifier = ",".join(sorted(str(clause) for clause in requirement.specifier))
        if len(_requirements) >= _REMEMBERED:
            _requirements.clear()
        parsed = _requirements[text] = _Parsed(
            name,
            extras,
            specifier,
            requirement.marker,
            None if requirement.marker is None else str(requirement.marker),
            requirement.url,
            _plain_text(name, extras, specifier),
        )
    return parsed


def _plain_text(name: str, extras: Sequence[str], specifier: str) -> str:
    return f"{name}[{','.join(extras)}]{specifier}" if extras else f"{name}{specifier}"
