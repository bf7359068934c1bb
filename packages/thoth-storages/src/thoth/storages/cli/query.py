"""`thoth-storages query`: every question that the graph answers, from the shell."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Any

import click

from thoth.storages.cli.arguments import NONE, ArgumentError, Parameter
from thoth.storages.cli.escape import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from thoth.storages.cli.queries import Query

_FORMATS = ("json", "table")
_WHERE = "`thoth-storages query --list` shows all of them."


def _known_queries() -> dict[str, Query]:
    from thoth.storages.cli.queries import queries
    from thoth.storages.graph.database import GraphDatabase

    return queries(GraphDatabase)


class QueryGroup(click.Group):
    """A group whose commands are the questions of `GraphDatabase`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return nothing: help would be too long; `--list` shows them."""
        return []

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command that asks a question, None where there is no such question."""
        found = _known_queries().get(cmd_name)
        return None if found is None else QueryCommand(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; for an unknown one, say which are near."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            near = difflib.get_close_matches(name, _known_queries(), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no query {name[:100]!a}.{hint} {_WHERE}", ctx)
        return name, command, args[1:]


class QueryCommand(click.Command):
    """The command that asks one question; options and arguments come from its signature."""

    def __init__(self, query: Query) -> None:
        self.query = query
        super().__init__(
            query.name,
            params=[
                click.Argument(["values"], nargs=-1, type=click.UNPROCESSED),
                *(_option(parameter) for parameter in query.parameters if not parameter.variadic),
                click.Option(
                    ["--output-format"],
                    type=click.Choice(_FORMATS),
                    help="Default: table on a terminal, json elsewhere.",
                ),
            ],
            callback=self._ask,
            help=query.description,
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the arguments by their names."""
        return [self.query.usage]

    def _ask(
        self, values: tuple[str, ...], output_format: str | None, **options: str | None
    ) -> int:
        positional, keywords = bound(self.query, values, options)
        from thoth.storages.cli.opening import existing_graph
        from thoth.storages.cli.output import as_json, as_table

        if output_format is None:
            output_format = "table" if sys.stdout.isatty() else "json"
        with existing_graph() as graph:
            result = getattr(graph, self.query.name)(*positional, **keywords)
        click.echo(as_table(result) if output_format == "table" else as_json(result))
        return 0


def _option(parameter: Parameter) -> click.Option:
    names = [parameter.option, parameter.name]
    hints = []
    if parameter.kind.flag:
        names[0] += f"/--no-{parameter.name.replace('_', '-')}"
    elif parameter.kind.optional and parameter.kind.metavar != "TEXT":
        hints.append(f"{NONE} for None")
    if parameter.required:
        hints.append("required")
    elif isinstance(parameter.default, (str, int)):
        hints.append(f"default: {parameter.default}")
    text = "; ".join(hints)
    if parameter.kind.flag:
        return click.Option(names, help=text, default=None)
    return click.Option(names, help=text, metavar=parameter.kind.metavar, type=click.UNPROCESSED)


def bound(
    query: Query, values: Sequence[str], options: Mapping[str, Any]
) -> tuple[list[object], dict[str, object]]:
    """Return the arguments of a question, from texts: by their places, and by their names.

    What may be given by its place may be given by its name as well. Raises `click.UsageError`
    that names the parameter and says what to do.
    """
    waiting = list(values)
    positional: list[object] = []
    keywords: dict[str, object] = {}
    for parameter in query.parameters:
        if parameter.variadic:
            positional += [_parsed(parameter, text) for text in waiting]
            waiting.clear()
            continue
        given = options.get(parameter.name)
        if parameter.positional and waiting:
            if given is not None:
                raise click.UsageError(
                    f"{parameter.name} is given twice: as an argument and as {parameter.option}. "
                    "Leave one out."
                )
            given = waiting.pop(0)
        if given is not None:
            value = given if isinstance(given, bool) else _parsed(parameter, given)
            keywords[parameter.name] = value
        elif parameter.required:
            raise click.UsageError(
                f"{parameter.name} is missing. Give it as {parameter.option} "
                f"{parameter.kind.metavar}, or see `thoth-storages query {query.name} --help`."
            )
        elif parameter.default is Parameter.empty:
            keywords[parameter.name] = None
    if waiting:
        raise click.UsageError(
            f"{visible(waiting[0][:100])} is one argument too many. Usage: thoth-storages query "
            f"{query.name} {query.usage}"
        )
    return positional, keywords


def _parsed(parameter: Parameter, text: str) -> object:
    try:
        return parameter.kind.parse(text)
    except ArgumentError as error:
        raise click.UsageError(f"{parameter.name}: {error}.") from error


@click.command(
    cls=QueryGroup,
    invoke_without_command=True,
    options_metavar="[--list]",
    subcommand_metavar="NAME [ARGUMENT]... [OPTION]...",
)
@click.option("--list", "show_list", is_flag=True, help="List all queries with their arguments.")
@click.pass_context
def query(context: click.Context, *, show_list: bool) -> None:
    """Ask the knowledge graph: any query of GraphDatabase by its name.

    Arguments are those of its signature: what is positional there may be given by its place or as
    an option, the rest as options. `thoth-storages query NAME --help` shows them. Only queries
    that read are offered. The answer is JSON, or a table on a terminal.
    """
    if show_list:
        for known in _known_queries().values():
            click.echo(f"{known.name} {known.usage}".rstrip())
            click.echo(f"    {known.summary}")
        context.exit()
    if context.invoked_subcommand is None:
        raise click.UsageError(f"Which query? {_WHERE}", context)
