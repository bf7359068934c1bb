"""Which requirements of a release count: for the extras asked for, in an environment.

A requirement belongs to the extras that its marker compares `extra` with, to no extra where there
are none; "" stands for no extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thoth.storages.exceptions import InvalidArgumentError
from thoth.storages.graph.queries import arguments
from thoth.storages.graph.queries.family import QueryFamily
from thoth.storages.graph.requirements import evaluate_marker, marker_environment
from thoth.storages.graph.versions import normalize_package_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_EXTRAS = 1_000
"""At most so many extras may be asked for at once."""

_OF_SYSTEM = ("os_name", "platform_machine", "platform_system", "sys_platform")
_OF_KERNEL = ("platform_release", "platform_version")
_OF_PYTHON = ("implementation_version", "python_full_version", "python_version")

_MARKERS = """
    SELECT markers FROM software_environment
     WHERE os_name = %(os_name)s AND os_version = %(os_version)s
       AND python_version = %(python_version)s AND markers IS NOT NULL
"""


def asked_extras(extras: Iterable[str | None] | None) -> frozenset[str] | None:
    """Return the extras that are asked for in the form of PEP 685, "" for none; None means all.

    Raises `InvalidArgumentError`.
    """
    if extras is None:
        return None
    if isinstance(extras, str):
        raise InvalidArgumentError("extras", extras, "must be a set of names of extras and None")
    try:
        asked = frozenset(extras)
    except TypeError as error:
        problem = "must be a set of names of extras and None"
        raise InvalidArgumentError("extras", extras, problem) from error
    if len(asked) > MAX_EXTRAS:
        raise InvalidArgumentError("extras", len(asked), f"must not be over {MAX_EXTRAS:,}")
    return frozenset(
        "" if extra is None else arguments.required("extras", extra, normalize_package_name)
        for extra in asked
    )


def known_environment(
    os_name: str | None, os_version: str | None, python_version: str | None
) -> dict[str, str]:
    """Return the marker variables (PEP 508) of an environment of which a part may be unknown."""
    variables = marker_environment(os_name or "", os_version or "", python_version or "")
    unknown = (
        *(() if os_name else (*_OF_SYSTEM, *_OF_KERNEL)),
        *(() if python_version else _OF_PYTHON),
    )
    return {name: value for name, value in variables.items() if name not in unknown}


class MarkerFilter:
    """Decides which requirements count; evaluates each marker once.

    With `result` None, no marker is evaluated: a requirement counts for each extra that it belongs
    to. With True it counts where its marker holds, also without an extra where the marker holds
    without one; with False, where it does not hold. A marker that the environment leaves open
    counts either way.
    """

    def __init__(self, environment: Mapping[str, str], result: bool | None) -> None:
        self.result = result
        self._environment = environment
        self._known: dict[tuple[str, str], bool | None] = {}

    def holds(self, marker: str | None, extra: str) -> bool | None:
        """Say whether a marker holds for an extra; None where that cannot be told."""
        if marker is None:
            return True
        question = marker, extra
        if question not in self._known:
            extras = frozenset({extra} if extra else ())
            self._known[question] = evaluate_marker(marker, self._environment, extras)
        return self._known[question]

    def counts(self, marker: str | None, marker_extras: Sequence[str], extra: str) -> bool:
        """Say whether a requirement counts for an extra, or without one ("")."""
        if extra in marker_extras or not (extra or marker_extras):
            return self.result is None or self.holds(marker, extra) in (self.result, None)
        return self.result is True and not extra and self.holds(marker, extra) is True


class MarkerQueries(QueryFamily):
    """A family whose queries evaluate markers."""

    def _marker_filter(
        self, environment: Mapping[str, str | None], *, result: bool | None
    ) -> MarkerFilter:
        """Return a filter for an environment: with its recorded variables where there are any."""
        if result is None:
            return MarkerFilter({}, None)
        variables: dict[str, str] | None = None
        if None not in environment.values():

            def answer() -> Any:
                row = self._row(_MARKERS, environment)
                return None if row is None else row[0]

            variables = self._cached("_markers", tuple(environment.values()), answer)
        return MarkerFilter(variables or known_environment(**environment), result)
