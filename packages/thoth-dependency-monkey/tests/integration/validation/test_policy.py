"""Which releases may be in a lock, and which of them is: the policy, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from thoth.dependency_monkey.ecosystems.pypi.policy import Artifacts, Prereleases, Strategy
from thoth.dependency_monkey.testing import IndexServer, InMemoryIndex, ReleaseSpec

OPAQUE = ReleaseSpec(wheel_tags=[], sdist=True, static=False)
STATIC = ReleaseSpec(wheel_tags=[], sdist=True)
JANUARY = datetime(2026, 1, 31, tzinfo=UTC)


def uploaded(year: int, **details) -> ReleaseSpec:
    return ReleaseSpec(uploaded=datetime(year, 6, 1, tzinfo=UTC), **details)


# -- strategies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.HIGHEST, {"app": "10", "lib": "1.10"}),
        (Strategy.LOWEST, {"app": "2", "lib": "1.2"}),
        (Strategy.LOWEST_DIRECT, {"app": "2", "lib": "1.10"}),
    ],
)
def test_a_strategy_says_which_version_is_tried_first(asker, strategy, expected):
    versions = {"1": ["lib"], "2": ["lib>=1.2"], "10": ["lib>=1.2"]}
    index = {"app": versions, "lib": {"1.1": [], "1.2": [], "1.10": []}}
    assert asker.pins(asker.ask("app>1", index, strategy=strategy)) == expected


def test_the_highest_version_that_fits_is_taken_not_the_highest(asker):
    index = {"app": {"1": ["lib<2"], "2": ["lib>=3"]}, "lib": {"1": [], "2": []}}
    assert asker.pins(asker.ask("app", index)) == {"app": "1", "lib": "1"}


# -- pre-releases --------------------------------------------------------------------------------

MIXED = {"lib": {"1.0": [], "1.1": [], "2.0a1": [], "2.0.dev5": []}}
ONLY = {"lib": {"2.0a1": [], "2.0b1": [], "2.0.dev5": []}}


@pytest.mark.parametrize(
    ("mode", "stack", "expected"),
    [
        (Prereleases.IF_NECESSARY, "lib", "1.1"),
        (Prereleases.IF_NECESSARY, "lib>=2.0a1", "2.0a1"),
        (Prereleases.IF_NECESSARY, "lib>=1.1a1", "1.1"),
        (Prereleases.EXPLICIT, "lib", "1.1"),
        (Prereleases.EXPLICIT, "lib>=2.0a1", "2.0a1"),
        (Prereleases.EXPLICIT, "lib>=1.0a1", "2.0a1"),
        (Prereleases.ALLOW, "lib", "2.0a1"),
        (Prereleases.ALLOW, "lib<2", "1.1"),
        (Prereleases.DISALLOW, "lib", "1.1"),
        (Prereleases.DISALLOW, "lib>=1.0a1", "1.1"),
    ],
)
def test_pre_releases_are_taken_as_the_mode_says(asker, mode, stack, expected):
    assert asker.pins(asker.ask(stack, MIXED, prereleases=mode)) == {"lib": expected}


@pytest.mark.parametrize(
    ("mode", "stack", "expected"),
    [
        (Prereleases.IF_NECESSARY, "lib", {"lib": "2.0b1"}),
        (Prereleases.ALLOW, "lib", {"lib": "2.0b1"}),
        (Prereleases.EXPLICIT, "lib", None),
        (Prereleases.EXPLICIT, "lib<=2.0b1", {"lib": "2.0b1"}),
        (Prereleases.EXPLICIT, "lib!=2.0b1", None),
        (Prereleases.DISALLOW, "lib==2.0b1", None),
    ],
)
def test_a_package_with_nothing_but_pre_releases(asker, mode, stack, expected):
    validation = asker.ask(stack, ONLY, prereleases=mode)
    if expected is None:
        assert (validation.valid, validation.reason) == (False, "version_not_found")
        assert "pre-release" in validation.explanation.text
    else:
        assert asker.pins(validation) == expected


def test_every_stable_candidate_comes_before_any_pre_release(asker):
    # lib 1.0 is stable but impossible here, lib 0.9 is stable and fits: no pre-release is needed.
    index = {
        "app": {"1": ["six<2"]},
        "lib": {"0.9": ["six<2"], "1.0": ["six>=2"], "2.0a1": ["six<2"]},
        "six": {"1": [], "2": []},
    }
    pins = asker.pins(asker.ask("app\nlib", index))
    assert pins == {"app": "1", "lib": "0.9", "six": "1"}


def test_a_pre_release_is_taken_where_a_dependency_leaves_nothing_else(asker):
    index = {"app": {"1": ["lib>1.1"]}, **MIXED}
    assert asker.pins(asker.ask("app", index)) == {"app": "1", "lib": "2.0a1"}


def test_only_the_users_lines_and_constraints_make_a_pre_release_explicit(asker):
    index = {"app": {"1": ["lib>=2.0a1"]}, **MIXED}
    explicit = {"prereleases": Prereleases.EXPLICIT}
    assert asker.ask("app", index, **explicit).valid is False
    constrained = asker.ask("app", index, constraints="lib>=2.0a0", **explicit)
    assert asker.pins(constrained)["lib"] == "2.0a1"


def test_a_mode_for_one_package_leaves_the_others_alone(asker):
    index = {**MIXED, "other": {"1": [], "2rc1": []}}
    by_package = {"lib": Prereleases.ALLOW}
    pins = asker.pins(asker.ask("lib\nother", index, prereleases_by_package=by_package))
    assert pins == {"lib": "2.0a1", "other": "1"}


# -- yanked releases -----------------------------------------------------------------------------

YANKED = {"lib": {"1": [], "2": ReleaseSpec(yanked="broken"), "3": ReleaseSpec(yanked="")}}


@pytest.mark.parametrize("stack", ["lib", "lib>=1", "lib==2.*", "lib>=2"])
def test_a_yanked_release_is_not_taken(asker, stack):
    validation = asker.ask(stack, YANKED)
    if stack in ("lib", "lib>=1"):
        assert asker.pins(validation) == {"lib": "1"}
    else:
        assert (validation.valid, validation.reason) == (False, "version_not_found")
        assert "yanked" in validation.explanation.text


@pytest.mark.parametrize("stack", ["lib==2", "lib===2", "lib==2.0", "lib>1\nlib==2"])
def test_a_yanked_release_is_taken_for_an_exact_pin_of_the_users(asker, stack):
    validation = asker.ask(stack, YANKED)
    assert asker.pins(validation) == {"lib": "2"}
    assert asker.warned(validation) == [("yanked", "lib")]
    assert validation.warnings[0].message.endswith("broken")


def test_neither_a_dependency_nor_a_constraint_can_pin_a_yanked_release(asker):
    index = {"app": {"1": ["lib==2"]}, **YANKED}
    assert asker.ask("app", index).valid is False
    assert asker.ask("lib", YANKED, constraints="lib==2").valid is False


# -- pythons -------------------------------------------------------------------------------------


def test_requires_python_of_the_page_leaves_releases_out(asker):
    index = {"lib": {"1": [], "2": ReleaseSpec(requires_python=">=3.13")}}
    validation = asker.ask("lib", index)
    assert asker.pins(validation) == {"lib": "1"}
    assert validation.warnings == ()


def test_requires_python_of_the_metadata_counts_where_the_page_is_silent(asker):
    metadata = b"Metadata-Version: 2.1\nName: lib\nVersion: 2\nRequires-Python: >=3.13\n\n"
    index = {"lib": {"1": [], "2": ReleaseSpec(metadata=metadata)}}
    assert asker.pins(asker.ask("lib", index)) == {"lib": "1"}
    target = ("cp313-manylinux_2_28_x86_64",)
    assert asker.pins(asker.ask("lib", index, targets=target)) == {"lib": "2"}


def test_requires_python_counts_to_the_patch_release(asker):
    index = {"lib": {"1": ReleaseSpec(requires_python=">=3.12.4")}}
    early, late = (f"cp312.{patch}-manylinux_2_28_x86_64" for patch in (3, 4))
    assert asker.ask("lib", index, targets=(early,)).reason == "python_mismatch"
    assert asker.ask("lib", index, targets=(late,)).valid is True


# -- upload times --------------------------------------------------------------------------------


def test_what_was_uploaded_later_is_left_out(asker):
    index = {"lib": {"1": uploaded(2024), "2": uploaded(2025), "3": uploaded(2026)}}
    assert asker.pins(asker.ask("lib", index, exclude_newer=JANUARY)) == {"lib": "2"}


def test_the_moment_itself_is_left_out(asker):
    index = {"lib": {"1": uploaded(2024), "2": ReleaseSpec(uploaded=JANUARY)}}
    assert asker.pins(asker.ask("lib", index, exclude_newer=JANUARY)) == {"lib": "1"}


def test_what_has_no_upload_time_is_left_out_too_and_the_proof_says_so(asker):
    validation = asker.ask("lib", {"lib": {"1": []}}, exclude_newer=JANUARY)
    assert (validation.valid, validation.reason) == (False, "version_not_found")
    assert "no upload time" in validation.explanation.text
    with IndexServer(json=False) as server:
        server.add_release("lib", "1", uploaded(2024))
        assert asker.ask("lib", server, exclude_newer=JANUARY).valid is False
        assert asker.ask("lib", server).valid is True


# -- artifacts -----------------------------------------------------------------------------------


def test_wheel_tags_decide_what_the_target_can_use(asker):
    windows = ReleaseSpec(wheel_tags=["cp312-cp312-win_amd64"])
    both = ReleaseSpec(wheel_tags=["cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-win_amd64"])
    index = {"lib": {"1": both, "2": windows, "3": ReleaseSpec(wheel_tags=["cp311-cp311-any"])}}
    validation = asker.ask("lib", index)
    assert asker.pins(validation) == {"lib": "1"}
    names = [artifact.filename for artifact in validation.lock[0].artifacts]
    assert names == ["lib-1-cp312-cp312-manylinux_2_17_x86_64.whl"]


def test_the_best_fitting_wheel_comes_first_and_an_sdist_last(asker):
    tags = ["py3-none-any", "cp312-abi3-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"]
    validation = asker.ask("lib", {"lib": {"1": ReleaseSpec(wheel_tags=tags, sdist=True)}})
    names = [artifact.filename for artifact in validation.lock[0].artifacts]
    assert names == [f"lib-1-{tag}.whl" for tag in reversed(tags)] + ["lib-1.tar.gz"]


def test_an_sdist_is_enough_where_its_metadata_is_static(asker):
    index = {"lib": {"1": ReleaseSpec(wheel_tags=[], sdist=True, requires_dist=["six"])}}
    index["six"] = {"1": []}
    assert asker.pins(asker.ask("lib", index)) == {"lib": "1", "six": "1"}


def test_wheels_only_leaves_sdists_out(asker):
    validation = asker.ask("lib", {"lib": {"1": STATIC}}, artifacts=Artifacts.WHEEL_ONLY)
    assert (validation.valid, validation.reason) == (False, "no_compatible_artifact")
    assert "no wheel" in validation.explanation.text


def test_a_newer_release_that_needs_a_build_is_passed_over_with_a_warning(asker):
    validation = asker.ask("lib", {"lib": {"1": [], "2": OPAQUE, "3": OPAQUE}})
    assert asker.pins(validation) == {"lib": "1"}
    assert asker.warned(validation) == [("newer_release_needs_build", "lib")] * 2


def test_an_older_release_that_needs_a_build_is_not_worth_a_warning(asker):
    index = {"lib": {"1": OPAQUE, "2": []}}
    assert asker.ask("lib", index).warnings == ()
    assert asker.ask("lib", index, strategy=Strategy.LOWEST).warnings == ()


def test_nothing_is_decided_where_every_fitting_release_needs_a_build(asker):
    validation = asker.ask("lib", {"lib": {"1": OPAQUE, "2": OPAQUE}})
    assert (validation.valid, validation.reason) == (None, "metadata_unavailable")
    assert (validation.phase, validation.lock, validation.explanation) == ("failed", None, None)


def test_it_is_impossible_where_even_harmless_opaque_releases_would_not_help(asker):
    validation = asker.ask("lib\nsix>1", {"lib": {"1": OPAQUE}, "six": {"1": []}})
    assert (validation.valid, validation.reason) == (False, "version_not_found")
    assert asker.lines(validation) == ["six>1"]


# -- extras and markers --------------------------------------------------------------------------


def test_extras_bring_their_requirements_and_extras_of_extras_theirs(asker):
    index = {
        "app": {"1": ReleaseSpec(requires_dist=["lib[fast]; extra == 'all'"], extras=["all"])},
        "lib": {"1": ReleaseSpec(requires_dist=["six; extra == 'fast'"], extras=["fast"])},
        "six": {"1": []},
    }
    assert asker.pins(asker.ask("app[all]", index)) == {"app": "1", "lib": "1", "six": "1"}
    assert asker.pins(asker.ask("app", index)) == {"app": "1"}


def test_an_extra_may_ask_for_other_extras_of_its_own_release(asker):
    dist = ["app[x,y]; extra == 'all'", "one; extra == 'x'", "two; extra == 'y'"]
    spec = ReleaseSpec(requires_dist=dist, extras=["all", "x", "y"])
    index = {"app": {"1": spec}, "one": {"1": []}, "two": {"1": []}}
    validation = asker.ask("app[all]", index)
    assert asker.pins(validation) == {"app": "1", "one": "1", "two": "1"}
    assert validation.lock[0].extras == ("all", "x", "y")


def test_an_extra_and_its_package_are_of_one_release(asker):
    index = {
        "app": {
            "1": ReleaseSpec(requires_dist=["six<2; extra == 'x'"], extras=["x"]),
            "2": ReleaseSpec(requires_dist=["six>2; extra == 'x'"], extras=["x"]),
        },
        "lib": {"1": ["app"]},
        "six": {"1": [], "2": []},
    }
    assert asker.pins(asker.ask("lib\napp[x]", index)) == {"app": "1", "lib": "1", "six": "1"}


def test_an_extra_that_a_release_does_not_have_is_a_warning(asker):
    validation = asker.ask("lib[nonsense]", {"lib": {"1": []}})
    assert asker.pins(validation) == {"lib": "1"}
    assert asker.warned(validation) == [("extra_not_provided", "lib")]


def test_markers_are_those_of_the_target(asker):
    dist = ["win; sys_platform == 'win32'", "lin; sys_platform == 'linux'"]
    index = {"app": {"1": dist}, "lin": {"1": []}, "win": {"1": []}}
    assert asker.pins(asker.ask("app", index)) == {"app": "1", "lin": "1"}
    windows = ("cp312-win_amd64",)
    assert asker.pins(asker.ask("app", index, targets=windows)) == {"app": "1", "win": "1"}


def test_a_line_that_does_not_apply_to_the_target_asks_for_nothing(asker):
    validation = asker.ask("nonsense; sys_platform == 'win32'", {})
    assert asker.pins(validation) == {}
    assert asker.warned(validation) == [("no_requirement_applies", None)]
    validation = asker.ask("nonsense; sys_platform == 'win32'\nsix", {"six": {"1": []}})
    assert asker.pins(validation) == {"six": "1"}
    assert validation.warnings == ()


# -- constraints and repetitions -----------------------------------------------------------------


def test_constraints_bind_what_something_else_asks_for_and_ask_for_nothing(asker):
    index = {"app": {"1": ["lib"]}, "lib": {"1": [], "2": []}, "six": {"1": []}}
    validation = asker.ask("app", index, constraints="lib<2\nsix\nnonsense==5")
    assert asker.pins(validation) == {"app": "1", "lib": "1"}


def test_constraints_have_markers_too(asker):
    index = {"lib": {"1": [], "2": []}}
    validation = asker.ask("lib", index, constraints="lib<2; sys_platform == 'win32'")
    assert asker.pins(validation) == {"lib": "2"}


def test_repeated_lines_are_all_meant(asker):
    index = {"lib": {"1": [], "2": [], "3": []}}
    validation = asker.ask("lib<3\nLIB\nlib>1\nlib<3", index)
    assert asker.pins(validation) == {"lib": "2"}
    assert validation.stack_specification == "lib<3\nlib\nlib>1\nlib<3"


# -- shapes --------------------------------------------------------------------------------------


def test_cycles_resolve_and_are_listed(asker):
    index = {"a": {"1": ["b"]}, "b": {"1": ["c"]}, "c": {"1": ["a"]}, "d": {"1": ["a"]}}
    validation = asker.ask("d", index)
    assert asker.pins(validation) == dict.fromkeys("abcd", "1")
    assert validation.graph.cycles == (("a", "b", "c"),)
    assert validation.graph.components == (("a", "b", "c", "d"),)


def test_a_release_may_require_itself(asker):
    index = {"lib": {"1": ["lib"], "2": ["lib<2"]}}
    assert asker.pins(asker.ask("lib", index)) == {"lib": "1"}
    assert asker.pins(asker.ask("lib", index)) == {"lib": "1"}
    validation = asker.ask("lib>1", index)
    assert (validation.valid, validation.reason) == (False, "conflict")


def test_a_release_that_requires_a_url_is_passed_over(asker):
    index = {"lib": {"1": [], "2": ["six @ https://example.org/six-1.0-py3-none-any.whl"]}}
    validation = asker.ask("lib", index)
    assert asker.pins(validation) == {"lib": "1"}
    assert asker.warned(validation) == [("newer_release_opaque", "lib")]


def test_names_are_compared_as_pep_503_has_it(asker):
    index = {"My.Pkg": {"1": ["Other__PKG"]}, "other-pkg": {"1": []}}
    assert asker.pins(asker.ask("mY_pKG", index)) == {"my-pkg": "1", "other-pkg": "1"}


def test_versions_are_ordered_as_pep_440_has_it(asker):
    versions = ["1.9", "1.10", "1.10.post1", "1.10+local.1", "0!5", "1!0.1"]
    index = {"lib": dict.fromkeys(versions, ())}
    assert asker.pins(asker.ask("lib", index)) == {"lib": "1!0.1"}
    assert asker.pins(asker.ask("lib<1!0", index)) == {"lib": "5"}
    assert asker.pins(asker.ask("lib==1.10", index)) == {"lib": "1.10+local.1"}
    assert asker.pins(asker.ask("lib==1.10.*", index)) == {"lib": "1.10.post1"}
    assert asker.ask("lib==1.10+local.2", index).reason == "version_not_found"


# -- several indexes -----------------------------------------------------------------------------


def test_the_first_index_that_has_a_package_is_used_for_it(asker):
    first = InMemoryIndex({"lib": {"1": ["six"]}}, url="https://first.test/simple/")
    second = InMemoryIndex({"lib": {"9": []}, "six": {"1": []}}, url="https://second.test/simple/")
    validation = asker.ask("lib", first, second)
    assert asker.pins(validation) == {"lib": "1", "six": "1"}
    assert {r.name: r.index for r in validation.lock} == {"lib": first.url, "six": second.url}
    assert [state.url for state in validation.index_state] == [first.url, second.url]
    assert ("page", "lib") not in second.asked
    assert asker.ask("lib>1", first, second).reason == "version_not_found"


def test_an_index_that_errs_is_not_skipped(asker):
    first = InMemoryIndex({}, url="https://first.test/simple/")
    first.unreachable.add("lib")
    second = InMemoryIndex({"lib": {"9": []}}, url="https://second.test/simple/")
    validation = asker.ask("lib", first, second)
    assert (validation.valid, validation.reason) == (None, "index_unreachable")
    assert asker.pins(asker.ask("lib", second, first)) == {"lib": "9"}
