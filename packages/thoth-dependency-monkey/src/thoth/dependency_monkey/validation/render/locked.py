"""What the writers of locks share: who asked for a release, and which files have a hash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.validation.render.escape import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thoth.dependency_monkey.validation.result import LockedArtifact, LockedRelease

YOU = "you"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class UnwritableLockError(RequestError):
    """A lock cannot be written in the format that was asked for.

    `releases` lists those at fault as "name version", in the order of the lock.
    """

    def __init__(self, message: str, releases: Sequence[str]) -> None:
        self.releases = tuple(releases)
        super().__init__(
            *(
                Problem(
                    f"{release}: {message}",
                    "Ask for the lock as json or text, or use an index that gives more.",
                )
                for release in self.releases
            )
        )


def hashed_files(lock: Sequence[LockedRelease]) -> dict[str, tuple[LockedArtifact, ...]]:
    """Return by package name, sorted, the locked files that have a SHA-256.

    Raises `UnwritableLockError` where a release has no such file.
    """
    files = {
        release.name: tuple(
            artifact
            for artifact in release.artifacts
            if artifact.sha256 is not None and _SHA256.fullmatch(artifact.sha256)
        )
        for release in sorted(lock, key=lambda release: release.name)
    }
    if without := [f"{entry.name} {entry.version}" for entry in lock if not files[entry.name]]:
        raise UnwritableLockError("the index gives no SHA-256 for any usable file", without)
    return files


def askers(release: LockedRelease) -> list[str]:
    """Say who asked for a release: `YOU` first, for any line of the stack, then packages."""
    packages = [visible(asker) for asker in release.requested_by if not asker.startswith("line ")]
    return [YOU, *packages] if len(packages) < len(release.requested_by) else packages
