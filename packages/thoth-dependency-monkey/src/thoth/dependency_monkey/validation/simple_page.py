"""Pages of the read-through index as clients read them (PEP 503, 592, 658, 691, 700, 714).

A file's URL is our own, relative to the page: there its core metadata is, too (PEP 658), and
whoever wants the file itself is sent on to the real one.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.facts import Artifact, decode_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.dependency_monkey.ecosystems.pypi.facts import Page

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def files_of(page: Page, before: datetime | None = None) -> Iterator[tuple[str, Artifact]]:
    """Yield (version, artifact) of a page that has its artifacts, in its order.

    With `before`, only what was uploaded earlier: what has no upload time is left out.
    """
    facts, encoded = page.facts, page.artifacts
    if facts is None or encoded is None:
        return
    latest = None if before is None else before.timestamp()
    for position, version in enumerate(facts.versions):
        start, stop = facts.offsets[position : position + 2]
        for artifact in decode_artifacts(encoded[start:stop]):
            if latest is None or (artifact.uploaded is not None and artifact.uploaded < latest):
                yield version, artifact


def json_page(page: Page, before: datetime | None = None) -> bytes:
    """Return the page as JSON (PEP 691), with sizes, upload times and versions (PEP 700)."""
    files: list[_File] = []
    versions: dict[str, None] = {}
    for version, artifact in files_of(page, before):
        versions[version] = None
        files.append(_json_file(page.package, artifact))
    # PEP 700 demands a size of every file.
    extended = all(file.size is not None for file in files)
    document: dict[str, Any] = {
        "meta": {"api-version": "1.1" if extended else "1.0"},
        "name": page.package,
        "files": files,
    }
    if extended:
        document["versions"] = list(versions)
    return msgspec.json.encode(document)


def html_page(page: Page, before: datetime | None = None) -> bytes:
    """Return the page as HTML (PEP 503)."""
    title = html.escape(page.package)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="pypi:repository-version" content="1.0">',
        f"<title>{title}</title></head><body><h1>{title}</h1>",
    ]
    lines += [_link(page.package, artifact) for _, artifact in files_of(page, before)]
    lines.append("</body></html>")
    return "\n".join(lines).encode("utf-8", "replace")


def _url(package: str, artifact: Artifact) -> str:
    return f"../../files/{package}/{quote(artifact.filename, safe='')}"


class _File(msgspec.Struct, rename="kebab", omit_defaults=True, gc=False):
    filename: str
    url: str
    hashes: dict[str, str]
    yanked: bool | str
    requires_python: str | None = None
    size: int | None = None
    upload_time: datetime | None = None
    core_metadata: dict[str, str] | bool | None = None


def _json_file(package: str, artifact: Artifact) -> _File:
    known = artifact.metadata_sha256
    return _File(
        artifact.filename,
        _url(package, artifact),
        {} if artifact.sha256 is None else {"sha256": artifact.sha256},
        False if artifact.yanked is None else artifact.yanked or True,
        artifact.requires_python,
        artifact.size,
        # Twice as fast as asking `datetime.fromtimestamp`.
        None if artifact.uploaded is None else _EPOCH + timedelta(seconds=int(artifact.uploaded)),
        ({"sha256": known} if known else True) if _has_metadata(artifact) else None,
    )


def _link(package: str, artifact: Artifact) -> str:
    fragment = "" if artifact.sha256 is None else f"#sha256={artifact.sha256}"
    attributes = {"href": f"{_url(package, artifact)}{fragment}"}
    if artifact.requires_python is not None:
        attributes["data-requires-python"] = artifact.requires_python
    if artifact.yanked is not None:
        attributes["data-yanked"] = artifact.yanked
    if _has_metadata(artifact):
        known = artifact.metadata_sha256
        attributes["data-core-metadata"] = f"sha256={known}" if known else "true"
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(artifact.filename)}</a><br>"


def _has_metadata(artifact: Artifact) -> bool:
    """Say whether we offer an artifact's metadata apart: what a wheel holds, we can read."""
    return artifact.kind == "wheel" or artifact.metadata_sha256 is not None
