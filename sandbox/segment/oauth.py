"""Segment's authorization server, as far as an SDK asks it: an assertion in, a token out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from sandbox.body import Unreadable, content
from sandbox.reply import Decision, Reply, Request
from sandbox.room import Call

__all__ = ["form", "token"]

SCOPE = "tracking_api:write"
SECONDS = 86_400


def form(request: Request) -> Any:
    """A form-encoded body as the last text of each key. Raises Unreadable."""
    try:
        text = content(request).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError as fault:
        raise Unreadable("malformed", f"the body is not a form: {fault}") from fault


def token(call: Call) -> Decision:
    """An access token for any assertion; signatures are not checked (rule segment.token)."""
    answer = {
        "access_token": call.account.id(40),
        "token_type": "Bearer",
        "scope": call.body.get("scope") or SCOPE,
        "expires_in": SECONDS,
    }
    return Decision(Reply.json(answer))
