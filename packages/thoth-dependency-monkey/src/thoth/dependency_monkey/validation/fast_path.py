"""The fast path: answer at once what can be told from fresh facts in the knowledge graph.

It asks no index. Where a fact is missing or stale, or the budget does not suffice, it says nothing,
and a job answers. What was read once is kept in memory, within limits (`hot_facts`).
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.hot_facts import HOT_BYTES, HotSet, KnownFacts
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.request import ValidationRequest
from thoth.dependency_monkey.validation.validate import validate_known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from thoth.dependency_monkey.validation.result import Validation
    from thoth.dependency_monkey.validation.store import StampedFactStore

BUDGET = Limits(seconds=0.5, decisions=5_000)
THREADS = 2
LONGEST_WAIT = 2.0
"""Seconds that a question may wait for a thread; after that, a job is the faster way."""
_logger = structlog.get_logger("thoth.dependency_monkey.validation")


def _now() -> datetime:
    return datetime.now(UTC)


class FastPath:
    """Answers questions in threads of its own; belongs to one event loop.

    `indexes` are names and canonical URLs in the order of their priority. `store` is where the
    facts are; `hot_bytes` of memory, as estimated, may keep those that were used last.
    """

    def __init__(
        self,
        indexes: Iterable[tuple[str, str]],
        store: StampedFactStore,
        *,
        budget: Limits = BUDGET,
        hot_bytes: int = HOT_BYTES,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._indexes = [NamedIndex(name, url, None) for name, url in indexes]
        self._store = store
        self._hot = HotSet(hot_bytes)
        self._budget = budget
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="fast-path")

    async def answer(self, request: ValidationRequest) -> Validation | None:
        """Return the answer, or None where a job may find a better one. Never raises.

        "Could not tell" is one where nothing but a build, which a job does not do, would help.
        """
        budgeted = ValidationRequest(
            request.stack, request.targets, request.policy, request.constraints, self._budget
        )
        asked = time.monotonic()
        loop = asyncio.get_running_loop()
        validation = await loop.run_in_executor(self._threads, self._solve, budgeted, asked)
        if validation is None:
            return None
        return replace(validation, limits={**validation.limits, **_shown(request.limits)})

    def close(self) -> None:
        """End the threads; what they are doing is finished first, within the budget."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _solve(self, request: ValidationRequest, asked: float) -> Validation | None:
        if time.monotonic() - asked > LONGEST_WAIT:
            return None
        try:
            # Where what is in memory is not what the store has by now, that is asked beforehand.
            for optimistic in (True, False):
                facts = KnownFacts(
                    self._hot,
                    self._store,
                    [index.url for index in self._indexes],
                    max_age=request.policy.max_age,
                    started=self._clock(),
                    optimistic=optimistic,
                )
                validation = validate_known(request, self._indexes, facts, clock=self._clock)
                if facts.confirm():
                    return validation if _is_final(validation, facts) else None
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, a job can still tell
            _logger.warning("the fast path failed", error=repr(error))
        return None


def _is_final(validation: Validation, facts: KnownFacts) -> bool:
    if validation.valid is not None:
        return True
    return validation.reason == Reason.METADATA_UNAVAILABLE.value and facts.lacks_only_builds


def _shown(limits: Limits) -> dict[str, float]:
    return {"seconds": limits.seconds, "decisions": limits.decisions}
