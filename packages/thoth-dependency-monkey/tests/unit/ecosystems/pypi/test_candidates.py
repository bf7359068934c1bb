"""What a release may ask for without harm: hostile and senseless requirements are opaque."""

from __future__ import annotations

import pytest

from thoth.dependency_monkey.testing import ReleaseSpec

LONG = "9" * 5_000
NEST = 4_000
SENSELESS = {
    "an operator without meaning": 'six; os_name ~= "posix"',
    "an operator without meaning, turned round": 'six; "posix" ~= os_name',
    "a version of 5,000 digits": f"six>={LONG}",
    "a marker of 5,000 digits": f'six; python_version >= "{LONG}"',
    "4,000 parentheses": f"six; {'(' * NEST}os_name == 'posix'{')' * NEST}",
    "a URL": "six @ https://example.org/six-1.0-py3-none-any.whl",
    "a path": "six @ file:///etc/passwd",
    "no requirement at all": "-r /etc/passwd",
}


@pytest.mark.parametrize("text", SENSELESS.values(), ids=SENSELESS.keys())
def test_a_release_with_a_senseless_requirement_is_passed_over(asker, text):
    index = {"app": {"1": [], "2": [text]}, "six": {"1": []}}
    validation = asker.ask("app", index)
    assert asker.pins(validation) == {"app": "1"}
    assert asker.warned(validation) == [("newer_release_opaque", "app")]


@pytest.mark.parametrize("text", SENSELESS.values(), ids=SENSELESS.keys())
def test_nothing_is_decided_where_no_release_has_sensible_requirements(asker, text):
    validation = asker.ask("app", {"app": {"1": [text]}, "six": {"1": []}})
    assert (validation.valid, validation.reason) == (None, "metadata_unavailable")
    assert len(validation.raw_log) < 1_000


@pytest.mark.parametrize(
    "text", [f"six>={LONG}", "six @ https://example.org/six-1.0.tar.gz", "six @ file:///etc/passwd"]
)
def test_a_senseless_requirement_of_an_extra_that_nobody_asked_for_does_no_harm(asker, text):
    index = {"app": {"1": ReleaseSpec(requires_dist=[f"{text} ; extra == 'x'"], extras=["x"])}}
    assert asker.pins(asker.ask("app", index)) == {"app": "1"}


@pytest.mark.parametrize(
    "specifier",
    [f">={LONG}", ">=3," * 500_000 + ">=99", "not a specifier"],
    ids=["5,000 digits", "2 MB", "no specifier"],
)
def test_a_requires_python_that_is_not_valid_rules_nothing_out(asker, specifier):
    index = {"app": {"1": ReleaseSpec(requires_python=specifier)}}
    assert asker.pins(asker.ask("app", index)) == {"app": "1"}
