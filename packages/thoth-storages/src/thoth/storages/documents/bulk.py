"""Many calls to a store at once, their answers in order, within bounds."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from typing import Self

Item = TypeVar("Item")
Answer = TypeVar("Answer")

WORKERS = 16
WINDOW = 48


def in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], *, in_turn: bool = False
) -> Answers[Item, Answer]:
    """Yield `function(item)` for each item, in their order, up to `WORKERS` of them at once.

    At most `WINDOW` answers wait for the reader. Items are taken as they are needed, in the
    reader's thread, which calls the function itself, one by one, where they are to be done
    `in_turn`. What the function raises is raised in its turn; a reader that stops early leaves at
    most those calls to end that have begun.
    """
    return Answers(function, items, in_turn=in_turn)


class Answers(Generic[Item, Answer]):
    """The iterator that `in_order` returns, for one thread."""

    def __init__(
        self, function: Callable[[Item], Answer], items: Iterable[Item], *, in_turn: bool
    ) -> None:
        self._function = function
        self._items = iter(items)
        self._in_turn = in_turn
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[Answer]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Answer:
        if self._in_turn:
            return self._function(next(self._items))
        try:
            self._ask()
            if self._waiting:
                return self._waiting.popleft().result()
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def __del__(self) -> None:
        self.close()

    def is_ready(self) -> bool:
        """Tell whether the next answer, or the end, need not be waited for.

        Where they are given in turn that is always so: they are from near.
        """
        if self._in_turn:
            return True
        self._ask()
        return not self._waiting or self._waiting[0].done()

    def close(self) -> None:
        """Ask for no more; wait for the calls that have begun."""
        self._items = iter(())
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _ask(self) -> None:
        while len(self._waiting) < WINDOW:
            try:
                item = next(self._items)
            except StopIteration:
                return
            if self._pool is None:
                self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="thoth-documents")
            self._waiting.append(self._pool.submit(self._function, item))
