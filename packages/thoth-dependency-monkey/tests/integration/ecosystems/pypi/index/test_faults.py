"""An index that is down, slow, endless, redirecting or broken: clear errors, no unbounded wait."""

import asyncio
import gzip
import socket
import threading
import time
from dataclasses import replace

import pytest

from thoth.dependency_monkey.ecosystems.pypi.facts import Page
from thoth.dependency_monkey.ecosystems.pypi.index.client import HttpIndex
from thoth.dependency_monkey.ecosystems.pypi.index.limits import IndexLimits
from thoth.dependency_monkey.ecosystems.pypi.index.transport import (
    RefusedTargetError,
    redirect_target,
)
from thoth.dependency_monkey.errors import IndexUnreachableError, LimitExceededError, Reason
from thoth.dependency_monkey.testing import Fault, IndexServer

from .asking import artifact_of, ask, metadata_of, page_of

PATH = "/simple/six/"


def failure(server: IndexServer, limits: IndexLimits, fault: Fault) -> IndexUnreachableError:
    server.fault(PATH, fault)
    with pytest.raises(IndexUnreachableError) as caught:
        page_of(server.url, "six", limits)
    error = caught.value
    assert error.reason is Reason.INDEX_UNREACHABLE
    assert error.url == f"{server.url}six/"
    assert error.detail.startswith(f"{error.url}: ")
    return error


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(status=500), "HTTP status 500"),
        (Fault(status=502), "HTTP status 502"),
        (Fault(status=503), "HTTP status 503"),
        (Fault(status=429), "HTTP status 429"),
        (Fault(status=408), "HTTP status 408"),
        (Fault(close=True), "disconnected"),
        (Fault(truncate=20), "peer closed connection"),
        (Fault(truncate=0), "peer closed connection"),
        (Fault(body=b'{"meta": {"api-version": "1.0"}, "fi'), "malformed or cut short"),
        (Fault(body=b"<a href='six", content_type="text/html"), "ends inside a tag"),
        (Fault(body=b"\0" * 50), "malformed or cut short"),
        (Fault(headers={"content-encoding": "gzip"}), "incorrect header check"),
    ],
)
def test_what_may_pass_is_tried_again_then_reported(
    server: IndexServer, limits: IndexLimits, fault: Fault, cause: str
) -> None:
    error = failure(server, limits, fault)
    assert cause in error.detail
    assert "(2 tries)" in error.detail
    assert server.asked(PATH) == 2
    assert error.status == fault.status


def test_silence_is_tried_again_then_reported(server: IndexServer, limits: IndexLimits) -> None:
    error = failure(server, replace(limits, read_timeout=0.3), Fault(delay=5))
    assert "nothing came for 0.3 s" in error.detail
    assert "(2 tries)" in error.detail
    assert server.asked(PATH) == 2
    assert error.status is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, times=1),
        Fault(close=True, times=1),
        Fault(truncate=20, times=1),
        Fault(body=b"{", times=1),
        Fault(status=429, headers={"retry-after": "0"}, times=1),
    ],
)
def test_what_passes_is_no_failure(server: IndexServer, limits: IndexLimits, fault: Fault) -> None:
    server.fault(PATH, fault)
    assert page_of(server.url, "six", limits).facts is not None


def test_silence_that_passes_is_no_failure(server: IndexServer, limits: IndexLimits) -> None:
    server.fault(PATH, Fault(delay=10, times=1))
    assert page_of(server.url, "six", replace(limits, read_timeout=1.5)).facts is not None
    assert server.asked(PATH) == 2


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault(status=401), "HTTP status 401"),
        (Fault(status=403), "HTTP status 403"),
        (Fault(status=406), "HTTP status 406"),
        (Fault(status=451), "HTTP status 451"),
        (Fault(status=204), "HTTP status 204"),
        (Fault(status=302), "HTTP status 302"),
        (Fault(status=304), "HTTP status 304"),
        (Fault(body=b"hello", content_type="text/plain"), "content type 'text/plain'"),
        (Fault(body=b'{"meta": {"api-version": "2.0"}, "files": []}'), "API version '2.0'"),
        (Fault(body=b"<h1>Log in</h1>", content_type="text/html"), "neither links a file"),
    ],
)
def test_what_will_not_pass_is_reported_at_once(
    server: IndexServer, limits: IndexLimits, fault: Fault, cause: str
) -> None:
    assert cause in failure(server, limits, fault).detail
    assert server.asked(PATH) == 1


def test_retry_after_is_waited_for_up_to_a_limit(server: IndexServer, limits: IndexLimits) -> None:
    limits = replace(limits, retry_after=1.2)
    server.fault(PATH, Fault(status=429, headers={"retry-after": "1"}, times=1))
    begin = time.monotonic()
    page_of(server.url, "six", limits)
    assert time.monotonic() - begin >= 1
    error = failure(server, limits, Fault(status=503, headers={"retry-after": "3600"}))
    assert "(1 try)" in error.detail


@pytest.mark.parametrize("value", ["-1", "soon", "٣", "Sat, 21 Nov 2020 22:00:00 GMT", "1" * 5000])
def test_an_odd_retry_after_does_no_harm(
    server: IndexServer, limits: IndexLimits, value: str
) -> None:
    header = value.encode().decode("latin-1")
    failure(server, limits, Fault(status=503, headers={"retry-after": header}))


def test_an_index_that_is_down_is_reported_long_before_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(IndexUnreachableError, match="4 tries"):
        page_of(f"http://127.0.0.1:{port}/simple/", "six")
    assert time.monotonic() - begin < IndexLimits().request_timeout


def test_a_resolver_that_hangs_holds_nobody_up(
    limits: IndexLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait() and [])
    try:
        with pytest.raises(IndexUnreachableError, match="in time"):
            page_of("http://index.example/", "six", replace(limits, connect_timeout=0.2))
    finally:
        released.set()


def test_a_page_of_an_https_index_does_not_lead_to_http(
    server: IndexServer, limits: IndexLimits
) -> None:
    artifact = artifact_of(page_of(server.url, "six"), "1.17.0")
    server.requests.clear()
    found = ask(
        "https://127.0.0.1/simple/",
        lambda index: index.metadata("six", "1.17.0", artifact),
        limits,
    )
    assert found.facts is None
    assert found.opaque is not None
    assert "an https index may not send us" in found.opaque
    assert server.requests == []


def test_a_host_that_does_not_exist_is_reported(limits: IndexLimits) -> None:
    with pytest.raises(IndexUnreachableError, match=r"no address for 'no-such-index\.invalid'"):
        page_of("https://no-such-index.invalid/simple/", "six", replace(limits, request_timeout=9))


def test_a_server_that_takes_connections_and_says_nothing_is_reported(limits: IndexLimits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"
        with pytest.raises(IndexUnreachableError, match="nothing came"):
            page_of(url, "six", replace(limits, read_timeout=0.3))


def test_a_drip_is_ended_by_the_limit_on_the_whole_request(
    server: IndexServer, limits: IndexLimits
) -> None:
    error = failure(server, replace(limits, request_timeout=1.5), Fault(drip=0.05))
    assert "not done within 1.5 s (request_timeout)" in error.detail


@pytest.mark.parametrize("compressed", [False, True])
def test_a_page_beyond_the_limit_is_not_kept(
    server: IndexServer, limits: IndexLimits, compressed: bool
) -> None:
    fault = Fault(endless=True)
    if compressed:
        bomb = gzip.compress(b" " * 50_000_000)
        fault = Fault(body=bomb, headers={"content-encoding": "gzip"})
    server.fault(PATH, fault)
    with pytest.raises(LimitExceededError) as caught:
        page_of(server.url, "six", replace(limits, page_bytes=100_000))
    assert (caught.value.limit, caught.value.allowed) == ("page_bytes", 100_000)
    assert caught.value.detail.startswith(f"{server.url}six/: ")
    assert server.asked(PATH) == 1


def test_redirects_are_followed_up_to_a_limit(server: IndexServer, limits: IndexLimits) -> None:
    server.fault(PATH, Fault(redirect="/simple/a/"))
    server.fault("/simple/a/", Fault(redirect=f"{server.url}six-there/"))
    server.add("six-there", "1.0")
    server.fault(
        "/simple/six-there/",
        Fault(
            body=b'<a href="../../files/six-1.0.tar.gz">', content_type="text/html"
        ),
    )  # fmt: skip
    assert page_of(server.url, "six", limits).facts is not None
    server.fault("/simple/a/", Fault(redirect="/simple/a/"))
    with pytest.raises(IndexUnreachableError, match="more than 5 redirects"):
        page_of(server.url, "six", limits)


@pytest.mark.parametrize(
    "location",
    ["ftp://host/x", "file:///etc/passwd", "javascript:x", "http://[::1", "http://ho\u0131t/"],
)
def test_a_redirect_to_what_is_no_server_is_refused(location: str) -> None:
    with pytest.raises(RefusedTargetError):
        redirect_target("https://index.example/simple/six/", location)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(RefusedTargetError, match="https to http"):
        redirect_target("https://index.example/simple/six/", "http://index.example/simple/six/")
    assert (
        redirect_target("http://index.example/a/", "//user:pw@other.example/b/#x")
        == "http://other.example/b/"
    )


@pytest.fixture
def _public_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `index.example` be an address that counts as public, and lead to this machine."""
    from thoth.dependency_monkey.ecosystems.pypi.index import addresses

    original = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **named: original(
            "127.0.0.5" if host == "index.example" else host, *rest, **named
        ),
    )
    is_inner = addresses.is_inner
    monkeypatch.setattr(
        addresses, "is_inner", lambda address: address != "127.0.0.5" and is_inner(address)
    )


@pytest.mark.usefixtures("_public_index")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "169.254.169.254", "[::1]"])
def test_a_public_index_may_not_lead_us_to_inner_addresses(limits: IndexLimits, host: str) -> None:
    with IndexServer(host="127.0.0.5", metadata_files=False) as public, IndexServer() as inner:
        inner.add("six", "1.0")
        url = public.url.replace("127.0.0.5", "index.example")
        target = inner.root.replace("127.0.0.1", host)
        public.fault(PATH, Fault(redirect=f"{target}/simple/six/"))
        with pytest.raises(RefusedTargetError, match="inner address"):
            page_of(url, "six", limits)
        page = f'<a href="{target}/files/six-1.0-py3-none-any.whl">'.encode()
        public.fault(PATH, Fault(status=200, body=page, content_type="text/html"))
        found = metadata_of(url, "six", "1.0", limits)
        assert found.facts is None
        assert found.opaque is not None
        assert "inner address" in found.opaque
        assert inner.requests == []


def test_proxies_of_the_environment_are_used_unless_told_otherwise(
    server: IndexServer, limits: IndexLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all_proxy", "no_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", server.root)

    async def page(*, trust_env: bool) -> Page:
        url = "http://index.invalid/simple/"
        async with HttpIndex(url, limits=limits, trust_env=trust_env) as index:
            return await index.page("six")

    assert asyncio.run(page(trust_env=True)).facts is not None
    assert server.requests[0].headers["host"] == "index.invalid"
    with pytest.raises(IndexUnreachableError, match="no address"):
        asyncio.run(page(trust_env=False))
    server.fault(PATH, Fault(redirect="http://10.0.0.1/simple/six/"))
    with pytest.raises(RefusedTargetError, match="inner address"):
        asyncio.run(page(trust_env=True))
    monkeypatch.setenv("no_proxy", "invalid")
    with pytest.raises(IndexUnreachableError, match="no address"):
        asyncio.run(page(trust_env=True))


def test_many_failures_at_once_stay_within_the_limits(
    server: IndexServer, limits: IndexLimits
) -> None:
    for number in range(40):
        server.fault(f"/simple/p{number}/", Fault(close=True))

    async def question(index: HttpIndex) -> list[BaseException | object]:
        return await asyncio.gather(
            *(index.page(f"p{number}") for number in range(40)), return_exceptions=True
        )

    found = ask(server.url, question, limits)
    assert all(isinstance(each, IndexUnreachableError) for each in found)
    assert len(server.requests) == 80


def test_a_question_that_is_cancelled_leaves_the_index_usable(
    server: IndexServer, limits: IndexLimits
) -> None:
    server.fault(PATH, Fault(delay=0.2))

    async def question(index: HttpIndex) -> bool:
        task = asyncio.create_task(index.page("six"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await index.page("six")).facts is not None

    assert ask(server.url, question, replace(limits, connections=1))
