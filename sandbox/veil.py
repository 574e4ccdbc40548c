"""What must not be read by whoever is shown an exchange: its keys, and other secrets in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, AnyStr
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from sandbox.auth import redacted

__all__ = ["SHOWN", "Veil", "named_secret", "names_key", "secret_header", "spellings"]

SHOWN = 1024 * 1024
"""Bytes of a body that are shown."""
LEAST = 4  # A shorter secret is veiled where one belongs, but not inside of other words.
HEADERS = re.compile(r"authorization|api-?key|token|secret|cookie|^x-segment-settings$", re.I)
NAMES = (
    "api_key",
    "apiKey",
    "client_secret",
    "client_assertion",
    "access_token",
    "refresh_token",
    "password",
    "secret",
    "writeKey",
)
FOLDED = frozenset(name.lower() for name in NAMES)
# The closing quote may be missing: a body can be cut off, by its sender or by us.
IN_JSON = re.compile(rf'("(?:{"|".join(NAMES)})"\s*:\s*")([^"\\]*(?:\\.[^"\\]*)*)', re.I | re.S)
# A JSON Web Token, which is a credential wherever it stands.
TOKEN = re.compile(r"\beyJ[\w-]{5,}\.eyJ[\w-]{5,}\.[\w-]*")
IN_FORM = re.compile(r"(?:^|(?<=&))([^=&]*)=([^&]*)")


def named_secret(name: object) -> bool:
    """Whether a field of that name holds a secret."""
    return isinstance(name, str) and name.lower() in FOLDED


def names_key(parameter: str) -> bool:
    """Whether a parameter of a path of that name is a key."""
    return parameter == "key" or parameter.endswith("_key")


def secret_header(name: str) -> bool:
    """Whether a header of that name holds a secret."""
    return HEADERS.search(name) is not None


class Veil:
    """Hides these secrets, however they are written, and what secret fields and headers hold."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secret for secret in secrets if secret)
        self._masks = {
            written: redacted(secret)
            for secret in self._secrets
            if len(secret) >= LEAST
            for written in spellings(secret)
        }
        # The longest first: one may be a part of another.
        self._written = sorted(self._masks, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._written)))

    def and_also(self, secret: str) -> Veil:
        """This veil, and over one more secret."""
        return Veil({*self._secrets, secret})

    def text(self, text: str) -> str:
        """A text in which no secret can be read."""
        if ".eyJ" in text:
            text = TOKEN.sub(lambda found: redacted(found[0]), text)
        if not self._masks:
            return text
        return self._pattern.sub(lambda found: self._masks[found[0]], text)

    def node(self, node: Any) -> Any:
        """A small JSON value in which no secret can be read."""
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, Mapping):
            return {self.text(str(k)): self.node(self.field(k, v)) for k, v in node.items()}
        if isinstance(node, list | tuple):
            return [self.node(item) for item in node]
        return node

    def field(self, name: object, value: Any) -> Any:
        """What is shown as the value of a field of that name, apart from secrets inside."""
        return self._mask(value) if named_secret(name) and isinstance(value, str) else value

    def path(self, path: str) -> str:
        """A path; where a whole segment is a secret, however short that is."""
        parts = (self._segment(part) for part in path.split("/"))
        return self.text("/".join(parts))

    def _segment(self, part: str) -> str:
        plain = unquote(part)
        if plain in self._secrets:
            return redacted(plain)
        hidden = self.text(plain)
        return part if hidden == plain else hidden

    def query(self, query: str) -> str:
        """A query, or a form."""
        return self.text(IN_FORM.sub(self._pair, query))

    def headers(self, headers: Mapping[bytes, bytes]) -> dict[str, str]:
        told = ((k.decode("latin-1"), v.decode("latin-1")) for k, v in headers.items())
        return {k: redacted(v) if secret_header(k) else self.text(v) for k, v in told}

    def body(self, body: bytes, most: int = SHOWN) -> str:
        """A body as text: its beginning where it is large, and how much was left out."""
        end = _end(body, most, [written.encode("utf-8", "replace") for written in self._written])
        text = body[:end].decode("utf-8", "backslashreplace")
        text = IN_JSON.sub(lambda found: found[1] + self._mask(found[2]), text)
        if text.lstrip()[:1] not in ("{", "["):
            text = IN_FORM.sub(self._pair, text)
        left = len(body) - end
        return self.text(text) + (f"… ({left} bytes left out)" if left else "")

    def beginning(self, text: str, most: int) -> str:
        """A text, veiled; at most so much of it."""
        if len(text) <= most:
            return self.text(text)
        return self.text(text[: _end(text, most, self._written)]) + "…"

    def _mask(self, value: str) -> str:
        return redacted(value) if value in self._secrets else f"…({len(value)})"

    def _pair(self, found: re.Match[str]) -> str:
        name, value = unquote_plus(found[1]), unquote_plus(found[2])
        if named_secret(name.strip()):
            return f"{found[1]}={self._mask(value)}"
        # However it is percent-encoded.
        hidden = self.text(value)
        return found[0] if hidden == value else f"{found[1]}={hidden}"


def _end(text: AnyStr, most: int, secrets: list[AnyStr]) -> int:
    """Where to cut a text: of a secret cut in two, the beginning could be read."""
    if len(text) <= most:
        return len(text)
    end, at = most, most
    while at >= 0:
        end = at
        at = max((_across(text, end, secret) for secret in secrets), default=-1)
    return end


def _across(text: AnyStr, end: int, secret: AnyStr) -> int:
    """Where a secret begins that lies across that place, or -1."""
    return text.find(secret, max(0, end - len(secret) + 1), end + len(secret) - 1)


def spellings(secret: str) -> set[str]:
    """A secret as it is written in texts, addresses, JSON, messages and bytes of a header."""
    written = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    written |= {json.dumps(secret, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    written |= {repr(secret)[1:-1], secret.encode("utf-8", "replace").decode("latin-1")}
    written |= {secret.replace("/", "\\/")}  # as PHP writes JSON
    with suppress(UnicodeError):
        written.add(secret.encode("latin-1").decode())
    return written
