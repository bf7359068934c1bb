"""The command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import click

from thoth.dependency_monkey.cli.serve import serve
from thoth.dependency_monkey.cli.validate import validate
from thoth.dependency_monkey.cli.validator import validator
from thoth.dependency_monkey.cli.worker import worker
from thoth.dependency_monkey.errors import RequestError, UndecidedError
from thoth.dependency_monkey.validation.render.escape import visible

EXIT_ERROR = 2
EXIT_UNDECIDED = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thoth-dependency-monkey", prog_name="dependency-monkey")
def commands() -> None:
    """Say whether a software stack resolves, to exactly what, and if not, why."""


for command in (validate, serve, worker, validator):
    commands.add_command(command)


def run() -> int:
    """Run the command; return the exit code that `--help` documents.

    Raises `KeyboardInterrupt` where the user stops it.
    """
    _open_closed_streams()
    try:
        code: int = commands.main(standalone_mode=False)
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return EXIT_ERROR
    except (BrokenPipeError, SystemExit):
        # For a closed pipe click itself would end the process with 1, which says "invalid" here.
        # Whoever read our output has seen enough.
        _drop_output()
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the outermost border: no traceback for a user
        return _report(error)
    return code


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
    """Write what went wrong on standard error, and return the exit code for it."""
    from thoth.storages.exceptions import StoragesError

    if isinstance(error, RequestError):
        for problem in error.problems:
            click.echo(f"error: {visible(str(problem))}", err=True)
        return EXIT_ERROR
    if isinstance(error, UndecidedError):
        click.echo(f"could not tell ({error.reason}): {visible(error.detail)}", err=True)
        return EXIT_UNDECIDED
    if isinstance(error, StoragesError):
        click.echo(f"error: the knowledge graph: {error}", err=True)
        return EXIT_ERROR
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
