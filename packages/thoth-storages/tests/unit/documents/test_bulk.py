"""Many calls at once, their answers in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from thoth.storages.documents.bulk import WINDOW, WORKERS, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("in_turn", [False, True])
def test_answers_come_in_the_order_of_what_was_asked(in_turn: bool) -> None:
    assert list(in_order(lambda item: item * 2, range(200), in_turn=in_turn)) == [
        item * 2 for item in range(200)
    ]
    assert list(in_order(str, (), in_turn=in_turn)) == []


def test_many_are_asked_at_once_and_no_more_than_may_wait() -> None:
    taken: list[int] = []
    together = threading.Barrier(WORKERS, timeout=30)

    def items() -> Iterator[int]:
        for item in range(WORKERS * 20):
            taken.append(item)
            yield item

    def answer(item: int) -> int:
        together.wait()
        return item

    answers = in_order(answer, items())
    assert taken == []
    for item in range(WORKERS):
        assert next(answers) == item
    assert len(taken) <= WORKERS + WINDOW
    together.abort()
    answers.close()
    assert next(answers, None) is None


def test_an_answer_is_ready_when_it_need_not_be_waited_for() -> None:
    go = threading.Event()
    asked = in_order(lambda item: go.wait(30) and item, [1])
    assert not asked.is_ready()
    go.set()
    assert next(asked) == 1
    assert asked.is_ready()
    assert next(asked, None) is None
    assert in_order(str, [1], in_turn=True).is_ready()


@pytest.mark.parametrize("in_turn", [False, True])
def test_what_is_raised_is_raised_in_its_turn(in_turn: bool) -> None:
    answers = in_order(lambda item: 6 // item, [3, 2, 0, 1], in_turn=in_turn)
    assert [next(answers), next(answers)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(answers)
