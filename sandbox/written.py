"""What came to an account, as JSON in which its key is not; and back, with the key of another."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.account import Account
from sandbox.body import Unreadable, content
from sandbox.faults import Fault
from sandbox.journal import Act, Exchange, Noted
from sandbox.reply import Request
from sandbox.veil import secret_header

__all__ = ["STEP", "Step", "keyed", "step", "written"]

KEY, ENDING = "{{key}}", "{{key-ending}}"
"""Stand where the key was, or what follows its first word."""
LEAST = 4  # A shorter key is no secret, and may be a part of anything.
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


def written(what: Exchange | Noted, account: Account) -> dict[str, Any]:
    """An exchange or an act of an account."""
    if isinstance(what, Noted):
        return {"at": what.at.isoformat(), "act": what.act.name, "arguments": what.act.arguments}
    request, places = _unzipped(what.request), _places(account)
    return {
        "at": what.at.isoformat(),
        "method": request.method,
        "path": _hidden(request.path, places),
        "query": _hidden(request.query_string.decode("latin-1"), places),
        "headers": list(_headers(request, account, what.endpoint, places)),
        "body": _plain(request.body, places),
        "fault": None if what.fault is None else asdict(what.fault),
        "status": what.reply.status,
        "reply": _plain(what.reply.body, places),
    }


def step(document: Mapping[str, Any]) -> Step:
    """What `written` wrote, of the shape STEP. Raises ValueError, TypeError or MeterboxError."""
    at = datetime.fromisoformat(document["at"])
    if "act" in document:
        return Step(at, Act(document["act"], document["arguments"]))
    fault = None if document.get("fault") is None else Fault(**document["fault"])
    headers = {k.encode("latin-1"): v.encode("latin-1") for k, v in document["headers"]}
    query, body = document["query"].encode("latin-1"), _bytes(document["body"])
    request = Request(document["method"], document["path"], query, headers, body)
    return Step(at, request, fault, (document["status"], _bytes(document["reply"])))


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
    request: Request, account: Account, endpoint: str | None, places: Mapping[str, str]
) -> Iterator[list[str]]:
    """Without those that hold secrets, but for credentials of another kind that an endpoint asks
    for, such as the one of a user."""
    known = endpoint is not None and account.room.contract.endpoint(endpoint).auth is not None
    for raw, value in request.headers.items():
        name = raw.decode("latin-1")
        if not secret_header(name) or (known and name == "authorization"):
            yield [name, _hidden(value.decode("latin-1"), places)]


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


def _places(account: Account) -> dict[str, str]:
    """What is not to be read, and what stands for it."""
    ending = account.key.partition("_")[2]
    found = {account.key: KEY, ending: ENDING}
    return {secret: place for secret, place in found.items() if len(secret) >= LEAST}


def _hidden(text: str, places: Mapping[str, str]) -> str:
    for secret, place in places.items():
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", place, text)
    return text


def _put(raw: bytes, key: str) -> bytes:
    raw = raw.replace(KEY.encode(), key.encode())
    return raw.replace(ENDING.encode(), key.partition("_")[2].encode())


def _plain(body: bytes, places: Mapping[str, str]) -> str | dict[str, str]:
    """Text where it is text, and otherwise base64."""
    try:
        return _hidden(body.decode(), places)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _bytes(given: str | Mapping[str, str]) -> bytes:
    if isinstance(given, str):
        return given.encode()
    return base64.b64decode(given["base64"], validate=True)
