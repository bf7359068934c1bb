"""The policy of a validation: which of several possible locks is wanted, and what may be in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Strategy(StrEnum):
    """Which version to try first: the newest, the oldest, or the oldest of what the user names."""

    HIGHEST = "highest"
    LOWEST = "lowest"
    LOWEST_DIRECT = "lowest-direct"


class Prereleases(StrEnum):
    """When a pre-release may be chosen."""

    IF_NECESSARY = "if-necessary"
    EXPLICIT = "explicit"
    ALLOW = "allow"
    DISALLOW = "disallow"


class Artifacts(StrEnum):
    """What makes a release a candidate: wheels only, or also sdists with static metadata."""

    WHEEL_OR_STATIC_SDIST = "wheel-or-static-sdist"
    WHEEL_ONLY = "wheel-only"


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of a validation.

    `prereleases_by_package` overrides `prereleases` for a PEP 503 normalised name.
    `exclude_newer` leaves out what was uploaded at that moment or later, and what has no upload
    time. `max_age` in seconds: an index is asked again about a page that is older.
    """

    strategy: Strategy = Strategy.HIGHEST
    prereleases: Prereleases = Prereleases.IF_NECESSARY
    prereleases_by_package: Mapping[str, Prereleases] = field(
        default_factory=lambda: MappingProxyType({})
    )
    exclude_newer: datetime | None = None
    artifacts: Artifacts = Artifacts.WHEEL_OR_STATIC_SDIST
    max_age: float = 600.0

    def prereleases_of(self, package: str) -> Prereleases:
        """Return the mode in force for a package."""
        return self.prereleases_by_package.get(package, self.prereleases)

    def as_json(self) -> dict[str, Any]:
        """Return the policy as the HTTP API writes it."""
        return {
            "strategy": self.strategy.value,
            "prereleases": self.prereleases.value,
            "prereleases_by_package": {
                name: mode.value for name, mode in sorted(self.prereleases_by_package.items())
            },
            "exclude_newer": self.exclude_newer,
            "artifacts": self.artifacts.value,
            "max_age": self.max_age,
        }


def parse_moment(text: str, *, source: str) -> datetime:
    """Read a date (that day included, in UTC) or an RFC 3339 moment, as for `exclude_newer`.

    Raises `RequestError`, naming `source`.
    """
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        problem = Problem(
            f"{text[:50]!r} is not a date",
            "Write 2026-01-31 or 2026-01-31T12:00:00Z.",
            source=source,
        )
        raise RequestError(problem) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
