"""Finds the credential of a request, where its vendor looks for it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from contracts.model import Auth
from sandbox.body import Unreadable, document
from sandbox.reply import Request

__all__ = ["Credential", "credential", "credentials", "handle", "redacted"]

Problem = Literal["missing", "refused", "shape", "unknown"]


@dataclass(slots=True)
class Credential:
    """A key, or why there is none: missing, refused (a `bad_` key), not the vendor's shape, or
    nobody's."""

    key: str
    problem: Problem | None = None


def credential(request: Request, auth: Auth) -> Credential:
    """The first credential found by the vendor's schemes, in their order."""
    for scheme in auth.schemes:
        key = _found(request, scheme)
        if key:
            return Credential(key, _problem(key, auth))
    return Credential("", "missing")


def credentials(request: Request, auth: Auth) -> set[str]:
    """Every credential that a request presents, by whichever scheme, good or not."""
    asked = replace(request)  # which keeps a body that is read here; the journal's must not
    found = {_found(asked, scheme) for scheme in (*auth.schemes, "bearer", "basic", "raw")}
    word, _, rest = (request.header("authorization") or "").strip().partition(" ")
    found |= {rest.strip(), _basic(rest)[2] if word.lower() == "basic" else None}
    return {credential for credential in found if credential}


def handle(key: str) -> str:
    """A short name for an account that does not tell its key."""
    return sha256(key.encode()).hexdigest()[:10] if key else "anonymous"


def redacted(key: str) -> str:
    """A key as it may be shown: its beginning and its length."""
    if not key:
        return "(none)"
    shown = key[:8] if len(key) > 16 else key[: len(key) // 3]
    return f"{shown}…({len(key)})"


def _problem(key: str, auth: Auth) -> Problem | None:
    prefix = auth.template.partition("{")[0]
    if key.removeprefix(prefix).startswith("bad_"):
        return "refused"
    return None if re.fullmatch(auth.pattern, key) else "shape"


def _found(request: Request, scheme: str) -> str | None:
    kind, _, name = scheme.partition(":")
    if kind == "header":
        return request.header(name)
    if kind == "body":
        return _in_body(request, name)
    given = (request.header("authorization") or "").strip()
    word, _, rest = given.partition(" ")
    if kind == "bearer":
        return rest.strip() if word.lower() == "bearer" else None
    if kind == "basic":
        return _basic(rest)[0] if word.lower() == "basic" else None
    return given if word.lower() not in ("bearer", "basic") else None


def _basic(encoded: str) -> tuple[str | None, str, str]:
    """User, colon and password."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # binascii's and unicode's are both
        return None, "", ""


def _in_body(request: Request, name: str) -> str | None:
    try:
        body = document(request)
    except Unreadable:
        return None
    for part in name.split("."):
        body = _inside(body, part)
    return body if isinstance(body, str) else None


def _inside(node: Any, part: str) -> Any:
    if isinstance(node, list) and part.isdecimal():
        return node[int(part)] if int(part) < len(node) else None
    return node.get(part) if isinstance(node, dict) else None
