"""The entry point: so light that Ctrl-C is answered from the first moment on."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command; ends the process with the exit code that `--help` documents."""
    end_with("thoth.storages.cli.commands")


def end_with(module: str) -> NoReturn:
    """Load a command's module, call its `run`, and end the process with what that returns."""
    try:
        # Here, since loading what the command needs takes most of a short run's time.
        code = import_module(module).run()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        code = EXIT_INTERRUPTED
    sys.exit(code)
