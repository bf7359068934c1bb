"""Which Python releases are known: data, as of `KNOWN_ON`, to be renewed with our releases."""

from __future__ import annotations

KNOWN_ON = "2026-11-21"

OLDEST_MINOR = 8
NEWEST_MINOR = 15

CPYTHON_PATCHES = {8: 20, 9: 25, 10: 22, 11: 18, 12: 16, 13: 18, 14: 10, 15: 2}
"""The newest patch release of each CPython 3 minor version."""

PYPY_RELEASES: dict[int, tuple[tuple[int, str], ...]] = {
    8: ((16, "7.3.11"),),
    9: ((19, "7.3.16"),),
    10: ((16, "7.3.19"),),
    11: ((15, "7.3.23"), (16, "8.0.0"), (17, "8.0.1")),
    12: ((14, "8.0.0"), (15, "8.0.1")),
}
"""By Python 3 minor version: (patch, the PyPy release that implements it), ascending."""

NEWEST_PYPY = "8.0.1"


def newest_patch(minor: int, *, pypy: bool) -> int:
    """Return the newest known patch release of Python 3.`minor`; 0 where none is known."""
    if pypy:
        known = PYPY_RELEASES.get(minor)
        return 0 if known is None else known[-1][0]
    return CPYTHON_PATCHES.get(minor, 0)


def pypy_release(minor: int, patch: int) -> str:
    """Return the PyPy release that implements Python 3.`minor`.`patch`.

    A patch release that is not listed counts as the newest listed one below it, or as the oldest
    listed one; a minor version that is not listed belongs to the newest PyPy.
    """
    known = PYPY_RELEASES.get(minor)
    if known is None:
        return NEWEST_PYPY
    return max((entry for entry in known if entry[0] <= patch), default=known[0])[1]
