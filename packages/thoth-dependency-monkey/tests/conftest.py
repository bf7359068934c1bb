"""Validations in process: a stack, in-memory or real HTTP indexes, and a store of facts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.ecosystems.pypi.specification import (
    parse_constraints,
    parse_specification,
)
from thoth.dependency_monkey.ecosystems.pypi.target import parse_target
from thoth.dependency_monkey.testing import IndexServer, InMemoryIndex
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.request import ValidationRequest
from thoth.dependency_monkey.validation.store import MemoryFactStore
from thoth.dependency_monkey.validation.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from thoth.dependency_monkey.validation.result import Validation
    from thoth.dependency_monkey.validation.store import FactStore

TARGET = "cp312-manylinux_2_28_x86_64"
LIMITS = IndexLimits(
    retries=1,
    backoff=0.01,
    retry_after=0.1,
    page_bytes=256 * 1024,
    page_files=2_000,
    wheel_bytes=256 * 1024,
    sdist_bytes=256 * 1024,
    metadata_bytes=128 * 1024,
)
# Where a test waits in vain.
IMPATIENT = replace(LIMITS, connect_timeout=1.0, read_timeout=1.0, request_timeout=2.5)


def _now() -> datetime:
    return datetime.now(UTC)


class Asker:
    """What tests do with validations."""

    target = TARGET
    limits = LIMITS
    impatient = IMPATIENT

    @staticmethod
    def ask(
        stack: str,
        *indexes: Mapping[str, Any] | InMemoryIndex | IndexServer,
        targets: tuple[str, ...] = (TARGET,),
        constraints: str = "",
        store: FactStore | None = None,
        limits: Limits | None = None,
        index_limits: IndexLimits = LIMITS,
        offline: bool = False,
        clock: Callable[[], datetime] = _now,
        **policy: Any,
    ) -> Validation:
        """Validate a stack against indexes in order of priority; `policy` makes the `Policy`."""
        request = ValidationRequest(
            parse_specification(stack),
            tuple(map(parse_target, targets)),
            Policy(**policy),
            parse_constraints(constraints, source="constraints.txt"),
            limits or Limits(seconds=60.0),
        )

        async def run() -> Validation:
            async with AsyncExitStack() as opened:
                named = []
                for number, index in enumerate(indexes):
                    client: Any = index
                    if isinstance(index, IndexServer):
                        client = await opened.enter_async_context(
                            HttpIndex(index.url, limits=index_limits, trust_env=False, clock=clock)
                        )
                    elif not isinstance(index, InMemoryIndex):
                        client = InMemoryIndex(index, clock=clock)
                    name = f"index-{number}"
                    named.append(NamedIndex(name, client.url, None if offline else client))
                facts = MemoryFactStore() if store is None else store
                return await validate(request, named, facts, clock=clock)

        return asyncio.run(run())

    @staticmethod
    def pins(validation: Validation) -> dict[str, str]:
        """Return the lock as name to version; the stack must be valid."""
        assert validation.valid is True, validation.raw_log
        assert validation.lock is not None
        return {release.name: release.version for release in validation.lock}

    @staticmethod
    def lines(validation: Validation) -> list[str]:
        """Return the user's lines that the proof names; the stack must be invalid."""
        assert validation.valid is False, validation.raw_log
        assert validation.explanation is not None
        return [line.text for line in validation.explanation.requirements]

    @staticmethod
    def warned(validation: Validation) -> list[tuple[str, str | None]]:
        """Return the code and the package of each warning."""
        return [(warning.code, warning.package) for warning in validation.warnings]


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    """Log as a service does: by default, structlog draws every variable of a traceback."""
    processors = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(processors=processors)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def asker() -> type[Asker]:
    return Asker
