"""A lock as a requirements file for pip: every release pinned, every file by its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL
from thoth.dependency_monkey.validation.render.escape import visible
from thoth.dependency_monkey.validation.render.locked import askers, hashed_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from thoth.dependency_monkey.validation.result import LockedRelease, ResultTarget


def render_requirements(lock: Sequence[LockedRelease], target: ResultTarget) -> str:
    """Return the lock in pip's requirements file format, for `pip install --require-hashes -r`.

    Releases come sorted by name, each with the SHA-256 of every file that the target can use.
    Markers do not appear, since they were evaluated for the target; nor do extras, since whatever
    they ask for is pinned on a line of its own. Indexes are named only where a release comes from
    another than the public one, and never with credentials.

    Raises `UnwritableLockError` where a release has no file with a SHA-256.
    """
    files = hashed_files(lock)
    lines = [
        f"# Locked by dependency-monkey for {visible(target.id)}.",
        "# Install with: pip install --require-hashes -r FILE",
        *_index_lines(lock),
    ]
    for release in sorted(lock, key=lambda release: release.name):
        lines.append(f"{release.name}=={release.version} \\")
        hashes = sorted({f"--hash=sha256:{file.sha256}" for file in files[release.name]})
        lines.extend(f"    {option} \\" for option in hashes[:-1])
        lines.append(f"    {hashes[-1]}")
        if release.requested_by:
            lines.append(f"    # requested by {', '.join(askers(release))}")
    return "\n".join(lines) + "\n"


def _index_lines(lock: Sequence[LockedRelease]) -> Iterator[str]:
    """Yield what pip must be told of indexes; their order means nothing to pip."""
    urls = sorted({release.index for release in lock})
    if urls in ([], [PUBLIC_INDEX_URL]):
        return
    default = PUBLIC_INDEX_URL if PUBLIC_INDEX_URL in urls else urls[0]
    yield f"--index-url {_inert(default)}"
    yield from (f"--extra-index-url {_inert(url)}" for url in urls if url != default)


def _inert(url: str) -> str:
    """Return `url` without what pip would read as a space, a comment or a variable."""
    return quote(url, safe="%/:?&=@!$'()*+,;~[]-._")
