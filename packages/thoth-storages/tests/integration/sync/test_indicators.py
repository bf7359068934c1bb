"""Where performance indicators land, and questions on them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from thoth.storages import GraphDatabase, InvalidArgumentError
from thoth.storages.testing import connection_variables
from thoth.storages.testing.inspection_documents import indicator_output, inspection_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLES = {
    "PiMatmul": "pi_matmul",
    "PiConv1D": "pi_conv1d",
    "PiConv2D": "pi_conv2d",
    "PiPyBench": "pi_pybench",
}


def sync(graph: GraphDatabase, output: object, name: str = "inspection-00000000") -> None:
    document = inspection_document(results=1)
    document["results"][0]["stdout"] = output
    graph.sync_inspection_result({**document, "document_id": name})


def rows(graph: GraphDatabase) -> dict[str, int]:
    return {name: count for name, count in graph.get_performance_table_count().items() if count}


def one(graph: GraphDatabase, table: str) -> dict[str, Any]:
    with graph.migration_connection() as connection:
        found = connection.execute(f"SELECT to_jsonb({table}) FROM {table}").fetchall()
    assert len(found) == 1
    return dict(found[0][0])


@pytest.mark.parametrize("name", TABLES)
def test_a_known_indicator_lands_in_its_table(graph: GraphDatabase, name: str) -> None:
    output = indicator_output(name)
    sync(graph, output)
    assert rows(graph) == {TABLES[name]: 1}
    row = one(graph, TABLES[name])
    wanted = {**output["@parameters"], **output["@result"]}
    wanted["padding"] = str(wanted.get("padding"))
    assert {key: row[key] for key in wanted if key in row} == {
        key: value for key, value in wanted.items() if key in row
    }
    assert row["component"] == output["component"]
    assert row["overall_score"] == output["overall_score"]


def test_an_unknown_indicator_is_stored_as_it_is(graph: GraphDatabase) -> None:
    output = indicator_output("PiMine")
    output["@units"] = {"rate": "GFLOPS"}
    sync(graph, output)
    row = one(graph, "performance_indicator")
    assert row["name"] == "PiMine"
    assert row["parameters"] == output["@parameters"]
    assert row["result"] == output["@result"]
    assert row["other"] == {"@units": {"rate": "GFLOPS"}}


GENERIC: dict[str, Callable[[dict[str, Any]], object]] = {
    "unexpected parameter": lambda it: it["@parameters"].update(threads=4),
    "unexpected result": lambda it: it["@result"].update(median=1.0),
    "unexpected key": lambda it: it.update({"@version": 2}),
    "key of the row": lambda it: it["@parameters"].update(inspection_result_id=1),
    "component as parameter": lambda it: it["@parameters"].update(component="x"),
    "same key twice": lambda it: it["@parameters"].update(rate=1.0),
    "text for a number": lambda it: it["@result"].update(rate="12 GFLOPS"),
    "list for a number": lambda it: it["@parameters"].update(reps=[1, 2]),
    "flag for a number": lambda it: it["@parameters"].update(reps=True),
    "fraction for a whole number": lambda it: it["@parameters"].update(reps=1.5),
    "number that is too large": lambda it: it["@parameters"].update(reps=2**31),
    "object for a text": lambda it: it["@parameters"].update(dtype={"name": "float32"}),
    "no object": lambda it: it.update({"@result": [1, 2]}),
    "score that is no number": lambda it: it.update(overall_score="good"),
}


@pytest.mark.parametrize("change", GENERIC)
def test_what_does_not_fit_the_table_is_stored_as_it_is(graph: GraphDatabase, change: str) -> None:
    output = indicator_output()
    GENERIC[change](output)
    sync(graph, output)
    assert rows(graph) == {"performance_indicator": 1}
    row = one(graph, "performance_indicator")
    assert row["parameters"] == output["@parameters"]
    assert row["result"] == output["@result"]


FITTING: dict[str, Callable[[dict[str, Any]], object]] = {
    "fewer keys": lambda it: it["@result"].pop("elapsed"),
    "nothing measured": lambda it: it.update({"@result": None}),
    "number as text": lambda it: it["@parameters"].update(reps="100"),
    "whole number as float": lambda it: it["@parameters"].update(reps=100.0),
    "whole number for a float": lambda it: it["@result"].update(rate=12),
    "number for a text": lambda it: it["@parameters"].update(device=0),
    "framework": lambda it: it.update(framework=it.pop("component")),
    "no component": lambda it: it.pop("component"),
    "no score": lambda it: it.pop("overall_score"),
}


@pytest.mark.parametrize("change", FITTING)
def test_what_fits_lands_in_the_table(graph: GraphDatabase, change: str) -> None:
    output = indicator_output()
    FITTING[change](output)
    sync(graph, output)
    assert rows(graph) == {"pi_matmul": 1}


def test_parameters_that_are_no_number_that_json_knows_are_none(graph: GraphDatabase) -> None:
    sync(graph, {**indicator_output("PiMine"), "@parameters": float("nan")})
    assert one(graph, "performance_indicator")["parameters"] == {}


def test_a_repetition_that_is_synced_again_moves_its_indicator(graph: GraphDatabase) -> None:
    sync(graph, indicator_output("PiMatmul"))
    sync(graph, indicator_output("PiConv2D"))
    assert rows(graph) == {"pi_conv2d": 1}
    sync(graph, "Nothing was measured.")
    assert rows(graph) == {}


def test_indicators_are_counted_by_component(graph: GraphDatabase) -> None:
    assert graph.get_pi_component_all() == []
    for number, name in enumerate(("PiMatmul", "PiMatmul", "PiMine", "PiPyBench")):
        sync(graph, indicator_output(name), f"inspection-0000000{number}")
    nameless = indicator_output()
    del nameless["component"]
    sync(graph, nameless, "inspection-00000009")
    assert graph.get_pi_component_all() == ["cpython", "tensorflow"]
    counts = graph.get_pi_count("tensorflow")
    assert set(counts) == set(graph.get_performance_table_count())
    assert {name: count for name, count in counts.items() if count} == {
        "performance_indicator": 1,
        "pi_matmul": 2,
    }
    assert not any(graph.get_pi_count("nothing").values())


@pytest.mark.parametrize("component", ["", None, 3, "a\0b"])
def test_a_component_that_is_none_is_refused(graph: GraphDatabase, component: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        graph.get_pi_count(component)


# In a process of its own, so that no other test sees the model.
USER = """
from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column
from thoth.storages import GraphDatabase
from thoth.storages.graph.models import Base
from thoth.storages.graph.models_performance import PerformanceIndicatorBase
from thoth.storages.testing.inspection_documents import inspection_document

class PiOfAUser(PerformanceIndicatorBase, Base):
    __tablename__ = "indicator_of_a_user"
    size: Mapped[int]
    precise: Mapped[bool | None]
    speed: Mapped[float | None]
    mode: Mapped[str | None] = mapped_column(Text)

parameters = {"size": 3, "precise": True, "mode": "fast"}
with GraphDatabase() as graph:
    for number, without in enumerate((None, "size")):
        parameters.pop(without, None)
        document = inspection_document(results=1)
        document["document_id"] = f"inspection-0000000{number}"
        document["results"][0]["stdout"] = {
            "name": "PiOfAUser", "component": "mine",
            "@parameters": parameters, "@result": {"speed": 1.5}}
        graph.sync_inspection_result(document)
"""


@pytest.fixture
def _table_of_a_user(graph: GraphDatabase) -> Iterator[None]:
    """What a migration would make."""
    with graph.migration_connection() as connection:
        connection.execute(
            "CREATE TABLE indicator_of_a_user (size int NOT NULL, precise bool, speed float8,"
            " mode text, component text NOT NULL, overall_score float8, inspection_result_id int"
            " PRIMARY KEY REFERENCES inspection_result (id) ON DELETE CASCADE)"
        )
    yield
    with graph.migration_connection() as connection:
        connection.execute("DROP TABLE indicator_of_a_user")


@pytest.mark.slow
@pytest.mark.usefixtures("_table_of_a_user")
def test_an_indicator_that_a_user_adds_needs_a_class_and_a_table_only(graph: GraphDatabase) -> None:
    variables = connection_variables(graph.settings)
    subprocess.run([sys.executable, "-c", USER], check=True, timeout=60, env=os.environ | variables)
    row = one(graph, "indicator_of_a_user")
    assert (row["size"], row["precise"], row["speed"], row["mode"]) == (3, True, 1.5, "fast")
    counts = graph.get_pi_count("mine")
    assert counts["indicator_of_a_user"] == 1
    assert counts["performance_indicator"] == 1


SCRIPT = """
import sys
from thoth.storages.sync import dependency_monkey, inspection, inspection_documents
from thoth.storages.testing.inspection_documents import inspection_document
inspection_documents.read_inspection_document(inspection_document())
print("sqlalchemy" in sys.modules)
"""


def test_reading_inspections_imports_no_sqlalchemy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
