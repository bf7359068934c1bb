"""Every error that Thoth Storages raises on purpose, under one base class.

The module imports the standard library only: the supervisor of the embedded server, which must
start quickly, reads it without the rest of the distribution.
"""

from __future__ import annotations

import reprlib
from pathlib import Path


class StoragesError(Exception):
    """Base class of all errors of this distribution."""


def _shown(value: object) -> str:
    """Show the beginning of a value in ASCII, however large or deep it is."""
    shown = repr(value[:100]) if isinstance(value, str) else reprlib.repr(value)
    return shown.encode("ascii", "backslashreplace").decode()[:100]


def printable(text: str) -> str:
    """Return a text as it is if it is printable ASCII, else its beginning as Python writes it."""
    return text if text.isascii() and text.isprintable() else _shown(text)


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


class ServerVersionError(ServerStartError):
    """The data directory was made by another major version of PostgreSQL than the programs'."""


class ServerTimeoutError(EmbeddedServerError):
    """The server did not accept connections within the time allowed."""


# --- end of the embedded server ------------------------------------------------------------------


# --- settings and the knowledge graph ------------------------------------------------------------


class SettingsError(StoragesError, ValueError):
    """A setting cannot be understood.

    `variable` is the environment variable, `value` what it holds (None where that is a secret),
    `expected` what it may hold.
    """

    def __init__(self, variable: str, value: str | None, expected: str) -> None:
        super().__init__(variable, value, expected)
        self.variable = variable
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        """Name the variable, what is wrong with it and what it may hold."""
        shown = "a value that is not shown" if self.value is None else repr(self.value[:100])
        return f"{self.variable} is {shown}, but must be {self.expected}. Correct or unset it."


class NotFoundError(StoragesError):
    """What was asked for is not stored. `what` names it, `remedy` says what to do about it."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        """Name what is missing, and the remedy where there is one."""
        return f"Not found: {self.what}. {self.remedy}".rstrip()


class InUseError(StoragesError):
    """Something cannot be deleted while others refer to it; nothing was deleted.

    `what` names it, `users` what refers to it.
    """

    def __init__(self, what: str, users: str) -> None:
        super().__init__(what, users)
        self.what = what
        self.users = users

    def __str__(self) -> str:
        """Name it, who refers to it and the remedy."""
        return f"{self.what} is in use by {self.users}. Delete these first, or keep it."


class NotConnectedError(StoragesError):
    """The adapter was used before `connect()` or after `disconnect()`. `adapter` names it."""

    def __init__(self, adapter: str) -> None:
        super().__init__(adapter)
        self.adapter = adapter

    def __str__(self) -> str:
        """Name the adapter and the remedy."""
        return f"{self.adapter} is not connected. Call connect() first, or use it in a with block."


class AlreadyConnectedError(StoragesError):
    """`connect()` was called on a connected adapter. `adapter` names it."""

    def __init__(self, adapter: str) -> None:
        super().__init__(adapter)
        self.adapter = adapter

    def __str__(self) -> str:
        """Name the adapter and the remedy."""
        return f"{self.adapter} is connected already. Call disconnect() before connecting again."


class InvalidRecordError(StoragesError, ValueError):
    """A value cannot be stored; nothing of its batch was written.

    `field` names the value, `value` shows it, `problem` says what is wrong with it.
    """

    def __init__(self, field: str, value: object, problem: str) -> None:
        super().__init__(field, value, problem)
        self.field = field
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        """Name the field, what is wrong and the value, shortened."""
        return f"{self.field} {self.problem}: {_shown(self.value)}. Nothing was written."


class InvalidDocumentError(StoragesError, ValueError):
    """A document cannot be understood; nothing of it was synced.

    `document_id` names it (None where it has no id), `path` the offending key, such as
    `result.tree[3].package_name` (empty: the document as a whole), `problem` what is wrong there.
    """

    def __init__(self, document_id: str | None, path: str, problem: str) -> None:
        super().__init__(document_id, path, problem)
        self.document_id = document_id
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        """Name the document, the place and what is wrong there, in one line."""
        document = "A document without id"
        if self.document_id is not None:
            document = printable(self.document_id)
        place = f": {self.path}" if self.path else ""
        return f"{document}{place} {self.problem}. Nothing of it was synced."


class InvalidArgumentError(StoragesError, ValueError):
    """A question was asked wrongly; the database was not asked.

    `argument` names the argument, `value` shows it, `problem` says what is wrong with it.
    """

    def __init__(self, argument: str, value: object, problem: str) -> None:
        super().__init__(argument, value, problem)
        self.argument = argument
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        """Name the argument, what is wrong and the value, shortened."""
        return f"{self.argument} {self.problem}, not {_shown(self.value)}."


class AnswerTooLargeError(StoragesError):
    """An answer would be larger than is allowed; nothing of it is returned.

    `what` says of what there are too many, `limit` how many there may be.
    """

    remedy = "Ask about fewer releases or extras, or for one environment."

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, limit)
        self.what = what
        self.limit = limit

    def __str__(self) -> str:
        """Name what there is too much of, the limit and the remedy."""
        return f"The answer has over {self.limit:,} {self.what}. {self.remedy}"


class DatabaseError(StoragesError):
    """The database did not do what was asked.

    `server` says where it is (never a password), `detail` what it said, `sqlstate` its code (None
    where it gave none), `remedy` what the reader can do about it.
    """

    remedy = "Its log may say more."

    def __init__(self, server: str, detail: str, sqlstate: str | None = None) -> None:
        super().__init__(server, detail, sqlstate)
        self.server = server
        self.detail = detail
        self.sqlstate = sqlstate

    def __str__(self) -> str:
        """Name the server, what it said and the remedy, in one line."""
        code = "" if self.sqlstate is None else f" (SQLSTATE {self.sqlstate})"
        detail = " ".join(self.detail.split()).rstrip(".")
        return f"The knowledge graph at {self.server}: {detail}{code}. {self.remedy}"


class DatabaseUnreachableError(DatabaseError):
    """No connection could be made, or it was lost; the next call connects anew."""

    remedy = (
        "See that the server runs and that KNOWLEDGE_GRAPH_HOST, _PORT, _USER, _PASSWORD and "
        "_DATABASE name it, then try again."
    )


class DatabaseBusyError(DatabaseError):
    """A time limit was hit: a lock, a statement or a free connection took too long."""

    remedy = "Try again when the other work on this database is done."


class DatabaseRefusedError(DatabaseError):
    """The server refused a statement: a right is missing, its disk is full, it is read-only ..."""

    remedy = "See the rights of KNOWLEDGE_GRAPH_USER and the log of the server."


class SchemaMismatchError(DatabaseError):
    """The tables are not those that this code works with.

    `found` is the database's revision (None: it has no tables of ours), `expected` the code's.
    """

    def __init__(self, server: str, found: str | None, expected: str) -> None:
        super().__init__(server, f"its schema is {found or 'missing'}, not {expected}")
        self.found = found
        self.expected = expected
        newer = found is not None and found > expected
        self.remedy = (
            "The database was made by a newer release: upgrade thoth-storages, or name another "
            "database with KNOWLEDGE_GRAPH_DATABASE or THOTH_DATA_DIR."
            if newer
            else "Call GraphDatabase.initialize_schema(), which creates and upgrades it."
        )


# --- end of settings and the knowledge graph -----------------------------------------------------


# --- documents -----------------------------------------------------------------------------------


class DocumentStoreError(StoragesError):
    """The object store did not do what was asked; nothing half written is left in it.

    `store` says where it is (never a credential), `key` which object was meant (None: none),
    `detail` what is wrong, `remedy` what the reader can do about it.
    """

    remedy = "Its log may say more."

    def __init__(self, store: str, key: str | None, detail: str) -> None:
        super().__init__(store, key, detail)
        self.store = store
        self.key = key
        self.detail = detail

    def __str__(self) -> str:
        """Name the store, the object, what is wrong and the remedy, in one line."""
        about = "" if self.key is None else f", {self.key[:200]!a}"
        detail = " ".join(self.detail.split()).rstrip(".")
        return f"The object store at {self.store}{about}: {detail}. {self.remedy}"


class StoreUnreachableError(DocumentStoreError):
    """The store gave no answer, or said that it cannot answer now; the next call tries anew."""

    remedy = (
        "See that it runs and that THOTH_S3_ENDPOINT_URL, or THOTH_DATA_DIR for a local folder, "
        "names it, then try again."
    )


class StoreRefusedError(DocumentStoreError):
    """The store refused: the credentials are wrong, a right is missing, it is read-only ..."""

    remedy = (
        "See THOTH_CEPH_KEY_ID and THOTH_CEPH_SECRET_KEY and their rights; for a local folder, "
        "the rights on THOTH_DATA_DIR."
    )


class BucketNotFoundError(StoreRefusedError):
    """The bucket does not exist. It is never made by itself."""

    remedy = "Name an existing bucket with THOTH_CEPH_BUCKET, or have this one made."


class StoreFullError(DocumentStoreError):
    """The disk is full, or a quota is used up."""

    remedy = "Make room or raise the quota, then try again."


class DocumentExistsError(DocumentStoreError):
    """Another content is stored under this key already, and documents are never overwritten."""

    remedy = "Store it under a new id, or delete the stored one first."

    def __init__(self, store: str, key: str) -> None:
        super().__init__(store, key, "other content is stored under this key")

    def __reduce__(self) -> tuple[type[DocumentExistsError], tuple[str, str]]:
        return type(self), (self.store, self.key or "")


class CorruptDocumentError(DocumentStoreError):
    """What is stored is not what was written, or is no document."""

    remedy = "Restore it from a backup, or delete it."


class DocumentTooLargeError(DocumentStoreError):
    """An object is larger than may be held in memory. `size` and `limit` are in bytes."""

    remedy = "Read it with retrieve_file(), which does not hold it in memory."

    def __init__(self, store: str, key: str, size: int, limit: int) -> None:
        super().__init__(store, key, f"it has {size} bytes; at most {limit} are read at once")
        self.size = size
        self.limit = limit

    def __reduce__(self) -> tuple[type[DocumentTooLargeError], tuple[str, str, int, int]]:
        return type(self), (self.store, self.key or "", self.size, self.limit)


class UnexpectedKeyError(DocumentStoreError):
    """A listing met a key that no document of this store can have; it was skipped."""

    remedy = "Move or delete what does not belong there."


class SyncWorkerError(StoragesError):
    """A process that synced documents ended before its work was done; `exit_code` is how.

    What it had begun was rolled back. A negative code is the signal that ended it. `document_id`
    is the document that it was given alone, None where it was given several.
    """

    def __init__(self, exit_code: int, document_id: str | None = None) -> None:
        super().__init__(exit_code, document_id)
        self.exit_code = exit_code
        self.document_id = document_id

    def __str__(self) -> str:
        """Say how it ended, over which document, and the remedy."""
        documents = "its documents were" if self.document_id is None else f"{self.document_id} was"
        return (
            f"A worker process ended with {self.exit_code} before {documents} synced. "
            "Nothing is half written: sync again, with fewer jobs where memory is short."
        )


# --- end of documents ----------------------------------------------------------------------------
