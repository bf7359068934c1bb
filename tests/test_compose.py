"""docker-compose.yaml has the form of a Compose file, and sets nothing that nobody reads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from thoth.dependency_monkey.cli.commands import commands

ROOT = Path(__file__).parents[1]
PAGE = "docs/how-to/use-containers.md"

# What the documentation of each image says that it reads.
IMAGES = {
    "postgres": {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"},
    "sosedoff/pgweb": {"PGWEB_DATABASE_URL"},
    "chrislusf/seaweedfs": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
}
KEYS = {
    "image",
    "build",
    "command",
    "environment",
    "volumes",
    "ports",
    "shm_size",
    "depends_on",
    "healthcheck",
    "restart",
}
DURATION = re.compile(r"\d+s")
INTERPOLATION = re.compile(r"\$\{(\w+)(:-[^}]*|:\?[^}]+)\}")


class OneOfEach(yaml.SafeLoader):
    """YAML as the standard has it: a key that stands twice in a mapping is an error."""


def _mapping(loader: OneOfEach, node: yaml.MappingNode) -> dict[object, object]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), keys
    return loader.construct_mapping(node, deep=True)


OneOfEach.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


COMPOSE: dict[str, Any] = yaml.load(read("docker-compose.yaml"), Loader=OneOfEach)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def documented_settings() -> set[str]:
    pages = read("docs/reference/settings.md") + read("docs/reference/knowledge-graph.md")
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", pages, re.MULTILINE))


def test_it_has_the_four_services_and_their_volumes() -> None:
    assert COMPOSE.keys() == {"name", "services", "volumes"}
    assert SERVICES.keys() == {"postgresql", "pgweb", "s3", "service"}
    named = {
        volume.partition(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])
    }
    assert named == COMPOSE["volumes"].keys()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_has_the_form_that_compose_knows(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= KEYS
    assert ("image" in service) != ("build" in service)
    if "image" in service:
        assert re.fullmatch(r"[a-z0-9/]+:\d[\d.]*", service["image"]), "an image has its version"
    for text in service.get("command", []):
        assert isinstance(text, str)
    for variable, value in service["environment"].items():
        assert isinstance(value, str), f"{variable}: YAML would make it {value!r}"
    for port in service["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    for other, wanted in service.get("depends_on", {}).items():
        assert "healthcheck" in SERVICES[other]
        assert wanted == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_says_whether_it_is_well(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check.keys() <= {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] == "CMD"
    assert all(isinstance(part, str) for part in check["test"])
    for key in ("interval", "timeout", "start_period"):
        assert DURATION.fullmatch(check.get(key, "0s"))
    assert check["retries"] > 0


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_variable_is_one_that_somebody_reads(name: str) -> None:
    service = SERVICES[name]
    known = IMAGES.get(service.get("image", "").partition(":")[0], documented_settings())
    assert service["environment"].keys() <= known


def test_ports_are_those_that_were_promised() -> None:
    published = {port.split(":")[1] for one in SERVICES.values() for port in one["ports"]}
    assert {SERVICES["pgweb"]["ports"][0], SERVICES["service"]["ports"][0]} == {
        "127.0.0.1:8081:8081",
        "127.0.0.1:8080:8080",
    }
    assert len(published) == sum(len(one["ports"]) for one in SERVICES.values())


def test_every_password_is_a_variable_of_the_readers_own_and_documented() -> None:
    text = read("docker-compose.yaml")
    used = {name for name, _ in INTERPOLATION.findall(text)}
    assert text.count("$") == len(INTERPOLATION.findall(text))
    rows = set(re.findall(r"^\| `(\w+)`", read(PAGE).partition("in `.env`")[2], re.MULTILINE))
    assert used == rows
    for service in SERVICES.values():
        for variable, value in service["environment"].items():
            if "PASSWORD" in variable or "SECRET" in variable:
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value)


def test_the_service_is_started_as_it_can_be() -> None:
    name, *arguments = SERVICES["service"]["command"]
    command = commands.commands[name]
    context = click.Context(command, parent=click.Context(commands, **commands.context_settings))
    command.parse_args(context, list(arguments))
    assert context.params["host"] == "0.0.0.0"
    assert context.params["port"] == 8080
    assert "/readyz" in SERVICES["service"]["healthcheck"]["test"][-1]
    compile(SERVICES["service"]["healthcheck"]["test"][-1], "healthcheck", "exec")
    graph = SERVICES["service"]["environment"]
    assert graph["KNOWLEDGE_GRAPH_HOST"] in SERVICES
    database = SERVICES["postgresql"]["environment"]
    assert graph["KNOWLEDGE_GRAPH_USER"] == database["POSTGRES_USER"]
    assert graph["KNOWLEDGE_GRAPH_DATABASE"] == database["POSTGRES_DB"]
    assert graph["KNOWLEDGE_GRAPH_PASSWORD"] == database["POSTGRES_PASSWORD"]


def test_the_image_is_built_of_what_is_there() -> None:
    build = SERVICES["service"]["build"]
    assert (ROOT / build["context"]).resolve() == ROOT.resolve()
    stages = set()
    sent = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    for line in read(build["dockerfile"]).splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            image, _, stage = rest.partition(" AS ")
            assert re.fullmatch(r"python:3\.\d+-slim", image)
            stages.add(stage)
        elif instruction == "COPY":
            words = shlex.split(rest)
            if words[0].startswith("--from="):
                assert words[0].removeprefix("--from=") in stages
            else:
                assert set(words[:-1]) <= sent
                assert all((ROOT / word).exists() for word in words[:-1])


def test_the_page_says_that_nobody_ran_the_images_here() -> None:
    assert "images were not run" in read(PAGE)
