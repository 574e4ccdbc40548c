"""Kana's own words: a status and {"message"}, as Segment asks of its partners
(rule kana.errors)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from contracts.model import Auth, Endpoint, Violation
from sandbox.auth import Problem, credential
from sandbox.body import Unreadable
from sandbox.limits import Window
from sandbox.reply import Headers, Reply, Request

__all__ = [
    "failing",
    "limited",
    "message",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "violating",
    "wrong_method",
]

PUBLIC = Auth(("raw", "basic", "bearer"), pattern=r"pub_(test|live)_.+")
PHRASES = {413: "Payload Too Large", 401: "Unauthenticated"}


def message(status: int, headers: Headers = ()) -> Reply:
    """The status in words; Kana's own texts are not known."""
    try:
        phrase = PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return Reply.json({"message": phrase}, status, headers)


def unauthorized(problem: Problem, request: Request) -> Reply:
    """403 for a public key, which is good but not for this (rule kana.auth.public-key)."""
    public = problem == "shape" and credential(request, PUBLIC).problem is None
    return message(403 if public else 401)


def unknown_path(_: Request) -> Reply:
    return message(404)


def wrong_method(_: Request, allowed: Sequence[str]) -> Reply:
    return message(405, ((b"allow", ", ".join(allowed).encode()),))


def unreadable(fault: Unreadable, _: Endpoint) -> Reply:
    return message(413 if fault.fault == "too-large" else 400)


def violating(violations: Sequence[Violation], _: Any, __: Endpoint) -> Reply:
    """501 when nothing is wrong but the type of call (rule kana.event.unsupported)."""
    only = {violation.rule for violation in violations} == {"kana.event.unsupported"}
    return message(501 if only else 400)


def limited(_: Window, __: datetime) -> Reply:
    return message(429)


def failing(status: int, retry_after: int | None) -> Reply:
    if retry_after is None:
        return message(status)
    return message(status, ((b"retry-after", str(retry_after).encode()),))
