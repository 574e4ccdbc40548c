"""Characters that deceive a reader: that turn the direction of writing, that have no width, that
end a line or a text, or that a terminal obeys."""

from __future__ import annotations

import re

__all__ = ["UNSEEN", "code", "spelled"]

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
"""Control and format characters, without the tab and the end of a line; lone surrogates."""


def spelled(text: str) -> str:
    """The text with such characters written out."""
    return UNSEEN.sub(lambda found: code(found[0]), text)


def code(character: str) -> str:
    """Such as \\u202e."""
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\u{{{number:x}}}"
