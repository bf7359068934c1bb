import re
from dataclasses import fields
from pathlib import Path

import pytest

from thoth.dependency_monkey import testing
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits

PAGE = Path("docs/reference/package-indexes.md")


@pytest.fixture(scope="module")
def page() -> str:
    for directory in Path(__file__).resolve().parents:
        if (directory / PAGE).is_file():
            return (directory / PAGE).read_text()
    pytest.skip("the documentation is not here")


def test_every_limit_is_in_the_reference_with_its_default(page: str) -> None:
    documented = {
        name: float(value)
        for name, value in re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, re.MULTILINE)
    }
    assert documented == {field.name: field.default for field in fields(IndexLimits)}


def test_the_testing_tools_are_in_the_reference(page: str) -> None:
    named = {"IndexServer", "InMemoryIndex", "ReleaseSpec", "Fault"}
    assert named <= set(testing.__all__)
    assert all(name in page for name in named)
