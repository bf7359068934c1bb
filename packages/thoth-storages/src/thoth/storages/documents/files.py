"""Reading files in pieces, and writing them so that they are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from thoth.storages.documents.encoding import verify
from thoth.storages.exceptions import InvalidArgumentError, InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader
    from pathlib import Path

PIECE = 8 * 2**20


def pieces_of(path: Path, digest: str) -> Iterator[bytes]:
    """Yield a file's content in pieces; `InvalidRecordError` in the end for another SHA-256.

    `InvalidArgumentError` where the file cannot be read.
    """
    hashed = hashlib.sha256()
    with _opened(path) as file:
        while piece := _read(path, file):
            hashed.update(piece)
            yield piece
    if hashed.hexdigest() != digest:
        raise InvalidRecordError("file", str(path), "was changed while it was read")


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal digits; `InvalidArgumentError`."""
    with _opened(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(path, error) from error


def digest_of_pieces(pieces: Iterable[bytes]) -> str:
    """Return the SHA-256 of all pieces together in hexadecimal digits."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()


def size_of_file(path: Path) -> int:
    """Return a file's size in bytes; `InvalidArgumentError`."""
    with _opened(path) as file:
        return os.fstat(file.fileno()).st_size


def verified(
    pieces: Iterable[bytes], digest: str | None, *, store: str, key: str
) -> Iterator[bytes]:
    """Yield the pieces; `CorruptDocumentError` in the end for another SHA-256 than `digest`."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
        yield piece
    verify(hashed.hexdigest(), digest, store=store, key=key)


def new_name() -> str:
    """Return a file name that nobody else has."""
    return f"{os.getpid()}-{secrets.token_hex(8)}"


@contextmanager
def temporary(path: Path) -> Iterator[int]:
    """Lend a descriptor of a new file; synced in the end, removed where anything is raised."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def write_all(descriptor: int, blob: bytes) -> None:
    """Write all bytes, in as many steps as the system takes."""
    rest = memoryview(blob)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_directory(path: Path) -> None:
    """Make the names in a directory outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file, replacing one of that name only when all of it is there.

    Raises `OSError`, and `InvalidArgumentError` where a path names no file.
    """
    if not path.name or "\0" in str(path):
        raise InvalidArgumentError("path", str(path), "must name a file")
    scratch = path.with_name(f".{new_name()}")
    with temporary(scratch) as descriptor:
        for piece in pieces:
            write_all(descriptor, piece)
    try:
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _opened(path: Path) -> BufferedReader:
    """Open a file; not a pipe, which would wait for a writer, nor a device, which has no end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidArgumentError("path", str(path), "must be a file")
    return os.fdopen(descriptor, "rb")


def _read(path: Path, file: BufferedReader) -> bytes:
    try:
        return file.read(PIECE)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | ValueError) -> InvalidArgumentError:
    reason = error.strerror if isinstance(error, OSError) else error
    return InvalidArgumentError("path", str(path), f"cannot be read ({reason})")
