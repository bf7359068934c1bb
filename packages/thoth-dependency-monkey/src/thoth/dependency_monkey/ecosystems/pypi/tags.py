"""What a target can use: PEP 425 tags in order of preference, and the platforms they come from.

The order is that of `packaging.tags`; the platform lists for systems other than the running one are
made here, since `packaging` can only ask the running system for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging import tags as packaging_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_MEMO_LIMIT = 20_000

_LEGACY_MANYLINUX = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_LEGACY_MINOR = {name: minor for minor, name in _LEGACY_MANYLINUX.items()}
_LINUX_MACHINES = (
    "x86_64",
    "aarch64",
    "i686",
    "armv7l",
    "ppc64le",
    "ppc64",
    "s390x",
    "riscv64",
    "loongarch64",
)
_WINDOWS_MACHINES = {"win_amd64": "AMD64", "win32": "x86", "win_arm64": "ARM64"}
_MACHINE = "|".join(_LINUX_MACHINES)
_MINOR = r"0|[1-9][0-9]?"
_MANYLINUX = re.compile(rf"manylinux_2_({_MINOR})_({_MACHINE})")
_LEGACY = re.compile(rf"(manylinux1|manylinux2010|manylinux2014)_({_MACHINE})")
_MUSLLINUX = re.compile(rf"musllinux_1_({_MINOR})_({_MACHINE})")
_LINUX = re.compile(rf"linux_({_MACHINE})")
_MACOS = re.compile(rf"macosx_([1-9][0-9])_({_MINOR})_(arm64|x86_64)")

COMMON_PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_28_aarch64",
    "manylinux_2_17_x86_64",
    "manylinux_2_17_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "linux_x86_64",
    "macosx_14_0_arm64",
    "macosx_11_0_arm64",
    "macosx_14_0_x86_64",
    "win_amd64",
    "win32",
    "win_arm64",
)


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system on a machine.

    `tag` is the platform tag that names it, `tags` are those it can use, the preferred first;
    `markers` are the six PEP 508 values that a platform determines.
    """

    tag: str
    tags: tuple[str, ...]
    markers: Mapping[str, str]


class TagTable:
    """The tags that a target can use, in order; made when first asked, answers remembered.

    Safe to use from several threads. Its memory is bounded, whatever tag sets it is asked about.
    """

    __slots__ = ("_abis", "_interpreters", "_memo", "_platforms", "_positions", "_tags")

    def __init__(self, tags: Callable[[], Iterable[packaging_tags.Tag]]) -> None:
        self._tags = tags
        self._positions: dict[tuple[str, str, str], int] | None = None
        self._interpreters: frozenset[str] = frozenset()
        self._abis: frozenset[str] = frozenset()
        self._platforms: frozenset[str] = frozenset()
        self._memo: dict[str, int | None] = {}

    def priority(self, compressed_tag_set: str) -> int | None:
        """Return the rank of the best tag of a compressed tag set, 0 being best, None unusable."""
        try:
            return self._memo[compressed_tag_set]
        except KeyError:
            found = self._find(compressed_tag_set)
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[compressed_tag_set] = found
            return found

    def _find(self, compressed_tag_set: str) -> int | None:
        positions = self._load() if self._positions is None else self._positions
        parts = compressed_tag_set.lower().split("-")
        if len(parts) != 3:
            return None
        # Only tags that are known take part, so a set of many does not multiply.
        ranks = (
            positions.get(tag)
            for tag in product(
                self._interpreters.intersection(parts[0].split(".")),
                self._abis.intersection(parts[1].split(".")),
                self._platforms.intersection(parts[2].split(".")),
            )
        )
        return min((rank for rank in ranks if rank is not None), default=None)

    def _load(self) -> dict[tuple[str, str, str], int]:
        positions: dict[tuple[str, str, str], int] = {}
        for rank, tag in enumerate(self._tags()):
            positions.setdefault((tag.interpreter, tag.abi, tag.platform), rank)
        self._interpreters = frozenset(tag[0] for tag in positions)
        self._abis = frozenset(tag[1] for tag in positions)
        self._platforms = frozenset(tag[2] for tag in positions)
        self._positions = positions
        return positions


def cpython_tags(minor: int, platforms: tuple[str, ...], *, threaded: bool) -> TagTable:
    """Return the tags of CPython 3.`minor`, free-threaded or not."""
    interpreter = f"cp3{minor}"
    abi = f"{interpreter}t" if threaded else interpreter

    def tags() -> Iterator[packaging_tags.Tag]:
        yield from packaging_tags.cpython_tags((3, minor), [abi], platforms)
        yield from packaging_tags.compatible_tags((3, minor), interpreter, platforms)

    return TagTable(tags)


def pypy_tags(minor: int, platforms: tuple[str, ...], release: str) -> TagTable:
    """Return the tags of the PyPy `release` that implements Python 3.`minor`."""
    major, feature = release.split(".")[:2]
    abi = f"pypy3{minor}_pp{major}{feature}"

    def tags() -> Iterator[packaging_tags.Tag]:
        yield from packaging_tags.generic_tags(f"pp3{minor}", [abi], platforms)
        yield from packaging_tags.compatible_tags((3, minor), "pp3", platforms)

    return TagTable(tags)


def running_tags() -> TagTable:
    """Return the tags of the running interpreter."""
    return TagTable(packaging_tags.sys_tags)


def parse_platform(text: str) -> Platform | None:
    """Return the platform that a platform tag names, or None for one that is not known.

    The legacy manylinux names (PEP 600) are understood; macOS 11 and newer have no minor versions.
    """
    if found := _LEGACY.fullmatch(text):
        text = f"manylinux_2_{_LEGACY_MINOR[found[1]]}_{found[2]}"
    if found := _MANYLINUX.fullmatch(text):
        return _manylinux(int(found[1]), found[2])
    if found := _MUSLLINUX.fullmatch(text):
        minor, machine = int(found[1]), found[2]
        names = [f"musllinux_1_{older}_{machine}" for older in range(minor, -1, -1)]
        return Platform(names[0], (f"linux_{machine}", *names), _linux_markers(machine))
    if found := _LINUX.fullmatch(text):
        return Platform(text, (text,), _linux_markers(found[1]))
    if found := _MACOS.fullmatch(text):
        return _macos(int(found[1]), int(found[2]), found[3])
    if text in _WINDOWS_MACHINES:
        markers = _markers("nt", "win32", "Windows", _WINDOWS_MACHINES[text])
        return Platform(text, (text,), markers)
    return None


def _manylinux(minor: int, machine: str) -> Platform | None:
    oldest = 5 if machine in {"x86_64", "i686"} else 17
    if minor < oldest:
        return None
    names = [f"linux_{machine}"]
    for older in range(minor, oldest - 1, -1):
        names.append(f"manylinux_2_{older}_{machine}")
        if older in _LEGACY_MANYLINUX:
            names.append(f"{_LEGACY_MANYLINUX[older]}_{machine}")
    return Platform(names[1], tuple(names), _linux_markers(machine))


def _macos(major: int, minor: int, machine: str) -> Platform | None:
    if major < 10 or (major == 10 and (machine == "arm64" or not 4 <= minor <= 16)):
        return None
    names = tuple(packaging_tags.mac_platforms((major, minor), machine))
    return Platform(names[0], names, _markers("posix", "darwin", "Darwin", machine))


def _linux_markers(machine: str) -> Mapping[str, str]:
    return _markers("posix", "linux", "Linux", machine)


def _markers(os_name: str, sys_platform: str, system: str, machine: str) -> Mapping[str, str]:
    """Return the marker values; PEP 508 has the empty string for what cannot be known."""
    return MappingProxyType(
        {
            "os_name": os_name,
            "sys_platform": sys_platform,
            "platform_machine": machine,
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
        }
    )


@cache
def running_platform() -> Platform:
    """Return the platform of the running interpreter, with its real marker values."""
    from packaging.markers import default_environment

    environment = default_environment()
    names = tuple(packaging_tags.platform_tags())
    # A Linux that promises a C library is named after that, not after its generic tag.
    tag = next((name for name in names if not name.startswith("linux_")), names[0])
    markers = {
        "os_name": environment["os_name"],
        "sys_platform": environment["sys_platform"],
        "platform_machine": environment["platform_machine"],
        "platform_release": environment["platform_release"],
        "platform_system": environment["platform_system"],
        "platform_version": environment["platform_version"],
    }
    return Platform(tag, names, MappingProxyType(markers))
