"""How much a GraphQL document asks for, before anything is done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

__all__ = ["DEPTH", "FIELDS", "LENGTH", "RESOLVED", "TOKENS", "TOLD", "excess", "size"]

LENGTH = 100_000
"""Characters of a document."""
TOKENS = 5_000
FIELDS = 500
"""Fields of a document, those of a fragment wherever it is spread."""
DEPTH = 30
RESOLVED = 50_000
"""Fields of an answer: lists make them many more than those asked for."""
TOLD = 10_000_000
"""Characters of an answer's values: a body's worth, however often the document asks for it."""

Size = tuple[int, int]


def excess(document: DocumentNode) -> str | None:
    """Why a document asks for too much; None when it does not."""
    told = [*document.definitions]
    fragments = {node.name.value: node for node in told if isinstance(node, FragmentDefinitionNode)}
    scale = _Scale(fragments)
    sizes = [
        scale.of(node.selection_set) for node in told if isinstance(node, OperationDefinitionNode)
    ]
    alone = sum(_written(node.selection_set) for node in fragments.values())
    # Fragments that circle or lack a definition weigh nothing here: validation refuses them.
    if max(alone, sum(fields for fields, _ in sizes)) > FIELDS:
        return f"The document asks for more than {FIELDS:,} fields"
    if max((depth for _, depth in sizes), default=0) > DEPTH:
        return f"The document is more than {DEPTH} fields deep"
    return None


def size(value: Any, most: int) -> int:
    """About as many characters as a value is told in; beyond `most` it is not looked at."""
    found, left = 0, [value]
    while left and found <= most:
        one = left.pop()
        found += 2
        if isinstance(one, str):
            found += len(one)
        elif isinstance(one, dict):
            found += sum(map(len, one))
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found


@dataclass
class _Scale:
    """Weighs selections as fields and depth; each fragment once."""

    fragments: dict[str, FragmentDefinitionNode]
    known: dict[str, Size] = field(default_factory=dict)

    def of(self, selections: SelectionSetNode | None) -> Size:
        sizes = [self._one(node) for node in selections.selections] if selections else []
        return sum(fields for fields, _ in sizes), max((depth for _, depth in sizes), default=0)

    def _one(self, node: SelectionNode) -> Size:
        if isinstance(node, FieldNode):
            fields, depth = self.of(node.selection_set)
            return fields + 1, depth + 1
        if isinstance(node, InlineFragmentNode):
            fields, depth = self.of(node.selection_set)
            return fields, depth + 1
        assert isinstance(node, FragmentSpreadNode)
        return self._spread(node.name.value)

    def _spread(self, name: str) -> Size:
        if name not in self.known:
            self.known[name] = (0, 0)  # first, so that a circle ends
            fragment = self.fragments.get(name)
            fields, depth = self.of(fragment.selection_set if fragment else None)
            self.known[name] = (fields, depth + 1)
        return self.known[name]


def _written(selections: SelectionSetNode) -> int:
    """The fields of a fragment as it stands, for one that nobody spreads is validated too."""
    return sum(1 for _ in _fields(selections))


def _fields(selections: SelectionSetNode | None) -> Iterator[SelectionNode]:
    for node in selections.selections if selections else ():
        yield node
        if isinstance(node, FieldNode | InlineFragmentNode):
            yield from _fields(node.selection_set)
