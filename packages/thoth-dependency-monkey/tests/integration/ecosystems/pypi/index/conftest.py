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
    """Limits that make a failing test end in moments."""
    return replace(
        IndexLimits(),
        connect_timeout=2.0,
        read_timeout=0.3,
        request_timeout=1.5,
        retries=1,
        backoff=0.01,
        retry_after=0.5,
    )
