"""Hardware as somebody describes it, in the form of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph import json_values, quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS = ("cpu_family", "cpu_model", "cpu_physical_cpus", "cpu_cores", "gpu_cores")
SIZES = ("gpu_memory_size", "ram_size")
TEXTS = ("cpu_vendor", "cpu_model_name", "gpu_vendor", "gpu_model_name")
COLUMNS = (*NUMBERS, *SIZES, *TEXTS)
"""What has columns of its own: whole numbers, sizes in bytes and texts."""
MAX_TEXT_CHARACTERS = 512
"""A text on hardware may have at most so many characters."""
_MAX_NUMBER = 2**31 - 1


class HardwareRecord(msgspec.Struct, frozen=True):
    """Hardware: `columns` as its row has them, `other` as JSON; `digest` tells it from others."""

    columns: dict[str, int | str]
    other: str
    digest: bytes


def read_hardware(hardware: Mapping[str, Any]) -> tuple[HardwareRecord | None, list[str]]:
    """Return the row of a description, None where it says nothing, and the names that do not fit.

    A value that does not fit its column (see `COLUMNS`; a size may be a quantity such as `16Gi`) is
    kept in `other`, as is all that has no column. None is left out.
    """
    columns: dict[str, int | str] = {}
    other: dict[str, Any] = {}
    misfits = []
    for name, value in hardware.items():
        if value is None:
            continue
        fitted = _fitted(name, value) if name in COLUMNS else None
        if fitted is not None:
            columns[name] = fitted
            continue
        other[name] = value
        if name in COLUMNS:
            misfits.append(name)
    encoded = json_values.encoded(other)
    canonical = json_values.encoded({**other, **columns})
    if encoded is None or canonical is None:
        return None, ["other"]
    if not columns and not other:
        return None, misfits
    return HardwareRecord(columns, encoded, json_values.digest(canonical)), misfits


def _fitted(name: str, value: object) -> int | str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if name in SIZES:
        return quantities.size(value)
    if name in TEXTS:
        text = str(value)
        fits = 0 < len(text) <= MAX_TEXT_CHARACTERS and "\0" not in text and text.isprintable()
        return text if fits else None
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 11 else -1
    is_whole = isinstance(value, int) or value.is_integer()
    return int(value) if is_whole and 0 <= value <= _MAX_NUMBER else None
