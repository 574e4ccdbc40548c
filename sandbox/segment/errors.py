"""Segment's words: a JSON object that every SDK's parser can read (rule segment.failure).

Segment publishes the statuses and no texts; codes and sentences here are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from contracts.model import Endpoint, Violation
from sandbox.auth import Problem
from sandbox.body import Unreadable
from sandbox.limits import Window
from sandbox.reply import Headers, Reply, Request

__all__ = [
    "failing",
    "failure",
    "limited",
    "success",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "violating",
    "wrong_method",
]

TOO_LARGE = "payload_too_large"
CODES = {400: "bad_request", 401: "unauthorized", 404: "not_found", 429: "too_many_requests"}


def success() -> Reply:
    return Reply(200, b'{"success":true}')


def failure(status: int, code: str, message: str, headers: Headers = ()) -> Reply:
    """A refusal with code and message, and the message once more where Ruby's SDK looks."""
    body = {"success": False, "code": code, "message": message, "error": {"message": message}}
    return Reply.json(body, status, headers)


def refused_token(error: str, description: str) -> Reply:
    """An OAuth refusal as RFC 6749 section 5.2 has it (rule segment.token.refused)."""
    return Reply.json({"error": error, "error_description": description}, 400)


def unauthorized(problem: Problem, _: Request) -> Reply:
    said = {"missing": "no write key was given", "shape": "the write key is too short"}
    return failure(400, "invalid_write_key", said.get(problem, "the write key is not valid"))


def unknown_path(request: Request) -> Reply:
    return failure(404, "not_found", f"there is nothing at {request.path}")


def wrong_method(_: Request, allowed: Sequence[str]) -> Reply:
    methods = ", ".join(allowed)
    header = (b"allow", methods.encode())
    return failure(405, "method_not_allowed", f"this path takes {methods}", (header,))


def unreadable(fault: Unreadable, endpoint: Endpoint) -> Reply:
    if endpoint.name == "token":
        return refused_token("invalid_request", fault.why)
    code = TOO_LARGE if fault.fault == "too-large" else "invalid_json"
    return failure(400, code, fault.why)


def violating(violations: Sequence[Violation], _: object, endpoint: Endpoint) -> Reply:
    if endpoint.name != "token":
        return failure(400, "invalid_json", "the body is not a JSON object")
    wrong_grant = any(violation.path == "$.grant_type" for violation in violations)
    error = "unsupported_grant_type" if wrong_grant else "invalid_request"
    return refused_token(error, violations[0].message)


def limited(window: Window, now: datetime) -> Reply:
    return _later(429, window.retry_after(now))


def failing(status: int, retry_after: int | None) -> Reply:
    return _later(status, retry_after)


def _later(status: int, seconds: int | None) -> Reply:
    """Segment says twice when to come again (rule segment.rate-limits)."""
    code = CODES.get(status, "server_error" if status >= 500 else "request_failed")
    headers: Headers = ()
    if seconds is not None:
        text = str(seconds).encode()
        headers = ((b"retry-after", text), (b"x-ratelimit-reset", text))
    return failure(status, code, f"the request was answered with {status}", headers)
