"""Amounts of processors and memory, as Kubernetes writes them (`500m`, `1Gi`)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TypeAlias

Quantity: TypeAlias = str | int | float

_QUANTITY = re.compile(
    r"\s*([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})\s*(?:[eE]([+-]?[0-9]{1,2})|(\w{0,2}))\s*",
    re.ASCII,
)
_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
    "K": Decimal(1000),
}
_MAX_BYTES = 2**63 - 1
_MAX_CORES = 10**9


def cores(quantity: Quantity) -> float | None:
    """Return how many processors a quantity is (`500m` is 0.5), None where it is none."""
    amount = _amount(quantity)
    return None if amount is None or amount > _MAX_CORES else float(amount)


def size(quantity: Quantity) -> int | None:
    """Return how many bytes a quantity is (`1Gi` is 1,073,741,824), None where it is none.

    A part of a byte counts as one.
    """
    amount = _amount(quantity)
    if amount is None or amount > _MAX_BYTES:
        return None
    return min(int(amount.to_integral_value("ROUND_CEILING")), _MAX_BYTES)


def _amount(quantity: Quantity) -> Decimal | None:
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(quantity)[:64])
    if found is None or (found[3] or "") not in _SUFFIXES:
        return None
    exponent = Decimal(10) ** int(found[2]) if found[2] else _SUFFIXES[found[3] or ""]
    return Decimal(found[1]) * exponent
