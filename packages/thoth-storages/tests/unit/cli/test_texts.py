"""The drawings that others place: strictly of the languages' grammars, and complete."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from thoth.storages.cli.picture import dot, mermaid, svg
from thoth.storages.cli.picture.tables import Schema, read_schema

SCHEMA = read_schema([], performance=True)

_TOKEN = re.compile(
    r'\s*(?:("(?:[^"\\]|\\.)*")|(->|[{}\[\];=,:])|([A-Za-z_]\w*|\d+(?:\.\d+)?)|(<))'
)


class Dot:
    """A reader of the part of Graphviz's grammar that we write; anything else is an error."""

    def __init__(self, text: str) -> None:
        self.tokens = self._tokens(text)
        self.nodes: dict[str, str] = {}
        self.edges: list[tuple[str, ...]] = []
        self._expect("digraph")
        self._id()
        self._block()
        assert self.tokens == []

    @staticmethod
    def _tokens(text: str) -> list[str]:
        found, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            assert match, text[at : at + 50]
            at = match.end()
            if match[4]:
                begin, depth = at - 1, 1
                while depth:
                    depth += {"<": 1, ">": -1}.get(text[at], 0)
                    at += 1
                found.append(text[begin:at])
            else:
                found.append(match[0].strip())
        return found

    def _expect(self, token: str) -> None:
        assert self.tokens.pop(0) == token

    def _id(self) -> str:
        token = self.tokens.pop(0)
        assert re.fullmatch(r'".*"|[\w.]+|<.*>', token, re.DOTALL), token
        return token

    def _block(self) -> None:
        self._expect("{")
        while self.tokens[0] != "}":
            self._statement()
            if self.tokens[0] == ";":
                self.tokens.pop(0)
        self._expect("}")

    def _statement(self) -> None:
        if self.tokens[0] == "subgraph":
            self.tokens.pop(0)
            self._id()
            self._block()
            return
        first = self._node()
        if self.tokens[0] == "=":
            self.tokens.pop(0)
            self._id()
        elif self.tokens[0] == "->":
            self.tokens.pop(0)
            self.edges.append((*first, *self._node()))
            self._attributes()
        else:
            self.nodes[first[0]] = self._attributes().get("label", "")

    def _node(self) -> tuple[str, ...]:
        parts = [self._id()]
        if self.tokens[0] == ":":
            self.tokens.pop(0)
            parts.append(self._id())
        return tuple(part.strip('"') for part in parts)

    def _attributes(self) -> dict[str, str]:
        found = {}
        self._expect("[")
        while self.tokens[0] != "]":
            name = self._id()
            self._expect("=")
            found[name] = self._id()
            if self.tokens[0] in ",;":
                self.tokens.pop(0)
        self._expect("]")
        return found


def test_dot_is_of_graphvizs_grammar_and_has_every_column_and_key() -> None:
    read = Dot(dot.render(SCHEMA))
    for table in SCHEMA.tables:
        label = ElementTree.fromstring(read.nodes[table.name][1:-1])
        ports = [cell.get("PORT") for cell in label.iter("TD") if cell.get("PORT")]
        assert ports == [column.name for column in table.columns]
    assert sorted(read.edges) == sorted(
        (one.source, one.column, one.target, one.target_column) for one in SCHEMA.references
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it() -> None:
    done = subprocess.run(
        ["dot", "-Tcanon"], input=dot.render(SCHEMA), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_mermaid_is_of_its_grammar_and_has_every_column_and_key() -> None:
    front, title, end, head, *lines = mermaid.render(SCHEMA).splitlines()
    assert (front, end, head) == ("---", "---", "erDiagram")
    assert re.fullmatch(r"title: '[^']+'", title)
    entity = re.compile(r" {4}([a-z]\w*) \{")
    attribute = re.compile(
        r" {8}[a-z][\w\[\]()-]* ([a-z]\w*)( (PK|FK|UK)(, (PK|FK|UK))*)?( \"[^\"]*\")?"
    )
    relation = re.compile(r" {4}(\w+) (\|\||\|o)--(o\{|o\|) (\w+) : \"(\w+)\"")
    columns, relations, inside = [], [], ""
    for line in lines:
        if line.startswith("    %% "):
            continue
        if inside:
            if line == "    }":
                inside = ""
            else:
                match = attribute.fullmatch(line)
                assert match, line
                columns.append((inside, match[1]))
        elif match := entity.fullmatch(line):
            inside = match[1]
        else:
            match = relation.fullmatch(line)
            assert match, line
            relations.append((match[4], match[5], match[1]))
    assert columns == [(t.name, c.name) for t in SCHEMA.tables for c in t.columns]
    assert relations == [(one.source, one.column, one.target) for one in SCHEMA.references]


def test_the_drawing_names_every_table_column_and_type() -> None:
    root = ElementTree.fromstring(svg.render(SCHEMA))
    texts = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    for table in SCHEMA.tables:
        assert table.name in texts
        for column in table.columns:
            assert column.name in texts
            assert (f"{column.type}?" if column.nullable else column.type) in texts
    assert any(SCHEMA.revision in text for text in texts)


def test_marks_show_keys_alone_and_together() -> None:
    tables = {table.name: {c.name: c for c in table.columns} for table in SCHEMA.tables}
    release = tables["release"]
    assert release["id"].primary
    assert release["package_id"].foreign
    assert release["version"].unique == release["package_id"].unique == (1,)
    assert not release["version"].alone
    question = tables["validation_job"]["question"]
    assert question.alone
    assert question.partial


def test_drawings_are_the_same_each_time() -> None:
    for render in (svg.render, dot.render, mermaid.render):
        assert render(SCHEMA) == render(read_schema([], performance=True))


def test_tables_are_chosen_by_their_names() -> None:
    def names(schema: Schema) -> set[str]:
        return {table.name for table in schema.tables}

    chosen = read_schema([re.compile("^package"), re.compile("stack")], performance=True)
    assert {"package", "package_index", "software_stack"} <= names(chosen)
    assert all("stack" in name or name.startswith("package") for name in names(chosen))
    assert {one.target for one in chosen.references} <= names(chosen)
    without = names(read_schema([], performance=False))
    assert names(SCHEMA) - without >= {"performance_indicator", "pi_matmul"}
    assert "release" in without
