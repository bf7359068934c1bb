"""Every example of the documentation is run; those at the console show what they are said to show.

They ask a package index for tests that serves `data/catalogue.toml`, so that versions are
the documented ones; the README's are also put to the real index. A page's examples run in one
shell, one after the other, in an empty directory.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from thoth.dependency_monkey.ecosystems.pypi.target import target_for
from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL
from thoth.dependency_monkey.testing import IndexServer
from thoth.storages.testing import served_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
TEXTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/**/*.md", "packages/*/README.md")
    for path in sorted(ROOT.glob(pattern))
}
FIRST_PAGES = ("README.md", "docs/tutorial/first-validation.md")
PAGES = [page for page, text in TEXTS.items() if "```console" in text]
PROGRAMS = [
    (page, block[1])
    for page, text in TEXTS.items()
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
]
PRIVATE_INDEX = "https://packages.example/simple/"

# Programs that examples are run with. Everything else must be named below, with the reason.
RUN = {"cat", "cd", "dependency-monkey", "echo", "export", "grep", "head", "ls", "printf", "uv"}
RUN |= {"thoth-storages"}
NOT_RUN = {
    "pip install uv && uv run --group test pytest": "this very test run",
    ".ci/run": "it runs this test",
    "pip install --require-hashes -r requirements.txt": "integration/validation/render does",
    "pip install -r pylock.toml": "integration/validation/render does",
    "dependency-monkey serve": "stays in the foreground; integration/cli/test_serve.py runs it",
}
NOT_RUN_PROGRAMS = {
    "uv run alembic": "changes the repository; the storages' tests run migrations",
    "uv run --all-groups": "checks of the repository, run by .ci/run",
    "curl -X": "asks a running service, as integration/cli/test_serve.py does",
    "uv run --python": "needs that interpreter; see CONTRIBUTING.md",
}

# `uv venv` must take the interpreter whose target is locked for; `uv pip` must not.
PRELUDE = f"""
uv() {{
  if [ "$1" = venv ]; then command uv "$@" --python {shlex.quote(sys.executable)}
  else command uv "$@"; fi
}}
"""

# What differs from run to run: times, this machine's target, hashes, sizes, places of files.
HERE = re.compile(r"\bcp3\d+\.\d+-manylinux_2_36_x86_64\b")
VARYING = [
    (re.compile(r"\b\d+\.\d\d s\b"), "N s"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"\bsize = \d+"), "size = N"),
    (re.compile(r"\bcp3\d+"), "cp3XY"),
    (re.compile(r"https?://[^/\s\"]+/(files|packages)/[^\s\"]*/?(?=[^/\s\"]+\")"), "FILES/"),
]


@dataclass(frozen=True)
class Example:
    """A command as the page shows it, the line it stands on, and the output that follows."""

    command: str
    shown: str
    line: int


def examples(page: str) -> list[Example]:
    """Return the examples of all ```console blocks of a page."""
    found: list[Example] = []
    text = TEXTS[page]
    for block in re.finditer(r"^( *)```console\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, block.start(2))
        for part in re.split(r"^ *\$ ", block[2], flags=re.MULTILINE):
            head, _, shown = part.partition("\n")
            while head.endswith("\\"):
                more, _, shown = shown.partition("\n")
                head = f"{head}\n{more}"
            if head:
                found.append(Example(head.strip(), shown, line + 1))
            line += part.count("\n")
    return found


def runnable(command: str) -> str | None:
    """Return what to run for a shown command, or None where it is not run for a known reason."""
    if command in NOT_RUN or command.startswith(tuple(NOT_RUN_PROGRAMS)):
        return None
    own = command.removeprefix("pip install uv && ").replace("uv run dep", "dep")
    for part in re.split(r"&&|\|\||\||;", re.sub(r"'[^']*'|\"[^\"]*\"", "", own)):
        words = [word for word in part.split() if not re.match(r"[A-Z_]+=", word)]
        assert not words or words[0] in RUN, f"teach this test what to do with: {command}"
    return own


def run_all(commands: list[str], environ: dict[str, str], place: Path) -> list[tuple[str, int]]:
    """Run the commands in one shell; return the output of each, both streams, and its exit code."""
    script = f"{PRELUDE}code=0\n" + "".join(
        f"(exit $code)\n{command}\ncode=$?\nprintf '\\036%d\\036' $code\n" for command in commands
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    parts = done.stdout.split("\x1e")
    return [(out, int(code)) for out, code in zip(parts[::2], parts[1::2], strict=False)]


def told_exit_code(shown: str) -> int:
    """Return the exit code that an output promises."""
    for start, code in (("✗", 1), ("?", 3), ("error:", 2), ("Usage:", 2)):
        if shown.startswith(start):
            return code
    return 0


def comparable(text: str) -> list[str]:
    text = HERE.sub("HERE", text).replace(target_for(None, None, None).id, "HERE")
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.strip().splitlines()]


def shows(shown: str, real: str) -> bool:
    """Say whether an output is what a page shows, in which `...` stands for anything."""
    pattern = "".join(
        r"(?:\n.*)*" if line == "..." else r"\n" + re.escape(line).replace(r"\.\.\.", ".*")
        for line in comparable(shown)
    )
    return re.fullmatch(pattern, "".join(f"\n{line}" for line in comparable(real))) is not None


@pytest.fixture(scope="module")
def indexes() -> Iterator[tuple[IndexServer, IndexServer]]:
    """Serve the catalogue, and an index of one's own with a package that the world lacks."""
    catalogue = tomllib.loads((ROOT / "tests/data/catalogue.toml").read_text(encoding="utf-8"))
    with IndexServer() as public, IndexServer() as private:
        for release in catalogue["release"]:
            public.add(
                release["name"],
                release["version"],
                requires_dist=release.get("requires-dist", ()),
                extras=release.get("extras", ()),
                wheel_tags=release.get("wheel-tags", ("py3-none-any",)),
                uploaded=release["uploaded"],
            )
        private.add("our-tool", "1.2.0", requires_dist=["six>=1.16"])
        yield public, private


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Lend a data directory whose server runs until the last page is done."""
    with served_data_dir() as directory:
        yield directory


@pytest.fixture
def environ(data_dir: Path, tmp_path: Path) -> dict[str, str]:
    """Return an environment without this machine's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "THOTH_", "KNOWLEDGE_GRAPH_", "VIRTUAL_ENV"))
    }
    programs = [str(Path(sys.executable).parent), str(Path(uv.find_uv_bin()).parent)]
    return kept | {
        "PATH": os.pathsep.join([*programs, kept["PATH"]]),
        "HOME": str(tmp_path / "home"),
        "THOTH_DATA_DIR": str(data_dir),
        "THOTH_PG_LINGER": "0",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }


@pytest.mark.parametrize(
    "page",
    # What a newcomer reads first is always tried; the rest is with the slow tests.
    [pytest.param(page, marks=() if page in FIRST_PAGES else pytest.mark.slow) for page in PAGES],
)
def test_the_examples_show_what_happens(
    page: str,
    indexes: tuple[IndexServer, IndexServer],
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    public, private = indexes
    environ |= {"THOTH_INDEX_URL": public.url, "THOTH_EXTRA_INDEX_URL": ""}
    place = tmp_path / "place"
    place.mkdir()
    todo = [(example, own) for example in examples(page) if (own := runnable(example.command))]
    outputs = run_all([own.replace(PRIVATE_INDEX, private.url) for _, own in todo], environ, place)
    assert len(outputs) == len(todo), outputs
    for (example, _), (out, code) in zip(todo, outputs, strict=True):
        real = out.replace(public.url, PUBLIC_INDEX_URL).replace(private.url, PRIVATE_INDEX)
        where = f"{page}:{example.line}: {shlex.quote(example.command)}"
        assert shows(example.shown, real), f"{where} gives\n{real}"
        assert code == told_exit_code(example.shown), where


@pytest.mark.parametrize(("page", "program"), PROGRAMS)
def test_the_programs_run(page: str, program: str, environ: dict[str, str], tmp_path: Path) -> None:
    # Another place than the shown one, and no server that outlives the test.
    here = f'Path("{environ["THOTH_DATA_DIR"]}/own"), linger=0'
    program = program.replace('Path("/srv/thoth/graph")', here)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.live
def test_the_readme_holds_on_the_real_index(environ: dict[str, str], tmp_path: Path) -> None:
    todo = [(e, own) for e in examples("README.md") if (own := runnable(e.command))]
    outputs = run_all([own for _, own in todo], environ, tmp_path)
    for (example, _), (out, code) in zip(todo, outputs, strict=True):
        if "index_unreachable" in out:
            pytest.skip(f"the real index is out of reach: {out}")
        assert code == told_exit_code(example.shown), out
        if code == 0:
            asked = [line.split()[0] for line in out.splitlines() if " you" in line]
            assert asked == ["numpy", "pandas", "six"]
        else:
            assert comparable(out) == comparable(example.shown)


def test_only_known_commands_are_not_run() -> None:
    commands = [e.command for page in PAGES for e in examples(page)]
    assert len(commands) > 10
    assert {c for c in NOT_RUN if c not in commands} == set()
    unused = {c for c in NOT_RUN_PROGRAMS if not any(x.startswith(c) for x in commands)}
    assert unused == set()
