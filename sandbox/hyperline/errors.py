"""Hyperline's own words: an object of statusCode, type, message and errors, and for the rate limit
a bare text (rules hyperline.problem and hyperline.rate-limits)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.model import Endpoint, Violation
from sandbox.auth import Problem
from sandbox.body import Unreadable
from sandbox.hyperline.issues import issues
from sandbox.limits import Window
from sandbox.reply import Reply, Request

__all__ = [
    "CLASSES",
    "TYPES",
    "customer_not_found",
    "failing",
    "in_flight",
    "invalid",
    "limited",
    "misused_key",
    "not_archived",
    "not_found",
    "not_in_production",
    "taken",
    "taken_message",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "violating",
    "wrong_method",
]

TYPES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "payload_too_large",
    417: "expectation_failed",
    422: "unprocessable_entity",
}
CLASSES = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    417: "ExpectationFailedError",
    422: "UnprocessableEntityError",
}
"""What `type` may be instead, by switch (rule hyperline.problem.type)."""
MESSAGES = {
    400: "The request is invalid",
    401: "Missing authentication token",
    404: "The requested resource was not found",
}


def problem(status: int, message: str, errors: Sequence[Any] = ()) -> Reply:
    """Hyperline's error object; the values of `type` are assumed."""
    kind = TYPES.get(status, "internal_server_error" if status >= 500 else "bad_request")
    body = {"statusCode": status, "type": kind, "message": message, "errors": list(errors)}
    return Reply.json(body, status)


def invalid(violations: Sequence[Violation]) -> Reply:
    """A 400 with one issue for each departure (rule hyperline.problem.issues)."""
    return problem(400, MESSAGES[400], issues(violations))


def violating(violations: Sequence[Violation], _: Any, __: Endpoint) -> Reply:
    return invalid(violations)


def not_found(message: str = MESSAGES[404]) -> Reply:
    return problem(404, message)


def customer_not_found(status: int = 404) -> Reply:
    return problem(status, "Customer not found")


def taken(external_id: str) -> Reply:
    return problem(409, taken_message(external_id))


def taken_message(external_id: str) -> str:
    return f"A customer with external_id {external_id} already exists"


def not_archived(status: int) -> Reply:
    return problem(status, "The customer must be archived before it is deleted")


def misused_key(_: str) -> Reply:
    return problem(417, "Misuse of the idempotency key. Please check your request.")


def in_flight(_: str) -> Reply:
    return problem(409, "A previous request is still in progress for this key.")


def not_in_production() -> Reply:
    return problem(403, "Events can only be deleted on sandbox")


def unauthorized(fault: Problem, _: Request) -> Reply:
    return problem(401, MESSAGES[401] if fault == "missing" else "Invalid authentication token")


def unknown_path(_: Request) -> Reply:
    return problem(404, MESSAGES[404])


def wrong_method(request: Request, _: Sequence[str]) -> Reply:
    return unknown_path(request)


def unreadable(fault: Unreadable, _: Endpoint) -> Reply:
    if fault.fault == "too-large":
        return problem(413, "The request body is too large")
    return problem(400, "The request body could not be read as JSON")


def limited(window: Window, now: datetime) -> Reply:
    wait = (b"retry-after", str(window.retry_after(now)).encode())
    return Reply.text("Too many requests", 429, headers=(wait,))


def failing(status: int, retry_after: int | None) -> Reply:
    wait = () if retry_after is None else ((b"retry-after", str(retry_after).encode()),)
    if status == 429:
        return Reply.text("Too many requests", 429, headers=wait)
    fallback = "Internal server error" if status >= 500 else MESSAGES[400]
    reply = problem(status, MESSAGES.get(status, fallback))
    return Reply(status, reply.body, reply.media, wait)
