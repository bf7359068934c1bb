"""Checks of a marker beyond its syntax: that it can be evaluated on every target.

`packaging` parses comparisons that it cannot, or cannot sensibly, evaluate; they are refused at the
edge, so that nobody has to handle them later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.specifiers import InvalidSpecifier, Specifier

from thoth.dependency_monkey.ecosystems.pypi.specification_faults import LineError, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_.]+|[<>=!~]+")
_VERSION_VARIABLES = {
    "implementation_version",
    "platform_release",
    "python_full_version",
    "python_version",
}
_VARIABLES_OF_OTHERS = {
    "extra": "it belongs in the metadata of packages (PEP 508)",
    "extras": "it belongs in lock files (PEP 751)",
    "dependency_groups": "it belongs in lock files (PEP 751)",
}


class _Token(NamedTuple):
    text: str
    offset: int

    @property
    def is_variable(self) -> bool:
        return self.text[0] not in "'\""


def check_marker(text: str, start: int) -> None:
    """Check the comparisons of a marker that starts at `start` and is syntactically right.

    Raises `LineError` for a variable that has no value in a stack specification (`extra`, `extras`,
    `dependency_groups`), for a comparison of two variables or of two strings, and for `~=` and
    `===` where they are not defined.
    """
    for left, operator, right in _comparisons(text, start):
        for operand in (left, right):
            if operand.is_variable and operand.text in _VARIABLES_OF_OTHERS:
                raise LineError(
                    f"the marker variable {operand.text} has no value here: "
                    f"{_VARIABLES_OF_OTHERS[operand.text]}",
                    "Remove it from the marker; an extra is asked for as name[extra].",
                    operand.offset,
                )
        if left.is_variable == right.is_variable:
            kind = "variables" if left.is_variable else "strings"
            raise LineError(
                f"the marker compares two {kind}",
                'Compare a variable with a string, such as python_version >= "3.12".',
                left.offset,
            )
        if operator.text in {"~=", "==="} and not _defined(left, operator, right):
            raise LineError(
                f"the marker operator {operator.text} is not defined for {excerpt(left.text)} "
                f"and {excerpt(right.text)}",
                f"Use == instead, or a version variable on the left of {operator.text} and a "
                "version on its right.",
                operator.offset,
            )


def _defined(left: _Token, operator: _Token, right: _Token) -> bool:
    if not left.is_variable or left.text.replace(".", "_") not in _VERSION_VARIABLES:
        return False
    try:
        Specifier(operator.text + right.text[1:-1])
    except InvalidSpecifier:
        return False
    return True


def _comparisons(text: str, start: int) -> Iterator[tuple[_Token, _Token, _Token]]:
    tokens = [_Token(match[0], match.start()) for match in _TOKEN.finditer(text, start)]
    parts = [token for token in tokens if token.text not in {"and", "or", "not"}]
    yield from zip(parts[0::3], parts[1::3], parts[2::3], strict=True)
