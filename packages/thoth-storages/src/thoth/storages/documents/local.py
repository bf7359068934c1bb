"""Objects in a local folder: a file each, written whole, synced and renamed into its place.

The SHA-256 of an object is an extended attribute of its file, so that content and hash change in
one step. Where the file system or the operating system has none, objects are kept without it.
"""

# ruff: noqa: D102 - the port says what its methods do

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from thoth.storages.documents.backend import ObjectBackend, ObjectFacts, StoredObject
from thoth.storages.documents.files import (
    PIECE,
    new_name,
    pieces_of,
    sync_directory,
    temporary,
    write_all,
)
from thoth.storages.documents.ids import MAX_KEY_SEGMENTS
from thoth.storages.exceptions import (
    DocumentExistsError,
    DocumentStoreError,
    DocumentTooLargeError,
    NotFoundError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_logger = logging.getLogger(__name__)

INCOMING = ".incoming"
INCOMING_SECONDS = 3_600.0
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ATTRIBUTE = "user.thoth.sha256"
_NO_ATTRIBUTES = frozenset({errno.ENOTSUP, errno.ENODATA, errno.ENOSYS})
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EXDEV),
        *(errno.ENAMETOOLONG, errno.ENOTSUP, errno.EMLINK),
    }
)


class LocalBackend(ObjectBackend):
    """Objects below a folder, which is made when it is first checked, or is read-only.

    Files that a killed process left behind are removed by a check an hour later.
    """

    is_near = True

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder
        self._incoming = folder / INCOMING
        self._warned = False

    def check(self) -> None:
        with self._errors(None):
            try:
                self._make_directory(self._incoming)
                self._remove_leftovers(time.time() - INCOMING_SECONDS)
            except OSError as error:
                # Who may not write may read; a put says what is wrong.
                if error.errno not in _REFUSED:
                    raise
                os.scandir(self._folder).close()

    def _remove_leftovers(self, before: float) -> None:
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                status = path.lstat()
                if status.st_mtime < before and not stat.S_ISDIR(status.st_mode):
                    path.unlink()

    def put(self, key: str, blob: bytes, digest: str, *, create: bool) -> None:
        self._write(key, (blob,), digest, create=create)

    def put_file(self, key: str, path: Path, digest: str) -> None:
        self._write(key, pieces_of(path, digest), digest, create=False)

    def _write(self, key: str, pieces: Iterable[bytes], digest: str, *, create: bool) -> None:
        final = self._folder / key
        scratch = self._incoming / new_name()
        with self._errors(key, writing=True):
            self._make_directory(self._incoming)
            with temporary(scratch) as descriptor:
                for piece in pieces:
                    write_all(descriptor, piece)
                self._keep_digest(descriptor, digest)
            try:
                self._make_directory(final.parent)
                if create:
                    final.hardlink_to(scratch)
                else:
                    scratch.replace(final)
                sync_directory(final.parent)
            except FileExistsError:
                # Who finds its own content there may be the second try of a put that was cut.
                sync_directory(final.parent)
                raise DocumentExistsError(self.where, key) from None
            finally:
                scratch.unlink(missing_ok=True)

    def get(self, key: str, *, at_most: int) -> StoredObject:
        with self._opened(key) as (descriptor, facts), self._errors(key):
            if facts.size > at_most:
                raise DocumentTooLargeError(self.where, key, facts.size, at_most)
            blob = b"".join(_read(descriptor, facts.size))
        return StoredObject(blob, facts.digest)

    def stream(self, key: str) -> tuple[ObjectFacts, Iterator[bytes]]:
        facts = self.facts(key)

        def pieces() -> Iterator[bytes]:
            with self._opened(key) as (descriptor, now), self._errors(key):
                yield from _read(descriptor, now.size)

        return facts, pieces()

    def facts(self, key: str) -> ObjectFacts:
        with self._opened(key) as (_, facts):
            return facts

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, ObjectFacts]]:
        with self._errors(key):
            descriptor = os.open(self._folder / key, _READING)
        try:
            with self._errors(key):
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise IsADirectoryError(errno.EISDIR, "no file")
                facts = ObjectFacts(status.st_size, _digest_kept(descriptor))
            yield descriptor, facts
        finally:
            os.close(descriptor)

    def keys(self, prefix: str) -> Iterator[str]:
        below = [iter(self._found_in(prefix))]
        while below:
            path = next(below[-1], None)
            if path is None:
                below.pop()
            elif path.endswith("/") and path.count("/") <= MAX_KEY_SEGMENTS:
                below.append(iter(self._found_in(path[:-1])))
            else:
                yield path

    def _found_in(self, prefix: str) -> list[str]:
        """Return what is in a folder, sorted as keys are; folders end with a slash."""
        paths = []
        with (
            self._errors(prefix),
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self._folder / prefix) as entries,
        ):
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                paths.append(f"{prefix}/{entry.name}{'/' if is_folder else ''}")
        if not paths and not self._folder.is_dir():
            raise StoreUnreachableError(self.where, None, "the folder is gone")
        return sorted(paths)

    def delete(self, key: str) -> None:
        path = self._folder / key
        with self._errors(key):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            sync_directory(path.parent)

    def _make_directory(self, path: Path) -> None:
        """Make a directory and those above it, each so that it outlives a loss of power."""
        if path.is_dir():
            return
        self._make_directory(path.parent)
        with suppress(FileExistsError):
            path.mkdir()
            sync_directory(path.parent)

    def _keep_digest(self, descriptor: int, digest: str) -> None:
        try:
            os.setxattr(descriptor, _ATTRIBUTE, digest.encode())
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_ATTRIBUTES:
                raise
            if not self._warned:
                self._warned = True
                _logger.warning(
                    "Documents in %s are kept without their hashes: no extended attributes there",
                    self.where,
                )

    @contextmanager
    def _errors(self, key: str | None, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._raise(key, error, writing=writing)

    def _raise(self, key: str | None, error: OSError, *, writing: bool) -> NoReturn:
        detail = error.strerror or type(error).__name__
        is_missing = error.errno in _MISSING and key is not None and not writing
        if is_missing and not self._folder.is_dir():
            raise StoreUnreachableError(self.where, key, "the folder is gone") from error
        if is_missing:
            raise NotFoundError(f"{key} in {self.where}") from error
        kind: type[DocumentStoreError] = StoreUnreachableError
        if error.errno in _FULL:
            kind = StoreFullError
        elif error.errno in _REFUSED or error.errno in _MISSING:
            kind = StoreRefusedError
        raise kind(self.where, key, detail) from error


def _digest_kept(descriptor: int) -> str | None:
    try:
        return os.getxattr(descriptor, _ATTRIBUTE).decode("ascii", "replace")
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_ATTRIBUTES:
            raise
        return None


def _read(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield as much of an open file as it had, or has."""
    while size > 0 and (piece := os.read(descriptor, min(size, PIECE))):
        size -= len(piece)
        yield piece
