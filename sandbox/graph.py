"""Executes a GraphQL document: bounded, synchronous, and never failing but by a fault of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from typing import Any, Literal, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    execute,
    is_specified_scalar_type,
    parse,
    validate,
    value_from_ast_untyped,
)

from sandbox.bounds import LENGTH, RESOLVED, TOKENS, excess

__all__ = ["Answer", "Document", "answer", "schema"]

Stage = Literal["syntax", "bounds", "validation", "variables", "execution"]
ERRORS = 20
"""Errors told of one document."""
DEEP = "The document is nested too deeply"


class Exhausted(BaseException):
    """The answer has grown too large. No Exception, which GraphQL would tell field by field."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is asked: a document, its variables, and which of its operations is meant."""

    text: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None


@dataclass(slots=True)
class Answer:
    """How far a document came. Only what was `executed` has `data`, which may be None; `parsed`
    is there unless the document could not be read."""

    stage: Stage
    errors: list[GraphQLError] = field(default_factory=list)
    data: Any = None
    parsed: DocumentNode | None = None
    executed: bool = False


@cache
def schema(sdl: str) -> GraphQLSchema:
    """The executable schema of a definition; its scalars take any JSON value."""
    made = build_schema(sdl)
    for kind in made.type_map.values():
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind):
            kind.parse_literal = _literal  # type: ignore[method-assign]  # as GraphQL means it
    return made


def _literal(node: Any, variables: Any = None) -> Any:
    value = value_from_ast_untyped(node, variables)
    if _boundless(value):
        raise GraphQLError("A number is larger than JSON can tell", node)
    return value


def _boundless(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_boundless, value.values()))
    if isinstance(value, list):
        return any(map(_boundless, value))
    return isinstance(value, float) and not isfinite(value)


def answer(
    asked: Document,
    of: GraphQLSchema,
    root: Mapping[str, Callable[..., Any]],
    refusals: type[Exception],
) -> Answer:
    """Execute a document; `root` resolves the fields of the operations' types by name.

    Resolvers refuse with `refusals`; whatever else they raise is a fault of ours, and is raised.
    """
    try:
        parsed = parse(
            asked.text,
            allow_empty_selection_sets=False,
            max_lexical_tokens=TOKENS,
            max_comments=TOKENS,
            max_source_length=LENGTH,
        )
    except GraphQLError as fault:
        return Answer("syntax", [fault])
    try:
        return _checked(parsed, asked, of, root, refusals)
    except RecursionError:
        return Answer("bounds", [GraphQLError(DEEP)], parsed=parsed)


def _checked(
    parsed: DocumentNode,
    asked: Document,
    of: GraphQLSchema,
    root: Mapping[str, Callable[..., Any]],
    refusals: type[Exception],
) -> Answer:
    too_much = excess(parsed)
    if too_much is not None:
        return Answer("bounds", [GraphQLError(too_much)], parsed=parsed)
    errors = validate(of, parsed, max_errors=ERRORS)
    if errors:
        return Answer("validation", errors, parsed=parsed)
    try:
        result = _executed(parsed, asked, of, root)
    except Exhausted:
        why = f"The answer has more than {RESOLVED:,} fields"
        return Answer("bounds", [GraphQLError(why)], parsed=parsed, executed=True)
    errors = result.errors or []
    for error in errors:
        if error.original_error is not None and not isinstance(
            error.original_error, (GraphQLError, refusals)
        ):
            raise error.original_error
    # What fails before any field is asked for has no path: variables, or the operation's name.
    before = bool(errors) and all(error.path is None for error in errors)
    if before:
        return Answer("variables", errors, parsed=parsed)
    return Answer("execution", errors, result.data, parsed, executed=True)


def _executed(
    parsed: DocumentNode,
    asked: Document,
    of: GraphQLSchema,
    root: Mapping[str, Callable[..., Any]],
) -> ExecutionResult:
    left = RESOLVED

    def counted(resolve: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Exhausted
        return resolve(source, info, **arguments)

    result = execute(
        of,
        parsed,
        root,
        variable_values=dict(asked.variables),
        operation_name=asked.operation,
        middleware=[counted],
        max_coercion_errors=ERRORS,
    )
    return cast(ExecutionResult, result)  # no resolver is asynchronous
