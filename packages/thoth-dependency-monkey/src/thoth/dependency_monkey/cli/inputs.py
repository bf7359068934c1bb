"""What `validate` is given, as values: texts of stacks and constraints, targets, dates, modes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from thoth.dependency_monkey.ecosystems.pypi.policy import Prereleases, parse_moment
from thoth.dependency_monkey.ecosystems.pypi.specification import (
    parse_constraints,
    parse_sources,
)
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target, target_for
from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from thoth.dependency_monkey.ecosystems.pypi.specification import (
        Requirement,
        StackSpecification,
    )
    from thoth.dependency_monkey.ecosystems.pypi.target import Target

STANDARD_INPUT = "-"
LARGEST_FILE = 64 * 1024
"""Bytes of one file that are read: the grammar's limit for a whole specification."""


def read_stack(arguments: Sequence[str], files: Sequence[str]) -> StackSpecification:
    """Read the stack: the arguments first, then standard input for "-", then the files.

    Raises `RequestError`.
    """
    texts: list[tuple[str | None, str | bytes]] = []
    own = [argument for argument in arguments if argument != STANDARD_INPUT]
    if own:
        texts.append((None, "\n".join(own)))
    if len(own) < len(arguments):
        texts.append(("standard input", sys.stdin.buffer.read(LARGEST_FILE + 1)))
    texts += [(name, _read(name)) for name in files]
    if not texts:
        raise RequestError(
            Problem(
                "there is nothing to validate",
                "Give requirements, such as pandas 'numpy>=1.11.0', or a file with -r.",
            )
        )
    return parse_sources(texts)


def read_constraints(files: Sequence[str]) -> tuple[Requirement, ...]:
    """Read the constraints of all files. Raises `RequestError`."""
    return tuple(c for name in files for c in parse_constraints(_read(name), source=name))


def _read(name: str) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(LARGEST_FILE + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        problem = Problem(f"cannot be read ({cause})", "Name a file that exists.", source=name)
        raise RequestError(problem) from error


def read_targets(
    ids: Sequence[str], python: str | None, platform: str | None, implementation: str | None
) -> tuple[Target, ...]:
    """Return the targets: those of the ids, or the one that the parts describe.

    Raises `RequestError`.
    """
    parts = (python, platform, implementation)
    if not ids:
        return (target_for(*parts),)
    if any(part is not None for part in parts):
        raise RequestError(
            Problem(
                "a target is given both whole and in parts",
                "Use either --target or --python, --platform and --implementation.",
            )
        )
    return tuple(dict.fromkeys(parse_target(text) for text in ids))


def read_moment(text: str | None) -> datetime | None:
    """Read a date (that day included, in UTC) or an RFC 3339 moment. Raises `RequestError`."""
    return None if text is None else parse_moment(text, source="--exclude-newer")


def read_prereleases(mode: str | None, *, allow: bool) -> Prereleases:
    """Return the mode for pre-releases. Raises `RequestError` where two are given."""
    if not allow:
        return Prereleases.IF_NECESSARY if mode is None else Prereleases(mode)
    if mode not in (None, Prereleases.ALLOW):
        problem = Problem(
            "two modes for pre-releases are given", "Use either --pre or --prerelease."
        )
        raise RequestError(problem)
    return Prereleases.ALLOW
