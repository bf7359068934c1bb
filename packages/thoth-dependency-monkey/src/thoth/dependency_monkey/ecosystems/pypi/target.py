"""Targets: what a stack must run on, as an id, marker values and usable tags.

An id is `<interpreter><XY>-<platform tag>`, with the patch release after a dot where it matters:
`cp312-manylinux_2_28_x86_64`, `cp312.4-win_amd64`, `cp313t-macosx_14_0_arm64`, `pp311-...`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi import python_releases, tags
from thoth.dependency_monkey.ecosystems.pypi.specification_faults import excerpt
from thoth.dependency_monkey.errors import Problem, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINOR = r"0|[1-9][0-9]?"
_PATCH = r"(?:0|[1-9][0-9]{0,2})(?:(?:a|b|rc)(?:0|[1-9][0-9]?))?"
_ID = re.compile(rf"(cp|pp)([0-9])({_MINOR})(t?)(?:\.({_PATCH}))?-([a-z0-9_]+)")
_PYTHON = re.compile(rf"([0-9])\.({_MINOR})(?:\.({_PATCH}))?(t?)")
_LOOSE_INTERPRETER = re.compile(r"[a-z]*?(pp|pypy)?[a-z]*-?3\.?([0-9]{1,2})(?![0-9])")
_FORMS = (
    "A target is an interpreter and a platform tag, such as cp312-manylinux_2_28_x86_64, "
    "cp312.4-win_amd64, cp313t-macosx_14_0_arm64, pp311-musllinux_1_2_aarch64."
)
_IMPLEMENTATIONS = {"cp": "cp", "cpython": "cp", "pp": "pp", "pypy": "pp"}
_FREE_THREADED_SINCE = 13
_ALIASES = {
    "linux": {"*": "manylinux_2_28_{}"},
    "musllinux": {"*": "musllinux_1_2_{}"},
    "macos": {"x86_64": "macosx_14_0_x86_64", "aarch64": "macosx_14_0_arm64"},
    "windows": {"x86_64": "win_amd64", "aarch64": "win_arm64", "i686": "win32"},
}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686", "i586": "i686"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a stack must run on.

    `markers` holds the eleven PEP 508 values, `python` the full version of Python. Targets are
    equal where id and markers are, since an id leaves the release of the operating system open.
    """

    id: str
    markers: Mapping[str, str]
    python: Version
    tags: tags.TagTable = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.id)

    def tag_priority(self, compressed_tag_set: str) -> int | None:
        """Return how well a wheel fits, given the tag part of its file name (PEP 425, PEP 427).

        0 is the best match, larger is worse, None means that the target cannot use it.
        """
        return self.tags.priority(compressed_tag_set)


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """An implementation of Python 3.`minor`; without `patch` the newest known one is meant."""

    implementation: str
    minor: int
    patch: str | None
    threaded: bool

    @property
    def tag(self) -> str:
        patch = "" if self.patch is None else f".{self.patch}"
        return f"{self.implementation}3{self.minor}{'t' if self.threaded else ''}{patch}"


@lru_cache(maxsize=256)
def parse_target(text: str) -> Target:
    """Return the target that an id names.

    Legacy manylinux names come out in their PEP 600 form. `python_full_version` is the newest
    known patch release unless the id gives one. Raises `RequestError`.
    """
    found = _ID.fullmatch(text.strip().lower()) if len(text) <= 100 else None
    if found is None:
        raise _problem(f"'{excerpt(text)}' is not a target", f"{_suggestion(text)}{_FORMS}")
    implementation, major, minor, threaded, patch, platform_tag = found.groups()
    interpreter = _interpreter(implementation, int(major), int(minor), patch, bool(threaded))
    platform = tags.parse_platform(platform_tag)
    if platform is None:
        raise _problem(
            f"the platform tag '{excerpt(platform_tag)}' is not known",
            f"{_suggestion(text)}{_FORMS}",
        )
    return _compose(interpreter, platform)


@cache
def running_target() -> Target:
    """Return the target of the running interpreter: its real marker values, its real tags."""
    from packaging.markers import default_environment

    markers = {name: str(value) for name, value in default_environment().items()}
    # An interpreter built from a working copy calls itself "3.13.1+", which is not PEP 440.
    python = Version(markers["python_full_version"].rstrip("+"))
    running = _running_interpreter()
    return Target(
        f"{running.tag}-{tags.running_platform().tag}",
        MappingProxyType(markers),
        python,
        tags.running_tags(),
    )


def target_for(
    python: str | None = None, platform: str | None = None, implementation: str | None = None
) -> Target:
    """Return a target from parts; what is not given is that of the running interpreter.

    `python` is a version such as "3.12", "3.12.4" or "3.13t" (free-threaded); without a patch
    release it means the newest known one. `platform` is a platform tag, or "linux", "musllinux",
    "macos" or "windows" for a usual one on the running machine. `implementation` is "cpython"
    ("cp") or "pypy" ("pp"). Raises `RequestError`.
    """
    if python is None and platform is None and implementation is None:
        return running_target()
    running = _running_interpreter()
    short = _implementation(implementation, running.implementation)
    if python is not None:
        interpreter = _python(python, short)
    elif short == running.implementation:
        interpreter = running
    else:
        interpreter = _interpreter(short, 3, running.minor, None, threaded=False)
    chosen = tags.running_platform() if platform is None else _platform(platform)
    return _compose(interpreter, chosen)


def _running_interpreter() -> _Interpreter:
    import platform

    from packaging.tags import interpreter_name

    _, minor, patch = platform.python_version().rstrip("+").split(".", 2)
    return _Interpreter(interpreter_name(), int(minor), patch, _running_free_threaded())


def _running_free_threaded() -> bool:
    if sys.version_info < (3, _FREE_THREADED_SINCE):
        return False
    # Loading sysconfig's variables costs milliseconds; they are left for where there is no flag.
    if hasattr(sys, "abiflags"):
        return "t" in sys.abiflags
    import sysconfig

    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _compose(interpreter: _Interpreter, platform: tags.Platform) -> Target:
    minor, pypy = interpreter.minor, interpreter.implementation == "pp"
    patch = interpreter.patch or str(python_releases.newest_patch(minor, pypy=pypy))
    full = f"3.{minor}.{patch}"
    if pypy:
        release = python_releases.pypy_release(minor, Version(full).micro)
        table = tags.pypy_tags(minor, platform.tags, release)
    else:
        # PEP 508 abbreviates the level of a pre-release to one letter in this value alone.
        release = full.replace("rc", "c")
        table = tags.cpython_tags(minor, platform.tags, threaded=interpreter.threaded)
    markers = {
        **platform.markers,
        "platform_python_implementation": "PyPy" if pypy else "CPython",
        "implementation_name": "pypy" if pypy else "cpython",
        "implementation_version": release,
        "python_version": f"3.{minor}",
        "python_full_version": full,
    }
    return Target(
        f"{interpreter.tag}-{platform.tag}", MappingProxyType(markers), Version(full), table
    )


def _interpreter(
    implementation: str, major: int, minor: int, patch: str | None, threaded: bool
) -> _Interpreter:
    oldest, newest = python_releases.OLDEST_MINOR, python_releases.NEWEST_MINOR
    if major != 3 or not oldest <= minor <= newest:
        raise _problem(
            f"Python {major}.{minor} is not supported",
            f"Choose a version from 3.{oldest} to 3.{newest}.",
        )
    if threaded and (implementation != "cp" or minor < _FREE_THREADED_SINCE):
        raise _problem(
            "there is no such free-threaded (t) build",
            f"Only CPython has them, from 3.{_FREE_THREADED_SINCE} on; leave out the t.",
        )
    return _Interpreter(implementation, minor, patch, threaded)


def _implementation(text: str | None, running: str) -> str:
    name = running if text is None else text.strip().lower()
    if name not in _IMPLEMENTATIONS:
        raise _problem(
            f"the implementation '{excerpt(name)}' is not known", "Choose cpython or pypy."
        )
    return _IMPLEMENTATIONS[name]


def _python(text: str, implementation: str) -> _Interpreter:
    found = _PYTHON.fullmatch(text.strip().lower())
    if found is None:
        raise _problem(
            f"'{excerpt(text)}' is not a version of Python",
            "Write it like 3.12, 3.12.4 or 3.13t (free-threaded).",
        )
    major, minor, patch, threaded = found.groups()
    return _interpreter(implementation, int(major), int(minor), patch, bool(threaded))


def _platform(text: str) -> tags.Platform:
    name = text.strip().lower()
    if name in _ALIASES:
        name = _usual_platform(name)
    platform = tags.parse_platform(name) if len(name) <= 100 else None
    if platform is None:
        raise _problem(
            f"the platform '{excerpt(text)}' is not known",
            f"{_did_you_mean([*_ALIASES, *tags.COMMON_PLATFORMS], name)}Choose a platform tag such "
            f"as {', '.join(tags.COMMON_PLATFORMS[:3])}, macosx_14_0_arm64 or win_amd64, or one "
            f"of {', '.join(_ALIASES)}.",
        )
    return platform


def _usual_platform(alias: str) -> str:
    machine = tags.running_platform().markers["platform_machine"].lower()
    machine = _MACHINES.get(machine, machine)
    usual = _ALIASES[alias]
    return usual.get(machine, usual.get("*", alias)).format(machine)


def _suggestion(text: str) -> str:
    name = text.strip().lower()[:100]
    found = _LOOSE_INTERPRETER.match(name)
    if found is None:
        return ""
    prefix, _, rest = name.partition("-")
    interpreter = prefix if _ID.match(f"{prefix}-x") else f"{'pp' if found[1] else 'cp'}3{found[2]}"
    usual = [tag.format("x86_64") for tag in _ALIASES.get(rest or "linux", {}).values()]
    if usual:
        return f"Did you mean {' or '.join(f'{interpreter}-{tag}' for tag in usual)}? "
    return _did_you_mean(tags.COMMON_PLATFORMS, rest, f"{interpreter}-")


def _did_you_mean(names: list[str] | tuple[str, ...], text: str, prefix: str = "") -> str:
    from difflib import get_close_matches

    close = get_close_matches(text[:100], names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(prefix + name for name in close)}? " if close else ""


def _problem(message: str, remedy: str) -> RequestError:
    return RequestError(Problem(message, remedy))
