"""Texts from outside as they may stand on a page: what cannot be seen is made visible.

A payload is an attacker's favourite field. Markup in it is escaped by the template engine; here are
the characters that would still deceive a reader: those that turn the direction of writing, that
have no width, that end a line or a text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from markupsafe import Markup, escape

from sandbox.unseen import UNSEEN, code, spelled

__all__ = ["linked", "shown", "visible"]

LONGEST = 300
ADDRESS = re.compile(
    r"((?:https?://[\w.-]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,})(?:/[\w./#?=&%+~-]*[\w/]))"
)
LINK = Markup('<a href="{}" rel="noreferrer noopener" target="_blank">{}</a>')


def visible(value: Any) -> Any:
    """A value as a template writes it: fit for every place, be it an attribute."""
    if value is None:
        return ""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return spelled(value)


def shown(value: Any, most: int = LONGEST) -> Markup:
    """A text set apart from what is around it, its unseen characters marked; at most so much."""
    text = str(value)
    left = len(text) - most
    if left > 0:
        text = text[:most]
    parts = [escape(part) if n % 2 == 0 else _marked(part) for n, part in enumerate(_split(text))]
    more = Markup('<span class="cut">… {} more characters</span>').format(f"{left:,}")
    return Markup("<bdi>{}</bdi>{}").format(Markup("").join(parts), more if left > 0 else "")


def linked(text: str) -> Markup:
    """A text whose addresses lead there; they need not say by which protocol."""
    parts = []
    for n, part in enumerate(ADDRESS.split(text)):
        if n % 2 == 0:
            parts.append(escape(visible(part)))
            continue
        to = part if "://" in part else f"https://{part}"
        parts.append(LINK.format(to, visible(part)))
    return Markup("").join(parts)


def _split(text: str) -> list[str]:
    """Plain text and unseen characters by turns."""
    return re.split(f"({UNSEEN.pattern})", text)


def _marked(character: str) -> Markup:
    name = unicodedata.name(character, "control character").lower()
    token = '<span class="unseen" title="{}">{}</span>'
    return Markup(token).format(name, code(character))
