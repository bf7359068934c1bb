"""One line of a stack specification: a plain PEP 508 requirement, or a fault with its place.

Whatever is cheap and bounded (refused forms, characters, digits, nesting) is checked before the
line is handed to `packaging`, whose parser recurses with nesting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.specification_faults import (
    LineError,
    check_form,
    excerpt,
    explain_syntax,
    mask_quoted,
    printable,
)
from thoth.dependency_monkey.ecosystems.pypi.specification_marker import check_marker

if TYPE_CHECKING:
    from packaging.specifiers import Specifier

__all__ = ["LineError", "ParsedLine", "parse_line", "printable"]

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_EXTRAS = re.compile(r"[ \t]*\[[^\]]*\]")
_NUMBER = re.compile(r"[0-9]+")
_NOT_ASCII = re.compile(r"[^\t\x20-\x7e]")
_IDENTITY_VERSION = re.compile(r"[A-Za-z0-9._*+!-]+")


class ParsedLine(NamedTuple):
    """What a line says, normalised; the fields are those of `specification.Requirement`."""

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str | None


def parse_line(
    text: str, *, max_extras: int, max_nesting: int, max_digits: int, extras_allowed: bool
) -> ParsedLine:
    """Parse a line without comment and surrounding white space.

    Raises `LineError` where it is not one PEP 508 requirement, or breaks a limit.
    """
    masked = mask_quoted(text)
    check_form(text, masked)
    if found := _NOT_ASCII.search(text):
        raise LineError(
            f"the character {printable(found[0])} (U+{ord(found[0]):04X}) is not allowed in a "
            "requirement",
            "Use ASCII letters, digits and punctuation; other characters belong in comments.",
            found.start(),
        )
    rest = _check_name(text)
    _check_numbers(text, rest, max_digits)
    _check_nesting(masked, max_nesting)
    try:
        requirement = PackagingRequirement(text)
        marker = None if requirement.marker is None else str(requirement.marker)
    except InvalidRequirement as error:
        raise explain_syntax(text, masked, rest, error) from None
    except RecursionError:
        raise _too_deep(max_nesting, masked.find("(")) from None
    extras = _extras(requirement.extras, text, max_extras, extras_allowed=extras_allowed)
    specifier = ",".join(
        sorted({_canonical_clause(clause, masked) for clause in requirement.specifier})
    )
    if marker is not None:
        check_marker(text, masked.index(";") + 1)
    return ParsedLine(canonicalize_name(requirement.name), extras, specifier, marker)


def _check_name(text: str) -> int:
    """Check the package's name (PEP 508); return the offset of what follows it."""
    match = _NAME.match(text)
    if match is None:
        raise LineError(
            f"'{excerpt(text)}' does not start with a package's name",
            "Write one requirement a line, such as six>=1.16; names start with a letter or digit.",
            0,
        )
    if text[match.end() : match.end() + 1] in {"-", "_", "."}:
        raise LineError(
            f"the package name '{excerpt(match[0] + text[match.end()])}' does not end with a "
            "letter or digit",
            "Correct the name (PEP 508).",
            match.end(),
        )
    return match.end()


def _check_numbers(text: str, start: int, max_digits: int) -> None:
    """Check the length of every number after the name; extras are names, and exempt."""
    bracket = _EXTRAS.match(text, start)
    for number in _NUMBER.finditer(text, start if bracket is None else bracket.end()):
        if len(number[0]) > max_digits:
            raise LineError(
                f"a number has {len(number[0])} digits, more than the {max_digits} that are "
                "allowed",
                "Correct the version.",
                number.start(),
            )


def _check_nesting(masked: str, max_nesting: int) -> None:
    if masked.count("(") <= max_nesting:
        return
    depth = 0
    for offset, character in enumerate(masked):
        if character == "(":
            depth += 1
            if depth > max_nesting:
                raise _too_deep(max_nesting, offset)
        elif character == ")":
            depth -= 1


def _too_deep(max_nesting: int, offset: int) -> LineError:
    return LineError(
        f"parentheses are nested more than the {max_nesting} deep that are allowed",
        "Simplify the marker.",
        offset,
    )


def _extras(raw: set[str], text: str, max_extras: int, *, extras_allowed: bool) -> tuple[str, ...]:
    for extra in sorted(raw):
        if _NAME.fullmatch(extra) is None:
            raise LineError(
                f"the extra '{excerpt(extra)}' does not end with a letter or digit",
                "Correct the name of the extra (PEP 508).",
                text.index(extra, text.index("[")),
            )
    if raw and not extras_allowed:
        raise LineError(
            "a constraint cannot carry extras",
            "Remove the brackets; ask for the extra in a requirement.",
            text.index("["),
        )
    extras = tuple(sorted({canonicalize_name(extra) for extra in raw}))
    if len(extras) > max_extras:
        raise LineError(
            f"the requirement asks for {len(extras)} extras, more than the {max_extras} that are "
            "allowed",
            "Ask for fewer.",
            text.index("["),
        )
    return extras


def _canonical_clause(clause: Specifier, masked: str) -> str:
    operator, version = clause.operator, clause.version
    if operator == "===":
        if _IDENTITY_VERSION.fullmatch(version) is None:
            raise LineError(
                f"=== is followed by '{excerpt(version)}', which is no version"
                if version
                else "=== is not followed by a version",
                "Write the version after it, or use ==.",
                masked.index("==="),
            )
        return f"==={version}"
    if version.endswith(".*"):
        return f"{operator}{Version(version[:-2])}.*"
    return f"{operator}{Version(version)}"
