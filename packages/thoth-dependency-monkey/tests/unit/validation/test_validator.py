"""What a validator reads from its environment, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy, Prereleases, Strategy
from thoth.dependency_monkey.ecosystems.pypi.target import running_target
from thoth.dependency_monkey.errors import RequestError
from thoth.dependency_monkey.validation.policy_json import read_policy
from thoth.dependency_monkey.validation.question import Question
from thoth.dependency_monkey.validation.validator import question_environment, read_assignment

LEAST = {"ECOSYSTEM": "pypi", "STACK_SPECIFICATION": "six"}


def test_two_variables_are_enough() -> None:
    assignment = read_assignment(LEAST)
    assert assignment.index_url is None
    assert assignment.result_path is None
    assert assignment.result_url is None
    assert [target.id for target in assignment.request.targets] == [running_target().id]
    assert assignment.request.policy == Policy()


def test_a_question_arrives_as_it_was_asked() -> None:
    policy = Policy(
        strategy=Strategy.LOWEST,
        prereleases_by_package={"torch": Prereleases.ALLOW},
        exclude_newer=datetime(2026, 1, 31, tzinfo=UTC),
        max_age=0.0,
    )
    question = Question(
        ecosystem="pypi",
        stack_specification='six\\nboto3 ; python_version > "3"\r\n# caf\u00e9',
        targets=("cp312-manylinux_2_28_x86_64", "cp313-win_amd64"),
        policy=policy.as_json(),
        constraints="six<2\nboto3",
    )
    assignment = read_assignment(question_environment(question))
    expected = question.request(policy, assignment.request.limits)
    assert assignment.request == expected
    assert assignment.question == question


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ECOSYSTEM": ""}, "ECOSYSTEM"),
        ({"ECOSYSTEM": "npm"}, "pypi"),
        ({"STACK_SPECIFICATION": None}, "STACK_SPECIFICATION"),
        ({"STACK_SPECIFICATION": "# nothing"}, "empty"),
        ({"STACK_SPECIFICATION": "-e ."}, "line 1"),
        ({"STACK_SPECIFICATION": "six\udcff"}, "line 1"),
        ({"TARGETS": "cp312"}, "TARGETS"),
        ({"TARGETS": "[]"}, "TARGETS"),
        ({"TARGETS": "[1]"}, "TARGETS"),
        ({"TARGETS": '["cp312-amiga"]'}, "amiga"),
        ({"TARGETS": "[" * 50_000}, "TARGETS"),
        ({"POLICY": "[]"}, "POLICY"),
        ({"POLICY": '{"strategy": "best"}'}, "strategy"),
        ({"POLICY": '{"strateg": "lowest"}'}, "strateg"),
        ({"POLICY": '{"max_age": -1}'}, "max_age"),
        ({"POLICY": '{"exclude_newer": "soon"}'}, "exclude_newer"),
        ({"CONSTRAINTS": "six<2"}, "CONSTRAINTS"),
        ({"CONSTRAINTS": '["six<2"]'}, "CONSTRAINTS"),
        ({"CONSTRAINTS": '"six[x]"'}, "constraints"),
        ({"INDEX_URL": "file:///etc/"}, "INDEX_URL"),
        ({"RESULT_URL": "ftp://host/"}, "RESULT_URL"),
        ({"RESULT_URL": "http://127.0.0.1:9/"}, "RESULT_TOKEN"),
        ({"THOTH_TIMEOUT": "soon"}, "THOTH_TIMEOUT"),
    ],
)
def test_what_is_malformed_is_named(variables: dict[str, Any], named: str) -> None:
    environment = {**LEAST, **variables}
    with pytest.raises(RequestError) as caught:
        read_assignment({k: v for k, v in environment.items() if v is not None})
    assert named in str(caught.value)
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], "x", 1, {"max_age": float("nan")}, {"max_age": "1"}, {"exclude_newer": 5}),
        {"prereleases_by_package": {f"p{n}": "allow" for n in range(1001)}},
        {"prereleases_by_package": {"x" * 201: "allow"}},
    ],
)
def test_what_is_no_policy_is_refused(value: object) -> None:
    with pytest.raises(RequestError, match="policy"):
        read_policy(value, source="policy")


def test_a_policy_is_read_back_from_what_it_is_written_as() -> None:
    policy = read_policy(
        {"prereleases_by_package": {"Foo_Bar": "allow"}, "exclude_newer": "2026-01-31T00:00:00"},
        source="policy",
    )
    assert policy.prereleases_of("foo-bar") is Prereleases.ALLOW
    assert policy.exclude_newer == datetime(2026, 1, 31, tzinfo=UTC)
    assert read_policy(policy.as_json(), source="policy") == policy
