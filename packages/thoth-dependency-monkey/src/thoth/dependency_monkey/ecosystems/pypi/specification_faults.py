"""What is wrong with a line: the refused forms, by name, and the usual slips of PEP 508 syntax."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import InvalidRequirement

_EXCERPT = 60

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPTION = re.compile(r"--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z]|-+")
_LATER_OPTION = re.compile(r"[ \t](--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z]\b)")
_VARIABLE = re.compile(r"\$\{|\$[A-Za-z_]|%[A-Za-z_]\w*%", re.ASCII)
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+|git@[^ \t]*:", re.IGNORECASE)
_DIRECT_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*+[ \t]*+(?:\[[^\]]*\][ \t]*+)?@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:file|https?|ftp):", re.IGNORECASE)
_PATH_START = re.compile(r"[./~\\]|[A-Za-z]:(?:[\\/]|$)")
_FILE = re.compile(
    r"[^ \t;]*\.(?:whl|zip|egg|tar|tgz|tar\.(?:gz|bz2|xz|zst)|txt|toml|lock)(?=[ \t;\[]|$)",
    re.IGNORECASE,
)

_PLAIN = "Name the package and its versions instead, such as six>=1.16."
_OPTION_REMEDIES = {
    "-r": "Put the file's requirements here, or give each file with -r on the command line.",
    "-c": "Give constraints apart: -c on the command line, `constraints` in a request.",
    "-e": _PLAIN,
    "-i": "Choose the index outside of the text: --index-url on the command line, `indexes` in a "
    "request.",
    "--hash": "Remove the hashes; the lock that comes out carries them.",
    "--pre": "Choose the policy outside of the text: --prerelease on the command line, `policy` "
    "in a request.",
}
_OPTION_NAMES = {
    "--requirement": "-r",
    "--constraint": "-c",
    "--editable": "-e",
    "--index-url": "-i",
    "--extra-index-url": "-i",
    "--no-index": "-i",
    "--find-links": "-i",
    "-f": "-i",
    "--trusted-host": "-i",
}


class LineError(Exception):
    """Something is wrong with a line; `offset` counts characters from 0."""

    def __init__(self, message: str, remedy: str, offset: int) -> None:
        self.message = message
        self.remedy = remedy
        self.offset = offset
        super().__init__(message)


def printable(text: str) -> str:
    """Return a text whose control, format and surrogate characters are escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def excerpt(text: str) -> str:
    """Return a text for a message: escaped, and cut where it is long."""
    return printable(text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 3]}...")


def mask_quoted(text: str) -> str:
    """Return the text with the inside of its quoted strings hidden; offsets stay."""
    return _QUOTED.sub(lambda match: "_" * len(match[0]), text)


def check_form(text: str, masked: str) -> None:
    """Raise `LineError` where a line is of a form that a specification refuses by name."""
    if text.endswith("\\"):
        raise LineError(
            "a line continuation (a backslash at the end of a line) is not allowed",
            "Write the requirement on one line.",
            len(text) - 1,
        )
    if found := _VARIABLE.search(text if "${" in text else masked):
        raise LineError(
            "an environment variable is not expanded here",
            "Write its value.",
            found.start(),
        )
    if found := _OPTION.match(text):
        raise _option(found[0], 0)
    if _VCS.match(text):
        raise LineError("a VCS reference is not allowed", _PLAIN, 0)
    if found := _DIRECT_REFERENCE.match(masked):
        raise LineError(
            "a direct reference (name @ URL) is not allowed",
            "Name versions instead, such as six>=1.16.",
            found.end() - 1,
        )
    if _URL.match(masked) or "://" in masked:
        raise LineError("a URL is not allowed", _PLAIN, _word_start(masked, masked.find(":")))
    _check_path(masked)
    if found := _LATER_OPTION.search(masked):
        raise _option(found[1], found.start(1))
    if (offset := text.find("\\")) >= 0:
        raise LineError(
            "a backslash is not allowed",
            r"Remove it: paths are not accepted, and \n (a line's end) is the only escape.",
            offset,
        )


def _check_path(masked: str) -> None:
    if _PATH_START.match(masked):
        raise LineError("a path is not allowed", _PLAIN, 0)
    if found := _FILE.match(masked):
        raise _file_name(found[0])
    if (offset := masked.find("/")) >= 0:
        raise LineError("a path is not allowed", _PLAIN, _word_start(masked, offset))


def _word_start(masked: str, offset: int) -> int:
    """Return where the word around an offset starts."""
    return max(masked.rfind(mark, 0, offset) for mark in " \t;,=<>!~") + 1


def _file_name(name: str) -> LineError:
    if name.lower().endswith((".txt", ".toml", ".lock")):
        return LineError(
            f"'{excerpt(name)}' looks like the name of a file, which is not allowed",
            "Give a file of requirements with -r on the command line; if a package is meant, "
            "write a hyphen for the last dot.",
            0,
        )
    return LineError(f"'{excerpt(name)}' is the name of a file, which is not allowed", _PLAIN, 0)


def _option(name: str, offset: int) -> LineError:
    known = _OPTION_NAMES.get(name.lower(), name)
    short = known[:2] if known[:2] in _OPTION_REMEDIES and known[1] != "-" else known
    return LineError(
        f"the option '{excerpt(name)}' is not allowed in a stack specification",
        _OPTION_REMEDIES.get(
            short, "Remove it; a line is one requirement, such as six>=1.16, and nothing else."
        ),
        offset,
    )


_SLIPS = (
    (
        r"===[ \t]*+[^ \t;)]*,",
        "=== takes everything up to the next space as its version, commas too",
        "Use ==, or write this clause last.",
    ),
    (
        r"~=[ \t]*v?[0-9]+(?![0-9.!])",
        "~= needs a version of at least two numbers",
        "Write ~=1.0 rather than ~=1, or use >=.",
    ),
    (
        r"(?:>=|<=|~=|<|>)[ \t]*+v?[0-9.!]*\.\*",
        "the suffix .* goes with == and != only",
        "Write the version without .*, or use == or !=.",
    ),
    (
        r"[=!]=[ \t]*+[0-9.!]++[^ \t,;)<>=!~*]+\.\*",
        "the suffix .* goes with plain release numbers only",
        "Write it after the release numbers, such as ==1.4.*.",
    ),
    (
        r"(?:>=|<=|~=|<|>)[ \t]*+[0-9][^ \t,;)<>=!~+]*+\+",
        "a local version goes with == and != only",
        "Remove the part from + on, or use ==.",
    ),
    (
        r"=[<>]|><|<>",
        "this is not a version operator",
        "Write >=, <= or !=.",
    ),
    (
        r"(?<![=<>!~])=(?![=<>])",
        "a single = is not a version operator",
        "Write ==.",
    ),
    (
        r"\^",
        "^ is not a version operator",
        "Write a range, such as >=1.4,<2.",
    ),
    (
        r"[<>=!~]++[ \t]*+(?!v?[0-9])",
        "the operator is not followed by a version (PEP 440)",
        "Write a version that starts with a number, such as >=1.4.",
    ),
)
_NEXT_CLAUSE = re.compile(r"[0-9*a-z][ \t]++(?=[<>=!~])", re.IGNORECASE)
_TOKEN_NAMES = {
    "LEFT_BRACKET": "[",
    "RIGHT_BRACKET": "]",
    "LEFT_PARENTHESIS": "(",
    "RIGHT_PARENTHESIS": ")",
}
_BARE_VERSION = re.compile(r"[ \t]+(?=v?[0-9])", re.IGNORECASE)
_NEXT_NAME = re.compile(r"[ \t]*,?[ \t]*(?=[A-Za-z])")


def explain_syntax(text: str, masked: str, rest: int, error: InvalidRequirement) -> LineError:
    """Return the fault of a line that PEP 508's grammar does not accept.

    `rest` is the offset behind the name; the place that the parser names is used where none of the
    usual slips explains the error better.
    """
    span = getattr(error.__cause__, "span", None)
    marker = masked.find(";")
    end = len(text) if marker < 0 else marker
    offset = min(span[1] if span else rest, len(text))
    if offset <= end:
        for pattern, message, remedy in _SLIPS:
            # Compiled when a slip is made, since most programs that import this make none.
            if found := re.compile(pattern).search(masked, rest, end):
                return LineError(message, remedy, found.start())
        if found := _NEXT_CLAUSE.search(masked, rest, end):
            return LineError(
                "a comma is missing between two version clauses",
                "Write them as in >=1.4,<2.",
                found.end(),
            )
        if found := _BARE_VERSION.match(masked, rest):
            return LineError(
                "a version operator is missing",
                "Write it between name and version, such as ==1.4.",
                found.end(),
            )
        if found := _NEXT_NAME.match(masked, rest):
            return LineError(
                f"'{excerpt(text[found.end() :])}' follows the requirement",
                "Write one requirement a line.",
                found.end(),
            )
    detail = getattr(error.__cause__, "message", None) or str(error)
    for token, sign in _TOKEN_NAMES.items():
        detail = detail.replace(token, sign)
    detail = printable(detail.partition("\n")[0])
    return LineError(
        f"this is not a PEP 508 requirement: {detail[:1].lower()}{detail[1:]}",
        'Write it as in name[extra]>=1.4,<2; python_version >= "3.11".',
        offset,
    )
