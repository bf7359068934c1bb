"""The limits of a validation, published and configurable; what hits one is undecided."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The limits of one validation.

    `seconds` of wall-clock time for the whole of it; `decisions` of each search; `pages` and
    `metadata_files` that the indexes may be asked for; `remedies` that a proof tries out.
    """

    seconds: float = 60.0
    decisions: int = 200_000
    pages: int = 5_000
    metadata_files: int = 5_000
    remedies: int = 5
