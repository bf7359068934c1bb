"""pip's settings, as far as they concern indexes: `PIP_*` variables and pip.conf files.

Precedence as pip documents it: a variable over `[install]` over `[global]`; among files, later
ones override earlier ones in the order machine, user, environment, `PIP_CONFIG_FILE`.
"""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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

_KEYS = ("index-url", "extra-index-url", "find-links", "no-index")
_SECTIONS = ("global", "install")


def pip_indexes(places: Places) -> Found:
    """Return what pip would search. Raises `RequestError` for a malformed file."""
    found = Found()
    values = _values(places, found)
    if "no-index" in values and is_on(values["no-index"][0]):
        found.closed = f"no-index ({values['no-index'][1]})"
    if "index-url" in values:
        text, origin = values["index-url"]
        if is_remote(text.strip()):
            found.default = NamedUrl(text.strip(), origin)
        else:
            found.ignore("local index", origin)
    if "extra-index-url" in values:
        text, origin = values["extra-index-url"]
        found.extras = []
        for url in text.split():
            if is_remote(url):
                found.add(NamedUrl(url, origin))
            else:
                found.ignore("local index", origin)
    if "find-links" in values:
        found.ignore("find-links", values["find-links"][1])
    return found


def _values(places: Places, found: Found) -> dict[str, tuple[str, str]]:
    """Return the settings in force, each with its origin. An empty value counts as none."""
    sections: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in _SECTIONS}
    for path in _files(places):
        text = read_settings(path, found)
        if text is None:
            if str(path) == places.environ.get("PIP_CONFIG_FILE"):
                found.warnings.append(f"PIP_CONFIG_FILE names no readable file: {path}")
            continue
        parser = _parsed(text, path)
        for section in _SECTIONS:
            for option, value in parser.items(section) if parser.has_section(section) else ():
                key = option.lower().replace("_", "-").removeprefix("--")
                if key in _KEYS and value:
                    sections[section][key] = (value, str(path))
    variables = {}
    for key in _KEYS:
        name = f"PIP_{key.upper().replace('-', '_')}"
        if value := places.environ.get(name, "").strip():
            variables[key] = (value, name)
    return sections["global"] | sections["install"] | variables


def _files(places: Places) -> Iterator[Path]:
    """Yield pip's configuration files; later ones override earlier ones."""
    own = places.environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
    else:
        for directory in places.system:
            yield directory / "pip/pip.conf"
        yield places.etc / "pip.conf"
    if not (own and os.access(own, os.F_OK)):
        yield places.home / ".pip/pip.conf"
        application = places.home / "Library/Application Support/pip"
        if sys.platform == "darwin" and application.is_dir():
            yield application / "pip.conf"
        else:
            yield places.user / "pip/pip.conf"
    yield places.prefix / "pip.conf"
    if own:
        yield Path(own)


def _parsed(text: str, path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        errors = getattr(error, "errors", None)
        line = errors[0][0] if errors else getattr(error, "lineno", None)
        raise RequestError(
            Problem(
                "pip's settings are malformed here",
                "Mend the file, or set PIP_CONFIG_FILE=/dev/null to leave pip's settings out.",
                line=line,
                source=str(path),
            )
        ) from None
    return parser
