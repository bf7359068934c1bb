"""The outermost border of a command: errors become messages and exit codes, never tracebacks."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thoth.storages.cli.escape import visible

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_ERROR = 2


def run_within(commands: click.Group, report: Callable[[Exception], int | None]) -> int:
    """Run a group of commands; return what its command returns, or 0, as the exit code.

    `report` writes on standard error what went wrong and returns the exit code for it, or None
    where it does not know the error. Raises `KeyboardInterrupt` where the user stops it.
    """
    _open_closed_streams()
    try:
        code = commands.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return EXIT_ERROR
    except (BrokenPipeError, SystemExit):
        # For a closed pipe click itself would end the process with 1, which is an answer of ours.
        # Whoever read our output has seen enough.
        _drop_output()
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the outermost border: no traceback for a user
        reported = report(error)
        return _report(error) if reported is None else reported
    return code if isinstance(code, int) else 0


def _open_closed_streams() -> None:
    """Give whoever started us without a standard stream one that is empty, or takes everything."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def _drop_output() -> None:
    """Send what is left of the output nowhere, lest the interpreter fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception) -> int:
    if isinstance(error, OSError):
        click.echo(f"error: the system refused: {visible(str(error))}", err=True)
        _drop_output()
        return EXIT_ERROR
    click.echo(f"internal error: {type(error).__name__}: {visible(str(error))}", err=True)
    if os.environ.get("THOTH_DEBUG", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
    else:
        click.echo("Please report it; THOTH_DEBUG=1 shows where it happened.", err=True)
    return EXIT_ERROR
