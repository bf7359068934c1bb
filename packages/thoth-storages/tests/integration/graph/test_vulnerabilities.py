"""Which releases have published vulnerabilities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidArgumentError

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"


def test_a_record_is_created_once(graph: GraphDatabase) -> None:
    record: dict[str, Any] = {"cve_id": "CVE-1", "details": "bad", "link": None}
    assert graph.create_python_cve_record("Flask", "0.12", PYPI, **record)
    assert not graph.create_python_cve_record("flask", "0.12", "https://pypi.org/simple", **record)
    assert graph.create_python_cve_record("flask", "0.12.1", PYPI, **record)
    assert graph.create_python_cve_record("flask", "0.12", OTHER, **record)
    assert graph.get_python_cve_records_count() == 3
    assert graph.python_package_version_exists("flask", "0.12.1", PYPI)


def test_records_come_in_the_order_of_releases(graph: GraphDatabase) -> None:
    for version, name in (("1.10", "CVE-2"), ("1.9", "CVE-3"), ("1.9", "CVE-1")):
        graph.create_python_cve_record("a", version, PYPI, cve_id=name, details="d", link="l")
    assert [
        (record["package_version"], record["cve_id"])
        for record in graph.get_python_cve_records_all("A")
    ] == [("1.9", "CVE-1"), ("1.9", "CVE-3"), ("1.10", "CVE-2")]
    assert graph.get_python_cve_records_all("a", "1.10.0") == []
    assert graph.get_python_cve_records_all("a", "1.10") == [
        {
            "package_name": "a",
            "package_version": "1.10",
            "index_url": PYPI,
            "cve_id": "CVE-2",
            "details": "d",
            "link": "l",
        }
    ]


def test_what_is_said_of_a_known_vulnerability_becomes_what_is_known(graph: GraphDatabase) -> None:
    graph.create_python_cve_record("a", "1", PYPI, cve_id="CVE-1", details="old", link=None)
    assert graph.get_python_cve_records_all("a")[0]["details"] == "old"
    graph.create_python_cve_record("a", "1", PYPI, cve_id="CVE-1", details="new", link="l")
    (record,) = graph.get_python_cve_records_all("a")
    assert (record["details"], record["link"]) == ("new", "l")


def test_answers_are_fresh(graph: GraphDatabase) -> None:
    graph.create_python_cve_record("a", "1", PYPI, cve_id="CVE-1", details="d", link=None)
    graph.get_python_cve_records_all("a")[0]["details"] = "changed"
    assert graph.get_python_cve_records_all("a")[0]["details"] == "d"


def test_the_time_of_reading_is_remembered(graph: GraphDatabase) -> None:
    assert graph.get_cve_timestamp() is None
    graph.set_cve_timestamp(datetime(2022, 1, 1, 12))  # noqa: DTZ001 - without a zone, on purpose
    assert graph.get_cve_timestamp() == datetime(2022, 1, 1, 12, tzinfo=UTC)
    east = timezone(timedelta(hours=2))
    graph.set_cve_timestamp(datetime(2021, 1, 1, 2, tzinfo=east))
    assert graph.get_cve_timestamp() == datetime(2021, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"package_name": ""},
        {"index_url": None},
        {"index_url": "ftp://x"},
        {"cve_id": None},
        {"cve_id": "c" * 513},
        {"details": None},
        {"details": "\0"},
        {"link": 1},
    ],
)
def test_wrong_records_are_refused(graph: GraphDatabase, wrong: dict[str, Any]) -> None:
    record = {
        "package_name": "a",
        "package_version": "1",
        "index_url": PYPI,
        "cve_id": "CVE-1",
        "details": "d",
        "link": None,
    }
    with pytest.raises(InvalidArgumentError):
        graph.create_python_cve_record(**{**record, **wrong})
    assert not graph.python_package_exists("a")


@pytest.mark.parametrize(
    "wrong", [None, "2022-01-01", datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))]
)
def test_wrong_times_are_refused(graph: GraphDatabase, wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.set_cve_timestamp(wrong)
