"""What a vendor's room is asked and what it answers: plain values, no HTTP library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from contracts.model import Violation
from sandbox.metering import Aggregation, Number

__all__ = ["Decision", "Effects", "Headers", "Outcome", "Refusal", "Reply", "Request", "Usage"]

Headers = tuple[tuple[bytes, bytes], ...]
Outcome = Literal[
    "accepted", "updated", "duplicate", "late", "rejected", "unmatched", "dropped", "removed"
]


@dataclass(slots=True)
class Request:
    """One request as it came. Header names are lower case; `params` are the path's."""

    method: str
    path: str
    query_string: bytes = b""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    parsed: Any = None

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The query as the last value of each key."""
        if not self.query_string:
            return {}
        return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))


@dataclass(slots=True)
class Reply:
    """The vendor's answer: its status, its headers, its words.

    `refuses` says that it is a no although its status is good, as GraphQL's errors are.
    """

    status: int
    body: bytes = b""
    media: str | None = "application/json"
    headers: Headers = ()
    refuses: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> Reply:
        return cls(status, _written(value), "application/json", headers)

    @classmethod
    def text(
        cls, words: str, status: int = 200, media: str = "text/plain", headers: Headers = ()
    ) -> Reply:
        return cls(status, words.encode(), media, headers)


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # What a body brought may be as deep as orjson writes, and an answer puts it deeper.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class Usage:
    """What a vendor would bill one event as. `event` is the identity it deduplicates by.

    `counts` is how the usage of one customer and meter makes a total: the sum, the smallest or the
    largest of the quantities, how many there are, or how many a `value` that differ. `unbilled` is
    the rule by which the vendor keeps the event and bills nothing for it. `least` is what the total
    comes to at the least, where there is such a bound.
    """

    event: str
    customer: str | None
    meter: str | None
    quantity: Number
    counts: Aggregation = "sum"
    value: str | None = None
    unbilled: str | None = None
    least: Number | None = None


def itself(usage: Usage) -> Usage:
    return usage


@dataclass(slots=True)
class Effects:
    """The same thing having happened to some events.

    `items` are events as the vendor keeps them and `usage` reads one, as one usage or as several
    of different meters: a request that is right costs no more than this one object, however many
    events it brings. `open` leaves it to `usage`, whenever the ledger is asked, whether an item
    is billed: what is unmatched today may be matched by a meter that is declared tomorrow.
    """

    outcome: Outcome
    items: Sequence[Any]
    rule: str | None = None
    usage: Callable[[Any], Usage | tuple[Usage, ...]] = itself
    open: bool = False

    def usages(self, item: Any) -> tuple[Usage, ...]:
        """What one of the items would be billed as: at least one usage, all of one event."""
        found = self.usage(item)
        return found if isinstance(found, tuple) else (found,)


@dataclass(slots=True)
class Decision:
    """What a request did (`effects`), what we say of it (`findings`) and what the vendor says.

    `forward` holds events for the forwarder; only a source vendor has any.
    """

    reply: Reply
    effects: tuple[Effects, ...] = ()
    findings: tuple[Violation, ...] = ()
    forward: Sequence[Mapping[str, Any]] = ()


class Refusal(Exception):
    """Raised by a room to answer no; it carries the whole decision."""

    def __init__(
        self,
        reply: Reply,
        findings: Sequence[Violation] = (),
        effects: tuple[Effects, ...] = (),
    ) -> None:
        super().__init__(reply.status)
        self.decision = Decision(reply, effects, tuple(findings))
