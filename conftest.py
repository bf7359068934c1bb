"""What holds for every test of the repository."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

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
