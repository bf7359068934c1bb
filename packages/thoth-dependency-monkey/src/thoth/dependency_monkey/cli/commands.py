"""The command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import click

from thoth.dependency_monkey.cli.serve import serve
from thoth.dependency_monkey.cli.validate import validate
from thoth.dependency_monkey.cli.validator import validator
from thoth.dependency_monkey.cli.worker import worker
from thoth.dependency_monkey.errors import RequestError, UndecidedError
from thoth.dependency_monkey.validation.render.escape import visible
from thoth.storages.cli.border import EXIT_ERROR, run_within

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
    return run_within(commands, _report)


def _report(error: Exception) -> int | None:
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
    return None
