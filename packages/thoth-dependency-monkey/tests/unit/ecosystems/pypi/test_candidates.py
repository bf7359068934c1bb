"""What a release may ask for without harm: hostile and senseless requirements are opaque."""

from __future__ import annotations

import pytest

from thoth.dependency_monkey.testing import ReleaseSpec
from thoth.dependency_monkey.validation.limits import Limits

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


@pytest.mark.parametrize("marker", ["extra == 'e{}'", "'e{}' == extra"])
def test_thousands_of_extras_that_ask_for_each_other_are_followed_in_time(asker, marker):
    count = 1_000
    chain = [f"app[e{n + 1}]; {marker.format(n)}" for n in range(count)]
    spec = ReleaseSpec(requires_dist=chain, extras=[f"e{n}" for n in range(count + 1)])
    validation = asker.ask("app[e0]", {"app": {"1": spec}}, limits=Limits(seconds=10))
    assert asker.pins(validation) == {"app": "1"}
    assert len(validation.lock[0].extras) == count + 1


def test_many_requirements_that_compare_extras_in_unusual_ways_are_opaque(asker):
    odd = [f"app[e{n + 1}]; extra in 'e{n}'" for n in range(1_000)]
    validation = asker.ask("app[e0]", {"app": {"1": ReleaseSpec(requires_dist=odd)}})
    assert (validation.valid, validation.reason) == (None, "metadata_unavailable")


@pytest.mark.parametrize(
    ("marker", "asked", "wanted"),
    [
        ("extra == 'x'", "x", True),
        ("extra == 'X_y'", "x-y", True),
        ("extra == 'x'", "y", False),
        ("'x' == extra", "x", True),
        ("extra == 'x' or extra == 'y'", "y", True),
        ("(extra == 'x' or extra == 'y') and os_name == 'nt'", "y", False),
        ("extra == 'x' and extra == 'y'", "x,y", False),
        ("extra in 'x y'", "y", True),
        ("extra not in 'x'", "y", True),
        ("'x' in extra", "axe", True),
        ("platform_version == 'extra == \"x\"'", "x", False),
        ('extra == "it\'s"', "x", False),
    ],
)
def test_an_extra_adds_what_its_markers_say(asker, marker, asked, wanted):
    index = {
        "app": {"1": ReleaseSpec(requires_dist=[f"six; {marker}"], extras=asked.split(","))},
        "six": {"1": []},
    }
    expected = {"app": "1", "six": "1"} if wanted else {"app": "1"}
    assert asker.pins(asker.ask(f"app[{asked}]", index)) == expected


def test_a_proof_stays_readable_where_every_release_asks_for_another_python(asker):
    index = {"app": {str(n): ReleaseSpec(requires_python=f">=3.{n + 20}") for n in range(2_000)}}
    validation = asker.ask("app", index)
    assert (validation.valid, validation.reason) == (False, "python_mismatch")
    assert "Requires-Python: >=3.2019" in validation.explanation.text
    assert len(validation.explanation.text) < 2_000
