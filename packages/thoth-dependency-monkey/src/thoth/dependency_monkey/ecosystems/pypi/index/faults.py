"""Why an answer of an index cannot be used, before the client decides what that means."""

from __future__ import annotations


class BrokenAnswerError(Exception):
    """The answer is damaged, perhaps cut short: worth another try. The text says how."""


class WrongAnswerError(Exception):
    """The answer is whole, but not what was asked for: another try is no use. The text says why.

    `status` is the HTTP status where that is the reason.
    """

    def __init__(self, detail: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(detail)


class ArchiveError(Exception):
    """An archive is malformed, hostile or lacks its metadata. The text says how."""


class MetadataError(Exception):
    """A core metadata file cannot be relied on. The text says why."""
