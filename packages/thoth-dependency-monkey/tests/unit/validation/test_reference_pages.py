"""The reference names every variable, limit and path that a user can meet."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from thoth.dependency_monkey.api import read_through
from thoth.dependency_monkey.jobs.process_executor import ProcessLimits
from thoth.dependency_monkey.validation import validator
from thoth.dependency_monkey.validation.exchange import MEDIA_TYPE

DOCS = next(
    (parent / "docs" for parent in Path(__file__).parents if (parent / "docs").is_dir()), None
)
pytestmark = pytest.mark.skipif(DOCS is None, reason="not in a checkout: no docs")


def page(name: str) -> str:
    assert DOCS is not None
    return (DOCS / "reference" / name).read_text()


def test_every_variable_of_the_validator_is_documented() -> None:
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', inspect.getsource(validator)))
    assert {"ECOSYSTEM", "RESULT_TOKEN", "INDEX_URL"} <= read
    text = page("validator.md")
    assert [name for name in sorted(read) if f"`{name}`" not in text] == []


def test_every_limit_of_a_process_is_documented() -> None:
    text = page("validator.md")
    names = [field.name for field in dataclasses.fields(ProcessLimits)]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_path_of_the_read_through_index_is_documented() -> None:
    text = page("read-through-index.md")
    paths = re.findall(r'@get\("([^"]+)"\)', inspect.getsource(read_through))
    assert len(paths) == 3
    for path in paths:
        shown = re.sub(r"\{(\w+):str\}", r"{\1}", path).replace("{index}", "{name}")
        assert f"`GET {shown}" in text
    assert MEDIA_TYPE in text
