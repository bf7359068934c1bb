"""What is known of single releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.graph.release_records import (
    ArtifactRecord,
    ReleaseMetadataRecord,
    ReleaseRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"
SIX = ("six", "1.16.0", PYPI)
BARE = ("bare", "1", PYPI)
UNKNOWN = ("six", "9", PYPI)
WHEEL, SDIST = bytes(32), bytes([255]) * 32
ANYWHERE = {"os_name": None, "os_version": None, "python_version": None}


@pytest.fixture
def known(graph: GraphDatabase) -> GraphDatabase:
    graph.releases.record(
        [
            ReleaseRecord(
                *SIX,
                requires_python=">=2.7",
                artifacts=(
                    ArtifactRecord("six-1.16.0.tar.gz", SDIST, "sdist"),
                    ArtifactRecord("six-1.16.0-py2.py3-none-any.whl", WHEEL, "wheel"),
                    ArtifactRecord("six-1.16.0.zip", SDIST, "sdist"),
                    ArtifactRecord("six-1.16.0-no-hash.whl"),
                ),
                metadata=ReleaseMetadataRecord(
                    metadata_version="2.1",
                    summary="Python 2 and 3",
                    license="MIT",
                    classifiers=("Topic :: Utilities", "Programming Language :: Python :: 2"),
                    import_packages=("six", "tests"),
                    project_urls={"Home": "https://six.example"},
                    other={"dynamic": ["version"]},
                ),
            ),
            ReleaseRecord("six", "1.16.0", OTHER, artifacts=(ArtifactRecord(sha256=b"x" * 32),)),
            ReleaseRecord(*BARE),
        ]
    )
    return graph


def test_hashes_are_those_of_the_release_on_its_index(known: GraphDatabase) -> None:
    hashes = known.get_python_package_hashes_sha256(*SIX)
    assert hashes == [WHEEL.hex(), SDIST.hex(), SDIST.hex()]
    distinct = known.get_python_package_hashes_sha256(*SIX, distinct=True)
    assert distinct == [WHEEL.hex(), SDIST.hex()]
    assert len(known.get_python_package_hashes_sha256("six", "1.16.0", None)) == 4
    assert known.get_python_package_hashes_sha256(*BARE) == []


def test_changing_an_answer_never_changes_a_later_one(known: GraphDatabase) -> None:
    known.get_python_package_hashes_sha256(*SIX).clear()
    assert len(known.get_python_package_hashes_sha256(*SIX)) == 3
    known.get_python_package_version_metadata(*SIX)["classifier"].clear()
    assert len(known.get_python_package_version_metadata(*SIX)["classifier"]) == 2


def test_a_hash_that_is_gone_is_left_out_and_that_is_a_change(known: GraphDatabase) -> None:
    assert WHEEL.hex() in known.get_python_package_hashes_sha256(*SIX)
    for _ in range(2):
        known.update_python_package_hash_present_flag(*SIX, WHEEL.hex())
    assert WHEEL.hex() not in known.get_python_package_hashes_sha256(*SIX)
    assert changes(known) == [("artifact", "gone: six-1.16.0-py2.py3-none-any.whl")]


def test_a_hash_must_be_one_and_be_known(known: GraphDatabase) -> None:
    with pytest.raises(NotFoundError, match="SHA-256"):
        known.update_python_package_hash_present_flag(*SIX, "ab" * 32)
    for wrong in ("", "ab", "g" * 64, " " * 4 + "ab" * 30):
        with pytest.raises(InvalidArgumentError) as caught:
            known.update_python_package_hash_present_flag(*SIX, wrong)
        assert caught.value.argument == "sha256_hash"


def test_metadata_has_what_was_declared_by_the_names_of_core_metadata(known: GraphDatabase) -> None:
    metadata = known.get_python_package_version_metadata(*SIX)
    assert metadata == {
        "metadata_version": "2.1",
        "name": "six",
        "version": "1.16.0",
        "summary": "Python 2 and 3",
        "license": "MIT",
        "requires_python": ">=2.7",
        "classifier": ["Topic :: Utilities", "Programming Language :: Python :: 2"],
        "project_url": ["Home, https://six.example"],
        "dynamic": ["version"],
    }
    assert known.get_python_package_version_metadata("six", "1.16.0", None) == metadata


def test_metadata_that_is_not_known_is_not_found(known: GraphDatabase) -> None:
    with pytest.raises(NotFoundError, match="the metadata of bare 1 on https"):
        known.get_python_package_version_metadata(*BARE)


def test_classifiers_are_sorted_and_chosen_by_environment(known: GraphDatabase) -> None:
    ask = known.get_python_package_version_trove_classifiers_all
    assert ask(*SIX, **ANYWHERE) == ["Programming Language :: Python :: 2", "Topic :: Utilities"]
    assert ask(*SIX, **{**ANYWHERE, "os_name": "rhel"}) == []
    assert ask(*BARE, **ANYWHERE) == []


def test_releases_are_found_by_what_they_are_imported_by(known: GraphDatabase) -> None:
    expected = {
        "package_name": "six",
        "package_version": "1.16.0",
        "index_url": PYPI,
        "import_name": "tests",
    }
    assert known.get_python_package_version_import_packages_all("tests") == [expected]
    assert known.get_python_package_version_import_packages_all("SIX", distinct=True) == []


def test_a_release_is_missing_once_that_is_noted(known: GraphDatabase) -> None:
    assert not known.is_python_package_version_is_missing(*SIX)
    for value in (True, True, False, True):
        known.update_missing_flag_package_version(*SIX, value)
        assert known.is_python_package_version_is_missing(*SIX) is value
    assert not known.is_python_package_version_is_missing("six", "1.16.0", None)
    assert changes(known) == [("missing", None), ("found", None), ("missing", None)]


def test_a_source_distribution_is_noted(known: GraphDatabase) -> None:
    known.update_provides_source_distro_package_version("six", "1.16.0", None, True)
    with known.migration_connection() as connection:
        rows = connection.execute("SELECT version, provides_source_distro FROM release ORDER BY 1")
        assert rows.fetchall() == [("1", None), ("1.16.0", True), ("1.16.0", True)]


def changes(graph: GraphDatabase) -> list[tuple[object, ...]]:
    with graph.migration_connection() as connection:
        return connection.execute("SELECT kind, detail FROM release_change ORDER BY id").fetchall()


@pytest.mark.parametrize("release", [UNKNOWN, ("six", "1.16.0", "https://unknown.example/")])
@pytest.mark.parametrize(
    "ask",
    [
        lambda graph, release: graph.get_python_package_hashes_sha256(*release),
        lambda graph, release: graph.get_python_package_version_metadata(*release),
        lambda graph, release: graph.get_python_package_version_trove_classifiers_all(
            *release, **ANYWHERE
        ),
        lambda graph, release: graph.is_python_package_version_is_missing(*release),
        lambda graph, release: graph.update_missing_flag_package_version(*release, True),
        lambda graph, release: graph.update_provides_source_distro_package_version(*release, True),
        lambda graph, release: graph.update_python_package_hash_present_flag(*release, "a" * 64),
    ],
)
def test_an_unknown_release_is_not_found(
    known: GraphDatabase, release: tuple[str, str, str], ask: Callable[..., object]
) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask(known, release)
    assert " ".join(release[:2]) in caught.value.what
    assert release[2] in caught.value.what
