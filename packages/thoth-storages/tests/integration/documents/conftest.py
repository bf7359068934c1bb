"""A server that speaks S3 and says what it is told to, and one that is real."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.storages import ObjectStoreServer
from thoth.storages.testing import temporary_s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_ID, SECRET_KEY = "AKIDSECRETID", "very/secret+key"


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[ObjectStoreServer]:
    with temporary_s3_server() as server:
        yield server


class ScriptedServer(ThreadingHTTPServer):
    """Answers each request with what `answer(method, path)` returns: status and body.

    Unless `spoil(handler)` has answered it in its own way.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[str, str], tuple[int, str]] = lambda method, path: (200, "")
        self.spoil: Callable[[BaseHTTPRequestHandler], bool] = lambda handler: False

    @property
    def settings(self) -> ObjectStoreServer:
        return ObjectStoreServer(
            endpoint_url=f"http://127.0.0.1:{self.server_port}",
            key_id=KEY_ID,
            secret_key=SECRET_KEY,
            bucket="bucket",
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, ScriptedServer)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        server.requests.append((self.command, self.path))
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if server.spoil(self):
            return
        status, text = server.answer(self.command, self.path)
        body = text.encode()
        self.send_response(status)
        self.send_header("etag", '"1"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - as the base class has it

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Cutter:
    """Passes bytes on to a server until so many came from the client, or from the server."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent_at_most: float = float("inf")
        self.received_at_most: float = float("inf")
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if min(self.sent_at_most, self.received_at_most) <= 0:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._to))
                for pair, side in (
                    ((client, server), "sent_at_most"),
                    ((server, client), "received_at_most"),
                ):
                    threading.Thread(target=self._pass, args=(*pair, side), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, side: str) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                left = getattr(self, side) - len(piece)
                setattr(self, side, left)
                if left < 0:
                    break
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()


@pytest.fixture
def cut(seaweedfs: ObjectStoreServer) -> Iterator[tuple[Cutter, ObjectStoreServer]]:
    """The real server behind a line that may be cut."""
    cutter = Cutter(int(seaweedfs.endpoint_url.rpartition(":")[2]))
    endpoint_url = f"http://127.0.0.1:{cutter.port}"
    yield cutter, msgspec.structs.replace(seaweedfs, endpoint_url=endpoint_url)
    cutter.close()
