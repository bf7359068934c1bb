"""The port through which the outside world of the `pypi` ecosystem is asked: one package index.

`HttpIndex` speaks to a real one; `InMemoryIndex` in `thoth.dependency_monkey.testing` is its twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, Metadata, Page


class PackageIndex(Protocol):
    """One package index.

    Safe for any number of concurrent calls on one event loop. Never blocks the loop for longer
    than parsing one page takes; never waits longer than its documented time limits.
    """

    @property
    def url(self) -> str:
        """The canonical URL: no user info, trailing slash, default port dropped."""
        ...

    async def page(self, package: str, known: Page | None = None) -> Page:
        """Ask for the page of a package (a PEP 503 normalised name).

        With `known`, asks conditionally; an unchanged page comes back as `known` with a new
        `checked_at`. A package that the index does not have is a page whose `facts` is None.
        Raises `IndexUnreachableError` where the index fails, `LimitExceededError` where its
        answer breaks a limit.
        """
        ...

    async def metadata(self, package: str, version: str, artifact: Artifact) -> Metadata:
        """Ask for the core metadata of an artifact; never builds, never runs its code.

        What is malformed, contradicts the artifact's name, is missing on the server (404, 410)
        or needs a build is an opaque `Metadata`. Raises `IndexUnreachableError` where the server
        fails (time-out, refused, 5xx, 401, 403, 429 after every retry).
        """
        ...
