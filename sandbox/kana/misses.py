"""The usage that a refused document would have recorded, as far as it can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    value_from_ast_untyped,
)

from sandbox.graph import Document
from sandbox.kana.recording import wanted
from sandbox.reply import Usage

__all__ = ["missed"]


def missed(parsed: DocumentNode, asked: Document, names: Iterator[str]) -> list[Usage]:
    """One usage for each recordUsage at the top of its mutations; `names` gives them their own."""
    return [
        wanted(_input(node, asked.variables), next(names))
        for operation in parsed.definitions
        if isinstance(operation, OperationDefinitionNode)
        and operation.operation is OperationType.MUTATION
        for node in operation.selection_set.selections
        if isinstance(node, FieldNode) and node.name.value == "recordUsage"
    ]


def _input(node: FieldNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    for argument in node.arguments or ():
        if argument.name.value == "input":
            value = value_from_ast_untyped(argument.value, dict(variables))
            return value if isinstance(value, Mapping) else {}
    return {}
