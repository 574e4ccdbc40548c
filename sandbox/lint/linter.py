"""Looks at a stream of events and tells, once for each cause, what a biller would regret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from contracts.layout import Layout
from contracts.model import Contract, MeterboxError
from sandbox.lint.advice import Level
from sandbox.lint.cause import Cause
from sandbox.lint.customers import Customers
from sandbox.lint.keys import Keys
from sandbox.lint.metrics import Metrics
from sandbox.lint.properties import Properties
from sandbox.lint.times import Times
from sandbox.lint.usage import Usage, known, reader

__all__ = ["Linter", "NoLayout", "borrowed", "layout"]

LEVELS: Sequence[Level] = ("error", "warning", "note")


class NoLayout(MeterboxError):
    """The contract does not say where its bodies tell what billing goes by."""

    def __init__(self, contract: Contract, endpoint: str) -> None:
        known = sorted({name for found in contract.layouts for name in found.endpoints})
        hint = f" It does for: {', '.join(known)}." if known else ""
        super().__init__(
            f"{contract.title}'s contract does not say where usage stands in bodies of "
            f"{endpoint!r}, so there is nothing to look at.{hint}"
        )


class Watch(Protocol):
    """One kind of thing that is looked for."""

    def see(self, usage: Usage) -> None:
        """Look at an event."""

    def causes(self) -> Iterator[Cause]:
        """What is found by now."""


def layout(contract: Contract, endpoint: str) -> Layout:
    """Where usage stands in an endpoint's bodies. Raises NoLayout."""
    for found in contract.layouts:
        if endpoint in found.endpoints:
            return found
    raise NoLayout(contract, endpoint)


def borrowed(source: Layout, destination: Layout) -> Layout:
    """A source's layout for events that become a destination's: read as the source has them, and
    judged by what the destination makes of keys, times and customers."""
    return replace(
        source,
        again=destination.again,
        oldest=destination.oldest,
        ahead=destination.ahead,
        unknown=destination.unknown,
    )


class Linter:
    """All that is looked for, in bodies of one layout, which is that of `source` where events of a
    source are translated; `settings` are rule switches that are not at their default.

    Memory is bounded: each watch says what it keeps, and `unjudged` what it had no room for.
    """

    def __init__(
        self,
        contract: Contract,
        read_by: Layout,
        now: datetime,
        *,
        source: Contract | None = None,
        customers: Iterable[str] = (),
        needs: Mapping[str, Sequence[str]] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        namings = (source or contract).namings
        self._read = reader(read_by)
        self._customers = Customers(contract, read_by, customers)
        self._namings = [known(one) for one in namings if {*one.endpoints} & {*read_by.endpoints}]
        self._keys = Keys(contract, read_by)
        self._properties = Properties(read_by.numbers)
        self.metrics = Metrics(needs or {})
        times = Times(contract, read_by, now, settings)
        self._watches: list[Watch] = [self._keys, times, self._properties, self._customers]
        if source is None and needs:
            self._watches.append(self.metrics)
        self._sees = [watch.see for watch in self._watches]

    def look(self, body: Any, file: str, line: int, path: str = "$") -> None:
        """Look at the events of a body, which is at this place."""
        for know in self._namings:
            for id in know(body):
                self._customers.know(id)
        for usage in self._read(body, file, line, path):
            for see in self._sees:
                see(usage)

    def know(self, id: str) -> None:
        """This customer is there."""
        self._customers.know(id)

    def causes(self) -> list[Cause]:
        """What was found by now, the worst first."""
        found = [cause for watch in self._watches for cause in watch.causes()]
        if self.metrics not in self._watches:
            found += self.metrics.causes()
        return sorted(found, key=lambda cause: LEVELS.index(cause.level))

    def counts(self) -> Counter[str]:
        """How many causes there are by level."""
        return Counter(cause.level for cause in self.causes())

    def unjudged(self) -> list[str]:
        """What was not looked at, in sentences."""
        watches = (self._keys, self._properties, self._customers)
        return [told for watch in watches for told in watch.unjudged()]
