"""uv's settings, as far as they concern indexes: `UV_*` variables, uv.toml and `[tool.uv]`.

As `uv pip` reads them: variables before the project's file before the user's before the machine's;
lists are joined in that order, of single values the first one counts. The project's file is the
uv.toml, or the pyproject.toml with a `[tool.uv]` table, of the nearest directory that has one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from thoth.dependency_monkey.cli.configuration.sources import (
    Found,
    NamedUrl,
    is_on,
    is_remote,
    read_settings,
)
from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.dependency_monkey.cli.configuration.sources import Places

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", re.ASCII)
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")

Table = dict[str, Any]


def uv_indexes(places: Places) -> Found:
    """Return what uv would search. Raises `RequestError` for a malformed file."""
    found = Found()
    settings = list(_files(places, found))
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
        for text in places.environ.get(name, "").split():
            _offer(found, _from_variable(text, name))
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if default := places.environ.get(name, "").strip():
            _settle(found, _from_variable(default, name))
    for table, path in settings:
        _read_indexes(table, path, found)
    for of in (_pip, _top):
        for table, path in settings:
            for text in _texts(of(table), "extra-index-url", path):
                _offer(found, NamedUrl(text, path))
    for of in (_pip, _top):
        for table, path in settings:
            if (url := _text(of(table), "index-url", path)) is not None:
                _settle(found, NamedUrl(url, path))
            if of(table).get("find-links"):
                found.ignore("find-links", path)
            if of(table).get("no-index") is True:
                found.closed = found.closed or f"no-index ({path})"
    if places.environ.get("UV_FIND_LINKS"):
        found.ignore("find-links", "UV_FIND_LINKS")
    if is_on(places.environ.get("UV_NO_INDEX", "")):
        found.closed = found.closed or "UV_NO_INDEX"
    _authenticate(found, places)
    return found


def _files(places: Places, found: Found) -> Iterator[tuple[Table, str]]:
    """Yield the tables of settings in force, the most important first."""
    if is_on(places.environ.get("UV_NO_CONFIG", "")):
        return
    if own := places.environ.get("UV_CONFIG_FILE"):
        if (table := _table(Path(own), found)) is not None:
            yield table, own
        else:
            found.warnings.append(f"UV_CONFIG_FILE names no readable file: {own}")
        return
    yield from _project(places.directory, found)
    user = places.user / "uv/uv.toml"
    if (table := _table(user, found)) is not None:
        yield table, str(user)
    for path in (*(system / "uv/uv.toml" for system in places.system), places.etc / "uv/uv.toml"):
        if (table := _table(path, found)) is not None:
            yield table, str(path)
            return


def _project(directory: Path, found: Found) -> Iterator[tuple[Table, str]]:
    for parent in (directory, *directory.parents):
        path = parent / "uv.toml"
        if (table := _table(path, found)) is not None:
            yield table, str(path)
            return
        path = parent / "pyproject.toml"
        tool = (_table(path, found, mentioning="uv") or {}).get("tool")
        if isinstance(tool, dict) and isinstance(tool.get("uv"), dict):
            yield tool["uv"], str(path)
            return


def _table(path: Path, found: Found, mentioning: str = "") -> Table | None:
    """Return the parsed file, or None where there is none or it lacks the word `mentioning`."""
    text = read_settings(path, found)
    if text is None or mentioning not in text:
        return None
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        raise RequestError(
            Problem(
                "The file is not TOML from here on",
                "Mend it, or set UV_NO_CONFIG=1 to leave uv's files out.",
                line=int(place[1]) if place else None,
                column=int(place[2]) if place else None,
                source=str(path),
            )
        ) from None


def _top(table: Table) -> Table:
    return table


def _pip(table: Table) -> Table:
    pip = table.get("pip")
    return pip if isinstance(pip, dict) else {}


def _read_indexes(table: Table, path: str, found: Found) -> None:
    """Read the `[[index]]` tables; those for packages that name them are nobody else's."""
    listed = table.get("index", [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise _mistyped("index", "a list of tables", path)
    for entry in listed:
        if entry.get("explicit") is True:
            continue
        url = _text(entry, "url", path)
        if url is None:
            raise _mistyped("index.url", "a text", path)
        index = NamedUrl(url, path, _text(entry, "name", path))
        if entry.get("format") == "flat":
            found.ignore("flat index", path)
        elif entry.get("default") is True:
            _settle(found, index)
        else:
            _offer(found, index)


def _from_variable(text: str, variable: str) -> NamedUrl:
    """Read "NAME=URL" or a mere URL."""
    named = _NAMED.fullmatch(text)
    return NamedUrl(named[2], variable, named[1]) if named else NamedUrl(text, variable)


def _offer(found: Found, index: NamedUrl) -> None:
    """Take an extra index, unless it is local or another of its name came before."""
    if not is_remote(index.text):
        found.ignore("local index", index.origin)
    elif index.name is None or index.name not in {extra.name for extra in found.extras or ()}:
        found.add(index)


def _settle(found: Found, index: NamedUrl) -> None:
    """Take a default index, unless there is one or it is local."""
    if not is_remote(index.text):
        found.ignore("local index", index.origin)
    elif found.default is None:
        found.default = index


def _text(table: Table, key: str, path: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise _mistyped(key, "a text", path)
    return value


def _texts(table: Table, key: str, path: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _mistyped(key, "a list of texts", path)
    return value


def _mistyped(key: str, wanted: str, path: str) -> RequestError:
    return RequestError(
        Problem(
            f"The setting {key!r} is not {wanted}",
            "Mend it, or set UV_NO_CONFIG=1 to leave uv's files out.",
            source=path,
        )
    )


def _authenticate(found: Found, places: Places) -> None:
    """Add the credentials that `UV_INDEX_NAME_USERNAME` and `..._PASSWORD` give a named index."""
    found.default = found.default and _with_credentials(found.default, places)
    found.extras = found.extras and [_with_credentials(index, places) for index in found.extras]


def _with_credentials(index: NamedUrl, places: Places) -> NamedUrl:
    if index.name is None:
        return index
    prefix = f"UV_INDEX_{re.sub('[^A-Za-z0-9]', '_', index.name).upper()}"
    username = places.environ.get(f"{prefix}_USERNAME", "")
    password = places.environ.get(f"{prefix}_PASSWORD", "")
    try:
        parts = urlsplit(index.text)
    except ValueError:
        return index
    if not (username or password) or "@" in parts.netloc:
        return index
    user_info = f"{quote(username, safe='')}:{quote(password, safe='')}"
    url = parts._replace(netloc=f"{user_info}@{parts.netloc}").geturl()
    return NamedUrl(url, index.origin, index.name)
