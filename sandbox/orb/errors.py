"""Orb's own words: problem documents with its type URIs (rule orb.problem)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.model import Endpoint, Violation
from sandbox.auth import Problem
from sandbox.body import Unreadable
from sandbox.limits import Window
from sandbox.reply import Reply, Request

__all__ = [
    "conflict",
    "constraint",
    "duplicate_resource",
    "failing",
    "in_flight",
    "limited",
    "missing_resource",
    "refused_events",
    "too_many_events",
    "unauthorized",
    "unknown_path",
    "unreadable",
    "validation",
    "violating",
    "wrong_method",
]

ERRORS = "https://docs.withorb.com/reference/error-responses#"
INVALID = "Request validation did not succeed."
EVENT = re.compile(r"\$\.events\[(\d+)\]")
UNKNOWN = re.compile(r"Additional properties are not allowed \((.*) was unexpected\)", re.S)

Messages = dict[int, list[str]]


def problem(
    status: int, kind: str, title: str | None, detail: str | None = None, **more: Any
) -> Reply:
    """A problem document; `kind` is the fragment of the type URI."""
    body = {"type": ERRORS + kind, "status": status, "title": title, "detail": detail, **more}
    return Reply.json(body, status)


def validation(*messages: str) -> Reply:
    """A 400 about the request as a whole: its errors are plain texts."""
    return problem(400, "400-request-validation-errors", INVALID, validation_errors=list(messages))


def refused_events(events: Sequence[Any], messages: Messages) -> Reply:
    """A 400 about single events: each with its key and its texts (rule orb.ingest.problem)."""
    failed = [
        {"idempotency_key": _key(events[index]), "validation_errors": messages[index]}
        for index in sorted(messages)
    ]
    return problem(
        400,
        "400-request-validation-errors",
        INVALID,
        validation_errors=failed,
        validation_failed=failed,
    )


def _key(event: Any) -> str | None:
    key = event.get("idempotency_key") if isinstance(event, dict) else None
    return key if isinstance(key, str) else None


def violating(violations: Sequence[Violation], body: Any, _: Endpoint) -> Reply:
    """Orb validates with a JSON Schema library whose messages it passes on (rule orb.problem)."""
    by_event: dict[int, list[Violation]] = {}
    for violation in violations:
        place = EVENT.match(violation.path)
        if place is None:
            return validation(*_texts(violations))
        by_event.setdefault(int(place[1]), []).append(violation)
    return refused_events(body["events"], {i: _texts(found) for i, found in by_event.items()})


def _texts(violations: Sequence[Violation]) -> list[str]:
    """The library's texts: it tells all unknown keys of an object in one."""
    unknown = [key[1] for v in violations if (key := UNKNOWN.fullmatch(v.message))]
    texts = [v.message for v in violations if not UNKNOWN.fullmatch(v.message)]
    if unknown:
        verb = "was" if len(unknown) == 1 else "were"
        names = f"{', '.join(unknown)} {verb} unexpected"
        texts.insert(0, f"Additional properties are not allowed ({names})")
    return texts + [text for v in violations for text in v.also]


def too_many_events(count: int, most: int, status: str) -> Reply:
    text = f"{count} events exceed the limit of {most} events per request."
    if status == "400":
        return validation(text)
    return problem(413, "413-request-too-large", "Request too large.", text)


def missing_resource(kind: str, id: str) -> Reply:
    detail = f"Could not find a resource of type {kind} with identifier: {id}."
    return problem(404, "404-resource-not-found", "A specified resource was not found.", detail)


def duplicate_resource(detail: str) -> Reply:
    return problem(400, "400-duplicate-resource-creation", "Duplicate resource creation.", detail)


def constraint(detail: str) -> Reply:
    """A 400 about a rule of the resource itself."""
    return problem(400, "400-constraint-violation", "Constraint violation.", detail)


def conflict(key: str) -> Reply:
    detail = f"Idempotency-Key {key} was used with a different request."
    return problem(409, "409-resource-conflict", "Resource conflict.", detail)


def in_flight(key: str) -> Reply:
    detail = f"A request with Idempotency-Key {key} is in progress."
    return problem(409, "409-resource-conflict", "Resource conflict.", detail)


def unauthorized(_: Problem, __: Request) -> Reply:
    return problem(401, "401-authentication-error", "Authentication error.")


def unknown_path(request: Request) -> Reply:
    return problem(404, "404-url-not-found", "URL not found.", request.path)


def wrong_method(request: Request, _: Sequence[str]) -> Reply:
    return unknown_path(request)


def unreadable(fault: Unreadable, _: Endpoint) -> Reply:
    if fault.fault == "too-large":
        return problem(413, "413-request-too-large", "Request too large.", fault.why)
    return validation("The request body could not be read as JSON.")


def limited(_: Window, __: datetime) -> Reply:
    return problem(429, "429-too-many-requests", "Too many requests.")


def failing(status: int, retry_after: int | None) -> Reply:
    kinds = {
        400: "400-request-validation-errors",
        401: "401-authentication-error",
        404: "404-resource-not-found",
        409: "409-resource-conflict",
        413: "413-request-too-large",
        429: "429-too-many-requests",
    }
    kind = kinds.get(
        status, "500-internal-server-error" if status >= 500 else "400-constraint-violation"
    )
    reply = problem(status, kind, None)
    if status >= 500:  # rule orb.problem.transient
        reply.headers += ((b"transient-error", b"true"),)
    if retry_after is not None:
        reply.headers += ((b"retry-after", str(retry_after).encode()),)
    return reply
