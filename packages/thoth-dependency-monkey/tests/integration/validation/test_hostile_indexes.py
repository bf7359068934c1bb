"""Indexes that fail, lie or attack: the answer is "could not tell", soon, and says why."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from dataclasses import replace
from functools import cache

import pytest

from thoth.dependency_monkey.testing import Fault, IndexServer, InMemoryIndex, ReleaseSpec
from thoth.dependency_monkey.testing.artifacts import build_sdist, build_wheel
from thoth.dependency_monkey.validation.limits import Limits
from thoth.dependency_monkey.validation.render.text import render_text

JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "app-1-py3-none-any.whl"


@pytest.fixture
def server():
    with IndexServer() as index:
        index.add("app", "1")
        yield index


def timed(ask, *arguments, **options):
    started = time.monotonic()
    validation = ask(*arguments, **options)
    assert time.monotonic() - started < 15
    return validation


def limits_with(asker, fault):
    """Be patient only with what a slow machine may do, too."""
    return asker.impatient if fault.delay or fault.drip else asker.limits


PAGE_FAULTS = {
    "500": Fault(status=500),
    "503 with a long Retry-After": Fault(status=503, headers={"retry-after": "86400"}),
    "429": Fault(status=429),
    "401": Fault(status=401),
    "403": Fault(status=403),
    "418": Fault(status=418),
    "closes": Fault(close=True),
    "slow": Fault(delay=60),
    "drips": Fault(drip=0.05),
    "endless": Fault(endless=True),
    "truncated": Fault(truncate=40),
    "a redirect to itself": Fault(redirect="/simple/app/"),
    "a redirect to a port where nobody listens": Fault(redirect="http://127.0.0.1:1/simple/app/"),
    "a redirect to a file": Fault(redirect="file:///etc/passwd"),
    "a redirect to nowhere": Fault(redirect="http://"),
    "not JSON": Fault(body=b"<html>", content_type=JSON),
    "half JSON": Fault(body=b'{"meta": {"api-version": "1.0"}, "files": [', content_type=JSON),
    "deep JSON": Fault(body=b"[" * 100_000, content_type=JSON),
    "another JSON": Fault(body=b"[]", content_type=JSON),
    "JSON of the future": Fault(
        body=b'{"meta": {"api-version": "2.0"}, "files": []}', content_type=JSON
    ),
    "the page of another package": Fault(
        body=b'{"meta": {"api-version": "1.0"}, "name": "other", "files": []}', content_type=JSON
    ),
    "an error page with status 200": Fault(body=b"<p>Please log in", content_type="text/html"),
    "a picture": Fault(body=b"GIF89a", content_type="image/gif"),
}


@pytest.mark.parametrize("fault", PAGE_FAULTS.values(), ids=PAGE_FAULTS.keys())
def test_a_page_that_cannot_be_had_decides_nothing(asker, server, fault):
    server.fault("/simple/app/", fault)
    validation = timed(asker.ask, "app", server, index_limits=limits_with(asker, fault))
    assert validation.valid is None
    assert validation.reason in ("index_unreachable", "limit_exceeded")
    assert "/simple/app/" in validation.results[0].detail
    assert len(validation.results[0].detail) < 500


def test_an_index_that_is_down_decides_nothing(asker):
    with IndexServer() as server:
        pass
    validation = timed(asker.ask, "app", server)
    assert (validation.valid, validation.reason) == (None, "index_unreachable")


@pytest.mark.parametrize("times", [1])
@pytest.mark.parametrize("fault", [Fault(status=500), Fault(close=True), Fault(truncate=40)])
def test_a_fault_that_passes_is_got_over(asker, server, fault, times):
    server.fault("/simple/app/", replace(fault, times=times))
    assert asker.pins(asker.ask("app", server)) == {"app": "1"}


def test_a_slow_index_is_waited_for_no_longer_than_the_validations_own_limit(asker):
    with IndexServer() as server:
        server.add("app", "1")
        server.fault("/simple/app/", Fault(delay=60))
        patient = replace(asker.limits, read_timeout=60, request_timeout=60)
        started = time.monotonic()
        validation = asker.ask("app", server, limits=Limits(seconds=1), index_limits=patient)
        assert time.monotonic() - started < 10
        assert (validation.valid, validation.reason) == (None, "timed_out")


def test_a_redirect_to_another_server_is_followed_without_the_credentials(asker):
    with IndexServer() as other, IndexServer() as server:
        other.add("app", "7")
        server.fault("/simple/app/", Fault(redirect=f"{other.url}app/"))
        assert asker.pins(asker.ask("app", server)) == {"app": "7"}
        assert "authorization" not in other.requests[0].headers


# -- metadata ------------------------------------------------------------------------------------

METADATA = {
    "empty": b"",
    "no metadata": b"\x00\xff" * 500,
    "another name": b"Metadata-Version: 2.1\nName: other\nVersion: 1\n\n",
    "another version": b"Metadata-Version: 2.1\nName: app\nVersion: 2\n\n",
    "two names": b"Metadata-Version: 2.1\nName: app\nName: other\nVersion: 1\n\n",
    "no version": b"Metadata-Version: 2.1\nName: app\n\n",
    "a version of the future": b"Metadata-Version: 9.0\nName: app\nVersion: 1\n\n",
    "a requirement that is none": (
        b"Metadata-Version: 2.1\nName: app\nVersion: 1\nRequires-Dist: -r /etc/passwd\n\n"
    ),
    "a field that got lost": (
        b"Metadata-Version: 2.1\nName: app\nVersion: 1\nnonsense\nRequires-Dist: evil\n\n"
    ),
    "too much": b"Metadata-Version: 2.1\nName: app\nVersion: 1\n" + b"Classifier: x\n" * 20_000,
    "too many requirements": (
        b"Metadata-Version: 2.1\nName: app\nVersion: 1\n" + b"Requires-Dist: a\n" * 10_001
    ),
}


@pytest.mark.parametrize("offered", [True, False], ids=["beside", "inside"])
@pytest.mark.parametrize("metadata", METADATA.values(), ids=METADATA.keys())
def test_metadata_that_cannot_be_relied_on_makes_a_release_opaque(asker, metadata, offered):
    limits = replace(asker.limits, metadata_bytes=1024**2 if b"Dist: a" in metadata else 65_536)
    with IndexServer(metadata_files=offered) as server:
        server.add("app", "1", metadata=metadata)
        validation = timed(asker.ask, "app", server, index_limits=limits)
        assert (validation.valid, validation.reason) == (None, "metadata_unavailable")
        assert "app 1" in validation.results[0].detail
        server.add("app", "0.9")
        validation = timed(asker.ask, "app", server, index_limits=limits)
        assert asker.pins(validation) == {"app": "0.9"}
        assert asker.warned(validation) == [("newer_release_opaque", "app")]


FILE_FAULTS = {
    "500": Fault(status=500),
    "401": Fault(status=401),
    "slow": Fault(delay=60),
    "closes": Fault(close=True),
    "a loop": Fault(redirect=""),
}


@pytest.mark.parametrize("fault", FILE_FAULTS.values(), ids=FILE_FAULTS.keys())
@pytest.mark.parametrize("path", [f"/files/{WHEEL}", f"/files/{WHEEL}.metadata"])
def test_metadata_that_the_server_fails_to_give_decides_nothing(asker, fault, path):
    with IndexServer(metadata_files=path.endswith(".metadata")) as server:
        server.add("app", "1")
        server.add("app", "0.9")
        server.fault(path, replace(fault, redirect=path) if fault.redirect == "" else fault)
        validation = timed(asker.ask, "app", server, index_limits=limits_with(asker, fault))
        assert (validation.valid, validation.reason) == (None, "index_unreachable")


def test_a_file_that_is_missing_is_opaque(asker):
    with IndexServer(metadata_files=False) as server:
        server.add("app", "1")
        server.add("app", "0.9")
        server.fault(f"/files/{WHEEL}", Fault(status=404))
        assert asker.pins(asker.ask("app", server)) == {"app": "0.9"}


@cache
def bomb() -> bytes:
    """Return a wheel whose METADATA is 200 MB of nothing."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as wheel:
        with wheel.open("app-1.dist-info/METADATA", "w", force_zip64=True) as member:
            for _ in range(200):
                member.write(bytes(1024**2))
        wheel.writestr("app-1.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    return archive.getvalue()


WHEELS = {
    "no zip": lambda: b"x" * 1_000,
    "nothing": bytes,
    "cut short": lambda: build_wheel("app", "1", "py3-none-any")[:-30],
    "another package's": lambda: build_wheel("evil", "1", "py3-none-any"),
    "a bomb": bomb,
}


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole"])
@pytest.mark.parametrize("make", WHEELS.values(), ids=WHEELS.keys())
def test_a_wheel_that_is_none_is_opaque(asker, make, ranges):
    with IndexServer(metadata_files=False, ranges=ranges) as server:
        server.add("app", "0.9")
        server.add("app", "1")
        server.add_file("app", WHEEL, make())
        tracemalloc.start()
        try:
            validation = timed(asker.ask, "app", server)
            assert tracemalloc.get_traced_memory()[1] < 64 * 1024**2
        finally:
            tracemalloc.stop()
        assert asker.pins(validation) == {"app": "0.9"}


# -- no package code runs ------------------------------------------------------------------------


def test_no_code_of_a_package_is_run(asker, tmp_path):
    mark = tmp_path / "was-run"
    code = f"open({str(mark)!r}, 'w').close()\n".encode()
    hooks = {
        "app/__init__.py": code,
        "app.pth": b"import app\n",
        "setup.py": code,
        "sitecustomize.py": code,
    }
    with IndexServer(metadata_files=False) as server:
        server.add_release("app", "1", ReleaseSpec(files=hooks, requires_dist=["lib", "old"]))
        server.add("lib", "1", wheel_tags=(), sdist=True)
        server.add("lib", "2", wheel_tags=(), sdist=True, static=False)
        server.add("old", "1")
        server.add("old", "2", wheel_tags=(), sdist=True)
        server.add_file("old", "old-2.tar.gz", b"".join([build_sdist("old", "2")[:40], code]))
        validation = asker.ask("app", server)
        assert asker.pins(validation) == {"app": "1", "lib": "1", "old": "1"}
        assert set(asker.warned(validation)) == {
            ("newer_release_needs_build", "lib"),
            ("newer_release_opaque", "old"),
        }
    assert not mark.exists()


# -- text that steers terminals ------------------------------------------------------------------

EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\u202e+ resolves\u2028x\x9b31m\x00"


def shown(validation) -> str:
    text = render_text(validation)
    for character in text.replace("\n", ""):
        assert character.isprintable(), f"{character!r} in {text!r}"
    return text


def test_what_an_index_supplies_cannot_steer_the_terminal(asker):
    arbitrary = "===" + EVIL.replace("\r\n", "").replace("\u2028", "").replace(" ", "")
    metadata = b"Metadata-Version: 2.1\nName: two\nVersion: 1\nRequires-Dist: six\x1b[2J\x9b31m\n\n"
    index = {
        "app": {"1": ReleaseSpec(yanked=EVIL)},
        "lib": {"1": ReleaseSpec(requires_python=arbitrary)},
        "two": {"1": ReleaseSpec(metadata=metadata), "0": []},
        "six": {"1": []},
    }
    for stack in ("app==1", "lib", "two", "two>=1", "app", "app==1\nlib\ntwo"):
        validation = asker.ask(stack, index)
        lines = shown(validation).split("\n")
        assert not any(line.startswith(("+ resolves", "✓")) for line in lines[1:])


def test_file_names_and_urls_that_steer_the_terminal_are_skipped(asker):
    index = InMemoryIndex({"app": {"1": [], f"2{EVIL}": []}})
    validation = asker.ask("app", index)
    assert asker.pins(validation) == {"app": "1"}
    shown(validation)


def test_long_texts_of_an_index_are_cut_short(asker):
    index = {
        "app": {"1": ReleaseSpec(yanked="x" * 1_000_000)},
        "lib": {"1": ReleaseSpec(requires_python=">=3.99," * 1_000 + ">=4")},
        "two": {"1": ["lib"]},
        "six": {
            "1": ReleaseSpec(
                metadata=(
                    b"Metadata-Version: 2.1\nName: six\nVersion: 1\nRequires-Python: "
                    + b">=3.99," * 1_000
                    + b">=4\n\n"
                )
            )
        },
        **{f"p{n}": {"1": [f"{'y' * 4_000}>={n}", f"six; {'(' * 500}"]} for n in range(3)},
    }
    for stack in ("app==1", "lib", "two", "six", "p0", "p0\np1\np2"):
        assert len(shown(asker.ask(stack, index))) < 2_000


# -- sizes ---------------------------------------------------------------------------------------


def test_a_page_with_too_many_files_hits_a_published_limit(asker):
    with IndexServer() as server:
        server.hashes = server.metadata_files = server.sizes = False
        for number in range(asker.limits.page_files + 1):
            server.add("app", str(number))
        limits = replace(asker.limits, page_bytes=1024**2)
        validation = asker.ask("app", server, index_limits=limits)
        assert (validation.valid, validation.reason) == (None, "limit_exceeded")
        assert f"{limits.page_files + 1} files" in validation.results[0].detail


def test_thousands_of_versions_cost_little(asker):
    index = {"app": {f"{n}.0": ["lib"] for n in range(3_000)}, "lib": {"1": []}}
    started = time.monotonic()
    assert asker.pins(asker.ask("app", index))["app"] == "2999.0"
    assert time.monotonic() - started < 10


def test_thousands_of_requirements_of_one_release_are_followed(asker):
    names = [f"p{n}" for n in range(1_000)]
    index = {"app": {"1": names}, **{name: {"1": []} for name in names}}
    started = time.monotonic()
    assert len(asker.pins(asker.ask("app", index))) == 1_001
    assert time.monotonic() - started < 15


@pytest.mark.slow
@pytest.mark.parametrize(
    "index",
    [
        {"app": {str(n): ["lib>=2"] for n in range(3_000)}, "lib": {"1": [], "2": []}},
        {
            "app": {str(n): [f"lib>={n + 2}"] for n in range(2_000)},
            "lib": {str(n): [] for n in range(2_002)},
        },
        {"app": {str(n): ["app<0"] for n in range(3_000)}, "lib": {"1": []}},
        {
            f"p{n}": {str(v): [f"p{m}!={v}" for m in range(9) if m != n] for v in range(8)}
            for n in range(9)
        }
        | {"app": {"1": [f"p{n}" for n in range(9)]}, "lib": {"1": []}},
    ],
    ids=["alike", "unlike", "itself", "pigeons"],
)
def test_a_hard_stack_ends_with_its_time_limit(asker, index):
    started = time.monotonic()
    validation = asker.ask("app\nlib<2", index, limits=Limits(seconds=3, metadata_files=10_000))
    assert time.monotonic() - started < 15
    assert validation.valid in (False, None)
