"""What a text may be meant as: a call of the source, or a payload of some endpoint of a vendor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.model import Contract, Endpoint
from contracts.schema import Schema
from sandbox.lint.usage import reader
from sandbox.room import Room
from translators.event import TYPES

__all__ = ["as_events", "endpoints", "is_event", "likeness", "main", "wrapped"]

WHO = ("userId", "anonymousId", "messageId")
"""Fields that calls of the source have, and usage of vendors seldom has."""


def endpoints(rooms: Mapping[str, Room]) -> Iterator[tuple[Contract, Endpoint]]:
    """Where a payload can go: what takes a body, at a path that is the same for all."""
    for room in rooms.values():
        for endpoint in room.contract.endpoints:
            plain = endpoint.request is not None and "{" not in endpoint.paths[0]
            if room.contract.role == "billing" and plain and endpoint.sdl is None:
                yield room.contract, endpoint


def is_event(value: Any) -> bool:
    """Whether it looks like a call of the source, or several."""
    if isinstance(value, list):
        return bool(value) and is_event(value[0])
    if not isinstance(value, dict):
        return False
    return value.get("type") in TYPES or "batch" in value or any(name in value for name in WHO)


def main(contract: Contract, endpoint: Endpoint) -> bool:
    """Whether this is where the vendor's usage goes, first of all."""
    return any(layout.endpoints[0] == endpoint.name for layout in contract.layouts[:1])


def wrapped(value: Any, contract: Contract, endpoint: Endpoint) -> Any:
    """The payload; one event by itself in the list that its endpoint wants."""
    for layout in contract.layouts:
        inside = layout.inside if endpoint.name in layout.endpoints else None
        if inside and _known(value, endpoint.event) > _known(value, endpoint.request):
            return {inside: value if isinstance(value, list) else [value]}
    return value


def likeness(value: Any, endpoint: Endpoint) -> int:
    """How many fields of a payload the endpoint knows."""
    return max(_known(value, schema) for schema in (endpoint.request, endpoint.event))


def _known(value: Any, schema: Schema | None) -> int:
    one = value[0] if isinstance(value, list) and value else value
    if schema is None or not isinstance(one, dict):
        return 0
    return len(set(one) & set(schema.document.get("properties", ())))


def as_events(contract: Contract, endpoint: Endpoint, body: Any) -> Iterator[Mapping[str, Any]]:
    """The usage in a payload as the source's events, by which vendors are set up."""
    for layout in contract.layouts:
        if endpoint.name in layout.endpoints:
            for usage in reader(layout)(body, "", 1, "$"):
                fields = dict(usage.fields)
                yield {
                    "type": "track",
                    "userId": usage.customer,
                    "event": usage.name,
                    "properties": fields,
                }
