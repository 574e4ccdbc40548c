"""Kana's GraphQL over HTTP: reads what is asked, and tells answers and errors as Kana does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import GraphQLError

from contracts.model import Violation
from sandbox.body import Unreadable, parse
from sandbox.graph import Answer, Document, answer, schema
from sandbox.kana import errors
from sandbox.kana.refusal import Refused
from sandbox.reply import Refusal, Reply
from sandbox.room import Call

__all__ = ["answered", "asked", "findings", "told"]

CODES = {
    "syntax": "GRAPHQL_PARSE_FAILED",
    "bounds": "GRAPHQL_VALIDATION_FAILED",
    "validation": "GRAPHQL_VALIDATION_FAILED",
    "variables": "BAD_USER_INPUT",
    "execution": "INTERNAL_SERVER_ERROR",
}
RULES = {
    "syntax": "kana.graphql.syntax",
    "bounds": "kana.graphql.bounds",
    "validation": "kana.graphql.validation",
    "variables": "kana.graphql.variables",
    "execution": "kana.graphql.result",
}


def asked(call: Call) -> Document:
    """The document of a request; its variables may be JSON inside a text
    (rule kana.graphql.variables-text). Raises Refusal."""
    body: Mapping[str, Any] = call.body
    variables = body.get("variables")
    if isinstance(variables, str):
        try:
            variables = parse(variables.encode())
        except Unreadable as fault:
            raise _no_variables(fault.why, variables) from fault
        if not isinstance(variables, dict | None):
            raise _no_variables("the text holds no object", variables)
    return Document(body["query"], variables or {}, body.get("operationName"))


def _no_variables(why: str, value: Any) -> Refusal:
    found = Violation("$.variables", why, value, "kana.graphql.variables-text")
    return Refusal(errors.graphql("Variables are invalid JSON.", status=400), [found])


def answered(document: Document, call: Call, root: Mapping[str, Callable[..., Any]]) -> Answer:
    """The document executed against the schema of the endpoint."""
    assert call.endpoint.sdl is not None
    return answer(document, schema(call.endpoint.sdl), root, Refused)


def told(done: Answer, call: Call) -> Reply:
    """200 also for errors, but by switch 400 where nothing was executed
    (rule kana.graphql.status)."""
    body: dict[str, Any] = {}
    if done.errors:
        body["errors"] = [_error(error, done.stage) for error in done.errors]
    status = 200
    if done.executed:
        body["data"] = done.data
    else:
        status = int(call.setting("kana.graphql.status"))
    reply = Reply.json(body, status)
    reply.refuses = bool(done.errors)
    return reply


def _error(error: GraphQLError, stage: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": error.message}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    refused = error.original_error
    if not isinstance(refused, Refused):
        return {**shown, "extensions": {"code": CODES[stage]}}
    return {**shown, "extensions": errors.extensions(refused.message, refused.name)}


def findings(done: Answer) -> Iterator[Violation]:
    """Why, by which rule, and where: the fields that lead there, and then the argument."""
    for error in done.errors:
        refused = error.original_error
        place = "$.query" + "".join(map(_step, error.path or ()))
        if isinstance(refused, Refused):
            at = f"{place}.{refused.argument}" if refused.argument else place
            yield Violation(at, refused.message, refused.value, refused.rule)
        else:
            yield Violation(place, error.message, None, RULES[done.stage])


def _step(key: str | int) -> str:
    return f".{key}" if isinstance(key, str) else f"[{key}]"
