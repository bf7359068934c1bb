"""A program that runs again and again, each time in a process of its own, for tests.

Importing is most of what a short run of a command does. Here it is done once: each run is a fork
of one process that has imported everything and started no thread.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STREAMS = (
    (0, "stdin", os.O_RDONLY),
    (1, "stdout", os.O_WRONLY),
    (2, "stderr", os.O_WRONLY),
)


class ForkedProgram:
    """Runs `entry`, such as `package.module:function`, as the program `name`.

    `preloaded` names modules that it would import while it runs. What `entry` returns is the exit
    code, as `sys.exit` understands it. The process that is forked starts with the first run and
    ends with this process, or when `close` is called. Not for several threads at once.
    """

    def __init__(self, name: str, entry: str, *preloaded: str) -> None:
        self._name = name
        self._command = [sys.executable, "-m", __name__, entry, *preloaded]
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str],
        stdin: str = "",
        seconds: int = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end with no other variables than `env`; what it wrote is UTF-8.

        After so many seconds it is ended by SIGALRM. Raises RuntimeError where there is no answer.
        """
        texts = [str(argument) for argument in arguments]
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder, name) for _, name, _ in _STREAMS}
            for name, file in files.items():
                file.write_text(stdin if name == "stdin" else "", encoding="utf-8")
            order = {
                "argv": [self._name, *texts],
                "env": dict(env),
                "seconds": seconds,
                "files": {name: str(file) for name, file in files.items()},
            }
            code = self._ask(json.dumps(order))
            out, err = (files[name].read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(texts, code, out, err)

    def close(self) -> None:
        """End the process that is forked; the next run starts another one."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask(self, order: str) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            atexit.register(self.close)
        answer = ""
        if self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that runs {self._name} has ended")
        return int(answer)


def _become(entry: Callable[[], Any], order: dict[str, Any]) -> None:
    signal.alarm(order["seconds"])
    for number, name, flags in _STREAMS:
        os.dup2(os.open(order["files"][name], flags), number)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = order["argv"]
    sys.exit(entry())


def _serve(entry: str, *preloaded: str) -> None:
    """Do what the lines of standard input order; answer each with a line, its exit code."""
    module, _, function = entry.partition(":")
    for name in preloaded:
        import_module(name)
    main = getattr(import_module(module), function)
    # Lest each child, as it ends, collects everything that was imported: half a second of work.
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            _become(main, json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
