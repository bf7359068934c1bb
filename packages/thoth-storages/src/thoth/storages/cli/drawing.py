"""`thoth-storages generate-schema`: a drawing of the tables."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

FORMATS = ("svg", "dot", "mermaid", "png")
_SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
_SUFFIXES[".png"] = "png"
STANDARD_OUTPUT = "-"
GRAPHVIZ_SECONDS = 120
"""How long Graphviz may take for a png."""


class Pattern(click.ParamType[re.Pattern[str]]):
    """A regular expression of Python's."""

    name = "regex"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> re.Pattern[str]:
        """Compile the expression; for one that is wrong, say where."""
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"{value[:100]!a} is no regular expression: {error}.", param, ctx)


@click.command("generate-schema")
@click.option(
    "--include",
    type=Pattern(),
    metavar="REGEX",
    multiple=True,
    help="Draw only tables in whose name this is found. Repeatable: any of them.",
)
@click.option("--no-performance-models", is_flag=True, help="Leave out performance indicators.")
@click.option(
    "--format",
    "chosen",
    type=click.Choice(FORMATS),
    envvar="THOTH_STORAGES_GENERATE_SCHEMA_FORMAT",
    help="Default: by the suffix of FILE, svg for standard output.",
)
@click.argument("file", default=STANDARD_OUTPUT, metavar="[FILE]")
def generate_schema(
    include: tuple[re.Pattern[str], ...],
    chosen: str | None,
    file: str,
    *,
    no_performance_models: bool,
) -> int:
    """Draw the tables of the schema, as the code knows them; no database is asked.

    FILE is - (the default) for standard output, or a path that ends with .svg, .dot, .gv, .mmd or
    .mermaid. Ending with .png it needs Graphviz.
    """
    from thoth.storages.cli.picture import dot, mermaid, svg
    from thoth.storages.cli.picture.tables import read_schema

    drawn_as = chosen or _format_of(file)
    if drawn_as == "png" and file == STANDARD_OUTPUT and sys.stdout.isatty():
        raise click.UsageError("A terminal cannot show a png. Name a FILE.")
    schema = read_schema(include, performance=not no_performance_models)
    if not schema.tables:
        raise click.UsageError("No table has such a name. Give --include another REGEX, or none.")
    if drawn_as == "png":
        content = _png(dot.render(schema))
    else:
        render = {"svg": svg.render, "dot": dot.render, "mermaid": mermaid.render}[drawn_as]
        content = render(schema).encode()
    if file == STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
    else:
        Path(file).write_bytes(content)
        click.echo(f"{len(schema.tables)} tables drawn in {file}", err=True)
    return 0


def _format_of(file: str) -> str:
    if file == STANDARD_OUTPUT:
        return "svg"
    suffix = Path(file).suffix.lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(sorted(_SUFFIXES))
        raise click.UsageError(
            f"{file[:100]!a} does not say what to draw. Let FILE end with one of {known}, or "
            "give --format."
        )
    return _SUFFIXES[suffix]


def _png(drawing: str) -> bytes:
    """Return the drawing as Graphviz makes it."""
    program = shutil.which("dot")
    if program is None:
        raise click.ClickException(
            "png needs Graphviz, whose program dot is not on the PATH. Install it (Debian, Ubuntu: "
            "apt install graphviz; Fedora: dnf install graphviz; macOS: brew install graphviz), or "
            "write .svg, which needs nothing."
        )
    try:
        done = subprocess.run(
            [program, "-Tpng"],
            input=drawing.encode(),
            capture_output=True,
            timeout=GRAPHVIZ_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise click.ClickException(
            f"Graphviz did not finish in {GRAPHVIZ_SECONDS} seconds. Draw fewer tables with "
            "--include, or write .svg."
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[:500]
        raise click.ClickException(f"Graphviz failed: {said!a}. Write .svg instead.")
    return done.stdout
