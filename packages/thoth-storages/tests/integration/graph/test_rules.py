"""Rules that keep solvers from releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from thoth.storages import GraphDatabase

PYPI = "https://pypi.org/simple/"
OTHER = "https://other.example/simple/"


def test_a_rule_is_made_once(graph: GraphDatabase) -> None:
    rule = graph.create_python_rule(
        "Flask", version_specifier=" < 2.0 , >=1", index_url="https://pypi.org/simple"
    )
    assert rule == {
        "id": rule["id"],
        "package_name": "flask",
        "version_specifier": "<2.0,>=1",
        "index_url": PYPI,
        "description": None,
    }
    same = {"version_specifier": ">=1,<2.0", "index_url": PYPI}
    assert graph.create_python_rule("flask", **same, description="why")["id"] == rule["id"]
    assert graph.create_python_rule("flask", **same) == {**rule, "description": "why"}
    assert graph.get_python_rule(rule["id"]) == {**rule, "description": "why"}
    assert len(graph.get_python_rule_all()) == 1


@pytest.mark.parametrize("specifier", [None, "", " "])
def test_no_specifier_means_every_version(graph: GraphDatabase, specifier: str | None) -> None:
    rule = graph.create_python_rule("a", version_specifier=specifier)
    assert rule["version_specifier"] is None
    assert graph.get_python_package_version_solver_rules_all("a", "not-a-version") == [
        (rule["id"], None, None, None)
    ]


def test_rules_apply_to_the_versions_that_they_admit(graph: GraphDatabase) -> None:
    below = graph.create_python_rule("a", version_specifier="<2", description="d")["id"]
    holed = graph.create_python_rule("a", version_specifier="!=1.5,>=1")["id"]
    graph.create_python_rule("b", version_specifier="<2")

    def applying(version: str | None) -> list[int]:
        rules = graph.get_python_package_version_solver_rules_all("A", version)
        return [rule for rule, *_ in rules]

    assert applying(None) == [below, holed]
    assert applying("1.0") == [below, holed]
    assert applying("1.5") == [below]
    assert applying("2.0") == [holed]
    assert applying("2.0rc1") == [holed]
    assert applying("nonsense") == []
    assert graph.get_python_package_version_solver_rules_all("a", "1.5") == [
        (below, "<2", None, "d")
    ]


def test_rules_apply_to_the_index_that_they_name_or_to_all(graph: GraphDatabase) -> None:
    everywhere = graph.create_python_rule("a")["id"]
    here = graph.create_python_rule("a", index_url=OTHER)["id"]

    def applying(url: str | None) -> list[int]:
        rules = graph.get_python_package_version_solver_rules_all("a", "1", url)
        return [rule for rule, *_ in rules]

    assert applying(None) == [everywhere, here]
    assert applying(OTHER) == [everywhere, here]
    assert applying(PYPI) == [everywhere]
    assert [rule["id"] for rule in graph.get_python_rule_all(index_url=OTHER)] == [here]


def test_rules_are_listed_in_parts(graph: GraphDatabase) -> None:
    ids = [
        graph.create_python_rule(name, version_specifier=specifier)["id"]
        for name, specifier in (("b", "<2"), ("a", "<2"), ("a", "<1"))
    ]
    order = [ids[1], ids[2], ids[0]]
    assert [rule["id"] for rule in graph.get_python_rule_all()] == order
    parts = [graph.get_python_rule_all(start_offset=place, count=1) for place in range(4)]
    assert [rule["id"] for part in parts for rule in part] == order
    assert [rule["id"] for rule in graph.get_python_rule_all(package_name="B")] == [ids[0]]


def test_a_deleted_rule_applies_no_more(graph: GraphDatabase) -> None:
    rule = graph.create_python_rule("a")["id"]
    assert graph.get_python_package_version_solver_rules_all("a")
    assert graph.delete_python_rule(rule) == 1
    assert graph.delete_python_rule(rule) == 0
    assert graph.get_python_package_version_solver_rules_all("a") == []
    for unknown in (rule, 2**63 - 1):
        with pytest.raises(NotFoundError):
            graph.get_python_rule(unknown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"package_name": None},
        {"version_specifier": "two"},
        {"version_specifier": ">" * 600},
        {"version_specifier": 2},
        {"index_url": "nowhere"},
        {"description": "\0"},
    ],
)
def test_wrong_rules_are_refused(graph: GraphDatabase, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.create_python_rule(**{"package_name": "a", **wrong})
    assert graph.get_python_rule_all() == []


@pytest.mark.parametrize("wrong", [None, "1", -1, True, 2**63])
def test_wrong_ids_are_refused(graph: GraphDatabase, wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.get_python_rule(wrong)
    with pytest.raises(InvalidArgumentError):
        graph.delete_python_rule(wrong)
