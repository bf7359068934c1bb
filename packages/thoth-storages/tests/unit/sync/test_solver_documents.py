"""Solver documents: today's form, that of 2018, and what is refused."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.core_metadata import import_packages, metadata_record
from thoth.storages.sync.solver_documents import (
    Environment,
    SolverFacts,
    read_solver_document,
)
from thoth.storages.sync.solver_entries import requirement_text
from thoth.storages.testing import solver_document

PYPI = "https://pypi.org/simple/"
HASH = "ab" * 32


def document(result: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    made = solver_document(0)
    made["metadata"].update(metadata)
    if result is not None:
        made["result"] = {"tree": [], **result}
    return made


def installed(**changes: Any) -> dict[str, Any]:
    return {
        "package_name": "Zope.Interface",
        "package_version": "5.0",
        "index_url": "https://pypi.python.org/simple",
        "sha256": [HASH],
        "importlib_metadata": {"metadata": {"Summary": "s", "Requires-Python": ">=3"}},
        "dependencies": [],
        **changes,
    }


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(InvalidDocumentError) as caught:
        read_solver_document(content)
    assert caught.value.document_id == content["metadata"]["document_id"]
    with pytest.raises(InvalidDocumentError, match=re.escape(str(caught.value))):
        read_solver_document(msgspec.json.encode(content))
    return caught.value.path


def read(**result: Any) -> SolverFacts:
    return read_solver_document(document(result))


def test_the_environment_comes_from_the_id() -> None:
    name = "solver-ubi-8.5-py311-211122104530-0123456789abcdef"
    facts = read_solver_document(document({"environment": []}, document_id=name))
    assert facts.environment == Environment("rhel", "8", "3.11")
    assert facts.solver_name == "solver-ubi-8.5-py311"


@pytest.mark.parametrize("name", ["solver-0123abcd", "my-result"])
def test_an_id_that_says_nothing_leaves_the_environment_to_the_host(name: str) -> None:
    content = document({}, document_id=name, os_release={"id": "ubi", "version_id": "9.1"})
    facts = read_solver_document(content)
    assert facts.environment == Environment("rhel", "9", "3.8")
    assert facts.solver_name == "solver-rhel-9-py38"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"os_release": None, "distribution": {}}, "metadata.distribution.id"),
        ({"python": {}}, "metadata.python.major"),
    ],
)
def test_an_environment_that_nobody_says_is_refused(changes: dict[str, Any], path: str) -> None:
    assert refused(document({}, document_id="solver-0123abcd", **changes)) == path


def test_markers_are_those_of_the_document_without_its_kernel() -> None:
    markers = read_solver_document(document()).environment.markers
    assert markers is not None
    assert markers["python_full_version"] == "3.8.4"
    assert markers["platform_release"] == markers["platform_version"] == ""


def test_an_installed_release_is_a_record() -> None:
    facts = read(tree=[installed()])
    (record,) = (release.record for release in facts.said.releases)
    assert (record.package, record.version, record.index_url) == ("zope-interface", "5.0", PYPI)
    assert record.requires_python == ">=3"
    assert record.metadata is not None
    assert record.metadata.summary == "s"
    assert [artifact.sha256 for artifact in record.artifacts or ()] == [bytes.fromhex(HASH)]
    assert record.dependencies == ()
    assert not facts.outcomes[0].error


def test_dependencies_that_are_not_said_come_from_the_metadata_or_are_unknown() -> None:
    metadata = {"metadata": {}, "requires": ["six>=1"]}
    tree = [
        installed(dependencies=None, importlib_metadata=None),
        installed(dependencies=None, importlib_metadata={**metadata, "metadata": {"Name": "x"}}),
    ]
    releases = read(tree=tree).said.releases
    assert [release.record.dependencies for release in releases] == [None, ("six>=1",)]


def test_versions_that_an_index_has_are_releases() -> None:
    entry = {
        "package_name": "six",
        "specifier": ">=1",
        "resolved_versions": [{"index": PYPI, "versions": ["1.0", "1.1"]}, {"index": PYPI}],
    }
    facts = read(tree=[installed(dependencies=[entry])])
    assert len(facts.said.releases) == 1
    resolved = {("six", "1.0", PYPI), ("six", "1.1", PYPI)}
    assert facts.said.mentioned.keys() == facts.seen.keys()
    assert facts.seen.keys() == {("zope-interface", "5.0", PYPI), *resolved}


def test_the_form_of_2018_is_read() -> None:
    entry = {"package_name": "six", "required_version": ">=1", "resolved_versions": ["1.0"]}
    facts = read(
        environment=[{"package_name": "pip", "package_version": "10"}],
        tree=[installed(dependencies=[entry])],
        errors=[{"package_name": "broken", "version": "2", "details": {"stderr": "x"}}],
    )
    assert facts.environment.markers is None
    assert facts.said.releases[0].record.dependencies == ("six>=1",)
    assert ("six", "1.0", None) in facts.seen
    assert facts.said.mentioned.keys() - facts.seen.keys() == {("broken", "2", None)}
    assert facts.outcomes[1].release == ("broken", "2", None)
    assert facts.outcomes[1].error


def test_what_was_asked_for_in_vain_is_unsolvable_where_it_was_one_version() -> None:
    wanted = [
        {"package_name": "A", "version_spec": "==9.9", "index_url": PYPI},
        {"package_name": "B", "version_spec": ">=99", "index_url": None},
        {"package_name": "C", "version_spec": None},
    ]
    facts = read(unresolved=wanted)
    assert [(each.package, each.specifier) for each in facts.unresolved] == [
        ("a", "==9.9"),
        ("b", ">=99"),
        ("c", ""),
    ]
    (outcome,) = facts.outcomes
    assert (outcome.error, outcome.unsolvable) == (True, True)
    assert not facts.seen


def test_what_could_not_be_read_is_unparseable_where_it_was_one_version() -> None:
    facts = read(
        unparsed=[
            {"requirement": "A==1.0; nonsense", "details": "d"},
            {"requirement": "~~~", "details": None},
        ]
    )
    assert [each["requirement"] for each in facts.unparsed] == ["A==1.0; nonsense", "~~~"]
    (outcome,) = facts.outcomes
    assert (outcome.unparseable, outcome.release) == (True, ("a", "1.0", None))


def test_lone_surrogates_of_encoded_documents_are_replaced_where_people_read_them() -> None:
    metadata = {"metadata": {"Summary": "\udc80 s", "Author-Email": "\ud83d\ude00"}}
    encoded = json.dumps(document({"tree": [installed(importlib_metadata=metadata)]})).encode()
    (release,) = read_solver_document(encoded).said.releases
    assert release.record.metadata is not None
    assert release.record.metadata.summary == "? s"
    assert release.record.metadata.author_email == "\U0001f600"
    broken = json.dumps(document({"tree": [installed(package_version="1\udc80")]})).encode()
    with pytest.raises(InvalidDocumentError, match=r"tree\[0\].package_version has a lone surr"):
        read_solver_document(broken)


def test_what_documents_say_alike_is_read_once() -> None:
    def content(number: int, **changes: Any) -> bytes:
        made = document({"tree": [installed(package_version="7.7", **changes)]})
        made["metadata"]["document_id"] = f"solver-rhel-8-py38-{number:08x}"
        return msgspec.json.encode(made)

    first, again = read_solver_document(content(1)), read_solver_document(content(2))
    other = read_solver_document(content(3, package_license="MIT"))
    assert first.said.releases[0] is again.said.releases[0]
    assert first.said.releases[0] != other.said.releases[0]
    assert first.seen == again.seen == other.seen
    first.seen.clear()
    assert read_solver_document(content(4)).seen == again.seen


def test_nothing_passed_in_is_changed() -> None:
    content = solver_document(9)
    before = copy.deepcopy(content)
    read_solver_document(content)
    assert content == before


@pytest.mark.parametrize(
    ("result", "path"),
    [
        ({"tree": None}, "result.tree"),
        ({"tree": [installed(), installed(package_name=None)]}, "result.tree[1].package_name"),
        ({"tree": [installed(package_name="a b")]}, "result.tree[0].package_name"),
        ({"tree": [installed(package_version="1\0")]}, "result.tree[0].package_version"),
        ({"tree": [installed(package_version=" ")]}, "result.tree[0].package_version"),
        ({"tree": [installed(package_name="a" * 513)]}, "result.tree[0].package_name"),
        ({"tree": [installed(index_url="ftp://x")]}, "result.tree[0].index_url"),
        ({"tree": [installed(sha256=[HASH, "12"])]}, "result.tree[0].sha256[1]"),
        (
            {"tree": [installed(dependencies=[{"package_name": ""}])]},
            "result.tree[0].dependencies[0].package_name",
        ),
        (
            {"tree": [installed(dependencies=[{"package_name": "a", "specifier": ">1; x"}])]},
            "result.tree[0].dependencies[0].specifier",
        ),
        (
            {"tree": [installed(dependencies=[{"package_name": "a", "extras": ["]"]}])]},
            "result.tree[0].dependencies[0].extras",
        ),
        ({"errors": [{"package_name": "a"}]}, "result.errors[0].package_version"),
        ({"errors": {}}, "result.errors"),
        (
            {"unresolved": [{"package_name": "a", "version_spec": "\0"}]},
            "result.unresolved[0].version_spec",
        ),
        ({"unparsed": [{}]}, "result.unparsed[0].requirement"),
        ({"environment": {"os_name": 1}}, "result.environment.os_name"),
    ],
)
def test_what_is_broken_is_refused_with_its_path(result: dict[str, Any], path: str) -> None:
    assert refused(document(result)).startswith(path)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("a", (), "", "", ()), "a"),
        (("a", (), "*", "", ()), "a"),
        (("a", ("x", "y"), ">=1,<2", "", ()), "a[x,y]>=1,<2"),
        (("a", (), "", 'extra == "x"', ("x",)), 'a; extra == "x"'),
        (("a", (), "", "", ("x", "y")), 'a; extra == "x" or extra == "y"'),
        (
            ("a", (), ">1", 'os_name == "nt"', ("x",)),
            'a>1; (os_name == "nt") and (extra == "x")',
        ),
        (("a", (), "(>=1)", "", ()), "a(>=1)"),
        (("a-3", (), "2.0", "", ()), "a-3 2.0"),
        (("a-3", ("x",), "2", 'os_name == "nt"', ()), 'a-3[x] 2; os_name == "nt"'),
        (("a", (), "@ https://example.com/a", "", ()), None),
        (("a", (), "", "", ('x"',)), None),
    ],
)
def test_requirements_are_written_as_pep_508_has_them(arguments: Any, text: str | None) -> None:
    assert requirement_text(*arguments) == text


def test_texts_for_people_are_shortened_and_cleaned() -> None:
    fields = {
        "Summary": "a\0b\ud800",
        "License": "L" * 100_000,
        "Author": "UNKNOWN",
        "Classifier": ["Topic :: A", "x" * 513],
        "Project-URL": ["Source, https://example.com", "nothing"],
        "Provides-Extra": ["a\0"],
        "License-Expression": "M" * 513,
    }
    record = metadata_record(fields, (), None)
    assert record.summary == "a\ufffdb?"
    assert len(record.license or "") == 65_536
    assert record.author is None
    assert record.classifiers == ("Topic :: A",)
    assert record.project_urls == {"Source": "https://example.com"}
    assert record.other == {"provides_extra": ["a\ufffd"]}
    assert record.license_expression is None
    assert metadata_record({}, (), "MIT").license == "MIT"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["six.py", "six-1.0.dist-info/METADATA", "../../bin/six"], ("six",)),
        (["a/__init__.py", "a/b/__init__.py", "a/c.py", "a/data.txt"], ("a",)),
        (["google/cloud/x/__init__.py", "google/cloud/x/y.py"], ("google.cloud.x",)),
        (["ns/module.py"], ("ns.module",)),
        (["_a.cpython-311-x86_64-linux-gnu.so"], ("_a",)),
        (["__init__.py", "1.py", "a-b/c.py"], ()),
    ],
)
def test_names_to_import_are_the_topmost_packages(paths: list[str], names: Any) -> None:
    assert import_packages(paths) == names


READ_MANY = """
import resource, msgspec
from thoth.storages.sync.solver_documents import read_solver_document
from thoth.storages.testing import solver_document
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
content = solver_document(0, dependencies=0)
fields = b'{"X":[%s]}' % b",".join([b'{"a":0}'] * 7000)
before = most()
for number in range(36):
    report = {"metadata": msgspec.Raw(fields)}
    entry = {"package_name": "a", "importlib_metadata": report}
    tree = [{**entry, "package_version": f"{number}.{minor}"} for minor in range(20)]
    content["result"] = {"tree": tree}
    read_solver_document(msgspec.json.encode(content))
print((most() - before) // 1024)
"""


@pytest.mark.slow
def test_what_is_remembered_of_documents_of_many_values_stays_within_bounds() -> None:
    command = [sys.executable, "-c", READ_MANY]
    read = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert int(read.stdout) < 400
