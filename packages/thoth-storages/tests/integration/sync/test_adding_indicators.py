"""A user adds a performance indicator, in a copy of the checkout, just as the how-to says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import GraphDatabase
from thoth.storages.graph.schema import script_revisions
from thoth.storages.testing.inspection_documents import inspection_document

if TYPE_CHECKING:
    from thoth.storages import StoragesSettings

HOW_TO = Path("docs", "how-to", "add-a-performance-indicator.md")
SOURCE = Path("packages", "thoth-storages", "src")
ROOT = next((path for path in Path(__file__).parents if (path / HOW_TO).exists()), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ROOT is None, reason="not in a checkout: no docs"),
]


class Checkout:
    """A copy of the checkout that a user changes, and a database."""

    def __init__(self, place: Path, settings: StoragesSettings) -> None:
        assert ROOT is not None
        assert settings.server is not None
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / SOURCE, place / SOURCE, ignore=left_out)
        shutil.copy(ROOT / "alembic.ini", place)
        self.place = place
        self.environment = os.environ | {
            "PYTHONPATH": str(place / SOURCE),
            "KNOWLEDGE_GRAPH_HOST": settings.server.host,
            "KNOWLEDGE_GRAPH_DATABASE": settings.server.database,
            "THOTH_DATA_DIR": str(place),
        }

    def run(self, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.place,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sync(self, number: int, outputs: list[Any]) -> None:
        document = inspection_document(number, results=len(outputs))
        for result, output in zip(document["results"], outputs, strict=True):
            result["stdout"] = output
        path = self.place / document["document_id"]
        path.write_text(json.dumps(document))
        self.run("-m", "thoth.storages", "sync", "--force", "--local", str(path))


def test_results_land_in_a_table_that_was_added_as_the_how_to_says(
    empty_settings: StoragesSettings, tmp_path: Path
) -> None:
    assert ROOT is not None
    page = (ROOT / HOW_TO).read_text()
    blocks = {
        kind: textwrap.dedent(text)
        for kind, text in re.findall(r"^ +```(\w+)\n(.*?)^ +```$", page, re.MULTILINE | re.DOTALL)
    }
    checkout = Checkout(tmp_path, empty_settings)
    pattern = r'^\$ uv run (alembic .*?)(?: "(.*)")?$'
    upgrade, revision, again = re.findall(pattern, blocks["console"], re.MULTILINE)
    checkout.run("-m", *upgrade[0].split())

    outputs = [json.loads(checkout.run("-c", blocks["python"], SIZE=size)) for size in ("9", "99")]
    strange = json.loads(json.dumps(outputs[0]))
    strange["@result"]["swaps"] = 3
    checkout.sync(1, outputs)
    with GraphDatabase(empty_settings) as graph:
        assert graph.get_pi_count("cpython")["performance_indicator"] == 2

    models = tmp_path / SOURCE / "thoth" / "storages" / "graph" / "models_performance.py"
    models.write_text(f"{models.read_text()}\n\n{blocks['py']}")
    checkout.run("-m", *revision[0].split(), revision[1])
    number = f"{int(script_revisions()[-1]) + 1:04}"
    written = models.parents[1] / "data" / "alembic" / "versions" / f"r{number}_sorting.py"
    migration = written.read_text().replace("'", '"')
    assert re.search(r'create_table\(\s*"pi_sort",\s*sa.Column\("inspection_result_id"', migration)
    assert 'drop_table("pi_sort")' in migration
    checkout.run("-m", *again[0].split())
    assert "No new upgrade operations" in checkout.run("-m", "alembic", "check")

    tried = checkout.place / "inspection-1.json"
    tried.write_text(blocks["json"])
    for command in re.findall(r"^uv run thoth-storages (.*)$", blocks["sh"], re.MULTILINE):
        answer = checkout.run("-m", "thoth.storages", *command.split())
    assert json.loads(answer)["pi_sort"] == 1
    with GraphDatabase(empty_settings) as graph, graph.migration_connection() as connection:
        connection.execute("DELETE FROM inspection WHERE document_id = 'inspection-1'")

    # What was there is moved, and what does not fit is not.
    checkout.sync(1, outputs)
    checkout.sync(2, [strange])
    with GraphDatabase(empty_settings) as graph:
        counts = graph.get_pi_count("cpython")
        assert (counts["pi_sort"], counts["performance_indicator"]) == (2, 1)
        assert graph.get_pi_results_count_all(name="PiSort") == 3
        listed = graph.get_pi_results_all(name="PiSort", sort_by="size")
        assert [entry["parameters"]["size"] for entry in listed] == [9, 9, 99]
    command = re.findall(r"^    thoth-storages (query .*)$", page, re.MULTILINE)[0]
    asked = command.replace("size=100000", "size=9").split()
    (entry,) = json.loads(checkout.run("-m", "thoth.storages", *asked))
    assert (entry["python_version"], entry["count"]) == ("3.8", 2)
    checkout.run("-m", "alembic", "downgrade", "-1")
