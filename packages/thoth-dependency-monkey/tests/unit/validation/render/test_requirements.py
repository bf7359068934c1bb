from __future__ import annotations

import pytest

from thoth.dependency_monkey.errors import RequestError
from thoth.dependency_monkey.validation.render.locked import UnwritableLockError
from thoth.dependency_monkey.validation.render.requirements import render_requirements
from thoth.dependency_monkey.validation.result import LockedArtifact

PYPI = "https://pypi.org/simple/"
OWN = "https://packages.example/simple/"


def artifact(filename: str, sha256: str | None) -> LockedArtifact:
    return LockedArtifact(filename, f"https://files.example/{filename}", sha256, 1, "wheel")


def test_pins_are_sorted_and_carry_every_hash(release, target):
    lock = (
        release("six", "1.17.0", "line 1"),
        release(
            "numpy",
            "2.3.1",
            "line 2",
            "pandas",
            artifacts=(artifact("b.whl", "b" * 64), artifact("a.whl", "a" * 64)),
        ),
    )
    assert render_requirements(lock, target) == (
        "# Locked by dependency-monkey for cp312-manylinux_2_28_x86_64.\n"
        "# Install with: pip install --require-hashes -r FILE\n"
        "numpy==2.3.1 \\\n"
        f"    --hash=sha256:{'a' * 64} \\\n"
        f"    --hash=sha256:{'b' * 64}\n"
        "    # requested by you, pandas\n"
        "six==1.17.0 \\\n"
        f"    --hash=sha256:{'a' * 64}\n"
        "    # requested by you\n"
    )


def test_extras_are_not_repeated_since_what_they_ask_for_is_pinned(release, target):
    text = render_requirements((release("pandas", "2.3.0", extras=("excel",)),), target)
    assert "\npandas==2.3.0 \\\n" in text


def test_the_public_index_goes_without_saying(release, target):
    assert "index-url" not in render_requirements((release("six", "1", index=PYPI),), target)


def test_another_index_is_named_instead_of_the_public_one(release, target):
    text = render_requirements((release("six", "1", index=OWN),), target)
    assert f"\n--index-url {OWN}\n" in text
    assert "extra-index-url" not in text


def test_another_index_beside_the_public_one_is_an_extra(release, target):
    lock = (release("six", "1", index=PYPI), release("own", "1", index=OWN))
    text = render_requirements(lock, target)
    assert f"\n--index-url {PYPI}\n--extra-index-url {OWN}\n" in text


def test_an_index_url_cannot_expand_variables_or_start_a_comment(release, target):
    lock = (release("six", "1", index="https://packages.example/${HOME} #/simple/"),)
    assert "--index-url https://packages.example/$%7BHOME%7D%20%23/simple/\n" in (
        render_requirements(lock, target)
    )


def test_a_release_without_any_hash_is_refused_by_name(release, target):
    lock = (
        release("numpy", "2.3.1"),
        release("six", "1.17.0", artifacts=(artifact("six.whl", None),)),
        release("wheel", "0.45", artifacts=()),
    )
    with pytest.raises(UnwritableLockError, match="SHA-256") as refused:
        render_requirements(lock, target)
    assert isinstance(refused.value, RequestError)
    assert refused.value.releases == ("six 1.17.0", "wheel 0.45")
    assert len(refused.value.problems) == 2


def test_a_file_without_hash_is_left_out_where_another_has_one(release, target):
    files = (artifact("a.whl", None), artifact("b.whl", "b" * 64))
    text = render_requirements((release("six", "1.17.0", artifacts=files),), target)
    assert text.count("--hash") == 1


@pytest.mark.parametrize("hostile", ["", "a", "A" * 64, "a" * 64 + "\n-r /etc/passwd"])
def test_what_is_no_sha256_never_reaches_the_file(hostile, release, target):
    lock = (release("six", "1.17.0", artifacts=(artifact("six.whl", hostile),)),)
    with pytest.raises(UnwritableLockError):
        render_requirements(lock, target)


def test_whoever_asked_cannot_add_a_line(release, target):
    text = render_requirements((release("six", "1.17.0", "x\n--index-url evil"),), target)
    assert "\n--index-url" not in text


def test_an_empty_lock_is_an_empty_file_but_for_its_head(target):
    assert all(line.startswith("#") for line in render_requirements((), target).splitlines())
