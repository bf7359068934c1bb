"""Both wheels build, install alone outside the workspace, and work there.

*Alone* means: nothing of the checkout is in reach; only what each wheel declares is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from thoth.dependency_monkey.testing import IndexServer
from thoth.storages.testing import temporary_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
UV = uv.find_uv_bin()

USE_STORAGES = """
from thoth.storages import GraphDatabase
with GraphDatabase() as graph:
    graph.initialize_schema()
    assert graph.is_schema_up2date()
    assert graph.pages.get("https://pypi.org/simple/", ["six"], format=1) == {}
"""


def run(
    *command: str | Path, environ: dict[str, str], place: Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(map(str, command)),
        cwd=place,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """Lend an environment that knows neither the workspace nor this user's data."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("THOTH_", "KNOWLEDGE_GRAPH_", "PYTHON", "VIRTUAL_ENV"))
    }
    with temporary_data_dir() as data_dir:
        yield kept | {"THOTH_DATA_DIR": str(data_dir), "THOTH_PG_LINGER": "0"}


@pytest.fixture(scope="module")
def wheels(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheels of a copy of what is tracked, and the sdists that they are built of."""
    place = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--all-packages", "--out-dir", place, "-q", environ=environ, place=ROOT)
    return place


def wheel(wheels: Path, name: str) -> Path:
    (found,) = wheels.glob(f"{name}-*.whl")
    return found


def installed(wheels: Path, name: str, environ: dict[str, str], place: Path) -> Path:
    """Install a wheel into a new environment; return the environment's programs."""
    run(UV, "venv", "-q", "--python", sys.executable, place / "env", environ=environ, place=place)
    programs = place / "env" / "bin"
    command = (UV, "pip", "install", "-q", "--python", programs / "python")
    links = ("--find-links", wheels)
    run(*command, *links, wheel(wheels, name), environ=environ, place=place)
    return programs


def test_wheels_hold_types_licence_and_migrations_and_no_common_namespace(wheels: Path) -> None:
    for name in ("thoth_storages", "thoth_dependency_monkey"):
        with zipfile.ZipFile(wheel(wheels, name)) as archive:
            members = archive.namelist()
        assert "thoth/__init__.py" not in members
        assert any(member.endswith("/py.typed") for member in members)
        assert any(member.endswith("/licenses/LICENSE") for member in members)
        assert not any("tests/" in member for member in members)
    with zipfile.ZipFile(wheel(wheels, "thoth_storages")) as archive:
        assert any("data/alembic/versions/" in member for member in archive.namelist())


def test_storages_work_alone(wheels: Path, environ: dict[str, str], tmp_path: Path) -> None:
    programs = installed(wheels, "thoth_storages", environ, tmp_path)
    run(programs / "python", "-I", "-c", USE_STORAGES, environ=environ, place=tmp_path)
    run(
        programs / "python", "-I", "-c", "import thoth.dependency_monkey",
        environ=environ, place=tmp_path, code=1,
    )  # fmt: skip


def test_dependency_monkey_works_alone(
    wheels: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    programs = installed(wheels, "thoth_dependency_monkey", environ, tmp_path)
    monkey = programs / "dependency-monkey"
    version = run(monkey, "--version", environ=environ, place=tmp_path).stdout
    assert version.strip() == "dependency-monkey, version 0.1.0"
    with IndexServer() as server:
        server.add("app", "1.0", requires_dist=["lib>=2"])
        server.add("lib", "2.1")
        ask = (monkey, "validate", "app", "--index-url", server.url)
        answer = run(*ask, environ=environ, place=tmp_path).stdout
        assert [line.split()[:2] for line in answer.splitlines()[-2:]] == [
            ["app", "1.0"],
            ["lib", "2.1"],
        ]
        run(*ask, "lib<2", environ=environ, place=tmp_path, code=1)
        drawing = run(*ask, "--output-format", "svg", environ=environ, place=tmp_path).stdout
        assert drawing.startswith("<svg")
