"""Amberflo's own words: the application says errorMessage, the gateway before it says message
(rule amberflo.error)."""

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
    "invalid",
    "limited",
    "refusal",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "violating",
    "wrong_method",
]

SHOWN = 3
GATEWAY = {
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Too Long",
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Endpoint request timed out",
}


def invalid(why: str) -> Reply:
    """A 400 of the application."""
    return refusal(f"Invalid request: {why}")


def refusal(words: str) -> Reply:
    """A 400 in these very words."""
    return Reply.json({"errorMessage": words}, 400)


def gateway(status: int, headers: Headers = ()) -> Reply:
    """An answer of the gateway, which the application never saw."""
    words = GATEWAY.get(status, "Internal server error" if status >= 500 else "Bad Request")
    return Reply.json({"message": words}, status, headers)


def violating(violations: Sequence[Violation], _: object, __: Endpoint) -> Reply:
    """The first departures, by place; the texts are assumed (rule amberflo.error)."""
    return invalid("; ".join(f"{v.path}: {v.message}" for v in violations[:SHOWN]))


def unauthorized(_: Problem, __: Request) -> Reply:
    return gateway(403)


def unknown_path(_: Request) -> Reply:
    return gateway(404)


def wrong_method(_: Request, allowed: Sequence[str]) -> Reply:
    return gateway(405, ((b"allow", ", ".join(allowed).encode()),))


def unreadable(fault: Unreadable, _: Endpoint) -> Reply:
    if fault.fault == "too-large":
        return gateway(413)
    return invalid("the body could not be read as JSON")


def limited(window: Window, now: datetime) -> Reply:
    return gateway(429, ((b"retry-after", str(window.retry_after(now)).encode()),))


def failing(status: int, retry_after: int | None) -> Reply:
    if status == 400:
        return invalid("the request failed")
    after = () if retry_after is None else ((b"retry-after", str(retry_after).encode()),)
    return gateway(status, after)
