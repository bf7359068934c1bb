"""Amounts of processors and memory."""

from __future__ import annotations

import pytest

from thoth.storages.graph import quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500m", 0.5), ("1", 1.0), (2, 2.0), (0.25, 0.25), ("1e-3", 0.001), ("2k", 2000.0)],
)
def test_processors_are_counted_in_cores(text: str | float, expected: float) -> None:
    assert quantities.cores(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Gi", 2**30),
        ("1G", 10**9),
        ("1.5Ki", 1536),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        (4096, 4096),
        ("100m", 1),
        ("7Ei", 7 * 2**60),
    ],
)
def test_memory_is_counted_in_bytes(text: str | int, expected: int) -> None:
    assert quantities.size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "much", "-1", "1GiB", "1 2", "9Ei", "1e99", "٣", "1" * 100, True, None, [], "inf"]
)
def test_what_is_no_amount_is_none(text: object) -> None:
    assert quantities.size(text) is None  # type: ignore[arg-type]


def test_so_many_processors_nobody_has() -> None:
    assert quantities.cores("1e30") is None
