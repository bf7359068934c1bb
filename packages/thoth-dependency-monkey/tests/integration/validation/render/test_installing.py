"""The lock formats are installed by the real installers, from a real index server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import uv
from packaging.markers import default_environment

from thoth.dependency_monkey.validation.render.pylock import render_pylock
from thoth.dependency_monkey.validation.render.requirements import render_requirements
from thoth.dependency_monkey.validation.result import (
    DependencyGraph,
    GraphEdge,
    GraphNode,
    LockedArtifact,
    LockedRelease,
    ResultTarget,
)

if TYPE_CHECKING:
    from pathlib import Path

NEEDS = {
    "demo-app": [
        "demo-lib>=1",
        'demo-colour>=1; extra == "colour"',
        'demo-old; python_version < "3"',
    ],
    "demo-lib": [],
    "demo-colour": ["demo-lib"],
}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def write_wheel(directory: Path, name: str) -> Path:
    """Write a wheel of version 1.0 that holds one empty module."""
    stem = name.replace("-", "_")
    requires = "".join(f"Requires-Dist: {requirement}\n" for requirement in NEEDS[name])
    info = f"{stem}-1.0.dist-info"
    files = {
        f"{stem}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        f"Provides-Extra: colour\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record.append(f"{path},sha256={digest.decode()},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    wheel = directory / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


@pytest.fixture
def index(tmp_path):
    """Serve the demo packages; return the URL of the index and the hash of each wheel."""
    root = tmp_path / "served"
    (root / "files").mkdir(parents=True)
    hashes = {}
    for name in NEEDS:
        wheel = write_wheel(root / "files", name)
        hashes[name] = hashlib.sha256(wheel.read_bytes()).hexdigest()
        page = root / "simple" / name / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text(
            f'<a href="/files/{wheel.name}#sha256={hashes[name]}">{wheel.name}</a>',
            encoding="utf-8",
        )
    handler = partial(QuietHandler, directory=str(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", hashes
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lock(index):
    host, hashes = index
    releases = []
    for name, sha256 in hashes.items():
        filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        artifact = LockedArtifact(filename, f"{host}/files/{filename}", sha256, None, "wheel")
        extras = ("colour",) if name == "demo-app" else ()
        releases.append(
            LockedRelease(name, "1.0", f"{host}/simple/", None, (artifact,), ("line 1",), extras)
        )
    return tuple(releases)


@pytest.fixture
def graph():
    edges = [("demo-app", "demo-lib"), ("demo-app", "demo-colour"), ("demo-colour", "demo-lib")]
    return DependencyGraph(
        tuple(GraphNode(name, "1.0") for name in NEEDS),
        tuple(GraphEdge(source, target, target, None, None) for source, target in edges),
        ("demo-app",),
        (),
        (),
    )


@pytest.fixture
def target():
    markers = {name: str(value) for name, value in default_environment().items()}
    return ResultTarget("this-interpreter", markers)


@pytest.fixture
def run(tmp_path):
    """Run an installer that knows nothing of this machine's settings."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV", "PYTHON"))
    }
    environ |= {
        "HOME": str(tmp_path),
        "UV_NO_CONFIG": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)),
            env=environ,
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def environment(run, tmp_path):
    """Return the interpreter of a new, empty environment."""
    run(uv.find_uv_bin(), "venv", "--python", sys.executable, tmp_path / "environment")
    return tmp_path / "environment/bin/python"


def installed(run, environment: Path) -> dict[str, str]:
    listed = json.loads(
        run(uv.find_uv_bin(), "pip", "list", "--python", environment, "--format", "json")
    )
    return {entry["name"]: entry["version"] for entry in listed if entry["name"] in NEEDS}


EVERYTHING = dict.fromkeys(NEEDS, "1.0")


def test_uv_installs_the_pylock(lock, target, graph, run, environment, tmp_path):
    file = tmp_path / "pylock.toml"
    file.write_text(render_pylock(lock, target, graph), encoding="utf-8")
    run(uv.find_uv_bin(), "pip", "install", "--no-cache", "--python", environment, "-r", file)
    assert installed(run, environment) == EVERYTHING


def test_uv_syncs_an_environment_with_the_pylock(lock, target, graph, run, environment, tmp_path):
    file = tmp_path / "pylock.toml"
    file.write_text(render_pylock(lock, target, graph), encoding="utf-8")
    run(uv.find_uv_bin(), "pip", "sync", "--no-cache", "--python", environment, file)
    assert installed(run, environment) == EVERYTHING


def test_uv_installs_the_requirements_by_hash(lock, target, run, environment, tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(render_requirements(lock, target), encoding="utf-8")
    run(
        uv.find_uv_bin(), "pip", "install", "--no-cache", "--python", environment,
        "--require-hashes", "-r", file,
    )  # fmt: skip
    assert installed(run, environment) == EVERYTHING


def test_a_file_that_is_not_the_locked_one_is_refused(lock, target, run, environment, tmp_path):
    (artifact,) = lock[0].artifacts
    forged = LockedArtifact(artifact.filename, artifact.url, "0" * 64, None, "wheel")
    entry = LockedRelease("demo-lib", "1.0", lock[0].index, None, (forged,), ())
    file = tmp_path / "requirements.txt"
    file.write_text(render_requirements((entry,), target), encoding="utf-8")
    with pytest.raises(AssertionError, match="Hash mismatch"):
        run(
            uv.find_uv_bin(), "pip", "install", "--no-cache", "--python", environment,
            "--require-hashes", "-r", file,
        )  # fmt: skip


@pytest.mark.slow
def test_pip_installs_the_requirements_by_hash(lock, target, run, tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(render_requirements(lock, target), encoding="utf-8")
    run(sys.executable, "-m", "venv", tmp_path / "with-pip")
    python = tmp_path / "with-pip/bin/python"
    run(python, "-m", "pip", "install", "--no-cache-dir", "--require-hashes", "-r", file)
    assert installed(run, python) == EVERYTHING


@pytest.mark.slow
@pytest.mark.live
def test_a_pip_that_can_installs_the_pylock(lock, target, graph, run, environment, tmp_path):
    file = tmp_path / "pylock.toml"
    file.write_text(render_pylock(lock, target, graph), encoding="utf-8")
    try:
        run(uv.find_uv_bin(), "pip", "install", "--python", environment, "pip")
    except AssertionError as error:
        pytest.skip(f"the newest pip could not be had: {error}")
    version = run(environment, "-m", "pip", "--version").split()[1]
    if tuple(map(int, version.split(".")[:2])) < (26, 1):
        pytest.skip(f"pip {version} cannot install a pylock.toml yet")
    run(environment, "-m", "pip", "install", "--no-cache-dir", "-r", file)
    assert installed(run, environment) == EVERYTHING
