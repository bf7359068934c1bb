"""An index that is out for more than answers: no code runs, nothing inner is asked."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import pytest

from thoth.dependency_monkey.ecosystems.pypi.policy import Policy
from thoth.dependency_monkey.jobs.process_executor import ProcessExecutor, ProcessLimits
from thoth.dependency_monkey.testing import IndexServer, ReleaseSpec, build_wheel
from thoth.dependency_monkey.testing.artifacts import build_sdist
from thoth.dependency_monkey.validation.question import Question
from thoth.storages import JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TARGET = "cp312-manylinux_2_28_x86_64"
LIMITS = ProcessLimits(validation_seconds=20.0, grace_seconds=10.0)


def execute(url: str, stack: str) -> Any:
    question = Question(
        ecosystem="pypi",
        stack_specification=stack,
        targets=(TARGET,),
        policy=Policy().as_json(),
    )
    job = JobRecord(job_id=uuid4(), attempt=1, request=question.encode(), ecosystem="pypi")
    executor = ProcessExecutor(url, limits=LIMITS)
    return asyncio.run(executor.run(job, cancelled=asyncio.Event()))


@pytest.fixture
def mark() -> Iterator[Path]:
    """A file that only code of a package would write; outside of what is cleared up."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "code-was-run"


def test_no_code_of_a_package_runs(mark: Path, read_through: Callable[..., Any]) -> None:
    write = f"open({str(mark)!r}, 'w').write('x')\n".encode()
    wheel = ReleaseSpec(
        requires_dist=["dynamic; extra == 'more'", "static", "legacy"],
        extras=["more"],
        files={
            "trap/__init__.py": write,
            "trap.pth": b"import trap\n",
            "sitecustomize.py": write,
            "usercustomize.py": write,
            "thoth/dependency_monkey/__init__.py": write,
            "msgspec.py": write,
            "trap-1.0.data/scripts/setup": b"#!python\n" + write,
            "setup.py": write,
        },
    )
    with IndexServer() as index:
        index.metadata_files = False
        index.add_release("trap", "1.0", wheel)
        for name, static in (("static", True), ("dynamic", False), ("legacy", False)):
            spec = ReleaseSpec(wheel_tags=(), sdist=True, static=static)
            index.add_release(name, "1.0", spec)
            index.add_file(name, f"{name}-2.0.tar.gz", _armed(name, "2.0", spec, write))
        index.add("legacy", "0.9")
        site = read_through(main=index.url)
        finished = execute(site.url, "trap[more]\nstatic\nlegacy")
        assert finished.phase in ("failed", "succeeded")
        assert execute(site.url, "trap\nlegacy").valid is True
        _install_nothing_but_names(site)
    assert not mark.exists()
    assert not any("trap" in path.name for path in Path(tempfile.gettempdir()).glob("thoth-*"))


def _armed(name: str, version: str, spec: ReleaseSpec, code: bytes) -> bytes:
    """Return an sdist whose build scripts are the trap's."""
    import gzip
    import io
    import tarfile

    plain = build_sdist(name, version, spec)
    archive = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as source,
        gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as target,
    ):
        for member in source.getmembers():
            opened = source.extractfile(member)
            data = b"" if opened is None else opened.read()
            if member.name.endswith("setup.py"):
                data = code
                member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return archive.getvalue()


def _install_nothing_but_names(site: Any) -> None:
    """Ask for everything that the page links, as an ordinary client would."""
    headers = {"accept": "application/vnd.pypi.simple.v1+json"}
    with httpx2.Client(trust_env=False, headers=headers) as client:
        for name in ("trap", "static", "dynamic", "legacy"):
            page = client.get(f"{site.url}{name}/").json()
            for file in page["files"]:
                client.get(f"{site.root}/index/default/files/{name}/{file['filename']}.metadata")


class _Site(BaseHTTPRequestHandler):
    """An index far away (reached by a proxy, which is this server) that points at loopback."""

    inner: str
    hits: list[str]
    page: Callable[[str], tuple[int, dict[str, str], bytes]]

    def do_GET(self) -> None:
        self.hits.append(self.path)
        status, headers, body = type(self).page(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Inner(BaseHTTPRequestHandler):
    hits: list[str]

    def do_GET(self) -> None:
        self.hits.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def outer(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[_Site], type[_Inner]]]:
    """An index on an outer address, and a server that only this machine can reach."""

    class Site(_Site):
        hits: list[str] = []  # noqa: RUF012 - one list a test

    class Inner(_Inner):
        hits: list[str] = []  # noqa: RUF012

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Site) as proxy,
        ThreadingHTTPServer(("127.0.0.1", 0), Inner) as inner,
    ):
        for server in (proxy, inner):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        Site.inner = f"http://127.0.0.1:{inner.server_port}"
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        yield Site, Inner
        proxy.shutdown()
        inner.shutdown()


def _json(files: list[dict[str, Any]]) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "trap", "files": files}).encode()
    return 200, {"content-type": "application/vnd.pypi.simple.v1+json"}, body


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f000001", "[::1]", "169.254.169.254"]
)
def test_a_page_that_redirects_to_an_inner_address_is_not_followed(
    outer: Any, read_through: Callable[..., Any], host: str
) -> None:
    site, inner = outer
    port = site.inner.rpartition(":")[2]
    site.page = lambda _: (302, {"location": f"http://{host}:{port}/simple/trap/"}, b"")
    served = read_through(main="http://index.example/simple/", trust_env=True)
    finished = execute(served.url, "trap")
    assert (finished.valid, finished.reason) == (None, "index_unreachable")
    assert "inner address" in finished.raw_log
    assert inner.hits == []
    assert all(hit.startswith("http://index.example/") for hit in site.hits)


def test_files_on_an_inner_address_are_not_asked_for(
    outer: Any, read_through: Callable[..., Any]
) -> None:
    site, inner = outer
    name = "trap-1.0-py3-none-any.whl"
    site.page = lambda _: _json(
        [{"filename": name, "url": f"{site.inner}/{name}", "hashes": {}, "core-metadata": True}]
    )
    served = read_through(main="http://index.example/simple/", trust_env=True)
    finished = execute(served.url, "trap")
    assert (finished.valid, finished.reason) == (None, "metadata_unavailable")
    url = f"{served.root}/index/default/files/trap/{name}.metadata"
    assert httpx2.get(url, trust_env=False).status_code in (404, 502)
    assert inner.hits == []


def test_files_that_redirect_to_an_inner_address_are_not_followed(
    outer: Any, read_through: Callable[..., Any]
) -> None:
    site, inner = outer
    name = "trap-1.0-py3-none-any.whl"

    def page(path: str) -> tuple[int, dict[str, str], bytes]:
        if "/files/" in path:
            return 307, {"location": f"{site.inner}/{name}"}, b""
        return _json([{"filename": name, "url": f"/files/{name}", "hashes": {}}])

    site.page = page
    served = read_through(main="http://index.example/simple/", trust_env=True)
    assert execute(served.url, "trap").valid is None
    assert inner.hits == []


def test_the_wheel_is_a_trap_indeed(mark: Path, tmp_path: Path) -> None:
    """The test above would notice: installed, the package does write its file."""
    import subprocess
    import zipfile

    write = f"open({str(mark)!r}, 'w').write('x')\n".encode()
    spec = ReleaseSpec(files={"trap/__init__.py": write})
    wheel = tmp_path / "trap.whl"
    wheel.write_bytes(build_wheel("trap", "1.0", "py3-none-any", spec))
    zipfile.ZipFile(wheel).extractall(tmp_path)
    subprocess.run([sys.executable, "-c", "import trap"], cwd=tmp_path, check=True)
    assert mark.exists()
