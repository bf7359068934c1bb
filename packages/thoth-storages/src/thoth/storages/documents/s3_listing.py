"""Listing a bucket: the keys of each page, and the next page asked for while one is read.

The library's own listing makes objects of all that a page says, stops at `a//b`, `a/../b` and
control characters in keys, which S3 allows, takes a listing that is cut short for a whole one, and
follows a server that never comes to an end. So this asks for the pages of ListObjectsV2 itself.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from thoth.storages.documents.s3_asking import Asker, AskingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thoth.storages.settings import ObjectStoreServer

_KEY = re.compile(r"<Key>([^<]*)</Key>")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));")
_CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_TOKEN = re.compile(r"<NextContinuationToken>([^<]+)</NextContinuationToken>")


def listed_keys(server: ObjectStoreServer, prefix: str) -> Iterator[list[str]]:
    """Yield the keys below the folder `prefix`, whatever they look like, page by page.

    While a page is read the next one is asked for, and no other. A key that the server repeats
    within a page or at the beginning of the next is left out. Raises `OSError` where the server
    does not answer, refuses, contradicts itself or goes round in circles.
    """
    listing = _Listing(server, f"{prefix}/")
    try:
        page = listing.next_page()
        if listing.has_more:
            with ThreadPoolExecutor(1, thread_name_prefix="thoth-listing") as pool:
                while listing.has_more:
                    asked = pool.submit(listing.next_page)
                    yield page
                    page = asked.result()
        yield page
    finally:
        listing.close()


class _Listing:
    """One listing, from its first page to its last."""

    def __init__(self, server: ObjectStoreServer, prefix: str) -> None:
        self.has_more = True
        self.close = (asker := Asker(server)).close
        self._ask = asker.ask
        self._prefix = prefix
        self._query = {"list-type": "2", "prefix": prefix}
        self._last = ""
        self._pages = 0
        self._milestone = ""

    def next_page(self) -> list[str]:
        """Return the keys of the next page."""
        body = self._ask(self._query)
        keys = [_unescaped(key) if "&" in key else key for key in _KEY.findall(body)]
        if "</ListBucketResult>" not in body or len(keys) != body.count("</Contents>"):
            raise AskingError("the answer to a listing is none")
        if any(not key.startswith(self._prefix) for key in keys):
            raise AskingError("the answer to a listing has keys that were not asked for")
        token = _TOKEN.search(body)
        self.has_more = token is not None or "<IsTruncated>true</IsTruncated>" in body
        before, self._last = self._last, keys[-1] if keys else self._last
        if token is not None:
            self._query["continuation-token"] = _unescaped(token[1])
        elif self.has_more:
            self._query.pop("continuation-token", None)
            self._query["start-after"] = self._last
        if self.has_more:
            self._see_that_it_moves_on(
                keys[-1] if keys else self._query.get("continuation-token", "")
            )
        if keys and keys[0] == before:
            del keys[0]
        return list(dict.fromkeys(keys))

    def _see_that_it_moves_on(self, mark: str) -> None:
        """Raise where a listing comes again to where it was.

        It is compared with the last page whose number is a power of two, as R. P. Brent finds
        cycles: sooner or later such a page lies on the circle, and nothing else must be kept.
        """
        if mark == self._milestone:
            raise AskingError("the listing goes round in circles")
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:
            self._milestone = mark


def _unescaped(text: str) -> str:
    """Return a text of XML as it is meant; `ValueError` where it names no character.

    What HTML knows would not do: it drops control characters, and a strange key looks good then.
    """

    def character(found: re.Match[str]) -> str:
        decimal, hexadecimal, name = found.groups()
        return _CHARACTERS[name] if name else chr(int(decimal) if decimal else int(hexadecimal, 16))

    return _REFERENCE.sub(character, text)
