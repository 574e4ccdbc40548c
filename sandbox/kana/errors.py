"""Kana's own words: {"errors"} where GraphQL is spoken (rule kana.graphql.errors); elsewhere a
status and {"message"}, as Segment asks of its partners (rule kana.errors)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from contracts.model import Auth, Endpoint, Json, Violation
from sandbox.auth import Problem, credential
from sandbox.body import Unreadable
from sandbox.kana.refusal import UNAUTHENTICATED
from sandbox.limits import Window
from sandbox.reply import Headers, Reply, Request

__all__ = [
    "extensions",
    "failing",
    "graphql",
    "limited",
    "message",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "violating",
    "wrong_method",
]

PUBLIC = Auth(("raw", "basic", "bearer"), pattern=r"pub_(test|live)_.+")
GRAPHQL = ("/graphql", "/client/graphql")
PHRASES = {413: "Payload Too Large", 401: "Unauthenticated"}


def message(status: int, headers: Headers = ()) -> Reply:
    """The status in words; Kana's own texts are not known."""
    try:
        phrase = PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    return Reply.json({"message": phrase}, status, headers)


def graphql(message: str, name: str | None = None, *, status: int) -> Reply:
    """An answer with one error and no data."""
    error: dict[str, Json] = {"message": message, "extensions": extensions(message, name)}
    reply = Reply.json({"errors": [error]}, status)
    reply.refuses = True
    return reply


def extensions(message: str, name: str | None) -> Json:
    """An error's code, and its type as the SDKs know it (rules
    kana.graphql.typed-errors and kana.graphql.admin-errors)."""
    known = message.startswith(UNAUTHENTICATED)
    code = "UNAUTHENTICATED" if known else "BAD_USER_INPUT"
    if name is None:
        return {"code": code}
    return {"code": code, "exception": {"name": name, "message": message}}


def unauthorized(problem: Problem, request: Request) -> Reply:
    """403 for a public key, which is good but not for this (rule kana.auth.public-key)."""
    if request.path in GRAPHQL:
        return graphql(UNAUTHENTICATED, "AuthenticationError", status=200)
    public = problem == "shape" and credential(request, PUBLIC).problem is None
    return message(403 if public else 401)


def unknown_path(_: Request) -> Reply:
    return message(404)


def wrong_method(_: Request, allowed: Sequence[str]) -> Reply:
    return message(405, ((b"allow", ", ".join(allowed).encode()),))


def unreadable(fault: Unreadable, endpoint: Endpoint) -> Reply:
    status = 413 if fault.fault == "too-large" else 400
    if endpoint.sdl is None:
        return message(status)
    return graphql("The body could not be read as JSON.", status=status)


def violating(violations: Sequence[Violation], _: Any, endpoint: Endpoint) -> Reply:
    """501 when nothing is wrong but the type of call (rule kana.event.unsupported)."""
    if endpoint.sdl is not None:
        return graphql("Must provide query string.", status=400)
    only = {violation.rule for violation in violations} == {"kana.event.unsupported"}
    return message(501 if only else 400)


def limited(_: Window, __: datetime) -> Reply:
    return message(429)


def failing(status: int, retry_after: int | None) -> Reply:
    if retry_after is None:
        return message(status)
    return message(status, ((b"retry-after", str(retry_after).encode()),))
