from collections.abc import Iterator
from dataclasses import replace

import pytest

from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.testing import IndexServer


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with IndexServer() as server:
        server.add("six", "1.17.0", requires_python=">=3.8", sdist=True)
        server.add("six", "1.16.0")
        yield server


@pytest.fixture
def limits() -> IndexLimits:
    """Limits with which a failure is soon told, and nothing fails because the machine is slow."""
    return replace(IndexLimits(), retries=1, backoff=0.01, retry_after=0.5)
