"""`dependency-monkey validate`: answer for one stack, here and now."""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from thoth.dependency_monkey.cli.inputs import (
    read_constraints,
    read_moment,
    read_prereleases,
    read_stack,
    read_targets,
)
from thoth.dependency_monkey.cli.knowledge import Knowledge
from thoth.dependency_monkey.cli.progress import FetchProgress
from thoth.dependency_monkey.ecosystems.pypi.policy import (
    Artifacts,
    Policy,
    Prereleases,
    Strategy,
)
from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.settings import (
    LONGEST_MAX_AGE,
    LONGEST_TIMEOUT,
    Settings,
)
from thoth.dependency_monkey.validation.collector import NamedIndex
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.render.escape import visible
from thoth.dependency_monkey.validation.render.text import Look, render_text
from thoth.dependency_monkey.validation.request import ValidationRequest
from thoth.dependency_monkey.validation.validate import validate as run_validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.cli.configuration.discovery import ConfiguredIndex
    from thoth.dependency_monkey.validation.result import TargetResult, Validation

EXIT_CODES = {True: 0, False: 1, None: 3}
FORMATS = ("text", "json", "requirements", "pylock", "dot", "svg")

_EPILOG = """\b
Exit codes:
  0  the stack resolves
  1  it does not; the proof says why
  2  a usage, environment or internal error
  3  could not tell; the reason says which fact was missing or which limit was hit

\b
Examples:
  dependency-monkey validate pandas 'numpy>=1.11.0' six
  dependency-monkey validate -r requirements.in --python 3.12 --output-format pylock
"""


class _Seconds(click.FloatRange):
    """A number of seconds within limits; unlike click's own range, "nan" is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


@click.command(epilog=_EPILOG)
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]... [-]")
@click.option(
    "-r",
    "--requirements-file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Read requirements from FILE, one a line. Repeatable.",
)
@click.option(
    "-c",
    "--constraints-file",
    "constraints",
    multiple=True,
    metavar="FILE",
    help="Bind packages that something else asks for. Repeatable.",
)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="What to write on standard output.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="ID",
    help="What the stack must run on, such as cp312-manylinux_2_28_x86_64. Repeatable. "
    "Default: this interpreter on this machine.",
)
@click.option("--python", metavar="VERSION", help="The target's Python: 3.12 or 3.12.4.")
@click.option(
    "--platform",
    metavar="TAG",
    help="The target's platform: a tag such as manylinux_2_28_x86_64, or linux, musllinux, macos, "
    "windows.",
)
@click.option("--implementation", metavar="NAME", help="The target's Python: cpython or pypy.")
@click.option(
    "--strategy",
    type=click.Choice([s.value for s in Strategy]),
    default="highest",
    show_default=True,
    help="Which version to try first.",
)
@click.option(
    "--prerelease",
    metavar="MODE",
    type=click.Choice([p.value for p in Prereleases]),
    help="When a pre-release may be chosen: if-necessary (default), explicit, allow, disallow.",
)
@click.option("--pre", is_flag=True, help="The same as --prerelease allow.")
@click.option(
    "--exclude-newer",
    metavar="DATE",
    help="Leave out what was uploaded after DATE: 2026-01-31 (that day included, UTC) or a moment "
    "such as 2026-01-31T12:00:00Z.",
)
@click.option(
    "--artifacts",
    type=click.Choice([a.value for a in Artifacts]),
    default="wheel-or-static-sdist",
    show_default=True,
    help="What makes a release a candidate.",
)
@click.option(
    "--index-url", metavar="URL", help="The package index. Default: the settings, then PyPI."
)
@click.option(
    "--extra-index-url",
    "extra_index_urls",
    multiple=True,
    metavar="URL",
    help="An index to search first. Repeatable.",
)
@click.option(
    "--offline/--no-offline",
    default=None,
    help="Ask no index: answer from the knowledge graph, or say what is missing.",
)
@click.option(
    "--max-age",
    type=_Seconds(0, LONGEST_MAX_AGE),
    metavar="SECONDS",
    help="Ask an index again about what is older. Default: 600.",
)
@click.option(
    "--timeout",
    type=_Seconds(1, LONGEST_TIMEOUT),
    metavar="SECONDS",
    help="Give up after this time. Default: 60.",
)
@click.option(
    "--store/--no-store",
    default=None,
    help="Keep this validation and its document in the knowledge graph. Default: the settings, "
    "then yes.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only the verdict: no warnings, no progress.")
@click.option("--no-progress", is_flag=True, help="No progress bar on standard error.")
def validate(requirements: Sequence[str], **options: Any) -> int:
    """Say whether a stack resolves, to exactly what, and if not, why.

    REQUIREMENTs are PEP 508, such as 'numpy>=1.11.0'; - reads them from standard input. Facts are
    kept in the knowledge graph, so that the next run needs the network less, or not at all. No
    package is ever built, installed or run.
    """
    settings = Settings.from_environment()
    request = _request(requirements, settings, options)
    output_format = options["output_format"]
    if len(request.targets) > 1 and output_format not in ("text", "json"):
        raise RequestError(
            Problem(
                f"{output_format} is for one target, and {len(request.targets)} are given",
                "Give one --target, or use --output-format text or json.",
            )
        )
    offline = settings.offline if options["offline"] is None else options["offline"]
    indexes, warnings = _indexes(settings, options)
    if not options["quiet"]:
        for warning in warnings:
            click.echo(f"warning: {visible(warning)}", err=True)
    show_progress = not options["quiet"] and not options["no_progress"]
    with Knowledge() as knowledge:
        with FetchProgress(enabled=show_progress) as progress:
            validation = asyncio.run(_run(request, indexes, knowledge, progress, offline=offline))
        graph = knowledge.graph()
        _write(validation, output_format, quiet=options["quiet"])
        if settings.store if options["store"] is None else options["store"]:
            urls = [index.url for index in indexes]
            retention = timedelta(days=settings.retention_days)
            try:
                from thoth.dependency_monkey.cli.storing import store

                failure = store(graph, request, validation, urls, retention=retention)
            except KeyboardInterrupt:  # the user has the answer, and the code that goes with it
                failure = "interrupted while the document of this validation was being stored"
            if failure is not None and not options["quiet"]:
                click.echo(f"warning: {visible(failure)}", err=True)
    return EXIT_CODES[validation.valid]


def _request(
    requirements: Sequence[str], settings: Settings, options: dict[str, Any]
) -> ValidationRequest:
    stack = read_stack(requirements, options["files"])
    max_age, timeout = options["max_age"], options["timeout"]
    return ValidationRequest(
        stack=stack,
        targets=read_targets(
            options["targets"], options["python"], options["platform"], options["implementation"]
        ),
        policy=Policy(
            strategy=Strategy(options["strategy"]),
            prereleases=read_prereleases(options["prerelease"], allow=options["pre"]),
            exclude_newer=read_moment(options["exclude_newer"]),
            artifacts=Artifacts(options["artifacts"]),
            max_age=settings.max_age if max_age is None else max_age,
        ),
        constraints=read_constraints(options["constraints"]),
        limits=Limits(seconds=settings.timeout if timeout is None else timeout),
    )


def _indexes(
    settings: Settings, options: dict[str, Any]
) -> tuple[tuple[ConfiguredIndex, ...], tuple[str, ...]]:
    from thoth.dependency_monkey.cli.configuration import Places, discover_indexes

    found = discover_indexes(
        settings,
        Places.here(),
        index_url=options["index_url"],
        extra_index_urls=options["extra_index_urls"],
    )
    return found.indexes, found.warnings


async def _run(
    request: ValidationRequest,
    configured: Sequence[ConfiguredIndex],
    knowledge: Knowledge,
    progress: FetchProgress,
    *,
    offline: bool,
) -> Validation:
    async with AsyncExitStack() as stack:
        indexes = []
        for index in configured:
            client = None
            if not offline:
                from thoth.dependency_monkey.cli.lazy_index import LazyIndex

                client = await stack.enter_async_context(LazyIndex(index.url, index.credentials))
            indexes.append(NamedIndex(index.name, index.url, client))
        return await run_validation(
            request,
            indexes,
            knowledge,
            clock=lambda: datetime.now(UTC),
            store_is_empty=knowledge.is_empty,
            progress=progress,
        )


def _write(validation: Validation, output_format: str, *, quiet: bool) -> None:
    """Write the result; a format that needs a lock leaves standard output empty without one."""
    if output_format == "text":
        click.echo(render_text(validation, Look.of(sys.stdout), quiet=quiet), nl=False)
        return
    if output_format == "json":
        document = msgspec.json.format(msgspec.json.encode(validation), indent=2)
        click.echo(document.decode())
        return
    result = validation.results[0]
    if result.lock is None:
        click.echo(render_text(validation, Look.of(sys.stderr), quiet=quiet), err=True, nl=False)
        return
    click.echo(_rendered(result, output_format), nl=False)
    if not quiet:
        for warning in result.warnings:
            click.echo(f"warning: {visible(warning.message)}", err=True)


def _rendered(result: TargetResult, output_format: str) -> str:
    assert result.lock is not None and result.graph is not None  # noqa: S101, PT018
    if output_format == "requirements":
        from thoth.dependency_monkey.validation.render.requirements import render_requirements

        return render_requirements(result.lock, result.target)
    if output_format == "pylock":
        from thoth.dependency_monkey.validation.render.pylock import render_pylock

        return render_pylock(result.lock, result.target, result.graph)
    if output_format == "dot":
        from thoth.dependency_monkey.validation.render.dot import render_dot

        return render_dot(result.graph)
    from thoth.dependency_monkey.validation.render.svg import render_svg

    return render_svg(result.graph)
