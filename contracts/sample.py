"""A JSON value that conforms to a schema: the same one for the same seed.

It claims as little as it may: objects get what the schema requires and what is given to be echoed,
lists as few items as they may have, and what may be null is, so that a page of a list is the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from random import Random
from typing import Any

from contracts.model import MeterboxError
from contracts.pattern import WORD, Unfit, written
from contracts.schema import Schema

__all__ = ["Unsampled", "sample"]

Node = Mapping[str, Any]
DEEPEST = 24
TRIES = 20
BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
ORDER = ("object", "string", "integer", "number", "boolean", "array")
FORMATS = {
    "date-time": "2026-01-15T12:00:00Z",
    "date": "2026-01-15",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "somebody@example.test",
    "hostname": "example.test",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.test/",
    "uri-reference": "/",
    "uuid": "6f1d2b9e-5c1a-4b7e-9d3f-0a2c4e6b8d10",
    "regex": ".*",
    "json-pointer": "/",
}
LOGIC = ("allOf", "anyOf", "oneOf", "if", "then", "else", "$ref")


class Unsampled(MeterboxError):
    """No value was found that conforms; the schema may still have some."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No value could be made for the schema {name!r}.")


def sample(schema: Schema, seed: str, echoed: Mapping[str, Any] | None = None) -> Any:
    """A value that conforms; `echoed` are values for the properties of these names, where they fit.

    The last of them is for `id` where no property has its name. Raises Unsampled.
    """
    for number in range(TRIES):
        nulls = number % 2 == 0  # where null will not do after all, the next try does without
        maker = _Maker(schema, Random(f"{seed}:{number}"), echoed or {}, nulls=nulls)
        try:
            value = maker.value(schema.document)
        except (Unfit, _Stuck):
            continue
        if schema.accepts(value):
            return value
    raise Unsampled(schema.name)


class _Stuck(Exception):
    """This way leads to no value."""


class _Maker:
    """Makes one value; `nulls` makes null of what may be null."""

    def __init__(
        self, schema: Schema, chance: Random, echoed: Mapping[str, Any], *, nulls: bool
    ) -> None:
        self.schema, self.chance, self.echoed, self.nulls = schema, chance, echoed, nulls

    def value(self, node: Any, depth: int = 0) -> Any:
        """The first value made of one of the node's alternatives that the node accepts."""
        if depth > DEEPEST or node is False:
            raise _Stuck
        if node is True:
            return None
        plain = not any(word in node for word in (*LOGIC, "not"))
        for flat in self._alternatives(node, depth):
            try:
                found = self._made(flat, depth)
            except _Stuck:
                continue
            if plain or self.schema.compiled(node)(found):
                return found
        raise _Stuck

    def _alternatives(self, node: Any, depth: int) -> Iterator[Node]:
        """The node without references and logic: one for each way that its logic leaves open."""
        if depth > DEEPEST or not isinstance(node, Mapping):
            return
        flat: Node = {word: told for word, told in node.items() if word not in LOGIC}
        ways = [flat]
        for group in self._logic(node):
            some = [a for part in group for a in self._alternatives(part, depth + 1)]
            ways = [_merged(way, other) for way in ways for other in some]
        yield from ways

    def _logic(self, node: Node) -> Iterator[list[Any]]:
        """Lists of nodes, of each of which one must hold too."""
        if "$ref" in node:
            yield [self._target(node["$ref"])]
        for part in node.get("allOf", ()):
            yield [part]
        for word in ("anyOf", "oneOf"):
            if word in node:
                yield node[word]
        if "if" in node:
            # An `if` tells the exception; what it leaves is the rule.
            yield [node.get("else", {}), node.get("then", {})]

    def _target(self, reference: str) -> Any:
        node: Any = self.schema.document
        for part in reference.removeprefix("#").strip("/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")] if part else node
        return node

    def _made(self, flat: Node, depth: int) -> Any:
        if "const" in flat:
            return flat["const"]
        if "enum" in flat:
            return min(flat["enum"], key=lambda one: (one is None) is not self.nulls)
        makers = {
            "object": self._object,
            "array": self._array,
            "string": self._text,
            "integer": self._integer,
            "number": self._number,
        }
        kind = _kind(flat, nulls=self.nulls)
        if kind in makers:
            return makers[kind](flat, depth)
        return False if kind == "boolean" else None

    def _object(self, flat: Node, depth: int) -> dict[str, Any]:
        known: Node = flat.get("properties", {})
        wanted = [*flat.get("required", ())]
        # Only what is at the top is about the thing that was asked for.
        given = self._given(known) if depth == 0 else {}
        wanted += [name for name in known if name in given and name not in wanted]
        other = flat.get("additionalProperties", True)
        made = {}
        for name in wanted:
            node = known.get(name, other)
            fits = name in given and self._fits(node, given[name])
            made[name] = given[name] if fits else self.value(node, depth + 1)
        for name in known:
            if len(made) >= flat.get("minProperties", 0):
                break
            made.setdefault(name, self.value(known[name], depth + 1))
        while len(made) < flat.get("minProperties", 0):
            made[f"property_{len(made) + 1}"] = self.value(other, depth + 1)
        return made

    def _given(self, known: Node) -> dict[str, Any]:
        given = dict(self.echoed)
        if given and list(given)[-1] not in known:
            given = {"id": list(given.values())[-1], **given}
        return given

    def _fits(self, node: Any, value: Any) -> bool:
        return node is not False and self.schema.compiled(node)(value)

    def _array(self, flat: Node, depth: int) -> list[Any]:
        first = [self.value(node, depth + 1) for node in flat.get("prefixItems", ())]
        least, most = flat.get("minItems", 0), flat.get("maxItems")
        made = first[:most]
        if "contains" in flat:
            made.append(self.value(flat["contains"], depth + 1))
        while len(made) < least:
            made.append(self.value(flat.get("items", True), depth + 1))
        return made

    def _text(self, flat: Node, _: int) -> str:
        if "pattern" in flat:
            return written(flat["pattern"], self.chance)
        if flat.get("format") in FORMATS:
            return FORMATS[flat["format"]]
        length = min(max(16, flat.get("minLength", 0)), flat.get("maxLength", 16))
        return "".join(self.chance.choices(WORD, k=max(length, flat.get("minLength", 0))))

    def _integer(self, flat: Node, depth: int) -> int:
        return int(self._number({"multipleOf": 1, **flat}, depth))

    def _number(self, flat: Node, _: int) -> Any:
        """None or one where that is allowed, or else the number nearest to a bound that is."""
        step = flat.get("multipleOf")
        bounds = [flat[word] for word in BOUNDS if word in flat]
        near = [one + by for one in bounds for by in (0, step or 1, -(step or 1))]
        if step is not None:
            near = [ceil(one / step) * step for one in near]
        found = [0, 1, *near, sum(bounds) / len(bounds) if bounds and step is None else 0]
        numeric = {word: told for word, told in flat.items() if word in (*BOUNDS, "multipleOf")}
        return next((one for one in found if self._fits(numeric, one)), 0)


def _kind(flat: Node, *, nulls: bool) -> str:
    """The type to make: of several, null or else the one that tells most."""
    told = flat.get("type")
    if isinstance(told, str):
        return told
    kinds = told or [_hinted(flat)]
    if nulls and "null" in kinds:
        return "null"
    return next((kind for kind in ORDER if kind in kinds), "null")


def _hinted(flat: Node) -> str:
    """The type that the other words speak of, where none is named."""
    words = {
        "object": ("properties", "required", "minProperties", "additionalProperties"),
        "array": ("items", "minItems", "prefixItems", "contains"),
        "string": ("pattern", "format", "minLength", "maxLength"),
        "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
    return next((kind for kind, known in words.items() if flat.keys() & set(known)), "null")


def _merged(one: Node, other: Node) -> Node:
    """Both nodes at once, as far as that can be told without logic."""
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {
            name: _both(one["properties"].get(name), other["properties"].get(name))
            for name in [*one["properties"], *other["properties"]]
        }
    if "required" in one and "required" in other:
        both["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    if "type" in one and "type" in other:
        both["type"] = [kind for kind in _types(one) if kind in _types(other)]
    return both


def _types(node: Node) -> list[str]:
    told: Any = node["type"]
    kinds = [told] if isinstance(told, str) else list(told)
    return [*kinds, "integer"] if "number" in kinds and "integer" not in kinds else kinds


def _both(one: Any, other: Any) -> Any:
    if one in (None, True) or other in (None, True):
        return other if one in (None, True) else one
    return {"allOf": [one, other]}
