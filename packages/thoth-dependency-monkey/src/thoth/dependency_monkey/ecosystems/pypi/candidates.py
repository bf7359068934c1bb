"""Which releases a target may use, and what they need: pages and metadata become a universe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from packaging.markers import Marker

from thoth.dependency_monkey.ecosystems.pypi.compiled import fit_of, not_valid, plain_text
from thoth.dependency_monkey.ecosystems.pypi.policy import Prereleases, Strategy
from thoth.dependency_monkey.ecosystems.pypi.versions import (
    VersionLine,
    is_exact,
    names_prerelease,
)
from thoth.dependency_monkey.resolver.universe import Exclusion, Missing, Need, Opaque, Universe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.ecosystems.pypi.compiled import (
        Candidates,
        CompiledPage,
        Declared,
    )
    from thoth.dependency_monkey.ecosystems.pypi.facts import Metadata
    from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
    from thoth.dependency_monkey.ecosystems.pypi.specification import Requirement
    from thoth.dependency_monkey.ecosystems.pypi.target import Target

PYTHON = "Python"
"""The name under which a target's interpreter is a package; no normalised name looks like it."""

YANKED = "yanked"
PRERELEASE = "prerelease"


class Facts(Protocol):
    """What is known now; asking never waits."""

    def compiled(self, package: str) -> CompiledPage | None:
        """Return the page of a package (absent ones too), or None where it is not known yet."""
        ...

    def metadata(self, package: str, index: int, position: int) -> Metadata | None:
        """Return the metadata of an artifact, or None where it is not known yet.

        `index` is the position of the release on the package's page, `position` that of the
        artifact within the release.
        """
        ...


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
        self._requirements = [r for r in requirements if self._applies_to_user(r)]
        self._constraints = [
            (position, r) for position, r in enumerate(constraints) if self._applies_to_user(r)
        ]
        self._direct = {requirement.name for requirement in self._requirements}
        self._fit = fit_of(target, policy.artifacts, policy.exclude_newer)
        self._lines: dict[int, VersionLine] = {}
        self._candidates: dict[int, Candidates] = {}
        self._needs: dict[tuple[int, int], tuple[Need, ...] | Opaque] = {}
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
            mask = self._lines[base].compute(requirement.specifier)
            text = plain_text(requirement.name, requirement.extras, requirement.specifier)
            roots.extend(
                (position, Need(member, mask, text, requirement.marker))
                for member in self._members(requirement.name, requirement.extras)
            )
        return roots

    def _applies_to_user(self, requirement: Requirement) -> bool:
        if requirement.marker is None:
            return True
        return bool(Marker(requirement.marker).evaluate({**self._target.markers, "extra": ""}))

    # -- releases ------------------------------------------------------------------------------

    def load_page(self, number: int) -> bool:
        """See `Universe.load_page`."""
        package = self.packages[number]
        if package.versions is not None:
            return True
        page = self._facts.compiled(package.name)
        if page is None:
            return False
        line = self._lines[number] = page.line
        constraints = tuple(
            (position, line.compute(requirement.specifier))
            for position, requirement in self._constraints
            if requirement.name == package.name
        )
        if page.facts is None:
            self.settle(number, [], allowed=0, preferred=0, exclusions=(), constraints=constraints)
            return True
        candidates = self._candidates[number] = page.candidates(self._fit)
        allowed, exclusions = candidates.usable, candidates.exclusions
        if candidates.yanked:
            pinned = candidates.yanked & self._pinned(package.name, line)
            allowed |= pinned
            if candidates.yanked != pinned:
                out = candidates.yanked & ~pinned
                exclusions = (*exclusions, Exclusion(YANKED, out, "is yanked"))
        allowed, preferred, more = self._admit_prereleases(package.name, allowed, page.stable)
        strategy = self._policy.strategy
        self.settle(
            number,
            page.versions,
            allowed=allowed,
            preferred=preferred,
            exclusions=(*exclusions, *more),
            lowest=strategy is Strategy.LOWEST
            or (strategy is Strategy.LOWEST_DIRECT and package.name in self._direct),
            constraints=constraints,
        )
        return True

    def _pinned(self, name: str, line: VersionLine) -> int:
        """Return the releases that the stack's own lines pin exactly."""
        pinned = 0
        for requirement in self._requirements:
            if requirement.name == name and is_exact(requirement.specifier):
                pinned |= line.compute(requirement.specifier)
        return pinned

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

        `number` is a base package whose page is loaded, `index` a bit index; order as in
        `Candidates.files`.
        """
        candidates = self._candidates.get(number)
        return [] if candidates is None else candidates.files(index - 1)

    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        """See `Universe.load_needs`."""
        known = self._needs.get((number, index))
        if known is not None:
            return known
        package = self.packages[number]
        candidates = self._candidates[package.base]
        best = candidates.files(index - 1)[0]
        metadata = self._facts.metadata(package.name, index - 1, best)
        if metadata is None:
            return Missing(metadata=((package.base, index),))
        needs: tuple[Need, ...] | Opaque | Missing
        if metadata.facts is None:
            needs = Opaque(metadata.opaque or "no metadata", metadata.needs_build)
        else:
            declared = candidates.declared(index - 1, package.extra, metadata.facts)
            needs = declared if isinstance(declared, Opaque) else self._compile(declared)
        if not isinstance(needs, Missing):
            self._needs[number, index] = needs
        return needs

    def _compile(self, declared: Declared) -> tuple[Need, ...] | Opaque | Missing:
        bases = []
        unknown = []
        for requirement in declared.requirements:
            base = self.number(requirement.name)
            bases.append(base)
            if (
                self.packages[base].versions is None
                and not self.load_page(base)
                and base not in unknown
            ):
                unknown.append(base)
        if unknown:
            return Missing(pages=tuple(unknown))
        needs = []
        if declared.requires_python is not None:
            specifier, accepted = declared.requires_python
            needs.append(Need(self._python, 2 if accepted else 0, f"{PYTHON}{specifier}"))
        for requirement, base in zip(declared.requirements, bases, strict=True):
            try:
                mask = self._lines[base].mask(requirement.specifier)
            except ValueError:
                return not_valid(requirement.text)
            text, marker = requirement.text, requirement.marker_text
            needs.append(Need(base, mask, text, marker))
            needs += [
                Need(self.number(requirement.name, extra), mask, text, marker)
                for extra in requirement.extras
            ]
        return tuple(needs)

    def _members(self, name: str, extras: Sequence[str]) -> list[int]:
        """Return the numbers of a package and of the extras asked of it."""
        return [self.number(name), *(self.number(name, extra) for extra in extras)]
