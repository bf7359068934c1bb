"""The header `X-Fields`: a client names the members of the answer that it wants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from thoth.dependency_monkey.api.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHARACTERS = 500

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\*")


class FieldMask:
    """The members that are wanted; None for all of them."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self._names = names

    def apply(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the wanted members, in their own order."""
        if self._names is None:
            return members
        return {name: value for name, value in members.items() if name in self._names}


EVERYTHING = FieldMask(None)


def parse_field_mask(text: str | None, known: Sequence[str]) -> FieldMask:
    """Read a mask: names separated by commas, perhaps all in one pair of braces; `*` is all.

    `known` are the members that there are. Raises `ApiError` (400) for anything else.
    """
    if text is None:
        return EVERYTHING
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}") and len(inner) > 1:
        inner = inner[1:-1]
    names = [name.strip() for name in inner.split(",")] if len(text) <= MAX_CHARACTERS else [""]
    for name in names:
        if not _NAME.fullmatch(name):
            raise _broken("is not a list of names separated by commas", known)
        if name != "*" and name not in known:
            raise _broken(f"names {name!r}, which there is not", known)
    return EVERYTHING if "*" in names else FieldMask(frozenset(names))


def _broken(fault: str, known: Sequence[str]) -> Exception:
    return bad_request(f"the header X-Fields {fault}", f"Choose from {', '.join(known)}.")
