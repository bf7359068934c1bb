"""The settings of Dependency Monkey: every `THOTH_*` variable that this distribution reads.

Read when a `Settings` is made, never at import. `THOTH_DATA_DIR` and whatever else concerns the
knowledge graph and the documents belongs to `thoth.storages.settings`.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_INDEX_URL = "https://pypi.org/simple/"
DEFAULT_MAX_AGE = 600.0
LONGEST_MAX_AGE = 366 * 86_400.0
DEFAULT_TIMEOUT = 60.0
LONGEST_TIMEOUT = 3_600.0
DEFAULT_RETENTION_DAYS = 30.0
LONGEST_RETENTION_DAYS = 36_500.0
DEFAULT_HEARTBEAT_TIMEOUT = 10.0
LONGEST_HEARTBEAT_TIMEOUT = 3_600.0
DEFAULT_INTERRUPTIONS = 20
MOST_INTERRUPTIONS = 1_000

_DIGITS = re.compile(r"[0-9]{1,9}")
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    `index_url` and `extra_index_urls` are texts as given, or None where the variable is not set; a
    variable that is set to nothing means "no extra indexes", which an unset one does not.
    `max_age` is how old, in seconds, a known page may be; `timeout` how many seconds a validation
    may take; `offline` forbids the network. `target` is the id of the target that a service
    validates for, None for its own interpreter; it keeps validations for `retention_days`.
    A worker that is silent for `heartbeat_timeout` seconds has lost its jobs; a job that was
    interrupted `interruptions` times has failed. `store` has the command keep its validations.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] | None = None
    max_age: float = DEFAULT_MAX_AGE
    timeout: float = DEFAULT_TIMEOUT
    offline: bool = False
    target: str | None = None
    retention_days: float = DEFAULT_RETENTION_DAYS
    heartbeat_timeout: float = DEFAULT_HEARTBEAT_TIMEOUT
    interruptions: int = DEFAULT_INTERRUPTIONS
    store: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; every bad one is named in the `RequestError` that is raised."""
        environ = os.environ if environ is None else environ
        problems: list[Problem] = []
        extra = environ.get("THOTH_EXTRA_INDEX_URL")
        settings = cls(
            index_url=environ.get("THOTH_INDEX_URL", "").strip() or None,
            extra_index_urls=None if extra is None else tuple(extra.split()),
            max_age=_number(
                environ, "THOTH_MAX_AGE", DEFAULT_MAX_AGE, 0.0, LONGEST_MAX_AGE, problems
            ),
            timeout=_number(
                environ, "THOTH_TIMEOUT", DEFAULT_TIMEOUT, 1.0, LONGEST_TIMEOUT, problems
            ),
            offline=_switch(environ, "THOTH_OFFLINE", problems),
            target=environ.get("THOTH_TARGET", "").strip() or None,
            retention_days=_number(
                environ,
                "THOTH_RETENTION_DAYS",
                DEFAULT_RETENTION_DAYS,
                0.001,
                LONGEST_RETENTION_DAYS,
                problems,
                unit="days",
            ),
            heartbeat_timeout=_number(
                environ,
                "THOTH_HEARTBEAT_TIMEOUT",
                DEFAULT_HEARTBEAT_TIMEOUT,
                1.0,
                LONGEST_HEARTBEAT_TIMEOUT,
                problems,
            ),
            interruptions=_whole_number(
                environ,
                "THOTH_INTERRUPTIONS",
                DEFAULT_INTERRUPTIONS,
                MOST_INTERRUPTIONS,
                problems,
            ),
            store=_switch(environ, "THOTH_STORE_VALIDATIONS", problems, default=True),
        )
        if problems:
            raise RequestError(*problems)
        return settings


def _number(
    environ: Mapping[str, str],
    name: str,
    default: float,
    least: float,
    most: float,
    problems: list[Problem],
    *,
    unit: str = "seconds",
) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if least <= number <= most:
        return number
    problems.append(
        Problem(
            f"{text[:40]!r} is not a number of {unit} from {least:g} to {most:.0f}",
            f"Set it to such a number, or unset it for the default of {default:.0f}.",
            source=name,
        )
    )
    return default


def _whole_number(
    environ: Mapping[str, str], name: str, default: int, most: int, problems: list[Problem]
) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if _DIGITS.fullmatch(text) and 1 <= int(text) <= most:
        return int(text)
    problems.append(
        Problem(
            f"{text[:40]!r} is not a whole number from 1 to {most}",
            f"Set it to such a number, or unset it for the default of {default}.",
            source=name,
        )
    )
    return default


def _switch(
    environ: Mapping[str, str], name: str, problems: list[Problem], *, default: bool = False
) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in _ON or text in _OFF:
        return text in _ON
    problems.append(
        Problem(
            f"{text[:40]!r} is neither on nor off",
            "Set it to 1, true, yes or on; or to 0, false, no or off; or unset it.",
            source=name,
        )
    )
    return default
