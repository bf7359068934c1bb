"""What the sources of index settings share: where they look, what they find, how files are read."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILE_BYTES = 1_048_576
_ON = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Places:
    """Where settings are looked for.

    `directory` is where the command runs, `home` the user's home directory, `prefix` the Python
    environment, `etc` the directory of the machine's own settings.
    """

    environ: Mapping[str, str]
    directory: Path
    home: Path
    prefix: Path
    etc: Path = Path("/etc")

    @classmethod
    def here(cls) -> Places:
        """Return the places of this process."""
        return cls(
            environ=os.environ,
            directory=Path.cwd(),
            home=Path(os.path.expanduser("~")),  # noqa: PTH111 - Path.home() raises without a home
            prefix=Path(os.environ.get("VIRTUAL_ENV") or sys.prefix),
        )

    @property
    def user(self) -> Path:
        """The user's configuration directory (XDG Base Directory Specification)."""
        return Path(self.environ.get("XDG_CONFIG_HOME") or self.home / ".config")

    @property
    def system(self) -> tuple[Path, ...]:
        """The machine's configuration directories, the most important first."""
        listed = self.environ.get("XDG_CONFIG_DIRS", "")
        return tuple(map(Path, filter(None, listed.split(":")))) or (self.etc / "xdg",)


@dataclass(frozen=True, slots=True)
class NamedUrl:
    """The URL of an index as somebody wrote it: `origin` is the flag, variable or file."""

    text: str
    origin: str
    name: str | None = None


@dataclass(slots=True)
class Found:
    """What a source says of indexes.

    `extras` is None where it says nothing of them. With `closed`, it forbids every index that is
    not named before it. `ignored` counts, by kind and origin, what it names that is no HTTP package
    index.
    """

    default: NamedUrl | None = None
    extras: list[NamedUrl] | None = None
    closed: str | None = None
    ignored: Counter[tuple[str, str]] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def add(self, index: NamedUrl) -> None:
        """Add an extra index."""
        self.extras = [*(self.extras or ()), index]

    def ignore(self, what: str, origin: str) -> None:
        """Note that a setting of `origin` is not used."""
        self.ignored[what, origin] += 1


def is_remote(text: str) -> bool:
    """Tell whether a setting means a server: file: URLs and paths do not."""
    return text.lower().startswith(("http:", "https:")) or (
        "://" in text and not text.lower().startswith("file:")
    )


def is_on(text: str) -> bool:
    """Tell whether a boolean setting of pip or uv is on."""
    return text.strip().lower() in _ON


def read_settings(path: Path, found: Found) -> str | None:
    """Return the text of a settings file, or None where there is none to be read.

    A file that may not be read is a warning, since it belongs to somebody else. Raises
    `RequestError` where it is larger than `MAX_FILE_BYTES` or no UTF-8.
    """
    try:
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        found.warnings.append(f"{path} could not be read ({error.strerror}) and is left out")
        return None
    if content is None:
        return None
    if len(content) > MAX_FILE_BYTES:
        raise RequestError(
            Problem(
                f"The file is larger than {MAX_FILE_BYTES} bytes",
                "Settings are small: look what it is.",
                source=str(path),
            )
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RequestError(
            Problem("The file is not UTF-8", "Save it as UTF-8.", line=line, source=str(path))
        ) from None


def _content(path: Path) -> bytes | None:
    """Return the first `MAX_FILE_BYTES` and one byte of a regular file; None of anything else."""
    # O_NONBLOCK, so that a pipe at this place cannot make us wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        chunks = []
        missing = MAX_FILE_BYTES + 1
        while missing and (chunk := os.read(descriptor, missing)):
            chunks.append(chunk)
            missing -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)
