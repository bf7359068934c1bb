"""The questions that the benchmarks of reading ask: the ten most used, and one for a whole closure.

One place, so that `graph_reading.py` and `graph_growth.py` time the same.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from snapshot import PYPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import GraphDatabase

RELEASE = ("pandas", "2.2.2", PYPI)
ROOTS = (RELEASE, ("requests", "2.32.3", PYPI))
ENVIRONMENT = {"os_name": "rhel", "os_version": "8", "python_version": "3.11"}
TEN = {
    "get_depends_on": lambda graph: graph.get_depends_on(*RELEASE, **ENVIRONMENT),
    "has_python_solver_error": lambda graph: graph.has_python_solver_error(*RELEASE, **ENVIRONMENT),
    "python_package_version_exists": lambda graph: graph.python_package_version_exists(*RELEASE),
    "get_python_package_versions_all": lambda graph: graph.get_python_package_versions_all(
        "pandas"
    ),
    "get_python_package_version_records": lambda graph: graph.get_python_package_version_records(
        *RELEASE, **ENVIRONMENT
    ),
    "get_python_package_hashes_sha256": lambda graph: graph.get_python_package_hashes_sha256(
        *RELEASE
    ),
    "get_python_package_version_metadata": lambda graph: graph.get_python_package_version_metadata(
        *RELEASE
    ),
    "get_python_cve_records_all": lambda graph: graph.get_python_cve_records_all(*RELEASE[:2]),
    "get_python_environment_marker": lambda graph: graph.get_python_environment_marker(
        *RELEASE, dependency_name="numpy", dependency_version="1.26.4", **ENVIRONMENT
    ),
    "get_solved_python_package_versions_all": (
        lambda graph: graph.get_solved_python_package_versions_all("pandas", **ENVIRONMENT)
    ),
}
QUESTIONS: dict[str, Callable[[GraphDatabase], Any]] = {
    **TEN,
    "retrieve_transitive_dependencies_python_multi": (
        lambda graph: graph.retrieve_transitive_dependencies_python_multi(*ROOTS, **ENVIRONMENT)
    ),
}

# Every fourth release was solved, one in a hundred of these in vain; one in a thousand is
# vulnerable. The release that is asked for has all of it, and metadata.
_FACTS = """
    INSERT INTO software_environment (os_name, os_version, python_version)
    VALUES ('rhel', '8', '3.11');
    INSERT INTO solver_result (software_environment_id, created_at, document_id, solver_name)
    SELECT id, now(), 'solver-rhel-8-py311-0', 'solver-rhel-8-py311' FROM software_environment;
    INSERT INTO solved (release_id, solver_result_id, error)
    SELECT release.id, solver_result.id, release.id % 400 = 0 AND package.name <> 'pandas'
      FROM release JOIN package ON package.id = release.package_id CROSS JOIN solver_result
     WHERE release.id % 4 = 0 OR package.name = 'pandas';
    INSERT INTO vulnerability (cve_id, details) SELECT 'CVE-' || id, 'It is.' FROM package;
    INSERT INTO vulnerability_release (vulnerability_id, release_id)
    SELECT vulnerability.id, release.id
      FROM vulnerability JOIN package ON vulnerability.cve_id = 'CVE-' || package.id
      JOIN release ON release.package_id = package.id
     WHERE release.id % 1000 = 0 OR (package.name, release.version) = ('pandas', '2.2.2');
    INSERT INTO release_metadata (release_id, summary, license, author, classifiers)
    SELECT id, 'A summary', 'MIT', 'Somebody', '{Programming Language :: Python}' FROM release
     WHERE id % 10 = 0
        OR package_id = (SELECT id FROM package WHERE name = 'pandas' AND ecosystem = 'pypi');
"""


def add_facts(graph: GraphDatabase) -> None:
    """Add solver results, vulnerabilities and metadata, and let the server learn what it holds."""
    with graph.migration_connection() as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_FACTS)
        connection.commit()
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
        connection.execute("VACUUM ANALYZE")


def medians(graph: GraphDatabase, repeat: int) -> dict[str, float]:
    """Return the median milliseconds of each question, asked in turn with the others."""
    for ask in QUESTIONS.values():
        for _ in range(10):
            ask(graph)
    times: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    for _ in range(repeat):
        for name, ask in QUESTIONS.items():
            begin = time.perf_counter()
            ask(graph)
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) * 1000 for name, values in times.items()}
