"""A bounded cache of answers, one an adapter, so that asking again need not ask the database.

A write of the same adapter drops what it may have made untrue; what others write is seen when an
answer is older than `seconds`, at the latest.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_T = TypeVar("_T")


class AnswerCache:
    """At most `size` answers, the least recently used one leaves first; 0 switches it off.

    Safe for threads. An answer that was being computed while `clear()` was called is not kept.
    """

    def __init__(
        self, size: int, seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.size = size
        self.seconds = seconds
        self.hits = 0
        self.misses = 0
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, object]] = OrderedDict()
        self._generation = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Hashable, answer: Callable[[], _T]) -> _T:
        """Return the answer to a question, from `answer` where it is not known; a fresh object."""
        if self.size == 0:
            return answer()
        now = self._clock()
        with self._lock:
            generation = self._generation
            found = self._answers.get(question)
            if found is not None and now - found[0] < self.seconds:
                self.hits += 1
                self._answers.move_to_end(question)
                return cast("_T", copy.deepcopy(found[1]))
            self.misses += 1
        value = answer()
        kept = copy.deepcopy(value)
        with self._lock:
            if generation == self._generation:
                self._answers[question] = (now, kept)
                self._answers.move_to_end(question)
                while len(self._answers) > self.size:
                    self._answers.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._generation += 1
            self._answers.clear()
