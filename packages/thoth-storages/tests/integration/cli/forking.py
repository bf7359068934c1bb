"""Runs `thoth-storages` again and again, each time in a process of its own, for tests.

A child of this process has nothing to import, which is what most of a short command's time goes
into. A line of standard input is one command, as JSON: `arguments`, `env`, and the files `stdin`,
`stdout` and `stderr`; the answer is a line with its exit code.
"""

import gc
import json
import os
import signal
import sys
from typing import Any

from thoth.storages import GraphDatabase
from thoth.storages.cli import commands, drawing
from thoth.storages.cli.main import main
from thoth.storages.graph import migrations, models

PRELOADED = (GraphDatabase, commands, drawing, migrations, models)
SECONDS = 120


def _become(order: dict[str, Any]) -> None:
    signal.alarm(SECONDS)
    for number, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        os.dup2(os.open(order[name], flags), number)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["thoth-storages", *order["arguments"]]
    main()


# Lest each child, as it ends, collects everything that was imported: half a second of work.
gc.freeze()
for line in iter(sys.stdin.readline, ""):
    child = os.fork()
    if not child:
        _become(json.loads(line))
    _, status = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
    sys.stdout.flush()
