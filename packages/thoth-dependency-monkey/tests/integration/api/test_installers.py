"""uv and pip use the read-through index as their index, and find what they find without it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import uv

from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL
from thoth.dependency_monkey.testing import IndexServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STACKS = ["app", "app\nsix<1.17", "lib[colour]", "app\nlib==1.0", "static", "pre", "pre>=2.0a1"]


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        for year, version in ((2020, "1.15.0"), (2021, "1.16.0"), (2024, "1.17.0")):
            server.add("six", version, uploaded=datetime(year, 5, 5, tzinfo=UTC))
        for year, version, needs in (
            (2020, "1.0", ["lib", "six>=1.10"]),
            (2022, "2.0", ["lib>=2", "six>=1.16", 'old; python_version < "3"']),
            (2023, "3.0", ["lib>=2", "six>=1.17"]),
        ):
            moment = datetime(year, 1, 1, tzinfo=UTC)
            server.add("app", version, requires_dist=needs, uploaded=moment, sdist=True)
        for year, version in ((2019, "1.0"), (2021, "2.0"), (2025, "2.1")):
            needs = ['colour; extra == "colour"']
            moment = datetime(year, 1, 1, tzinfo=UTC)
            server.add("lib", version, requires_dist=needs, extras=["colour"], uploaded=moment)
        server.add("colour", "1.0", uploaded=datetime(2018, 1, 1, tzinfo=UTC))
        server.add("lib", "9.0", yanked="broken", uploaded=datetime(2018, 1, 1, tzinfo=UTC))
        server.add("six", "99", requires_python=">=4", uploaded=datetime(2018, 1, 1, tzinfo=UTC))
        server.add(
            *("static", "1.0"),
            wheel_tags=(),
            sdist=True,
            requires_dist=["six"],
            uploaded=datetime(2018, 1, 1, tzinfo=UTC),
        )
        server.add("pre", "1.0", uploaded=datetime(2018, 1, 1, tzinfo=UTC))
        server.add("pre", "2.0a1", uploaded=datetime(2018, 1, 1, tzinfo=UTC))
        yield server


def run(*command: str | Path, stdin: str = "", **variables: str) -> str:
    names = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    done = subprocess.run(
        [*map(str, command)],
        env={**kept, **variables, "NO_COLOR": "1"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def compiled(url: str, stack: str, *options: str) -> list[str]:
    text = run(
        *(uv.find_uv_bin(), "pip", "compile", "--no-config", "--no-cache", "--no-header"),
        *("--no-annotate", "--generate-hashes", "--default-index", url, "-p", sys.executable),
        *options,
        "-",
        stdin=stack,
    )
    return text.splitlines()


@pytest.mark.parametrize("stack", STACKS)
def test_uv_compiles_the_same_pins_and_hashes(
    index: IndexServer, read_through: Callable[..., Any], stack: str
) -> None:
    expected = compiled(index.url, stack)
    assert expected
    assert compiled(read_through(main=index.url).url, stack) == expected


def test_uv_takes_the_core_metadata_from_us(
    index: IndexServer, read_through: Callable[..., Any]
) -> None:
    index.metadata_files = False
    site = read_through(main=index.url)
    lines = compiled(site.url, "app")
    assert "app==3.0 \\" in lines
    metadata = [request for request in index.requests if request.path.startswith("/files/")]
    assert metadata
    assert not any("uv/" in request.headers["user-agent"] for request in metadata)


def test_uv_compiles_as_of_a_date(index: IndexServer, read_through: Callable[..., Any]) -> None:
    site = read_through(main=index.url)
    dated = compiled(site.url_of("default@2022-06-30"), "app\nlib[colour]")
    assert dated == compiled(
        index.url, "app\nlib[colour]", "--exclude-newer", "2022-07-01T00:00:00Z"
    )
    assert "app==2.0 \\" in dated
    assert "six==1.16.0 \\" in dated


def test_uv_falls_back_to_html(index: IndexServer, read_through: Callable[..., Any]) -> None:
    index.json = False
    assert compiled(read_through(main=index.url).url, "app") == compiled(index.url, "app")


def test_uv_installs_what_is_sent_on_to_the_real_files(
    index: IndexServer, read_through: Callable[..., Any], tmp_path: Path
) -> None:
    site = read_through(main=index.url)
    environment = tmp_path / "environment"
    run(uv.find_uv_bin(), "venv", "--no-config", "--python", sys.executable, environment)
    run(
        *(uv.find_uv_bin(), "pip", "install", "--no-config", "--no-cache"),
        *("--default-index", site.url, "--python", environment, "app"),
    )
    listed = run(
        *(uv.find_uv_bin(), "pip", "list", "--no-config", "--python", environment),
        *("--format", "json"),
    )
    assert {package["name"]: package["version"] for package in json.loads(listed)} == {
        "app": "3.0",
        "lib": "2.1",
        "six": "1.17.0",
    }


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = tmp_path_factory.mktemp("with-pip")
    run(sys.executable, "-m", "venv", environment)
    return environment / "bin" / "python"


def planned(pip: Path, url: str, stack: str) -> dict[str, str]:
    report = run(
        *(pip, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"),
        *("--isolated", "--no-cache-dir", "--disable-pip-version-check", "--report", "-"),
        *("--index-url", url, *stack.split("\n")),
    )
    installs = json.loads(report)["install"]
    return {each["metadata"]["name"]: each["metadata"]["version"] for each in installs}


@pytest.mark.slow
def test_pip_plans_the_same(
    index: IndexServer, read_through: Callable[..., Any], pip: Path
) -> None:
    site = read_through(main=index.url)
    for stack in ("app", "app\nsix<1.17", "lib[colour]", "pre>=2.0a1"):
        expected = planned(pip, index.url, stack)
        assert planned(pip, site.url, stack) == expected
    dated = planned(pip, site.url_of("default@2022-06-30"), "app")
    assert dated == {"app": "2.0", "lib": "2.0", "six": "1.16.0"}


@pytest.mark.slow
def test_pip_downloads_the_real_files(
    index: IndexServer, read_through: Callable[..., Any], pip: Path, tmp_path: Path
) -> None:
    site = read_through(main=index.url)
    run(
        *(pip, "-m", "pip", "download", "--quiet", "--isolated", "--no-cache-dir"),
        *("--disable-pip-version-check", "--dest", tmp_path, "--index-url", site.url, "app"),
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.partition("-")[0] for name in names] == ["app", "lib", "six"]
    assert all((tmp_path / name).read_bytes() == index.content(name) for name in names)


@pytest.mark.live
@pytest.mark.parametrize("stack", ["pandas\nnumpy>=1.11.0\nsix", "boto3\nurllib3<2\nawscli"])
def test_uv_compiles_the_same_as_against_the_public_index(
    read_through: Callable[..., Any], stack: str
) -> None:
    try:
        socket.create_connection(("pypi.org", 443), timeout=5).close()
    except OSError as error:
        pytest.skip(f"the public index cannot be reached: {error}")
    site = read_through(limits=IndexLimits(), trust_env=True, main=PUBLIC_INDEX_URL)
    wheels = ("--only-binary", ":all:")
    assert compiled(site.url, stack, *wheels) == compiled(PUBLIC_INDEX_URL, stack, *wheels)
    dated = compiled(site.url_of("default@2025-06-30"), stack, *wheels)
    cutoff = ("--exclude-newer", "2025-07-01T00:00:00Z")
    assert dated == compiled(PUBLIC_INDEX_URL, stack, *wheels, *cutoff)
