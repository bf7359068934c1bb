"""The command as a process of its own: a clean home, a shared embedded server, a local index."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thoth.dependency_monkey.cli.main import main
from thoth.dependency_monkey.testing import IndexServer
from thoth.storages.testing import temporary_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).with_name("dependency-monkey")
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a process ended. `stdout` and `stderr` are its whole output."""

    code: int
    stdout: str
    stderr: str

    def checked(self) -> Outcome:
        """Return itself; whatever happened, it shows no traceback."""
        assert "Traceback" not in self.stderr + self.stdout
        assert not self.stderr.startswith("internal error")
        return self


@dataclass(slots=True)
class Program:
    """The command with an environment of its own; nothing of the developer's settings is in it."""

    home: Path
    data_dir: Path
    index_url: str
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str, index: bool = True) -> list[str]:
        chosen = ["--index-url", self.index_url] if index else []
        return [str(COMMAND), "validate", *arguments, *chosen]

    def variables(self, **variables: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "THOTH_DATA_DIR": str(self.data_dir),
            "THOTH_PG_LINGER": "0",
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            **self.environment,
            **variables,
        }

    def start(self, *arguments: str, index: bool = True, **options) -> subprocess.Popen:
        variables = options.pop("variables", {})
        return subprocess.Popen(
            self.command(*arguments, index=index),
            **{
                "cwd": self.home,
                "env": self.variables(**variables),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **options,
            },
        )

    def run(
        self,
        *arguments: str,
        index: bool = True,
        stdin: bytes = b"",
        variables: dict[str, str] | None = None,
    ) -> Outcome:
        """Run `validate` to its end."""
        done = subprocess.run(
            self.command(*arguments, index=index),
            check=False,
            capture_output=True,
            input=stdin,
            cwd=self.home,
            env=self.variables(**(variables or {})),
            timeout=PATIENCE,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode()).checked()

    def call(
        self,
        *arguments: str,
        index: bool = True,
        stdin: bytes = b"",
        variables: dict[str, str] | None = None,
    ) -> Outcome:
        """Do what `run` does, but in this process: much faster, and as good for what is said."""
        output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        given = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        environment = self.variables(**(variables or {}))
        with pytest.MonkeyPatch.context() as patch:
            for name in tuple(os.environ):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(self.home)
            patch.setattr(sys, "argv", self.command(*arguments, index=index))
            for name, stream in (("stdin", given), ("stdout", output), ("stderr", errors)):
                patch.setattr(sys, name, stream)
            with pytest.raises(SystemExit) as ended:
                main()
        texts = []
        for stream in (output, errors):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())
        return Outcome(ended.value.code, *texts).checked()


@pytest.fixture(scope="session")
def _server() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def server(_server: IndexServer) -> IndexServer:
    """One index for all tests of a session; each test uses package names of its own."""
    return _server


@pytest.fixture
def program(tmp_path: Path, session_data_dir: Path, _server: IndexServer) -> Program:
    """The command on a database that runs already."""
    return Program(tmp_path, session_data_dir, _server.url)


@pytest.fixture
def new_program(tmp_path: Path, _server: IndexServer) -> Iterator[Program]:
    """The command on a data directory of its own, where nothing was ever done."""
    with temporary_data_dir() as data_dir:
        yield Program(tmp_path, data_dir, _server.url)
