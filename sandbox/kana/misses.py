"""The usage that a document would have recorded and did not, as far as it can be told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    value_from_ast_untyped,
)

from sandbox.graph import Document
from sandbox.kana.recording import wanted
from sandbox.reply import Usage

__all__ = ["missed"]


def missed(
    parsed: DocumentNode, asked: Document, names: Iterator[str], done: Collection[str] = ()
) -> list[Usage]:
    """One usage for each recordUsage at the top of its mutations, in a fragment or not, that is
    not `done` by the name it is answered under; `names` gives them their own."""
    fragments = {
        node.name.value: node
        for node in parsed.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    found: list[Usage] = []
    for operation in _mutations(parsed, asked):
        fields = _fields(operation, asked, dict(fragments))
        lost = {_key(node): node for node in fields if node.name.value == "recordUsage"}
        found += [
            wanted(_input(node, asked.variables), next(names))
            for key, node in lost.items()
            if key not in done
        ]
    return found


def _mutations(parsed: DocumentNode, asked: Document) -> list[OperationDefinitionNode]:
    """The mutation that is asked for by its name; all of them where no operation has it."""
    every = [node for node in parsed.definitions if isinstance(node, OperationDefinitionNode)]
    meant = [node for node in every if node.name and node.name.value == asked.operation]
    return [node for node in meant or every if node.operation is OperationType.MUTATION]


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _fields(
    operation: OperationDefinitionNode,
    asked: Document,
    fragments: dict[str, FragmentDefinitionNode],
) -> Iterator[FieldNode]:
    """Fields at the top, those of fragments included, but for those that are skipped. A fragment
    is taken out of `fragments` at its first spread: GraphQL too reads it once."""
    left: list[Any] = [operation]
    while left:
        node = left.pop()
        if isinstance(node, FragmentSpreadNode):
            node = None if _skipped(node, asked.variables) else fragments.pop(node.name.value, None)
        if node is None or _skipped(node, asked.variables):
            continue
        if isinstance(node, FieldNode):
            yield node
        else:
            left += reversed(node.selection_set.selections)


def _skipped(node: Any, variables: Mapping[str, Any]) -> bool:
    """Whether @skip or @include leaves it out."""
    for directive in node.directives or ():
        for argument in directive.arguments or ():
            value = value_from_ast_untyped(argument.value, dict(variables))
            if (directive.name.value, value) in (("skip", True), ("include", False)):
                return True
    return False


def _input(node: FieldNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    for argument in node.arguments or ():
        if argument.name.value == "input":
            value = value_from_ast_untyped(argument.value, dict(variables))
            return value if isinstance(value, Mapping) else {}
    return {}
