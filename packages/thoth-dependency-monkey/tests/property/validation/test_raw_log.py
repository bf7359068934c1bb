"""Whatever a validator says, its log is harmless and within the published limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.validation.raw_log import LARGEST_LOG, raw_log

texts = st.text(st.characters())


@given(texts, texts)
def test_nothing_in_a_log_steers_a_terminal(text: str, summary: str) -> None:
    assert all(line.isprintable() for line in raw_log(text, summary).split("\n"))


@given(st.text(st.characters(exclude_categories=["C", "Z"])), st.text("abc", min_size=1))
def test_a_short_log_is_kept_as_it_is_with_its_summary_behind_it(text: str, summary: str) -> None:
    assert raw_log(text, summary) == (f"{text}\n{summary}" if text else summary)


@pytest.mark.parametrize("character", ["a", "\u00e9", "\u20ac", "\U0001f40d", "\x1b"])
@pytest.mark.parametrize("summary", ["", "zzz"])
def test_the_limit_is_in_bytes_and_both_ends_of_a_long_log_are_kept(
    character: str, summary: str
) -> None:
    size = len(raw_log(character).encode())
    log = raw_log(f"begin {character * (LARGEST_LOG // size + 1)} end", summary)
    assert LARGEST_LOG - 2 * size < len(log.encode()) <= LARGEST_LOG
    assert log.startswith("begin ")
    assert log.endswith(f" end\n{summary}" if summary else " end")
    assert "\n[cut]\n" in log


def test_there_is_one_limit_for_all_logs() -> None:
    assert LARGEST_LOG == 2**20
    assert len(raw_log("a" * 3 * LARGEST_LOG).encode()) == LARGEST_LOG
    assert len(raw_log("a" * 3 * LARGEST_LOG, "b" * LARGEST_LOG).encode()) == LARGEST_LOG
