"""A package index that really speaks HTTP, on loopback, with files made on the fly and faults."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from thoth.dependency_monkey.ecosystems.pypi.index.filenames import normalize_name
from thoth.dependency_monkey.testing.artifacts import ReleaseSpec, build_sdist, build_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "text/html; charset=utf-8"
_BINARY = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_ENDLESS_PIECE = b"x" * 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the answers for a path; the parts may be combined.

    `status`, `headers`, `body` and `content_type` replace those of the answer. `redirect` answers
    302 to that location. `delay` waits that many seconds first. `close` closes the connection
    without an answer. `truncate` sends so many bytes of the body, then closes. `endless` sends a
    body that never ends. `drip` sends one byte each so many seconds. `times` is how many requests
    it strikes, None for all.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str | None = None
    redirect: str | None = None
    delay: float = 0.0
    close: bool = False
    truncate: int | None = None
    endless: bool = False
    drip: float | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request that came in; names in `headers` are in lower case. `status` 0 is no answer."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass(slots=True)
class _Reply:
    status: int
    body: bytes
    content_type: str = _BINARY
    headers: dict[str, str] = field(default_factory=dict)


class IndexServer:
    """A package index on a free port of `host`, served by a thread of its own.

    A context manager. The switches say what it can do: pages as `json` and as `html`, `.metadata`
    files (PEP 658, 714), `ranges`, `etags`, `hashes`, `upload_times` and `sizes` (PEP 700, JSON
    only).
    With `username` and `password` it asks for them (RFC 7617). Switches may be changed at any time.
    `requests` logs what came in; `most_connections` is how many were open at once at most.
    """

    def __init__(
        self,
        *,
        json: bool = True,
        html: bool = True,
        metadata_files: bool = True,
        ranges: bool = True,
        etags: bool = False,
        hashes: bool = True,
        upload_times: bool = True,
        sizes: bool = True,
        username: str | None = None,
        password: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.json = json
        self.html = html
        self.metadata_files = metadata_files
        self.ranges = ranges
        self.etags = etags
        self.hashes = hashes
        self.upload_times = upload_times
        self.sizes = sizes
        self.requests: list[LoggedRequest] = []
        self.most_connections = 0
        self._host = host
        self._authorization = None
        if username is not None:
            pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
            self._authorization = f"Basic {pair}"
        self._packages: dict[str, dict[str, tuple[str, str, ReleaseSpec]]] = {}
        self._contents: dict[str, bytes] = {}
        self._faults: dict[str, tuple[Fault, int | None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._port = 0

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join()

    @property
    def root(self) -> str:
        """The server's URL without a path, such as `http://127.0.0.1:40000`."""
        return f"http://{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """The index's canonical URL."""
        return f"{self.root}/simple/"

    def add(
        self,
        name: str,
        version: str,
        *,
        requires_dist: Sequence[str] = (),
        requires_python: str | None = None,
        extras: Sequence[str] = (),
        wheel_tags: Sequence[str] = ("py3-none-any",),
        sdist: bool = False,
        static: bool = True,
        yanked: str | None = None,
        uploaded: datetime | None = None,
        metadata: bytes | None = None,
    ) -> None:
        """Add a release; see `ReleaseSpec` for what the arguments mean."""
        spec = ReleaseSpec(
            requires_dist=requires_dist,
            requires_python=requires_python,
            extras=extras,
            wheel_tags=wheel_tags,
            sdist=sdist,
            static=static,
            yanked=yanked,
            uploaded=uploaded,
            metadata=metadata,
        )
        self.add_release(name, version, spec)

    def add_release(self, name: str, version: str, spec: ReleaseSpec) -> None:
        """Add a release. A package is there from its first release on."""
        files = self._packages.setdefault(normalize_name(name), {})
        for filename in spec.filenames(name, version):
            files[filename] = (name, version, spec)
            self._contents.pop(filename, None)

    def add_file(self, package: str, filename: str, content: bytes) -> None:
        """Add a file with that very content, or replace a file's content."""
        files = self._packages.setdefault(normalize_name(package), {})
        files.setdefault(filename, (package, "", ReleaseSpec()))
        self._contents[filename] = content

    def remove(self, package: str) -> None:
        """Remove a package; its page is 404 from now on."""
        del self._packages[normalize_name(package)]

    def fault(self, path: str, fault: Fault | None) -> None:
        """Let a fault strike the requests for a path (such as `/simple/six/`); None ends it."""
        if fault is None:
            self._faults.pop(path, None)
        else:
            self._faults[path] = (fault, fault.times)

    def file_path(self, filename: str) -> str:
        """Return the path of a file, for `fault`."""
        return f"/files/{filename}"

    def content(self, filename: str) -> bytes:
        """Return a file's bytes, which are built when they are first needed."""
        content = self._contents.get(filename)
        if content is None:
            content = self._contents[filename] = self._built(filename)
        return content

    def asked(self, path: str) -> int:
        """Return how many requests there were for a path."""
        return sum(request.path == path for request in self.requests)

    def _built(self, filename: str) -> bytes:
        name, version, spec = next(
            files[filename] for files in self._packages.values() if filename in files
        )
        if filename.endswith(".whl"):
            return build_wheel(name, version, "-".join(filename[:-4].split("-")[-3:]), spec)
        return build_sdist(name, version, spec)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                self.most_connections = max(self.most_connections, len(tasks))
                task.add_done_callback(tasks.discard)
            await self._serve(reader, writer)

        server = self._loop.run_until_complete(asyncio.start_server(connected, self._host, 0))
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer_one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            # The server stops: ending quietly is all that is left to do.
            pass
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.split("\r\n")
        method, target, _ = request_line.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        # As an HTTP proxy it is sent whole URLs; every host is this index then.
        path = urlsplit(target).path
        fault = self._strike(path)
        reply = _faulty(self._reply(method, path, headers), fault)
        status = 0 if fault.close else reply.status
        self.requests.append(LoggedRequest(method, path, headers, status))
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.close:
            return False
        return await _send(writer, reply, fault, with_body=method == "GET")

    def _strike(self, path: str) -> Fault:
        fault, left = self._faults.get(path, (Fault(), None))
        if left is not None:
            if left == 0:
                return Fault()
            self._faults[path] = (fault, left - 1)
        return fault

    def _reply(self, method: str, path: str, headers: dict[str, str]) -> _Reply:
        if method not in {"GET", "HEAD"}:
            return _Reply(405, b"")
        if self._authorization is not None and headers.get("authorization") != self._authorization:
            return _Reply(401, b"", headers={"www-authenticate": 'Basic realm="index"'})
        if path.startswith("/files/"):
            return self._file(path.removeprefix("/files/"), headers)
        package = path.removeprefix("/simple/").rstrip("/")
        files = self._packages.get(package)
        if not path.startswith("/simple/") or files is None:
            return _Reply(404, b"not found")
        if not path.endswith("/"):
            return _Reply(301, b"", headers={"location": f"{path}/"})
        return self._page(package, files, headers)

    def _page(
        self,
        package: str,
        files: dict[str, tuple[str, str, ReleaseSpec]],
        headers: dict[str, str],
    ) -> _Reply:
        accept = headers.get("accept", "*/*")
        if self.json and (_JSON in accept or not self.html):
            reply = _Reply(200, self._json_page(package, files), _JSON)
        elif self.html:
            reply = _Reply(200, self._html_page(files), _HTML)
        else:
            return _Reply(406, b"")
        if self.etags:
            etag = f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
            if headers.get("if-none-match") == etag:
                reply = _Reply(304, b"", reply.content_type)
            reply.headers["etag"] = etag
        return reply

    def _json_page(self, package: str, files: dict[str, tuple[str, str, ReleaseSpec]]) -> bytes:
        listed = []
        for filename, (name, version, spec) in files.items():
            entry: dict[str, object] = {
                "filename": filename,
                "url": f"../../files/{filename}",
                "hashes": {"sha256": self._sha256(filename)} if self.hashes else {},
                "requires-python": spec.requires_python,
                "yanked": False if spec.yanked is None else spec.yanked or True,
            }
            if self.sizes:
                entry["size"] = len(self.content(filename))
            if self.upload_times and spec.uploaded is not None:
                entry["upload-time"] = spec.uploaded
            if self.metadata_files and filename.endswith(".whl"):
                metadata = spec.core_metadata(name, version)
                entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
            listed.append(entry)
        return msgspec.json.encode(
            {"meta": {"api-version": "1.1"}, "name": package, "files": listed}
        )

    def _html_page(self, files: dict[str, tuple[str, str, ReleaseSpec]]) -> bytes:
        lines = ['<!DOCTYPE html><meta name="pypi:repository-version" content="1.0">']
        for filename, (name, version, spec) in files.items():
            attributes = ""
            if spec.requires_python is not None:
                attributes += f' data-requires-python="{html.escape(spec.requires_python)}"'
            if spec.yanked is not None:
                attributes += f' data-yanked="{html.escape(spec.yanked)}"'
            if self.metadata_files and filename.endswith(".whl"):
                metadata = spec.core_metadata(name, version)
                attributes += f' data-core-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
            fragment = f"#sha256={self._sha256(filename)}" if self.hashes else ""
            href = f"../../files/{filename}{fragment}"
            lines.append(
                f'<a href="{html.escape(href)}"{attributes}>{html.escape(filename)}</a><br>'
            )
        return "\n".join(lines).encode()

    def _sha256(self, filename: str) -> str:
        return hashlib.sha256(self.content(filename)).hexdigest()

    def _file(self, filename: str, headers: dict[str, str]) -> _Reply:
        base = filename.removesuffix(".metadata")
        for files in self._packages.values():
            if base in files:
                break
        else:
            return _Reply(404, b"not found")
        if base != filename:
            name, version, spec = files[base]
            if not self.metadata_files:
                return _Reply(404, b"not found")
            return _Reply(200, spec.core_metadata(name, version))
        content = self.content(filename)
        if not self.ranges or "range" not in headers:
            return _Reply(200, content)
        return _ranged(content, headers["range"])


def _ranged(content: bytes, text: str) -> _Reply:
    match = _RANGE.fullmatch(text)
    total = len(content)
    if match is None or not (match[1] or match[2]):
        return _Reply(200, content)
    if match[1]:
        first = int(match[1])
        last = min(int(match[2]), total - 1) if match[2] else total - 1
    else:
        first, last = max(0, total - int(match[2])), total - 1
    if not first <= last:
        return _Reply(416, b"", headers={"content-range": f"bytes */{total}"})
    part = content[first : last + 1]
    return _Reply(206, part, headers={"content-range": f"bytes {first}-{last}/{total}"})


def _faulty(reply: _Reply, fault: Fault) -> _Reply:
    if fault.redirect is not None:
        return _Reply(302, b"", headers={"location": fault.redirect, **fault.headers})
    return _Reply(
        fault.status or reply.status,
        reply.body if fault.body is None else fault.body,
        fault.content_type or reply.content_type,
        {**reply.headers, **fault.headers},
    )


async def _send(
    writer: asyncio.StreamWriter, reply: _Reply, fault: Fault, *, with_body: bool
) -> bool:
    """Send an answer; say whether the connection can be used again."""
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"content-type: {reply.content_type}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if not fault.endless and reply.status != 304:
        lines.append(f"content-length: {len(reply.body)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    if not with_body or reply.status == 304:
        await writer.drain()
        return not fault.endless
    while fault.endless:
        writer.write(_ENDLESS_PIECE)
        await writer.drain()
    body = reply.body if fault.truncate is None else reply.body[: fault.truncate]
    if fault.drip is None:
        writer.write(body)
        await writer.drain()
    else:
        for position in range(len(body)):
            writer.write(body[position : position + 1])
            await writer.drain()
            await asyncio.sleep(fault.drip)
    return fault.truncate is None
