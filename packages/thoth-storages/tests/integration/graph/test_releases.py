"""Recording releases: what is kept of them, and what changes."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from thoth.storages import ArtifactRecord, GraphDatabase, ReleaseMetadataRecord, ReleaseRecord

from .recording import INDEX, METADATA, NOON, RELEASE, SHA, WHEEL, ask, changes, one

if TYPE_CHECKING:
    from collections.abc import Callable

    Recorded = Callable[[GraphDatabase], list[tuple[str, object]]]


# --- what is kept --------------------------------------------------------------------------------


def test_a_release_is_kept_with_all_that_is_known_of_it(graph: GraphDatabase) -> None:
    (release,) = graph.releases.record([RELEASE])

    assert one(graph, "id, version, requires_python, uploaded_at") == (
        release, "1.0", ">=3.9", NOON
    )  # fmt: skip
    assert ask(
        graph,
        "SELECT package.name, specifier, extras, marker_extras, marker, array_length(bounds, 1)"
        " FROM dependency JOIN requirement ON requirement.id = requirement_id"
        f" JOIN package ON package.id = package_id WHERE release_id = {release} ORDER BY 1",
    ) == [("b", ">=1", [], [], None, 1), ("c", "", ["x"], ["y"], 'extra == "y"', 1)]
    assert one(graph, "filename, sha256, kind, size, yanked, tags, present", "artifact") == (
        WHEEL.filename, SHA, "wheel", 100, False, ["py3-none-any"], True
    )  # fmt: skip
    assert one(graph, "summary, classifiers, project_urls, other", "release_metadata") == (
        "One", ["A :: B"], {"Home": "https://a.example"}, {"keywords": ["x", {"y": 1}]}
    )  # fmt: skip
    assert changes(graph) == []


def test_names_versions_and_urls_are_normalised(graph: GraphDatabase) -> None:
    ids = graph.releases.record(
        [
            ReleaseRecord("Some.Name", "1.0.0-RC1", "HTTPS://User:secret@Index.Example:443/simple"),
            ReleaseRecord("some_name", "1.0.0rc1", INDEX),
        ]
    )

    assert ids[0] == ids[1]
    assert ask(
        graph,
        "SELECT name, version, url FROM release JOIN package ON package.id = package_id"
        " JOIN package_index ON package_index.id = package_index_id",
    ) == [("some-name", "1.0.0rc1", INDEX)]


def test_a_version_that_is_not_of_pep_440_is_kept_without_a_key(graph: GraphDatabase) -> None:
    graph.releases.record([ReleaseRecord("a", "2011-final?")])

    assert one(graph, "version, version_key") == ("2011-final?", None)


def test_the_same_version_on_another_index_or_on_none_known_is_another_release(
    graph: GraphDatabase,
) -> None:
    records = [
        ReleaseRecord("a", "1.0", url) for url in (INDEX, None, "https://other.example/simple/")
    ]

    ids = graph.releases.record([*records, *records])

    assert len(set(ids)) == 3
    assert ids[:3] == ids[3:]
    assert graph.releases.record(records) == ids[:3]


def test_records_of_one_release_in_a_batch_are_merged(graph: GraphDatabase) -> None:
    graph.releases.record(
        [
            ReleaseRecord("a", "1.0", dependencies=("b",), yanked=True, yanked_reason="broken"),
            ReleaseRecord("a", "1.0", dependencies=("c",), requires_python=">=3"),
            ReleaseRecord("a", "1.0", artifacts=(ArtifactRecord(sha256=SHA),)),
            ReleaseRecord("a", "1.0", artifacts=(WHEEL,)),
        ]
    )

    assert one(graph, "yanked, yanked_reason, requires_python") == (True, "broken", ">=3")
    assert one(graph, "count(*)", "dependency") == (2,)
    assert one(graph, "filename, sha256", "artifact") == (WHEEL.filename, SHA)


def test_no_records_are_no_work(graph: GraphDatabase) -> None:
    before = graph.stats()["statements"]

    assert graph.releases.record([]) == []
    assert graph.stats()["statements"] == before


def test_without_dependencies_and_with_unknown_ones_are_told_apart(graph: GraphDatabase) -> None:
    graph.releases.record(
        [ReleaseRecord("a", "1", dependencies=()), ReleaseRecord("b", "1", dependencies=None)]
    )

    assert ask(graph, "SELECT dependencies_digest IS NULL FROM release ORDER BY id") == [
        (False,),
        (True,),
    ]


def test_an_sdist_among_the_artifacts_says_that_there_is_one(graph: GraphDatabase) -> None:
    sdist = ArtifactRecord("a-1.0.tar.gz", kind="sdist", uploaded_at=NOON - timedelta(days=1))
    graph.releases.record([ReleaseRecord("a", "1.0", artifacts=(WHEEL, sdist))])

    assert one(graph, "provides_source_distro, uploaded_at") == (True, NOON - timedelta(days=1))


# --- requirements that cannot be parsed ----------------------------------------------------------


def test_a_requirement_that_cannot_be_parsed_is_kept_as_it_is_written(
    graph: GraphDatabase,
) -> None:
    graph.releases.record([ReleaseRecord("a", "1", dependencies=("B.c >=1.*.2 whatever",))])

    assert ask(
        graph,
        "SELECT name, specifier, bounds FROM requirement JOIN package ON package.id = package_id",
    ) == [("b-c", ">=1.*.2 whatever", None)]
    assert one(graph, "count(*)", "dependency") == (1,)


def test_a_requirement_that_names_no_package_is_counted_in_a_warning(
    graph: GraphDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "thoth.storages"):
        graph.releases.record([ReleaseRecord("a", "1", dependencies=(">=1", "", "b"))])

    assert one(graph, "count(*)", "dependency") == (1,)
    assert [record.getMessage() for record in caplog.records] == [
        "2 requirements name no package and were not stored, such as '>=1'"
    ]


# --- what changes --------------------------------------------------------------------------------


def test_none_never_overwrites_what_is_known(graph: GraphDatabase, recorded: Recorded) -> None:
    full = replace(
        RELEASE,
        yanked=True,
        yanked_reason="broken",
        is_missing=True,
        provides_source_distro=False,
        uploaded_at=NOON,
    )
    graph.releases.record([full])
    before = recorded(graph)

    graph.releases.record(
        [
            ReleaseRecord("a", "1.0", INDEX),
            ReleaseRecord(
                "a",
                "1.0",
                INDEX,
                artifacts=(ArtifactRecord(sha256=SHA),),
                metadata=ReleaseMetadataRecord(),
            ),
        ]
    )

    assert recorded(graph) == before
    assert changes(graph) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"yanked": True, "yanked_reason": "broken"}, [("yanked", "broken")]),
        ({"yanked": True, "yanked_reason": "x"}, {"yanked": False}, [("unyanked", None)]),
        ({}, {"is_missing": True}, [("missing", None)]),
        ({"is_missing": True}, {"is_missing": False}, [("found", None)]),
        ({}, {"requires_python": ">=3.10"}, [("requires-python", ">=3.10")]),
        ({"requires_python": None}, {"requires_python": ">=3.10"}, []),
        ({}, {"dependencies": ("b >= 1", "d")}, [("dependencies", "d")]),
        ({"dependencies": None}, {"dependencies": ("d",)}, []),
        (
            {"dependencies": ()},
            {"dependencies": ("e", "d")},
            [("dependencies", "d"), ("dependencies", "e")],
        ),
        ({}, {"artifacts": (ArtifactRecord("a-1.0.zip"),)}, [("artifact", "a-1.0.zip")]),
        ({}, {"artifacts": (ArtifactRecord(sha256=b"x" * 32),)}, [("artifact", "78" * 32)]),
        ({"artifacts": None}, {"artifacts": (WHEEL,)}, []),
        ({}, {"provides_source_distro": True, "metadata": replace(METADATA, summary="Two")}, []),
    ],
)  # fmt: skip
def test_what_changes_in_a_known_release_becomes_history(
    graph: GraphDatabase,
    before: dict[str, Any],
    after: dict[str, Any],
    expected: list[tuple[str, str | None]],
) -> None:
    known = replace(RELEASE, **before)
    graph.releases.record([known])

    for _ in range(2):
        graph.releases.record([replace(known, **after)])

        assert changes(graph) == expected


def test_an_unyanked_release_has_no_reason_for_having_been_yanked(graph: GraphDatabase) -> None:
    graph.releases.record([replace(RELEASE, yanked=True, yanked_reason="broken")])
    graph.releases.record([replace(RELEASE, yanked=False, yanked_reason="stale")])

    assert one(graph, "yanked, yanked_reason") == (False, None)


def test_dependencies_accumulate(graph: GraphDatabase, recorded: Recorded) -> None:
    graph.releases.record([replace(RELEASE, dependencies=("b", "c"))])
    graph.releases.record([replace(RELEASE, dependencies=("c", "d"))])
    apart = recorded(graph)

    assert one(graph, "count(*)", "dependency") == (3,)
    graph.releases.record([replace(RELEASE, dependencies=("b", "c", "d"))])
    assert recorded(graph) == apart


def test_the_first_upload_counts(graph: GraphDatabase) -> None:
    for days in (2, 1, 3):
        graph.releases.record([ReleaseRecord("a", "1", uploaded_at=NOON + timedelta(days=days))])

    assert one(graph, "uploaded_at") == (NOON + timedelta(days=1),)


NAMED = ArtifactRecord("a.whl", kind="wheel")
HASHED = ArtifactRecord(sha256=SHA, size=7)
BOTH = ArtifactRecord("a.whl", SHA)


@pytest.mark.parametrize(
    "steps",
    [
        [[NAMED], [HASHED], [BOTH]],
        [[HASHED], [NAMED], [BOTH]],
        [[BOTH], [HASHED], [NAMED]],
        [[NAMED, BOTH], [HASHED]],
        [[HASHED], [BOTH, NAMED]],
        [[HASHED, NAMED, BOTH]],
    ],
)
def test_an_artifact_known_by_hash_or_name_alone_becomes_the_one_that_has_both(
    graph: GraphDatabase, steps: list[list[ArtifactRecord]]
) -> None:
    for artifacts in steps:
        graph.releases.record([ReleaseRecord("a", "1", artifacts=tuple(artifacts))])

    assert one(graph, "filename, sha256, kind, size", "artifact") == ("a.whl", SHA, "wheel", 7)


def test_one_name_with_two_hashes_is_two_artifacts(graph: GraphDatabase) -> None:
    for sha256 in (SHA, bytes(32)):
        graph.releases.record([ReleaseRecord("a", "1", artifacts=(replace(BOTH, sha256=sha256),))])

    assert one(graph, "count(*)", "artifact") == (2,)


def test_metadata_is_completed_and_corrected(graph: GraphDatabase) -> None:
    graph.releases.record([RELEASE])
    graph.releases.record(
        [replace(RELEASE, metadata=ReleaseMetadataRecord(summary="Two", author="Ann"))]
    )

    assert one(graph, "summary, author, license_expression", "release_metadata") == (
        "Two", "Ann", "MIT"
    )  # fmt: skip
