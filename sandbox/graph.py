"""Executes a GraphQL document: bounded, synchronous, and never failing but by a fault of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import isfinite
from typing import Any, Literal, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    build_schema,
    execute,
    get_named_type,
    is_leaf_type,
    is_specified_scalar_type,
    parse,
    validate,
    value_from_ast_untyped,
)

from sandbox.bounds import LENGTH, RESOLVED, TOKENS, TOLD, excess, size

__all__ = ["Answer", "Document", "answer", "schema"]

Stage = Literal["syntax", "bounds", "validation", "variables", "execution"]
ERRORS = 20
"""Errors told of one document."""
KEPT, SHORT = 128, 8_000
"""Documents that were found right are kept, so many, if they have no more characters."""
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


class Unfit(Exception):
    """A document that is not executed, and its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.stage)
        self.answer = answer


@cache
def schema(sdl: str) -> GraphQLSchema:
    """The executable schema of a definition; its scalars take any JSON value."""
    made = build_schema(sdl)
    for kind in made.type_map.values():
        if isinstance(kind, GraphQLScalarType) and not is_specified_scalar_type(kind):
            kind.parse_literal = _literal  # type: ignore[method-assign]  # as GraphQL means it
    return made


def _literal(node: Any, variables: Any = None) -> Any:
    """A JSON value written in a document. A variable that is not given is left out of an object,
    and null in a list."""
    if isinstance(node, ObjectValueNode):
        told = {field.name.value: _literal(field.value, variables) for field in node.fields}
        return {name: part for name, part in told.items() if part is not Undefined}
    if isinstance(node, ListValueNode):
        parts = [_literal(part, variables) for part in node.values]
        return [None if part is Undefined else part for part in parts]
    # A variable's value is not copied: a document may name it hundreds of times.
    value = value_from_ast_untyped(node, variables)
    if isinstance(value, float) and not isfinite(value):
        raise GraphQLError("A number is larger than JSON can tell", node)
    return value


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
        parsed = (_read if len(asked.text) <= SHORT else _read.__wrapped__)(asked.text, of)
    except Unfit as unfit:
        return unfit.answer
    try:
        result = _executed(parsed, asked, of, root)
    except RecursionError:
        return Answer("bounds", [GraphQLError(DEEP)], parsed=parsed)
    except Exhausted as much:
        why = f"The answer has more than {much}"
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


@lru_cache(maxsize=KEPT)
def _read(text: str, of: GraphQLSchema) -> DocumentNode:
    """A document that can be executed against the schema. Raises Unfit."""
    try:
        parsed = parse(
            text,
            allow_empty_selection_sets=False,
            max_lexical_tokens=TOKENS,
            max_comments=TOKENS,
            max_source_length=LENGTH,
        )
    except GraphQLError as fault:
        raise Unfit(Answer("syntax", [fault])) from fault
    try:
        too_much = excess(parsed)
        errors = validate(of, parsed, max_errors=ERRORS) if too_much is None else []
    except RecursionError:
        too_much, errors = DEEP, []
    if too_much is not None:
        raise Unfit(Answer("bounds", [GraphQLError(too_much)], parsed=parsed))
    if errors:
        raise Unfit(Answer("validation", errors, parsed=parsed))
    return parsed


@cache
def _told(kind: GraphQLOutputType) -> bool:
    """Whether a field of that type is told as a value, and not by fields of its own."""
    return is_leaf_type(get_named_type(kind))


def _executed(
    parsed: DocumentNode,
    asked: Document,
    of: GraphQLSchema,
    root: Mapping[str, Callable[..., Any]],
) -> ExecutionResult:
    fields, characters = RESOLVED, TOLD

    def counted(resolve: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        nonlocal fields, characters
        fields -= 1
        if fields < 0:
            raise Exhausted(f"{RESOLVED:,} fields")
        value = resolve(source, info, **arguments)
        if _told(info.return_type):
            characters -= size(value, characters)
        if characters < 0:
            raise Exhausted(f"{TOLD:,} characters")
        return value

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
