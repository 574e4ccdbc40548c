"""A case's request as it is sent, and what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts import credentials
from contracts.cases import Difference, differences
from contracts.model import Contract

__all__ = ["Answer", "Asked", "asked", "differing"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, below the vendor's address. `query` None is none at all."""

    method: str
    path: str
    query: Mapping[str, Any] | None
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as fault:
            raise ValueError("is nested too deeply") from fault


def asked(contract: Contract, key: str, request: Mapping[str, Any]) -> Asked:
    """A case's request, with the credential unless it brings (or renounces) its own."""
    shown = {} if request.get("anonymous") else _credential(contract, key, request)
    headers = {**shown, **request.get("headers", {})}
    body: bytes | None = None
    if "json" in request:
        body = json.dumps(request["json"], ensure_ascii=False, separators=(",", ":")).encode()
        if "content-type" not in map(str.lower, headers):
            headers["content-type"] = "application/json"
    if "text" in request:
        body = request["text"].encode()
    if "base64" in request:
        body = base64.b64decode(request["base64"])
    return Asked(request["method"], request["path"], request.get("query"), headers, body)


def _credential(contract: Contract, key: str, request: Mapping[str, Any]) -> Mapping[str, str]:
    """As the endpoint that is asked takes it."""
    for endpoint in contract.endpoints:
        if request["method"] == endpoint.method and request["path"] in endpoint.paths:
            return credentials.headers_for(endpoint, contract, key)
    return credentials.headers(contract.auth, key)


def differing(expected: Mapping[str, Any], answer: Answer) -> Iterator[Difference]:
    """Where an answer is not as a case's `response` has it."""
    yield from differences(expected["status"], answer.status, "status")
    for name, value in expected.get("headers", {}).items():
        yield from differences(value, answer.headers.get(name.lower()), f"header {name}")
    if "json" in expected:
        try:
            told = answer.json()
        except ValueError:
            got = answer.text[:200]
            yield Difference("$", f"expected JSON, got {got!r}", expected["json"], got)
        else:
            yield from differences(expected["json"], told)
    if "text" in expected:
        yield from differences(expected["text"], answer.text, "text")
