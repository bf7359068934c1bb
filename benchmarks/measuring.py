"""What the scripts here share: the stacks, places to work in, and whole processes timed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATA = Path(__file__).parent / "data"
DEPENDENCY_MONKEY = str(Path(sys.executable).with_name("dependency-monkey"))
UV_COMPILE = (
    *(shutil.which("uv") or "uv", "pip", "compile", "-q", "--only-binary", ":all:"),
    *("-p", sys.executable, "-"),
)


def stacks() -> dict[str, str]:
    """Return the stacks by name, each as the text of a specification."""
    named = json.loads((DATA / "stacks.json").read_text())
    return {name: "\n".join(requirements) for name, requirements in named.items()}


def timed(command: list[str], stdin: str, environment: Mapping[str, str]) -> tuple[float, int, str]:
    """Run a process to its end; return its seconds, its exit code and its standard output."""
    begin = time.perf_counter()
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environment, check=False
    )
    return time.perf_counter() - begin, done.returncode, done.stdout


@contextmanager
def place(*, leave_after: float) -> Iterator[Path]:
    """Lend an empty directory; it goes `leave_after` seconds later, its server having ended."""
    # The embedded server runs as another user when root starts it: it must reach the place.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="thoth-benchmark-") as made:
        directory = Path(made)
        directory.chmod(0o755)
        yield directory
        time.sleep(leave_after)


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with some variables changed."""
    return {**os.environ, **changes}
