"""What changed in a package, who has which licence, and what there are only sdists of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError
from thoth.storages.graph.release_records import (
    ArtifactRecord,
    ReleaseMetadataRecord,
    ReleaseRecord,
)

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"
MIT = "License :: OSI Approved :: MIT License"


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def test_what_changed_between_two_dates(graph: GraphDatabase) -> None:
    graph.releases.record(
        [
            ReleaseRecord("app", "2.0", PYPI, uploaded_at=day(2)),
            ReleaseRecord("app", "1.0", PYPI, uploaded_at=day(1)),
            ReleaseRecord("other", "1.0", PYPI, uploaded_at=day(1)),
        ]
    )
    before = datetime.now(UTC)
    graph.releases.record(
        [ReleaseRecord("app", "1.0", PYPI, yanked=True, yanked_reason="broken", is_missing=True)]
    )
    changes = graph.get_python_package_changes_all("App")
    assert [(change["package_version"], change["kind"]) for change in changes[:2]] == [
        ("1.0", "released"),
        ("2.0", "released"),
    ]
    assert {change["kind"] for change in changes[2:]} == {"yanked", "missing"}
    assert changes[0] == {
        "changed_at": day(1),
        "package_name": "app",
        "package_version": "1.0",
        "index_url": PYPI,
        "kind": "released",
        "detail": None,
    }
    assert graph.get_python_package_changes_all("app", since=before) == changes[2:]
    assert graph.get_python_package_changes_all("app", since=day(1), until=day(2)) == changes[:1]
    assert graph.get_python_package_changes_all("app", until=day(1)) == []
    assert graph.get_python_package_changes_all("app", start_offset=1, count=2) == changes[1:3]


def test_a_change_is_asked_for_by_moments_of_a_known_package(graph: GraphDatabase) -> None:
    with pytest.raises(NotFoundError, match="nothing"):
        graph.get_python_package_changes_all("nothing")
    with pytest.raises(InvalidArgumentError, match="until"):
        graph.get_python_package_changes_all("app", until=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidArgumentError, match="since"):
        graph.get_python_package_changes_all("app", since="today")  # type: ignore[arg-type]


@pytest.fixture
def licensed(graph: GraphDatabase) -> GraphDatabase:
    def release(name: str, version: str, **metadata: object) -> ReleaseRecord:
        return ReleaseRecord(name, version, PYPI, metadata=ReleaseMetadataRecord(**metadata))

    graph.releases.record(
        [
            release("new", "1", license_expression="MIT", license="other", classifiers=(MIT,)),
            release("new", "10", license_expression="MIT"),
            release("new", "9", license_expression="Apache-2.0"),
            release("old", "1", license="MIT", classifiers=(MIT,)),
            release("old", "2", license="x" * 1_000),
            release("oldest", "1", classifiers=(MIT, "Topic :: Internet", "License :: Free")),
            release("unsaid", "1"),
        ]
    )
    return graph


def test_releases_by_licence(licensed: GraphDatabase) -> None:
    found = licensed.get_python_package_versions_per_license()
    assert found == {
        "Apache-2.0": [("new", "9", PYPI)],
        "License :: Free": [("oldest", "1", PYPI)],
        MIT: [("oldest", "1", PYPI)],
        "MIT": [("new", "1", PYPI), ("new", "10", PYPI), ("old", "1", PYPI)],
        "x" * 200: [("old", "2", PYPI)],
    }
    for license_name, releases in found.items():
        assert licensed.get_python_package_versions_per_license(license_name) == {
            license_name: releases
        }
    assert list(found) == sorted(found)
    assert licensed.get_python_package_versions_per_license("MIT", package_name="Old") == {
        "MIT": [("old", "1", PYPI)]
    }
    assert licensed.get_python_package_versions_per_license(start_offset=4, count=1) == {
        "MIT": [("new", "10", PYPI)]
    }


def test_counts_by_licence(licensed: GraphDatabase) -> None:
    counts = licensed.get_python_package_versions_count_per_license()
    assert counts["MIT"] == {"new": 2, "old": 1}
    assert licensed.get_python_package_versions_count_per_license(
        "Apache-2.0", package_name="new"
    ) == {"Apache-2.0": {"new": 1}}
    assert licensed.get_python_package_versions_count_per_license("none") == {}


def test_packages_of_which_there_are_only_sdists(graph: GraphDatabase) -> None:
    def release(name: str, version: str, url: str, *kinds: str | None) -> ReleaseRecord:
        artifacts = tuple(
            ArtifactRecord(filename=f"{name}-{version}-{place}", kind=kind)
            for place, kind in enumerate(kinds)
        )
        return ReleaseRecord(name, version, url, artifacts=artifacts)

    graph.releases.record(
        [
            release("source", "1", PYPI, "sdist"),
            release("source", "2", PYPI, "sdist", "sdist"),
            release("built-elsewhere", "1", PYPI, "sdist"),
            release("built-elsewhere", "1", OTHER, "wheel"),
            release("built", "1", PYPI, "sdist"),
            release("built", "2", PYPI, "sdist", "wheel"),
            release("unclear", "1", PYPI, "sdist", None),
            release("empty", "1", PYPI),
        ]
    )
    expected = [("built-elsewhere", PYPI), ("source", PYPI)]
    assert graph.get_python_sdist_only_packages_all() == expected
    assert graph.get_python_sdist_only_packages_all(start_offset=1, count=1) == expected[1:]
    assert graph.get_python_sdist_only_packages_count_all() == 2
