"""What an installed release says of itself, as solvers report it, in the form of a record."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from thoth.storages.graph.queries.values import MAX_TEXT_CHARACTERS
from thoth.storages.graph.release_records import ReleaseMetadataRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_IMPORT_PACKAGES = 1000
"""Of one release, at most so many names that it can be imported by are kept."""
MAX_LISTED_CHARACTERS = 512
"""Classifiers and the like with more characters are left out."""
MAX_OTHER_BYTES = 2**20
"""Fields without a column of their own are left out where they have more bytes than this in all."""
_MAX_DESCRIPTION_CHARACTERS = 2**20

_TEXTS = {
    "metadata-version": "metadata_version",
    "summary": "summary",
    "author": "author",
    "author-email": "author_email",
    "maintainer": "maintainer",
    "maintainer-email": "maintainer_email",
    "license": "license",
    "license-expression": "license_expression",
    "home-page": "home_page",
    "download-url": "download_url",
    "keywords": "keywords",
    "description-content-type": "description_content_type",
}
_LISTS = {"platform": "platforms", "classifier": "classifiers"}
# What a release's row and its dependencies say.
_ELSEWHERE = frozenset(
    {"name", "version", "requires-python", "requires-dist", "project-url", "description"}
)
_MODULES = (".py", ".so", ".pyd")
_MOST_FOLDERS = 31
_JSON_NUL = re.compile(rb"((?<!\\)(?:\\\\)*)\\u0000")
_NOT_JSON = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)


class FileEntry(msgspec.Struct, frozen=True, gc=False):
    """A file that was installed, by its path below the directory that modules are imported from."""

    path: str | None = None


def shown(value: object, *, most: int = MAX_TEXT_CHARACTERS) -> str | None:
    """Return a value as a text that a row can hold: shortened, without NUL and lone surrogates."""
    if value is None:
        return None
    text = value if isinstance(value, str) else _as_json(value)
    text = text[:most] if len(text) > most else text
    text = text.replace("\0", "\ufffd") if "\0" in text else text
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def text_of(value: object) -> str | None:
    """Return what a field of metadata says; None for nothing, and for `UNKNOWN`, which says it."""
    text = shown(value)
    return None if not text or text == "UNKNOWN" else text


def metadata_record(
    fields: Mapping[str, Any], files: Sequence[FileEntry], license_text: str | None
) -> ReleaseMetadataRecord:
    """Return the record of core metadata given by the names of its fields (`Author-email`).

    `license_text` counts where the metadata name no licence.
    """
    facts: dict[str, Any] = {}
    other: dict[str, Any] = {}
    urls: dict[str, str] = {}
    is_plain = _are_plain([value for value in fields.values() if type(value) is str])
    for field, value in fields.items():
        name, column = _place_of(field)
        if column is not None:
            facts[column] = value if is_plain and type(value) is str else text_of(value)
        elif name in _LISTS:
            facts[_LISTS[name]] = _listed(value)
        elif name == "project-url":
            urls = _project_urls(value)
        elif name == "description":
            facts["description"] = shown(value, most=_MAX_DESCRIPTION_CHARACTERS)
        elif name not in _ELSEWHERE and value is not None:
            other[name.replace("-", "_")] = value
    if not facts.get("license"):
        facts["license"] = text_of(license_text)
    expression = facts.get("license_expression")
    if expression is not None and len(expression) > MAX_LISTED_CHARACTERS:
        facts["license_expression"] = None
    return ReleaseMetadataRecord(
        **facts,
        project_urls=urls,
        import_packages=import_packages([file.path for file in files if file.path]),
        other=_storable(other),
    )


@lru_cache(maxsize=1024)
def _place_of(field: str) -> tuple[str, str | None]:
    """Return a field's name, and the column that its text belongs to."""
    name = field.lower().replace("_", "-")
    return name, _TEXTS.get(name)


def import_packages(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a release can be imported by, sorted, given the paths of its files.

    That is its topmost packages and modules. Below a directory that is no package (a namespace of
    PEP 420) it is the topmost ones there: `google/cloud/storage/__init__.py` is
    `google.cloud.storage`.
    """
    # Most releases are one package at the top, and all below it needs no look.
    packages = [path[:-12] for path in paths if path.endswith("/__init__.py")]
    topmost = {package for package in packages if package and "/" not in package}
    names = set(filter(str.isidentifier, topmost))
    folders: dict[str, set[str]] = {}
    others = [path for path in paths if path.partition("/")[0] not in topmost]
    for path in others:
        if path.endswith(_MODULES):
            folder, slash, filename = path.rpartition("/")
            folders.setdefault(folder + slash, set()).add(filename.partition(".")[0])
    for folder, found in folders.items():
        parts = folder.split("/")[:-1]
        if len(parts) < _MOST_FOLDERS and all(map(str.isidentifier, parts)):
            names |= _topmost(parts, found, folders)
    return tuple(sorted(names)[:MAX_IMPORT_PACKAGES])


def _topmost(parts: list[str], modules: set[str], folders: Mapping[str, set[str]]) -> set[str]:
    """Return the topmost package that a folder is in, or else the names of its modules."""
    for length in range(1, len(parts) + 1):
        if "__init__" in folders.get("/".join((*parts[:length], "")), ()):
            return {".".join(parts[:length])}
    return {
        ".".join((*parts, module))
        for module in modules
        if module != "__init__" and module.isidentifier()
    }


def _listed(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    if _are_plain(values) and max(map(len, values), default=0) <= MAX_LISTED_CHARACTERS:
        return tuple(values)
    texts = [text_of(each) for each in values]
    return tuple([text for text in texts if text and len(text) <= MAX_LISTED_CHARACTERS])


def _are_plain(values: Sequence[Any]) -> bool:
    """Tell at once that `text_of` leaves each of these as it is."""
    try:
        text = "".join(values)
    except TypeError:
        return False
    return (
        text.isascii()
        and "\0" not in text
        and len(text) <= MAX_TEXT_CHARACTERS
        and "UNKNOWN" not in values
        and "" not in values
    )


def _project_urls(value: object) -> dict[str, str]:
    """Return URLs by their labels; core metadata write them as `label, URL`."""
    urls: dict[str, str] = {}
    for entry in value if isinstance(value, list | tuple) else [value]:
        label, comma, url = (shown(entry) or "").partition(",")
        if comma:
            urls[label.strip()] = url.strip()
    return urls


def _storable(other: dict[str, Any]) -> dict[str, Any]:
    """Return what JSONB can hold of other fields: without NUL, and nothing where it is too much."""
    if not other:
        return other
    try:
        encoded = msgspec.json.encode(other)
    except _NOT_JSON:
        return {}
    if len(encoded) > MAX_OTHER_BYTES:
        return {}
    if b"\\u0000" not in encoded:
        return other
    cleaned, count = _JSON_NUL.subn(b"\\g<1>" + "\ufffd".encode(), encoded)
    return msgspec.json.decode(cleaned, type=dict[str, Any]) if count else other


def _as_json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except _NOT_JSON:
        return f"<{type(value).__name__}>"
