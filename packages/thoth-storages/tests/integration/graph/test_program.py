"""A program that was written against the published snippets runs on either kind of server."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from thoth.storages.graph.embedded.binaries import install_copy, locate
from thoth.storages.testing import temporary_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import json
import sys

from thoth.storages import GraphDatabase

graph = GraphDatabase()
graph.connect()
assert graph.is_connected()
graph.initilize_schema()
graph.initialize_schema()
assert graph.is_schema_up2date()
assert graph.get_table_alembic_version_head() == graph.get_script_alembic_version_head()

index = "https://pypi.org/simple"
graph.register_python_package_index(index, enabled=True)
graph.sync_solver_result(json.load(open(sys.argv[1])))
flask = ("flask", "1.0.2", index)
environment = {"os_name": "rhel", "os_version": "8", "python_version": "3.6"}
graph.create_python_cve_record(*flask, cve_id="CVE-2026-1", details="A flaw", link=None)
graph.update_missing_flag_package_version(*flask, True)
answers = {
    "packages": graph.get_python_packages_all(distinct=True),
    "releases": graph.get_python_package_versions_all(count=None),
    "count": graph.get_python_package_versions_count_all(distinct=True),
    "here": graph.get_python_package_versions_all(**environment),
    "exists": graph.python_package_version_exists(*flask),
    "missing": graph.is_python_package_version_is_missing(*flask),
    "hashes": graph.get_python_package_hashes_sha256(*flask),
    "depends": graph.get_depends_on(*flask, **environment),
    "flaws": graph.get_python_cve_records_all("flask"),
    "error": graph.has_python_solver_error(*flask, **environment),
    "solvers": graph.get_ecosystem_solver_all(),
    "indexes": graph.get_python_package_index_urls_all(enabled=True),
    "classifiers": graph.get_python_package_version_trove_classifiers_all(*flask, **environment),
    "corrupted": graph.is_database_corrupted(),
}
assert graph.get_database_size() > 0
assert graph.stats()
graph.disconnect()

with GraphDatabase() as graph:
    graph.drop_all()
    assert not graph.is_schema_up2date()
print(json.dumps(answers))
"""
DIGEST = "a080b744b7e345ccfcbc77954861cb05b3c63786e93f2b3875e0913d44b43f05"
INDEX = "https://pypi.org/simple/"


def tree_entry(name: str, version: str, **more: Any) -> dict[str, Any]:
    return {
        "package_name": name,
        "package_version": version,
        "package_version_requested": version,
        "index_url": "https://pypi.org/simple",
        "sha256": [DIGEST],
        "importlib_metadata": {
            "metadata": {"Name": name, "Version": version, "Classifier": ["Topic :: Internet"]}
        },
        "dependencies": [],
        **more,
    }


def solver_document() -> dict[str, Any]:
    dependency = {
        "package_name": "Werkzeug",
        "normalized_package_name": "werkzeug",
        "specifier": ">=0.14",
        "extras": [],
        "extra": [],
        "marker": None,
        "marker_evaluated": None,
        "marker_evaluation_result": True,
        "marker_evaluation_error": None,
        "parsed_markers": [],
        "resolved_versions": [{"index": "https://pypi.org/simple", "versions": ["0.15.5"]}],
    }
    return {
        "metadata": {
            "analyzer": "thoth-solver",
            "analyzer_version": "1.10.1",
            "arguments": {"python": {"index": ["https://pypi.org/simple"]}},
            "datetime": "2026-11-20T10:00:00",
            "timestamp": 1795168800,
            "duration": 12,
            "document_id": "solver-rhel-8-py36-261120100000-0123456789abcdef",
            "hostname": "solver-host",
            "thoth_deployment_name": "test",
            "distribution": {
                "id": "rhel",
                "codename": "Ootpa",
                "like": "fedora",
                "version": "8.2",
                "version_parts": {"major": "8", "minor": "2", "build_number": ""},
            },
            "os_release": {"id": "rhel", "name": "Red Hat Enterprise Linux", "version_id": "8.2"},
            "python": {
                "major": 3,
                "minor": 6,
                "micro": 8,
                "releaselevel": "final",
                "serial": 0,
                "api_version": 1013,
                "implementation_name": "cpython",
            },
        },
        "result": {
            "environment": {
                "implementation_name": "cpython",
                "implementation_version": "3.6.8",
                "os_name": "posix",
                "platform_machine": "x86_64",
                "platform_python_implementation": "CPython",
                "platform_release": "5.0",
                "platform_system": "Linux",
                "platform_version": "#1",
                "python_full_version": "3.6.8",
                "python_version": "3.6",
                "sys_platform": "linux",
            },
            "environment_packages": [],
            "platform": "linux-x86_64",
            "tree": [
                tree_entry("Flask", "1.0.2", dependencies=[dependency]),
                tree_entry("Werkzeug", "0.15.5"),
            ],
            "errors": [],
            "unresolved": [],
            "unparsed": [],
        },
    }


def run(variables: dict[str, str], directory: Path) -> dict[str, Any]:
    document = directory / "document.json"
    document.write_text(json.dumps(solver_document()))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(document)],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.fixture
def somebodys_server() -> Iterator[dict[str, str]]:
    """Run a server on TCP with passwords; its role may make databases and nothing else."""
    directory = Path(tempfile.mkdtemp(prefix="thoth-somebody-")).resolve()
    directory.chmod(0o711)
    programs = locate(None)
    privileges: dict[str, Any] = {}
    if os.geteuid() == 0:
        programs = install_copy(programs, directory)
        nobody = pwd.getpwnam("nobody")
        privileges = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    home = directory / "home"
    home.mkdir()
    (home / "password").write_text("admin's password\n")
    if privileges:
        for path in (home, home / "password"):
            os.chown(path, privileges["user"], privileges["group"])
    initdb = [
        *(str(programs.bindir / "initdb"), "-D", str(home / "cluster"), "--username=admin"),
        *("--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"),
        f"--pwfile={home / 'password'}",
    ]
    common: dict[str, Any] = {"cwd": home, "env": {}, **privileges}
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, timeout=120, **common)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = str(reserved.getsockname()[1])
    postgres = [
        *(str(programs.bindir / "postgres"), "-D", str(home / "cluster"), "-p", port),
        *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"),
    ]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(postgres, stdout=log, stderr=log, **common)
    try:
        make_role(int(port))
        yield {
            "KNOWLEDGE_GRAPH_HOST": "127.0.0.1",
            "KNOWLEDGE_GRAPH_PORT": port,
            "KNOWLEDGE_GRAPH_USER": "thoth",
            "KNOWLEDGE_GRAPH_PASSWORD": "p@ss/w:rd %",
            "KNOWLEDGE_GRAPH_DATABASE": "knowledge",
            "KNOWLEDGE_GRAPH_SSL_DISABLED": "1",
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(directory)


def make_role(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(
                host="127.0.0.1",
                port=port,
                user="admin",
                password="admin's password",
                dbname="postgres",
                autocommit=True,
            ) as connection:
                connection.execute("CREATE ROLE thoth LOGIN CREATEDB PASSWORD 'p@ss/w:rd %'")
                return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def check(answers: dict[str, Any]) -> None:
    flask, werkzeug = ["flask", "1.0.2", INDEX], ["werkzeug", "0.15.5", INDEX]
    assert answers["releases"] == answers["here"] == [flask, werkzeug]
    assert answers["packages"] == [["flask", INDEX], ["werkzeug", INDEX]]
    assert answers["count"] == 2
    assert answers["hashes"] == [DIGEST]
    assert answers["depends"] == {"": [["werkzeug", "0.15.5"]]}
    assert answers["solvers"] == ["solver-rhel-8-py36"]
    assert answers["indexes"] == [INDEX]
    assert answers["classifiers"] == ["Topic :: Internet"]
    assert len(answers["flaws"]) == 1
    assert (answers["exists"], answers["missing"]) == (True, True)
    assert (answers["error"], answers["corrupted"]) == (False, False)


def test_it_runs_on_the_embedded_server(tmp_path: Path) -> None:
    with temporary_data_dir() as data_dir:
        check(run({"THOTH_DATA_DIR": str(data_dir), "THOTH_PG_LINGER": "0"}, tmp_path))


def test_it_runs_on_somebodys_server(somebodys_server: dict[str, str], tmp_path: Path) -> None:
    check(run(somebodys_server, tmp_path))
    wrong = {**somebodys_server, "KNOWLEDGE_GRAPH_PASSWORD": "another"}
    with pytest.raises(AssertionError, match="DatabaseUnreachableError") as caught:
        run(wrong, tmp_path)
    assert "another" not in str(caught.value)
