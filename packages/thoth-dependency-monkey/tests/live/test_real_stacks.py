"""Real stacks on the real index: the verdict and the pins of uv, on the same day.

Skips where the index or uv cannot be reached. Where several maximal answers exist, pins may differ
from uv's; then uv itself checks the lock: the stack must compile under our pins to our pins.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.live

UV = shutil.which(
    "uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
)
UNIQUE = {
    "airflow": ["apache-airflow"],
    "ml": ["jupyterlab", "tensorflow", "torch", "transformers", "scikit-learn"],
    "boto": ["boto3", "urllib3<2", "botocore", "awscli"],
    "small": ["pandas", "numpy>=1.11.0", "six"],
}
AMBIGUOUS = ["apache-airflow[celery,postgres,amazon,google]", "pandas<2.2"]
UNSATISFIABLE = {
    "bad-tf": ["tensorflow==2.16.1", "numpy>=2.1"],
    "bad-boto": ["botocore==1.34.0", "boto3==1.35.0"],
    "bad-deep": ["apache-airflow>=3", "pydantic<2"],
    "bad-deep2": ["jupyterlab>=4", "tornado<6"],
}


@pytest.fixture(scope="module", autouse=True)
def index() -> None:
    try:
        socket.create_connection(("pypi.org", 443), timeout=5).close()
    except OSError as error:
        pytest.skip(f"the public index cannot be reached: {error}")
    if UV is None:
        pytest.skip("uv is not installed")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    # Neither the developer's indexes nor caches: the public index alone, and a graph of our own.
    base = Path(tempfile_reachable(tmp_path_factory))
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "UV_", "THOTH_", "KNOWLEDGE_GRAPH_", "XDG_"))
    }
    home = base / "home"
    home.mkdir()
    return {
        **kept,
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "THOTH_DATA_DIR": str(base / "thoth"),
        "THOTH_PG_LINGER": "20",
    }


def tempfile_reachable(factory: pytest.TempPathFactory) -> str:
    """Return a directory that the embedded server's own user can enter when root runs the tests."""
    import tempfile

    if os.geteuid() != 0:
        return str(factory.mktemp("live"))
    path = tempfile.mkdtemp(prefix="thoth-live-", dir="/var/tmp")
    Path(path).chmod(0o755)
    return path


def validate(requirements: list[str], environment: dict[str, str]) -> tuple[int, dict]:
    command = [sys.executable, "-m", "thoth.dependency_monkey.cli", "validate", "-"]
    done = subprocess.run(
        [*command, "--output-format", "json", "--timeout", "240"],
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=400,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def compile_with_uv(
    requirements: list[str],
    environment: dict[str, str],
    constraints: str = "",
    tmp: Path | None = None,
) -> dict[str, str] | None:
    command = [UV or "uv", "pip", "compile", "-q", "--no-header", "--no-annotate"]
    command += ["--only-binary", ":all:", "-p", sys.executable, "-"]
    if tmp is not None:
        (tmp / "pins.txt").write_text(constraints)
        command += ["-c", str(tmp / "pins.txt")]
    done = subprocess.run(
        command,
        input="\n".join(requirements),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=400,
    )
    if done.returncode != 0:
        return None
    pins = (line.partition(";")[0].strip() for line in done.stdout.splitlines())
    return {
        canonicalize_name(re.sub(r"\[.*", "", name)): version
        for name, _, version in (pin.partition("==") for pin in pins if "==" in pin)
    }


@pytest.mark.parametrize("name", UNIQUE)
def test_a_real_stack_resolves_to_the_pins_of_uv(name: str, environment: dict[str, str]) -> None:
    code, answer = validate(UNIQUE[name], environment)
    assert (code, answer["valid"]) == (0, True), answer["raw_log"]
    own = {release["name"]: release["version"] for release in answer["lock"]}
    assert own == compile_with_uv(UNIQUE[name], environment)


def test_one_of_several_maximal_locks_is_a_lock_for_uv_too(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, answer = validate(AMBIGUOUS, environment)
    assert (code, answer["valid"]) == (0, True), answer["raw_log"]
    own = {release["name"]: release["version"] for release in answer["lock"]}
    pins = "".join(f"{name}=={version}\n" for name, version in own.items())
    assert compile_with_uv(AMBIGUOUS, environment, pins, tmp_path) == own


@pytest.mark.parametrize("name", UNSATISFIABLE)
def test_an_unsatisfiable_stack_names_every_line_at_fault(
    name: str, environment: dict[str, str]
) -> None:
    code, answer = validate(UNSATISFIABLE[name], environment)
    assert (code, answer["valid"], answer["reason"]) == (1, False, "conflict"), answer["raw_log"]
    lines = [line["text"] for line in answer["explanation"]["requirements"]]
    assert lines == UNSATISFIABLE[name]
    assert len(answer["explanation"]["steps"]) <= 5
