"""The command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path

import click

from thoth.storages.cli.drawing import generate_schema
from thoth.storages.cli.escape import visible
from thoth.storages.cli.query import query
from thoth.storages.cli.schema import initialize_schema, schema_version
from thoth.storages.cli.shell import psql
from thoth.storages.cli.stats import stats
from thoth.storages.cli.sync import sync
from thoth.storages.exceptions import SchemaMismatchError, StoragesError

EXIT_ERROR = 2
_OFF = ("", "0", "false", "no", "off")

_EPILOG = """\b
Exit codes:
  0    done
  1    schema-version: the code's schema and the database's differ; sync: a document failed
  2    a usage, environment or internal error; standard error says what to do
  130  interrupted (Ctrl-C)
psql ends with the exit code of its client."""


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "THOTH_STORAGES",
    },
    epilog=_EPILOG,
)
@click.version_option(package_name="thoth-storages", prog_name="thoth-storages")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Tell on standard error what is done, such as which server is used.",
    show_envvar=True,
)
def commands(*, verbose: bool) -> None:
    """Keep and ask the knowledge graph of Thoth.

    KNOWLEDGE_GRAPH_* name the server; without them it is the embedded one.
    """
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    if verbose or _asks_for_logs():
        logging.getLogger("thoth.storages").setLevel(logging.INFO)


for command in (
    initialize_schema,
    schema_version,
    sync,
    stats,
    query,
    psql,
    generate_schema,
):
    commands.add_command(command)


def _asks_for_logs() -> bool:
    """Whether a variable is set whose only effect are lines of the log."""
    variables = "THOTH_STORAGES_DEBUG_QUERIES", "THOTH_STORAGES_LOG_STATS"
    return any(os.environ.get(name, "").strip().lower() not in _OFF for name in variables)


def run() -> int:
    """Run the command; return the exit code that `--help` documents.

    Raises `KeyboardInterrupt` where the user stops it.
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
        # For a closed pipe click itself would end the process with 1, which says "differs" here.
        # Whoever read our output has seen enough.
        _drop_output()
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the outermost border: no traceback for a user
        return _report(error)
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
    """Write what went wrong on standard error, and return the exit code for it."""
    if isinstance(error, SchemaMismatchError):
        click.echo(f"error: {visible(_with_command(str(error)))}", err=True)
        return EXIT_ERROR
    if isinstance(error, StoragesError):
        lines = [visible(line) for line in str(error).splitlines()]
        click.echo("error: " + "\n".join(lines), err=True)
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


def _with_command(message: str) -> str:
    """Name the command where the message names the method that does the same."""
    return message.replace(
        "Call GraphDatabase.initialize_schema()", "Run `thoth-storages initialize-schema`"
    )
