"""The entry point: so light that Ctrl-C is answered from the first moment on."""

from __future__ import annotations

import sys
from typing import NoReturn

EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command; ends the process with the exit code that `--help` documents."""
    try:
        # Here, since loading what the command needs takes most of a short run's time.
        from thoth.storages.cli.commands import run

        code = run()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        code = EXIT_INTERRUPTED
    sys.exit(code)
