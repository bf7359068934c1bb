"""Listing a bucket where a key is so strange that the library stops at it.

The library refuses `a//b`, `a/../b` and control characters in keys, which S3 allows, and the
whole page with them. So this asks for the pages itself: ListObjectsV2, signed with Signature
Version 4, answered in URL encoding. It changes nothing and is used for nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.settings import ObjectStoreServer

SECONDS = 60
MAX_PAGE_BYTES = 16 * 2**20
_NOTHING = hashlib.sha256(b"").hexdigest()


class ListingError(OSError):
    """The server's answer to a listing is not one; the text is like the library's."""


def raw_keys(server: ObjectStoreServer, prefix: str, *, after: str) -> Iterator[str]:
    """Yield the keys below the folder `prefix` that come after `after`, whatever they look like.

    Raises `OSError` where the server does not answer, or refuses.
    """
    query = {
        "list-type": "2",
        "encoding-type": "url",
        "prefix": f"{prefix}/",
        "start-after": after,
    }
    while True:
        page = _page(server, query)
        for key in re.findall(r"<Key>([^<]*)</Key>", page):
            yield unquote_plus(unescape(key))
        token = re.search(r"<NextContinuationToken>([^<]+)</NextContinuationToken>", page)
        if token is None:
            return
        query["continuation-token"] = unescape(token[1])


def _page(server: ObjectStoreServer, query: dict[str, str]) -> str:
    url = urlsplit(server.endpoint_url)
    path = quote(f"{url.path}/{server.bucket}")
    asked = "&".join(f"{name}={quote(query[name], safe='')}" for name in sorted(query))
    host = url.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, url.port, timeout=SECONDS)
        if url.scheme == "https"
        else http.client.HTTPConnection(host, url.port, timeout=SECONDS)
    )
    try:
        headers = _signed_headers(server, url.netloc, path, asked)
        connection.request("GET", f"{path}?{asked}", headers=headers)
        answer = connection.getresponse()
        body = answer.read(MAX_PAGE_BYTES + 1).decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise ListingError(f"no answer to a listing: {type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise ListingError(f"status code: {answer.status} {body[:1_000]}")
    if len(body) > MAX_PAGE_BYTES:
        raise ListingError(f"a page of a listing has more than {MAX_PAGE_BYTES} bytes")
    if "</ListBucketResult>" not in body:
        raise ListingError("the answer to a listing is none")
    return body


def _signed_headers(server: ObjectStoreServer, host: str, path: str, query: str) -> dict[str, str]:
    """Sign a request without a body, as "Signature Version 4" of Amazon's documentation says."""
    now = datetime.now(UTC)
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": moment}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("GET", path, query, lines, names, _NOTHING))
    scope = f"{day}/{server.region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashed))
    key = f"AWS4{server.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={server.key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}"
    )
    return headers
