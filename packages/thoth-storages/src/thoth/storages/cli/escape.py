"""Text that others supplied, made harmless: nothing in it may steer a terminal or a viewer."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Return `text` as one line in which every character can be seen.

    Whatever Unicode does not count as printable (control characters, line ends, bidirectional
    overrides, lone surrogates) becomes its escape, such as `\x1b`.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
