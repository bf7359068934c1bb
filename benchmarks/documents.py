"""Documents over S3: our stores and boto3 with 16 threads, on one server, in one run.

boto3 gets bytes and keys that are ready. Ours encodes documents, makes sure that none is
overwritten, keeps and verifies hashes, and checks every key of a listing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from thoth.storages import AdvisersResultsStore, StoragesSettings, new_document_id
from thoth.storages.documents.encoding import dict2blob
from thoth.storages.testing import s3_server_from_environment, temporary_s3_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from thoth.storages import ObjectStoreServer

THREADS = 16
GOALS = {"put": 1.7, "get": 3.0, "list": 6.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a document")
    parser.add_argument("--repeat", type=int, default=1, help="times; the medians are printed")
    arguments = parser.parse_args()
    documents = [made(arguments.size) for _ in range(arguments.documents)]
    server = s3_server_from_environment()
    if server is not None:
        rows = measured(server, documents, arguments.repeat)
    else:
        with temporary_s3_server() as server:
            rows = measured(server, documents, arguments.repeat)
    print(f"{len(documents):,} documents of {len(dict2blob(documents[0])):,} bytes\n")
    print("| | ours, documents/s | boto3 | ratio | goal | CPU of ours | of boto3 |")
    print("|---|---|---|---|---|---|---|")
    for name, goal in GOALS.items():
        (ours, our_cpu), (theirs, their_cpu) = rows[name]
        print(
            f"| {name} | {len(documents) / ours:,.0f} | {len(documents) / theirs:,.0f} "
            f"| {theirs / ours:.1f} | {goal} | {our_cpu:.1f} s | {their_cpu:.1f} s |"
        )


def made(size: int) -> dict[str, Any]:
    """Return a document of about this size, as random as a real one."""
    result = {}
    for number in range(size // 100):
        result[f"key-{number:05}"] = f"{random.getrandbits(316):079x}"
    metadata = {"document_id": new_document_id("adviser"), "analyzer": "benchmark"}
    return {"metadata": metadata, "result": result}


def measured(
    server: ObjectStoreServer, documents: list[dict[str, Any]], repeat: int
) -> dict[str, list[tuple[float, float]]]:
    """Return, by what was done, seconds and seconds of CPU: ours, and boto3's."""
    runs = [run(server, documents, number) for number in range(repeat)]
    return {
        name: [
            (
                statistics.median(of[name][side][0] for of in runs),
                statistics.median(of[name][side][1] for of in runs),
            )
            for side in (0, 1)
        ]
        for name in GOALS
    }


def run(
    server: ObjectStoreServer, documents: list[dict[str, Any]], number: int
) -> dict[str, list[tuple[float, float]]]:
    settings = StoragesSettings(data_dir=Path("/nonexistent"), object_store=server)
    store = AdvisersResultsStore(f"benchmark-{number}", settings=settings)
    store.connect()
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.key_id,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(max_pool_connections=THREADS),
    )
    prefix = f"boto3-{number}/adviser/"
    ids = [document["metadata"]["document_id"] for document in documents]
    blobs = [dict2blob(document) for document in documents]

    def their_get(document_id: str) -> int:
        answer = client.get_object(Bucket=server.bucket, Key=prefix + document_id)
        return len(answer["Body"].read())

    def their_list() -> int:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=server.bucket, Prefix=prefix
        )
        return sum(1 for page in pages for _ in page.get("Contents", ()))

    def their_put(document_id: str, blob: bytes) -> None:
        client.put_object(Bucket=server.bucket, Key=prefix + document_id, Body=blob)

    with ThreadPoolExecutor(THREADS) as pool:
        done = {
            "put": [
                timed(lambda: store.store_documents(documents), len(ids)),
                timed(lambda: len(list(pool.map(their_put, ids, blobs))), len(ids)),
            ],
            "get": [
                timed(
                    lambda: sum(isinstance(b, bytes) for _, b in store.retrieve_blobs(ids)),
                    len(ids),
                ),
                timed(lambda: sum(size > 0 for size in pool.map(their_get, ids)), len(ids)),
            ],
            "list": [
                timed(store.get_document_count, len(ids)),
                timed(their_list, len(ids)),
            ],
        }
        for document_id in pool.map(lambda of: (store.delete(of), of)[1], ids):
            client.delete_object(Bucket=server.bucket, Key=prefix + document_id)
    return done


def timed(action: Callable[[], int], expected: int) -> tuple[float, float]:
    """Return the seconds, and those of this process's CPU, that an action takes."""
    begin, cpu = time.perf_counter(), time.process_time()
    done = action()
    taken = time.perf_counter() - begin, time.process_time() - cpu
    if done != expected:
        raise SystemExit(f"{done} of {expected} were done")
    return taken


if __name__ == "__main__":
    main()
