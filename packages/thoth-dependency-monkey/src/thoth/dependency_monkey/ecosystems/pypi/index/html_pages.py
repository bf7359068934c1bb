"""Pages in HTML (PEP 503, 592, 629, 714): the links of a page, and what their attributes say.

A scanner of our own, since the standard library's parser has been quadratic on hostile input time
and again. This one looks at every character a bounded number of times.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from thoth.dependency_monkey.ecosystems.pypi.index.faults import BrokenAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG = re.compile(r"<(?:(!--)|([a-zA-Z][^\s/>]*))")
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?"""
)
_TAG_END = re.compile(r"[\s/]*>")
_RAW_TEXT = {
    tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in ("script", "style", "title", "textarea")
}


class Link(NamedTuple):
    """A link of a page. Names in `attributes` are in lower case, values are unescaped."""

    filename: str
    url: str
    fragment: str
    attributes: dict[str, str]


class HtmlPage(NamedTuple):
    """The links of a page and the API version that it states (PEP 629), if it does."""

    links: list[Link]
    api_version: str | None


def read_html(text: str, url: str) -> HtmlPage:
    """Read a page that was found at `url`.

    Raises `BrokenAnswerError` where the text ends inside a tag or a comment.
    """
    base = url
    based = False
    api_version = None
    links = []
    for tag, attributes in _elements(text):
        if tag == "a":
            href = attributes.get("href")
            if href:
                links.append(_link(base, href.strip(), attributes))
        elif tag == "base" and not based and attributes.get("href"):
            based = True
            base = _joined(url, attributes["href"].strip())
        elif tag == "meta" and attributes.get("name", "").lower() == "pypi:repository-version":
            api_version = attributes.get("content", "").strip()
    return HtmlPage([link for link in links if link.filename], api_version)


def _link(base: str, href: str, attributes: dict[str, str]) -> Link:
    url, _, fragment = href.partition("#")
    if not url.startswith(("https://", "http://")):
        url = _joined(base, url)
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    return Link(unquote(path.rpartition("/")[2]), url, fragment, attributes)


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def _elements(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while (start := _TAG.search(text, position)) is not None:
        if start[1]:
            end = text.find("-->", start.end())
            if end < 0:
                raise BrokenAnswerError("the HTML ends inside a comment")
            position = end + 3
            continue
        tag = start[2].lower()
        attributes, position = _attributes(text, start.end())
        yield tag, attributes
        if tag in _RAW_TEXT:
            close = _RAW_TEXT[tag].search(text, position)
            if close is None:
                raise BrokenAnswerError(f"the HTML ends inside <{tag}>")
            position = close.end()


def _attributes(text: str, position: int) -> tuple[dict[str, str], int]:
    attributes: dict[str, str] = {}
    while (end := _TAG_END.match(text, position)) is None:
        attribute = _ATTRIBUTE.match(text, position)
        if attribute is None:
            raise BrokenAnswerError("the HTML is malformed, or ends inside a tag")
        name, double, single, bare = attribute.groups()
        value = double or single or bare or ""
        attributes.setdefault(name.lower(), html.unescape(value) if "&" in value else value)
        position = attribute.end()
    return attributes, end.end()
