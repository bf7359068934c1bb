"""The promises of the stores, as test suites that every implementation passes.

Inherit one and give it `make_store()`, which returns an empty store:

    class TestMyPages(PageStoreContract):
        @abstractmethod
    def make_store(self) -> PageStore: ...

The methods run under pytest or any runner that calls what begins with `test_`.
"""
# ruff: noqa: S101, D102, PT017 - a test suite, though no framework's

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import msgspec

from thoth.storages.exceptions import InvalidRecordError
from thoth.storages.graph.records import ArtifactMetadataRecord, PageRecord, PageStamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.graph.queries.artifact_metadata import ArtifactMetadataStore
    from thoth.storages.graph.queries.pages import PageStore
    from thoth.storages.testing.twins import InMemoryArtifactMetadata, InMemoryPages

INDEX = "https://index.example/simple/"
OTHER_INDEX = "https://other.example/simple/"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOSTILE_TEXTS = ("a\0b", "\0", "\ud800", "six\udcff", "x" * 65_537)


def page(package: str, content: str = "1", **changes: object) -> PageRecord:
    """Return a page whose facts and artifacts follow from `content`."""
    made = PageRecord(
        package=package,
        present=True,
        digest=sha256(content.encode()).digest(),
        format=1,
        checked_at=NOON,
        facts=b"facts of " + content.encode(),
        artifacts=b"artifacts of " + content.encode(),
        etag=f'"{content[:50]}"',
        last_modified=None,
    )
    return msgspec.structs.replace(made, **changes)


def absent(package: str, **changes: object) -> PageRecord:
    """Return the page of a package that the index does not have."""
    made = page(package, "", present=False, facts=None, artifacts=None, etag=None)
    return msgspec.structs.replace(made, **changes)


def metadata(name: str, **changes: object) -> ArtifactMetadataRecord:
    """Return the known metadata of an artifact of this name."""
    made = ArtifactMetadataRecord(
        key=sha256(name.encode()).digest(),
        format=1,
        origin="wheel",
        facts=b"facts of " + name.encode(),
        content=b"Metadata-Version: 2.1\nName: " + name.encode(),
    )
    return msgspec.structs.replace(made, **changes)


def opaque(name: str, **changes: object) -> ArtifactMetadataRecord:
    """Return the record of an artifact whose metadata cannot be had."""
    made = metadata(
        name, origin="none", facts=None, opaque="it is not static", needs_build=True, content=b""
    )
    return msgspec.structs.replace(made, **changes)


@contextmanager
def refused(field: str) -> Iterator[None]:
    """Expect an `InvalidRecordError` about this field."""
    try:
        yield
    except InvalidRecordError as error:
        assert error.field == field, error.field
        assert str(error), "an error says what is wrong"
        return
    raise AssertionError(f"{field} was accepted")


def left_in_store(record: PageRecord) -> PageRecord:
    """Return a page as `get` gives it: without its artifacts."""
    return msgspec.structs.replace(record, artifacts=None)


class PageStoreContract(ABC):
    """What every store of pages promises."""

    @abstractmethod
    def make_store(self) -> PageStore | InMemoryPages:
        """Return an empty store."""

    def test_a_recorded_page_comes_back_without_its_artifacts(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six"), page("numpy", "n")])
        found = store.get(INDEX, ["six", "numpy", "unknown", "six"], format=1)
        assert found == {
            "six": left_in_store(page("six")),
            "numpy": left_in_store(page("numpy", "n")),
        }

    def test_a_stamp_says_which_page_is_stored_and_when_it_was_checked(self) -> None:
        store = self.make_store()
        later = NOON + timedelta(hours=1)
        store.record(INDEX, [page("six"), absent("nothing-here"), page("numpy", "n")])
        store.record(INDEX, [page("numpy", "other", checked_at=later)])
        store.touch(INDEX, ["six"], later)
        asked = ["six", "nothing-here", "numpy", "unknown"]
        assert store.get_stamps(INDEX, asked, format=1) == {
            "six": PageStamp(page("six").digest, later),
            "nothing-here": PageStamp(absent("nothing-here").digest, NOON),
            "numpy": PageStamp(page("numpy", "other").digest, later),
        }
        assert store.get_stamps(OTHER_INDEX, asked, format=1) == {}
        assert store.get_stamps(INDEX, asked, format=2) == {}

    def test_nothing_asked_for_is_nothing_found(self) -> None:
        store = self.make_store()
        store.record(INDEX, [])
        store.touch(INDEX, [], NOON)
        assert store.get(INDEX, [], format=1) == {}
        assert store.get_artifacts(INDEX, []) == []

    def test_an_absent_package_has_a_page(self) -> None:
        store = self.make_store()
        store.record(INDEX, [absent("nothing-here")])
        assert store.get(INDEX, ["nothing-here"], format=1) == {
            "nothing-here": absent("nothing-here")
        }

    def test_a_package_may_disappear_and_come_back(self) -> None:
        store = self.make_store()
        later, last = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
        store.record(INDEX, [page("six")])
        store.record(INDEX, [absent("six", checked_at=later)])
        assert not store.get(INDEX, ["six"], format=1)["six"].present
        assert store.get_artifacts(INDEX, [("six", absent("six").digest, 0, 1)]) == [None]
        store.record(INDEX, [page("six", checked_at=last)])
        assert store.get(INDEX, ["six"], format=1)["six"].facts == page("six").facts

    def test_indexes_are_kept_apart(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six", "here")])
        store.record(OTHER_INDEX, [page("six", "there")])
        assert store.get(INDEX, ["six"], format=1)["six"].facts == b"facts of here"
        assert store.get(OTHER_INDEX, ["six"], format=1)["six"].facts == b"facts of there"
        assert store.get("https://third.example/", ["six"], format=1) == {}

    def test_pages_of_another_format_are_not_returned(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six")])
        assert store.get(INDEX, ["six"], format=2) == {}
        rewritten = page("six", format=2, facts=b"new", checked_at=NOON + timedelta(seconds=1))
        store.record(INDEX, [rewritten])
        assert store.get(INDEX, ["six"], format=1) == {}
        assert store.get(INDEX, ["six"], format=2) == {"six": left_in_store(rewritten)}

    def test_an_older_check_never_overwrites_a_newer_one(self) -> None:
        store = self.make_store()
        newer = page("six", "newer", checked_at=NOON + timedelta(microseconds=1))
        store.record(INDEX, [newer])
        store.record(INDEX, [page("six", "older")])
        store.record(INDEX, [absent("six")])
        store.touch(INDEX, ["six"], NOON)
        assert store.get(INDEX, ["six"], format=1) == {"six": left_in_store(newer)}

    def test_of_one_package_twice_in_a_batch_the_newer_wins(self) -> None:
        store = self.make_store()
        newer = page("six", "newer", checked_at=NOON + timedelta(seconds=1))
        store.record(INDEX, [newer, page("six", "older")])
        assert store.get(INDEX, ["six"], format=1) == {"six": left_in_store(newer)}

    def test_a_page_whose_artifacts_were_left_in_the_store_is_renewed(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six")])
        known = store.get(INDEX, ["six"], format=1)["six"]
        later = NOON + timedelta(hours=1)
        store.record(INDEX, [msgspec.structs.replace(known, checked_at=later, etag='"new"')])
        renewed = store.get(INDEX, ["six"], format=1)["six"]
        assert (renewed.checked_at, renewed.etag) == (later, '"new"')
        assert store.get_artifacts(INDEX, [("six", known.digest, 0, 9)]) == [b"artifacts"]

    def test_renewing_a_page_that_has_changed_or_is_unknown_does_nothing(self) -> None:
        store = self.make_store()
        current = page("six", "current")
        store.record(INDEX, [current])
        later = NOON + timedelta(hours=1)
        store.record(
            INDEX,
            [
                left_in_store(page("six", "former", checked_at=later)),
                left_in_store(page("unknown", checked_at=later)),
            ],
        )
        found = store.get(INDEX, ["six", "unknown"], format=1)
        assert found == {"six": left_in_store(current)}

    def test_touching_changes_only_when_pages_were_checked(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six"), absent("none"), page("other")])
        later = NOON + timedelta(hours=1)
        store.touch(INDEX, ["six", "none", "unknown", "six"], later)
        assert store.get(INDEX, ["six", "none", "other", "unknown"], format=1) == {
            "six": left_in_store(page("six", checked_at=later)),
            "none": absent("none", checked_at=later),
            "other": left_in_store(page("other")),
        }

    def test_absent_pages_that_are_too_old_are_forgotten(self) -> None:
        store = self.make_store()
        later = NOON + timedelta(hours=1)
        store.record(INDEX, [page("six"), absent("old"), absent("new", checked_at=later)])
        store.record("https://other.example/simple/", [absent("old")])
        assert store.forget_absent(NOON - timedelta(hours=1), keep=10, at_most=10) == 0
        assert store.forget_absent(NOON, keep=10, at_most=10) == 2
        assert store.forget_absent(NOON, keep=10, at_most=10) == 0
        assert store.get(INDEX, ["six", "old", "new"], format=1).keys() == {"six", "new"}

    def test_of_absent_pages_that_are_too_many_the_oldest_are_forgotten(self) -> None:
        store = self.make_store()
        names = [f"absent-{number}" for number in range(10)]
        times = [NOON + timedelta(seconds=number) for number in range(10)]
        store.record(INDEX, [page("six"), page("seven")])
        store.record(INDEX, [absent(n, checked_at=t) for n, t in zip(names, times, strict=True)])
        past = NOON - timedelta(days=1)
        assert store.forget_absent(past, keep=4, at_most=5) == 5
        assert store.forget_absent(past, keep=4, at_most=5) == 1
        assert store.forget_absent(past, keep=4, at_most=5) == 0
        kept = store.get(INDEX, [*names, "six", "seven"], format=1)
        assert kept.keys() == {*names[6:], "six", "seven"}
        assert store.forget_absent(past, keep=0, at_most=5) == 4

    def test_how_many_absent_pages_are_forgotten_must_be_a_number_that_makes_sense(self) -> None:
        store = self.make_store()
        with refused("keep"):
            store.forget_absent(NOON, keep=-1, at_most=1)
        with refused("at_most"):
            store.forget_absent(NOON, keep=0, at_most=0)
        with refused("checked_until"):
            store.forget_absent(NOON.replace(tzinfo=None), keep=0, at_most=1)

    def test_slices_come_in_the_order_asked_for(self) -> None:
        store = self.make_store()
        store.record(INDEX, [page("six", "s"), page("numpy", "n")])
        six, numpy = page("six", "s").digest, page("numpy", "n").digest
        asked = [
            ("numpy", numpy, 13, 1),
            ("six", six, 13, 1),
            ("six", numpy, 0, 1),
            ("unknown", six, 0, 1),
            ("six", six, 0, 0),
            ("six", six, 0, 14),
            ("six", six, 0, 15),
            ("six", six, 14, 1),
        ]
        expected = [b"n", b"s", None, None, b"", b"artifacts of s", None, None]
        assert store.get_artifacts(INDEX, asked) == expected
        assert store.get_artifacts(OTHER_INDEX, asked[:2]) == [None, None]

    def test_slices_out_of_range_are_refused(self) -> None:
        store = self.make_store()
        for offset, length in ((-1, 1), (0, -1), (2**31, 1), (2**31 - 1, 2**31 - 1)):
            with refused("slice"):
                store.get_artifacts(INDEX, [("six", page("six").digest, offset, length)])

    def test_times_keep_their_instant_whatever_their_zone(self) -> None:
        store = self.make_store()
        elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
        store.record(INDEX, [page("six", checked_at=elsewhere)])
        found = store.get(INDEX, ["six"], format=1)["six"].checked_at
        assert found == NOON
        assert found.utcoffset() is not None

    def test_what_cannot_be_stored_is_refused_and_nothing_of_its_batch_written(self) -> None:
        store = self.make_store()
        hostile = [
            *(("package", page(text)) for text in HOSTILE_TEXTS),
            *(("etag", page("z", etag=text)) for text in HOSTILE_TEXTS),
            *(("last_modified", page("z", last_modified=text)) for text in HOSTILE_TEXTS),
            ("digest", page("z", digest=b"short")),
            ("format", page("z", format=-1)),
            ("format", page("z", format=32_768)),
            ("checked_at", page("z", checked_at=NOON.replace(tzinfo=None))),
            ("facts", page("z", facts=None)),
            ("facts", absent("z", facts=b"facts")),
        ]
        for field, record in hostile:
            with refused(field):
                store.record(INDEX, [page("six"), record])
        for text in HOSTILE_TEXTS:
            with refused("index_url"):
                store.record(text, [page("six")])
            with refused("package"):
                store.get(INDEX, [text], format=1)
            with refused("package"):
                store.touch(INDEX, [text], NOON)
        with refused("checked_at"):
            store.touch(INDEX, ["six"], NOON.replace(tzinfo=None))
        assert store.get(INDEX, ["six", "z"], format=1) == {}

    def test_texts_are_values_and_never_statements(self) -> None:
        store = self.make_store()
        names = ["'; DROP TABLE page; --", "%s", "%(url)s", "{}", "a,b", 'q"', "\\", "é", "☃", ""]
        store.record(INDEX, [page(name, name) for name in names])
        found = store.get(INDEX, names, format=1)
        assert {name: record.facts for name, record in found.items()} == {
            name: b"facts of " + name.encode() for name in names
        }

    def test_bytes_are_kept_as_they_are(self) -> None:
        store = self.make_store()
        every = bytes(range(256)) * 400
        store.record(INDEX, [page("six", facts=every, artifacts=b""), page("seven", facts=b"")])
        found = store.get(INDEX, ["six", "seven"], format=1)
        assert found["six"].facts == every
        assert found["seven"].facts == b""
        assert store.get_artifacts(INDEX, [("six", page("six").digest, 0, 0)]) == [b""]

    def test_parallel_writers_lose_nothing(self) -> None:
        store = self.make_store()
        names = [f"package-{number}" for number in range(40)]
        writers = 6
        barrier = Barrier(writers, timeout=30)
        failures: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                barrier.wait()
                for turn in range(5):
                    at = NOON + timedelta(seconds=turn * writers + writer)
                    order = names[writer:] + names[:writer]
                    content = f"{turn}-{writer}"
                    store.record(INDEX, [page(name, content, checked_at=at) for name in order])
                    store.touch(INDEX, order[::-1], at)
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                failures.append(error)

        threads = [Thread(target=write, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures, failures
        last = NOON + timedelta(seconds=5 * writers - 1)
        found = store.get(INDEX, names, format=1)
        expected = {
            name: left_in_store(page(name, f"4-{writers - 1}", checked_at=last)) for name in names
        }
        assert found == expected


class ArtifactMetadataStoreContract(ABC):
    """What every store of core metadata promises."""

    @abstractmethod
    def make_store(self) -> ArtifactMetadataStore | InMemoryArtifactMetadata:
        """Return an empty store."""

    def test_recorded_metadata_comes_back_without_its_content(self) -> None:
        store = self.make_store()
        records = [metadata("six"), opaque("old")]
        store.record(records)
        keys = [record.key for record in records]
        expected = {r.key: msgspec.structs.replace(r, content=b"") for r in records}
        assert store.get([*keys, metadata("unknown").key, keys[0]], format=1) == expected

    def test_the_file_itself_is_returned_as_it_was_recorded(self) -> None:
        store = self.make_store()
        known, none = metadata("six"), metadata("numpy")
        store.record([known, msgspec.structs.replace(none, content=b""), opaque("old")])
        assert store.get_content(known.key) == known.content
        store.record([msgspec.structs.replace(known, content=b"")])
        assert store.get_content(known.key) == known.content
        for key in (none.key, opaque("old").key, metadata("unknown").key):
            assert store.get_content(key) is None

    def test_nothing_asked_for_is_nothing_found(self) -> None:
        store = self.make_store()
        store.record([])
        assert store.get([], format=1) == {}

    def test_a_known_fact_replaces_an_opaque_one(self) -> None:
        store = self.make_store()
        store.record([opaque("six")])
        store.record([metadata("six")])
        found = store.get([metadata("six").key], format=1)
        assert found[metadata("six").key].facts == metadata("six").facts

    def test_an_opaque_one_never_replaces_a_known_fact(self) -> None:
        store = self.make_store()
        store.record([metadata("six")])
        store.record([opaque("six")])
        store.record([opaque("six", format=2)])
        found = store.get([metadata("six").key], format=1)
        assert found[metadata("six").key].facts == metadata("six").facts
        assert store.get([metadata("six").key], format=2) == {}

    def test_it_makes_no_difference_in_which_order_a_batch_has_both(self) -> None:
        for batch in ([metadata("six"), opaque("six")], [opaque("six"), metadata("six")]):
            store = self.make_store()
            store.record(batch)
            found = store.get([metadata("six").key], format=1)
            assert found[metadata("six").key].facts == metadata("six").facts

    def test_a_later_reason_replaces_an_earlier_one(self) -> None:
        store = self.make_store()
        store.record([opaque("six", opaque="the server had no such file")])
        store.record([opaque("six")])
        found = store.get([opaque("six").key], format=1)
        assert found[opaque("six").key].opaque == "it is not static"

    def test_a_new_format_replaces_the_former(self) -> None:
        store = self.make_store()
        store.record([metadata("six")])
        store.record([metadata("six", format=2, facts=b"new", content=b"")])
        key = metadata("six").key
        assert store.get([key], format=1) == {}
        assert store.get([key], format=2)[key].facts == b"new"

    def test_what_cannot_be_stored_is_refused_and_nothing_of_its_batch_written(self) -> None:
        store = self.make_store()
        hostile = [
            *(("origin", metadata("z", origin=text)) for text in HOSTILE_TEXTS),
            *(("opaque", opaque("z", opaque=text)) for text in HOSTILE_TEXTS),
            ("opaque", metadata("z", opaque="both")),
            ("opaque", metadata("z", facts=None)),
            ("key", metadata("z", key=b"")),
            ("format", metadata("z", format=99_999)),
        ]
        for field, record in hostile:
            with refused(field):
                store.record([metadata("six"), record])
        with refused("key"):
            store.get([b"short"], format=1)
        assert store.get([metadata("six").key, metadata("z").key], format=1) == {}

    def test_parallel_writers_lose_no_known_fact(self) -> None:
        store = self.make_store()
        names = [f"artifact-{number}" for number in range(60)]
        writers = 6
        barrier = Barrier(writers, timeout=30)
        failures: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                barrier.wait()
                order = names[writer * 7 :] + names[: writer * 7]
                for turn in range(5):
                    known = writer == turn
                    store.record([metadata(name) if known else opaque(name) for name in order])
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                failures.append(error)

        threads = [Thread(target=write, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures, failures
        found = store.get([metadata(name).key for name in names], format=1)
        assert {r.facts for r in found.values()} == {metadata(name).facts for name in names}
