"""The command group, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import logging
import os
import sys

import click

from thoth.storages.cli.border import EXIT_ERROR, run_within
from thoth.storages.cli.drawing import generate_schema
from thoth.storages.cli.escape import visible
from thoth.storages.cli.query import query
from thoth.storages.cli.schema import initialize_schema, schema_version
from thoth.storages.cli.shell import psql
from thoth.storages.cli.stats import stats
from thoth.storages.cli.sync import sync
from thoth.storages.exceptions import SchemaMismatchError, StoragesError

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
    return run_within(commands, _report)


def _report(error: Exception) -> int | None:
    if not isinstance(error, StoragesError):
        return None
    text = str(error)
    if isinstance(error, SchemaMismatchError):
        text = _with_command(text)
    click.echo("error: " + "\n".join(visible(line) for line in text.splitlines()), err=True)
    return EXIT_ERROR


def _with_command(message: str) -> str:
    """Name the command where the message names the method that does the same."""
    return message.replace(
        "Call GraphDatabase.initialize_schema()", "Run `thoth-storages initialize-schema`"
    )
