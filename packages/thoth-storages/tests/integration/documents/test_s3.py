"""What servers that speak S3 do to us: refusals, strange keys, and going away."""

from __future__ import annotations

import logging
import pickle
import secrets
import traceback
from typing import TYPE_CHECKING, Any

import msgspec
import obstore
import pytest

from thoth.storages import (
    BucketNotFoundError,
    CephStore,
    DocumentExistsError,
    DocumentStoreError,
    InvalidRecordError,
    NotFoundError,
    StoragesSettings,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
)
from thoth.storages.documents.s3 import S3Backend

if TYPE_CHECKING:
    from pathlib import Path

    from thoth.storages import ObjectStoreServer


def opened(server: ObjectStoreServer, prefix: str = "") -> CephStore:
    store = CephStore(prefix or f"t-{secrets.token_hex(6)}/solver", backend=S3Backend(server))
    store.connect()
    return store


EMPTY = "<ListBucketResult></ListBucketResult>"


def refusal(code: str, message: str = "No.") -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


# --- what a server may say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "InvalidAccessKeyId", StoreRefusedError),
        (403, "SignatureDoesNotMatch", StoreRefusedError),
        (403, "AccessDenied", StoreRefusedError),
        (400, "InvalidRequest", StoreRefusedError),
        (404, "NoSuchBucket", BucketNotFoundError),
        (403, "ExpiredToken", StoreRefusedError),
        (403, "RequestTimeTooSkewed", StoreRefusedError),
        (403, "QuotaExceeded", StoreFullError),
        (507, "InsufficientStorage", StoreFullError),
        (503, "SlowDown", StoreUnreachableError),
        (500, "InternalError", StoreUnreachableError),
        (501, "NotImplemented", StoreRefusedError),
        (409, "ConditionalRequestConflict", StoreUnreachableError),
        (409, "OperationAborted", StoreUnreachableError),
        (409, "BucketNotEmpty", StoreRefusedError),
    ],
)
def test_refusals_are_typed(
    scripted: Any, status: int, code: str, kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    echo = f"{scripted.settings.secret_key} of {scripted.settings.key_id}"
    scripted.answer = lambda method, path: (status, refusal(code, echo))
    asks: Any = {
        "put": lambda: store.store_blob(b"{}", "x"),
        "get": lambda: store.retrieve_blob("x"),
        "list": lambda: list(store.get_document_listing()),
        "check": store.check_connection,
    }
    for name, ask in asks.items():
        with pytest.raises(DocumentStoreError) as caught:
            ask()
        assert type(caught.value) is kind, name
        shown = "".join(traceback.format_exception(caught.value)) + repr(store) + caplog.text
        for secret in (scripted.settings.secret_key, scripted.settings.key_id):
            assert secret not in shown
        assert store.prefix in shown
        assert caught.value.remedy in str(caught.value)


@pytest.mark.parametrize("status", [409, 412])
def test_only_a_key_to_be_created_is_taken(scripted: Any, status: int) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    scripted.answer = lambda method, path: (status, refusal("PreconditionFailed"))
    asks: Any = (
        lambda: store.store_blob(b"{}", "x", overwrite=True),
        lambda: store.retrieve_blob("x"),
        lambda: store.document_exists("x"),
        lambda: store.delete("x"),
        lambda: list(store.get_document_listing()),
    )
    for ask in asks:
        with pytest.raises(StoreRefusedError):
            ask()


def test_a_missing_page_is_no_missing_document(scripted: Any) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    scripted.answer = lambda method, path: (404, "<html>Nothing here.</html>")
    for overwrite in (True, False):
        with pytest.raises(StoreRefusedError, match="404"):
            store.store_blob(b"{}", "x", overwrite=overwrite)


def test_a_document_is_not_missing_where_its_bucket_is(scripted: Any) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    scripted.answer = lambda method, path: (404, refusal("NoSuchBucket"))
    for ask in (store.document_exists, store.retrieve_blob, store.delete):
        with pytest.raises(BucketNotFoundError):
            ask("x")


def test_creating_is_tried_again_where_another_creation_was_under_way(scripted: Any) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    left = [(409, refusal("ConditionalRequestConflict"))] * 2
    scripted.answer = lambda method, path: left.pop() if left else (200, "")
    assert store.store_blob(b"{}", "x") == "x"
    assert [method for method, _ in scripted.requests[-3:]] == ["PUT"] * 3


def test_creating_is_tried_again_where_the_taken_key_was_deleted_meanwhile(scripted: Any) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    puts = [(412, refusal("PreconditionFailed"))]

    def answer(method: str, path: str) -> tuple[int, str]:
        if method == "PUT":
            return puts.pop() if puts else (200, "")
        return 404, refusal("NoSuchKey")

    scripted.answer = answer
    assert store.store_blob(b"{}", "x") == "x"
    puts[:] = [(412, refusal("PreconditionFailed"))] * 100
    with pytest.raises(StoreUnreachableError, match="deleted meanwhile"):
        store.store_blob(b"{}", "x")


def test_credentials_are_in_no_picture_of_a_store(scripted: Any) -> None:
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    for shown in (
        repr(store),
        repr(store._backend),
        repr(store._backend._store),
        repr(vars(store)),
    ):  # type: ignore[attr-defined]
        assert scripted.settings.secret_key not in shown
    with pytest.raises((TypeError, AttributeError)) as caught:
        pickle.dumps(store)
    assert scripted.settings.secret_key not in str(caught.value)


def test_nothing_listens(scripted: Any) -> None:
    settings = scripted.settings
    scripted.server_close()
    with pytest.raises(StoreUnreachableError, match="THOTH_S3_ENDPOINT_URL"):
        opened(settings)


def test_variables_of_amazons_tools_are_not_obeyed(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "token-of-somebody",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_REGION": "mars-1",
        "AWS_BUCKET": "elsewhere",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    scripted.answer = lambda method, path: (200, EMPTY)
    store = opened(scripted.settings)
    store.store_blob(b"{}", "x")
    assert scripted.requests[-1] == ("PUT", f"/bucket/{store.prefix}/x")
    headers = scripted.headers[-1]
    assert f"Credential={scripted.settings.key_id}/" in headers["authorization"]
    assert "/us-east-1/s3/" in headers["authorization"]
    assert "x-amz-security-token" not in headers
    assert headers["if-none-match"] == "*"
    assert len(headers["x-amz-content-sha256"]) == 64


# --- a real server -------------------------------------------------------------------------------


def test_wrong_credentials_are_refused_and_not_shown(seaweedfs: ObjectStoreServer) -> None:
    for change in ({"secret_key": "S3CRET"}, {"key_id": "S3CRET"}):
        server = msgspec.structs.replace(seaweedfs, **change)
        with pytest.raises(StoreRefusedError) as caught:
            opened(server)
        shown = "".join(traceback.format_exception(caught.value)) + repr(server)
        assert "S3CRET" not in shown
        assert seaweedfs.secret_key not in shown


def test_no_bucket_is_made(seaweedfs: ObjectStoreServer) -> None:
    server = msgspec.structs.replace(seaweedfs, bucket="no-such-bucket")
    for _ in range(2):
        with pytest.raises(BucketNotFoundError, match="THOTH_CEPH_BUCKET"):
            opened(server)


@pytest.mark.parametrize("size", [200_000, 30_000_000])
def test_the_server_goes_away_in_the_middle_of_a_put(cut: Any, tmp_path: Path, size: int) -> None:
    cutter, server = cut
    store = opened(server)
    source = tmp_path / "source"
    source.write_bytes(secrets.token_bytes(size))
    cutter.sent_at_most = size // 2
    with pytest.raises(StoreUnreachableError):
        store.store_file(source, "x")
    cutter.sent_at_most = float("inf")
    assert not store.document_exists("x")
    assert list(store.get_document_listing()) == []
    store.store_file(source, "x")
    store.retrieve_file("x", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == source.read_bytes()


def test_the_server_goes_away_in_the_middle_of_a_get(cut: Any, tmp_path: Path) -> None:
    cutter, server = cut
    store = opened(server)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(secrets.token_bytes(30_000_000))
    target.write_bytes(b"as it was")
    store.store_file(source, "x")
    cutter.received_at_most = 15_000_000
    with pytest.raises(StoreUnreachableError):
        store.retrieve_file("x", target)
    assert target.read_bytes() == b"as it was"
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_the_answer_to_a_put_is_lost(cut: Any) -> None:
    cutter, server = cut
    store = opened(server)
    cutter.received_at_most = 0
    with pytest.raises(StoreUnreachableError):
        store.store_document({"a": 1}, "x")
    cutter.received_at_most = float("inf")
    store.store_document({"a": 1}, "x")
    with pytest.raises(DocumentExistsError):
        store.store_document({"a": 2}, "x")


def test_a_file_that_changes_while_it_is_stored_is_not_stored(
    seaweedfs: ObjectStoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(seaweedfs)
    source = tmp_path / "source"
    for size in (1_000, 20_000_000):
        source.write_bytes(b"x" * size)
        monkeypatch.setattr("thoth.storages.documents.ceph.digest_of_file", lambda path: "0" * 64)
        with pytest.raises(InvalidRecordError):
            store.store_file(source, "x")
        assert not store.document_exists("x")


def test_objects_of_others_are_read_without_their_hash(seaweedfs: ObjectStoreServer) -> None:
    backend = S3Backend(seaweedfs)
    store = opened(seaweedfs)
    obstore.put(backend._store, f"{store.prefix}/x", b'{"a": 1}')
    assert store.retrieve_document("x") == {"a": 1}
    store.store_document({"a": 1}, "y")
    with pytest.raises(NotFoundError):
        store.retrieve_document("z")


def test_settings_name_the_server(seaweedfs: ObjectStoreServer, tmp_path: Path) -> None:
    settings = StoragesSettings(data_dir=tmp_path, object_store=seaweedfs)
    store = CephStore("named", settings=settings)
    store.connect()
    store.store_document({"a": 1}, "x", overwrite=True)
    given = CephStore(
        "named",
        host=seaweedfs.endpoint_url,
        key_id=seaweedfs.key_id,
        secret_key=seaweedfs.secret_key,
        bucket=seaweedfs.bucket,
    )
    given.connect()
    assert given.retrieve_document("x") == {"a": 1}
    assert list(tmp_path.iterdir()) == []
