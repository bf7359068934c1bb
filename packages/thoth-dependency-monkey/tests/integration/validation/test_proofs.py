"""What an impossible stack is told: which of the user's lines, for which reason."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from thoth.dependency_monkey.testing import InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.validation import validate as module

WINDOWS = ReleaseSpec(wheel_tags=["cp312-cp312-win_amd64"])
FUTURE = ReleaseSpec(requires_python=">=3.99")
BYSTANDERS = {"other": {"1": ["more>=1"]}, "more": {"1": [], "2": []}}

CASES = {
    "two lines about one package": (
        "other\nlib<2\nlib>=2",
        {"lib": {"1": [], "2": []}},
        ["lib<2", "lib>=2"],
        "conflict",
    ),
    "a line against what another line's package requires": (
        "app\nother\nlib<2",
        {"app": {"1": ["lib>=2"]}, "lib": {"1": [], "2": []}},
        ["app", "lib<2"],
        "conflict",
    ),
    "a conflict three packages deep": (
        "other\napp\nleaf<2",
        {
            "app": {"1": ["one"], "2": ["one"]},
            "one": {"1": ["two"]},
            "two": {"1": ["leaf>=2"]},
            "leaf": {"1": [], "2": []},
        },
        ["app", "leaf<2"],
        "conflict",
    ),
    "two chains that meet": (
        "left\nother\nright",
        {
            "left": {"1": ["lib<2"], "2": ["lib<2"]},
            "right": {"1": ["mid"]},
            "mid": {"1": ["lib>=2"]},
            "lib": {"1": [], "2": []},
        },
        ["left", "right"],
        "conflict",
    ),
    "three lines that only conflict together": (
        "a\nb\nc\nother",
        {
            "a": {"1": ["lib!=1"]},
            "b": {"1": ["lib!=2"]},
            "c": {"1": ["lib!=3"]},
            "lib": {"1": [], "2": [], "3": []},
        },
        ["a", "b", "c"],
        "conflict",
    ),
    "a package that does not exist": ("other\nlib", {}, ["lib"], "package_not_found"),
    "a dependency that does not exist": (
        "other\napp",
        {"app": {"1": ["lib"]}},
        ["app"],
        "package_not_found",
    ),
    "a version that does not exist": (
        "other\nlib>=3",
        {"lib": {"1": [], "2": []}},
        ["lib>=3"],
        "version_not_found",
    ),
    "a version of a dependency that does not exist": (
        "app\nother",
        {"app": {"1": ["lib==3"]}, "lib": {"1": [], "2": []}},
        ["app"],
        "version_not_found",
    ),
    "a package for another Python": (
        "other\nlib",
        {"lib": {"1": FUTURE}},
        ["lib"],
        "python_mismatch",
    ),
    "a dependency for another Python": (
        "other\napp",
        {"app": {"1": ["lib"]}, "lib": {"1": FUTURE}},
        ["app"],
        "python_mismatch",
    ),
    "a version for another Python": (
        "lib>1\nother",
        {"lib": {"1": [], "2": FUTURE}},
        ["lib>1"],
        "python_mismatch",
    ),
    "a package for another platform": (
        "lib\nother",
        {"lib": {"1": WINDOWS}},
        ["lib"],
        "no_compatible_artifact",
    ),
    "a dependency for another platform": (
        "app\nother",
        {"app": {"1": ["lib"]}, "lib": {"1": WINDOWS}},
        ["app"],
        "no_compatible_artifact",
    ),
}


@pytest.mark.parametrize(("stack", "index", "lines", "reason"), CASES.values(), ids=CASES.keys())
def test_the_lines_at_fault_and_the_reason_are_named(asker, stack, index, lines, reason):
    validation = asker.ask(stack, {**index, **BYSTANDERS})
    assert asker.lines(validation) == lines
    assert validation.reason == reason
    assert validation.phase == "succeeded"
    assert validation.lock is None
    texts = stack.split("\n")
    for line in validation.explanation.requirements:
        assert texts[line.line - 1] == line.text
        assert line.text in validation.explanation.text
    for bystander in ("other", "more"):
        assert bystander not in validation.explanation.text


@pytest.mark.parametrize(("stack", "index", "lines", "reason"), CASES.values(), ids=CASES.keys())
def test_without_any_one_of_the_lines_at_fault_the_stack_resolves(
    asker, stack, index, lines, reason
):
    for line in lines:
        rest = "\n".join(text for text in stack.split("\n") if text != line)
        assert asker.ask(rest, {**index, **BYSTANDERS}).valid is True


@pytest.mark.parametrize(("stack", "index", "lines", "reason"), CASES.values(), ids=CASES.keys())
def test_every_remedy_resolves(asker, stack, index, lines, reason):
    validation = asker.ask(stack, {**index, **BYSTANDERS})
    for remedy in validation.explanation.remedies:
        assert remedy.change.startswith("allow any version of ")
        number = int(remedy.change.rpartition("(line ")[2].rstrip(")"))
        relaxed = stack.split("\n")
        relaxed[number - 1] = relaxed[number - 1].rstrip("<>=0123456789")
        pins = asker.pins(asker.ask("\n".join(relaxed), {**index, **BYSTANDERS}))
        name, version = remedy.then.rpartition(", with ")[2].split(" ")
        assert pins[name] == version


@pytest.mark.parametrize(
    ("stack", "constraint"), [("app", "lib<2"), ("lib>=2\napp", "lib<2"), ("app", "app<1")]
)
def test_a_constraint_at_fault_is_named_with_its_place(asker, stack, constraint):
    index = {"app": {"1": ["lib>=2"]}, "lib": {"1": [], "2": []}}
    validation = asker.ask(stack, index, constraints=f"# bound\nother\n{constraint}")
    assert (validation.valid, validation.reason) == (False, "conflict")
    place = f"{constraint} (line 3 of constraints.txt)"
    assert f"you constrain {place}" in validation.explanation.text
    assert f"under the constraint {place}" in validation.results[0].detail


def test_a_proof_cites_the_line_as_the_user_wrote_it(asker):
    stack = "# a stack\n\n  Lib [x]  <2 ,>=1  # old\nlib>=2"
    spec = ReleaseSpec(extras=["x"])
    validation = asker.ask(stack, {"lib": {"1": spec, "2": spec}})
    requirements = validation.explanation.requirements
    assert [(line.line, line.text) for line in requirements] == [
        (3, "Lib [x]  <2 ,>=1"),
        (4, "lib>=2"),
    ]


def test_a_proof_does_not_grow_with_the_number_of_versions(asker):
    index = {
        "app": {str(n): ["lib>=2"] for n in range(200)},
        "lib": {"1": [], **{f"2.{n}": [] for n in range(200)}},
    }
    validation = asker.ask("app\nlib<2", index)
    assert asker.lines(validation) == ["app", "lib<2"]
    assert len(validation.explanation.text) < 500


def test_a_conflict_that_is_found_at_the_last_moment_is_a_no_all_the_same(asker, monkeypatch):
    passed = 0.0
    search_is_over = module.unknowable_releases

    def at_the_deadline(*arguments):
        nonlocal passed
        passed = 3_600.0
        return search_is_over(*arguments)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "unknowable_releases", at_the_deadline)
    stack, index, lines, reason = CASES["a conflict three packages deep"]
    validation = asker.ask(stack, {**index, **BYSTANDERS})
    assert (validation.valid, validation.reason) == (False, reason)
    assert set(lines) <= set(asker.lines(validation))
    explanation = validation.explanation
    assert explanation.remedies == ()
    assert len(explanation.steps) == 1
    assert explanation.text.endswith("the requirements cannot be met.")


def test_an_error_of_a_page_on_the_way_is_no_proof(asker):
    index = InMemoryIndex({"app": {"1": ["lib"], "2": ["lib"]}, "lib": {"1": []}})
    index.unreachable.add("lib")
    validation = asker.ask("app", index)
    assert (validation.valid, validation.reason) == (None, "index_unreachable")
    assert validation.explanation is None
