"""Solver documents made by a program, in the shape of real ones, for tests and benchmarks.

Documents of one seed agree with one another as real ones do: a release says the same of itself in
each document that it is in. Popular packages come up again and again, rare ones once.
"""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEX_URL = "https://pypi.org/simple"
ENVIRONMENTS = (("rhel", "8", "3.8"), ("rhel", "9", "3.11"), ("fedora", "35", "3.10"))

_FIRST = datetime(2021, 1, 1, tzinfo=UTC)
_PACKAGES = 2000
_INSTALLED = 8
_MARKERS = (
    None,
    None,
    None,
    None,
    'python_version < "3.8"',
    'sys_platform == "win32"',
    'extra == "test"',
    'extra == "docs"',
    'python_version >= "3.8" and extra == "test"',
)
_SPECIFIERS = ("", "", ">=1.0", ">=1.0,<3", "~=1.2", "!=1.1.0", "==2.*", ">=1.1,!=2.0.1")
_CLASSIFIERS = (
    "Development Status :: 5 - Production/Stable",
    "Intended Audience :: Developers",
    "License :: OSI Approved :: Apache Software License",
    "License :: OSI Approved :: MIT License",
    "Operating System :: OS Independent",
    "Programming Language :: Python :: 3",
    "Programming Language :: Python :: 3.10",
    "Programming Language :: Python :: 3.11",
    "Topic :: Software Development :: Libraries",
)


def solver_documents(
    count: int, *, seed: int = 0, dependencies: int = 40
) -> Iterator[dict[str, Any]]:
    """Give documents of solvers, always the same for a seed; each a fresh object, ready for JSON.

    Each has a tree of eight releases which together declare about so many `dependencies`, with the
    versions that an index has of each; one in ten has an error, an unresolved package and a
    requirement that could not be read as well.
    """
    for number in range(count):
        yield solver_document(number, seed=seed, dependencies=dependencies)


def solver_document(number: int, *, seed: int = 0, dependencies: int = 40) -> dict[str, Any]:
    """Return one of the documents that `solver_documents` gives, by its number from 0."""
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - no secret
    os_name, os_version, python_version = ENVIRONMENTS[number % len(ENVIRONMENTS)]
    created = _FIRST + timedelta(seconds=97 * number)
    solver = f"solver-{os_name}-{os_version}-py{python_version.replace('.', '')}"
    document_id = f"{solver}-{created:%y%m%d%H%M%S}-{chance.getrandbits(64):016x}"
    each = max(1, dependencies // _INSTALLED)
    names = [f"package-{_popular(chance)}" for _ in range(_INSTALLED - 1)]
    tree = [_installed(f"root-{number % 997}", f"{1 + number // 997}.0.0", each)]
    tree += [_installed(name, _version(name, chance), each) for name in dict.fromkeys(names)]
    fails = number % 10 == 9
    return {
        "metadata": {
            "analyzer": "thoth-solver",
            "analyzer_version": "1.10.3",
            "arguments": {
                "thoth-solver": {"python": {"index": [INDEX_URL], "no_transitive": True}}
            },
            "datetime": created.isoformat(),
            "timestamp": int(created.timestamp()),
            "duration": chance.randrange(5, 300),
            "document_id": document_id,
            "hostname": f"{document_id}-pod",
            "thoth_deployment_name": "test",
            "distribution": {
                "id": os_name,
                "codename": "",
                "like": "fedora",
                "version": os_version,
                "version_parts": {"major": os_version, "minor": "", "build_number": ""},
            },
            "os_release": {"id": os_name, "version_id": os_version, "platform_id": "platform:el"},
            "python": {
                "api_version": 1013,
                "implementation_name": "cpython",
                "major": 3,
                "micro": 4,
                "minor": int(python_version.partition(".")[2]),
                "releaselevel": "final",
                "serial": 0,
            },
        },
        "result": {
            "environment": _environment(python_version),
            "environment_packages": [{"package_name": "pip", "package_version": "21.2"}],
            "platform": "linux-x86_64",
            "tree": tree,
            "errors": [_error(chance)] if fails else [],
            "unresolved": [_unresolved(chance)] if fails else [],
            "unparsed": [{"requirement": "not~~a~~requirement", "details": "..."}] if fails else [],
        },
    }


def _popular(chance: random.Random) -> int:
    """Return the number of a package; the lower, the more popular."""
    return int(_PACKAGES * chance.random() ** 3)


@cache
def _versions(name: str) -> tuple[str, ...]:
    chance = random.Random(name)  # noqa: S311 - no secret
    count = chance.randrange(1, 25)
    return tuple(f"{1 + place // 8}.{place // 2 % 4}.{place % 2}" for place in range(count))


def _version(name: str, chance: random.Random) -> str:
    return chance.choice(_versions(name))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _installed(name: str, version: str, dependencies: int) -> dict[str, Any]:
    """Return what a document says of a release: the same wherever it is installed."""
    chance = random.Random(f"{name}=={version}:{dependencies}")  # noqa: S311 - no secret
    entries = _declared(name, dependencies, chance)
    module = name.replace("-", "_")
    paths = [f"{module}/__init__.py", *(f"{module}/part_{part}.py" for part in range(12))]
    return {
        "package_name": name,
        "package_version": version,
        "package_version_requested": version,
        "index_url": INDEX_URL,
        "sha256": [_sha256(f"{name}-{version}.tar.gz"), _sha256(f"{name}-{version}.whl")],
        "package_license": "Apache-2.0",
        "importlib_metadata": {
            "metadata": {
                "Metadata-Version": "2.1",
                "Name": name,
                "Version": version,
                "Summary": f"What {name} does, in a line.",
                "Home-page": f"https://example.com/{name}",
                "Author": "Somebody",
                "Author-email": "somebody@example.com",
                "License": "Apache-2.0",
                "Classifier": chance.sample(_CLASSIFIERS, 5),
                "Project-URL": [f"Source, https://example.com/{name}/source"],
                "Requires-Python": ">=3.7",
                "Requires-Dist": [entry["package_name"] + entry["specifier"] for entry in entries],
                "Provides-Extra": ["docs", "test"],
                "Description": f"{name} {version}\n\nA description that goes on. " * 20,
                "Description-Content-Type": "text/markdown",
            },
            "requires": [entry["package_name"] + entry["specifier"] for entry in entries],
            "version": version,
            "files": [
                {"path": path, "size": 1234, "hash": {"mode": "sha256", "value": _sha256(path)}}
                for path in paths
            ],
            "entry_points": [],
        },
        "dependencies": entries,
    }


def _declared(name: str, count: int, of_version: random.Random) -> list[dict[str, Any]]:
    """Return what a release declares: one in ten is its own, the rest what its package always did.

    (Of the 732,706 dependencies of 39,497 real releases, 6,795 are distinct.)
    """
    of_package = random.Random(f"{name}:{count}")  # noqa: S311 - no secret
    usual = [_dependency(of_package) for _ in range(count)]
    return [
        _dependency(of_version) if of_version.random() < 0.1 else dependency for dependency in usual
    ]


def _dependency(chance: random.Random) -> dict[str, Any]:
    name = f"package-{_popular(chance)}"
    marker = chance.choice(_MARKERS)
    known = _versions(name)
    return {
        "package_name": name,
        "normalized_package_name": name,
        "specifier": chance.choice(_SPECIFIERS),
        "extras": ["fast"] if chance.random() < 0.05 else [],
        "extra": ["test"] if marker and "extra" in marker else [],
        "marker": marker,
        "marker_evaluated": marker,
        "marker_evaluation_result": None if marker is None else "win32" not in marker,
        "marker_evaluation_error": None,
        "parsed_markers": [],
        "resolved_versions": [{"index": INDEX_URL, "versions": list(known[-3:])}],
    }


def _environment(python_version: str) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python_version}.4",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "4.18.0-305.el8.x86_64",
        "platform_system": "Linux",
        "platform_version": "#1 SMP",
        "python_full_version": f"{python_version}.4",
        "python_version": python_version,
        "sys_platform": "linux",
    }


def _error(chance: random.Random) -> dict[str, Any]:
    name = f"broken-{chance.randrange(50)}"
    return {
        "package_name": name,
        "package_version": "1.0",
        "index_url": INDEX_URL,
        "type": "command_error",
        "is_provided_package": True,
        "is_provided_package_version": True,
        "details": {"command": f"pip install {name}==1.0", "return_code": 1, "stderr": "..."},
    }


def _unresolved(chance: random.Random) -> dict[str, Any]:
    return {
        "package_name": f"absent-{chance.randrange(50)}",
        "version_spec": chance.choice(("==9.9", ">=99", "")),
        "index_url": INDEX_URL,
        "is_provided_package": True,
        "is_provided_package_version": False,
    }
