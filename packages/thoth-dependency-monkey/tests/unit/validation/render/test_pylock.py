from __future__ import annotations

import tomllib

import pytest
from packaging.pylock import Pylock, PylockSelectError
from packaging.tags import Tag

from thoth.dependency_monkey.validation.render.locked import UnwritableLockError
from thoth.dependency_monkey.validation.render.pylock import render_pylock
from thoth.dependency_monkey.validation.result import LockedArtifact, ResultTarget


def file(filename: str, sha256: str | None = "a" * 64, size: int | None = 7) -> LockedArtifact:
    kind = "wheel" if filename.endswith(".whl") else "sdist"
    return LockedArtifact(filename, f"https://files.example/{filename}", sha256, size, kind)


@pytest.fixture
def rendered(target, graph):
    def render(*lock, arrows=()):
        text = render_pylock(lock, target, graph(*arrows))
        return Pylock.from_dict(tomllib.loads(text))

    return render


def test_the_text_is_what_pep_751_says(release, target, graph):
    lock = (
        release("six", "1.17.0", artifacts=(file("six-1.17.0.tar.gz"),)),
        release("python-dateutil", "2.9.0", requires_python=">=3.3"),
    )
    assert render_pylock(lock, target, graph("python-dateutil -> six>=1.5")) == (
        "# Locked for cp312-manylinux_2_28_x86_64.\n"
        'lock-version = "1.0"\n'
        'environments = [\'implementation_name == "cpython" and python_version == "3.12" and '
        'sys_platform == "linux" and platform_machine == "x86_64"\']\n'
        'requires-python = ">=3.12"\n'
        'created-by = "thoth-dependency-monkey"\n'
        "\n"
        "[[packages]]\n"
        'name = "python-dateutil"\n'
        'version = "2.9.0"\n'
        'requires-python = ">=3.3"\n'
        "dependencies = [\n"
        '    { name = "six" },\n'
        "]\n"
        'index = "https://pypi.org/simple/"\n'
        "wheels = [\n"
        '    { name = "python_dateutil-2.9.0-py3-none-any.whl", '
        'url = "https://files.example/python_dateutil-2.9.0-py3-none-any.whl", size = 1000, '
        f'hashes = {{ sha256 = "{"a" * 64}" }} }},\n'
        "]\n"
        "\n"
        "[[packages]]\n"
        'name = "six"\n'
        'version = "1.17.0"\n'
        'index = "https://pypi.org/simple/"\n'
        'sdist = { name = "six-1.17.0.tar.gz", url = "https://files.example/six-1.17.0.tar.gz", '
        f'size = 7, hashes = {{ sha256 = "{"a" * 64}" }} }}\n'
    )


def test_packaging_reads_it_back_and_selects_the_files(release, target, rendered):
    pylock = rendered(release("six", "1.17.0"), release("numpy", "2.3.1"))
    selected = pylock.select(environment=target.markers, tags=[Tag("py3", "none", "any")])
    assert [(package.name, str(package.version)) for package, _ in selected] == [
        ("numpy", "2.3.1"),
        ("six", "1.17.0"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"python_version": "3.11", "python_full_version": "3.11.9"},
        {"python_version": "3.13", "python_full_version": "3.13.1"},
        {"sys_platform": "darwin"},
        {"platform_machine": "aarch64"},
        {"implementation_name": "pypy"},
    ],
)
def test_it_is_refused_where_it_was_not_locked_for(other, release, target, rendered):
    pylock = rendered(release("six", "1.17.0"))
    environment = target.markers | other
    with pytest.raises(PylockSelectError):
        list(pylock.select(environment=environment, tags=[Tag("py3", "none", "any")]))


def test_an_extra_of_its_own_is_no_dependency_on_itself(release, rendered):
    (package,) = rendered(release("all", "1"), arrows=("all -> all",)).packages
    assert package.dependencies is None


def test_one_sdist_at_most_is_named(release, rendered):
    files = (file("six-1.17.0.zip"), file("six-1.17.0.tar.gz"))
    (package,) = rendered(release("six", "1.17.0", artifacts=files)).packages
    assert package.sdist is not None
    assert package.sdist.name == "six-1.17.0.tar.gz"


def test_files_that_pep_751_does_not_admit_are_left_out(release, rendered):
    files = (
        file("six-1.17.0-py3-none-any.whl"),
        file("six-1.17.0.tar.bz2"),
        file("seven-1.17.0-py3-none-any.whl"),
        file("six-1.18.0-py3-none-any.whl"),
        file("six-1.17.0-py2-none-any.whl", sha256=None),
    )
    (package,) = rendered(release("six", "1.17.0", artifacts=files)).packages
    assert package.sdist is None
    assert [wheel.name for wheel in package.wheels or ()] == ["six-1.17.0-py3-none-any.whl"]


def test_a_release_without_an_admissible_file_is_refused_by_name(release, rendered):
    with pytest.raises(UnwritableLockError, match="PEP 751") as refused:
        rendered(release("six", "1.17.0", artifacts=(file("six-1.17.0.tar.bz2"),)))
    assert refused.value.releases == ("six 1.17.0",)
    with pytest.raises(UnwritableLockError, match="SHA-256"):
        rendered(release("six", "1.17.0", artifacts=()))


def test_an_unknown_size_and_a_malformed_requires_python_are_left_out(release, rendered):
    wheel = file("six-1.17.0-py3-none-any.whl", size=None)
    (package,) = rendered(
        release("six", "1.17.0", requires_python="about 3", artifacts=(wheel,))
    ).packages
    assert package.requires_python is None
    assert (package.wheels or ())[0].size is None


@pytest.mark.parametrize("hostile", ['"', "\\", "\n", "\x00", "\x7f", "é", "\U0001f600", "\x1b[2J"])
def test_supplied_text_survives_as_it_is(hostile, release, rendered):
    (package,) = rendered(release("six", "1.17.0", index=f"https://x/{hostile}/")).packages
    assert package.index == f"https://x/{hostile}/"


def test_a_target_cannot_add_a_line(release, target, graph):
    hostile = ResultTarget("cp312\nevil = 1", target.markers)
    text = render_pylock((release("six", "1.17.0"),), hostile, graph())
    assert "evil" not in tomllib.loads(text)


def test_an_empty_lock_is_a_lock(rendered):
    assert list(rendered().packages) == []
