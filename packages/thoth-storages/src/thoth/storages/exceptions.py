"""Every error that Thoth Storages raises on purpose, under one base class.

The module imports the standard library only: the supervisor of the embedded server, which must
start quickly, reads it without the rest of the distribution.
"""

from __future__ import annotations

from pathlib import Path


class StoragesError(Exception):
    """Base class of all errors of this distribution."""


# --- the embedded server -------------------------------------------------------------------------


class EmbeddedServerError(StoragesError):
    """The embedded PostgreSQL server cannot be used.

    `reason` says what is wrong, `path` where (a data directory, a binary, a blocking directory),
    `remedy` what the reader can do about it, `log_tail` how the server's log ends (empty when no
    program of PostgreSQL ran).
    """

    def __init__(self, reason: str, path: Path | str, remedy: str, log_tail: str = "") -> None:
        super().__init__(reason, str(path), remedy, log_tail)
        self.reason = reason
        self.path = Path(path)
        self.remedy = remedy
        self.log_tail = log_tail

    def __str__(self) -> str:
        """Reason, place and remedy in one line; the end of the log below it."""
        text = f"{self.reason}: {self.path}. {self.remedy}"
        if self.log_tail:
            text += f"\nThe server's log ends with:\n{self.log_tail.rstrip()}"
        return text


class BinariesNotFoundError(EmbeddedServerError):
    """No usable PostgreSQL programs were found at `path`."""


class ServerUserError(EmbeddedServerError):
    """The server cannot run as the operating system user that was asked for."""


class DataDirectoryError(EmbeddedServerError):
    """The data directory cannot be made, read, written or locked."""


class DataDirectoryOwnerError(DataDirectoryError):
    """The data directory belongs to another user, or others may write into it."""


class DataDirectoryUnreachableError(DataDirectoryError):
    """The server's user cannot enter `path`, on the way to its data or to its programs."""


class SocketDirectoryError(EmbeddedServerError):
    """No safe place for the server's socket was found."""


class InitialisationError(EmbeddedServerError):
    """A new cluster could not be initialised; nothing of it was kept."""


class ServerStartError(EmbeddedServerError):
    """The server ended, or its supervisor did, before it accepted connections."""


class ServerTimeoutError(EmbeddedServerError):
    """The server did not accept connections within the time allowed."""


# --- end of the embedded server ------------------------------------------------------------------
