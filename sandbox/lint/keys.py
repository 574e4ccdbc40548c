"""Keys: one with different bodies, one for many events, and another for each attempt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from contracts.layout import Layout
from contracts.model import Contract
from sandbox.lint import advice
from sandbox.lint.advice import Level
from sandbox.lint.cause import Cause, Tally
from sandbox.lint.usage import Usage

__all__ = ["MOST", "Keys"]

MOST = 1_000_000
"""Keys that are kept to compare others with."""
CLASHING = 1_000
"""Keys with different bodies that are told apart."""
CONSTANT = 10
"""Bodies under one key, from which on it is no mishap but the same for all."""
MEANS = {
    "ignored": "only the first of them is billed",
    "replaced": "only the last of them is billed",
    "counted": "each of them is billed",
}


class Keys:
    """Compares events by key and key by events; keeps two hashes of 8 bytes for each of `most`."""

    def __init__(self, contract: Contract, layout: Layout, most: int = MOST) -> None:
        self._again = contract.rules[layout.again.rule]
        self._means, self._field = layout.again.means, layout.key
        self._most = most
        self._bodies: dict[int, int] = {}
        self._seen: set[int] = set()
        self._clashes: dict[int, Tally] = {}
        self._others, self._repeated = Tally(), Tally()
        self._missing, self._customers = Tally(), Tally()
        self._uncompared = 0

    def see(self, usage: Usage) -> None:
        key = usage.key
        if key is None or key == "":
            self._missing.add(usage.place())
        elif key == usage.customer:
            self._customers.add(usage.place(self._field))
        elif isinstance(key, str | int | float):
            hashed = hash((key, usage.scope)) if isinstance(usage.scope, str) else hash(key)
            body = _hash(usage)
            before = self._bodies.get(hashed)
            if before is None:
                self._keep(hashed, body, usage)
            elif before != body:
                self._clash(hashed, usage)

    def unjudged(self) -> Iterator[str]:
        """What was not compared, in a sentence."""
        if self._uncompared:
            yield (
                f"{self._uncompared:,} events were not compared by key: "
                f"{self._most:,} keys before them are as many as are kept"
            )

    def causes(self) -> Iterator[Cause]:
        """What the keys seen so far come to."""
        known, means = advice.read(), MEANS[self._means]
        if self._customers.count:
            told = f"the key is the customer's own id: of its events {means}"
            yield self._customers.cause(known["lint.key.constant"], told, self._again)
        yield from self._clashed()
        if self._repeated.count:
            told = "an earlier event is the same in all but its key: both are billed"
            yield self._repeated.cause(known["lint.key.per-attempt"], told, self._again)
        if self._missing.count:
            told = f"there is no {self._field}: sent again, the event counts again"
            yield self._missing.cause(known["lint.key.missing"], told)

    def _keep(self, hashed: int, body: int, usage: Usage) -> None:
        if len(self._bodies) >= self._most:
            self._uncompared += 1
            return
        self._bodies[hashed] = body
        if usage.time is not None and body in self._seen:
            self._repeated.add(usage.place(self._field))
        else:
            self._seen.add(body)

    def _clash(self, hashed: int, usage: Usage) -> None:
        tally = self._clashes.get(hashed)
        if tally is None and len(self._clashes) < CLASHING:
            tally = self._clashes[hashed] = Tally()
        (tally or self._others).add(usage.place(self._field))

    def _clashed(self) -> Iterator[Cause]:
        """Keys that many different events have, apart from those that few have."""
        known, means = advice.read(), MEANS[self._means]
        several, few = _Clashes(), _Clashes()
        for tally in self._clashes.values():
            (several if tally.count >= CONSTANT - 1 else few).add(tally)
        if several.keys:
            told = f"the same key as many different events before ({several.told}): {means}"
            yield several.tally.cause(known["lint.key.constant"], told, self._again)
        if self._others.count:
            few.add(self._others)
            few.more = True
        if few.keys:
            # Where the last one counts, it may be the correction that was meant.
            level: Level | None = "warning" if self._means == "replaced" else None
            told = f"an earlier event with another body has the same key ({few.told}): {means}"
            yield few.tally.cause(known["lint.key.different-body"], told, self._again, level)


@dataclass(slots=True)
class _Clashes:
    """Clashes of several keys together; `more` says that not all keys were told apart."""

    tally: Tally = field(default_factory=Tally)
    keys: int = 0
    more: bool = False

    def add(self, tally: Tally) -> None:
        self.keys += 1
        for place in tally.places:
            self.tally.add(place)
        self.tally.count += tally.count - len(tally.places)

    @property
    def told(self) -> str:
        if self.more:
            return f"over {CLASHING:,} keys"
        return f"{self.keys:,} keys" if self.keys > 1 else "one key"


def _hash(usage: Usage) -> int:
    """Of what is billed by, all but the key: what a retry stamps anew makes no other event."""
    when = usage.time if usage.moment is None else usage.moment
    try:
        # Short, and the same whatever the order of keys is.
        return hash((usage.customer, usage.name, when, _written(usage.fields)))
    except TypeError:
        return hash(_written([usage.customer, usage.name, usage.time, usage.fields]))


def _written(value: Any) -> bytes | str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return repr(value)  # a whole number of more than 64 bits
