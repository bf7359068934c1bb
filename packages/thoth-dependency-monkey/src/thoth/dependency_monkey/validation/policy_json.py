"""The policy of a validation as the HTTP API and validators write it: the inverse of `as_json`."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name
from thoth.dependency_monkey.ecosystems.pypi.policy import (
    Artifacts,
    Policy,
    Prereleases,
    Strategy,
)
from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.settings import DEFAULT_MAX_AGE, LONGEST_MAX_AGE

_MAX_PACKAGES = 1_000
_REMEDY = (
    'Give an object such as {"strategy": "lowest", "exclude_newer": "2026-01-31T00:00:00Z"} with '
    "any of strategy, prereleases, prereleases_by_package, exclude_newer, artifacts and max_age."
)


class _Policy(msgspec.Struct, forbid_unknown_fields=True):
    strategy: Strategy = Strategy.HIGHEST
    prereleases: Prereleases = Prereleases.IF_NECESSARY
    prereleases_by_package: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=200)], Prereleases],
        msgspec.Meta(max_length=_MAX_PACKAGES),
    ] = {}
    exclude_newer: datetime | None = None
    artifacts: Artifacts = Artifacts.WHEEL_OR_STATIC_SDIST
    max_age: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_MAX_AGE)] = DEFAULT_MAX_AGE


def read_policy(value: object, *, source: str) -> Policy:
    """Return the policy that a JSON object means; members that are left out have their defaults.

    A moment without time zone is in UTC. Raises `RequestError`, naming `source` and the member.
    """
    try:
        read = msgspec.convert(value, _Policy)
    except msgspec.ValidationError as error:
        problem = Problem(f"the policy is malformed: {error}", _REMEDY, source=source)
        raise RequestError(problem) from None
    moment = read.exclude_newer
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Policy(
        strategy=read.strategy,
        prereleases=read.prereleases,
        prereleases_by_package=MappingProxyType(
            {normalize_name(name): mode for name, mode in read.prereleases_by_package.items()}
        ),
        exclude_newer=moment,
        artifacts=read.artifacts,
        max_age=read.max_age,
    )
