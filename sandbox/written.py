"""What came to an account, as JSON in which its key is not; and back, with the key of another."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.account import Account
from sandbox.body import Unreadable, content
from sandbox.faults import Fault
from sandbox.journal import Act, Exchange, Noted
from sandbox.reply import Request
from sandbox.veil import secret_header, spellings

__all__ = ["STEP", "Places", "Step", "done", "keyed", "places", "step", "written"]

KEY, ENDING = "{{key}}", "{{key-ending}}"
"""Stand where the key was, or what follows its first word."""
MARK = re.compile(rb"\{\{(literal-)?((?:literal-)*key(?:-ending)?)\}\}")
"""Such a place, or what was `{{key}}` before there was one: it is written as literal."""
LEAST = 4  # A shorter key is no secret, and may be a part of anything.
LONG = 16  # Nobody's words hold one that is so long, unless it is meant.
Places = Sequence[tuple[re.Pattern[bytes], bytes]]
ZIPPED = (b"gzip", b"x-gzip")
TEXT = {"type": "string"}
BYTES = {
    "anyOf": [TEXT, {"type": "object", "required": ["base64"], "properties": {"base64": TEXT}}]
}
STEP = {
    "type": "object",
    "required": ["at"],
    "properties": {
        "at": TEXT,
        "act": TEXT,
        "arguments": {"type": "object"},
        "method": TEXT,
        "path": TEXT,
        "query": TEXT,
        "headers": {
            "type": "array",
            "items": {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
        },
        "body": BYTES,
        "fault": {"type": ["object", "null"]},
        "status": {"type": "integer"},
        "reply": BYTES,
    },
    "anyOf": [
        {"required": ["act", "arguments"]},
        {"required": ["method", "path", "query", "headers", "body", "status", "reply"]},
    ],
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that came to an account: a request, which a fault may have struck, or an act."""

    at: datetime
    what: Request | Act
    fault: Fault | None = None
    answer: tuple[int, bytes] = (0, b"")


def places(key: str) -> Places:
    """What is not to be read, however it is written, and what stands for it."""
    ending = key.partition("_")[2]
    found = [(key, KEY), (ending, ENDING)]
    return [
        (re.compile(_pattern(secret)), place.encode())
        for secret, place in found
        if len(secret) >= LEAST
    ]


def written(what: Exchange | Noted, account: Account, places: Places) -> dict[str, Any]:
    """An exchange or an act of an account, with what stands in the `places` of its key."""
    if isinstance(what, Noted):
        given = _told(what.act.arguments, lambda raw: _hidden(raw, places))
        return {"at": what.at.isoformat(), "act": what.act.name, "arguments": given}
    request = _unzipped(what.request)
    return {
        "at": what.at.isoformat(),
        "method": request.method,
        "path": _hidden(request.path.encode(), places).decode(),
        "query": _hidden(request.query_string, places).decode("latin-1"),
        "headers": list(_headers(request, account, what.endpoint, places)),
        "body": _plain(request.body, places),
        "fault": None if what.fault is None else asdict(what.fault),
        "status": what.reply.status,
        "reply": _plain(what.reply.body, places),
    }


def step(document: Mapping[str, Any]) -> Step:
    """What `written` wrote, of the shape STEP. Raises ValueError, TypeError or MeterboxError."""
    at = datetime.fromisoformat(document["at"])
    if at.tzinfo is None:
        raise ValueError(f"{document['at']!r} is a time of no zone")
    if "act" in document:
        return Step(at, Act(document["act"], document["arguments"]))
    fault = None if document.get("fault") is None else Fault(**document["fault"])
    given = ((name.lower(), value) for name, value in document["headers"])
    headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in given}
    query, body = document["query"].encode("latin-1"), _bytes(document["body"])
    request = Request(document["method"], document["path"], query, headers, body)
    return Step(at, request, fault, (document["status"], _bytes(document["reply"])))


def done(act: Act, key: str) -> Act:
    """An act with a key where one was."""
    return replace(act, arguments=_told(act.arguments, lambda raw: _put(raw, key)))


def keyed(given: Step, key: str) -> tuple[Request, tuple[int, bytes]]:
    """A step's request and answer with a key where one was."""
    assert isinstance(given.what, Request)
    request, (status, body) = given.what, given.answer
    made = replace(
        request,
        path=_put(request.path.encode(), key).decode(),
        query_string=_put(request.query_string, key),
        headers={name: _put(value, key) for name, value in request.headers.items()},
        body=_put(request.body, key),
    )
    return made, (status, _put(body, key))


def _headers(
    request: Request, account: Account, endpoint: str | None, places: Places
) -> Iterator[list[str]]:
    """Without those that hold secrets, but for credentials of another kind that an endpoint asks
    for, such as the one of a user."""
    known = endpoint is not None and account.room.contract.endpoint(endpoint).auth is not None
    for raw, value in request.headers.items():
        name = raw.decode("latin-1")
        if not secret_header(name) or (known and name == "authorization"):
            yield [name, _hidden(value, places).decode("latin-1")]


def _unzipped(request: Request) -> Request:
    """In a body that is zipped, a key could not be found."""
    try:
        plain = content(request)
    except Unreadable:
        return request
    if request.headers.get(b"content-encoding", b"").strip().lower() not in ZIPPED:
        return request
    headers = {k: v for k, v in request.headers.items() if k != b"content-encoding"}
    return replace(request, headers=headers, body=plain)


def _pattern(secret: str) -> bytes:
    """Any spelling of a secret; of a short one only where it is not a part of a word."""
    written = sorted((s.encode("utf-8", "replace") for s in spellings(secret)), key=len)
    either = b"|".join(map(re.escape, reversed(written)))
    if len(secret) >= LONG:
        return either
    return rb"(?<![A-Za-z0-9])(?:" + either + rb")(?![A-Za-z0-9])"


def _hidden(raw: bytes, places: Places) -> bytes:
    raw = MARK.sub(lambda found: b"{{literal-" + found[0][2:], raw)
    for pattern, place in places:
        raw = pattern.sub(place, raw)
    return raw


def _put(raw: bytes, key: str) -> bytes:
    ways = {b"key": key.encode(), b"key-ending": key.partition("_")[2].encode()}
    return MARK.sub(lambda found: b"{{%b}}" % found[2] if found[1] else ways[found[2]], raw)


def _told(node: Any, change: Callable[[bytes], bytes]) -> Any:
    """A JSON value with its texts changed."""
    if isinstance(node, str):
        return change(node.encode()).decode()
    if isinstance(node, Mapping):
        return {_told(name, change): _told(value, change) for name, value in node.items()}
    return [_told(item, change) for item in node] if isinstance(node, list) else node


def _plain(body: bytes, places: Places) -> str | dict[str, str]:
    """Text where it is text, and otherwise base64."""
    body = _hidden(body, places)
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _bytes(given: str | Mapping[str, str]) -> bytes:
    if isinstance(given, str):
        return given.encode()
    return base64.b64decode(given["base64"], validate=True)
