"""Reading stacks: canonical forms, and what is refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import InvalidDocumentError
from thoth.storages.sync.document_parts import Invalid
from thoth.storages.sync.stack_documents import Project, Stack, read_environment, read_stack
from thoth.storages.testing.inspection_documents import project

if TYPE_CHECKING:
    from collections.abc import Callable

PYPI = "https://pypi.org/simple/"
INVALID = Invalid("inspection-1")


def read(content: dict[str, Any]) -> Stack | None:
    return read_stack(INVALID.part(content, Project, "python"), "python", INVALID)


def known(content: dict[str, Any]) -> Stack:
    stack = read(content)
    assert stack is not None
    return stack


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content = project()
    change(content)
    return content


def locked(**entries: Any) -> dict[str, Any]:
    meta = {"sources": [{"name": "pypi", "url": "https://pypi.org/simple"}]}
    return {"requirements_locked": {"_meta": meta, "default": entries}}


def test_releases_of_a_lock_are_normalised() -> None:
    stack = known(locked(Foo_Bar={"version": "==1.0.0", "index": "pypi"}))
    assert stack.lock is not None
    assert stack.lock.releases == (("foo-bar", "1.0.0", PYPI),)


def test_an_entry_without_index_is_from_the_only_source() -> None:
    stack = known(locked(foo={"version": "==1"}))
    assert stack.lock is not None
    assert stack.lock.releases[0][2] == PYPI


def test_an_entry_without_index_is_from_nowhere_where_sources_are_several() -> None:
    content = locked(foo={"version": "==1"})
    content["requirements_locked"]["_meta"]["sources"].append({"url": "https://example.com/simple"})
    stack = known(content)
    assert stack.lock is not None
    assert stack.lock.releases[0][2] is None


def test_sources_may_be_those_of_the_requirements() -> None:
    content = locked(foo={"version": "==1", "index": "other"})
    content["requirements"] = {
        "packages": {"foo": "*"},
        "source": [{"name": "other", "url": "https://example.com/simple"}],
    }
    del content["requirements_locked"]["_meta"]
    stack = known(content)
    assert stack.lock is not None
    assert stack.lock.releases[0][2] == "https://example.com/simple/"


EQUAL: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda content: None,
    "spelling": lambda content: content["requirements"]["packages"].update(
        {"Package_7": content["requirements"]["packages"].pop("package-7")}
    ),
    "order": lambda content: content.update(
        requirements=dict(reversed(content["requirements"].items())),
    ),
    "object for text": lambda content: content["requirements"]["packages"].update(
        {"package-7": {"version": "*", "markers": None}}
    ),
    "verify_ssl": lambda content: content["requirements"]["source"][0].pop("verify_ssl"),
    "hashes": lambda content: content["requirements_locked"]["default"]["package-7"].pop("hashes"),
    "develop": lambda content: content["requirements_locked"]["develop"].update(
        {"package-7": content["requirements_locked"]["default"].pop("package-7")}
    ),
    "user info": lambda content: content["requirements"]["source"][0].update(
        url="https://me:secret@pypi.org/simple/"
    ),
    "hash of the Pipfile": lambda content: content["requirements_locked"]["_meta"].pop("hash"),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_means_the_same_has_the_same_digests(name: str) -> None:
    stack, other = known(project()), known(changed(EQUAL[name]))
    assert stack.requirements == other.requirements
    assert stack.lock is not None
    assert other.lock is not None
    assert stack.lock.digest == other.lock.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["requirements"]["packages"].update({"package-7": ">=2"}),
        lambda content: content["requirements_locked"]["default"]["package-7"].update(
            version="==9"
        ),
    ],
)
def test_what_means_something_else_has_other_digests(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert known(project()) != known(changed(change))


def test_user_info_in_urls_of_repositories_is_left_out() -> None:
    content = {"requirements": {"packages": {"foo": {"git": "https://me:secret@example.com/a"}}}}
    requirements = known(content).requirements
    assert requirements is not None
    assert "secret" not in requirements.canonical


def test_what_is_no_release_of_an_index_counts_for_the_digest_alone() -> None:
    entry = {"foo": {"git": "https://example.com/a", "ref": "0123"}}
    stack, other = known(locked(**entry)), known(locked(foo={"path": "."}))
    assert stack.lock is not None
    assert other.lock is not None
    assert stack.lock.releases == ()
    assert stack.lock.digest != other.lock.digest


@pytest.mark.parametrize(
    "content",
    [{}, {"requirements": {}, "requirements_locked": {}}, {"requirements": {"packages": {}}}],
)
def test_nothing_is_no_stack(content: dict[str, Any]) -> None:
    assert read(content) is None


def test_a_requirement_under_two_spellings_of_its_name_is_one() -> None:
    twice = {"Foo_Bar": ">= 1", "foo.bar": {"version": ">=1"}}
    once = {"foo-bar": ">=1"}
    assert known({"requirements": {"packages": twice}}) == known(
        {"requirements": {"packages": once}}
    )


def test_reading_changes_nothing() -> None:
    content = project()
    before = copy.deepcopy(content)
    read(content)
    assert content == before


BROKEN: list[tuple[dict[str, Any], str]] = [
    (locked(foo={"version": ">=1"}), "requirements_locked.default.foo.version"),
    (locked(foo={"version": 1}), "requirements_locked.default.foo.version"),
    (locked(foo={"version": "==1\0"}), "requirements_locked.default.foo.version"),
    (locked(foo=3), "requirements_locked.default.foo"),
    (locked(foo={"version": "==1", "index": "no"}), "requirements_locked.default.foo.index"),
    (
        locked(foo={"version": "==1", "hashes": ["sha256:xyz"]}),
        "requirements_locked.default.foo.hashes[0]",
    ),
    (locked(**{"a b": {"version": "==1"}}), "requirements_locked.default.a b"),
    (locked(foo={"version": " " * 300_000}), "requirements_locked.default.foo.version"),
    (locked(foo="==" + " " * 300_000), "requirements_locked.default.foo.version"),
    (locked(**{"a\0\ud800": "==1"}), r"requirements_locked.default.'a\x00\ud800'"),
    ({"requirements": {"packages": {"\x1b[2J": "*"}}}, r"requirements.packages.'\x1b[2J'"),
    ({"requirements": {"packages": {"Foo": ">=1", "foo": "<1"}}}, "requirements.packages.foo"),
    ({"requirements_locked": {"default": []}}, "requirements_locked.default"),
    ({"requirements_locked": []}, "requirements_locked"),
    ({"requirements": {"packages": {"foo": 1}}}, "requirements.packages.foo"),
    (
        {"requirements": {"packages": {"foo": "*"}, "source": [{"url": "ftp://example.com"}]}},
        "requirements.source[0].url",
    ),
    (
        {"requirements": {"packages": {"foo": "*"}}, "runtime_environment": {"python_version": []}},
        "runtime_environment.python_version",
    ),
]


@pytest.mark.parametrize(("content", "path"), BROKEN)
def test_what_is_broken_is_refused_with_its_path(content: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDocumentError) as raised:
        read(content)
    assert raised.value.path == f"python.{path}"
    assert raised.value.document_id == "inspection-1"


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (
            {"operating_system": {"name": "ubi", "version": "8.2"}, "python_version": "3.8.6"},
            ("rhel", "8", "3.8"),
        ),
        ({"operating_system": {"name": "Fedora", "version": 31}}, ("fedora", "31", "")),
        ({"operating_system": "debian", "python_version": "3.11"}, ("debian", "", "3.11")),
        ({"operating_system": None, "python_version": None}, None),
        (None, None),
    ],
)
def test_environments_are_normalised(runtime: dict[str, Any] | None, expected: object) -> None:
    assert read_environment(runtime, "", INVALID) == expected


def test_the_operating_system_may_be_that_of_os_release() -> None:
    release = {"id": "rhel", "version_id": "8.2"}
    found = read_environment({"python_version": "3.8"}, "", INVALID, os_release=release)
    assert found == ("rhel", "8", "3.8")
