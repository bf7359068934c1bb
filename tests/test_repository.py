"""The repository agrees with itself: README and checks, reference and code, names and numbers."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import asdict
from pathlib import Path

import click
import msgspec
import pytest

from thoth.dependency_monkey.cli.commands import commands
from thoth.dependency_monkey.cli.validate import EXIT_CODES
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.errors import Reason
from thoth.dependency_monkey.validation.limits import Limits

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = ("thoth-storages", "thoth-dependency-monkey")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def project(distribution: str) -> dict[str, object]:
    return tomllib.loads(read(f"packages/{distribution}/pyproject.toml"))["project"]


def rows(page: str) -> dict[str, list[str]]:
    """Return the rows of a page's tables by their first cell."""
    cells = (
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        for line in read(page).splitlines()
        if line.startswith("|")
    )
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_checks_begin_with_the_readmes_test_command() -> None:
    checks = read(".ci/run")
    (command,) = re.findall(r"^readme_test_command='(.*)'$", checks, re.MULTILINE)
    assert f"\n```console\n$ {command}\n" in read("README.md")
    assert re.search(r"^check 'tests' \d+ \"\$readme_test_command\"$", checks, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(commands.commands))
def test_every_option_of_every_command_is_in_the_reference(name: str) -> None:
    section = read("docs/reference/cli.md").partition(f"## `dependency-monkey {name}`")[2]
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", section.partition("\n## ")[0]))
    command = commands.commands[name]
    with click.Context(commands, **commands.context_settings) as group:
        context = click.Context(command, parent=group)
        options = {
            text
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option)
            for text in (*parameter.opts, *parameter.secondary_opts)
        }
    assert documented == options


def test_every_choice_of_every_option_is_in_the_reference() -> None:
    text = read("docs/reference/cli.md")
    for parameter in commands.commands["validate"].params:
        if isinstance(parameter.type, click.Choice):
            missing = [choice for choice in parameter.type.choices if f"`{choice}`" not in text]
            assert missing == [], parameter.name


def test_every_exit_code_and_reason_is_in_the_reference() -> None:
    documented = rows("docs/reference/cli.md")
    assert {str(code) for code in EXIT_CODES.values()} | {"2", "130"} <= set(documented)
    assert {reason.value for reason in Reason} <= set(documented)


def test_the_help_names_the_exit_codes() -> None:
    epilog = commands.commands["validate"].epilog or ""
    assert set(re.findall(r"^ +([0-9]) ", epilog, re.MULTILINE)) == {"0", "1", "2", "3"}


def test_every_limit_is_in_the_reference_with_its_value() -> None:
    documented = rows("docs/reference/limits.md") | rows("docs/reference/package-indexes.md")
    limits = msgspec.structs.asdict(Limits()) | asdict(IndexLimits())
    assert {name: float(documented[name][0]) for name in limits} == limits


def test_the_distributions_share_one_version_and_one_licence() -> None:
    projects = [project(name) for name in DISTRIBUTIONS]
    assert len({str(p["version"]) for p in projects}) == 1
    assert {p["license"] for p in projects} == {"Apache-2.0"}
    for name in DISTRIBUTIONS:
        assert read(f"packages/{name}/LICENSE") == read("LICENSE")


def test_the_command_is_pinned_to_the_storages_of_its_own_release() -> None:
    version = project("thoth-storages")["version"]
    dependencies = project("thoth-dependency-monkey")["dependencies"]
    assert f"thoth-storages=={version}" in list(dependencies)  # type: ignore[call-overload]


def test_every_dependency_has_its_reason_in_the_documentation() -> None:
    groups = tomllib.loads(read("pyproject.toml"))["dependency-groups"]
    wanted = [name for group in groups.values() for name in group]
    for distribution in DISTRIBUTIONS:
        wanted += project(distribution)["dependencies"]  # type: ignore[operator]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in wanted}  # type: ignore[index]
    documented = set(rows("docs/explanation/dependencies.md"))
    assert names - set(DISTRIBUTIONS) - documented == set()


def test_the_namespace_belongs_to_nobody() -> None:
    assert list(ROOT.glob("packages/*/src/thoth/__init__.py")) == []


def test_no_machines_path_stands_in_the_repository() -> None:
    done = subprocess.run(
        ["git", "grep", "-nIE", r"(/(work|root|home/[a-z]+)/[a-z])", "--", ":!uv.lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode > 1:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    lines = [line for line in done.stdout.splitlines() if "tests/" not in line.split(":")[0]]
    assert lines == []
