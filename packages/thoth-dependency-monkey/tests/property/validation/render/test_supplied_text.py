"""Whatever text a package, an index or a user supplies: every format stays what it is."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from thoth.dependency_monkey.validation.render.dot import render_dot
from thoth.dependency_monkey.validation.render.pylock import render_pylock
from thoth.dependency_monkey.validation.render.requirements import render_requirements
from thoth.dependency_monkey.validation.render.svg import render_svg
from thoth.dependency_monkey.validation.render.text import Look, render_text
from thoth.dependency_monkey.validation.result import (
    DependencyGraph,
    Explanation,
    GraphEdge,
    GraphNode,
    LockedArtifact,
    LockedRelease,
    Remedy,
    RequestLine,
    ResultTarget,
    ResultWarning,
    TargetResult,
    Validation,
)

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
utf8 = st.text(st.characters(codec="utf-8"), max_size=20)
NOW = datetime(2026, 1, 31, tzinfo=UTC)
MARKERS = {
    "implementation_name": "cpython",
    "python_version": "3.12",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}


def graph_of(text: str) -> DependencyGraph:
    return DependencyGraph(
        nodes=(GraphNode(f"a{text}", text), GraphNode("b", "1")),
        edges=(GraphEdge(f"a{text}", "b", text, text, text),),
        roots=(text,),
        cycles=(),
        components=(),
    )


def validation_of(text: str) -> Validation:
    result = TargetResult(
        target=ResultTarget(text, {}),
        valid=False,
        reason=text,
        detail=text,
        lock=(LockedRelease(text, text, text, text, (), (text,), (text,)),),
        graph=None,
        explanation=Explanation(text, (RequestLine(1, text),), (), (Remedy(text, text),)),
        warnings=(ResultWarning(text, text, text, text),),
    )
    return Validation(
        id=text, document_id=None, ecosystem="pypi", stack_specification=text, constraints=None,
        policy={}, phase="succeeded", valid=False, reason=text, created_at=NOW, started_at=NOW,
        finished_at=NOW, expires_at=None, reused=False, attempt=1, index_state=(),
        results=(result,), lock=None, graph=None, explanation=None, warnings=(), limits={},
        timings={}, raw_log=None, links={},
    )  # fmt: skip


@given(anything, st.sampled_from([Look(), Look(width=60), Look(encoding="ascii")]))
def test_text_steers_no_terminal(text, look):
    rendered = render_text(validation_of(text), look)
    assert all(line.isprintable() for line in rendered.split("\n"))
    rendered.encode(look.encoding)


@given(anything)
def test_svg_stays_well_formed(text):
    root = ET.fromstring(render_svg(graph_of(text)).encode())
    assert len(list(root.iter("{http://www.w3.org/2000/svg}text"))) == 3


@given(anything)
def test_dot_stays_four_statements_and_its_head(text):
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "T", render_dot(graph_of(text)))
    assert len(bare.splitlines()) == 8
    assert "\\" not in bare


@given(utf8, anything)
def test_pylock_keeps_the_text_of_an_index_and_nothing_else_changes(path, target):
    url = f"https://own.example/{path}"
    wheel = LockedArtifact("six-1-py3-none-any.whl", url, "a" * 64, 1, "wheel")
    entry = LockedRelease("six", "1", url, url, (wheel,), (url,))
    graph = DependencyGraph((GraphNode("six", "1"),), (), (), (), ())
    document = tomllib.loads(render_pylock((entry,), ResultTarget(target, MARKERS), graph))
    (package,) = document["packages"]
    assert package["index"] == url
    assert package["wheels"][0]["url"] == url
    assert set(document) <= {
        "lock-version", "environments", "requires-python", "created-by", "packages"
    }  # fmt: skip


@given(utf8, anything)
def test_requirements_gain_no_line(url, asker):
    wheel = LockedArtifact("six-1-py3-none-any.whl", url, "a" * 64, 1, "wheel")
    entry = LockedRelease("six", "1", f"https://own.example/{url}", None, (wheel,), (asker,))
    lines = render_requirements((entry,), ResultTarget(asker, {})).split("\n")
    assert len(lines) == 7
    assert all(line.isprintable() for line in lines)
    assert len(lines[2].split()) == 2
    assert "#" not in lines[2]
    assert "${" not in lines[2]
