"""Reads a request's bytes strictly: bounded, unzipped, real JSON, no second equal key unseen."""

from __future__ import annotations

import gzip
import re
import zlib
from io import BytesIO
from typing import Any, Literal

import jiter
import orjson

from sandbox.reply import Request

__all__ = ["LARGEST", "Unreadable", "content", "document", "parse", "readable"]

LARGEST = 8 * 1024 * 1024
"""Bytes of a body, before and after unzipping. No vendor publishes a larger limit."""
MOST = 100_000
"""Objects and lists of a body; no vendor takes more than 5,000 events."""
CLOSELY = 64 * 1024


DUPLICATE = re.compile(r'Detected duplicate key "?(.*?)"? at line')
Fault = Literal["malformed", "too-large", "encoding", "media"]


class Unreadable(Exception):
    """A body that cannot be read: `fault` says which way, `why` in a sentence."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault = fault
        self.why = why


def content(request: Request) -> bytes:
    """The body's bytes, unzipped. Raises Unreadable."""
    if len(request.body) > LARGEST:
        raise Unreadable("too-large", f"the body has more than {LARGEST} bytes")
    encoding = request.headers.get(b"content-encoding", b"").strip().lower()
    if encoding in (b"", b"identity"):
        return request.body
    if encoding not in (b"gzip", b"x-gzip"):
        raise Unreadable("encoding", f"Content-Encoding {encoding.decode('latin-1')!r}; send gzip")
    return _unzipped(request.body)


def readable(request: Request) -> bytes:
    """The body's bytes as a person wants to see them: unzipped, where that can be done."""
    try:
        return content(request)
    except Unreadable:
        return request.body


def document(request: Request) -> Any:
    """The body as one JSON value; read once and kept on the request. Raises Unreadable."""
    if request.parsed is None:
        request.parsed = parse(content(request))
    return request.parsed


def parse(raw: bytes) -> Any:
    """One JSON value: RFC 8259, UTF-8, no NaN, no lone surrogate, no repeated key."""
    # A megabyte of `{},` is two hundred of memory once it is read, and seconds of everyone's time.
    if len(raw) > CLOSELY and raw.count(b"{") + raw.count(b"[") > MOST:
        raise Unreadable("too-large", f"the body has more than {MOST:,} objects and lists")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise Unreadable("malformed", f"the body is not JSON: {fault}") from fault
    # Bytes that come back unchanged cannot have hidden a repeated key; others are read again.
    if not _unchanged(value, raw):
        _refuse_repeated_keys(raw)
    return value


def _unchanged(value: Any, raw: bytes) -> bool:
    try:
        return orjson.dumps(value) == raw
    except orjson.JSONEncodeError:  # orjson reads deeper nesting than it writes
        return False


def _refuse_repeated_keys(raw: bytes) -> None:
    try:
        jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as fault:
        repeated = DUPLICATE.search(str(fault))
        why = f"the key {repeated[1]!r} is given twice in one object" if repeated else str(fault)
        raise Unreadable("malformed", f"the body is not JSON: {why}") from fault


def _unzipped(raw: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        whole = unzip.decompress(raw, LARGEST + 1)
    except zlib.error as fault:
        raise Unreadable("encoding", f"the body is not gzip: {fault}") from fault
    if len(whole) > LARGEST:
        raise Unreadable("too-large", f"the body unzips to more than {LARGEST} bytes")
    if not unzip.eof:
        raise Unreadable("encoding", "the gzip body is cut off")
    return _members(raw) if unzip.unused_data else whole


def _members(raw: bytes) -> bytes:
    """All members of a gzip file, one after the other (RFC 1952 section 2.2)."""
    try:
        whole = gzip.GzipFile(fileobj=BytesIO(raw)).read(LARGEST + 1)
    except (OSError, zlib.error) as fault:
        raise Unreadable("encoding", f"the body is not gzip: {fault}") from fault
    except EOFError as fault:
        raise Unreadable("encoding", "the gzip body is cut off") from fault
    if len(whole) > LARGEST:
        raise Unreadable("too-large", f"the body unzips to more than {LARGEST} bytes")
    return whole
