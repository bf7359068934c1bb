"""A gateway with the habits of a Ceph RADOS gateway, in front of a server that speaks S3."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import msgspec
import pytest

from thoth.storages.testing import temporary_s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages import ObjectStoreServer


class CephLikeGateway(ThreadingHTTPServer):
    """Passes requests on; refuses those conditions on which servers do not agree.

    A quoted ETag in `If-Match` never fits there, and the completion of an upload in parts takes no
    condition. Names of headers come in lower case.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = port
        self.refused: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        gateway = self.server
        assert isinstance(gateway, CephLikeGateway)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        is_conditional = self.headers.get("if-none-match") is not None
        if self.headers.get("if-match") is not None or (is_conditional and "uploadId" in self.path):
            gateway.refused.append(self.requestline)
            self._answer(412, [], b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        connection = http.client.HTTPConnection("127.0.0.1", gateway.behind, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        connection.close()
        self._answer(answer.status, headers, content)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - as the base class has it

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = dict(headers).get("content-length") if self.command == "HEAD" else None
        self.send_header("content-length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="class")
def ceph_like() -> Iterator[ObjectStoreServer]:
    """Lend a server behind such a gateway, which has refused nothing in the end."""
    with temporary_s3_server() as server:
        gateway = CephLikeGateway(int(server.endpoint_url.rpartition(":")[2]))
        endpoint_url = f"http://127.0.0.1:{gateway.server_port}"
        try:
            yield msgspec.structs.replace(server, endpoint_url=endpoint_url)
        finally:
            gateway.end()
    assert gateway.refused == []
