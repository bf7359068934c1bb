from __future__ import annotations

from pathlib import Path

import pytest

from thoth.dependency_monkey.errors import RequestError
from thoth.dependency_monkey.settings import Settings


def test_without_variables_the_published_defaults_hold():
    assert Settings.from_environment({}) == Settings(
        index_url=None,
        extra_index_urls=None,
        max_age=600,
        timeout=60,
        offline=False,
        target=None,
        retention_days=30,
        heartbeat_timeout=10,
        interruptions=20,
    )


def test_every_variable_is_read():
    environ = {
        "THOTH_INDEX_URL": "https://packages.example/simple",
        "THOTH_EXTRA_INDEX_URL": "https://one.example/simple  https://two.example/simple",
        "THOTH_MAX_AGE": "0",
        "THOTH_TIMEOUT": "2.5",
        "THOTH_OFFLINE": "yes",
        "THOTH_TARGET": "cp312-manylinux_2_28_x86_64",
        "THOTH_RETENTION_DAYS": "0.5",
        "THOTH_HEARTBEAT_TIMEOUT": "2.5",
        "THOTH_INTERRUPTIONS": "7",
        "THOTH_STORE_VALIDATIONS": "no",
    }
    assert Settings.from_environment(environ) == Settings(
        index_url="https://packages.example/simple",
        extra_index_urls=("https://one.example/simple", "https://two.example/simple"),
        max_age=0,
        timeout=2.5,
        offline=True,
        target="cp312-manylinux_2_28_x86_64",
        retention_days=0.5,
        heartbeat_timeout=2.5,
        interruptions=7,
        store=False,
    )


def test_settings_are_read_when_made(monkeypatch):
    monkeypatch.setenv("THOTH_MAX_AGE", "7")
    assert Settings.from_environment().max_age == 7
    monkeypatch.setenv("THOTH_MAX_AGE", "8")
    assert Settings.from_environment().max_age == 8


def test_an_empty_list_of_extra_indexes_is_not_an_unset_one():
    assert Settings.from_environment({"THOTH_EXTRA_INDEX_URL": ""}).extra_index_urls == ()


@pytest.mark.parametrize("text", ["0", "false", "no", "off", "", " False ", "OFF"])
def test_these_mean_off(text):
    assert Settings.from_environment({"THOTH_OFFLINE": text}).offline is False


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", " True ", "ON"])
def test_these_mean_on(text):
    assert Settings.from_environment({"THOTH_OFFLINE": text}).offline is True


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e300", "1_0s"])
def test_a_bad_number_of_seconds_is_named_with_its_remedy(text):
    with pytest.raises(RequestError) as refused:
        Settings.from_environment({"THOTH_MAX_AGE": text})
    (problem,) = refused.value.problems
    assert problem.source == "THOTH_MAX_AGE"
    assert text in problem.message
    assert "unset it" in problem.remedy


def test_a_time_limit_of_nothing_is_refused():
    with pytest.raises(RequestError, match="THOTH_TIMEOUT"):
        Settings.from_environment({"THOTH_TIMEOUT": "0"})


def test_every_bad_variable_is_named_at_once():
    with pytest.raises(RequestError) as refused:
        Settings.from_environment({"THOTH_MAX_AGE": "x", "THOTH_OFFLINE": "maybe"})
    assert [problem.source for problem in refused.value.problems] == [
        "THOTH_MAX_AGE",
        "THOTH_OFFLINE",
    ]


def test_every_variable_is_in_the_reference():
    reference = Path(__file__).parents[4] / "docs/reference/settings.md"
    asked: list[str] = []

    class Environment(dict[str, str]):
        def get(self, name, default=None):
            asked.append(name)
            return default

    Settings.from_environment(Environment())
    text = reference.read_text(encoding="utf-8")
    assert len(asked) == 10
    assert [name for name in asked if f"`{name}`" not in text] == []
