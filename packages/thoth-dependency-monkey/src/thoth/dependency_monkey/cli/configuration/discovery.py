"""Which package indexes a run of the command asks, in which order, and on whose word."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from thoth.dependency_monkey.cli.configuration.pip import pip_indexes
from thoth.dependency_monkey.cli.configuration.sources import Found, NamedUrl, Places
from thoth.dependency_monkey.cli.configuration.uv import uv_indexes
from thoth.dependency_monkey.ecosystems.pypi.index.credentials import (
    Credentials,
    canonical_index_url,
)
from thoth.dependency_monkey.errors import Problem, RequestError
from thoth.dependency_monkey.settings import PUBLIC_INDEX_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from thoth.dependency_monkey.settings import Settings

_PUBLIC = NamedUrl(PUBLIC_INDEX_URL, "the default", "pypi")


@dataclass(frozen=True, slots=True)
class ConfiguredIndex:
    """A package index to ask.

    `url` is canonical and carries no credentials; `origin` is the flag, the variable or the file
    that named it. `name` is unique within a configuration.
    """

    name: str
    url: str
    credentials: Credentials | None = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class IndexConfiguration:
    """The indexes in the order of their priority, the default one last, and what to warn of."""

    indexes: tuple[ConfiguredIndex, ...]
    warnings: tuple[str, ...]


def discover_indexes(
    settings: Settings,
    places: Places,
    *,
    index_url: str | None = None,
    extra_index_urls: Sequence[str] = (),
) -> IndexConfiguration:
    """Return the indexes to ask.

    Sources in order: the flags (`index_url`, `extra_index_urls`), `settings`, uv's settings, pip's,
    the public index. The default index and the extra indexes are each taken from the first source
    that gives any; a tool's settings are only read while something is still missing. Within uv's
    and pip's settings, the tool's own rules hold.

    Raises `RequestError` where a URL or a settings file is malformed, or where a tool's `no-index`
    leaves nothing to ask.
    """
    default: NamedUrl | None = None
    extras: list[NamedUrl] | None = None
    warnings: list[str] = []
    closed: str | None = None
    for read in _sources(settings, places, index_url, extra_index_urls):
        found = read()
        warnings += _warnings(found)
        closed = found.closed
        if closed is not None:
            break
        default = default or found.default
        extras = found.extras if extras is None else extras
        if default is not None and extras is not None:
            break
    if closed is None:
        default = default or _PUBLIC
    named = [*(extras or ()), *([default] if default else ())]
    if not named:
        raise RequestError(
            Problem(
                "There is no package index to ask",
                "Name one with --index-url or THOTH_INDEX_URL.",
                source=closed,
            )
        )
    return IndexConfiguration(_canonical(named), tuple(dict.fromkeys(warnings)))


def _sources(
    settings: Settings, places: Places, index_url: str | None, extra_index_urls: Sequence[str]
) -> Iterator[Callable[[], Found]]:
    flags = Found()
    if index_url:
        flags.default = NamedUrl(index_url, "--index-url")
    if extra_index_urls:
        flags.extras = [NamedUrl(url, "--extra-index-url") for url in extra_index_urls]
    own = Found()
    if settings.index_url:
        own.default = NamedUrl(settings.index_url, "THOTH_INDEX_URL")
    if settings.extra_index_urls is not None:
        own.extras = [NamedUrl(url, "THOTH_EXTRA_INDEX_URL") for url in settings.extra_index_urls]
    yield lambda: flags
    yield lambda: own
    yield lambda: uv_indexes(places)
    yield lambda: pip_indexes(places)


def _warnings(found: Found) -> Iterator[str]:
    yield from found.warnings
    if found.ignored:
        settings = ", ".join(
            f"{_counted(count, what)} ({origin})" for (what, origin), count in found.ignored.items()
        )
        yield f"Not searched, since only HTTP package indexes are: {settings}"


def _canonical(named: Sequence[NamedUrl]) -> tuple[ConfiguredIndex, ...]:
    """Return the indexes, each URL once, each under a name of its own."""
    indexes: dict[str, ConfiguredIndex] = {}
    names: set[str] = set()
    for index in named:
        try:
            url, credentials = canonical_index_url(index.text)
        except RequestError as error:
            raise RequestError(
                *(replace(problem, source=index.origin) for problem in error.problems)
            ) from None
        if url in indexes:
            continue
        name = _unused(_PUBLIC.name if url == PUBLIC_INDEX_URL else index.name, url, names)
        names.add(name)
        indexes[url] = ConfiguredIndex(name, url, credentials, index.origin)
    return tuple(indexes.values())


def _unused(name: str | None, url: str, taken: set[str]) -> str:
    wanted = name or urlsplit(url).netloc
    number = 1
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _counted(number: int, what: str) -> str:
    if what.endswith("s"):
        return what
    return f"1 {what}" if number == 1 else f"{number} {what}es"
