"""Many calls to a store at once, their answers in order, within bounds."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

Item = TypeVar("Item")
Answer = TypeVar("Answer")

WORKERS = 16
WINDOW = 48


def in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], *, in_turn: bool = False
) -> Iterator[Answer]:
    """Yield `function(item)` for each item, in their order, up to `WORKERS` of them at once.

    At most `WINDOW` answers wait for the reader. Items are taken as they are needed, in the
    reader's thread, which calls the function itself, one by one, where they are to be done
    `in_turn`. What the function raises is raised in its turn; a reader that stops early leaves at
    most those calls to end that have begun.
    """
    if in_turn:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="thoth-documents") as pool:
        waiting: deque[Future[Answer]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= WINDOW:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
