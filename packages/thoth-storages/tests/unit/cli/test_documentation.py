"""The reference has every command and option, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from thoth.storages.cli.commands import commands
from thoth.storages.cli.drawing import FORMATS, GRAPHVIZ_SECONDS
from thoth.storages.cli.queries import Query
from thoth.storages.cli.query import QueryCommand

PAGE = Path("docs", "reference", "thoth-storages.md")
REFERENCE = next(
    (parent / PAGE for parent in Path(__file__).parents if (parent / PAGE).exists()), None
)
pytestmark = pytest.mark.skipif(REFERENCE is None, reason="not in a checkout: no docs")


def page() -> str:
    assert REFERENCE is not None
    return REFERENCE.read_text(encoding="utf-8")


def options(command: click.Command) -> set[str]:
    context = click.Context(command, **command.context_settings, parent=click.Context(commands))
    context.help_option_names = ["-h", "--help"]
    return {
        text
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        for text in (*parameter.opts, *parameter.secondary_opts)
    }


def documented(section: str) -> set[str]:
    cells = re.findall(r"^\| (`-[^|]*) \|", section, re.MULTILINE)
    return {text for cell in cells for text in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", cell)}


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_option_of_every_command_is_in_the_reference(name: str) -> None:
    section = page().partition(f"\n## `thoth-storages {name}`\n")[2].partition("\n## ")[0]
    expected = options(commands.commands[name])
    if name == "query":
        asked = options(QueryCommand(Query("get_nothing", lambda _: None)))
        expected |= asked
    assert documented(section) == expected
    assert f"[`{name}`](#thoth-storages-{name})" in page()


def test_the_options_of_the_group_are_in_the_reference() -> None:
    assert documented(page().partition("\n## ")[0]) == options(commands)


def test_every_exit_code_is_in_the_help_and_in_the_reference() -> None:
    told = set(re.findall(r"^ {2}(\d+) ", commands.epilog or "", re.MULTILINE))
    assert told == {"0", "1", "2", "130"}
    assert told == set(re.findall(r"^\| (\d+) \|", page(), re.MULTILINE))


def test_formats_and_limits_are_in_the_reference() -> None:
    assert all(f"`{name}`" in page() for name in FORMATS)
    assert f"{GRAPHVIZ_SECONDS} seconds" in page()
