"""The command as a process, on a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from thoth.storages.graph import migrations
from thoth.storages.testing import temporary_data_dir
from thoth.storages.testing.forking import ForkedProgram

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from thoth.storages import GraphDatabase, StoragesSettings

PNG = b"\x89PNG\r\n\x1a\n"
SECRET = "not-for-the-command-line"


def environment(settings: StoragesSettings, **more: str) -> dict[str, str]:
    assert settings.server is not None
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("THOTH_", "KNOWLEDGE_GRAPH_", "PG"))
    }
    return kept | {
        "KNOWLEDGE_GRAPH_HOST": settings.server.host,
        "KNOWLEDGE_GRAPH_PORT": str(settings.server.port),
        "KNOWLEDGE_GRAPH_USER": settings.server.user,
        "KNOWLEDGE_GRAPH_PASSWORD": SECRET,
        "KNOWLEDGE_GRAPH_DATABASE": settings.server.database,
        **more,
    }


COMMAND = ForkedProgram(
    "thoth-storages",
    "thoth.storages.cli.main:main",
    "thoth.storages.cli.commands",
    "thoth.storages.cli.drawing",
    "thoth.storages.graph.database",
    "thoth.storages.graph.migrations",
    "thoth.storages.graph.models",
)


def run(
    *arguments: str | Path, env: Mapping[str, str], code: int = 0, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    done = COMMAND.run(*arguments, env=env, stdin=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def empty(empty_settings: StoragesSettings) -> dict[str, str]:
    return environment(empty_settings)


@pytest.fixture(scope="module")
def prepared(_module_settings: StoragesSettings, _module_graph: GraphDatabase) -> dict[str, str]:
    return environment(_module_settings)


@pytest.fixture
def nowhere() -> Iterator[dict[str, str]]:
    """Lend an environment whose embedded server does not exist yet."""
    with temporary_data_dir() as data_dir:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("KNOWLEDGE_GRAPH_")}
        yield kept | {"THOTH_DATA_DIR": str(data_dir), "THOTH_PG_LINGER": "0"}


def test_the_version_is_the_distributions_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['thoth-storages', '--version']\n"
        "from thoth.storages.cli.commands import run\nrun()\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    told, modules = done.stdout.splitlines()
    assert told == f"thoth-storages, version {version('thoth-storages')}"
    assert set(modules.split()).isdisjoint(("sqlalchemy", "alembic", "psycopg", "msgspec"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["initialize-schema"],
        ["schema-version"],
        ["stats"],
        ["query", "get_entity_count", "release"],
        ["psql", "-c", "SELECT 1"],
        ["generate-schema"],
    ],
)
def test_each_command_imports_by_itself_what_it_needs(
    prepared: dict[str, str], arguments: list[str]
) -> None:
    command = [sys.executable, "-m", "thoth.storages", *arguments]
    done = subprocess.run(command, env=prepared, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_schema_is_made_and_compared(empty: dict[str, str]) -> None:
    before = run("schema-version", env=empty, code=1)
    assert before.stdout.splitlines()[1] == "database  none"
    assert "thoth-storages initialize-schema" in before.stderr
    for _ in range(2):
        made = run("initialize-schema", env=empty)
        assert "The schema is at revision" in made.stdout
    after = run("schema-version", env=empty)
    code, database = (line.split()[1] for line in after.stdout.splitlines())
    assert code == database


def test_an_older_schema_and_a_newer_one_differ(empty_graph: GraphDatabase) -> None:
    env = environment(empty_graph.settings)
    empty_graph.initialize_schema()
    migrations.downgrade(empty_graph.migration_connection, "0001")
    older = run("schema-version", env=env, code=1)
    assert "database  0001" in older.stdout
    assert "initialize-schema" in older.stderr
    with empty_graph.migration_connection() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = run("schema-version", env=env, code=1)
    assert "upgrade thoth-storages" in newer.stderr
    assert "upgrade thoth-storages" in run("initialize-schema", env=env, code=2).stderr


def test_what_only_reads_makes_no_embedded_server(nowhere: dict[str, str]) -> None:
    data_dir = Path(nowhere["THOTH_DATA_DIR"])
    before = list(data_dir.iterdir())
    assert "database  none" in run("schema-version", env=nowhere, code=1).stdout
    for command in (["stats"], ["query", "is_schema_up2date"]):
        error = run(*command, env=nowhere, code=2).stderr
        assert "Run `thoth-storages initialize-schema`" in error
    assert list(data_dir.iterdir()) == before


@pytest.mark.slow
def test_the_embedded_server_is_made_and_asked(nowhere: dict[str, str]) -> None:
    run("initialize-schema", env=nowhere)
    answer = run("-v", "psql", "--", "-Atc", "SELECT count(*) FROM release", env=nowhere)
    assert answer.stdout == "0\n"
    assert "the embedded server in" in answer.stderr


def test_statistics_for_people(prepared: dict[str, str]) -> None:
    shown = run("stats", env=prepared).stdout
    assert "TABLE" in shown
    assert [line for line in shown.splitlines() if line.startswith("release ")]
    assert "statement_seconds" in shown


def test_statistics_for_programs(prepared: dict[str, str]) -> None:
    found = json.loads(run("stats", "--json", env=prepared).stdout)
    tables = {table["table"]: table for table in found["tables"]}
    assert tables["alembic_version"]["rows"] == 1
    assert tables["release"]["rows"] == 0
    assert tables["release"]["index_bytes"] > 0
    assert found["database_bytes"] > 1_000_000
    assert found["statistics"]["statements"] > 0


def test_statistics_need_a_schema(empty: dict[str, str]) -> None:
    error = run("stats", env=empty, code=2).stderr
    assert error.startswith("error: ")
    assert "initialize-schema" in error or "initialize_schema" in error


def test_queries_are_listed_with_their_arguments(prepared: dict[str, str]) -> None:
    listed = run("query", "--list", env=prepared).stdout
    assert "python_package_exists PACKAGE_NAME\n" in listed
    assert "\nget_python_package_versions_per_index INDEX_URL" in listed
    help_text = run("query", "get_python_packages_all", "--help", env=prepared).stdout
    for option in ("--os-name", "--count", "--distinct", "default: 100"):
        assert option in help_text


def test_a_query_is_asked_by_its_name(prepared: dict[str, str]) -> None:
    listing = run(
        "query", "get_python_packages_all", "--os-name", "rhel", "--count", "none", env=prepared
    )
    assert json.loads(listing.stdout) == []
    assert json.loads(run("query", "python_package_exists", "six", env=prepared).stdout) is False
    assert json.loads(run("query", "get_entity_count", "release", env=prepared).stdout) == 0
    table = run(
        "query", "get_python_packages_all", "--output-format", "table", "--distinct", env=prepared
    )
    assert table.stdout == "(nothing)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_query"], "There is no query 'no_such_query'. `thoth-storages query --list`"),
        (["get_python_package_all"], "Did you mean get_python_packages_all"),
        (["drop_all"], "There is no query 'drop_all'"),
        ([], "Which query?"),
        (["python_package_exists"], "package_name is missing. Give it as --package-name TEXT"),
        (["python_package_exists", "a", "b"], "b is one argument too many"),
        (["get_python_packages_all", "--count", "x"], "count: 'x' is not a whole number"),
        (["get_python_packages_all", "--count", "-1"], "count"),
        (["get_python_packages_all", "--cuont", "1"], "--count"),
        (["get_python_package_version_metadata", "six", "1", "https://i/"], "Not found"),
    ],
)
def test_a_wrong_question_is_an_error_that_says_what_to_do(
    prepared: dict[str, str], arguments: list[str], message: str
) -> None:
    done = run("query", *arguments, env=prepared, code=2)
    assert done.stdout == ""
    assert message in done.stderr


def test_an_unreachable_server_is_an_error_with_its_remedy(prepared: dict[str, str]) -> None:
    env = prepared | {"KNOWLEDGE_GRAPH_HOST": "127.0.0.1", "KNOWLEDGE_GRAPH_PORT": "1"}
    for command in (["schema-version"], ["stats"], ["initialize-schema"], ["psql"]):
        error = run(*command, env=env, code=2).stderr
        assert error.startswith("error: The knowledge graph at the server 127.0.0.1:1")
        assert SECRET not in error


def test_variables_choose_options_and_are_checked(prepared: dict[str, str]) -> None:
    verbose = run("schema-version", env=prepared | {"THOTH_STORAGES_VERBOSE": "1"})
    assert "Connecting to the knowledge graph" in verbose.stderr
    assert run("schema-version", env=prepared | {"THOTH_STORAGES_VERBOSE": "0"}).stderr == ""
    as_json = run("stats", env=prepared | {"THOTH_STORAGES_STATS_JSON": "1"})
    assert "tables" in json.loads(as_json.stdout)
    wrong = run("stats", env=prepared | {"THOTH_STORAGES_VERBOSE": "perhaps"}, code=2)
    assert "perhaps" in wrong.stderr
    logged = run("schema-version", env=prepared | {"THOTH_STORAGES_LOG_STATS": "1"})
    assert "Statistics of the knowledge graph" in logged.stderr
    setting = run("stats", env=prepared | {"KNOWLEDGE_GRAPH_PORT": "x"}, code=2)
    assert "KNOWLEDGE_GRAPH_PORT" in setting.stderr


def test_the_client_gets_its_arguments_and_no_password_on_its_command_line(
    prepared: dict[str, str], tmp_path: Path
) -> None:
    done = run("psql", "--", "-At", env=prepared, stdin="SELECT current_database();\n")
    assert done.stdout.strip() == prepared["KNOWLEDGE_GRAPH_DATABASE"]
    assert run("psql", "-c", "SELECT 1/0", env=prepared, code=1).stdout == ""
    spy = tmp_path / "psql"
    spy.write_text('#!/bin/sh\necho "$@"\necho "$PGPASSWORD"\nexit 7\n')
    spy.chmod(0o755)
    env = prepared | {"THOTH_PG_BINDIR": str(tmp_path)}
    command, password = run("psql", "--", "-x", env=env, code=7).stdout.splitlines()
    assert (command, password) == ("-x", SECRET)


def test_a_missing_client_is_an_error_with_its_remedy(
    prepared: dict[str, str], tmp_path: Path
) -> None:
    error = run("psql", env=prepared | {"THOTH_PG_BINDIR": str(tmp_path)}, code=2).stderr
    assert "psql is missing" in error
    assert "THOTH_PG_BINDIR" in error


def test_an_interrupted_client_answers_by_itself(prepared: dict[str, str], tmp_path: Path) -> None:
    spy = tmp_path / "psql"
    spy.write_text('#!/bin/sh\ntrap "exit 9" INT\necho ready\nwhile :; do sleep 0.05; done\n')
    spy.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "thoth.storages", "psql"],
        env=prepared | {"THOTH_PG_BINDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate()
    finally:
        watchdog.cancel()
    assert (process.returncode, errors) == (9, "")


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("a.svg", "<svg "), ("a.dot", "digraph "), ("a.GV", "digraph "), ("a.mmd", "---\n")],
)
def test_a_drawing_is_written_as_its_file_is_named(
    prepared: dict[str, str], tmp_path: Path, name: str, beginning: str
) -> None:
    done = run("generate-schema", tmp_path / name, env=prepared)
    assert done.stdout == ""
    assert (tmp_path / name).read_text().startswith(beginning)


def test_a_drawing_goes_to_standard_output_and_shows_what_was_chosen(
    prepared: dict[str, str],
) -> None:
    whole = run("generate-schema", env=prepared).stdout
    ElementTree.fromstring(whole)
    assert ">pi_matmul<" in whole
    less = run("generate-schema", "--no-performance-models", env=prepared).stdout
    assert ">pi_matmul<" not in less
    few = run("generate-schema", "--include", "^rel", "--format", "mermaid", "-", env=prepared)
    assert "    release {" in few.stdout
    assert "    package {" not in few.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["schema.bmp"], "Let FILE end with one of .dot"),
        (["--include", "("], "is no regular expression"),
        (["--include", "no_such_table"], "No table has such a name"),
        (["no/such/folder/a.svg"], "No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_says_what_to_do(
    prepared: dict[str, str], arguments: list[str], message: str
) -> None:
    assert message in run("generate-schema", *arguments, env=prepared, code=2).stderr


def test_png_is_graphvizs_or_says_how_to_get_it(prepared: dict[str, str], tmp_path: Path) -> None:
    without = prepared | {"PATH": str(tmp_path)}
    error = run("generate-schema", tmp_path / "a.png", env=without, code=2).stderr
    assert "apt install graphviz" in error
    assert not (tmp_path / "a.png").exists()
    graphviz = tmp_path / "dot"
    graphviz.write_text(
        f'#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ["-Tpng"]\n'
        f'assert sys.stdin.read().startswith("digraph ")\nsys.stdout.buffer.write({PNG!r})\n'
    )
    graphviz.chmod(0o755)
    run("generate-schema", tmp_path / "a.png", env=without)
    assert (tmp_path / "a.png").read_bytes() == PNG
    graphviz.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    assert "Graphviz failed: 'broken'" in (
        run("generate-schema", tmp_path / "a.png", env=without, code=2).stderr
    )


def test_whoever_stops_reading_is_no_error_of_ours(prepared: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "thoth.storages", "generate-schema"],
        env=prepared,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 2
