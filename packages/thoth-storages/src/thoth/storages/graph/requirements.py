"""Requirements as releases declare them (PEP 508), in the form that rows hold, and their markers.

Pure functions, made for the texts of strangers: none raises, whatever it is given. A regular
expression takes the plain requirements, which are nearly all; `packaging` parses the others, and
all markers, and is imported when it is first needed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from thoth.storages.graph.versions import normalize_package_name, parse_specifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.markers import Marker

MAX_REQUIREMENT_CHARACTERS = 8192
"""A longer requirement or marker is not parsed."""
MAX_PARENTHESES = 100
"""A requirement or marker that opens more is not parsed: parsers recurse with parentheses."""

_MEMOISED_CHARACTERS = 512
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:==|!=|<=|>=|<|>|~=)[ \t]*[0-9][0-9a-z.*]*"
_SPECIFIER = rf"{_CLAUSE}(?:[ \t]*,[ \t]*{_CLAUSE})*"
# No two neighbours of the expression match the same white space: it takes linear time.
_PLAIN = re.compile(
    rf"[ \t]*({_NAME})"
    rf"(?:[ \t]*\[[ \t]*({_NAME}(?:[ \t]*,[ \t]*{_NAME})*)[ \t]*\])?"
    rf"(?:[ \t]*({_SPECIFIER})|[ \t]*\([ \t]*({_SPECIFIER})[ \t]*\))?"
    r"[ \t]*(?:;(.*))?",
    re.ASCII,
)
_USER_INFO = re.compile(r"\A([^/?#@]*//)[^/?#]*@")
_VARIABLE_NAMES = (
    r"os[._]name|sys[._]platform|platform_(?:release|system)|python_(?:full_)?version|extra"
    r"|platform[._](?:version|machine|python_implementation)|implementation_(?:name|version)"
)
_STRING = r"""'[ !"#-&(-\[\]-~]*'|"[ !#-\[\]-~]*\""""
_OPERAND = rf"(?:({_VARIABLE_NAMES})\b|({_STRING}))"
_COMPARISON = re.compile(
    rf"[ \t]*{_OPERAND}[ \t]*([<>]|[<>=!~]=|in\b|not[ \t]+in\b)[ \t]*{_OPERAND}[ \t]*"
    r"(?:\b(and|or)\b|\Z)"
)
_EXTRA = re.compile(
    r"""
    \bextra\ ==\ (?: "([^"]*)" | '([^']*)' )
    | (?: "([^"]*)" | '([^']*)' )\ ==\ extra\b
    | "[^"]*" | '[^']*'  # any other string: what it holds is no comparison
    """,
    re.VERBOSE,
)

_SYSTEMS = {
    "macos": ("posix", "darwin", "Darwin", "x86_64"),
    "windows": ("nt", "win32", "Windows", "AMD64"),
}
_LINUX = ("posix", "linux", "Linux", "x86_64")
_VARIABLE = re.compile(
    r"\b(?:os_name|sys_platform|platform_(?:machine|python_implementation|release|system|version)"
    r"|python_version|python_full_version|implementation_(?:name|version))\b"
)


class ParsedRequirement(msgspec.Struct, frozen=True):
    """A requirement: which package, which of its versions and extras, and where it applies.

    `name` is in the form of PEP 503, `extras` and `marker_extras` are sorted and in that of
    PEP 685. `specifier` is canonical, as `versions.ParsedSpecifier` has it, "" for any version;
    `bounds` is the set of versions that it admits, as `versions.specifier_bounds` has it. `marker`
    is as `packaging` writes it; `marker_extras` are the extras that it compares `extra` with
    by `==`.

    A requirement by `url` ("name @ url") is met by what is at that URL and by no release of an
    index: its specifier is "", its bounds are (). The URL is kept without user info.
    """

    name: str
    extras: tuple[str, ...]
    specifier: str
    bounds: tuple[bytes, ...]
    marker: str | None
    marker_extras: tuple[str, ...]
    url: str | None


def parse_requirement(text: str) -> ParsedRequirement | None:
    """Return what a requirement says (PEP 508), or None where it cannot be parsed.

    None, too, for more than `MAX_REQUIREMENT_CHARACTERS` or `MAX_PARENTHESES`, for what PostgreSQL
    cannot hold (NUL, lone surrogates), for backslashes, which PEP 508 has nowhere, and for a
    specifier without bounds. Otherwise a text is understood as
    `packaging.requirements.Requirement` understands it.
    """
    if len(text) <= _MEMOISED_CHARACTERS:
        return _parse_memoised(text)
    return _parse_requirement(text) if _is_acceptable(text) else None


def _is_acceptable(text: str) -> bool:
    if len(text) > MAX_REQUIREMENT_CHARACTERS or text.count("(") > MAX_PARENTHESES:
        return False
    if "\\" in text or "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


@lru_cache(maxsize=16_384)
def _parse_memoised(text: str) -> ParsedRequirement | None:
    return _parse_requirement(text) if _is_acceptable(text) else None


def _parse_requirement(text: str) -> ParsedRequirement | None:
    found = _PLAIN.fullmatch(text)
    if found is None:
        return _parse_unusual(text)
    name, extras, bare, enclosed, marker_text = found.groups()
    marker = None
    if marker_text is not None:
        marker = _parse_marker(marker_text)
        if marker is None:
            return None
    return _requirement(name, extras.split(",") if extras else (), bare or enclosed or "", marker)


def _requirement(
    name: str, extras: Iterable[str], specifier: str, marker: _ParsedMarker | None
) -> ParsedRequirement | None:
    parsed = parse_specifier(specifier)
    if parsed is None:
        return None
    return ParsedRequirement(
        name=normalize_package_name(name),
        extras=_normal_extras(extras),
        specifier=parsed.text,
        bounds=parsed.bounds,
        marker=None if marker is None else marker.text,
        marker_extras=() if marker is None else marker.extras,
        url=None,
    )


def _parse_unusual(text: str) -> ParsedRequirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
        marker = None if requirement.marker is None else _read_marker(str(requirement.marker))
    # Some strings of a marker cannot be written again, which is a ValueError.
    except (InvalidRequirement, ValueError, RecursionError):
        return None
    parsed = _requirement(requirement.name, requirement.extras, str(requirement.specifier), marker)
    if parsed is None or requirement.url is None:
        return parsed
    url = _USER_INFO.sub(r"\1", requirement.url, count=1)
    return msgspec.structs.replace(parsed, bounds=(), url=url)


def _normal_extras(extras: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({normalize_package_name(extra.strip()) for extra in extras}))


class _ParsedMarker(NamedTuple):
    text: str
    extras: tuple[str, ...]
    variables: tuple[str, ...]


def _parse_marker(text: str) -> _ParsedMarker | None:
    if len(text) <= _MEMOISED_CHARACTERS:
        return _parse_marker_memoised(text)
    return _parse_marker_anew(text)


def _parse_marker_anew(text: str) -> _ParsedMarker | None:
    plain = _canonical_plain_marker(text)
    if plain is not None:
        return _read_marker(plain)
    from packaging.markers import InvalidMarker, Marker

    # Some strings cannot be written again, which is a ValueError.
    try:
        return _read_marker(str(Marker(text)))
    except (InvalidMarker, ValueError, RecursionError):
        return None


_parse_marker_memoised = lru_cache(maxsize=4096)(_parse_marker_anew)


def _canonical_plain_marker(text: str) -> str | None:
    """Return a marker without parentheses as `packaging` writes it; None for any other."""
    words: list[str] = []
    position = 0
    while True:
        found = _COMPARISON.match(text, position)
        if found is None:
            return None
        left, left_string, operator, right, right_string, junction = found.groups()
        words += (
            _canonical_operand(left, left_string, right),
            "not in" if operator.startswith("not") else operator,
            _canonical_operand(right, right_string, left),
        )
        if junction is None:
            return " ".join(words)
        words.append(junction)
        position = found.end()


def _canonical_operand(variable: str | None, string: str | None, other: str | None) -> str:
    if variable is not None:
        return variable.replace(".", "_")
    value = (string or "")[1:-1]
    if other == "extra":
        value = normalize_package_name(value)
    return f"'{value}'" if '"' in value else f'"{value}"'


def _read_marker(text: str) -> _ParsedMarker:
    compared = (next(filter(None, found.groups()), None) for found in _EXTRA.finditer(text))
    extras = _normal_extras(extra for extra in compared if extra is not None)
    return _ParsedMarker(text, extras, tuple(sorted(set(_VARIABLE.findall(text)))))


def _compile(marker: str) -> Marker:
    from packaging.markers import Marker

    return Marker(marker)


_compile_memoised = lru_cache(maxsize=1024)(_compile)


def evaluate_marker(
    marker: str, environment: Mapping[str, str], extras: frozenset[str] = frozenset()
) -> bool | None:
    """Say whether a marker holds (PEP 508), or None where it cannot be evaluated.

    `environment` holds the marker variables by name, such as `marker_environment` returns.
    With `extras` (in the form of PEP 685) asked for, a marker holds if it does for one of them or
    without any: who asks for an extra also gets what the release requires of itself.

    None where the marker cannot be parsed or is over the limits of `parse_requirement`, mentions a
    variable that the environment does not have, or makes a comparison that is not defined.
    """
    if not _is_acceptable(marker):
        return None
    parsed = _parse_marker(marker)
    if parsed is None:
        return None
    # `packaging` would take a missing variable from the interpreter that runs this.
    if any(name not in environment for name in parsed.variables):
        return None
    values = {name: environment[name] for name in parsed.variables}
    compile_ = _compile_memoised if len(marker) <= _MEMOISED_CHARACTERS else _compile
    compiled = compile_(parsed.text)
    # KeyError: a comparison of two strings.
    try:
        return any(compiled.evaluate({**values, "extra": extra}) for extra in ("", *extras))
    except (ValueError, KeyError):
        return None


def marker_environment(
    os_name: str,
    os_version: str,  # noqa: ARG001 - an environment has three parts; PEP 508 has no use for this
    python_version: str,
) -> dict[str, str]:
    """Return the eleven marker variables of PEP 508 for an environment such as rhel, 8, 3.11.

    `os_name` "macos" and "windows" are those systems, any other name is a Linux. What an
    environment does not say is assumed: CPython, on x86_64, in its release `python_version`.0;
    `platform_release` and `platform_version`, which are the kernel's, are empty.
    """
    name, platform, system, machine = _SYSTEMS.get(os_name, _LINUX)
    full_version = f"{python_version}.0"
    return {
        "os_name": name,
        "sys_platform": platform,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_version": python_version,
        "python_full_version": full_version,
        "implementation_name": "cpython",
        "implementation_version": full_version,
    }
