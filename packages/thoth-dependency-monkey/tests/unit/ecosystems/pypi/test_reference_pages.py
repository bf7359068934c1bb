"""The reference pages say what the code does."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from thoth.dependency_monkey.ecosystems.pypi import python_releases
from thoth.dependency_monkey.ecosystems.pypi.specification import DEFAULT_LIMITS
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target

REFERENCE = Path(__file__).parents[6] / "docs" / "reference"


def rows(page: str) -> list[list[str]]:
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def test_the_limits_of_a_specification_are_documented() -> None:
    documented = {
        row[0].strip("`"): row[1] for row in rows("stack-specification.md") if row[1].isdecimal()
    }
    assert documented == {name: str(value) for name, value in asdict(DEFAULT_LIMITS).items()}


def test_the_known_releases_of_python_are_documented() -> None:
    known = {
        f"3.{minor}": [
            f"3.{minor}.{patch}",
            f"3.{minor}.{pypy[-1][0]} ({pypy[-1][1]})"
            if (pypy := python_releases.PYPY_RELEASES.get(minor))
            else "",
        ]
        for minor, patch in python_releases.CPYTHON_PATCHES.items()
    }
    pattern = re.compile(r"3\.[0-9]+")
    documented = {row[0]: row[1:] for row in rows("targets.md") if pattern.fullmatch(row[0])}
    assert documented == known
    text = (REFERENCE / "targets.md").read_text(encoding="utf-8")
    assert f"As of {python_releases.KNOWN_ON};" in text


def test_the_example_ids_are_targets() -> None:
    text = (REFERENCE / "targets.md").read_text(encoding="utf-8")
    for example in re.findall(r"`((?:cp|pp)3[0-9t.]+-[a-z0-9_]+)`", text):
        assert parse_target(example).id == example
