"""What holds for every test of the repository."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes depends on what else the machine does: no test is timed.
settings.register_profile(
    "thoth", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("thoth"), max_examples=500)
settings.load_profile("thoth")

# The tests start hundreds of processes: without byte code, each compiles all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# In the background of a shell interrupts are ignored, by all processes that the tests start, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Look for garbage after collecting, and never again among what it made, which stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run one test more at a time than there are processors: many wait for others to answer."""
    if config.option.numprocesses != "logical" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    is_limited = hasattr(os, "sched_getaffinity")
    return 1 + (len(os.sched_getaffinity(0)) if is_limited else os.cpu_count() or 1)
