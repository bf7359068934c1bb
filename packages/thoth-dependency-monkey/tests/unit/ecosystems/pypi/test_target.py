"""Targets: ids, marker values, tags, and the target of the running interpreter."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from packaging import tags as packaging_tags
from packaging.markers import default_environment
from packaging.version import Version

from thoth.dependency_monkey.ecosystems.pypi.python_releases import (
    CPYTHON_PATCHES,
    NEWEST_MINOR,
    OLDEST_MINOR,
    PYPY_RELEASES,
)
from thoth.dependency_monkey.ecosystems.pypi.target import (
    parse_target,
    running_target,
    target_for,
)
from thoth.dependency_monkey.errors import Problem, RequestError


def refusal(text: str) -> Problem:
    with pytest.raises(RequestError) as caught:
        parse_target(text)
    (only,) = caught.value.problems
    return only


# Marker values


def test_a_linux_target_gives_all_eleven_marker_values() -> None:
    target = parse_target("cp312.4-manylinux_2_28_x86_64")
    assert dict(target.markers) == {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_version": "3.12",
        "python_full_version": "3.12.4",
        "implementation_name": "cpython",
        "implementation_version": "3.12.4",
    }
    assert target.markers.keys() == default_environment().keys()
    assert target.python == Version("3.12.4")


@pytest.mark.parametrize(
    ("text", "os_name", "sys_platform", "system", "machine"),
    [
        ("cp312-win_amd64", "nt", "win32", "Windows", "AMD64"),
        ("cp312-win32", "nt", "win32", "Windows", "x86"),
        ("cp312-win_arm64", "nt", "win32", "Windows", "ARM64"),
        ("cp312-macosx_11_0_arm64", "posix", "darwin", "Darwin", "arm64"),
        ("cp312-macosx_10_9_x86_64", "posix", "darwin", "Darwin", "x86_64"),
        ("cp312-manylinux_2_17_aarch64", "posix", "linux", "Linux", "aarch64"),
        ("cp312-musllinux_1_2_armv7l", "posix", "linux", "Linux", "armv7l"),
        ("cp312-linux_s390x", "posix", "linux", "Linux", "s390x"),
    ],
)
def test_a_platform_gives_its_marker_values(
    text: str, os_name: str, sys_platform: str, system: str, machine: str
) -> None:
    markers = parse_target(text).markers
    assert markers["os_name"] == os_name
    assert markers["sys_platform"] == sys_platform
    assert markers["platform_system"] == system
    assert markers["platform_machine"] == machine


@pytest.mark.parametrize("minor", range(OLDEST_MINOR, NEWEST_MINOR + 1))
def test_without_a_patch_release_the_newest_known_one_is_meant(minor: int) -> None:
    markers = parse_target(f"cp3{minor}-win_amd64").markers
    assert markers["python_version"] == f"3.{minor}"
    assert markers["python_full_version"] == f"3.{minor}.{CPYTHON_PATCHES[minor]}"


@pytest.mark.parametrize("minor", sorted(PYPY_RELEASES))
def test_pypy_has_its_own_patch_releases_and_version(minor: int) -> None:
    markers = parse_target(f"pp3{minor}-win_amd64").markers
    patch, release = PYPY_RELEASES[minor][-1]
    assert markers["python_full_version"] == f"3.{minor}.{patch}"
    assert markers["implementation_version"] == release
    assert markers["implementation_name"] == "pypy"
    assert markers["platform_python_implementation"] == "PyPy"


def test_a_minor_version_without_known_releases_counts_as_its_first() -> None:
    assert parse_target("pp315-win_amd64").markers["python_full_version"] == "3.15.0"


def test_a_pre_release_of_python_is_a_target() -> None:
    target = parse_target("cp315.0rc2-win_amd64")
    assert target.python == Version("3.15.0rc2")
    assert target.markers["python_full_version"] == "3.15.0rc2"
    assert target.markers["implementation_version"] == "3.15.0c2"  # as PEP 508 derives it


def test_marker_values_cannot_be_changed() -> None:
    markers = parse_target("cp312-win32").markers
    with pytest.raises(TypeError):
        markers["os_name"] = "x"  # type: ignore[index]


# Ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cp312-manylinux_2_28_x86_64", "cp312-manylinux_2_28_x86_64"),
        (" CP312-WIN_AMD64\n", "cp312-win_amd64"),
        ("cp312-manylinux2014_aarch64", "cp312-manylinux_2_17_aarch64"),
        ("cp312-manylinux2010_i686", "cp312-manylinux_2_12_i686"),
        ("cp312-manylinux1_x86_64", "cp312-manylinux_2_5_x86_64"),
        ("cp312-macosx_13_5_arm64", "cp312-macosx_13_0_arm64"),
        ("cp312.0-win32", "cp312.0-win32"),
        ("cp313t.1-win32", "cp313t.1-win32"),
        ("pp311.15-win_amd64", "pp311.15-win_amd64"),
    ],
)
def test_an_id_is_spelled_in_one_way(text: str, expected: str) -> None:
    assert parse_target(text).id == expected
    assert parse_target(expected) == parse_target(text)


def test_targets_are_equal_where_id_and_marker_values_are() -> None:
    assert len({parse_target("cp312-win32"), parse_target(" cp312-win32")}) == 1
    assert parse_target("cp312-win32") != parse_target("cp311-win32")


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("", "not a target", "such as cp312-manylinux_2_28_x86_64"),
        ("cp312", "not a target", "Did you mean cp312-manylinux_2_28_x86_64?"),
        ("python3.12", "not a target", "Did you mean cp312-manylinux_2_28_x86_64?"),
        ("pypy3.11-win_amd64", "not a target", "Did you mean pp311-win_amd64"),
        ("cp312-manylinux_2_28_x86-64", "not a target", "Did you mean cp312-manylinux_2_28_x86"),
        ("cp312-linux", "platform tag 'linux'", "Did you mean cp312-manylinux_2_28_x86_64?"),
        ("cp312-macos", "platform tag 'macos'", "Did you mean cp312-macosx_14_0_x86_64"),
        ("cp312-win64", "platform tag 'win64'", "cp312-win_amd64"),
        ("cp312-manylinux_2_4_x86_64", "platform tag", "Did you mean cp312-manylinux_2_"),
        ("cp312-manylinux_2_16_aarch64", "platform tag", "Did you mean"),
        ("cp312-manylinux1_aarch64", "platform tag", "Did you mean"),
        ("cp312-manylinux_3_1_x86_64", "platform tag", "Did you mean"),
        ("cp312-manylinux_2_100_x86_64", "platform tag", "Did you mean"),
        ("cp312-manylinux_2_028_x86_64", "platform tag", "Did you mean"),
        ("cp312-macosx_10_15_arm64", "platform tag", "Did you mean"),
        ("cp312-macosx_9_0_x86_64", "platform tag", "Did you mean"),
        ("cp312-any", "platform tag", "A target is"),
        ("cp27-win32", "Python 2.7 is not supported", "from 3.8 to 3.15"),
        ("cp37-win32", "Python 3.7 is not supported", "from 3.8 to 3.15"),
        ("cp316-win32", "Python 3.16 is not supported", "from 3.8 to 3.15"),
        ("cp308-win32", "not a target", "A target is"),
        ("cp312.04-win32", "not a target", "A target is"),
        ("cp312t-win32", "no such free-threaded", "from 3.13 on"),
        ("pp313t-win32", "no such free-threaded", "leave out the t"),
        ("jy312-win32", "not a target", "A target is"),
        ("cp312-win32\nx", "not a target", "A target is"),
        ("cp312-\x1b[31m\u202e", "not a target", "A target is"),
        ("cp\u0663\u0661\u0662-win32", "not a target", "A target is"),
        ("cp312-" + "x" * 100_000, "not a target", "A target is"),
    ],
)
def test_what_is_no_target_is_refused_with_a_way_out(text: str, message: str, remedy: str) -> None:
    found = refusal(text)
    assert message in found.message
    assert remedy in found.remedy
    assert str(found).isprintable()
    assert len(str(found)) < 500


# Tags


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (
            "cp312-manylinux_2_28_x86_64",
            [
                "cp312-cp312-manylinux_2_28_x86_64",
                "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
                "cp312-cp312-manylinux1_x86_64",
                "cp312-abi3-manylinux_2_28_x86_64",
                "cp38-abi3-manylinux_2_28_x86_64",
                "cp32-abi3-linux_x86_64",
                "py3-none-manylinux2010_x86_64",
                "cp312-none-any",
                "py312-none-any",
                "py2.py3-none-any",
                "py30-none-any",
            ],
        ),
        (
            "cp38-musllinux_1_2_aarch64",
            [
                "cp38-cp38-musllinux_1_2_aarch64",
                "cp38-cp38-musllinux_1_1_aarch64",
                "cp36-abi3-musllinux_1_0_aarch64",
            ],
        ),
        (
            "cp311-macosx_11_0_arm64",
            [
                "cp311-cp311-macosx_11_0_arm64",
                "cp311-cp311-macosx_11_0_universal2",
                "cp311-cp311-macosx_10_9_universal2",
                "py3-none-any",
            ],
        ),
        (
            "cp311-macosx_12_0_x86_64",
            [
                "cp311-cp311-macosx_12_0_x86_64",
                "cp311-cp311-macosx_10_9_x86_64",
                "cp311-cp311-macosx_10_9_universal2",
                "cp37-abi3-macosx_10_6_intel",
            ],
        ),
        ("cp313-win_amd64", ["cp313-cp313-win_amd64", "cp39-abi3-win_amd64", "py3-none-win_amd64"]),
        ("cp313t-win_arm64", ["cp313-cp313t-win_arm64", "py3-none-any"]),
        ("cp315t-win_amd64", ["cp315-cp315t-win_amd64", "cp315-abi3t-win_amd64"]),
        (
            "pp311-manylinux_2_28_x86_64",
            ["pp311-pypy311_pp80-manylinux_2_28_x86_64", "pp311-none-linux_x86_64", "pp3-none-any"],
        ),
        ("pp311.15-manylinux_2_28_x86_64", ["pp311-pypy311_pp73-manylinux_2_17_x86_64"]),
        ("pp39-win_amd64", ["pp39-pypy39_pp73-win_amd64", "py3-none-any"]),
    ],
)
def test_usable_tags(text: str, usable: list[str]) -> None:
    target = parse_target(text)
    ranks = [target.tag_priority(tag) for tag in usable if "none-any" not in tag]
    assert None not in ranks
    assert ranks[0] == min(rank for rank in ranks if rank is not None)
    assert all(target.tag_priority(tag) is not None for tag in usable)


@pytest.mark.parametrize(
    ("text", "unusable"),
    [
        (
            "cp312-manylinux_2_28_x86_64",
            [
                "cp311-cp311-manylinux_2_28_x86_64",
                "cp313-cp313-manylinux_2_28_x86_64",
                "cp313-abi3-manylinux_2_28_x86_64",
                "cp312-cp312t-manylinux_2_28_x86_64",
                "cp312-cp312-manylinux_2_29_x86_64",
                "cp312-cp312-manylinux_2_4_x86_64",
                "cp312-cp312-manylinux_2_28_aarch64",
                "cp312-cp312-musllinux_1_1_x86_64",
                "cp312-cp312-win_amd64",
                "cp312-cp312-any",
                "py2-none-any",
                "pp312-pypy312_pp80-manylinux_2_28_x86_64",
            ],
        ),
        ("cp38-manylinux_2_17_aarch64", ["cp38-cp38-manylinux_2_5_aarch64"]),
        ("cp312-linux_x86_64", ["cp312-cp312-manylinux1_x86_64"]),
        ("cp311-macosx_11_0_arm64", ["py3-none-macosx_12_0_arm64", "py3-none-macosx_11_0_x86_64"]),
        ("cp313-win_amd64", ["cp313-cp313-win32", "cp313-cp313t-win_amd64"]),
        ("cp313t-win_amd64", ["cp313-cp313-win_amd64", "cp39-abi3-win_amd64"]),
        ("pp311-win_amd64", ["pp311-pypy311_pp73-win_amd64", "cp39-abi3-win_amd64"]),
    ],
)  # fmt: skip
def test_unusable_tags(text: str, unusable: list[str]) -> None:
    target = parse_target(text)
    assert [tag for tag in unusable if target.tag_priority(tag) is not None] == []


@pytest.mark.parametrize(
    "tag",
    ["", "-", "--", "py3-none", "py3-none-any-any", "...-...-...", "\x00", "x" * 100_000,
     "py3-" + "none." * 50_000 + "x-any"],
    ids=lambda tag: f"{tag[:12]!r}x{len(tag)}",
)  # fmt: skip
def test_malformed_tag_sets_are_answered(tag: str) -> None:
    expected = parse_target("cp312-win32").tag_priority("py3-none-any")
    assert parse_target("cp312-win32").tag_priority(tag) == (
        expected if "none.none" in tag else None
    )


def test_a_tag_set_that_would_multiply_is_answered() -> None:
    many = ".".join(f"x{number}" for number in range(2000))
    assert (
        parse_target("cp312-win32").tag_priority(f"py3.{many}-none.{many}-any.{many}") is not None
    )


def test_tags_are_compared_without_regard_to_case() -> None:
    target = parse_target("cp312-win_amd64")
    assert target.tag_priority("CP312-CP312-WIN_AMD64") == target.tag_priority(
        "cp312-cp312-win_amd64"
    )


def test_the_best_match_of_a_specific_wheel_precedes_abi3_and_pure_ones() -> None:
    target = parse_target("cp312-manylinux_2_28_x86_64")
    ranks = [
        target.tag_priority(tag)
        for tag in [
            "cp312-cp312-linux_x86_64",
            "cp312-cp312-manylinux_2_28_x86_64",
            "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp312-abi3-manylinux_2_28_x86_64",
            "cp39-abi3-manylinux_2_28_x86_64",
            "py3-none-manylinux_2_28_x86_64",
            "cp312-none-any",
            "py3-none-any",
        ]
    ]
    assert ranks[0] == 0
    assert ranks == sorted(rank for rank in ranks if rank is not None)


# The running interpreter


def test_the_running_target_has_the_interpreters_own_marker_values() -> None:
    assert dict(running_target().markers) == dict(default_environment())


def test_the_running_target_ranks_tags_as_packaging_does() -> None:
    target = running_target()
    expected = list(map(str, packaging_tags.sys_tags()))
    assert [target.tag_priority(tag) for tag in expected] == list(range(len(expected)))


@pytest.mark.skipif(
    platform.system() not in {"Linux", "Darwin", "Windows"}
    or platform.python_implementation() not in {"CPython", "PyPy"},
    reason="the id of the running interpreter can be spelled, not parsed, on other systems",
)
def test_the_running_targets_id_reads_back_to_the_same_tags() -> None:
    running = running_target()
    again = parse_target(running.id)
    assert (again.id, again.python) == (running.id, running.python)
    expected = list(map(str, packaging_tags.sys_tags()))
    assert [again.tag_priority(tag) for tag in expected] == list(range(len(expected)))


def test_the_running_targets_id_names_interpreter_and_patch_release() -> None:
    version = platform.python_version().removesuffix("+")
    major, minor, patch = version.split(".")
    assert f"{major}{minor}" in running_target().id
    assert f".{patch}-" in running_target().id
    assert running_target().python == Version(version)


@pytest.mark.skipif(sys.platform == "win32", reason="measures a POSIX process")
def test_the_running_target_is_cheap_for_a_command() -> None:
    code = (
        "import time\n"
        "import packaging.markers\n"
        "from thoth.dependency_monkey.ecosystems.pypi import target\n"
        "start = time.perf_counter()\n"
        "target.running_target()\n"
        "print(time.perf_counter() - start)\n"
    )
    seconds = min(
        float(subprocess.check_output([sys.executable, "-c", code], env=os.environ, timeout=60))
        for _ in range(3)
    )
    assert seconds < 0.02  # measured: 0.001


# Targets from parts


def test_without_parts_the_target_is_the_running_one() -> None:
    assert target_for() is running_target()


def test_a_python_version_keeps_the_running_platform() -> None:
    target = target_for(python="3.12", implementation="cpython")
    platform_tag = running_target().id.partition("-")[2]
    assert target.id == f"cp312-{platform_tag}"
    assert target.markers["python_full_version"] == f"3.12.{CPYTHON_PATCHES[12]}"
    for name in ("os_name", "platform_machine", "platform_release", "platform_version"):
        assert target.markers[name] == running_target().markers[name]


def test_a_platform_keeps_the_running_interpreter() -> None:
    target = target_for(platform="win_amd64")
    interpreter = running_target().id.partition("-")[0]
    assert target.id == f"{interpreter}-win_amd64"
    assert target.python == running_target().python
    assert target.markers["os_name"] == "nt"
    assert target.markers["platform_release"] == ""


@pytest.mark.parametrize(
    ("python", "platform_", "implementation", "expected"),
    [
        ("3.12.4", "manylinux_2_28_x86_64", "cp", "cp312.4-manylinux_2_28_x86_64"),
        ("3.13t", "manylinux2014_x86_64", "CPython", "cp313t-manylinux_2_17_x86_64"),
        ("3.14.1t", "win32", "cpython", "cp314t.1-win32"),
        ("3.11", "musllinux_1_2_aarch64", "pypy", "pp311-musllinux_1_2_aarch64"),
        ("3.15.0rc1", "macosx_14_0_arm64", "cp", "cp315.0rc1-macosx_14_0_arm64"),
    ],
)
def test_parts_make_an_id(python: str, platform_: str, implementation: str, expected: str) -> None:
    target = target_for(python, platform_, implementation)
    assert target.id == expected
    assert target == parse_target(expected)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the usual platforms of x86_64")
@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("linux", "manylinux_2_28_x86_64"),
        ("musllinux", "musllinux_1_2_x86_64"),
        ("macos", "macosx_14_0_x86_64"),
        ("windows", "win_amd64"),
    ],
)
def test_a_system_means_a_usual_platform_on_the_running_machine(alias: str, expected: str) -> None:
    assert target_for("3.12", alias, "cp").id == f"cp312-{expected}"


def test_another_implementation_has_patch_releases_of_its_own() -> None:
    if platform.python_implementation() != "CPython":
        pytest.skip("needs CPython")
    minor = sys.version_info.minor
    assert target_for(implementation="pypy").id.startswith(f"pp3{minor}-")


@pytest.mark.parametrize(
    ("parts", "message", "remedy"),
    [
        ({"python": "3"}, "'3' is not a version", "like 3.12"),
        ({"python": "2.7"}, "Python 2.7 is not supported", "from 3.8"),
        ({"python": "3.12.x\x1b"}, "not a version", "like 3.12"),
        ({"python": ">=3.8"}, "not a version", "like 3.12"),
        ({"python": "3.12t"}, "no such free-threaded", "leave out"),
        ({"python": "3.13t", "implementation": "pypy"}, "no such free-threaded", "leave out"),
        ({"platform": "osx"}, "platform 'osx'", "one of linux, musllinux, macos"),
        ({"platform": "maccos"}, "platform 'maccos'", "Did you mean macos?"),
        ({"platform": "x" * 10_000}, "is not known", "linux, musllinux, macos, windows"),
        ({"implementation": "jython"}, "implementation 'jython'", "cpython or pypy"),
    ],
)
def test_parts_that_are_not_known_are_refused(
    parts: dict[str, str], message: str, remedy: str
) -> None:
    with pytest.raises(RequestError) as caught:
        target_for(**parts)
    (found,) = caught.value.problems
    assert message in found.message
    assert remedy in found.remedy
    assert str(found).isprintable()
