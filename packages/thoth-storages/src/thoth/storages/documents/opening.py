"""Which object store is meant: what is given first, then the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thoth.storages.documents.local import LocalBackend
from thoth.storages.exceptions import SettingsError
from thoth.storages.settings import ObjectStoreServer, StoragesSettings, check_endpoint_url

if TYPE_CHECKING:
    from thoth.storages.documents.backend import ObjectBackend

FOLDER = "documents"


def open_backend(
    settings: StoragesSettings | None = None,
    *,
    host: str | None = None,
    key_id: str | None = None,
    secret_key: str | None = None,
    bucket: str | None = None,
    region: str | None = None,
) -> ObjectBackend:
    """Return the store that is meant, which nothing was asked of yet.

    Raises `SettingsError` naming the variable of what is missing.
    """
    if settings is None and None in (host, key_id, secret_key, bucket):
        settings = StoragesSettings.from_environment()
    known = None if settings is None else settings.object_store
    if settings is not None and host is None and known is None:
        given = {"THOTH_CEPH_BUCKET": bucket, "THOTH_CEPH_KEY_ID": key_id}
        if any(given.values()):
            raise SettingsError("THOTH_S3_ENDPOINT_URL", "", "set where a bucket or key is named")
        return LocalBackend(settings.data_dir / FOLDER)
    known = known or ObjectStoreServer(endpoint_url="", key_id="", secret_key="", bucket="")
    server = ObjectStoreServer(
        endpoint_url=check_endpoint_url(host or known.endpoint_url),
        key_id=_needed("THOTH_CEPH_KEY_ID", key_id or known.key_id),
        secret_key=_needed("THOTH_CEPH_SECRET_KEY", secret_key or known.secret_key),
        bucket=_needed("THOTH_CEPH_BUCKET", bucket or known.bucket),
        region=region or known.region,
    )
    # Loading the library takes as long as all else: a local folder does without it.
    from thoth.storages.documents.s3 import S3Backend

    return S3Backend(server)


def _needed(variable: str, value: str) -> str:
    if not value:
        raise SettingsError(variable, "", "set where an object store's server is named")
    return value
