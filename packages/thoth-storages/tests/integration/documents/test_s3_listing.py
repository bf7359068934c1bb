"""Listing a bucket: whole or a typed error, whatever the server says and how slowly it says it."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import msgspec
import pytest

from thoth.storages import (
    BucketNotFoundError,
    CephStore,
    StoreRefusedError,
    StoreUnreachableError,
    UnexpectedKeyError,
)
from thoth.storages.documents import s3_asking
from thoth.storages.documents.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

    from thoth.storages import ObjectStoreServer

FOLDER = "t/solver"
KEYS = [f"{FOLDER}/solver-{number:08x}" for number in range(40)]
IDS = [key.removeprefix(f"{FOLDER}/") for key in KEYS]
STRANGE = ("//b", "/../c", "/./d", "/a\x01b", "/..", "/a b", "/é", "/ <&>", "/x//", "/+%2f", "/")


def listing(keys: list[str], token: str = "", *, more: bool = False, rest: str = "") -> str:
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified>"
        f"<Size>1</Size><ETag>&quot;x&quot;</ETag></Contents>"
        for key in keys
    ).replace("\x01", "&#1;")
    following = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
    truncated = f"<IsTruncated>{'true' if token or more else 'false'}</IsTruncated>"
    return f"<ListBucketResult>{truncated}{following}{contents}{rest}</ListBucketResult>"


def asked(path: str) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}


def opened(scripted: Any, answer: Callable[[dict[str, str]], str | tuple[int, str]]) -> CephStore:
    """Open a store whose listings are answered so, once it is connected."""
    scripted.answer = lambda method, path: (200, listing([]))
    store = CephStore(FOLDER, backend=S3Backend(scripted.settings))
    store.connect()
    scripted.requests.clear()

    def answered(method: str, path: str) -> tuple[int, str]:
        said = answer(asked(path))
        return (200, said) if isinstance(said, str) else said

    scripted.answer = answered
    return store


# --- keys ----------------------------------------------------------------------------------------


def test_strange_keys_do_not_hide_the_others(scripted: Any) -> None:
    keys = sorted([*KEYS, *(FOLDER + name for name in STRANGE)])

    def answer(query: dict[str, str]) -> str:
        page = [key for key in keys if key > query.get("continuation-token", "")]
        return listing(page[:10], page[9] if len(page) > 10 else "")

    store = opened(scripted, answer)
    skipped: list[Any] = []
    assert list(store.get_document_listing(on_skipped=skipped.append)) == IDS
    assert all(isinstance(error, UnexpectedKeyError) for error in skipped)
    assert sorted(error.key for error in skipped) == sorted(FOLDER + name for name in STRANGE)
    assert all(str(error).isascii() for error in skipped)


@pytest.mark.parametrize("shown", ["a&#x1;b", "a&#1;b", "a\x01b", "a\ufffdb", "a&amp;b", "a&zzz;b"])
def test_a_strange_key_never_looks_good(scripted: Any, shown: str) -> None:
    page = listing([f"{FOLDER}/good"]).replace(">t/solver/good<", f">t/solver/{shown}<")
    store = opened(scripted, lambda query: page)
    assert list(store.get_document_listing(on_skipped=lambda error: None)) == []


def test_a_key_that_is_listed_twice_is_yielded_once(scripted: Any) -> None:
    pages = {"": listing([*KEYS[:10], *KEYS[:10]], "b"), "b": listing([KEYS[9], *KEYS[10:]])}
    store = opened(scripted, lambda query: pages[query.get("continuation-token", "")])
    assert list(store.get_document_listing()) == IDS


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["a&b+c/d=", "%2F %", "é\u2028", "<>\"'", KEYS[9]])
def test_a_marker_comes_back_as_it_was(scripted: Any, token: str) -> None:
    pages = {"": listing(KEYS[:10], token), token: listing(KEYS[10:])}
    store = opened(scripted, lambda query: pages[query.get("continuation-token", "")])
    assert list(store.get_document_listing()) == IDS


def test_pages_without_markers_or_keys_are_followed(scripted: Any) -> None:
    pages = {
        ("", ""): listing([], "first"),
        ("first", ""): listing(KEYS[:10], more=True),
        ("", KEYS[9]): listing(KEYS[10:20], "second"),
        ("second", KEYS[9]): listing([], "third"),
        ("third", KEYS[9]): listing(KEYS[20:]),
    }
    store = opened(
        scripted,
        lambda query: pages[query.get("continuation-token", ""), query.get("start-after", "")],
    )
    assert list(store.get_document_listing()) == IDS


@pytest.mark.parametrize(
    "pages",
    [
        {"": listing(KEYS, "same"), "same": listing(KEYS, "same")},
        {"": listing(KEYS, more=True)},
        {"": listing([], more=True)},
        {"": listing([], "same"), "same": listing([], "same")},
        {"": listing(KEYS[:1], "a"), "a": listing(KEYS[1:2], "b"), "b": listing(KEYS[2:3], "a")},
    ],
)
def test_a_listing_that_goes_round_in_circles_ends(scripted: Any, pages: dict[str, str]) -> None:
    store = opened(scripted, lambda query: pages[query.get("continuation-token", "")])
    with pytest.raises(StoreUnreachableError, match="circles"):
        list(store.get_document_listing())
    assert len(scripted.requests) < 20


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("", StoreUnreachableError),
        ("<html>", StoreUnreachableError),
        (listing(KEYS)[:-30], StoreUnreachableError),
        (listing(KEYS).replace("<Key>", "<Key x='1'>"), StoreUnreachableError),
        (listing([*KEYS, "t/solver2/x"]), StoreUnreachableError),
        (listing([], rest=" " * 2**24), StoreUnreachableError),
        ((403, "<Error><Code>AccessDenied</Code></Error>"), StoreRefusedError),
        ((404, "<Error><Code>NoSuchBucket</Code></Error>"), BucketNotFoundError),
        ((404, ""), StoreRefusedError),
        ((500, ""), StoreUnreachableError),
    ],
)
def test_what_is_no_listing_is_a_typed_error_on_every_page(
    scripted: Any, answer: str | tuple[int, str], kind: type
) -> None:
    for pages in ({"": answer}, {"": listing(KEYS[:10], "b"), "b": answer}):
        store = opened(scripted, lambda query, p=pages: p[query.get("continuation-token", "")])  # type: ignore[misc]
        with pytest.raises(kind) as caught:
            list(store.get_document_listing())
        assert type(caught.value) is kind


def test_the_next_page_is_asked_for_while_one_is_read_and_no_other(scripted: Any) -> None:
    store = opened(
        scripted,
        lambda query: listing(
            [f"{FOLDER}/{query.get('continuation-token', '')}x"],
            f"{query.get('continuation-token', '')}x",
        ),
    )
    names = store.get_document_listing()
    assert [next(names) for _ in range(3)] == ["x", "xx", "xxx"]
    names.close()  # type: ignore[attr-defined]
    assert len(scripted.requests) == 4


# --- a server in trouble -------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_but_not_for_ever(scripted: Any) -> None:
    for refusals in (1, 3):
        left = [(503, "<Error><Code>SlowDown</Code></Error>")] * refusals
        store = opened(scripted, lambda query, left=left: left.pop() if left else listing(KEYS))  # type: ignore[misc]
        assert list(store.get_document_listing()) == IDS
    store = opened(scripted, lambda query: (503, "<Error><Code>SlowDown</Code></Error>"))
    with pytest.raises(StoreUnreachableError, match="SlowDown"):
        list(store.get_document_listing())
    assert len(scripted.requests) == 4


def test_an_answer_that_is_cut_is_asked_for_again(scripted: Any) -> None:
    whole = listing(KEYS).encode()
    store = opened(scripted, lambda query: listing(KEYS))
    cuts = [0, 10, len(whole) - 1]

    def cut(handler: BaseHTTPRequestHandler) -> bool:
        if not cuts:
            return False
        handler.send_response(200)
        handler.send_header("content-length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[: cuts.pop()])
        handler.close_connection = True
        return True

    scripted.spoil = cut
    assert list(store.get_document_listing()) == IDS
    assert cuts == []


def test_a_connection_that_the_server_ends_after_each_page_is_made_anew(scripted: Any) -> None:
    pages = {"": listing(KEYS[:20], "b"), "b": listing(KEYS[20:])}
    store = opened(scripted, lambda query: pages[query.get("continuation-token", "")])

    def ended(handler: BaseHTTPRequestHandler) -> bool:
        handler.close_connection = True
        return False

    scripted.spoil = ended
    assert list(store.get_document_listing()) == IDS


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"])
def test_a_server_that_drips_is_given_up(
    scripted: Any, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    store = opened(scripted, lambda query: "")
    monkeypatch.setattr(s3_asking, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(s3_asking, "RETRY_SECONDS", 0.0)

    def drip(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(beginning)
        try:
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return True

    scripted.spoil = drip
    with pytest.raises(StoreUnreachableError):
        list(store.get_document_listing())


def test_a_proxy_of_the_environment_is_used(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"http://me:p%40ss@127.0.0.1:{scripted.server_port}"
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.answer = lambda method, path: (200, listing([]))
    server = msgspec.structs.replace(scripted.settings, endpoint_url="http://s3.example:8080")
    CephStore(FOLDER, backend=S3Backend(server)).connect()
    assert scripted.requests[-1][1].startswith("http://s3.example:8080/bucket?")
    assert scripted.headers[-1]["host"] == "s3.example:8080"
    assert scripted.headers[-1]["proxy-authorization"] == "Basic bWU6cEBzcw=="
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    CephStore(FOLDER, backend=S3Backend(scripted.settings)).connect()
    assert scripted.requests[-1][1].startswith("/bucket?")


def test_a_proxy_is_asked_for_a_tunnel_where_the_server_speaks_https(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("https_proxy", f"http://me:pass@127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setattr(s3_asking, "RETRIES", 0)
        server = msgspec.structs.replace(scripted.settings, endpoint_url="https://s3.example")
        listener.settimeout(10)
        heard: list[bytes] = []

        def hear() -> None:
            client, _ = listener.accept()
            with client:
                heard.append(client.recv(65_536))
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        thread = threading.Thread(target=hear)
        thread.start()
        with pytest.raises(StoreUnreachableError, match="403"):
            CephStore(FOLDER, backend=S3Backend(server)).connect()
        thread.join()
    assert heard[0].startswith(b"CONNECT s3.example:443 ")
    assert b"proxy-authorization: basic" in heard[0].lower()


# --- a real server -------------------------------------------------------------------------------


def real(server: ObjectStoreServer) -> CephStore:
    store = CephStore(f"t-{secrets.token_hex(6)}/solver", backend=S3Backend(server))
    store.connect()
    return store


def test_the_server_goes_away_in_the_middle_of_a_listing(cut: Any) -> None:
    cutter, server = cut
    store = real(server)
    store.store_documents((f"solver-{number:08x}", {}) for number in range(100))
    cutter.received_at_most = 10_000
    with pytest.raises(StoreUnreachableError):
        list(store.get_document_listing())
    with pytest.raises(StoreUnreachableError):
        list(store.iterate_results())
    cutter.received_at_most = float("inf")
    assert sum(1 for _ in store.get_document_listing()) == 100
